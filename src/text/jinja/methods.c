/* SPDX-License-Identifier: Apache-2.0
 *
 * Methods of strings, lists, dicts and the other kinds. A row a method; the parameters are Python's, most of
 * them positional only.
 */
#include "text/jinja/strings.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool give_text(const struct text *text, struct value *out)
{
    *out = value_text(text);
    return text != NULL;
}

static bool give_list(struct list *list, enum value_kind kind, struct value *out)
{
    *out = (struct value){.kind = (uint8_t)kind, .as.list = list};
    return list != NULL;
}

/* An argument that may be None: the same as left out. */
static bool optional_text(struct jinja *j, const struct call *call, size_t i, const struct text **out)
{
    return call->args[i].kind == VALUE_NONE || call_text(j, call, i, out);
}

/* ---- Strings ---- */

static bool str_strip(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *chars = NULL;
    return optional_text(j, call, 0, &chars) &&
           give_text(string_strip(j, call->self.as.text, chars, call->row->detail), out);
}

static bool str_case(struct jinja *j, const struct call *call, struct value *out)
{
    return give_text(string_map(j, call->self.as.text, (enum char_case)call->row->detail), out);
}

static bool str_capitalize(struct jinja *j, const struct call *call, struct value *out)
{
    return give_text(string_capitalize(j, call->self.as.text), out);
}

static bool str_title(struct jinja *j, const struct call *call, struct value *out)
{
    return give_text(string_title(j, call->self.as.text), out);
}

static bool str_swapcase(struct jinja *j, const struct call *call, struct value *out)
{
    return give_text(string_swapcase(j, call->self.as.text), out);
}

static bool str_split(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *separator = NULL;
    int64_t limit;
    if (!optional_text(j, call, 0, &separator) || !call_int(j, call, 1, -1, &limit))
        return false;
    return give_list(string_split(j, call->self.as.text, separator, limit, call->row->detail), VALUE_LIST, out);
}

static bool str_splitlines(struct jinja *j, const struct call *call, struct value *out)
{
    int64_t keep;
    return call_int(j, call, 0, 0, &keep) && give_list(string_lines(j, call->self.as.text, keep != 0), VALUE_LIST, out);
}

static bool str_join(struct jinja *j, const struct call *call, struct value *out)
{
    struct list *items = value_list(j, call->args[0]);
    const struct text *text = items ? string_join(j, call->self.as.text, items, false) : NULL;
    return give_text(text, out);
}

static bool str_replace(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *old = NULL, *new = NULL;
    int64_t count;
    return call_text(j, call, 0, &old) && call_text(j, call, 1, &new) && call_int(j, call, 2, -1, &count) &&
           give_text(string_replace(j, call->self.as.text, old, new, count), out);
}

static bool has_affix(struct str s, struct str affix, bool end)
{
    return end ? str_ends(s, affix) : str_starts(s, affix);
}

/* startswith and endswith: one string or a tuple of them, within characters [start, end). */
static bool str_affix(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = call->self.as.text;
    struct byte_range range;
    if (!string_range(j, text, call->args[1], call->args[2], &range))
        return false;
    struct value affixes = call->args[0];
    size_t n = affixes.kind == VALUE_TUPLE ? affixes.as.list->n : 1;
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        struct value affix = affixes.kind == VALUE_TUPLE ? affixes.as.list->items[i] : affixes;
        if (affix.kind == VALUE_UNDEFINED)
            return jinja_fail_undefined(j, affix);
        if (affix.kind != VALUE_STRING)
            return jinja_fail(j, "%s() needs a string or a tuple of strings, found %s", call->row->name,
                              kind_name(affix.kind));
        found |= range.exists && has_affix((struct str){text->ptr + range.from, range.to - range.from},
                                           text_str(affix.as.text), call->row->detail);
    }
    *out = value_bool(found);
    return jinja_work(j, n, 0);
}

/* removeprefix and removesuffix. */
static bool str_remove(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = call->self.as.text, *affix = NULL;
    if (!call_text(j, call, 0, &affix))
        return false;
    bool end = call->row->detail, has = has_affix(text_str(text), text_str(affix), end);
    size_t cut = has ? affix->len : 0;
    return give_text(end ? text_slice(j, text, 0, text->len - cut) : text_slice(j, text, cut, text->len), out);
}

