/* SPDX-License-Identifier: Apache-2.0
 *
 * How far the usual evaluation of a model is from --precise, and how well each foretells a text.
 *
 *     build/bench/bench_kl MODEL.gguf TEXT [-n KL_TOKENS] [-p PERPLEXITY_TOKENS] [-c WINDOW]
 *
 * The text is cut into windows. KL(precise || usual) is the mean over the rows of whole windows, at least KL_TOKENS of
 * them (2000); perplexity is over the second half of each window, at least PERPLEXITY_TOKENS of those (20000), by both
 * evaluations. Both run side by side on the same weights, a few rows at a time, so memory stays small. The last line is
 * JSON.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/engine.h"
#include "families/families.h"

enum { MAX_TEXT_BYTES = 1 << 28, MAX_ROWS = 64 };

/* One of the two evaluations, and the rows of logits it has made that the other has not. */
struct side {
    struct engine *engine;
    struct sequence *sequence;
    float *rows; /* [MAX_ROWS, V] of which the first n_rows are waiting; a step makes fewer */
    size_t n_rows, n_vocab;
    bool ended;
    double surprise; /* sum over scored tokens */
};

struct measure {
    struct side precise, usual;
    const int32_t *ids; /* of the window */
    size_t window, n_rows /* compared in this window */;
    size_t kl_rows, same_best, scored;
    double kl, kl_largest;
    bool wants_kl, wants_perplexity;
};

static void on_logits(void *user, struct sequence *sequence, size_t position, const float *logits)
{
    struct side *side = user;
    (void)sequence;
    (void)position;
    if (side->n_rows < MAX_ROWS)
        memcpy(side->rows + side->n_rows++ * side->n_vocab, logits, side->n_vocab * sizeof *logits);
}

/* One row of logits in double: the natural logarithm of the sum of exponentials, the place of the largest, and the
 * mean of (logits - others) under its probabilities. */
struct row {
    double log_sum, mean_difference;
    size_t best;
};

static struct row read_row(const float *logits, const float *others, size_t n)
{
    struct row row = {0};
    double sum = 0, differences = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[row.best])
            row.best = i;
    for (size_t i = 0; i < n; i++) {
        double e = exp((double)logits[i] - logits[row.best]);
        sum += e;
        differences += e * ((double)logits[i] - others[i]);
    }
    row.log_sum = log(sum) + logits[row.best];
    row.mean_difference = differences / sum;
    return row;
}

/* Compares one row of both. */
static void compare(struct measure *m, const float *p, const float *q)
{
    size_t n = m->precise.n_vocab, next = m->n_rows + 1;
    struct row a = read_row(p, q, n), b = read_row(q, p, n);
    if (m->wants_kl) {
        double kl = a.mean_difference - a.log_sum + b.log_sum;
        m->kl += kl;
        m->kl_largest = kl > m->kl_largest ? kl : m->kl_largest;
        m->same_best += a.best == b.best;
        m->kl_rows++;
    }
    if (m->wants_perplexity && next < m->window && next > m->window / 2) {
        m->precise.surprise += a.log_sum - p[m->ids[next]];
        m->usual.surprise += b.log_sum - q[m->ids[next]];
        m->scored++;
    }
    m->n_rows++;
}

/* Steps a side until it has rows or has ended. */
static void advance(struct side *side)
{
    while (side->n_rows == 0 && !side->ended) {
        const struct engine_event *events;
        size_t n;
        engine_step(side->engine, &events, &n);
        for (size_t i = 0; i < n; i++)
            side->ended = side->ended || events[i].kind == EVENT_END;
    }
}

/* Takes rows both sides have off their fronts. */
static void compare_waiting(struct measure *m)
{
    struct side *a = &m->precise, *b = &m->usual;
    size_t n = a->n_rows < b->n_rows ? a->n_rows : b->n_rows, v = a->n_vocab;
    for (size_t i = 0; i < n; i++)
        compare(m, a->rows + i * v, b->rows + i * v);
    memmove(a->rows, a->rows + n * v, (a->n_rows - n) * v * sizeof *a->rows);
    memmove(b->rows, b->rows + n * v, (b->n_rows - n) * v * sizeof *b->rows);
    a->n_rows -= n;
    b->n_rows -= n;
}

static bool submit(struct side *side, const int32_t *ids, size_t n, struct hob_error *err)
{
    struct sequence_request request = {
        .tokens = ids,
        .n_tokens = n,
        .all_logits = true,
        .on_logits = on_logits,
        .user = side,
    };
    side->n_rows = 0;
    side->ended = false;
    side->sequence = engine_submit(side->engine, &request, err);
    return side->sequence != NULL;
}

static bool run_window(struct measure *m, struct hob_error *err)
{
    m->n_rows = 0;
    if (!submit(&m->precise, m->ids, m->window, err) || !submit(&m->usual, m->ids, m->window, err))
        return false;
    while (!m->precise.ended || !m->usual.ended || m->precise.n_rows || m->usual.n_rows) {
        advance(&m->precise);
        advance(&m->usual);
        compare_waiting(m);
        if (m->precise.ended && m->usual.ended && (m->precise.n_rows == 0) != (m->usual.n_rows == 0))
            break; /* one of them failed; the count of rows tells */
    }
    bool good = m->n_rows == m->window;
    if (!good) {
        const struct hob_error *error = sequence_error(m->precise.sequence);
        error = error->status ? error : sequence_error(m->usual.sequence);
        error_set(err, error->status ? error->status : HOB_FORMAT, "%zu rows of %zu: %s", m->n_rows, m->window,
                  error->text);
    }
    sequence_free(m->precise.sequence);
    sequence_free(m->usual.sequence);
    return good;
}

