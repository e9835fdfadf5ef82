/* SPDX-License-Identifier: Apache-2.0
 *
 * Leaf arithmetic: one table of functions for each instruction set. ref/ is the specification (docs/numerics.md in
 * C); every other table starts as a copy of it and overrides entries that give the same bits. All functions are
 * pure but for their outputs, allocate nothing and are thread-safe for distinct outputs.
 *
 * Shapes: T rows (tokens), K inputs, N outputs, D head dimension. Rows are float32 unless said. "q8 row" is
 * activation.h's, "panels" are panel.h's, "key block" and "value block" are cache.h's.
 *
 * Alignment: float rows 4 bytes; q8 rows, cache blocks and scratch 64; panels 16. Nothing is read past its end.
 */
#ifndef HOB_KERNELS_KERNELS_H
#define HOB_KERNELS_KERNELS_H

#include <hob.h>

#include "quant/quant.h"

enum isa { ISA_AUTO = -1, ISA_REF, ISA_AVX2, ISA_AVX512, ISA_NEON, ISA_COUNT };

enum activation { ACT_SILU, ACT_GELU_TANH, ACT_GELU_ERF, ACT_RELU };

enum cache_type { CACHE_F16, CACHE_Q8_0, CACHE_F32 };

enum rope_pairing { ROPE_HALVES /* (i, i + n/2), "NEOX" */, ROPE_ADJACENT /* (2i, 2i+1), "NORM" */ };

#define SCRATCH_BYTES (256 * 1024) /* what a kernel may use of its worker's scratch, 64-byte aligned */

/* y[T, N] = x[T, K] . w[N, K]^T for the panels [panel0, panel1), each 16 outputs; outputs past N are not written. */
struct linear_args {
    const struct quant_type *type; /* of the weights */
    const uint8_t *w;              /* panels of all N outputs, panel.h */
    size_t k, n;
    size_t t;
    const void *x;   /* [T] q8 rows or float rows */
    size_t x_stride; /* bytes from row to row */
    float *y;        /* [T, N] */
    size_t y_stride; /* floats from row to row */
};
typedef void linear_fn(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch);

/* Attention of some queries over one block of 64 keys of one kv head (docs/numerics.md, "Attention"), merged into what
 * earlier blocks left. */
struct attend_args {
    size_t n_q;     /* queries: rows and heads that share the kv head */
    const float *q; /* query i at q + i * q_stride, [D] */
    size_t q_stride;
    size_t d, dv; /* dimensions of a key and of a value */
    enum cache_type type;
    const void *k, *v;      /* one key block, one value block */
    ptrdiff_t ahead;        /* bytes from these blocks to those that come next, which are prefetched, or 0 */
    const uint8_t *lo, *hi; /* [n_q]: query i sees keys lo[i] <= j < hi[i] of the block, lo < hi <= 64 */
    float scale, softcap;   /* softcap 0: none */
    float *m, *s;           /* [n_q] each query's state: maximum and sum; a sum of 0 is an empty state, whose
                               maximum and outputs may be anything */
    float *o;               /* [n_q] rows of [DV], o_stride floats apart, of the state: sum of p * v, not divided */
    size_t o_stride;
    void *scratch; /* SCRATCH_BYTES */
};

struct kernels {
    const char *name;
    /* By weight type: with q8 activations, and with float32 activations (float types, and all under --precise). An
     * entry of a type that cannot be a weight is NULL. */
    linear_fn *linear_q8[QUANT_IDS];
    linear_fn *linear_f32[QUANT_IDS];
    /* One q8 row from x[K], K a multiple of 32. */
    void (*quantize)(const float *x, size_t k, void *row);
    /* y = x / sqrt(mean(x^2) + eps) * w; w may be NULL. y may be x. */
    void (*rms_norm)(const float *x, const float *w, size_t n, float eps, float *y);
    /* y = a + b; y = a * b (w broadcast by the caller); y = a * c. y may be an input. */
    void (*add)(const float *a, const float *b, size_t n, float *y);
    void (*mul)(const float *a, const float *b, size_t n, float *y);
    void (*scale)(const float *a, float c, size_t n, float *y);
    /* y = act(gate) * up. y may be an input. */
    void (*glu)(enum activation act, const float *gate, const float *up, size_t n, float *y);
    /* y = act(x). y may be x. */
    void (*activate)(enum activation act, const float *x, size_t n, float *y);
    /* y = cap * tanh(x / cap). y may be x. */
    void (*softcap)(const float *x, float cap, size_t n, float *y);
    /* Rotates the first n_rot of x[D] in place; cosine and sine are [n_rot / 2]. */
    void (*rope)(float *x, const float *cosine, const float *sine, size_t n_rot, enum rope_pairing pairing);
    /* Writes k[D] (v[DV]) as slot j (0..63) of a key (value) block. */
    void (*cache_key)(enum cache_type type, const float *k, size_t d, unsigned j, void *block);
    void (*cache_value)(enum cache_type type, const float *v, size_t dv, unsigned j, void *block);
    void (*attend)(const struct attend_args *args);
    /* Merges the state (m, s, o[DV]) of later blocks, which is not empty, into that of earlier ones, of which an empty
     * one becomes a copy. */
    void (*attend_merge)(float *state_m, float *state_s, float *state_o, float m, float s, const float *o, size_t dv);
    /* out = o / s. */
    void (*attend_end)(const float *o, float s, size_t dv, float *out);
    /* y[i] = exp(x[i] - shift), and returns their sum in the order of docs/numerics.md; y may be x. */
    float (*softmax_exp)(const float *x, float shift, size_t n, float *y);
    /* *max is the largest of x[N] (n >= 1), `max` as docs/numerics.md writes it. Returns whether all are finite. */
    bool (*maximum)(const float *x, size_t n, float *max);
};

/* The table of an instruction set, ISA_AUTO being the best the processor has (or HOB_ISA says). NULL with HOB_USAGE
 * when the processor lacks it or hob was built without it. Thread-safe; the table lives for ever. */
const struct kernels *kernels_select(enum isa isa, struct hob_error *err);

/* Every table this processor can run, for tests and benchmarks: 0 is the plain reference, NULL is past the last.
 * Thread-safe. */
const struct kernels *kernels_table(size_t i);

/* The instruction set of a name ("ref", "avx2", "avx512", "neon"), or ISA_COUNT when there is none such. */
enum isa isa_find(const char *name);

#endif
