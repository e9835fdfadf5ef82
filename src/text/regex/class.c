/* SPDX-License-Identifier: Apache-2.0
 *
 * Classes and escapes of regular expressions, as two sets: what Python takes them for and what ECMAScript does. Where a
 * pattern only says what may come, what both take is right for either; where it says what may not, what either takes.
 */
#include <pthread.h>
#include <utf8proc.h>

#include "text/regex/parts.h"

/* A set in both languages. */
struct pair {
    struct code_set python, ecma;
};

static struct code_set python_word, python_digit; /* \w and \d */
static pthread_once_t python_once = PTHREAD_ONCE_INIT;

static void read_categories(void)
{
    for (uint32_t code = 0; code <= CODE_MAX; code++) {
        switch (utf8proc_category((utf8proc_int32_t)code)) {
        case UTF8PROC_CATEGORY_ND:
            code_set_add(&python_digit, code, code);
            code_set_add(&python_word, code, code);
            break;
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_NO:
        case UTF8PROC_CATEGORY_CN: /* not assigned here, but perhaps a letter to a newer Python */
            code_set_add(&python_word, code, code);
            break;
        default:
            break;
        }
    }
    code_set_add(&python_word, '_', '_');
}

static void add_ranges(struct code_set *set, const struct code_range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        code_set_add(set, ranges[i].first, ranges[i].last);
}

#define ADD_RANGES(set, ...)                                                                                           \
    add_ranges(set, (const struct code_range[]){__VA_ARGS__},                                                          \
               sizeof(const struct code_range[]){__VA_ARGS__} / sizeof(struct code_range))

static void both_spaces(struct code_set *set)
{
    ADD_RANGES(set, {0x09, 0x0D}, {0x20, 0x20}, {0xA0, 0xA0}, {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029},
               {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000});
}

/* \d, \w or \s. */
static void add_named(struct pair *pair, char name)
{
    switch (name) {
    case 'd':
        pthread_once(&python_once, read_categories);
        code_set_add_set(&pair->python, &python_digit);
        ADD_RANGES(&pair->ecma, {'0', '9'});
        break;
    case 'w':
        pthread_once(&python_once, read_categories);
        code_set_add_set(&pair->python, &python_word);
        ADD_RANGES(&pair->ecma, {'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'});
        break;
    default:
        both_spaces(&pair->python);
        ADD_RANGES(&pair->python, {0x1C, 0x1F}, {0x85, 0x85});
        both_spaces(&pair->ecma);
        ADD_RANGES(&pair->ecma, {0xFEFF, 0xFEFF});
        break;
    }
}

static void add_pair(struct pair *pair, const struct pair *other)
{
    code_set_add_set(&pair->python, &other->python);
    code_set_add_set(&pair->ecma, &other->ecma);
}

static void invert(struct pair *pair)
{
    code_set_invert(&pair->python);
    code_set_invert(&pair->ecma);
}

