/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk of x86 linear kernels, see linear_walk.h. Compiled for AVX2.
 */
#include "kernels/activation.h"
#include "kernels/x86/linear_walk.h"

#define SPAN_TILES     16 /* tiles of a span: what of k is walked before the next columns */
#define SPAN           (SPAN_TILES * TILE_GROUPS * 32)
#define SLAB           256 /* columns at most walked together */
#define SLAB_BYTES     (256 * 1024)
#define COLUMN_ENTRIES (SPAN_TILES * 32)
#define COLUMN_BYTES   (COLUMN_ENTRIES * sizeof(struct column))
#define WIDE_COLUMNS   128 /* so many columns have room for WIDE_SPAN widened integers each */
#define WIDE_SPAN      512
#define PART_SUMS      64   /* columns of a call times groups of a part of a tile, where few columns use it */
#define PART_COLUMNS   32   /* so many are few */
#define AHEAD          4096 /* bytes from weights in use to those prefetched, at least */
#define AHEAD_COLUMNS  4    /* with fewer columns the processor's own prefetching is faster */

struct q8_scratch {
    float acc[SLAB][PANEL_ROWS];
    struct column columns[COLUMN_ENTRIES]; /* [tile][column of the slab]; behind them, widened integers */
    struct unpacked_group tile[TILE_GROUPS];
};

_Static_assert(sizeof(struct q8_scratch) <= SCRATCH_BYTES, "the scratch holds sums and columns");
_Static_assert((sizeof(struct column) + 2 * WIDE_SPAN) * WIDE_COLUMNS <= COLUMN_BYTES, "room for WIDE_COLUMNS");

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Tiles of n_k elements. */
static size_t tiles_of(size_t n_k)
{
    return (n_k + TILE_GROUPS * 32 - 1) / (TILE_GROUPS * 32);
}

/* The sums of 8 groups from those of their halves. */
static __m256i group_sums(__m256i halves)
{
    return _mm256_madd_epi16(halves, _mm256_set1_epi16(1));
}

