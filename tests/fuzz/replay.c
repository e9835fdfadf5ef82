/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over each file of its corpus, and over mutants of it made from a seed, as a TAP test: the
 * short stand-in for a fuzzer in every build. HOB_TEST_LONG makes many more mutants from a new seed each time,
 * HOB_TEST_SEED repeats a run. An input that takes longer than MAX_INPUT_S is printed, and fails the test.
 */
#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

enum { MAX_FILE_BYTES = 1 << 20, SHORT_MUTANTS = 64, LONG_MUTANTS = 4096, SHORT_BUDGET_MS = 20000, MAX_INPUT_S = 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled"). */
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dULL;
}

static size_t random_below(uint64_t *state, size_t n)
{
    return n ? (size_t)(random_next(state) % n) : 0;
}

/* One small change of `bytes`, whose capacity is twice MAX_FILE_BYTES; returns the new size. */
static size_t mutate(uint8_t *bytes, size_t size, uint64_t *state)
{
    static const uint64_t odd[] = {0,          1,          0x7f,      0xff,       0x7fffffff,
                                   0x80000000, UINT32_MAX, INT64_MAX, UINT64_MAX, 1 << 20};
    size_t at = random_below(state, size);
    size_t span = 1 + random_below(state, size - at < 64 ? size - at : 64);
    if (span > size - at)
        span = size - at;
    switch (random_below(state, 6)) {
    case 0: /* cut */
        return at;
    case 1: /* remove */
        memmove(bytes + at, bytes + at + span, size - at - span);
        return size - span;
    case 2: /* repeat */
        if (size + span > MAX_FILE_BYTES)
            return size;
        memmove(bytes + at + span, bytes + at, size - at);
        return size + span;
    case 3: { /* a number of 1, 2, 4 or 8 bytes that lengths and counts trip over */
        uint64_t value = odd[random_below(state, sizeof(odd) / sizeof(odd[0]))];
        size_t width = (size_t)1 << random_below(state, 4);
        memcpy(bytes + at, &value, width < size - at ? width : size - at);
        return size;
    }
    case 4: /* a bit */
        if (size)
            bytes[at] ^= (uint8_t)(1u << random_below(state, 8));
        return size;
    default: /* bytes */
        for (size_t i = at; i < at + span; i++)
            bytes[i] = (uint8_t)random_next(state);
        return size;
    }
}

static const uint8_t *tried;
static size_t tried_size;

/* Says which input takes too long, as printf(1) reads it. The target is not in stdio while it runs. */
static void say_slow(int signal_number)
{
    (void)signal_number;
    printf("not ok - this input takes more than %d s: '", MAX_INPUT_S);
    for (size_t i = 0; i < tried_size; i++)
        printf(isalnum(tried[i]) ? "%c" : "\\%03o", tried[i]);
    printf("'\n");
    fflush(stdout);
    _exit(1);
}

/* Hands the target a copy of its own, so that a sanitizer sees a read past the end. */
static void try_input(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, size);
    tried = bytes;
    tried_size = size;
    alarm(MAX_INPUT_S);
    LLVMFuzzerTestOneInput(copy, size);
    alarm(0);
    free(copy);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    int n = argc == 2 ? scandir(argv[1], &entries, is_visible, alphasort) : -1;
    if (n <= 0) {
        printf("1..1\nnot ok 1 - %s is a folder with a corpus\n", argc == 2 ? argv[1] : "the argument");
        return 1;
    }
    const char *given = getenv("HOB_TEST_SEED");
    bool is_long = getenv("HOB_TEST_LONG") != NULL;
    uint64_t seed = given ? strtoull(given, NULL, 0) : is_long ? (uint64_t)time(NULL) : 1;
    uint8_t *bytes = malloc(2 * (size_t)MAX_FILE_BYTES);
    struct buf file = {0};
    double start_ms = clock_ms();
    int failed = 0;
    signal(SIGALRM, say_slow);
    printf("1..%d\n# HOB_TEST_SEED=%llu\n", n, (unsigned long long)seed);
    for (int i = 0; i < n && bytes; i++) {
        char path[4096];
        struct hob_error err = {0};
        snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
        bool good = file_load(path, MAX_FILE_BYTES, &file, &err);
        if (!good)
            printf("# %s\n", err.text);
        /* Said before it is tried: after a crash this is the last line. */
        printf("# trying %s\n", path);
        fflush(stdout);
        if (good)
            try_input((const uint8_t *)file.ptr, file.len);
        uint64_t state = (seed + (uint64_t)i) * 0x9e3779b97f4a7c15ULL | 1;
        for (int k = 0; good && k < (is_long ? LONG_MUTANTS : SHORT_MUTANTS); k++) {
            if (!is_long && clock_ms() - start_ms > SHORT_BUDGET_MS)
                break;
            size_t size = file.len;
            if (size)
                memcpy(bytes, file.ptr, size);
            for (size_t change = 1 + random_below(&state, 4); change > 0; change--)
                size = mutate(bytes, size, &state);
            try_input(bytes, size);
        }
        printf("%sok %d - %s\n", good ? "" : "not ", i + 1, entries[i]->d_name);
        failed += !good;
        free(entries[i]);
    }
    free(entries);
    free(bytes);
    buf_clear(&file);
    return failed ? 1 : 0;
}
