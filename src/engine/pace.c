/* SPDX-License-Identifier: Apache-2.0
 *
 * How many rows of prompts a step may have beside rows that decode: as many as delay those by no more than 200 ms, or
 * four steps. How long rows take is learnt from the steps before, by the operations that they are.
 */
#include "engine/internal.h"

#define DELAY_MS    200
#define DELAY_STEPS 4
#define PLANNED     0.75 /* of that: some steps take a third longer than those before let expect */
#define FIRST_ROWS  8    /* while nothing is known */
#define ENOUGH_ROWS 8    /* fewer say little of how long many take */

/* Operations of rows [from, from + n) of a prompt; an 8-bit one counts for less, about as it takes less. */
static double work_of(const struct engine *engine, size_t from, size_t n)
{
    struct graph_cost cost = graph_cost(&engine->graph, from, n, 0);
    return cost.int8 / 8 + cost.fp32;
}

void pace_begin(struct engine *engine)
{
    struct pace *pace = &engine->pace;
    double steps_ms = DELAY_STEPS * pace->decode_ms;
    pace->left_ms = PLANNED * (steps_ms > DELAY_MS ? steps_ms : DELAY_MS);
    pace->foreseen_ms = pace->unit_ms;
    if (pace->unit_ms <= 0 && pace->decode_ms > 0) /* a row takes no longer than a step of one */
        pace->foreseen_ms = pace->decode_ms / work_of(engine, 0, 1);
    pace->work = 0;
    pace->n_rows = 0;
    pace->limited = false;
}

size_t pace_rows(struct engine *engine, size_t from, size_t most, bool free)
{
    struct pace *pace = &engine->pace;
    size_t n = most;
    if (!free && pace->foreseen_ms <= 0 && n > FIRST_ROWS)
        n = FIRST_ROWS;
    for (size_t low = 0; !free && pace->foreseen_ms > 0 && low < n;) { /* the most that fits */
        size_t middle = low + (n - low + 1) / 2;
        if (pace->foreseen_ms * work_of(engine, from, middle) <= pace->left_ms)
            low = middle;
        else
            n = middle - 1;
    }
    if (n == 0 && most > 0 && pace->n_rows == 0) /* one row at least goes on */
        n = 1;
    pace->limited = pace->limited || n < most;
    return n;
}

void pace_take(struct engine *engine, size_t from, size_t n)
{
    double work = n ? work_of(engine, from, n) : 0;
    engine->pace.work += work;
    engine->pace.n_rows += n;
    engine->pace.left_ms -= engine->pace.foreseen_ms * work;
}

void pace_learn(struct engine *engine, double ms)
{
    struct pace *pace = &engine->pace;
    if (pace->n_rows == 0) {
        pace->decode_ms = pace->decode_ms > 0 ? 0.8 * pace->decode_ms + 0.2 * ms : ms;
    } else if (pace->n_rows >= ENOUGH_ROWS || pace->limited) {
        double unit_ms = ms / pace->work;
        pace->unit_ms = pace->unit_ms > unit_ms ? 0.5 * pace->unit_ms + 0.5 * unit_ms : unit_ms;
    }
}