/* Leaves in `set` what both languages take, or either, and frees the pair. */
static void settle(struct pair *pair, bool wide, struct code_set *set)
{
    code_set_add_set(set, &pair->python);
    if (wide)
        code_set_add_set(set, &pair->ecma);
    else
        code_set_keep(set, &pair->ecma);
    code_set_clear(&pair->python);
    code_set_clear(&pair->ecma);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static bool read_hex(struct str pattern, size_t *at, unsigned n, uint32_t *code)
{
    *code = 0;
    for (unsigned i = 0; i < n; i++, ++*at) {
        int digit = *at < pattern.len ? hex_digit(pattern.ptr[*at]) : -1;
        if (digit < 0)
            return false;
        *code = *code << 4 | (uint32_t)digit;
    }
    return true;
}

static bool is_punctuation(char c)
{
    return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool one(struct pair *pair, uint32_t code, uint32_t *single)
{
    code_set_add(&pair->python, code, code);
    code_set_add(&pair->ecma, code, code);
    *single = code;
    return true;
}

/* An escape after its "\": adds to `pair`; *single is its one character, or UINT32_MAX for a class. */
static bool read_escape(struct str pattern, size_t *at, bool in_class, struct pair *pair, uint32_t *single,
                        const char **refused)
{
    static const char letters[] = "tnrfv", codes[] = "\t\n\r\f\v";
    char c = *at < pattern.len ? pattern.ptr[(*at)++] : '\0';
    const char *letter = c ? strchr(letters, c) : NULL;
    char after = *at < pattern.len ? pattern.ptr[*at] : '\0';
    uint32_t code;
    if (letter)
        return one(pair, (uint8_t)codes[letter - letters], single);
    if (is_punctuation(c))
        return one(pair, (uint8_t)c, single);
    if (c == 'b' && in_class)
        return one(pair, '\b', single);
    if (c == '0' && !(after >= '0' && after <= '9'))
        return one(pair, 0, single);
    if (c == 'x' || c == 'u') {
        *refused = c == 'x' ? "\\x wants two hexadecimal digits" : "\\u wants four hexadecimal digits";
        if (!read_hex(pattern, at, c == 'x' ? 2 : 4, &code))
            return false;
        *refused = "a surrogate is no character";
        return (code < 0xD800 || code > 0xDFFF) && one(pair, code, single);
    }
    if (byte_in(c, "dwsDWS")) {
        struct pair named = {0};
        add_named(&named, (char)(c | 32));
        if (!(c & 32))
            invert(&named);
        add_pair(pair, &named);
        code_set_clear(&named.python);
        code_set_clear(&named.ecma);
        *single = UINT32_MAX;
        return true;
    }
    *refused = c == 'b' || c == 'B'   ? "word boundaries (\\b, \\B) are not supported"
               : c >= '1' && c <= '9' ? "back references are not supported"
               : c == 'p' || c == 'P' ? "\\p is not known to Python"
                                      : "an escape that means the same to Python and ECMAScript is wanted";
    return false;
}

bool regex_read_escape(struct str pattern, size_t *at, bool wide, struct code_set *set, const char **refused)
{
    struct pair pair = {0};
    uint32_t single;
    bool good = read_escape(pattern, at, false, &pair, &single, refused);
    settle(&pair, wide, set);
    return good;
}

/* One character or escape within a class. */
static bool read_member(struct str pattern, size_t *at, struct pair *pair, uint32_t *single, const char **refused)
{
    if (pattern.ptr[*at] == '\\') {
        ++*at;
        return read_escape(pattern, at, true, pair, single, refused);
    }
    unsigned size;
    int32_t code = utf8_decode(pattern, *at, &size);
    *refused = "the pattern is not UTF-8";
    *at += size;
    return code >= 0 && one(pair, (uint32_t)code, single);
}

static bool read_members(struct str pattern, size_t *at, struct pair *pair, const char **refused)
{
    bool first = true;
    for (;; first = false) {
        uint32_t low, high;
        *refused = "a class wants \"]\"";
        if (*at >= pattern.len)
            return false;
        if (pattern.ptr[*at] == ']') {
            ++*at;
            *refused = "an empty class means another thing to Python than to ECMAScript";
            return !first;
        }
        if (!read_member(pattern, at, pair, &low, refused))
            return false;
        if (*at + 1 >= pattern.len || pattern.ptr[*at] != '-' || pattern.ptr[*at + 1] == ']')
            continue;
        ++*at;
        if (!read_member(pattern, at, pair, &high, refused))
            return false;
        *refused = "a range in a class wants two characters that ascend";
        if (low == UINT32_MAX || high == UINT32_MAX || low > high)
            return false;
        code_set_add(&pair->python, low, high);
        code_set_add(&pair->ecma, low, high);
    }
}

bool regex_read_class(struct str pattern, size_t *at, bool wide, struct code_set *set, const char **refused)
{
    struct pair pair = {0};
    bool inverse = *at < pattern.len && pattern.ptr[*at] == '^';
    *at += inverse;
    bool good = read_members(pattern, at, &pair, refused);
    if (good && inverse)
        invert(&pair);
    settle(&pair, wide, set);
    return good;
}

void regex_any(bool wide, struct code_set *set)
{
    ADD_RANGES(set, {'\n', '\n'});
    if (!wide)
        ADD_RANGES(set, {'\r', '\r'}, {0x2028, 0x2029});
    code_set_invert(set);
}
