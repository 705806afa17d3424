/* SPDX-License-Identifier: MIT */
/* A router: its distribution over the experts, those it chooses, and how much each counts. */
#include "engine/llama/collect.h"

#include "base/limits.h"

#include <math.h>
#include <string.h>

static void read_probabilities(struct erg_collect *collect, const struct ggml_tensor *tensor)
{
    struct erg_attention distribution = {.threshold = 0};
    struct erg_attention_stats stats;
    const char *data = tensor->type == GGML_TYPE_F32 && tensor->nb[0] == sizeof(float)
                           ? erg_collect_data(collect, tensor)
                           : NULL;
    for (int64_t row = 0; data && row < tensor->ne[1]; row++) {
        const void *weights = data + (size_t)row * tensor->nb[1];
        erg_attention_add(collect->kernels, weights, (size_t)tensor->ne[0], &distribution);
    }
    erg_attention_finish(&distribution, &stats);
    collect->router_entropy = (float)stats.entropy_nats;
}

static void read_experts(struct erg_collect *collect, size_t i)
{
    const struct erg_graph *graph = collect->graph;
    const struct ggml_tensor *user = graph->keys[graph->links[i].routed].tensor;
    const struct ggml_tensor *chosen = user->src[2]; /* the first columns of the sorted ids */
    size_t used = (size_t)chosen->ne[0], tokens = (size_t)chosen->ne[1];
    size_t experts = (size_t)user->src[0]->ne[2], first = collect->ids.count;
    bool fits = chosen->type == GGML_TYPE_I32 && tokens > 0 && used <= experts &&
                experts <= ERG_MAX_EXPERTS; /* the last layer may have no rows at all */
    const char *data = fits ? erg_collect_data(collect, chosen) : NULL;
    uint16_t *ids = data ? erg_list_add(&collect->ids, tokens * used, sizeof(*ids)) : NULL;
    struct erg_routing_reading *reading =
        ids ? erg_list_add(&collect->routing, 1, sizeof(*reading)) : NULL;
    if (!reading) {
        return;
    }
    for (size_t k = 0; k < tokens * used; k++) {
        int32_t id;
        memcpy(&id, data + k / used * chosen->nb[1] + k % used * chosen->nb[0], sizeof(id));
        ids[k] = (uint16_t)id;
    }
    *reading = (struct erg_routing_reading){.node = (uint32_t)i,
                                            .tokens = (uint32_t)tokens,
                                            .used = (uint32_t)used,
                                            .experts = (uint32_t)experts,
                                            .entropy = collect->router_entropy,
                                            .first_expert = first,
                                            .first_weight = SIZE_MAX};
    collect->router_entropy = NAN;
}

/* Whatever its shape, one weight per choice in the order of the choices. */
static void read_weights(struct erg_collect *collect, const struct ggml_tensor *tensor)
{
    struct erg_routing_reading *readings = collect->routing.items;
    size_t latest = collect->routing.count, count = (size_t)ggml_nelements(tensor);
    if (latest == 0 || tensor->type != GGML_TYPE_F32 || !ggml_is_contiguous(tensor)) {
        return;
    }
    struct erg_routing_reading *reading = &readings[latest - 1];
    size_t first = collect->floats.count;
    const void *data =
        reading->tokens * reading->used == count ? erg_collect_data(collect, tensor) : NULL;
    float *weights = data ? erg_list_add(&collect->floats, count, sizeof(*weights)) : NULL;
    if (weights) {
        memcpy(weights, data, count * sizeof(*weights));
        reading->first_weight = first;
    }
}

void erg_collect_routing(struct erg_collect *collect, size_t i, unsigned what)
{
    const struct ggml_tensor *tensor = collect->graph->keys[i].tensor;
    if (what & ERG_WHAT_PROBABILITIES) {
        read_probabilities(collect, tensor);
    }
    if (what & ERG_WHAT_EXPERTS) {
        read_experts(collect, i);
    }
    if (what & ERG_WHAT_EXPERT_WEIGHTS) {
        read_weights(collect, tensor);
    }
}
