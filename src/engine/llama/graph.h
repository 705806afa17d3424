/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_GRAPH_H
#define ERG_ENGINE_GRAPH_H

#include "engine/llama/nodes.h"
#include "ergon/probe.h"

/*
 * The executed nodes of the graph of the latest pass, with what they are. libllama hands out the
 * same tensors token after token, so a node that looks as before keeps its class; when any differs
 * the whole list is classified again, after the pass.
 */
/* When the tensor of a node can be read that was computed by several threads. */
enum erg_read {
    ERG_READ_NEVER, /* no statistics are of it */
    ERG_READ_NEXT,  /* at the stamp of the node after it, which leaves its memory alone */
    ERG_READ_CUT,   /* only where the graph is cut behind it: the next node writes over it */
};

struct erg_graph_node {
    struct erg_node_cost cost;
    int layer; /* -1 = outside the layers */
    enum erg_component component;
    uint32_t component_id, operation_id; /* names in the probe */
    bool norm_fused; /* a norm that the CPU computes together with the MUL after it */
    bool ends_component;
    enum erg_read read;
};

/*
 * What is compared to find out whether it is the same node as last time: one cache line, since all
 * of this is cold when a pass begins, and read while it is being timed. Names need no comparing:
 * the same tensors with the same operands are the same graph.
 */
struct erg_graph_key {
    const struct ggml_tensor *tensor, *src0, *src1;
    int64_t ne[GGML_MAX_DIMS];
    enum ggml_op op;
};

struct erg_graph {
    ergon_probe *probe;
    struct erg_graph_key *keys;
    struct erg_graph_node *nodes;
    size_t capacity;
    size_t count;       /* asked in this pass */
    size_t known;       /* classified, from the pass before */
    bool changed;       /* some node differs from the pass before */
    bool out_of_memory; /* the list is incomplete */
    bool statistics;    /* plan the reading of tensors */
    bool any_guessed;
    bool warned_guess;
    uint32_t fused_norm_id; /* name of a norm executed together with its MUL */
    size_t fused_count;
};

/* With `statistics`, `read` of the nodes is filled. */
void erg_graph_init(struct erg_graph *graph, ergon_probe *probe, bool statistics);
void erg_graph_deinit(struct erg_graph *graph);

void erg_graph_begin(struct erg_graph *graph);

/* Note an executed node; `out_of_memory` when memory is short. */
void erg_graph_add(struct erg_graph *graph, const struct ggml_tensor *tensor);

/* Whether the i-th node of this pass was there in the pass before, and all nodes before it. */
bool erg_graph_is_known(const struct erg_graph *graph, size_t i);

/* Whether computing the node after the i-th writes to memory that the i-th node's result is in. */
bool erg_graph_is_overwritten(const struct erg_graph *graph, size_t i);

/* Classify the list when it changed; with `dump`, write its facts there as well. */
void erg_graph_classify(struct erg_graph *graph, FILE *dump);

#endif