enum { FIND_LAST = 1, FIND_MUST = 2 };

/* The number of characters before byte `at`. */
static int64_t chars_before(const struct text *text, size_t at)
{
    struct text before = {.ptr = text->ptr, .len = at, .n_chars = text->n_chars == text->len ? at : SIZE_MAX};
    return (int64_t)text_chars(&before);
}

/* find, rfind, index, rindex. */
static bool str_find_method(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = call->self.as.text, *needle = NULL;
    struct byte_range range;
    size_t at;
    if (!call_text(j, call, 0, &needle) || !string_range(j, text, call->args[1], call->args[2], &range) ||
        !string_find(j, text, needle, &range, call->row->detail & FIND_LAST, &at))
        return false;
    if (at == SIZE_MAX && (call->row->detail & FIND_MUST))
        return jinja_fail(j, "%s(): substring not found", call->row->name);
    *out = value_int(at == SIZE_MAX ? -1 : chars_before(text, at));
    return jinja_work(j, 0, text->len);
}

static bool str_count(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = call->self.as.text, *needle = NULL;
    struct byte_range range;
    if (!call_text(j, call, 0, &needle) || !string_range(j, text, call->args[1], call->args[2], &range))
        return false;
    int64_t count = 0;
    if (range.exists && !needle->len)
        count = chars_before(text, range.to) - chars_before(text, range.from) + 1;
    for (size_t at = range.from; range.exists && needle->len; at += needle->len, count++) {
        at = str_find((struct str){text->ptr, range.to}, text_str(needle), at);
        if (at == SIZE_MAX)
            break;
    }
    *out = value_int(count);
    return jinja_work(j, 1, text->len * 2);
}

/* partition and rpartition: before, separator, after. */
static bool str_partition(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = call->self.as.text, *separator = NULL;
    struct byte_range whole = {0, text->len, true};
    size_t at;
    if (!call_text(j, call, 0, &separator))
        return false;
    if (!separator->len)
        return jinja_fail(j, "%s(): empty separator", call->row->name);
    if (!string_find(j, text, separator, &whole, call->row->detail, &at))
        return false;
    size_t before = at, after = at + separator->len;
    if (at == SIZE_MAX)
        before = after = call->row->detail ? 0 : text->len;
    size_t cuts[4] = {0, before, after, text->len};
    struct list *parts = list_new(j, 3);
    for (int i = 0; parts && i < 3; i++) {
        const struct text *part = text_slice(j, text, cuts[i], cuts[i + 1]);
        if (!part || !list_add(j, parts, value_text(part)))
            return false;
    }
    return give_list(parts, VALUE_TUPLE, out);
}

/* center, ljust, rjust. */
static bool str_pad(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *fill = NULL;
    int64_t width;
    if (!call_int(j, call, 0, 0, &width) || !call_text(j, call, 1, &fill))
        return false;
    if (fill && text_chars(fill) != 1)
        return jinja_fail(j, "%s(): the fill character must be one character long", call->row->name);
    unsigned size;
    uint32_t c = fill ? (uint32_t)utf8_decode(text_str(fill), 0, &size) : ' ';
    return give_text(string_pad(j, call->self.as.text, width, c, (char)call->row->detail), out);
}

static bool str_zfill(struct jinja *j, const struct call *call, struct value *out)
{
    int64_t width;
    return call_int(j, call, 0, 0, &width) && give_text(string_zfill(j, call->self.as.text, width), out);
}

static bool str_expandtabs(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = call->self.as.text;
    struct text_builder builder = {0};
    int64_t size, column = 0;
    unsigned bytes;
    if (!call_int(j, call, 0, 8, &size))
        return false;
    for (size_t at = 0; at < text->len; at += bytes) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &bytes);
        int64_t fill = c == '\t' && size > 0 ? size - column % size : 0;
        bool ok = c == '\t' ? builder_fill(j, &builder, ' ', (size_t)fill, text_mark(text, at))
                            : builder_slice(j, &builder, text, at, at + bytes);
        if (!ok)
            return false;
        column = c == '\n' || c == '\r' ? 0 : column + (c == '\t' ? fill : 1);
    }
    return give_text(string_like(j, builder_take(j, &builder), text), out);
}

