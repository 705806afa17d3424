/* SPDX-License-Identifier: MIT */
/* Attention matrices: which of their cells count, and what the others leave of them. */
#include "base/limits.h"
#include "base/mem.h"
#include "engine/llama/collect.h"

#include <math.h>
#include <string.h>

/* A causal row has one stretch of visible cells, a window in a ring buffer two. */
enum { MAX_RUNS = 8, MAX_GATHERED = 1 << 24 };

struct run {
    int32_t first, count;
};

/* Visible cells of one row of queries: `runs` of them from `first_run` on. */
struct mask_row {
    int64_t row;
    size_t first_run;
    int32_t runs, cells;
};

/* What is known of a mask in this pass: all layers share one or two of them. */
struct mask {
    const struct ggml_tensor *tensor; /* NULL: everything is visible */
    int64_t keys;
    bool usable;
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

/* The stretches of visible cells in a row; false when they are too many. */
static bool find_runs(struct erg_collect *collect, const struct ggml_tensor *tensor,
                      const char *cells, struct mask_row *row, int64_t keys)
{
    struct run *run = NULL;
    row->first_run = collect->runs.count;
    for (int64_t key = 0; key < keys; key++) {
        if (tensor && !is_visible(tensor, cells, key)) {
            run = NULL;
            continue;
        }
        if (!run) {
            run = row->runs < MAX_RUNS ? erg_list_add(&collect->runs, 1, sizeof(*run)) : NULL;
            if (!run) {
                return false;
            }
            *run = (struct run){(int32_t)key, 0};
            row->runs++;
        }
        run->count++;
        row->cells++;
    }
    return true;
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
        mask->usable = find_runs(collect, tensor, cells, &mask->rows[i], mask->keys);
    }
    return mask;
}

static bool is_matrix(const struct ggml_tensor *tensor)
{
    return tensor->type == GGML_TYPE_F32 && tensor->nb[0] == sizeof(float) && tensor->ne[3] == 1 &&
           tensor->ne[2] <= (int64_t)ERG_MAX_HEADS;
}

bool erg_collect_scores(struct erg_collect *collect, size_t i, struct erg_moments *moments)
{
    const struct erg_graph *graph = collect->graph;
    const struct ggml_tensor *tensor = graph->keys[i].tensor;
    const struct mask *mask =
        is_matrix(tensor) ? mask_of(collect, graph->keys[graph->links[i].softmax].tensor) : NULL;
    const char *data = mask && mask->usable ? erg_collect_data(collect, tensor) : NULL;
    if (!data) {
        return false;
    }
    const struct run *runs = collect->runs.items;
    for (int32_t r = 0; r < mask->count; r++) {
        const struct mask_row *row = &mask->rows[r];
        for (int32_t k = 0; k < row->runs; k++) {
            const struct run *run = &runs[row->first_run + (size_t)k];
            struct erg_tensor_view cells = {
                .data =
                    data + (size_t)row->row * tensor->nb[1] + (size_t)run->first * sizeof(float),
                .type = ERG_SCALAR_F32,
                .ne = {run->count, tensor->ne[2], 1, 1}, /* of all heads at once */
                .nb = {sizeof(float), tensor->nb[2], tensor->nb[2], tensor->nb[2]},
            };
            erg_stats_add(collect->kernels, &cells, NULL, moments);
        }
    }
    return true;
}

/* The visible weights of a row side by side. */
static const float *visible_weights(struct erg_collect *collect, const float *row,
                                    const struct mask_row *which)
{
    const struct run *runs = (const struct run *)collect->runs.items + which->first_run;
    if (which->runs == 1) {
        return row + runs[0].first;
    }
    size_t bytes = (size_t)which->cells * sizeof(*row), at = 0;
    if (erg_grow(&collect->gathered, &collect->gathered_bytes, bytes, 1, MAX_GATHERED) != 0) {
        return NULL;
    }
    float *gathered = collect->gathered;
    for (int32_t k = 0; k < which->runs; k++) {
        memcpy(gathered + at, row + runs[k].first, (size_t)runs[k].count * sizeof(*row));
        at += (size_t)runs[k].count;
    }
    return gathered;
}

static void read_head(struct erg_collect *collect, const struct mask *mask,
                      const struct ggml_tensor *tensor, const char *head, struct erg_attention *out)
{
    *out = (struct erg_attention){.threshold = collect->attention_threshold};
    for (int32_t r = 0; r < mask->count; r++) {
        const struct mask_row *row = &mask->rows[r];
        const void *weights = head + (size_t)row->row * tensor->nb[1];
        const float *visible = row->cells ? visible_weights(collect, weights, row) : NULL;
        if (visible) {
            erg_attention_add(collect->kernels, visible, (size_t)row->cells, out);
        }
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
