/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of the template language, and its strings, which remember for each byte whether it is untrusted.
 *
 *   text      ptr  -> | h | e | l | l | o |     bytes, borrowed from the template, the input or an arena
 *             marks-> | 0 | 0 | 1 | 1 | 1 |     one a byte: 1 came from a message; NULL: all bytes are `untrusted`
 *
 * A text is never changed once it is made; slices share bytes and marks with what they were cut from.
 */
#ifndef HOB_TEXT_JINJA_VALUE_H
#define HOB_TEXT_JINJA_VALUE_H

#include "base/str.h"

struct jinja;
struct node;
struct scope;
struct text_builder;
struct builtin;
struct call;

/* A string. */
struct text {
    const char *ptr;
    size_t len;
    const uint8_t *marks;      /* [len] or NULL: uniform */
    struct text_builder *tail; /* where this text can grow in place when it is still the last in there, or NULL */
    size_t n_chars;            /* code points, or SIZE_MAX: not counted yet */
    bool untrusted;            /* of all bytes, where `marks` is NULL */
    bool markup;               /* Python's Markup: `safe` and `escape` make it, `+` escapes what is added to it */
};

enum value_kind {
    VALUE_ABSENT, /* an argument or variable that was not given; no expression yields it */
    VALUE_UNDEFINED,
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_TUPLE, /* `flavor` TUPLE_GROUP: of groupby, its items are also .grouper and .list */
    VALUE_DICT,
    VALUE_VIEW,     /* of a dict: keys(), values() or items(), by `flavor` */
    VALUE_ITERATOR, /* what `map`, `select`, `reverse` ... give: can be walked once */
    VALUE_RANGE,
    VALUE_NAMESPACE,
    VALUE_MACRO,
    VALUE_LOOP,
    VALUE_FUNCTION,
    VALUE_METHOD,
    VALUE_CYCLER,
    VALUE_JOINER
};

/* Why an undefined value is one, for its message. */
enum undefined_flavor {
    UNDEFINED_NAME,      /* a variable that was not given; `key` */
    UNDEFINED_ATTRIBUTE, /* an attribute or item that is not there; `key`, `of` */
    UNDEFINED_UNSAFE,    /* an attribute that is not for templates; `key`, `of` */
    UNDEFINED_HINT       /* `key` is the whole message */
};

enum { TUPLE_GROUP = 1 };
enum view_flavor { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS };

struct list;
struct dict;
struct iterator;
struct range;
struct macro;
struct loop;
struct method;
struct cycler;

/* A value: 16 bytes, copied freely; what it points to lives as long as the rendering. */
struct value {
    uint8_t kind;   /* enum value_kind */
    uint8_t flavor; /* of undefined values, views and tuples */
    uint8_t of;     /* of undefined attributes: the kind of the object */
    union {
        bool boolean;
        int64_t integer;
        double real;
        const struct text *text; /* of strings, and the key of undefined values */
        struct list *list;       /* of lists and tuples */
        struct dict *dict;       /* of dicts, views and namespaces */
        struct iterator *iterator;
        struct range *range;
        struct macro *macro;
        struct loop *loop;
        const struct builtin *function;
        struct method *method;
        struct cycler *cycler; /* also of joiners */
    } as;
};

/* A list or tuple. Immutable once another value can see it. */
struct list {
    struct value *items;
    size_t n, cap;
};

struct dict_entry {
    struct value key, value;
};

/* A dict in insertion order; `index` (open addressing, entry + 1) exists from a few entries on. */
struct dict {
    struct dict_entry *entries;
    size_t n, cap;
    uint32_t *index;
    size_t n_index; /* a power of two, or 0 */
};

/* Values that are walked once. */
struct iterator {
    struct list *list; /* NULL: still to be made by `call` */
    size_t at;
    const struct call *call;
};

/* start, start + step, ... of `n` numbers. */
struct range {
    int64_t start, stop, step;
    size_t n;
};

/* A macro, or the body of a call block, with the scope it was written in. */
struct macro {
    const struct node *node;
    struct scope *scope;
    const struct text *name; /* or NULL */
};

/* A method with the value it was taken from. */
struct method {
    const struct builtin *row;
    struct value self;
};

/* cycler(...) and joiner(...). */
struct cycler {
    struct list *items; /* of a joiner: the separator */
    size_t at;
};

/* Constructors. */
static inline struct value value_none(void)
{
    return (struct value){.kind = VALUE_NONE};
}

/* A bool. */
static inline struct value value_bool(bool b)
{
    return (struct value){.kind = VALUE_BOOL, .as.boolean = b};
}

/* An integer. */
static inline struct value value_int(int64_t i)
{
    return (struct value){.kind = VALUE_INT, .as.integer = i};
}

/* A float. */
static inline struct value value_float(double f)
{
    return (struct value){.kind = VALUE_FLOAT, .as.real = f};
}

/* A string. */
static inline struct value value_text(const struct text *text)
{
    return (struct value){.kind = VALUE_STRING, .as.text = text};
}

/* The bytes of a text. */
static inline struct str text_str(const struct text *text)
{
    return (struct str){text->ptr, text->len};
}

/* Whether it counts as a number: bools do, as in Python. */
static inline bool value_is_number(struct value v)
{
    return v.kind == VALUE_BOOL || v.kind == VALUE_INT || v.kind == VALUE_FLOAT;
}

/* The integer of a bool or int; other kinds must not be asked. */
static inline int64_t value_integer(struct value v)
{
    return v.kind == VALUE_BOOL ? v.as.boolean : v.as.integer;
}