static bool is_alnum(uint32_t c)
{
    return char_is_alpha(c) || char_is_numeric(c);
}

static bool is_ascii(uint32_t c)
{
    return c < 0x80;
}

/* The classes that all characters must be of; `detail` indexes them. */
static bool (*const classes[])(uint32_t) = {is_alnum,        char_is_alpha, char_is_decimal,   char_is_digit,
                                            char_is_numeric, char_is_space, char_is_printable, is_ascii};
enum { CLASS_ALNUM, CLASS_ALPHA, CLASS_DECIMAL, CLASS_DIGIT, CLASS_NUMERIC, CLASS_SPACE, CLASS_PRINTABLE, CLASS_ASCII };

static bool str_class(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = call->self.as.text;
    int detail = call->row->detail;
    bool all = text->len > 0 || detail == CLASS_PRINTABLE || detail == CLASS_ASCII;
    unsigned size;
    for (size_t at = 0; all && at < text->len; at += size)
        all = classes[detail]((uint32_t)utf8_decode(text_str(text), at, &size));
    *out = value_bool(all);
    return jinja_work(j, 0, text->len * 4);
}

/* islower and isupper: some cased character, and none of the other case. */
static bool str_is_case(struct jinja *j, const struct call *call, struct value *out)
{
    *out = value_bool(string_is_case(call->self.as.text, call->row->detail));
    return jinja_work(j, 0, call->self.as.text->len * 4);
}

static bool str_istitle(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = call->self.as.text;
    bool previous = false, any = false, ok = true;
    unsigned size;
    for (size_t at = 0; ok && at < text->len; at += size) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &size);
        bool upper = char_is_upper(c) || char_is_titlecase(c), lower = char_is_lower(c);
        ok = upper ? !previous : !lower || previous;
        previous = upper || lower;
        any |= previous;
    }
    *out = value_bool(ok && any);
    return jinja_work(j, 0, text->len * 4);
}

static bool str_isidentifier(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = call->self.as.text;
    bool ok = text->len > 0;
    unsigned size;
    for (size_t at = 0; ok && at < text->len; at += size) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &size);
        ok = char_is_identifier(c, at == 0);
    }
    *out = value_bool(ok);
    return jinja_work(j, 0, text->len * 4);
}

static bool str_format(struct jinja *j, const struct call *call, struct value *out)
{
    return jinja_format_braces(j, call->self.as.text, call->all, out);
}

static bool str_format_map(struct jinja *j, const struct call *call, struct value *out)
{
    struct value map = call->args[0];
    size_t base = j->n_stack;
    if (map.kind != VALUE_DICT)
        return jinja_fail(j, "format_map() needs a dict, found %s", kind_name(map.kind));
    for (size_t i = 0; i < map.as.dict->n; i++)
        if (map.as.dict->entries[i].key.kind == VALUE_STRING &&
            (!jinja_push(j, map.as.dict->entries[i].key) || !jinja_push(j, map.as.dict->entries[i].value)))
            return false;
    struct arguments arguments = {.keywords = (const struct keyword *)(const void *)(j->stack + base),
                                  .n_keywords = (j->n_stack - base) / 2};
    bool ok = jinja_format_braces(j, call->self.as.text, &arguments, out);
    j->n_stack = base;
    return ok;
}

static bool refuse(struct jinja *j, const struct call *call, struct value *out)
{
    (void)out;
    return jinja_fail(j, "the method %s() is not supported", call->row->name);
}

