/* SPDX-License-Identifier: Apache-2.0
 *
 * hob.h: the public C API of hob, grouped from simple to expert.
 *
 *   1. Errors
 *   2. Models       plan, open, describe, close
 *   3. Text         tokenize, detokenize, render a chat
 *   4. Sessions     submit requests, step, read events, cancel
 *
 * Every function that can fail takes a `struct hob_error *`, returns false, NULL or a negative value,
 * and fills it; it may be NULL. The library never prints, exits, aborts or raises a signal because of input.
 * Unless a function says otherwise, an object may be used by one thread at a time.
 */
#ifndef HOB_H
#define HOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOB_VERSION "0.1.0"

#if defined(__GNUC__)
#define HOB_API               __attribute__((visibility("default")))
#define HOB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define HOB_API
#define HOB_PRINTF(fmt, args)
#endif

/* ---- 1. Errors ------------------------------------------------------------------------------------ */

/* What kind of failure; the numbers are the exit codes of the program. */
enum hob_status {
    HOB_OK = 0,
    HOB_USAGE = 2,        /* the caller asked for something that does not exist or is out of range */
    HOB_FORMAT = 3,       /* a file, template or request is malformed or of an unsupported kind */
    HOB_NOT_FOUND = 4,    /* a file, model or tensor is not there */
    HOB_LIMIT = 5,        /* a limit or the memory is exceeded */
    HOB_REFUSED = 6,      /* refused by policy */
    HOB_DISK = 7,         /* reading or writing failed */
    HOB_INTEGRITY = 8,    /* bytes are not what they should be */
    HOB_INTERRUPTED = 130 /* cancelled by the user */
};

/* One failure: its kind and one line that names the object, what was expected and what was found. */
struct hob_error {
    enum hob_status status;
    char text[480];
};

/* ---- 2. Models ------------------------------------------------------------------------------------ */

/* A model: what its file or folder says, its tokenizer and its chat template; weights are read by the first session.
 * Any number of threads may call the functions of section 3 on one model, and drive sessions on it, at the same time;
 * it is closed after its last session. */
struct hob_model;

/* What running a model takes, in bytes and tokens. */
struct hob_plan {
    size_t ctx;                 /* tokens of context a sequence gets */
    size_t ctx_wanted;          /* what was asked for, or what the model has; larger than ctx where memory is short */
    size_t batch;               /* rows of one step */
    unsigned parallel, threads; /* sequences in flight; worker threads */
    uint64_t weight_bytes;
    uint64_t cache_bytes;       /* when all sequences have filled their context */
    uint64_t cache_bytes_token; /* for each token of context */
    uint64_t work_bytes;
    uint64_t available_bytes; /* memory this machine, this process's control groups and its ulimit leave */
};

/* The version of the library, HOB_VERSION when it was built. Lives for ever. Any thread. */
HOB_API const char *hob_version(void);

/* Plans a session before anything is loaded. `path` is a .gguf file or a Hugging Face folder; `options` a JSON object
 * as for hob_session_new(), or NULL. HOB_NOT_FOUND, HOB_FORMAT, HOB_USAGE, and HOB_LIMIT when not even the smallest
 * context fits. Any thread. */
HOB_API bool hob_plan(const char *path, const char *options, struct hob_plan *plan, struct hob_error *err);

/* Opens a model and checks what its file says. The caller owns it: hob_close(). NULL with HOB_NOT_FOUND, HOB_FORMAT or
 * HOB_DISK. Any thread. */
HOB_API struct hob_model *hob_open(const char *path, struct hob_error *err);

/* What the file says of the model, as JSON text: {"name", "architecture", "license", "vocabulary", "context",
 * "chat_template"}; what it does not say is absent. Lives as long as the model. Any thread. */
HOB_API const char *hob_describe(const struct hob_model *model);

/* Frees a model (NULL is fine). Its sessions are freed before. */
HOB_API void hob_close(struct hob_model *model);

/* ---- 3. Text --------------------------------------------------------------------------------------- */

/* How text becomes tokens and back, as bits. */
enum hob_text_flags {
    HOB_TEXT_SPECIAL = 1, /* text may name special tokens, and special tokens become text */
    HOB_TEXT_BOS = 2      /* with the tokens that the model wants around a text */
};

/* The tokens of `size` bytes of text. Sets *tokens to [*n] ids, which the caller frees with hob_free(). HOB_FORMAT when
 * the model has no tokenizer, or its vocabulary no token for a byte of the text. Any thread. */
HOB_API bool hob_tokenize(const struct hob_model *model, const char *text, size_t size, unsigned flags,
                          int32_t **tokens, size_t *n, struct hob_error *err);

/* The text of `n` tokens. Sets *text to *size bytes and a NUL after them, which the caller frees with hob_free(); the
 * bytes need not be UTF-8. HOB_USAGE for an id out of range. Any thread. */
