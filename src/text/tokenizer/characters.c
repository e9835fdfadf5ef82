/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewriting a text character by character.
 */
#include "text/tokenizer/characters.h"

#include <utf8proc.h>

#include "text/tokenizer/unicode.h"

static void put(struct buf *out, uint32_t code)
{
    char bytes[4];
    buf_add(out, bytes, utf8_encode(code, bytes));
}

/* The library lowers by Unicode 17. These capitals are newer than what utf8proc knows. */
static const int32_t new_capitals[][3] = {
    {0x1c89, 0x1c89, 0x1c8a},    {0xa7cb, 0xa7cb, 0x264},    {0xa7cc, 0xa7cc, 0xa7cd}, {0xa7ce, 0xa7ce, 0xa7cf},
    {0xa7d2, 0xa7d2, 0xa7d3},    {0xa7d4, 0xa7d4, 0xa7d5},   {0xa7da, 0xa7da, 0xa7db}, {0xa7dc, 0xa7dc, 0x19b},
    {0x10d50, 0x10d65, 0x10d70}, {0x16ea0, 0x16eb8, 0x16ebb}};

static void lower(int32_t code, struct buf *out)
{
    /* The only one that becomes two. */
    if (code == 0x130) {
        put(out, 'i');
        put(out, 0x307);
        return;
    }
    for (size_t i = 0; code >= new_capitals[0][0] && i < sizeof(new_capitals) / sizeof(*new_capitals); i++) {
        if (code >= new_capitals[i][0] && code <= new_capitals[i][1]) {
            put(out, (uint32_t)(new_capitals[i][2] + code - new_capitals[i][0]));
            return;
        }
    }
    put(out, (uint32_t)utf8proc_tolower(code));
}

/* Marks that came with the version of Unicode in the third place, or later. The library's tables of combining marks are
 * of Unicode 9, those of category Mn of Unicode 8; to them these are no marks. */
static const int32_t later_marks[][3] = {
    {0x7fd, 0x7fd, 10},     {0x898, 0x89f, 10},     {0x8ca, 0x8d3, 10},     {0x8d4, 0x8e1, 9},
    {0x9fe, 0x9fe, 10},     {0xafa, 0xaff, 10},     {0xb55, 0xb55, 10},     {0xc04, 0xc04, 10},
    {0xc3c, 0xc3c, 10},     {0xcf3, 0xcf3, 10},     {0xd00, 0xd00, 10},     {0xd3b, 0xd3c, 10},
    {0xd81, 0xd81, 10},     {0xeba, 0xeba, 10},     {0xece, 0xece, 10},     {0x1715, 0x1715, 10},
    {0x180f, 0x180f, 10},   {0x1885, 0x1886, 9},    {0x1abf, 0x1ace, 10},   {0x1cf7, 0x1cf7, 10},
    {0x1df6, 0x1dfa, 10},   {0x1dfb, 0x1dfb, 9},    {0xa82c, 0xa82c, 10},   {0xa8c5, 0xa8c5, 9},
    {0xa8ff, 0xa8ff, 10},   {0xa9bd, 0xa9bd, 9},    {0x10d24, 0x10d27, 10}, {0x10eab, 0x10eac, 10},
    {0x10efd, 0x10eff, 10}, {0x10f46, 0x10f50, 10}, {0x10f82, 0x10f85, 10}, {0x11070, 0x11070, 10},
    {0x11073, 0x11074, 10}, {0x110c2, 0x110c2, 10}, {0x11145, 0x11146, 10}, {0x111c9, 0x111c9, 10},
    {0x111ce, 0x111cf, 10}, {0x1123e, 0x1123e, 9},  {0x11241, 0x11241, 10}, {0x1133b, 0x1133b, 10},
    {0x11438, 0x1143f, 9},  {0x11442, 0x11444, 9},  {0x11446, 0x11446, 9},  {0x1145e, 0x1145e, 10},
    {0x1182c, 0x1183a, 10}, {0x11930, 0x11935, 10}, {0x11937, 0x11938, 10}, {0x1193b, 0x1193e, 10},
    {0x11940, 0x11940, 10}, {0x11942, 0x11943, 10}, {0x119d1, 0x119d7, 10}, {0x119da, 0x119e0, 10},
    {0x119e4, 0x119e4, 10}, {0x11a01, 0x11a0a, 10}, {0x11a33, 0x11a39, 10}, {0x11a3b, 0x11a3e, 10},
    {0x11a47, 0x11a47, 10}, {0x11a51, 0x11a5b, 10}, {0x11a8a, 0x11a99, 10}, {0x11c30, 0x11c36, 9},
    {0x11c38, 0x11c3d, 9},  {0x11c3f, 0x11c3f, 9},  {0x11c92, 0x11ca7, 9},  {0x11caa, 0x11cb0, 9},
    {0x11cb2, 0x11cb3, 9},  {0x11cb5, 0x11cb6, 9},  {0x11d31, 0x11d36, 10}, {0x11d3a, 0x11d3a, 10},
    {0x11d3c, 0x11d3d, 10}, {0x11d3f, 0x11d45, 10}, {0x11d47, 0x11d47, 10}, {0x11d8a, 0x11d8e, 10},
    {0x11d90, 0x11d91, 10}, {0x11d93, 0x11d97, 10}, {0x11ef3, 0x11ef6, 10}, {0x11f00, 0x11f01, 10},
    {0x11f03, 0x11f03, 10}, {0x11f34, 0x11f3a, 10}, {0x11f3e, 0x11f42, 10}, {0x13440, 0x13440, 10},
    {0x13447, 0x13455, 10}, {0x16f4f, 0x16f4f, 10}, {0x16f7f, 0x16f87, 10}, {0x16fe4, 0x16fe4, 10},
    {0x16ff0, 0x16ff1, 10}, {0x1cf00, 0x1cf2d, 10}, {0x1cf30, 0x1cf46, 10}, {0x1e000, 0x1e006, 9},
    {0x1e008, 0x1e018, 9},  {0x1e01b, 0x1e021, 9},  {0x1e023, 0x1e024, 9},  {0x1e026, 0x1e02a, 9},
    {0x1e08f, 0x1e08f, 10}, {0x1e130, 0x1e136, 10}, {0x1e2ae, 0x1e2ae, 10}, {0x1e2ec, 0x1e2ef, 10},
    {0x1e4ec, 0x1e4ef, 10}, {0x1e944, 0x1e94a, 9}};