static const struct builtin string_methods[] = {
    {"strip", str_strip, "/ ?chars", STRIP_LEFT | STRIP_RIGHT},
    {"split", str_split, "?sep ?maxsplit", false},
    {"startswith", str_affix, "/ prefix ?start ?end", false},
    {"endswith", str_affix, "/ suffix ?start ?end", true},
    {"lstrip", str_strip, "/ ?chars", STRIP_LEFT},
    {"rstrip", str_strip, "/ ?chars", STRIP_RIGHT},
    {"replace", str_replace, "/ old new ?count", 0},
    {"join", str_join, "/ iterable", 0},
    {"upper", str_case, "/", CASE_UPPER},
    {"lower", str_case, "/", CASE_LOWER},
    {"title", str_title, "/", 0},
    {"capitalize", str_capitalize, "/", 0},
    {"casefold", str_case, "/", CASE_FOLD},
    {"swapcase", str_swapcase, "/", 0},
    {"format", str_format, "*", 0},
    {"format_map", str_format_map, "/ mapping", 0},
    {"rsplit", str_split, "?sep ?maxsplit", true},
    {"splitlines", str_splitlines, "?keepends", 0},
    {"removeprefix", str_remove, "/ prefix", false},
    {"removesuffix", str_remove, "/ suffix", true},
    {"find", str_find_method, "/ sub ?start ?end", 0},
    {"rfind", str_find_method, "/ sub ?start ?end", FIND_LAST},
    {"index", str_find_method, "/ sub ?start ?end", FIND_MUST},
    {"rindex", str_find_method, "/ sub ?start ?end", FIND_LAST | FIND_MUST},
    {"count", str_count, "/ sub ?start ?end", 0},
    {"partition", str_partition, "/ sep", false},
    {"rpartition", str_partition, "/ sep", true},
    {"center", str_pad, "/ width ?fillchar", '^'},
    {"ljust", str_pad, "/ width ?fillchar", '<'},
    {"rjust", str_pad, "/ width ?fillchar", '>'},
    {"zfill", str_zfill, "/ width", 0},
    {"expandtabs", str_expandtabs, "?tabsize", 0},
    {"isalnum", str_class, "/", CLASS_ALNUM},
    {"isalpha", str_class, "/", CLASS_ALPHA},
    {"isdecimal", str_class, "/", CLASS_DECIMAL},
    {"isdigit", str_class, "/", CLASS_DIGIT},
    {"isnumeric", str_class, "/", CLASS_NUMERIC},
    {"isspace", str_class, "/", CLASS_SPACE},
    {"isprintable", str_class, "/", CLASS_PRINTABLE},
    {"isascii", str_class, "/", CLASS_ASCII},
    {"islower", str_is_case, "/", false},
    {"isupper", str_is_case, "/", true},
    {"istitle", str_istitle, "/", 0},
    {"isidentifier", str_isidentifier, "/", 0},
    {"encode", refuse, "*", 0},
    {"maketrans", str_maketrans, "/ x ?y ?z", 0},
    {"translate", str_translate, "/ table", 0},
};

/* ---- Lists, tuples and ranges ---- */

static bool list_count(struct jinja *j, const struct call *call, struct value *out)
{
    struct list *items = value_list(j, call->self);
    int64_t n = 0;
    for (size_t i = 0; items && i < items->n; i++) {
        bool equal;
        if (!value_equal(j, items->items[i], call->args[0], &equal))
            return false;
        n += equal;
    }
    *out = value_int(n);
    return items != NULL;
}

static bool list_index(struct jinja *j, const struct call *call, struct value *out)
{
    struct list *items = value_list(j, call->self);
    int64_t start, stop;
    if (!items || !call_int(j, call, 1, 0, &start) || !call_int(j, call, 2, (int64_t)items->n, &stop))
        return false;
    int64_t n = (int64_t)items->n;
    start = start < -n ? 0 : start < 0 ? start + n : start;
    stop = stop < -n ? 0 : stop < 0 ? stop + n : stop > n ? n : stop;
    for (int64_t i = start; i < stop; i++) {
        bool equal;
        if (!value_equal(j, items->items[i], call->args[0], &equal))
            return false;
        if (equal) {
            *out = value_int(i);
            return true;
        }
    }
    return jinja_fail(j, "index(): the value is not in the %s", kind_name(call->self.kind));
}

/* Lists, dicts and numbers do not change, so a copy is the same. */
static bool copy(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    *out = call->self;
    return true;
}

static const struct builtin list_methods[] = {
    {"index", list_index, "/ value ?start ?stop", 0},
    {"count", list_count, "/ value", 0},
    {"copy", copy, "/", 0}, /* the last one: tuples and ranges have none */
};

/* ---- Dicts ---- */

