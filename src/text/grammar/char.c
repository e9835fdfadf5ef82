/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of code points as automata over bytes. An encoding writes a code point as digits of mixed radix, most
 * significant first, each digit a byte; so a set is a tree of digits in which whole subtrees are shared.
 *
 *   UTF-8, 3 bytes   1110xxxx 10xxxxxx 10xxxxxx        radices 16, 64, 64
 *   JSON, \uXXXX     '\' 'u' hex hex hex hex           radices 16, 16, 16, 16
 *   JSON, two units  '\' 'u' 'd' [89ab] hex hex '\' 'u' 'd' [c-f] hex hex
 */
#include "text/grammar/parts.h"

enum { MAX_DIGITS = 8 };

struct digit {
    uint8_t radix;
    uint8_t first;      /* the byte, or with `hex` the hexadecimal digit, of 0 */
    bool hex;           /* either case */
    const char *before; /* bytes before this digit, or NULL */
};

struct encoding {
    uint32_t first, last; /* the code points it writes */
    uint32_t base;        /* the code point whose digits are all 0 */
    uint8_t n_digits;
    struct digit digits[MAX_DIGITS];
};

static const struct encoding utf8[] = {
    {0, 0x7F, 0, 1, {{128, 0x00}}},
    {0x80, 0x7FF, 0, 2, {{32, 0xC0}, {64, 0x80}}},
    {0x800, 0xFFFF, 0, 3, {{16, 0xE0}, {64, 0x80}, {64, 0x80}}},
    {0x10000, CODE_MAX, 0, 4, {{5, 0xF0}, {64, 0x80}, {64, 0x80}, {64, 0x80}}},
};

static const struct encoding json_units[] = {
    {0, 0xFFFF, 0, 4, {{16, 0, true, "\\u"}, {16, 0, true}, {16, 0, true}, {16, 0, true}}},
    {0x10000,
     CODE_MAX,
     0x10000,
     8,
     {{1, 13, true, "\\u"},
      {4, 8, true},
      {16, 0, true},
      {16, 0, true},
      {1, 13, true, "\\u"},
      {4, 12, true},
      {16, 0, true},
      {16, 0, true}}},
};

struct tree {
    struct grammar_builder *builder;
    const struct code_set *set;
    const struct encoding *encoding;
    uint32_t next;
    uint32_t span[MAX_DIGITS + 1]; /* code points below a digit */
    uint32_t whole[MAX_DIGITS];    /* the leaf of a subtree that is all in the set, once it was made */
};

enum coverage { COVERS_NONE, COVERS_SOME, COVERS_ALL };

static enum coverage coverage(const struct tree *tree, uint32_t first, uint32_t span)
{
    const struct encoding *e = tree->encoding;
    uint32_t last = first + span - 1, from = first < e->first ? e->first : first, to = last < e->last ? last : e->last;
    const struct code_set *set = tree->set;
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (set->ranges[middle].last < from)
            low = middle + 1;
        else
            high = middle;
    }
    if (from > to || low == set->n || set->ranges[low].first > to)
        return COVERS_NONE;
    bool all = from == first && to == last && set->ranges[low].first <= first && set->ranges[low].last >= last;
    return all ? COVERS_ALL : COVERS_SOME;
}

static void set_target(const struct digit *digit, unsigned value, uint32_t leaf, uint32_t targets[256])
{
    value += digit->first;
    if (!digit->hex) {
        targets[value] = leaf;
    } else if (value < 10) {
        targets['0' + value] = leaf;
    } else {
        targets['a' + value - 10] = leaf;
        targets['A' + value - 10] = leaf;
    }
}

static uint32_t grow(struct tree *tree, unsigned depth, uint32_t first)
{
    if (!grammar_spend(tree->builder, 1))
        return LEAF_NONE;
    if (depth == tree->encoding->n_digits)
        return coverage(tree, first, 1) == COVERS_ALL ? tree->next : LEAF_NONE;
    enum coverage covers = coverage(tree, first, tree->span[depth]);
    if (covers == COVERS_NONE || (covers == COVERS_ALL && tree->whole[depth] != LEAF_NONE))
        return covers == COVERS_NONE ? LEAF_NONE : tree->whole[depth];
    const struct digit *digit = &tree->encoding->digits[depth];
    uint32_t targets[256];
    memset(targets, 0xFF, sizeof targets);
    for (unsigned value = 0; value < digit->radix; value++)
        set_target(digit, value, grow(tree, depth + 1, first + value * tree->span[depth + 1]), targets);
    struct leaf_edge edges[256];
    size_t n = 0;
    for (unsigned b = 0; b < 256; b++) {
        if (targets[b] == LEAF_NONE)
            continue;
        if (n && edges[n - 1].next == targets[b] && edges[n - 1].high + 1u == b)
            edges[n - 1].high = (uint8_t)b;
        else
            edges[n++] = (struct leaf_edge){(uint8_t)b, (uint8_t)b, targets[b]};
    }
    uint32_t leaf = n ? leaf_intern(tree->builder, false, edges, n) : LEAF_NONE;
    if (leaf != LEAF_NONE && digit->before)
        leaf = leaf_bytes(tree->builder, str_of(digit->before), leaf);
    if (covers == COVERS_ALL)
        tree->whole[depth] = leaf;
    return leaf;
}