static bool open_side(struct side *side, struct model *model, size_t ctx, bool precise, struct hob_error *err)
{
    struct engine_options options = {.ctx = ctx, .isa = ISA_AUTO, .precise = precise};
    side->n_vocab = model->n_vocab;
    side->engine = engine_new(model, &options, NULL, NULL, err);
    side->rows = malloc(MAX_ROWS * side->n_vocab * sizeof *side->rows);
    return side->engine && side->rows;
}

/* The ids of a text, without special tokens in it. */
static bool read_ids(struct model *model, const char *path, struct ids *ids, struct hob_error *err)
{
    struct buf text = {0};
    struct encode_options plain = {0};
    const struct tokenizer *tokenizer = model_tokenizer(model, err);
    bool good = tokenizer && file_load(path, MAX_TEXT_BYTES, &text, err) &&
                tokenizer_encode(tokenizer, buf_view(&text), &plain, ids, err);
    buf_clear(&text);
    return good;
}

static void report(const struct measure *m, const char *name)
{
    double kl = m->kl / (double)(m->kl_rows ? m->kl_rows : 1), n = (double)(m->scored ? m->scored : 1);
    double precise = exp(m->precise.surprise / n), usual = exp(m->usual.surprise / n);
    double best = (double)m->same_best / (double)(m->kl_rows ? m->kl_rows : 1);
    printf("%s\n", name);
    printf("  KL(precise || usual)   mean %.3e, largest %.3e over %zu tokens; same best token in %.2f %%\n", kl,
           m->kl_largest, m->kl_rows, 100 * best);
    printf("  perplexity             %.4f usual, %.4f precise over %zu tokens\n", usual, precise, m->scored);
    printf("{\"kl\": %.9g, \"kl_largest\": %.9g, \"kl_tokens\": %zu, \"same_best\": %.9g, \"perplexity\": %.9g, "
           "\"perplexity_precise\": %.9g, \"perplexity_tokens\": %zu}\n",
           kl, m->kl_largest, m->kl_rows, best, usual, precise, m->scored);
}

static bool run(const char *path, const char *text, const size_t numbers[3], struct hob_error *err)
{
    size_t n_families, kl_tokens = numbers[0], perplexity_tokens = numbers[1], window = numbers[2];
    const struct family *const *families = families_all(&n_families);
    struct measure m = {.window = window};
    struct ids ids = {0};
    int32_t *copy = malloc(window * sizeof *copy);
    struct model *model = model_open(path, err);
    bool good = copy && model && model_bind(model, families, n_families, err) && read_ids(model, text, &ids, err) &&
                open_side(&m.precise, model, window, true, err) && open_side(&m.usual, model, window, false, err);
    for (size_t at = 0; good && at + window <= ids.len; at += window) {
        m.wants_kl = m.kl_rows < kl_tokens;
        m.wants_perplexity = m.scored < perplexity_tokens;
        if (!m.wants_kl && !m.wants_perplexity)
            break;
        memcpy(copy, ids.ptr + at, window * sizeof *copy);
        if (tokenizer_adds_bos(model->tokenizer))
            copy[0] = tokenizer_bos(model->tokenizer);
        m.ids = copy;
        good = run_window(&m, err);
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r\033[K%zu of %zu tokens", m.kl_rows + m.scored, kl_tokens + perplexity_tokens);
    }
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    if (good && (m.kl_rows < kl_tokens || m.scored < perplexity_tokens))
        fprintf(stderr, "kl: the text has only %zu tokens\n", ids.len);
    if (good)
        report(&m, model->name);
    engine_free(m.precise.engine);
    engine_free(m.usual.engine);
    free(m.precise.rows);
    free(m.usual.rows);
    free(copy);
    ids_clear(&ids);
    model_close(model);
    return good;
}

int main(int argc, char **argv)
{
    struct hob_error err = {0};
    const char *words[2] = {0};
    size_t n_words = 0, numbers[3] = {2000, 20000, 512};
    for (int i = 1; i < argc; i++) {
        const char *at = argv[i][0] == '-' ? strchr("npc", argv[i][1]) : NULL;
        if (at && *at && i + 1 < argc)
            numbers[at - "npc"] = strtoul(argv[++i], NULL, 10);
        else if (n_words < 2)
            words[n_words++] = argv[i];
    }
    if (n_words != 2 || numbers[2] < 4) {
        fprintf(stderr, "usage: kl MODEL.gguf TEXT [-n KL_TOKENS] [-p PERPLEXITY_TOKENS] [-c WINDOW]\n");
        return HOB_USAGE;
    }
    if (run(words[0], words[1], numbers, &err))
        return 0;
    fprintf(stderr, "kl: %s\n", err.text);
    return err.status ? (int)err.status : HOB_LIMIT;
}
