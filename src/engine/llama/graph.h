/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_GRAPH_H
#define ERG_ENGINE_GRAPH_H

#include "engine/llama/nodes.h"
#include "ergon/probe.h"

/*
 * The executed nodes of the graph of the latest pass, with what they are. libllama hands out the
 * same tensors token after token, so a node that looks as before keeps its class; when any differs
 * the whole list is classified again: before the pass where graphs can be watched (schedule.h),
 * else after it.
 */

/*
 * When the tensor of a node is read. A stamp is taken when the first thread has done its share of a
 * node; only at the next one all have. The weights of a matrix push a result out of the caches, so
 * what is read before they come, or after another node has read it, takes a quarter of the time.
 */
enum erg_read {
    ERG_READ_NEVER, /* it never exists, or holds no numbers */
    /* 0, 1 and 2 stamps behind its own, in this order: */
    ERG_READ_OWN,   /* at its stamp: the first thread computes all of it */
    ERG_READ_NEXT,  /* at the stamp of the node after it, which leaves its memory alone */
    ERG_READ_LATER, /* at the one behind that, whose node reads it as a whole; it is there still */
    ERG_READ_CUT,   /* only where the graph is cut behind it: the next node writes over it */
};

/* What is read of the tensor of a node; bits. */
enum erg_what {
    ERG_WHAT_MOMENTS = 1 << 0,        /* statistics of its elements … */
    ERG_WHAT_SIGN = 1 << 1,           /* … and the share of the negative ones */
    ERG_WHAT_SCORES = 1 << 2,         /* of an attention matrix before its softmax: visible cells */
    ERG_WHAT_ATTENTION = 1 << 3,      /* and behind it, by heads */
    ERG_WHAT_NORM_INPUT = 1 << 4,     /* the variance of its rows … */
    ERG_WHAT_NORM_OUTPUT = 1 << 5,    /* … and what a norm has made of it */
    ERG_WHAT_PROBABILITIES = 1 << 6,  /* a router's distribution over its experts */
    ERG_WHAT_EXPERTS = 1 << 7,        /* those it chose … */
    ERG_WHAT_EXPERT_WEIGHTS = 1 << 8, /* … and how much each counts */
    ERG_WHAT_ACTIVATION = 1 << 9,     /* of its gate, the share that it suppresses */
};

/* Small, since all of them are walked when a pass is reported, out of a cold cache. */
struct erg_graph_node {
    int16_t layer;                       /* -1 = outside the layers */
    uint16_t component_id, operation_id; /* names in the probe */
    uint8_t component;                   /* enum erg_component */
    uint8_t read;                        /* enum erg_read */
    uint8_t due; /* at its stamp; bit d: the d-th node before it is read then, bit 0: it is */
    uint16_t standard, deep; /* enum erg_what at these depths */
    bool norm_fused;         /* a norm that the CPU computes together with the MUL after it */
    bool ends_component;
};

/* What a node has to do with others, by index; -1 = nothing. */
struct erg_graph_links {
    int32_t softmax; /* SCORES: the softmax that has the mask */
    int32_t norm;    /* NORM_INPUT: the norm that reads it */
    int32_t normed;  /* NORM_OUTPUT: the norm it is the result of */
    int32_t row;     /* these: 1 when the norm reads a single row, whose moments say it all */
    int32_t gate;    /* an activation: the node whose negative elements it suppresses */
    int32_t halves;  /* the activation, of one operand, that takes half of this node as its gate */
    int32_t routed;  /* EXPERTS: the first node that computes with the experts chosen */
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

/*
 * A tensor that lies in memory in one piece and is read as a whole: what reading it takes, without
 * touching ggml's own, cold description of it.
 */
struct erg_graph_piece {
    const void *data; /* NULL = it is not such a tensor */
    uint32_t count;   /* elements */
    uint32_t type;    /* enum erg_scalar */
};

/* A node as the evaluation callback asks for it, those that are not executed included. */
struct erg_graph_ask {
    const struct ggml_tensor *tensor;
    int32_t node; /* index among the executed ones, or -1 */
};

struct erg_graph_options {
    bool statistics; /* plan the reading of tensors … */
    bool operations; /* … of all operations; know what they cost */
    const bool *layers;
    int layer_count;    /* borrowed: of which layers; NULL = of all */
    bool single_thread; /* computes every node */
    bool rows_alone;    /* what has one row is computed by one thread where ggml goes by rows */
};

struct erg_graph {
    ergon_probe *probe;
    struct erg_graph_options options;
    struct erg_graph_key *keys;
    struct erg_graph_node *nodes;
    struct erg_graph_links *links;  /* where operations are read */
    struct erg_node_cost *costs;    /* likewise */
    struct erg_graph_piece *pieces; /* where tensors are read, of a graph that was learned */
    size_t capacity;
    struct erg_graph_ask *asks; /* of a graph that was learned */
    size_t ask_count, ask_capacity;
    bool learned;       /* … and is being asked for in the same order */
    int64_t n_tokens;   /* of this pass: columns of its first node */
    size_t count;       /* asked in this pass */
    size_t known;       /* classified, from the pass before */
    bool changed;       /* some node differs from the pass before */
    bool out_of_memory; /* the list is incomplete */
    bool any_guessed;
    bool warned_guess;
    uint32_t fused_norm_id; /* name of a norm executed together with its MUL */
    size_t fused_count;
};

void erg_graph_init(struct erg_graph *graph, ergon_probe *probe,
                    const struct erg_graph_options *options);
void erg_graph_deinit(struct erg_graph *graph);

void erg_graph_begin(struct erg_graph *graph);

/*
 * The index of the executed node that is the `ask`-th node to be asked for in this pass, SIZE_MAX
 * when it is not executed or memory is short. It is not looked at when the graph was learned.
 */
size_t erg_graph_note(struct erg_graph *graph, size_t ask, const struct ggml_tensor *tensor);

/* Whether the i-th node of this pass was there in the pass before, and all nodes before it. */
bool erg_graph_is_known(const struct erg_graph *graph, size_t i);

/* Whether one of the nodes behind the i-th, up to the `last`, writes to memory that its result is
 * in. */
bool erg_graph_is_overwritten(const struct erg_graph *graph, size_t i, size_t last);

/* Classify the list when it changed; with `dump`, write its facts there as well. */
void erg_graph_classify(struct erg_graph *graph, FILE *dump);

/* Learn a graph that has its memory but has not run: what follows is known from its first node. */
void erg_graph_learn(struct erg_graph *graph, struct ggml_cgraph *nodes, FILE *dump);

#endif