/* Sums of the two halves of 32-bit words of a and b: two of a, two of b, in each half of the register. */
static ALWAYS_INLINE __m256i fold_words(__m256i a, __m256i b)
{
    return _mm256_add_epi16(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
}

/* The `lanes` of 4 groups. */
static void fill_lanes(const int8_t *q, unsigned g, short offset, struct column *out)
{
    __m256i pairs[4];
    for (unsigned i = 0; i < 4; i++)
        pairs[i] = _mm256_maddubs_epi16(_mm256_set1_epi8(1), load_bytes(q + (size_t)(g + i) * 32));
    __m256i a = fold_words(pairs[0], pairs[1]), b = fold_words(pairs[2], pairs[3]);
    __m256i sums = _mm256_add_epi16(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    sums = _mm256_mullo_epi16(sums, _mm256_set1_epi16(offset));
    _mm_storeu_si128((__m128i *)(out->lanes[0] + g), _mm256_castsi256_si128(sums));
    _mm_storeu_si128((__m128i *)(out->lanes[1] + g), _mm256_extracti128_si256(sums, 1));
}

/* Fills in a column of a tile of n_groups from the integers, scales and sums of a q8 row. */
static void fill_column(const struct form *form, const int8_t *q, const float *scales, const int16_t *sums,
                        unsigned n_groups, struct column *out)
{
    float a[TILE_GROUPS];
    int16_t s[TILE_GROUPS * 2];
    if (n_groups < TILE_GROUPS) { /* so that the rest may read whole registers */
        memcpy(a, scales, n_groups * sizeof *a);
        memcpy(s, sums, n_groups * 2 * sizeof *s);
        scales = a;
        sums = s;
    }
    for (unsigned g = 0; g < n_groups; g += 8) {
        __m256 scale = _mm256_loadu_ps(scales + g);
        _mm256_storeu_ps(out->a + g, scale);
        const __m256i halves = load_bytes(sums + 2 * g), factor = _mm256_set1_epi32(form->offset);
        if (form->two_sums) {
            __m256i first = _mm256_srai_epi32(_mm256_slli_epi32(halves, 16), 16),
                    second = _mm256_srai_epi32(halves, 16);
            const __m256i more = _mm256_set1_epi32(SIXTEEN);
            first = _mm256_add_epi32(_mm256_mullo_epi32(first, factor), more);
            second = _mm256_add_epi32(_mm256_mullo_epi32(second, factor), more);
            _mm256_storeu_si256((__m256i *)(out->offset[0] + g), first);
            _mm256_storeu_si256((__m256i *)(out->offset[1] + g), second);
        } else if (form->bits == 6) {
            fill_lanes(q, g, (short)form->offset, out);
            fill_lanes(q, g + 4, (short)form->offset, out);
        } else if (form->has_min) {
            __m256 sum = _mm256_cvtepi32_ps(group_sums(halves));
            _mm256_storeu_ps(out->sum + g, _mm256_mul_ps(scale, sum));
        } else {
            _mm256_storeu_si256((__m256i *)(out->offset[0] + g), _mm256_mullo_epi32(group_sums(halves), factor));
        }
    }
}

/* Some columns and a span of k. */
struct slab {
    const struct linear_args *args;
    const struct q8_format *format;
    size_t t0, n_t;                  /* columns */
    size_t group0, n_groups;         /* groups of k */
    size_t group_bytes, panel_bytes; /* of a group of a panel, and of a panel */
    const int8_t *q;                 /* the integers of the first column, as int16 if they were widened */
    size_t q_stride, q_group_bytes;  /* from column to column, and of a group */
    unsigned n_steps, least, more;   /* steps of columns; columns of a step, and how many steps have one more */
    bool unpacked, wide;             /* the weights; and the columns' integers, too */
    unsigned part;                   /* groups of a tile that all columns meet before the next */
    size_t distance;                 /* bytes from a part to what is prefetched with it; 0: nothing is */
};

/* The sums of 16 outputs and all columns. */
struct sums {
    float *at;
    size_t stride; /* floats from column to column */
};

/* How the columns meet a panel. */
static void slab_plan(struct slab *slab)
{
    const struct q8_format *format = slab->format;
    unsigned n_t = (unsigned)slab->n_t;
    slab->n_steps = (n_t + format->columns - 1) / format->columns;
    slab->least = n_t / slab->n_steps;
    slab->more = n_t % slab->n_steps;
    slab->wide = format->widen && n_t >= format->unpack_columns;
    slab->unpacked = slab->wide || (format->from_tile && n_t >= format->unpack_columns);
    slab->part = slab->unpacked ? format->unpack_groups : TILE_GROUPS;
    if (n_t < AHEAD_COLUMNS)
        return;
    unsigned short_part = PART_SUMS / format->columns / 8 * 8; /* whole blocks of any format */
    if (n_t <= PART_COLUMNS && slab->part > short_part)
        slab->part = short_part;
    /* What is unpacked next has been read by then. One distance for all parts: with a shorter one for a shorter part,
     * bytes would be left out. */
    size_t bytes = min_size(slab->part, slab->n_groups) * slab->group_bytes;
    slab->distance = slab->unpacked && bytes > AHEAD ? bytes : AHEAD;
}

static const char *slab_row(const struct slab *slab, size_t t)
{
    return (const char *)slab->args->x + (slab->t0 + t) * slab->args->x_stride;
}

static void fill_columns(const struct slab *slab, struct column *columns)
{
    size_t k = slab->args->k;
    for (size_t at = 0; at < slab->n_groups; at += TILE_GROUPS)
        for (size_t t = 0; t < slab->n_t; t++, columns++) {
            const float *scales = (const float *)(slab_row(slab, t) + q8_scale_offset(k));
            const int16_t *sums = (const int16_t *)(scales + k / 32);
            size_t group = slab->group0 + at;
            fill_column(slab->format->form, (const int8_t *)slab_row(slab, t) + group * 32, scales + group,
                        sums + 2 * group, (unsigned)min_size(slab->n_groups - at, TILE_GROUPS), columns);
        }
}

/* Widens the integers of all columns, once for all panels. */
static void widen_columns(struct slab *slab, void *out)
{
    int8_t *wide = out;
    const size_t stride = slab->n_groups * 2 * 32;
    for (size_t t = 0; t < slab->n_t; t++)
        slab->format->widen(slab->q + t * slab->q_stride, (unsigned)slab->n_groups, wide + t * stride);
    slab->q = wide;
    slab->q_stride = stride;
    slab->q_group_bytes = 2 * 32;
}

/* What is prefetched while all columns meet a part of a tile: as many bytes as the part has, a share before each call,
 * so that memory is read while sums are made. */
struct ahead {
    const uint8_t *at, *end;
    size_t share;
};

/* The part of n_groups groups at w is group `at` of the span. */
static struct ahead ahead_begin(const struct slab *slab, const uint8_t *w, size_t at, unsigned n_groups)
{
    if (slab->distance == 0)
        return (struct ahead){w, w, 0};
    size_t bytes = n_groups * slab->group_bytes;
    w += slab->distance;
    /* Behind the span, the same span of the next panel. */
    if (slab->distance >= (slab->n_groups - at) * slab->group_bytes)
        w += slab->panel_bytes - slab->n_groups * slab->group_bytes;
    return (struct ahead){w, w + bytes, (bytes / slab->n_steps + 63) / 64 * 64};
}

/* Into the second level. */
static void ahead_next(struct ahead *ahead)
{
    const uint8_t *to = (size_t)(ahead->end - ahead->at) > ahead->share ? ahead->at + ahead->share : ahead->end;
    for (const uint8_t *line = ahead->at; line < to; line += 64)
        __builtin_prefetch(line, 0, 2);
    ahead->at = to;
}

/* Sums of the columns with groups first .. of a tile: n_groups of them at w, which are also unpacked or kept at `tile`
 * if that is given. */
static void columns_step(const struct slab *slab, const uint8_t *w, size_t at, unsigned first, unsigned n_groups,
                         const struct column *columns, float (*acc)[PANEL_ROWS], void *tile)
{
    const struct q8_format *format = slab->format;
    tile_fn *fn = tile ? format->from_tile : format->from_panel;
    const int8_t *x = slab->q + (at + first) * slab->q_group_bytes;
    struct ahead ahead = ahead_begin(slab, w, at + first, n_groups);
    for (unsigned step = 0, t = 0; step < slab->n_steps; step++) {
        ahead_next(&ahead);
        unsigned n_columns = slab->least + (step < slab->more);
        const int8_t *q[WALK_COLUMNS];
        for (unsigned c = 0; c < n_columns; c++, x += slab->q_stride)
            q[c] = x;
        if (tile && format->keep && step == 0)
            format->keep(n_columns, w, first, n_groups, q, columns, acc[0], tile);
        else
            fn(n_columns, tile ? tile : w, first, n_groups, q, columns + t, acc[t]);
        t += n_columns;
    }
}

/* The same of widened columns. */
static void wide_step(const struct slab *slab, const uint8_t *w, size_t at, unsigned first, unsigned n_groups,
                      const struct column *columns, struct sums sums, const void *tile)
{
    const int8_t *x = slab->q + (at + first) * slab->q_group_bytes;
    struct ahead ahead = ahead_begin(slab, w, at + first, n_groups);
    for (unsigned step = 0; step < slab->n_steps; step++) {
        ahead_next(&ahead);
        unsigned n_columns = slab->least + (step < slab->more);
        const int8_t *q[WALK_COLUMNS];
        for (unsigned c = 0; c < n_columns; c++, x += slab->q_stride)
            q[c] = x;
        slab->format->from_wide(n_columns, tile, first, n_groups, q, columns, sums.at, sums.stride);
        columns += n_columns;
        sums.at += n_columns * sums.stride;
    }
}

/* Sums of the columns with a tile of a panel, which starts at w and is group `at` of the span. */
static void tile_step(const struct slab *slab, const uint8_t *w, size_t at, const struct column *columns,
                      struct sums sums, struct q8_scratch *scratch)
{
    const struct q8_format *format = slab->format;
    unsigned n_groups = (unsigned)min_size(slab->n_groups - at, TILE_GROUPS);
    for (unsigned first = 0; first < n_groups; first += slab->part, w += slab->part * slab->group_bytes) {
        unsigned n = (unsigned)min_size(n_groups - first, slab->part);
        if (slab->unpacked && format->unpack)
            format->unpack(w, n, scratch->tile);
        if (slab->wide)
            wide_step(slab, w, at, first, n, columns, sums, scratch->tile);
        else
            columns_step(slab, w, at, first, n, columns, scratch->acc, slab->unpacked ? scratch->tile : NULL);
    }
}

/* The sums of a panel so far, zero where k starts. Of widened columns they stay in y, which saves a copy a span; of
 * others, and of a panel that ends behind N, they are in `acc`. */
static struct sums sums_begin(const struct slab *slab, size_t panel, float (*acc)[PANEL_ROWS])
{
    const struct linear_args *args = slab->args;
    size_t n = min_size(args->n - panel * PANEL_ROWS, PANEL_ROWS);
    struct sums place = {args->y + slab->t0 * args->y_stride + panel * PANEL_ROWS, args->y_stride};
    if (slab->wide && n == PANEL_ROWS) {
        for (size_t t = 0; slab->group0 == 0 && t < slab->n_t; t++)
            memset(place.at + t * place.stride, 0, PANEL_ROWS * sizeof *place.at);
        return place;
    }
    if (slab->group0 == 0 || n < PANEL_ROWS)
        memset(acc, 0, slab->n_t * sizeof *acc);
    for (size_t t = 0; slab->group0 > 0 && t < slab->n_t; t++)
        if (n == PANEL_ROWS)
            memcpy(acc[t], place.at + t * place.stride, sizeof acc[t]);
        else
            memcpy(acc[t], place.at + t * place.stride, n * sizeof *place.at);
    return (struct sums){acc[0], PANEL_ROWS};
}

/* Copies them to y if they are in `acc`. Outputs past N stay out. */
static void sums_end(const struct slab *slab, size_t panel, struct sums sums)
{
    const struct linear_args *args = slab->args;
    size_t n = min_size(args->n - panel * PANEL_ROWS, PANEL_ROWS);
    float *y = args->y + slab->t0 * args->y_stride + panel * PANEL_ROWS;
    for (size_t t = 0; y != sums.at && t < slab->n_t; t++)
        if (n == PANEL_ROWS)
            memcpy(y + t * args->y_stride, sums.at + t * PANEL_ROWS, PANEL_ROWS * sizeof *y);
        else
            memcpy(y + t * args->y_stride, sums.at + t * PANEL_ROWS, n * sizeof *y);
}

/* Asks for the place of the sums of a panel: a line in every row of y (its first, if rows are not aligned), which
 * together are more than the caches hold. */
static void sums_prefetch(const struct slab *slab, size_t panel)
{
    const struct linear_args *args = slab->args;
    const float *y = args->y + slab->t0 * args->y_stride + panel * PANEL_ROWS;
    for (size_t t = 0; t < slab->n_t; t++)
        __builtin_prefetch(y + t * args->y_stride, 1, 2);
}

/* One column shares nothing with others, and memory is what it waits for: so a tile of a panel is a call and little
 * else. */
static void one_column(const struct slab *slab, size_t panel0, size_t panel1, const struct column *columns)
{
    const struct linear_args *args = slab->args;
    const uint8_t *span = args->w + slab->group0 * slab->group_bytes;
    for (size_t panel = panel0; panel < panel1; panel++) {
        const uint8_t *w = span + panel * slab->panel_bytes;
        const int8_t *q = slab->q;
        size_t n = min_size(args->n - panel * PANEL_ROWS, PANEL_ROWS);
        float acc[PANEL_ROWS] = {0}, *y = args->y + slab->t0 * args->y_stride + panel * PANEL_ROWS;
        if (slab->group0 > 0)
            memcpy(acc, y, n * sizeof *y);
        for (size_t at = 0; at < slab->n_groups; at += TILE_GROUPS, q += TILE_GROUPS * 32) {
            unsigned n_groups = (unsigned)min_size(slab->n_groups - at, TILE_GROUPS);
            slab->format->from_panel(1, w + at * slab->group_bytes, 0, n_groups, &q, columns + at / TILE_GROUPS, acc);
        }
        if (n == PANEL_ROWS)
            memcpy(y, acc, sizeof acc);
        else
            memcpy(y, acc, n * sizeof *y);
    }
}

static void slab_panels(struct slab *slab, size_t panel0, size_t panel1, struct q8_scratch *scratch)
{
    fill_columns(slab, scratch->columns);
    if (slab->n_t == 1) {
        one_column(slab, panel0, panel1, scratch->columns);
        return;
    }
    slab_plan(slab);
    if (slab->wide)
        widen_columns(slab, scratch->columns + slab->n_t * tiles_of(slab->n_groups * 32));
    for (size_t panel = panel0; panel < panel1; panel++) {
        const uint8_t *w = slab->args->w + panel * slab->panel_bytes + slab->group0 * slab->group_bytes;
        const struct column *columns = scratch->columns;
        struct sums sums = sums_begin(slab, panel, scratch->acc);
        if (panel + 1 < panel1)
            sums_prefetch(slab, panel + 1);
        for (size_t at = 0; at < slab->n_groups;
             at += TILE_GROUPS, w += TILE_GROUPS * slab->group_bytes, columns += slab->n_t)
            tile_step(slab, w, at, columns, sums, scratch);
        sums_end(slab, panel, sums);
    }
}

/* What a column needs of the scratch where integers are widened. */
static size_t wide_bytes(size_t n_k)
{
    return tiles_of(n_k) * sizeof(struct column) + 2 * n_k;
}

/* How much of k is walked with t columns whose integers are widened: as much as there is room for. */
static size_t wide_span(size_t t)
{
    size_t span = WIDE_SPAN, room = COLUMN_BYTES / min_size(t, WIDE_COLUMNS);
    while (span + WIDE_SPAN <= SPAN && wide_bytes(span + WIDE_SPAN) <= room)
        span += WIDE_SPAN;
    return span;
}

void linear_walk(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch,
                 const struct q8_format *format)
{
    size_t group_bytes = form_block_bytes(*format->form) / format->form->groups;
    bool wide = format->widen && args->t >= format->unpack_columns;
    if (args->t == 0 || args->k == 0)
        return;
    size_t span = wide ? wide_span(args->t) : SPAN, longest = min_size(args->k, span);
    size_t most = min_size(min_size(COLUMN_ENTRIES / tiles_of(longest), SLAB), SLAB_BYTES / longest);
    if (wide)
        most = min_size(most, COLUMN_BYTES / wide_bytes(longest));
    size_t n_slabs = (args->t + most - 1) / most, even = (args->t + n_slabs - 1) / n_slabs;
    for (size_t t0 = 0; t0 < args->t; t0 += even)
        for (size_t k0 = 0; k0 < args->k; k0 += span) {
            size_t n_k = min_size(args->k - k0, span);
            struct slab slab = {.args = args,
                                .format = format,
                                .t0 = t0,
                                .n_t = min_size(args->t - t0, even),
                                .group0 = k0 / 32,
                                .n_groups = n_k / 32,
                                .group_bytes = group_bytes,
                                .panel_bytes = args->k / 32 * group_bytes,
                                .q = (const int8_t *)args->x + t0 * args->x_stride + k0,
                                .q_stride = args->x_stride,
                                .q_group_bytes = 32};
            slab_panels(&slab, panel0, panel1, scratch);
        }
}
