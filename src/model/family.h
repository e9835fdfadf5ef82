/* SPDX-License-Identifier: Apache-2.0
 *
 * A family: one architecture, as a table of weight roles, a few rules on hyper-parameters, and one block that reads
 * like the paper's figure. The block is written with the words of section 2; everything else is the framework's.
 */
#ifndef HOB_MODEL_FAMILY_H
#define HOB_MODEL_FAMILY_H

#include "model/roles.h"

struct block;

struct family {
    const char *arch;     /* GGUF's general.architecture */
    const char *hf_class; /* config.json's architectures[0] */
    const struct role_use *roles;
    size_t n_roles;
    /* Rules beyond hparams_read(); may be NULL. */
    bool (*configure)(const struct config *config, struct hparams *hparams, struct hob_error *err);
    /* Adds one layer to the graph: residual stream in, residual stream out. */
    int (*block)(struct block *block, int x);
};

/* ---- 2. The words of a block: each takes and returns values of the graph, [T, width] --------------------- */

/* A layer under construction. */
struct block {
    struct graph *graph;
    const struct model *model;
    unsigned layer;
    int angles[2]; /* of full and of sliding layers; -1 where no layer needs them */
};

/* RMS norm with the weight of `role`, over each group of the weight's width (a head, or the whole row). */
int block_norm(struct block *block, int x, enum role role);

/* x . W^T, plus the bias where the file has one. */
int block_linear(struct block *block, int x, enum role role);

/* Rotates every head by the position, with the layer's frequencies. */
int block_rope(struct block *block, int x);

/* Writes k and v to the layer's cache and attends q over it, through the window if the layer slides. */
int block_attend(struct block *block, int q, int k, int v);

/* act(gate) * up, with the model's activation. */
int block_glu(struct block *block, int gate, int up);

/* a + b. */
int block_add(struct block *block, int a, int b);

#endif
