/* SPDX-License-Identifier: Apache-2.0
 *
 * What a reply format is made of, and what its file reads calls with. Include it in format files and the parser alone.
 *
 *   bytes ──> free text ── a mark ──> thinking, dropped, or a call:
 *                 ^                                 step() reads it, stage after stage
 *                 └───── done, or broken: the call's bytes are text after all ─────┘
 *
 * The parser hands bytes on one by one, so a step sees each prefix of what comes, and any split of a reply gives the
 * same events. A step looks at what was not read yet with the reply_read_ functions and remembers where it is in
 * `parser->stage`.
 */
#ifndef HOB_TEXT_REPLY_FORMAT_H
#define HOB_TEXT_REPLY_FORMAT_H

#include "text/reply/grammar.h"
#include "text/reply/json.h"
#include "text/reply/parser.h"
#include "text/reply/value.h"

enum { REPLY_MARKS = 8, REPLY_SIGNS = 4 };

/* What a step or a reading function found. */
enum reply_read {
    REPLY_MORE,  /* more bytes must come first */
    REPLY_YES,   /* read; go on */
    REPLY_NO,    /* something else stands there. A step: no call */
    REPLY_LEAVE, /* a step: the calls have ended, what was not read is text */
};

struct reply_format {
    const char *name;
    const char *signs[REPLY_SIGNS];       /* a template of this format holds all of these texts */
    const char *think_open, *think_close; /* NULL: no thinking. It counts if the template knows one of them */
    bool think_anywhere;                  /* the opening mark is a token of its own, not only a reply's beginning */
    const char *triggers[REPLY_MARKS];    /* what starts calls; the number of the one that did is `trigger` */
    const char *dropped[REPLY_MARKS];     /* marks around text that mean nothing to the reader */
    const char *around[2];                /* marks that may stand around the answer */
    const char *tokens[REPLY_MARKS * 2];  /* other texts of its markup that may be control tokens */
    bool bare;                            /* the last trigger is the first byte of the call itself */
    bool whole; /* step() reads all of the reply, from the end of the last think_open in the prompt on */
    /* Reads on in a call. */
    enum reply_read (*step)(struct reply_parser *parser);
    /* What follows trigger number `trigger` in a call of one of the tools; with `whole`, all of a reply, with no tools
     * too. */
    uint32_t (*grammar)(struct reply_grammar *g, unsigned trigger);
    /* Adds the regular expression of what starts a bare call of one of the tools, from its first byte on. */
    void (*bare_look)(const struct reply_grammar *g, struct buf *pattern);
    /* The reply ended within step()'s bytes; NULL: a call that began is cut, all else is text. */
    void (*finish)(struct reply_parser *parser);
};

/* Where a list of calls in JSON is. */
struct reply_list {
    uint8_t state;
    bool brackets;  /* within [ ] */
    unsigned depth; /* of objects around: {"function": {...}} */
    uint8_t key;    /* what the value at hand is */
    bool begun_value;
    bool has_arguments;
    struct reply_json scan;
    unsigned n; /* calls that were read */
};

struct reply_parser {
    const struct reply_format *format;
    json_t *tools;
    bool thinks, no_bare;

    /* Free text. */
    enum { REPLY_IN_TEXT, REPLY_IN_THINKING, REPLY_IN_CALL } mode;
    struct buf held;  /* the start of what may be a mark */
    struct buf todo;  /* bytes to be taken again, last first */
    struct buf kept;  /* white space before the call at hand, for when it is none */
    struct buf space; /* white space that is text only if text follows */
    bool has_text;    /* text was told */
    bool kept_mark;   /* after_mark as it was then */
    bool after_mark;  /* nothing but white space came since the last markup */
    bool has_thought; /* the thinking part has ended */
    bool has_calls;   /* there was a call */
    bool fresh;       /* nothing but white space came since the thinking part was opened */