/* ---- Texts (jinja/text.c). Functions that take `j` allocate there; NULL or false after reporting an error. ---- */

/* A text of borrowed bytes of one origin. */
struct text *text_borrow(struct jinja *j, struct str bytes, bool untrusted);

/* A trusted text of copied bytes. */
struct text *text_copy(struct jinja *j, struct str bytes);

/* Bytes [start, end) of a text, shared with it. */
const struct text *text_slice(struct jinja *j, const struct text *text, size_t start, size_t end);

/* a then b; shares the bytes of `a` where they can grow in place. */
const struct text *text_concat(struct jinja *j, const struct text *a, const struct text *b);

/* The number of code points. */
size_t text_chars(const struct text *text);

/* The byte offset of code point `index`, or `len` past the end. */
size_t text_offset(const struct text *text, size_t index);

/* Whether byte `at` came from a message. */
static inline bool text_mark(const struct text *text, size_t at)
{
    return text->marks ? text->marks[at] : text->untrusted;
}

/* Something that texts are put together in. Zero-initialised is empty; its memory belongs to the rendering. */
struct text_builder {
    char *bytes;
    uint8_t *marks; /* NULL while all bytes are of one origin */
    size_t len, cap, limit;
    bool untrusted;
};

/* Appends a text, bytes [start, end) of one, or bytes of one origin. */
bool builder_text(struct jinja *j, struct text_builder *builder, const struct text *text);
bool builder_slice(struct jinja *j, struct text_builder *builder, const struct text *text, size_t start, size_t end);
bool builder_bytes(struct jinja *j, struct text_builder *builder, struct str bytes, bool untrusted);

/* Appends `count` times the same code point. */
bool builder_fill(struct jinja *j, struct text_builder *builder, uint32_t code, size_t count, bool untrusted);

/* Appends one code point. */
bool builder_code(struct jinja *j, struct text_builder *builder, uint32_t code, bool untrusted);

/* Appends `prefix`, then a number as `digits` hexadecimal digits. */
bool builder_hex(struct jinja *j, struct text_builder *builder, const char *prefix, uint32_t number, unsigned digits,
                 bool untrusted);

/* The text that was built; the builder must not be used afterwards. */
const struct text *builder_take(struct jinja *j, struct text_builder *builder);

/* ---- Values (jinja/value.c) ---- */

/* The Python name of a kind's type. */
const char *kind_name(enum value_kind kind);

/* Python's truth. */
bool value_truth(struct value v);

/* Whether a == b, in `*equal`; false after an error (too deep). */
bool value_equal(struct jinja *j, struct value a, struct value b, bool *equal);

/* a < b in `*less`; false after an error: kinds that have no order. */
bool value_less(struct jinja *j, struct value a, struct value b, bool *less);

/* Whether `needle in haystack`. */
bool value_contains(struct jinja *j, struct value haystack, struct value needle, bool *found);

/* Python's str(). */
const struct text *value_str(struct jinja *j, struct value v);

/* Appends Python's str() or repr(). */
bool value_write(struct jinja *j, struct text_builder *out, struct value v, bool repr);

/* The number of items as len() has it; false without an error set when the kind has no length. */
bool value_length(struct value v, size_t *n);

/* All items of an iterable, not to be changed: a list or tuple gives its own. NULL after "not iterable". */
struct list *value_list(struct jinja *j, struct value v);

/* The items of an iterator, from its beginning; made now if they are not yet. NULL after an error. */
struct list *iterator_list(struct jinja *j, struct iterator *iterator);

/* Item `i` < n of a list, tuple, range or string (its code point). */
bool value_item(struct jinja *j, struct value v, size_t i, struct value *out);

/* Whether walking it is possible. */
bool value_iterable(struct value v);

/* An empty list with room for `cap`; NULL after an error. */
struct list *list_new(struct jinja *j, size_t cap);

/* Appends; false after an error. */
bool list_add(struct jinja *j, struct list *list, struct value v);

/* An empty dict with room for `cap`; NULL after an error. */
struct dict *dict_new(struct jinja *j, size_t cap);

/* Sets or replaces a key; false after "unhashable". */
bool dict_set(struct jinja *j, struct dict *dict, struct value key, struct value v);

/* The value of a key in `*out`, kind VALUE_ABSENT when it is not there; false after "unhashable". */
bool dict_get(struct jinja *j, const struct dict *dict, struct value key, struct value *out);

/* The value of a string key, or NULL. */
const struct value *dict_find(const struct dict *dict, struct str key);

/* An undefined value. */
struct value value_undefined(enum undefined_flavor flavor, const struct text *key, enum value_kind of);

/* ---- Numbers (jinja/number.c) ---- */

/* Python's repr of a float into `out`; returns its length. */
size_t float_repr(double f, char out[40]);

/* The decimal digits of an integer into `out`. */
void integer_repr(int64_t i, char out[40]);

/* What finding the digits of a float costs, in steps. */
enum { FLOAT_COST = 50 };

/* Python's int() and float() of a text; false when it is not a number (no error set). `big` (may be NULL) tells that it
 * is one that does not fit. */
bool number_parse_int(struct str s, int base, int64_t *out, bool *big);
bool number_parse_float(struct str s, double *out);

enum arithmetic { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_FLOORDIV, OP_MOD, OP_POW };

/* a op b for numbers; false after an error. */
bool number_apply(struct jinja *j, enum arithmetic op, struct value a, struct value b, struct value *out);

/* Python's order of two numbers: -1, 0, 1, or 2 where one is not a number (NaN). */
int number_compare(struct value a, struct value b);

#endif
