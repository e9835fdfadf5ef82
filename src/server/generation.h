/* SPDX-License-Identifier: Apache-2.0
 *
 * A request for text on its way: from a dialect's JSON to a request of chat/, to replies, and back into the dialect.
 *
 *   start     the dialect's fields become generation->request          a handler's thread
 *   prepare   prompts are rendered and tokenized; the model is loaded   a handler's thread
 *   queue     waits for a place                                         the resident's
 *   events    the dialect writes                                        the resident's thread
 */
#ifndef HOB_SERVER_GENERATION_H
#define HOB_SERVER_GENERATION_H

#include "chat/persona.h"
#include "server/exchange.h"
#include "store/library.h"

struct field;
struct resident;

/* One of the replies to a request. */
struct answer {
    struct generation *generation;
    struct reply *reply;
    size_t index;
    /* The call that has begun, and whether the dialect was told of it. */
    struct buf name, arguments;
    char call_id[48];
    bool told;
    size_t n_calls;      /* calls that the dialect was told of */
    size_t n_thinking;   /* tokens of the thinking part */
    size_t n_told;       /* ids that were written */
    size_t n_logged;     /* log probabilities that were written */
    size_t n_characters; /* of the tokens of those */
    /* For dialects: the part that a stream is in, and how many there were. */
    bool open[3];
    size_t n_parts;
    struct buf part; /* its text */
    char part_id[48];
    json_t *logged; /* its log probabilities, or NULL */
};

/* How one API speaks. A row of functions; any may be NULL where it says so. */
struct dialect {
    const char *name;
    const char *stream_type; /* Content-Type of a stream */
    const char *ping;        /* what keeps a silent stream alive; NULL: nothing can */
    /* Wraps a message for a stream: SSE or a line. `event` is its type, for those who send it. */
    void (*frame)(struct exchange *exchange, const char *event, struct str json);
    /* The body of an error. */
    json_t *(*error)(unsigned status, const char *param, const struct hob_error *err);
    const char *call_prefix; /* of the ids of calls */
    /* All below are of dialects that generate. */
    const struct field *const *fields; /* tables of its members (fields.h) */
    enum option_dialect options;
    bool (*finish)(struct generation *generation, struct hob_error *err); /* after the fields; or NULL */
    void (*act)(struct generation *generation); /* answers, without a model in memory; or NULL */
    bool (*prepare)(struct generation *generation, struct hob_error *err); /* makes the answers' replies, where they are
                                                                              no texts; or NULL */
    void (*ended)(struct answer *answer);                                  /* an answer is whole; or NULL */
    void (*begin)(struct generation *generation);                          /* of a stream; or NULL */
    /* An event of a stream. Of a call, name, arguments so far and id lie in the answer, and its number is n_calls; it
     * is told as it comes where it cannot turn out to be none, else when it is whole. */
    void (*event)(struct answer *answer, const struct chat_event *event);
    void (*end)(struct generation *generation); /* all answers are whole */
};

/* A request on its way. */
struct generation {
    struct exchange *exchange; /* held */
    const struct dialect *dialect;
    struct resident *resident;
    struct generation *next, *next_running; /* in lists of the resident's */
    atomic_bool cancelled;
    struct arena arena; /* what the request needs kept */
    struct library_entry entry;
    struct persona persona;
    char model[256]; /* as the client wrote it */
    json_t *settings;
    json_t *request;           /* chat/'s */
    json_t *extra;             /* what the dialect keeps for itself: an object */
    const char *param;         /* the member at fault, in an error; borrowed from exchange->json */
    size_t n_prompts;          /* of which each has as many answers */
    size_t n;                  /* answers */
    size_t n_started, n_ended; /* of them */
    size_t n_relaxed;          /* times that tools were relaxed (tools.h) */
    struct answer *answers;
    bool return_ids; /* the answer tells the ids of its tokens */
    bool stream, include_usage, receipt, wants_logprobs, raw, echo, special, bos, verbose, no_store, think_softened;
    const char *think_name; /* the member that asked for thinking; NULL: none did */
    bool load_only;         /* no prompt: the model is loaded, or with keep_alive 0 unloaded */
    bool count_only;        /* the prompt is made, and no reply */
    bool has_keep_alive;
    double keep_alive_s; /* the server's, where the request has none */
    int64_t created_s;
    char id[48];                                   /* of the answer */
    double start_ms, load_ms, queued_ms, begun_ms; /* clock_ms(), and how long loading took */
};

/* Handles a POST for text: exchange->route's dialect does the translating. */
void generation_handle(struct exchange *exchange);

/* Reads an exchange's body by its dialect. The caller owns the generation; NULL after an answer. */
struct generation *generation_read(struct exchange *exchange);

/* Finds the entry of the model that the request names; and checks its file and reads its settings. */
bool generation_find_entry(struct generation *generation, struct hob_error *err);
bool generation_find_model(struct generation *generation, struct hob_error *err);

/* Goes on once the model is there: prepares and queues. On a handler's thread. */
void generation_continue(struct exchange *exchange);

/* Fails it: answers, and frees it. */
void generation_fail(struct generation *generation, unsigned status, const struct hob_error *err);

/* Writes what happened. In the resident's thread. */
void generation_event(struct generation *generation, const struct chat_event *event);

/* All answers have ended: writes the rest, and frees it. In the resident's thread. */
void generation_end(struct generation *generation);

/* Its client is gone. Any thread, under the exchange's lock. */
void generation_cancel(struct generation *generation);

/* Frees it and its replies. */
void generation_free(struct generation *generation);

/* Reads an exchange's body as a JSON object into exchange->json; an empty body is {} with `may_be_empty`. False after
 * an answer. */
bool body_read(struct exchange *exchange, bool may_be_empty);

/* Token counts: of the prompt, generated by all answers, and of the prompt from the cache; of the generated ones
 * those of thinking parts. */
struct usage {
    size_t prompt, generated, cached, thinking;
};

/* Counts them. */
struct usage generation_usage(const struct generation *generation);

/* The log probabilities of tokens since the last call, [{"token", "logprob", "bytes", "top_logprobs"}], as OpenAI and
 * Ollama have them. The caller owns the reference. */
json_t *answer_logprobs(struct answer *answer);

/* Takes an event of a call, and tells the dialect what is certain. */
void answer_call(struct answer *answer, const struct chat_event *event);

/* The id of a call of a whole reply: the model's own, or a new one. */
void answer_call_id(const struct answer *answer, const json_t *call, char out[48]);

/* The text of its arguments. The caller owns it. */
json_t *answer_call_arguments(const json_t *call);

/* A random identifier with a prefix into `out`. */
void make_id(const char *prefix, char *out, size_t size);

/* The dialects. */
extern const struct dialect ollama_show_dialect, ollama_copy_dialect, ollama_delete_dialect, ollama_create_dialect,
    ollama_pull_dialect, hob_dialect, ollama_chat_dialect, ollama_generate_dialect, openai_chat_dialect,
    openai_completions_dialect, openai_responses_dialect, anthropic_dialect;

#endif