HOB_API bool hob_detokenize(const struct hob_model *model, const int32_t *tokens, size_t n, unsigned flags, char **text,
                            size_t *size, struct hob_error *err);

/* The prompt that the model's chat template makes of a request with "messages" (section 4), byte for byte. Sets *text
 * to *size bytes and a NUL after them, which the caller frees with hob_free(). HOB_NOT_FOUND when the model has no chat
 * template; HOB_FORMAT with the template's own words when it refuses the messages. Any thread. */
HOB_API bool hob_render(const struct hob_model *model, const char *request, char **text, size_t *size,
                        struct hob_error *err);

/* Frees what functions of this section gave (NULL is fine). Any thread. */
HOB_API void hob_free(void *ptr);

/* ---- 4. Sessions ----------------------------------------------------------------------------------- */

/* A session runs requests on a model, many at a time. A reply depends on nothing but its request, the model and the
 * session's options "kv", "precise" and "ctx". One thread at a time drives a session and uses its requests; only
 * hob_cancel() may come from others. */
struct hob_session;

/* A request in flight, and then its reply. It belongs to its session, and is freed with it at the latest. */
struct hob_request;

enum hob_event_kind {
    HOB_EVENT_PREFILL,        /* done of total tokens of the prompt were read */
    HOB_EVENT_THINKING,       /* more text of the thinking part */
    HOB_EVENT_TEXT,           /* more text of the answer */
    HOB_EVENT_CALL_BEGIN,     /* the model calls the tool whose name is text */
    HOB_EVENT_CALL_ARGUMENTS, /* more of the arguments' JSON */
    HOB_EVENT_CALL_END,       /* done is 1: the call is whole; 0: it was cut, or was none and comes as text again */
    HOB_EVENT_END             /* the reply is whole: hob_reply() */
};

/* What happened in a step. */
struct hob_event {
    enum hob_event_kind kind;
    struct hob_request *request;
    void *user;       /* what hob_submit() was given */
    const char *text; /* size bytes and a NUL: whole characters */
    size_t size;
    size_t done, total; /* of HOB_EVENT_PREFILL; done of HOB_EVENT_CALL_END */
};

/* Told the bytes done while weights are read, from any thread of the library; false ends it with HOB_INTERRUPTED. */
typedef bool hob_progress_fn(void *user, uint64_t done, uint64_t total);

/* A session on `model`, which is borrowed; reads the weights if no session did before. `options` is a JSON object, or
 * NULL: the options of the command line by their names with _ for -, those of how a model is run ("threads", "ctx",
 * "batch", "parallel", "kv", "isa", "precise", "template") and defaults for requests ("temp", "max_tokens", ...).
 * `progress` may be NULL. The caller owns the session: hob_session_free(). HOB_USAGE names an option that is wrong,
 * HOB_LIMIT what does not fit. Of all calls on one model, one hob_session_new() at a time. */
HOB_API struct hob_session *hob_session_new(struct hob_model *model, const char *options, hob_progress_fn *progress,
                                            void *user, struct hob_error *err);

/* What the session took. */
HOB_API void hob_session_plan(const struct hob_session *session, struct hob_plan *plan);

/* Frees a session and its requests, also those in flight (NULL is fine). */
HOB_API void hob_session_free(struct hob_session *session);

/* Queues a request: a JSON object, the same as a line of `hob batch`, with one of "prompt" (raw text), "messages" (an
 * array, put through the chat template) and "tokens" (ids), and any option of sampling or of the end of a reply. The
 * text is not kept. NULL with HOB_USAGE or HOB_FORMAT for a request that is wrong, HOB_LIMIT with both numbers for a
 * prompt that is longer than the context. */
HOB_API struct hob_request *hob_submit(struct hob_session *session, const char *request, void *user,
                                       struct hob_error *err);

/* Runs one step of all requests in flight and sets *events to what happened, [*n], which is borrowed until the next
 * call on the session. Returns false when there is nothing left to do. A step takes as long as one pass through the
 * model. */
HOB_API bool hob_step(struct hob_session *session, const struct hob_event **events, size_t *n);

/* Asks a request to end; its HOB_EVENT_END comes within one step. From any thread, until it is freed. */
HOB_API void hob_cancel(struct hob_request *request);

/* After HOB_EVENT_END: the whole reply as JSON text, with its receipt, as `hob generate --json` prints it, which lives
 * as long as the request. NULL with the error that ended the reply. */
HOB_API const char *hob_reply(struct hob_request *request, struct hob_error *err);

/* Frees a request, also one in flight (NULL is fine). */
HOB_API void hob_request_free(struct hob_request *request);

#ifdef __cplusplus
}
#endif
#endif
