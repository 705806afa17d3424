/* SPDX-License-Identifier: MIT */
#include "analysis/routing.h"

#include "analysis/rollup.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int erg_routing_sums_new(struct erg_routing_sums **out)
{
    struct erg_routing_sums *sums = erg_calloc(1, sizeof *sums);
    if (!sums)
        return ERG_NOMEM;
    sums->entropy.mean = NAN;
    for (size_t e = 0; e < ERG_MAX_EXPERTS; e++)
        sums->weights[e].mean = NAN;
    *out = sums;
    return 0;
}

void erg_routing_sums_free(struct erg_routing_sums *sums)
{
    for (size_t i = 0; sums && i < sums->layer_count; i++)
        free(sums->layers[i].counts);
    if (sums)
        free(sums->layers);
    free(sums);
}

/* Where `layer` belongs among items that begin with an int; *out_found: it is there. */
static size_t place_of(const void *items, size_t count, size_t item_bytes, int layer,
                       bool *out_found)
{
    size_t at = count;
    *out_found = false;
    for (; at > 0; at--) {
        int other;
        memcpy(&other, (const char *)items + (at - 1) * item_bytes, sizeof other);
        *out_found = other == layer;
        if (other <= layer)
            break;
    }
    return *out_found ? at - 1 : at;
}

static int find_routing(struct erg_routing_sums *sums, int layer, uint32_t experts,
                        struct erg_routing_layer **out)
{
    bool found;
    size_t at = place_of(sums->layers, sums->layer_count, sizeof *sums->layers, layer, &found);
    if (found) {
        *out = sums->layers[at].experts == experts ? &sums->layers[at] : NULL;
        return 0;
    }
    void *layers = sums->layers;
    int rc = erg_grow(&layers, &sums->layer_capacity, sums->layer_count + 1, sizeof *sums->layers,
                      ERG_MAX_LAYERS + 1);
    sums->layers = layers;
    uint64_t *counts = rc ? NULL : erg_calloc(experts, sizeof *counts);
    if (!counts)
        return rc ? rc : ERG_NOMEM;
    memmove(sums->layers + at + 1, sums->layers + at,
            (sums->layer_count++ - at) * sizeof *sums->layers);
    sums->layers[at] = (struct erg_routing_layer){layer, experts, counts, {NAN, 0}};
    *out = &sums->layers[at];
    return 0;
}

int erg_routing_sums_add(struct erg_routing_sums *sums, const struct erg_pass_row *pass)
{
    for (uint32_t k = 0; k < pass->n_routing; k++) {
        const struct erg_routing_row *row = &pass->routing[k];
        struct erg_routing_layer *layer = NULL;
        size_t n = (size_t)row->tokens * row->used;
        int rc = find_routing(sums, pass->spans[row->span].layer, row->experts, &layer);
        if (rc)
            return rc;
        for (size_t i = 0; i < n; i++) {
            sums->counts[row->expert[i]]++;
            erg_average_add(&sums->weights[row->expert[i]], (double)row->weight[i]);
            if (layer)
                layer->counts[row->expert[i]]++;
        }
        erg_average_add(&sums->entropy, (double)row->entropy);
        if (layer)
            erg_average_add(&layer->entropy, (double)row->entropy);
        sums->choices += n;
        sums->positions += row->tokens;
        sums->experts = row->experts > sums->experts ? row->experts : sums->experts;
    }
    return 0;
}

void erg_attention_sums_deinit(struct erg_attention_sums *sums)
{
    for (size_t i = 0; i < sums->layer_count; i++)
        free(sums->layers[i].entropy);
    free(sums->layers);
    *sums = (struct erg_attention_sums){0};
}

static int find_attention(struct erg_attention_sums *sums, int layer, uint32_t heads,
                          struct erg_attention_layer **out)
{
    bool found;
    size_t at = place_of(sums->layers, sums->layer_count, sizeof *sums->layers, layer, &found);
    if (found) {
        *out = sums->layers[at].heads == heads ? &sums->layers[at] : NULL;
        return 0;
    }
    void *layers = sums->layers;
    int rc = erg_grow(&layers, &sums->layer_capacity, sums->layer_count + 1, sizeof *sums->layers,
                      ERG_MAX_LAYERS + 1);
    sums->layers = layers;
    struct erg_average *averages = rc ? NULL : erg_calloc((size_t)heads * 3, sizeof *averages);
    if (!averages)
        return rc ? rc : ERG_NOMEM;
    for (size_t i = 0; i < (size_t)heads * 3; i++)
        averages[i].mean = NAN;
    memmove(sums->layers + at + 1, sums->layers + at,
            (sums->layer_count++ - at) * sizeof *sums->layers);
    sums->layers[at] = (struct erg_attention_layer){layer, heads, averages, averages + heads,
                                                    averages + (size_t)heads * 2};
    *out = &sums->layers[at];
    return 0;
}

int erg_attention_sums_add(struct erg_attention_sums *sums, const struct erg_pass_row *pass)
{
    sums->passes += pass->n_attention > 0;
    for (uint32_t k = 0; k < pass->n_attention; k++) {
        const struct erg_attention_row *row = &pass->attention[k];
        struct erg_attention_layer *layer = NULL;
        int rc = find_attention(sums, pass->spans[row->span].layer, row->heads, &layer);
        if (rc)
            return rc;
        for (uint32_t h = 0; layer && h < row->heads; h++) {
            erg_average_add(&layer->entropy[h], (double)row->entropy[h]);
            erg_average_add(&layer->max_weight[h], (double)row->max_weight[h]);
            erg_average_add(&layer->sparsity[h], (double)row->sparsity[h]);
        }
    }
    return 0;
}
