/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast text becomes ids.
 *
 *   bench_tokenizer MODEL FILE [BYTES]   encodes FILE in texts of about BYTES (65536), cut at line ends; prints a JSON
 *                                        object. tools/bench-tokenizers.py compares that with the `tokenizers` library
 *   bench_tokenizer MODEL --worst        a million bytes and ten million of what makes careless tokenizers slow
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "model/model.h"

enum { DEFAULT_BYTES = 65536, MAX_FILE_BYTES = 1 << 30 };

static void die(const char *why)
{
    fprintf(stderr, "bench_tokenizer: %s\n", why);
    exit(1);
}

/* The end of the text that starts at `at`: after the last line that ends within `bytes`. */
static size_t text_end(struct str all, size_t at, size_t bytes)
{
    if (all.len - at <= bytes)
        return all.len;
    size_t end = at + bytes;
    const char *line = memrchr(all.ptr + at, '\n', bytes);
    if (line)
        return (size_t)(line - all.ptr) + 1;
    while (end < all.len && ((unsigned char)all.ptr[end] & 0xc0) == 0x80)
        end++;
    return end;
}

static void encode(const struct tokenizer *tokenizer, struct str text, size_t *n_tokens)
{
    struct ids ids = {0};
    struct hob_error err = {0};
    struct encode_options options = {.special = true};
    if (!tokenizer_encode(tokenizer, text, &options, &ids, &err))
        die(err.text);
    *n_tokens += ids.len;
    ids_clear(&ids);
}

static void measure_file(const struct tokenizer *tokenizer, const char *path, size_t bytes)
{
    struct buf file = {0};
    struct hob_error err = {0};
    size_t n_tokens = 0, at = 0;
    if (!file_load(path, MAX_FILE_BYTES, &file, &err))
        die(err.text);
    double start_ms = clock_ms();
    while (at < file.len) {
        size_t end = text_end(buf_view(&file), at, bytes);
        encode(tokenizer, (struct str){file.ptr + at, end - at}, &n_tokens);
        at = end;
    }
    double seconds = (clock_ms() - start_ms) / 1000;
    printf("{\"bytes\": %zu, \"tokens\": %zu, \"seconds\": %.3f}\n", file.len, n_tokens, seconds);
    buf_clear(&file);
}

static void measure_worst(const struct tokenizer *tokenizer)
{
    enum { FEW = 1000000, MANY = 10 * FEW };
    static const struct {
        const char *name, *unit;
    } texts[] = {{"a", "a"},
                 {"emoji", "\xf0\x9f\xa6\x99"},
                 {"spaces", " "},
                 {"line feeds", "\n"},
                 {"a word", "xyzzy"},
                 {"words", "word "},
                 {"digits", "7"},
                 {"marks", "\xcc\x81"},
                 {"dots", "."},
                 {"joiners", "\xe2\x80\x8d"},
                 {"quotes", "'"},
                 {"tabs and feeds", "\t\n"},
                 {"caps", "aB"},
                 {"U+2581", "\xe2\x96\x81"},
                 {"wide", "\xe3\x80\x80"},
                 {"<|", "<|im_start"}};
    struct buf text = {0};
    if (!buf_reserve(&text, MANY + 16))
        die("no memory");
    printf("%-16s %10s %10s %6s\n", "repeated", "1 MB, ms", "10 MB, ms", "times");
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        double ms[2];
        for (unsigned k = 0; k < 2; k++) {
            size_t n_tokens = 0;
            text.len = 0;
            while (text.len < (k ? MANY : FEW))
                buf_str(&text, str_of(texts[i].unit));
            double start_ms = clock_ms();
            encode(tokenizer, buf_view(&text), &n_tokens);
            ms[k] = clock_ms() - start_ms;
        }
        printf("%-16s %10.1f %10.1f %6.1f\n", texts[i].name, ms[0], ms[1], ms[1] / ms[0]);
    }
    buf_clear(&text);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("usage: bench_tokenizer MODEL FILE [BYTES], or MODEL --worst");
    struct hob_error err = {0};
    struct model *model = model_open(argv[1], &err);
    const struct tokenizer *tokenizer = model ? model_tokenizer(model, &err) : NULL;
    if (!tokenizer)
        die(err.text);
    if (strcmp(argv[2], "--worst") == 0)
        measure_worst(tokenizer);
    else
        measure_file(tokenizer, argv[2], argc > 3 ? strtoul(argv[3], NULL, 10) : DEFAULT_BYTES);
    model_close(model);
    return 0;
}