static bool dict_get_method(struct jinja *j, const struct call *call, struct value *out)
{
    if (!dict_get(j, call->self.as.dict, call->args[0], out))
        return false;
    if (out->kind == VALUE_ABSENT)
        *out = call->args[1].kind == VALUE_ABSENT ? value_none() : call->args[1];
    return true;
}

static bool dict_view(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    *out = (struct value){.kind = VALUE_VIEW, .flavor = (uint8_t)call->row->detail, .as.dict = call->self.as.dict};
    return true;
}

static bool dict_fromkeys(struct jinja *j, const struct call *call, struct value *out)
{
    struct list *keys = value_list(j, call->args[0]);
    struct dict *dict = keys ? dict_new(j, keys->n) : NULL;
    struct value value = call->args[1].kind == VALUE_ABSENT ? value_none() : call->args[1];
    for (size_t i = 0; dict && i < keys->n; i++)
        if (!dict_set(j, dict, keys->items[i], value))
            return false;
    *out = (struct value){.kind = VALUE_DICT, .as.dict = dict};
    return dict != NULL;
}

static const struct builtin dict_methods[] = {
    {"get", dict_get_method, "/ key ?default", 0},
    {"items", dict_view, "/", VIEW_ITEMS},
    {"keys", dict_view, "/", VIEW_KEYS},
    {"values", dict_view, "/", VIEW_VALUES},
    {"copy", copy, "/", 0},
    {"fromkeys", dict_fromkeys, "/ iterable ?value", 0},
};

/* ---- Numbers and cyclers ---- */

static bool is_integer(struct jinja *j, const struct call *call, struct value *out)
{
    struct value whole;
    if (!number_apply(j, OP_MOD, call->self, value_int(1), &whole))
        return false;
    *out = value_bool(!value_truth(whole));
    return true;
}

static bool bit_length(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    int64_t i = value_integer(call->self);
    uint64_t magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    *out = value_int(magnitude ? 64 - __builtin_clzll(magnitude) : 0);
    return true;
}

static bool bit_count(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    int64_t i = value_integer(call->self);
    *out = value_int(__builtin_popcountll(i < 0 ? 0 - (uint64_t)i : (uint64_t)i));
    return true;
}

static bool conjugate(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    *out = value_int(value_integer(call->self));
    return true;
}

static const struct builtin integer_methods[] = {
    {"bit_length", bit_length, "/", 0},   {"bit_count", bit_count, "/", 0}, {"conjugate", conjugate, "/", 0},
    {"as_integer_ratio", refuse, "*", 0}, {"to_bytes", refuse, "*", 0},     {"from_bytes", refuse, "*", 0},
};

static const struct builtin float_methods[] = {
    {"is_integer", is_integer, "/", 0},   {"conjugate", copy, "/", 0},
    {"as_integer_ratio", refuse, "*", 0}, {"hex", refuse, "*", 0},
    {"fromhex", refuse, "*", 0},
};

static bool cycler_next(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    struct cycler *cycler = call->self.as.cycler;
    *out = cycler->items->items[cycler->at];
    cycler->at = (cycler->at + 1) % cycler->items->n;
    return true;
}

static bool cycler_reset(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    call->self.as.cycler->at = 0;
    *out = value_none();
    return true;
}

static const struct builtin cycler_methods[] = {
    {"next", cycler_next, "/", 0},
    {"reset", cycler_reset, "/", 0},
};

const struct builtin *jinja_method(enum value_kind kind, struct str name)
{
    switch (kind) {
    case VALUE_STRING:
        return builtin_find(string_methods, COUNT(string_methods), name);
    case VALUE_LIST:
        return builtin_find(list_methods, COUNT(list_methods), name);
    case VALUE_TUPLE:
    case VALUE_RANGE:
        return builtin_find(list_methods, COUNT(list_methods) - 1, name);
    case VALUE_DICT:
        return builtin_find(dict_methods, COUNT(dict_methods), name);
    case VALUE_INT:
    case VALUE_BOOL:
        return builtin_find(integer_methods, COUNT(integer_methods), name);
    case VALUE_FLOAT:
        return builtin_find(float_methods, COUNT(float_methods), name);
    case VALUE_CYCLER:
        return builtin_find(cycler_methods, COUNT(cycler_methods), name);
    default:
        return NULL;
    }
}
