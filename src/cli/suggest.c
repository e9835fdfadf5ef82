/* SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean": the name nearest to a word, by the optimal string alignment distance.
 */
#include <string.h>

#include "cli/cli.h"

enum { MAX_LEN = 40, MAX_DISTANCE = 2 };

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Insertions, deletions, substitutions and swaps of neighbours between two texts of at most MAX_LEN bytes. */
static unsigned distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned rows[MAX_LEN + 1][MAX_LEN + 1];
    for (size_t i = 0; i <= n_a; i++)
        rows[i][0] = (unsigned)i;
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n_a; i++)
        for (size_t j = 1; j <= n_b; j++) {
            unsigned cost = a[i - 1] != b[j - 1];
            rows[i][j] = least(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && rows[i - 2][j - 2] + 1 < rows[i][j])
                rows[i][j] = rows[i - 2][j - 2] + 1;
        }
    return rows[n_a][n_b];
}

const char *suggest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t len = strlen(word);
    unsigned best_distance = MAX_DISTANCE + 1;
    if (len < 2 || len > MAX_LEN)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t n_name = strlen(names[i]);
        if (n_name > MAX_LEN)
            continue;
        unsigned d = distance(word, len, names[i], n_name);
        if (len >= 3 && strncmp(names[i], word, len) == 0) /* the start of a name */
            d = 1;
        if (d < best_distance && 2 * d <= len) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
