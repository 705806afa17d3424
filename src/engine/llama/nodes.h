/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_NODES_H
#define ERG_ENGINE_NODES_H

#include "engine/llama/classify.h"

#include <ggml.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What a node costs (docs/engine.md has the formulas): the part that is fixed by its shapes, and
 * the part per visible cell, a cell being one (query position, key position) pair that the causal
 * mask lets through. Attention kernels that skip masked cells have the latter.
 */
struct erg_node_cost {
    double flops, bytes;
    double flops_per_cell;
    double cache_bytes_per_key; /* KV cache read per key position in use */
};

/* Whether ggml executes the node at all. */
bool erg_node_is_executed(const struct ggml_tensor *node);

/*
 * Fill facts from a tensor. `earlier` are the `count` executed nodes before it, for resolving its
 * operands to list indices.
 */
void erg_node_facts(const struct ggml_tensor *node, const struct ggml_tensor *const *earlier,
                    size_t count, struct erg_node_facts *out);

void erg_node_cost(const struct ggml_tensor *node, struct erg_node_cost *out);

/* Whether the bytes of two tensors overlap. */
bool erg_node_overlaps(const struct ggml_tensor *a, const struct ggml_tensor *b);

/* Whether the node reads what the other one computes, views seen through. */
bool erg_node_reads(const struct ggml_tensor *node, const struct ggml_tensor *other);

/* Whether an operand of the node, views seen through, is a weight. */
bool erg_node_reads_weight(const struct ggml_tensor *node);

/* One line per node, the format of tests/engine/nodes: what erg_node_facts() found. */
void erg_node_dump(const struct erg_node_facts *facts, FILE *out);

#endif