static bool is_later_mark(int32_t code, int32_t version)
{
    size_t low = 0, high = sizeof(later_marks) / sizeof(*later_marks);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (code > later_marks[middle][1])
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof(later_marks) / sizeof(*later_marks) && code >= later_marks[low][0] &&
           later_marks[low][2] >= version;
}

static bool is_combining(int32_t code)
{
    utf8proc_category_t category = utf8proc_category(code);
    bool mark = category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
                category == UTF8PROC_CATEGORY_ME || code == 0x1cf2 || code == 0x1cf3;
    return mark && !is_later_mark(code, 10);
}

static bool is_nonspacing(int32_t code)
{
    return (utf8proc_category(code) == UTF8PROC_CATEGORY_MN || code == 0x1734) && !is_later_mark(code, 9);
}

/* Categories Cc, Cf and Co, without what came after Unicode 8. */
static bool is_other(int32_t code)
{
    bool later =
        code == 0x890 || code == 0x891 || code == 0x8e2 || code == 0x110cd || (code >= 0x13430 && code <= 0x1343f);
    utf8proc_category_t category = utf8proc_category(code);
    return !later &&
           (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_CO);
}

static void clean(int32_t code, struct buf *out)
{
    if (code == '\t' || code == '\n' || code == '\r')
        put(out, ' ');
    else if (code != 0xfffd && !is_other(code))
        put(out, unicode_is_space(code) ? ' ' : (uint32_t)code);
}

static bool is_ideograph(int32_t code)
{
    /* 0x2B920 is the library's, where BERT's own code has 0x2B820. */
    static const int32_t ranges[][2] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},   {0x20000, 0x2a6df},
                                        {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        if (code >= ranges[i][0] && code <= ranges[i][1])
            return true;
    return false;
}

static void nmt(int32_t code, struct buf *out)
{
    if ((code >= 1 && code <= 8) || code == 0xb || (code >= 0xe && code <= 0x1f) || code == 0x7f || code == 0x8f ||
        code == 0x9f)
        return;
    bool space = code == '\t' || code == '\n' || code == '\f' || code == '\r' || code == 0x1680 ||
                 (code >= 0x200b && code <= 0x200f) || code == 0x2028 || code == 0x2029 || code == 0x2581 ||
                 code == 0xfeff || code == 0xfffd;
    put(out, space ? ' ' : (uint32_t)code);
}

static void map_one(enum character_map map, int32_t code, struct buf *out)
{
    switch (map) {
    case CHARACTER_LOWER:
        lower(code, out);
        break;
    case CHARACTER_DROP_MARKS:
        if (!is_combining(code))
            put(out, (uint32_t)code);
        break;
    case CHARACTER_DROP_NONSPACING:
        if (!is_nonspacing(code))
            put(out, (uint32_t)code);
        break;
    case CHARACTER_CLEAN:
        clean(code, out);
        break;
    case CHARACTER_SPACE_IDEOGRAPHS:
        if (is_ideograph(code)) {
            put(out, ' ');
            put(out, (uint32_t)code);
            put(out, ' ');
        } else {
            put(out, (uint32_t)code);
        }
        break;
    case CHARACTER_NMT:
        nmt(code, out);
        break;
    }
}

bool characters_map(enum character_map map, struct str text, struct buf *out)
{
    for (size_t at = 0; at < text.len && !out->failed;) {
        unsigned size;
        int32_t code = utf8_decode(text, at, &size);
        if (code < 0)
            buf_byte(out, text.ptr[at]);
        else
            map_one(map, code, out);
        at += size;
    }
    return !out->failed;
}

bool characters_drops(enum character_map map, int32_t code)
{
    struct buf out = {0};
    map_one(map, code, &out);
    bool drops = out.len == 0;
    buf_clear(&out);
    return drops;
}
