/* SPDX-License-Identifier: Apache-2.0
 *
 * Oniguruma's dialect (Ruby syntax), and that of Rust's libraries, in PCRE2's words. Where they mean the same the
 * pattern is copied; what PCRE2 would read in another way is rewritten or refused.
 */
#include "text/tokenizer/regex.h"

#include <stdlib.h>

enum { MAX_SET_DEPTH = 16 };

/* The insides of a set. */
static const char word_set[] = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
static const char rust_word_set[] = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}";
/* Oniguruma counts these as parts of words, but not within a set. */
static const char lone_word_set[] = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}";
static const char space_set[] =
    "\\t-\\r \\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}";
static const char hex_set[] = "0-9A-Fa-f";

struct dialect {
    struct str pattern;
    enum regex_dialect whose;
    size_t at;
    struct hob_error *err;
};

static bool refuse(const struct dialect *d, size_t at, const char *what)
{
    int shown = d->pattern.len - at < 40 ? (int)(d->pattern.len - at) : 40;
    return error_set(d->err, HOB_FORMAT, "regex at byte %zu, \"%.*s\": %s", at, shown, d->pattern.ptr + at, what);
}

static char peek(const struct dialect *d, size_t ahead)
{
    return d->at + ahead < d->pattern.len ? d->pattern.ptr[d->at + ahead] : '\0';
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Names of properties that PCRE2 knows by another name. */
static const char *const renamed[][2] = {
    {"Letter", "L"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"Symbol", "S"},
    {"Separator", "Z"},
    {"Other", "C"},
    {"Space", "White_Space"},
    {"Digit", "Nd"},
    {"Upper", "Uppercase"},
    {"Lower", "Lowercase"},
    {"Alpha", "Alphabetic"},
};

/* Names that are the same in both and are neither categories nor scripts. */
static const char *const shared[] = {"Any",
                                     "ASCII",
                                     "Alphabetic",
                                     "White_Space",
                                     "Uppercase",
                                     "Lowercase",
                                     "Emoji",
                                     "Ideographic",
                                     "Math",
                                     "Dash",
                                     "Hex_Digit",
                                     "Diacritic",
                                     "ID_Start",
                                     "ID_Continue",
                                     "XID_Start",
                                     "XID_Continue",
                                     "Extended_Pictographic",
                                     "Emoji_Presentation"};

/* Appends the name of a property. A bare script name means the script to one library and the script's extensions to
 * the other. */
static void property_name(struct str name, struct buf *out)
{
    for (size_t i = 0; i < sizeof(renamed) / sizeof(*renamed); i++) {
        if (str_eq(name, str_of(renamed[i][0]))) {
            buf_str(out, str_of(renamed[i][1]));
            return;
        }
    }
    bool bare = name.len <= 2 || str_find(name, STR("="), 0) != SIZE_MAX;
    for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++)
        bare = bare || str_eq(name, str_of(shared[i]));
    buf_str(out, bare ? STR("") : STR("sc:"));
    buf_str(out, name);
}

static bool property(struct dialect *d, struct buf *out)
{
    size_t close = str_find(d->pattern, STR("}"), d->at);
    if (peek(d, 2) != '{' || close == SIZE_MAX) {
        buf_add(out, d->pattern.ptr + d->at, 2);
        d->at += 2;
        return true;
    }
    size_t name = d->at + 3;
    bool negated = peek(d, 3) == '^';
    struct str text = {d->pattern.ptr + name + negated, close - name - negated};
    buf_add(out, d->pattern.ptr + d->at, 3);
    if (negated)
        buf_byte(out, '^');
    property_name(text, out);
    buf_byte(out, '}');
    d->at = close + 1;
    return true;
}

/* A shorthand for a set, inside a set or alone. */
static bool shorthand(struct dialect *d, const char *set, bool negated, bool in_set, struct buf *out)
{
    if (in_set && negated)
        return refuse(d, d->at, "a negated shorthand inside a set is not supported");
    buf_format(out, in_set ? "%s%s" : "[%s%s]", negated ? "^" : "", set);
    d->at += 2;
    return true;
}

/* The characters of words. */
static const char *words(const struct dialect *d, bool in_set)
{
    return d->whose == REGEX_RUST ? rust_word_set : in_set ? word_set : lone_word_set;
}

