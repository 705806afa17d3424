/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_COLLECT_H
#define ERG_ENGINE_COLLECT_H

#include "base/err.h"
#include "engine/llama/graph.h"
#include "engine/stats/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * The statistics of the tensors read in one pass, in the order of the nodes. Allocates only while
 * passes grow. What cannot be read (another type, no memory, a mask with many holes) is left out.
 */
enum {
    ERG_COLLECT_ROWS = 128, /* up to so many token positions all are looked at, of more half … */
    ERG_COLLECT_QUERIES = 256, /* … as many; and so many in an attention matrix */
};

/* What was read of one node. */
struct erg_reading {
    uint32_t node;        /* index in the graph's list */
    uint32_t what;        /* bits of enum erg_what */
    float negative_ratio; /* of a gate; NaN where not known, as … */
    float extra;          /* … the kill ratio of an activation, the variance ratio of a norm */
    struct erg_moments moments;
};

/* Of a softmax: `heads` entropies, largest weights and sparsities at `first` of the floats. */
struct erg_attention_reading {
    uint32_t node, heads;
    uint32_t span; /* in the report */
    size_t first;
    struct erg_attention all; /* weights of all heads together */
};

/* Of a choice of experts: `tokens` × `used` of them, and their weights. */
struct erg_routing_reading {
    uint32_t node, tokens, used, experts;
    uint32_t span;
    float entropy;       /* nats; NaN = not known */
    size_t first_expert; /* of the ids */
    size_t first_weight; /* of the floats; SIZE_MAX = not read */
};

/* Things that a pass has any number of. */
struct erg_list {
    void *items;
    size_t count, capacity;
};

struct erg_collect {
    /* What a row needs, together. */
    const struct erg_stats_kernels *kernels;
    const struct erg_graph *graph;
    double threshold; /* sparsity counts |x| below it */
    struct erg_list readings;

    double attention_threshold; /* and weights of attention below this one */
    bool rows_sampled;          /* in this pass */
    struct erg_list attention, routing;
    struct erg_list floats, ids; /* what these refer to: float, uint16_t */
    struct erg_list norms, variances;
    struct erg_list masks; /* attention.c */
    float router_entropy;  /* of the distribution read last */
    void *fetched;         /* a tensor copied from a device */
    size_t fetched_bytes;
    FILE *dump;
};

/* `dump_path`: write every tensor given to erg_collect_dump() there, for tests; NULL = don't. */
int erg_collect_init(struct erg_collect *collect, const struct erg_graph *graph, double threshold,
                     double attention_threshold, const char *dump_path, struct erg_err *err);
void erg_collect_deinit(struct erg_collect *collect);

/* Forget the pass before. */
void erg_collect_begin(struct erg_collect *collect);

/*
 * Read `what` (bits of enum erg_what) of the i-th node of the graph, whose tensor is completely
 * computed: all rows, or some evenly spaced when a pass over `n_tokens` has more. Nodes come in
 * ascending order. Of a node that is not known yet only MOMENTS can be read. `pieces`: those of the
 * graph are valid.
 */
void erg_collect_read(struct erg_collect *collect, size_t i, unsigned what, bool pieces,
                      int64_t n_tokens);

/* The reading of a node of this pass; NULL = there is none. */
const struct erg_reading *erg_collect_find(const struct erg_collect *collect, size_t node);

/*
 * Append a tensor to the dump: its index in the graph, its four sizes (five int64), operation, name
 * and weight (64 bytes each, zero-padded; "" = reads none), then the elements as float32 without
 * gaps.
 */
void erg_collect_dump(struct erg_collect *collect, size_t node, const struct ggml_tensor *tensor);

/* For plan.c, attention.c and routing.c. */

/* The type of elements that can be read; false for others. */
bool erg_collect_scalar(enum ggml_type type, enum erg_scalar *out);

/* Where a tensor's memory can be read: its own, or a copy of what a device has; NULL = nowhere. */
const void *erg_collect_data(struct erg_collect *collect, const struct ggml_tensor *tensor);
bool erg_collect_view(struct erg_collect *collect, const struct ggml_tensor *tensor,
                      struct erg_tensor_view *out);
/* Room for `count` more items of a list, which are counted as there; NULL when memory is short. */
void *erg_list_grow(struct erg_list *list, size_t count, size_t item_bytes);
static inline void *erg_list_add(struct erg_list *list, size_t count, size_t item_bytes)
{
    if (list->count + count > list->capacity) {
        return erg_list_grow(list, count, item_bytes);
    }
    void *added = (char *)list->items + list->count * item_bytes;
    list->count += count;
    return added;
}

/* attention.c: of scores, the moments of visible cells; of a softmax, a reading of its heads. */
void erg_collect_scores(struct erg_collect *collect, size_t i, struct erg_moments *moments);
void erg_collect_attention(struct erg_collect *collect, size_t i);
/* routing.c: what a router does in its layer. */
void erg_collect_routing(struct erg_collect *collect, size_t i, unsigned what);

#endif
