/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64.
 */
#include "base/base64.h"

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_read(struct str text, struct buf *out)
{
    if (text.len % 4 != 0)
        return false;
    for (size_t at = 0; at < text.len; at += 4) {
        unsigned padding = 0;
        uint32_t bits = 0;
        for (unsigned i = 0; i < 4; i++) {
            char c = text.ptr[at + i];
            int digit = digit_of(c);
            if (c == '=' && at + 4 == text.len && i >= 2)
                padding++;
            else if (digit < 0 || padding)
                return false;
            bits = bits << 6 | (uint32_t)(digit < 0 ? 0 : digit);
        }
        for (unsigned i = 0; i < 3 - padding; i++)
            if (!buf_byte(out, (char)(bits >> (16 - 8 * i))))
                return false;
    }
    return true;
}

bool base64_write(struct str bytes, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t n = bytes.len - at < 3 ? bytes.len - at : 3;
        uint32_t bits = 0;
        for (size_t i = 0; i < 3; i++)
            bits = bits << 8 | (i < n ? (unsigned char)bytes.ptr[at + i] : 0);
        for (size_t i = 0; i < 4; i++)
            if (!buf_byte(out, i <= n ? digits[bits >> (18 - 6 * i) & 63] : '='))
                return false;
    }
    return true;
}
