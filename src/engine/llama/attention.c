/* SPDX-License-Identifier: MIT */
/* Attention matrices: which of their cells count, and what the others leave of them. */
#include "base/limits.h"
#include "engine/llama/collect.h"

#include <math.h>
#include <string.h>

/* Visible cells of one row of queries: one stretch, from the start or as wide as a window. */
struct mask_row {
    int64_t row;
    int64_t first, cells;
};

/* What is known of a mask in this pass: all layers share one or two of them. */
struct mask {
    const struct ggml_tensor *tensor; /* NULL: everything is visible */
    int64_t keys;
    bool usable; /* no row has holes */
    int32_t count;
    struct mask_row rows[ERG_COLLECT_QUERIES];
};

static bool is_visible(const struct ggml_tensor *tensor, const char *row, int64_t key)
{
    if (tensor->type == GGML_TYPE_F16) {
        uint16_t half;
        memcpy(&half, row + (size_t)key * sizeof half, sizeof half);
        return half != 0xfc00; /* −infinity */
    }
    float value;
    memcpy(&value, row + (size_t)key * sizeof value, sizeof value);
    return value != -INFINITY;
}

/* The visible cells of a row; false when there are others between them. */
static bool find_cells(const struct ggml_tensor *tensor, const char *cells, struct mask_row *row,
                       int64_t keys)
{
    int64_t end = 0;
    for (int64_t key = 0; key < keys; key++) {
        if (!tensor || is_visible(tensor, cells, key)) {
            row->first = row->cells ? row->first : key;
            row->cells++;
            end = key + 1;
        }
    }
    return end - row->first == row->cells;
}

static bool readable(const struct ggml_tensor *tensor)
{
    return (tensor->type == GGML_TYPE_F32 || tensor->type == GGML_TYPE_F16) && tensor->ne[2] == 1 &&
           tensor->ne[3] == 1;
}

/* The mask of a softmax, its cells told apart once for all layers. */
static const struct mask *mask_of(struct erg_collect *collect, const struct ggml_tensor *softmax)
{
    const struct ggml_tensor *tensor = softmax->src[1];
    struct mask *masks = collect->masks.items;
    for (size_t i = 0; i < collect->masks.count; i++) {
        if (masks[i].tensor == tensor && masks[i].keys == softmax->ne[0]) {
            return &masks[i];
        }
    }
    struct mask *mask = erg_list_add(&collect->masks, 1, sizeof(*mask));
    if (!mask) {
        return NULL;
    }
    int64_t index[ERG_COLLECT_QUERIES], queries = softmax->ne[1];
    mask->tensor = tensor;
    mask->keys = softmax->ne[0];
    mask->count = (int32_t)erg_rows_sample(queries, ERG_COLLECT_QUERIES, index);
    collect->rows_sampled = collect->rows_sampled || mask->count < queries;
    const char *data = tensor && readable(tensor) ? erg_collect_data(collect, tensor) : NULL;
    mask->usable = !tensor || data;
    for (int32_t i = 0; i < mask->count && mask->usable; i++) {
        mask->rows[i] = (struct mask_row){.row = index[i]};
        const char *cells = tensor ? data + (size_t)index[i] * tensor->nb[1] : NULL;
        mask->usable = find_cells(tensor, cells, &mask->rows[i], mask->keys);
    }
    return mask;
}

static bool is_matrix(const struct ggml_tensor *tensor)
{
    return tensor->type == GGML_TYPE_F32 && tensor->nb[0] == sizeof(float) && tensor->ne[3] == 1 &&
           tensor->ne[2] <= (int64_t)ERG_MAX_HEADS;
}

void erg_collect_scores(struct erg_collect *collect, size_t i, struct erg_moments *moments)
{
    const struct erg_graph *graph = collect->graph;
    const struct ggml_tensor *tensor = graph->keys[i].tensor;
    const struct mask *mask =
        is_matrix(tensor) ? mask_of(collect, graph->keys[graph->links[i].softmax].tensor) : NULL;
    const char *data = mask && mask->usable ? erg_collect_data(collect, tensor) : NULL;
    if (!data) {
        return;
    }
    for (int32_t r = 0; r < mask->count; r++) {
        const struct mask_row *row = &mask->rows[r];
        const struct erg_tensor_view cells = {
            .data = data + (size_t)row->row * tensor->nb[1] + (size_t)row->first * sizeof(float),
            .type = ERG_SCALAR_F32,
            .ne = {row->cells, tensor->ne[2], 1, 1}, /* of all heads at once */
            .nb = {sizeof(float), tensor->nb[2], tensor->nb[2], tensor->nb[2]},
        };
        erg_stats_add(collect->kernels, &cells, NULL, moments);
    }
}

static void read_head(struct erg_collect *collect, const struct mask *mask,
                      const struct ggml_tensor *tensor, const char *head, struct erg_attention *out)
{
    *out = (struct erg_attention){.threshold = collect->attention_threshold};
    for (int32_t r = 0; r < mask->count; r++) {
        const struct mask_row *row = &mask->rows[r];
        const float *weights = (const void *)(head + (size_t)row->row * tensor->nb[1]);
        erg_attention_add(collect->kernels, weights + row->first, (size_t)row->cells, out);
    }
}

void erg_collect_attention(struct erg_collect *collect, size_t i)
{
    const struct ggml_tensor *tensor = collect->graph->keys[i].tensor;
    const struct mask *mask = is_matrix(tensor) ? mask_of(collect, tensor) : NULL;
    const char *data = mask && mask->usable ? erg_collect_data(collect, tensor) : NULL;
    size_t heads = (size_t)tensor->ne[2], first = collect->floats.count;
    float *values = data ? erg_list_add(&collect->floats, 3 * heads, sizeof(*values)) : NULL;
    struct erg_attention_reading *reading =
        values ? erg_list_add(&collect->attention, 1, sizeof(*reading)) : NULL;
    if (!reading) {
        return;
    }
    *reading = (struct erg_attention_reading){.node = (uint32_t)i,
                                              .heads = (uint32_t)heads,
                                              .first = first,
                                              .all = {.threshold = collect->attention_threshold}};
    for (size_t h = 0; h < heads; h++) {
        struct erg_attention head;
        read_head(collect, mask, tensor, data + h * tensor->nb[2], &head);
        erg_attention_merge(&reading->all, &head);
        double per_row = 1 / (double)head.row_count; /* NaN: 0 / 0, where no row has a cell */
        values[h] = (float)(head.sum_entropy * per_row);
        values[heads + h] = (float)(head.sum_largest * per_row);
        values[2 * heads + h] = (float)((double)head.below_count / (double)head.cell_count);
    }
}
