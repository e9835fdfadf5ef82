/* SPDX-License-Identifier: Apache-2.0
 *
 * The byte alphabet of byte-level BPE.
 */
#include "text/tokenizer/bpe_alphabet.h"

/* The bytes that are not their own character: 0x00-0x20, 0x7F-0xA0, 0xAD. */
enum { FIRST_SHIFTED = 0x100, N_LOW = 0x21, N_MIDDLE = 0xa1 - 0x7f, N_SHIFTED = N_LOW + N_MIDDLE + 1 };

uint32_t alphabet_of_byte(uint8_t byte)
{
    if (byte < N_LOW)
        return FIRST_SHIFTED + byte;
    if (byte >= 0x7f && byte <= 0xa0)
        return FIRST_SHIFTED + N_LOW + (byte - 0x7fu);
    return byte == 0xad ? FIRST_SHIFTED + N_SHIFTED - 1 : byte;
}

int alphabet_to_byte(int32_t code)
{
    if (code < 0 || code >= FIRST_SHIFTED + N_SHIFTED)
        return -1;
    if (code < FIRST_SHIFTED)
        return alphabet_of_byte((uint8_t)code) == (uint32_t)code ? code : -1;
    int i = code - FIRST_SHIFTED;
    return i < N_LOW ? i : i < N_LOW + N_MIDDLE ? 0x7f + i - N_LOW : 0xad;
}

bool alphabet_write(struct str bytes, struct buf *out)
{
    /* Every character of the alphabet takes one or two bytes. */
    if (bytes.len > SIZE_MAX / 2 || !buf_reserve(out, 2 * bytes.len))
        return false;
    char *p = out->ptr + out->len;
    for (size_t i = 0; i < bytes.len; i++)
        p += utf8_encode(alphabet_of_byte((uint8_t)bytes.ptr[i]), p);
    out->len = (size_t)(p - out->ptr);
    return true;
}

bool alphabet_read(struct str text, struct buf *out)
{
    size_t before = out->len;
    for (size_t at = 0; at < text.len;) {
        unsigned size;
        int byte = alphabet_to_byte(utf8_decode(text, at, &size));
        if (byte < 0) {
            out->len = before;
            return buf_str(out, text);
        }
        if (!buf_byte(out, (char)byte))
            return false;
        at += size;
    }
    return true;
}
