/* SPDX-License-Identifier: Apache-2.0
 *
 * The graph: what a model computes for one batch of rows, and the flat program it is compiled to.
 *
 * A value is [rows, width], float32 or q8 rows; its width is fixed, its rows are the batch's or, after a select, the
 * rows whose logits are wanted. A family builds the graph once with the functions of section 2; graph_compile() inserts
 * the 8-bit activations, fuses nodes into steps and gives every value its place. A back end runs the program.
 *
 * Building functions return a value's number, or -1 after a mistake (widths that do not fit, memory), which sticks:
 * graph_compile() reports the first. One thread at a time; a compiled program is read-only.
 */
#ifndef HOB_GRAPH_GRAPH_H
#define HOB_GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/str.h"
#include "kernels/kernels.h"

/* ---- 1. Weights, values, nodes --------------------------------------------------------------------- */

/* A weight as the graph sees it: a matrix [n, k] in panels or a vector [n] of float32. The bytes may be filled in after
 * the graph is built; graphs hold the pointer. */
struct weight {
    const char *name;
    const struct quant_type *type; /* of a matrix; F32 for vectors */
    size_t k, n;                   /* a vector has k == 1 */
    const uint8_t *panels;         /* matrices: kernels/panel.h */
    const float *values;           /* vectors */
};

/* Inverse frequencies of one rotary embedding; cosine and sine are multiplied by `magnitude`. */
struct rope {
    size_t n_rot;               /* rotated dimensions of a head, even */
    const float *inv_frequency; /* [n_rot / 2] */
    float magnitude;
};

enum op {
    OP_EMBED,  /* rows of a table, times `f` */
    OP_ANGLES, /* cosine | sine of the rows' positions, [n_rot] */
    OP_NORM,   /* RMS norm over groups of the weight's width */
    OP_LINEAR,
    OP_ROPE,  /* of every head of width `dim` */
    OP_CACHE, /* writes keys and values of layer `layer` */
    OP_ATTEND,
    OP_GLU,
    OP_ADD,
    OP_SCALE,
    OP_SOFTCAP,
    OP_SELECT,   /* the rows whose logits are wanted */
    OP_QUANTIZE, /* float32 to q8 rows; inserted by graph_compile() */
    OP_COUNT
};

/* What the compiler knows of an op. */
struct op_info {
    const char *name;
    bool row_local;    /* a row of the result needs only the same row of its inputs */
    bool column_local; /* and a column only the same column (32 for quantize): may end a linear or attend step */
};

/* The row of an op. */
const struct op_info *op_info(enum op op);

/* How a layer attends. */
struct attend {
    unsigned layer;           /* whose cache is read */
    unsigned heads, kv_heads; /* heads is a multiple of kv_heads; head h reads kv head h / (heads / kv_heads) */
    unsigned dim, dim_v;
    unsigned window;      /* keys seen, the row's own included; 0: all before it */
    float scale, softcap; /* softcap 0: none */
};

#define NODE_INPUTS 3

struct node {
    enum op op;
    int in[NODE_INPUTS]; /* value numbers, -1 where there is none */
    int out;             /* -1 for OP_CACHE */
    const struct weight *weight, *bias;
    float f;      /* eps, scale or cap */
    unsigned dim; /* ROPE, CACHE: width of a head; CACHE: `attend.dim_v` of a value's */
    enum rope_pairing pairing;
    enum activation act;
    const struct rope *rope;
    struct attend attend;
};

struct value {
    size_t width;
    bool q8;       /* q8 rows, else float32 */
    bool selected; /* has the selected rows, else the batch's */
    size_t stride; /* bytes from row to row */
    size_t offset; /* of its place in the program's memory */
};

/* A run of nodes that workers execute between two barriers. */
enum step_kind {
    STEP_ROWS,   /* row-local nodes, row by row */
    STEP_LINEAR, /* linears of one input, then column-local nodes on the columns just made */
    STEP_ATTEND  /* one attend, then column-local nodes on the heads just made */
};

