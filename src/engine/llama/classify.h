/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_CLASSIFY_H
#define ERG_ENGINE_CLASSIFY_H

#include "stream/taxonomy.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * From the nodes of a compute graph to (layer, component, operation). Pure: it knows ggml only by
 * the names it uses, so that its tests need no engine. nodes.c fills the facts from tensors.
 *
 * Names of nodes are a hint at best (o_proj is mostly "node_27", every norm is "norm-0"), so the
 * order of trust is: the weight a node reads, the KV cache it touches, its operation, its name,
 * and what its sources turned out to be.
 */
enum { ERG_NODE_SOURCES = 6, ERG_NODE_NAME_BYTES = 64, ERG_OPERATION_BYTES = 32 };

/* An operand: the name of the tensor behind all views, and where that was computed. */
struct erg_node_source {
    char name[ERG_NODE_NAME_BYTES]; /* "" = no such operand */
    bool is_weight;                 /* lies in a weight buffer */
    int node;                       /* index in the list of the node that computed it, or -1 */
};

struct erg_node_facts {
    char op[ERG_OPERATION_BYTES];   /* "MUL_MAT" */
    char desc[ERG_OPERATION_BYTES]; /* as op, but "SWIGLU" for GLU, "SILU" for UNARY */
    char name[ERG_NODE_NAME_BYTES];
    struct erg_node_source src[ERG_NODE_SOURCES];
};

struct erg_node_class {
    int layer; /* -1 = outside the layers */
    enum erg_component component;
    char operation[ERG_OPERATION_BYTES];
    bool guessed; /* no rule applied: put where its source is */
};

/*
 * Classify `count` executed nodes in the order of execution (no-ops and dead branches left out).
 * `out` has room for `count`. Every node gets a component.
 */
void erg_classify(const struct erg_node_facts *nodes, size_t count, struct erg_node_class *out);

/*
 * Of which nodes the statistics of their components are, `out` with room for `count`: what other
 * components read of a component (after the bias, behind the last of its nodes), but of rope the
 * rotated Q and K, of the router its logits, and of those that only move data nothing.
 */
void erg_classify_results(const struct erg_node_facts *nodes, const struct erg_node_class *classes,
                          size_t count, bool *out);

/* Is `next` the MUL by which the norm `node` (index `index`) is scaled? The CPU fuses the two. */
bool erg_classify_fuses(const struct erg_node_facts *node, int index,
                        const struct erg_node_facts *next);

/* Name of both halves of a norm executed as one. */
#define ERG_OPERATION_FUSED_NORM "normalize_scale"

#endif
