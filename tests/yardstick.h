/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast this machine is now, so that bounds on processor time hold on slow and on busy ones.
 */
#ifndef HOB_TESTS_YARDSTICK_H
#define HOB_TESTS_YARDSTICK_H

#include <stdint.h>
#include <time.h>

enum { YARDSTICK_MS = 22 };

/* How many times as long as on the machine where the bounds were found, 1 at least, a fixed loop takes. */
static double slowness(void)
{
    clock_t start = clock();
    volatile uint64_t seed = 1; /* so that the loop is not computed beforehand */
    uint64_t x = seed;
    for (unsigned i = 0; i < 20000000; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    seed = x;
    double times = (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC / YARDSTICK_MS;
    return times > 1 ? times : 1;
}

#endif