/* One escape, inside a set or outside. */
static bool escape(struct dialect *d, bool in_set, struct buf *out)
{
    char c = peek(d, 1);
    switch (c) {
    case '\0':
        return refuse(d, d->at, "ends in a backslash");
    case 's':
        return shorthand(d, space_set, false, in_set, out);
    case 'S':
        if (!in_set)
            return shorthand(d, space_set, true, in_set, out);
        buf_str(out, STR("\\P{White_Space}"));
        d->at += 2;
        return true;
    case 'w':
    case 'W':
        return shorthand(d, words(d, in_set), c == 'W', in_set, out);
    case 'h':
    case 'H':
        return shorthand(d, hex_set, c == 'H', in_set, out);
    case 'v':
        buf_str(out, STR("\\x{0B}"));
        d->at += 2;
        return true;
    case 'p':
    case 'P':
        return property(d, out);
    case 'u':
        for (size_t i = 2; i < 6; i++)
            if (!is_hex(peek(d, i)))
                return refuse(d, d->at, "want four hex digits after \\u");
        buf_format(out, "\\x{%.4s}", d->pattern.ptr + d->at + 2);
        d->at += 6;
        return true;
    case 'b':
    case 'B':
        if (!in_set) {
            const char *set = words(d, false);
            buf_format(out,
                       c == 'b' ? "(?:(?<=[%s])(?![%s])|(?<![%s])(?=[%s]))" : "(?:(?<=[%s])(?=[%s])|(?<![%s])(?![%s]))",
                       set, set, set, set);
            d->at += 2;
            return true;
        }
        break;
    default:
        break;
    }
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter && !byte_in(c, in_set ? "dDtnrfaebxc" : "dDtnrfaexcAzZGXRKNkg"))
        return refuse(d, d->at, "this escape is not supported");
    buf_add(out, d->pattern.ptr + d->at, 2);
    d->at += 2;
    return true;
}

/* A POSIX class within a set, as Oniguruma understands it. */
static bool posix_class(const struct dialect *d, struct str name, struct buf *out)
{
    static const char *const classes[][2] = {
        {"[:space:]", space_set},        {"[:word:]", word_set},          {"[:alpha:]", "\\p{Alphabetic}"},
        {"[:punct:]", "\\p{P}\\p{S}"},   {"[:digit:]", "\\p{Nd}"},        {"[:alnum:]", "\\p{Alphabetic}\\p{Nd}"},
        {"[:upper:]", "\\p{Uppercase}"}, {"[:lower:]", "\\p{Lowercase}"}, {"[:xdigit:]", hex_set},
        {"[:blank:]", "\\t\\p{Zs}"},     {"[:cntrl:]", "\\p{Cc}"},
    };
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
        if (str_eq(name, str_of(classes[i][0]))) {
            buf_str(out, str_of(classes[i][1]));
            return true;
        }
    }
    return refuse(d, d->at, "this class is not supported");
}

static bool set(struct dialect *d, unsigned depth, struct buf *out);

/* The items of a set up to "&&" or "]": those that PCRE2 can hold in one set go to `flat`, sets within it to
 * `nested`, as alternatives. */
static bool set_items(struct dialect *d, unsigned depth, struct buf *flat, struct buf *nested)
{
    for (bool first = true;; first = false) {
        char c = peek(d, 0);
        if (d->at >= d->pattern.len)
            return refuse(d, 0, "a set is not closed");
        if ((c == ']' && !first) || (c == '&' && peek(d, 1) == '&'))
            return true;
        if (c == '\\') {
            if (!escape(d, true, flat))
                return false;
        } else if (c == '[' && peek(d, 1) == ':') {
            size_t close = str_find(d->pattern, STR(":]"), d->at);
            if (close == SIZE_MAX)
                return refuse(d, d->at, "a class name is not closed");
            if (!posix_class(d, (struct str){d->pattern.ptr + d->at, close + 2 - d->at}, flat))
                return false;
            d->at = close + 2;
        } else if (c == '[') {
            if (nested->len)
                buf_byte(nested, '|');
            if (!set(d, depth + 1, nested))
                return false;
        } else {
            if (c == ']')
                buf_byte(flat, '\\');
            buf_byte(flat, c);
            d->at++;
        }
    }
}

/* One operand of "&&" as something that matches one character. */
static void set_operand(const struct buf *flat, const struct buf *nested, struct buf *out)
{
    if (!nested->len) {
        buf_format(out, "[%.*s]", (int)flat->len, flat->ptr);
        return;
    }
    buf_str(out, STR("(?:"));
    if (flat->len)
        buf_format(out, "[%.*s]|", (int)flat->len, flat->ptr);
    buf_str(out, buf_view(nested));
    buf_byte(out, ')');
}