struct step {
    enum step_kind kind;
    bool selected;     /* runs over the selected rows */
    unsigned first, n; /* nodes */
    unsigned n_linear; /* STEP_LINEAR: how many of them are linears */
    bool paired;       /* the linears make the same columns together (gate and up), else one after the other */
};

struct graph {
    struct arena arena;
    struct node *nodes;
    size_t n_nodes, cap_nodes;
    struct value *values;
    size_t n_values, cap_values;
    struct step *steps;
    size_t n_steps;
    int output;          /* the logits */
    int hidden;          /* the rows that the head reads, kept for who wants them; -1: none */
    size_t memory_bytes; /* of all values, after graph_compile() */
    size_t max_rows, max_selected;
    struct hob_error error; /* the first mistake while building */
};

/* ---- 2. Building ----------------------------------------------------------------------------------- */

/* Empties a graph for building. */
void graph_init(struct graph *graph);

/* Frees it; weights and ropes are not its own. */
void graph_clear(struct graph *graph);

/* Rows of `table` for the batch's ids, times `scale`: [T, E]. */
int graph_embed(struct graph *graph, const struct weight *table, float scale);

/* Cosines and sines of the rows' positions: [T, n_rot]. */
int graph_angles(struct graph *graph, const struct rope *rope);

/* RMS norm of every group of weight->n columns of x, which weight->n divides. */
int graph_norm(struct graph *graph, int x, const struct weight *weight, float eps);

/* x . weight^T + bias (bias may be NULL): [T, n]. */
int graph_linear(struct graph *graph, int x, const struct weight *weight, const struct weight *bias);

/* Rotates every head (`dim` columns) of x by `angles`. */
int graph_rope(struct graph *graph, int x, int angles, unsigned dim, enum rope_pairing pairing);

/* Writes keys k [T, kv_heads * dim] and values v [T, kv_heads * dim_v] to the cache of attend->layer. */
void graph_cache(struct graph *graph, int k, int v, const struct attend *attend);

/* Attention of queries q [T, heads * dim] over the cache: [T, heads * dim_v]. Call graph_cache() of the layer before.
 */
int graph_attend(struct graph *graph, int q, const struct attend *attend);

/* act(gate) * up. */
int graph_glu(struct graph *graph, enum activation act, int gate, int up);

/* a + b. */
int graph_add(struct graph *graph, int a, int b);

/* x * factor. */
int graph_scale(struct graph *graph, int x, float factor);

/* cap * tanh(x / cap). */
int graph_softcap(struct graph *graph, int x, float cap);

/* The rows whose logits are wanted. */
int graph_select(struct graph *graph, int x);

/* Keeps x, which has the batch's rows, until the end of the program, as `hidden`. */
void graph_keep(struct graph *graph, int x);

/* ---- 3. Compiling ---------------------------------------------------------------------------------- */

struct compile_options {
    bool precise;        /* activations stay float32 */
    size_t max_rows;     /* rows of a batch */
    size_t max_selected; /* selected rows of a batch */
};

/* Turns what was built, whose result is `output`, into a program: inserts quantization (quantize.c), forms steps
 * (fuse.c), places values (plan.c). */
bool graph_compile(struct graph *graph, int output, const struct compile_options *options, struct hob_error *err);

/* Writes the program as text, one step a paragraph, for people. False when memory is exhausted. */
bool graph_print(const struct graph *graph, struct buf *out);

/* The passes of graph_compile(), in order. */
bool graph_quantize(struct graph *graph, bool precise);
bool graph_fuse(struct graph *graph);
bool graph_plan(struct graph *graph);

/* Appends a node (of the graph's arena) whose result has `width` columns; width 0: no result. Used by the building
 * functions and passes. Returns the value, or -1. */
int graph_add_node(struct graph *graph, const struct node *node, size_t width, bool selected);

struct graph_cost {
    double weight_bytes;   /* of the linears, read once for all rows */
    double cache_elements; /* keys and values that one row reads, on average */
    double int8, fp32;     /* operations, a multiplication and an addition being two */
};

/* What the program does for rows [from, from + n) of one sequence (n >= 1), n_selected of them with logits. */
struct graph_cost graph_cost(const struct graph *graph, size_t from, size_t n, size_t n_selected);

#endif