    /* A call. */
    unsigned trigger, stage;
    struct buf raw; /* its bytes, since its trigger or since the last call ended */
    size_t at;      /* what of them was read */
    size_t seen;    /* what of them reply_read_until() looked over */
    struct buf name, id, key, value;
    struct buf pending; /* arguments that came before the name */
    struct reply_json scan;
    struct reply_list list;
    uint8_t arguments; /* where reply_read_arguments() is */
    unsigned types;    /* of the argument at hand */
    unsigned n_arguments, n_calls;
    bool thinking;      /* step() reads whole replies, and the part at hand is thinking */
    unsigned nesting;   /* of brackets in the literal at hand */
    char quote;         /* of the string in it, or 0 */
    bool escaped;       /* a backslash came in that string */
    bool began;         /* the call was told */
    bool has_arguments; /* and bytes of its arguments */
    bool complete;      /* and all of them */
    bool in_string;     /* the argument at hand is told as it comes */
    bool closing;       /* all calls were told, a closing mark may come */
    bool only_tools;    /* nothing but the names of tools tells the call from text */

    /* What was not told yet. */
    enum reply_event_kind out_kind;
    struct buf out;
    reply_event_fn *on_event;
    void *user;
    bool failed;
};

/* ---- reading, for step() ---- */

/* What was not read. */
struct str reply_unread(const struct reply_parser *parser);

/* Skips white space. REPLY_YES when something else stands there. */
enum reply_read reply_read_space(struct reply_parser *parser);

/* Forgets what was read. */
void reply_forget_read(struct reply_parser *parser);

/* Reads exactly this text. */
enum reply_read reply_read_text(struct reply_parser *parser, const char *text);

/* Reads up to the first of the marks (ends with NULL) and past it: *before is what came before, borrowed until the next
 * byte, *which the mark's number. REPLY_NO past `max` bytes. */
enum reply_read reply_read_until(struct reply_parser *parser, const char *const *marks, size_t max, struct str *before,
                                 unsigned *which);

/* Reads up to the first of the marks and past it; hands what comes before to `take` as soon as it is certain. */
enum reply_read reply_read_stream(struct reply_parser *parser, const char *const *marks,
                                  void (*take)(struct reply_parser *parser, struct str bytes), unsigned *which);

/* Reads white space and stray closing brackets and then, where they stand there, the marks. Always REPLY_LEAVE in the
 * end: what stands there else is text. */
enum reply_read reply_read_close(struct reply_parser *parser, const char *const *marks);

/* Reads the arguments, a JSON object, a string that holds one, or null, and hands them on. */
enum reply_read reply_read_arguments(struct reply_parser *parser);

/* Reads one call {"name": ..., "arguments": {...}} or a list of them in brackets, under any of the names that families
 * give these keys, and tells the calls. */
enum reply_read reply_read_calls(struct reply_parser *parser);

/* ---- telling ---- */

/* Bytes of the text or of the thinking part, as they stand. */
void reply_tell(struct reply_parser *parser, enum reply_event_kind kind, struct str bytes);

/* A mark was read: white space around it is no text. */
void reply_tell_mark(struct reply_parser *parser);

/* The call whose name is in parser->name begins. REPLY_NO when that can be no name, else REPLY_YES. */
enum reply_read reply_call_begin(struct reply_parser *parser);

/* Bytes of its arguments' JSON. */
void reply_call_arguments(struct reply_parser *parser, struct str json);

/* It is whole; what was read is forgotten. */
void reply_call_end(struct reply_parser *parser);

/* It is none: all its bytes are text. What a step that reads whole replies does instead of returning REPLY_NO. */
void reply_call_broken(struct reply_parser *parser);

/* ---- arguments that are named one by one ---- */

/* Begins the argument `key`: of the type that the tool's schema says, or a string whatever it says. */
void reply_argument_begin(struct reply_parser *parser, struct str key);
void reply_argument_begin_text(struct reply_parser *parser, struct str key);

/* Bytes of its value as plain text. */
void reply_argument_add(struct reply_parser *parser, struct str bytes);

/* Its value has ended. */
void reply_argument_end(struct reply_parser *parser);

/* Begins an argument whose value is written as Python or JSON has it, for reply_read_literal(). */
void reply_argument_begin_literal(struct reply_parser *parser, struct str key);

/* Reads that value up to one of the bytes `ends` that stands outside of it, which stays unread, and tells it. REPLY_NO
 * when it is none. */
enum reply_read reply_read_literal(struct reply_parser *parser, const char *ends);

/* Ends the arguments. */
void reply_arguments_end(struct reply_parser *parser);

#endif