/* A set, from "[" to "]". */
static bool set(struct dialect *d, unsigned depth, struct buf *out)
{
    if (depth > MAX_SET_DEPTH)
        return refuse(d, d->at, "sets are nested too deep");
    size_t start = d->at++;
    bool negated = peek(d, 0) == '^';
    d->at += negated;
    struct buf flat = {0}, nested = {0}, whole = {0};
    bool simple = true, ok = true, more = true;
    while (ok && more) {
        flat.len = nested.len = 0;
        ok = set_items(d, depth, &flat, &nested);
        if (ok && !flat.len && !nested.len)
            ok = refuse(d, start, "a set is empty");
        more = ok && peek(d, 0) == '&';
        simple = simple && !more && !nested.len;
        if (!ok || simple)
            break;
        if (more)
            buf_str(&whole, STR("(?="));
        set_operand(&flat, &nested, &whole);
        if (more) {
            buf_byte(&whole, ')');
            d->at += 2;
        }
    }
    d->at += ok;
    if (ok && simple)
        buf_format(out, "[%s%.*s]", negated ? "^" : "", (int)flat.len, flat.ptr);
    else if (ok)
        buf_format(out, negated ? "(?:(?!%.*s)(?s:.))" : "(?:%.*s)", (int)whole.len, whole.ptr);
    out->failed = out->failed || flat.failed || nested.failed || whole.failed;
    buf_clear(&flat);
    buf_clear(&nested);
    buf_clear(&whole);
    return ok;
}

/* "(?" and option letters, of which Oniguruma's `m` is PCRE2's `s`; other groups are the same in all. */
static bool group(struct dialect *d, struct buf *out)
{
    if (peek(d, 1) == '*')
        return refuse(d, d->at, "verbs are not supported");
    size_t end = d->at + 2;
    if (peek(d, 1) == '?') {
        const char *letters = d->whose == REGEX_RUST ? "isx-" : "imx-";
        while (end < d->pattern.len && byte_in(d->pattern.ptr[end], letters))
            end++;
        if (end < d->pattern.len && (d->pattern.ptr[end] == ':' || d->pattern.ptr[end] == ')')) {
            for (; d->at < end; d->at++)
                buf_byte(out, peek(d, 0) == 'm' ? 's' : peek(d, 0));
            return true;
        }
        if (d->whose == REGEX_RUST && byte_in(peek(d, 2), "mUR"))
            return refuse(d, d->at, "this option is not supported");
    }
    buf_byte(out, '(');
    d->at++;
    return true;
}

/* "{n,m}", "{,m}" or a brace that is itself. */
static bool braces(struct dialect *d, struct buf *out)
{
    size_t end = d->at + 1;
    while (end < d->pattern.len && byte_in(d->pattern.ptr[end], "0123456789,"))
        end++;
    bool repeat = end < d->pattern.len && d->pattern.ptr[end] == '}' && end > d->at + 1;
    if (repeat && d->whose == REGEX_ONIGURUMA && end + 1 < d->pattern.len && d->pattern.ptr[end + 1] == '+')
        return refuse(d, d->at, "\"}+\" means a repeated repetition to one library and a possessive one to another");
    buf_str(out, repeat && peek(d, 1) == ',' ? STR("{0") : STR("{"));
    d->at++;
    return true;
}

/* An end of the text to Rust, of a line to Oniguruma, as to PCRE2 here. */
static void line_end(struct dialect *d, struct buf *out)
{
    char c = d->pattern.ptr[d->at++];
    if (d->whose == REGEX_RUST)
        buf_str(out, c == '^' ? STR("\\A") : STR("\\z"));
    else
        buf_byte(out, c);
}

bool regex_translate(struct str pattern, enum regex_dialect dialect, struct buf *out, struct hob_error *err)
{
    struct dialect d = {.pattern = pattern, .whose = dialect, .err = err};
    bool ok = true;
    /* DeepSeek's. Its matches start where white space starts; said so, a long run is not searched from each of its
     * characters. */
    if (str_eq(pattern, STR("\\s+$")))
        buf_format(out, "(?<![%s])", space_set);
    while (ok && d.at < pattern.len) {
        switch (pattern.ptr[d.at]) {
        case '\\':
            ok = escape(&d, false, out);
            break;
        case '[':
            ok = set(&d, 0, out);
            break;
        case '(':
            ok = group(&d, out);
            break;
        case '{':
            ok = braces(&d, out);
            break;
        case '^':
        case '$':
            line_end(&d, out);
            break;
        default:
            buf_byte(out, pattern.ptr[d.at++]);
        }
    }
    if (ok && out->failed)
        return error_memory(err, pattern.len);
    return ok;
}
