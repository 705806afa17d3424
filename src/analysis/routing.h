/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_ROUTING_H
#define ERG_ANALYSIS_ROUTING_H

#include "base/limits.h"
#include "store/rows.h"

/* Which experts were chosen, and how attention was spread, summed over passes of deep runs. Pure.
 */

struct erg_routing_layer {
    int layer;
    uint32_t experts;
    uint64_t *counts; /* choices of each expert */
    struct erg_average entropy;
};

/* Over all routers, layers and positions that were looked at. */
struct erg_routing_sums {
    uint64_t counts[ERG_MAX_EXPERTS];
    struct erg_average weights[ERG_MAX_EXPERTS];
    struct erg_average entropy;
    uint64_t choices, positions;
    uint32_t experts;
    struct erg_routing_layer *layers; /* in order */
    size_t layer_count, layer_capacity;
};

int erg_routing_sums_new(struct erg_routing_sums **out);
void erg_routing_sums_free(struct erg_routing_sums *sums);
int erg_routing_sums_add(struct erg_routing_sums *sums, const struct erg_pass_row *pass);

struct erg_attention_layer {
    int layer;
    uint32_t heads;
    struct erg_average *entropy, *max_weight, *sparsity; /* of each head; one block */
};

struct erg_attention_sums {
    struct erg_attention_layer *layers; /* in order */
    size_t layer_count, layer_capacity;
    int64_t passes;
};

int erg_attention_sums_add(struct erg_attention_sums *sums, const struct erg_pass_row *pass);
void erg_attention_sums_deinit(struct erg_attention_sums *sums);

#endif