/* The leaf of what is in the set and written so; joined with `beside`, whose texts start otherwise. */
static uint32_t encode(struct grammar_builder *builder, const struct code_set *set, const struct encoding *encoding,
                       uint32_t next, uint32_t beside)
{
    struct tree tree = {.builder = builder, .set = set, .encoding = encoding, .next = next};
    memset(tree.whole, 0xFF, sizeof tree.whole);
    tree.span[encoding->n_digits] = 1;
    for (unsigned i = encoding->n_digits; i-- > 0;)
        tree.span[i] = tree.span[i + 1] * encoding->digits[i].radix;
    uint32_t leaf = grow(&tree, 0, encoding->base);
    size_t budget = 256;
    return leaf == LEAF_NONE || beside == LEAF_NONE ? leaf == LEAF_NONE ? beside : leaf
                                                    : leaf_union(builder, beside, leaf, &budget);
}

static uint32_t encode_utf8(struct grammar_builder *builder, const struct code_set *scalars, uint32_t next)
{
    uint32_t leaf = LEAF_NONE;
    for (size_t i = 0; i < sizeof utf8 / sizeof *utf8; i++)
        leaf = encode(builder, scalars, &utf8[i], next, leaf);
    return leaf;
}

static void copy_scalars(struct grammar_builder *builder, const struct code_set *set, struct code_set *out)
{
    code_set_add_set(out, set);
    code_set_scalars(out);
    if (out->failed)
        grammar_fail(builder, HOB_LIMIT, "a class of characters has too many ranges");
}

uint32_t leaf_utf8(struct grammar_builder *builder, const struct code_set *set, uint32_t next)
{
    struct code_set scalars = {0};
    copy_scalars(builder, set, &scalars);
    uint32_t leaf = encode_utf8(builder, &scalars, next);
    code_set_clear(&scalars);
    return leaf;
}

static uint32_t short_escapes(struct grammar_builder *builder, const struct code_set *set, uint32_t next)
{
    static const char codes[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    uint32_t targets[256];
    struct leaf_edge edges[8];
    size_t n = 0;
    memset(targets, 0xFF, sizeof targets);
    for (size_t i = 0; codes[i]; i++)
        if (code_set_has(set, (uint8_t)codes[i]))
            targets[(uint8_t)letters[i]] = next;
    for (unsigned b = 0; b < 256; b++)
        if (targets[b] != LEAF_NONE)
            edges[n++] = (struct leaf_edge){(uint8_t)b, (uint8_t)b, next};
    return n ? leaf_bytes(builder, STR("\\"), leaf_intern(builder, false, edges, n)) : LEAF_NONE;
}

uint32_t leaf_json_char(struct grammar_builder *builder, const struct code_set *set, uint32_t next)
{
    struct code_set scalars = {0}, raw = {0}, units = {0};
    copy_scalars(builder, set, &scalars);
    code_set_add_set(&raw, &scalars);
    code_set_remove(&raw, 0, 0x1F);
    code_set_remove(&raw, '"', '"');
    code_set_remove(&raw, '\\', '\\');
    code_set_add_set(&units, &scalars);
    code_set_remove(&units, 0x20, 0x7E);
    for (const char *c = "\b\f\n\r\t"; *c; c++)
        code_set_remove(&units, (uint8_t)*c, (uint8_t)*c);
    uint32_t leaf = encode_utf8(builder, &raw, next), escapes = short_escapes(builder, &scalars, next);
    for (size_t i = 0; i < sizeof json_units / sizeof *json_units; i++)
        escapes = encode(builder, &units, &json_units[i], next, escapes);
    size_t budget = 256;
    if (leaf == LEAF_NONE || escapes == LEAF_NONE)
        leaf = leaf == LEAF_NONE ? escapes : leaf;
    else
        leaf = leaf_union(builder, leaf, escapes, &budget);
    code_set_clear(&scalars);
    code_set_clear(&raw);
    code_set_clear(&units);
    return leaf;
}
