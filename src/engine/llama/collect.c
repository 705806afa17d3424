/* SPDX-License-Identifier: MIT */
#include "engine/llama/collect.h"

#include "base/mem.h"

#include <errno.h>
#include <ggml-backend.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ITEMS = 1 << 24, MAX_FETCHED_BYTES = 1 << 30, DUMP_NAME_BYTES = 64 };

/* Variances of the rows that a norm is about to read. */
struct norm_rows {
    size_t norm, first, count;
};

int erg_collect_init(struct erg_collect *collect, const struct erg_graph *graph, double threshold,
                     double attention_threshold, const char *dump_path, struct erg_err *err)
{
    memset(collect, 0, sizeof(*collect));
    collect->kernels = erg_stats_select(ERG_STATS_BEST);
    collect->graph = graph;
    collect->threshold = threshold;
    collect->attention_threshold = attention_threshold;
    if (dump_path) {
        collect->dump = fopen(dump_path, "wbe");
        if (!collect->dump) {
            return erg_fail_errno(err, errno, "cannot write '%.150s'", dump_path);
        }
    }
    return 0;
}

void erg_collect_deinit(struct erg_collect *collect)
{
    if (collect->dump) {
        fclose(collect->dump);
    }
    free(collect->readings.items);
    free(collect->attention.items);
    free(collect->routing.items);
    free(collect->floats.items);
    free(collect->ids.items);
    free(collect->norms.items);
    free(collect->variances.items);
    free(collect->masks.items);
    free(collect->fetched);
    memset(collect, 0, sizeof(*collect));
}

void erg_collect_begin(struct erg_collect *collect)
{
    collect->readings.count = collect->attention.count = collect->routing.count = 0;
    collect->floats.count = collect->ids.count = 0;
    collect->norms.count = collect->variances.count = 0;
    collect->masks.count = 0;
    collect->rows_sampled = false;
    collect->router_entropy = NAN;
}

void *erg_list_grow(struct erg_list *list, size_t count, size_t item_bytes)
{
    bool grown =
        erg_grow(&list->items, &list->capacity, list->count + count, item_bytes, MAX_ITEMS) == 0;
    return grown ? erg_list_add(list, count, item_bytes) : NULL;
}

bool erg_collect_scalar(enum ggml_type type, enum erg_scalar *out)
{
    switch (type) {
    case GGML_TYPE_F32:
        *out = ERG_SCALAR_F32;
        return true;
    case GGML_TYPE_F16:
        *out = ERG_SCALAR_F16;
        return true;
    case GGML_TYPE_BF16:
        *out = ERG_SCALAR_BF16;
        return true;
    default:
        return false;
    }
}

const void *erg_collect_data(struct erg_collect *collect, const struct ggml_tensor *tensor)
{
    const ggml_backend_buffer_t buffer =
        tensor->view_src ? tensor->view_src->buffer : tensor->buffer;
    if (!tensor->data || !buffer) {
        return NULL;
    }
    if (ggml_backend_buffer_is_host(buffer)) {
        return tensor->data;
    }
    size_t bytes = ggml_nbytes(tensor);
    if (erg_grow(&collect->fetched, &collect->fetched_bytes, bytes, 1, MAX_FETCHED_BYTES) != 0) {
        return NULL;
    }
    ggml_backend_tensor_get(tensor, collect->fetched, 0, bytes);
    return collect->fetched;
}

bool erg_collect_view(struct erg_collect *collect, const struct ggml_tensor *tensor,
                      struct erg_tensor_view *out)
{
    if (!erg_collect_scalar(tensor->type, &out->type)) {
        return false;
    }
    for (int i = 0; i < ERG_STATS_DIMS; i++) {
        out->ne[i] = tensor->ne[i];
        out->nb[i] = tensor->nb[i];
    }
    out->data = erg_collect_data(collect, tensor);
    return out->data != NULL;
}

/* Which rows of a tensor to look at: tokens are its outermost dimension. */
struct token_rows {
    struct erg_rows rows;
    int64_t index[ERG_COLLECT_ROWS];
    bool sampled;
};

static void choose_rows(struct erg_collect *collect, const struct erg_tensor_view *view,
                        int64_t n_tokens, struct token_rows *out)
{
    out->rows = (struct erg_rows){.axis = ERG_STATS_DIMS - 1, .index = out->index};
    while (out->rows.axis > 1 && view->ne[out->rows.axis] == 1) {
        out->rows.axis--;
    }
    if (n_tokens > ERG_COLLECT_ROWS && out->rows.axis > 1 && view->ne[1] == n_tokens) {
        out->rows.axis = 1; /* what attention has computed, heads being outermost */
    }
    int64_t count = view->ne[out->rows.axis];
    out->sampled = n_tokens > ERG_COLLECT_ROWS && count > ERG_COLLECT_ROWS;
    out->rows.count = out->sampled ? erg_rows_sample(count, ERG_COLLECT_ROWS, out->index) : count;
    collect->rows_sampled = collect->rows_sampled || out->sampled;
}

static void add_rows(struct erg_collect *collect, const struct erg_tensor_view *view,
                     const struct token_rows *rows, struct erg_moments *moments)
{
    erg_stats_add(collect->kernels, view, rows->sampled ? &rows->rows : NULL, moments);
}

/* The share of negative elements in the half of each row of `gate` that is the gate. */
static float negative_half(struct erg_collect *collect, const struct ggml_tensor *activation,
                           const struct ggml_tensor *gate, int64_t n_tokens)
{
    struct erg_moments moments = {.part = ERG_STATS_NEGATIVE};
    struct erg_stats stats;
    struct erg_tensor_view view;
    struct token_rows rows;
    if (!erg_collect_view(collect, gate, &view)) {
        return NAN;
    }
    choose_rows(collect, &view, n_tokens, &rows);
    bool swapped = activation->op_params[1] != 0; /* the gate comes second */
    view.ne[0] /= 2;
    view.data = (const char *)view.data + (swapped ? (size_t)view.ne[0] * view.nb[0] : 0);
    add_rows(collect, &view, &rows, &moments);
    erg_stats_finish(&moments, &stats);
    return (float)stats.negative_ratio;
}

/* Variance of each row, those of a token side by side, of the tokens chosen; how many. */
static size_t row_variances(struct erg_collect *collect, const struct erg_tensor_view *view,
                            int64_t n_tokens)
{
    struct token_rows rows;
    choose_rows(collect, view, n_tokens, &rows);
    size_t inner = rows.rows.axis == 2 ? (size_t)view->ne[1] : 1;
    if (view->ne[3] != 1 || (rows.rows.axis != 1 && rows.rows.axis != 2)) {
        return 0;
    }
    size_t count = (size_t)rows.rows.count * inner;
    float *out = erg_list_add(&collect->variances, count, sizeof(*out));
    struct erg_tensor_view row = {.type = view->type,
                                  .ne = {view->ne[0], 1, 1, 1},
                                  .nb = {view->nb[0], view->nb[1], view->nb[2], view->nb[3]}};
    for (size_t i = 0; out && i < count; i++) {
        size_t k = i / inner, token = rows.sampled ? (size_t)rows.index[k] : k;
        struct erg_moments moments = {.part = ERG_STATS_VARIANCE};
        struct erg_stats stats;
        row.data = (const char *)view->data + token * view->nb[rows.rows.axis] +
                   (inner > 1 ? i % inner * view->nb[1] : 0);
        erg_stats_add(collect->kernels, &row, NULL, &moments);
        erg_stats_finish(&moments, &stats);
        out[i] = (float)stats.variance;
    }
    return out ? count : 0;
}

/* The operand as the norm sees it lies where its producer's result does. */
static void read_norm_input(struct erg_collect *collect, size_t i, int64_t n_tokens)
{
    size_t norm = (size_t)collect->graph->links[i].norm;
    const struct ggml_tensor *input = collect->graph->keys[norm].tensor->src[0];
    struct erg_tensor_view view;
    if (!erg_collect_view(collect, input, &view)) {
        return;
    }
    struct norm_rows rows = {.norm = norm, .first = collect->variances.count};
    rows.count = row_variances(collect, &view, n_tokens);
    struct norm_rows *kept = erg_list_add(&collect->norms, 1, sizeof(*kept));
    if (kept) {
        *kept = rows;
    }
}

/* var(input) / var(output), mean over the rows that have both. */
static float variance_ratio(const float *in, const float *out, size_t count)
{
    double sum = 0;
    size_t rows = 0;
    for (size_t i = 0; i < count; i++) {
        if (out[i] > 0 && isfinite(in[i])) {
            sum += (double)in[i] / (double)out[i];
            rows++;
        }
    }
    return rows ? (float)(sum / (double)rows) : NAN;
}

static double variance_of(const struct erg_reading *reading)
{
    struct erg_stats stats;
    erg_stats_finish(&reading->moments, &stats);
    return stats.variance;
}

/* The input of a norm whose rows are one, as `erg_collect_find` has it. */
static float single_ratio(const struct erg_collect *collect, size_t norm,
                          const struct erg_reading *result)
{
    const struct erg_reading *readings = collect->readings.items;
    for (size_t k = collect->readings.count; k > 0; k--) {
        if (collect->graph->links[readings[k - 1].node].norm == (int32_t)norm) {
            float in = (float)variance_of(&readings[k - 1]), out = (float)variance_of(result);
            return variance_ratio(&in, &out, 1);
        }
    }
    return NAN;
}

static float read_norm_output(struct erg_collect *collect, size_t i,
                              const struct erg_reading *reading, int64_t n_tokens)
{
    size_t norm = (size_t)collect->graph->links[i].normed;
    if (collect->graph->links[i].row > 0) {
        return single_ratio(collect, norm, reading);
    }
    const struct norm_rows *norms = collect->norms.items;
    size_t k = collect->norms.count;
    while (k > 0 && norms[k - 1].norm != norm) {
        k--;
    }
    struct erg_tensor_view view;
    if (k == 0 || !erg_collect_view(collect, collect->graph->keys[i].tensor, &view)) {
        return NAN;
    }
    size_t first = collect->variances.count, count = row_variances(collect, &view, n_tokens);
    const float *variances = collect->variances.items;
    norms = collect->norms.items;
    return count == norms[k - 1].count
               ? variance_ratio(variances + norms[k - 1].first, variances + first, count)
               : NAN;
}

/* The share of its gate that an activation suppresses. */
static float kill_ratio(const struct erg_collect *collect, size_t gate)
{
    const struct erg_reading *reading = erg_collect_find(collect, gate);
    return reading ? reading->negative_ratio : NAN;
}

const struct erg_reading *erg_collect_find(const struct erg_collect *collect, size_t node)
{
    const struct erg_reading *readings = collect->readings.items;
    size_t low = 0, high = collect->readings.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (readings[middle].node < node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < collect->readings.count && readings[low].node == node ? &readings[low] : NULL;
}

/* What a reading says beyond the moments, of a graph whose links are known. */
static void read_links(struct erg_collect *collect, size_t i, unsigned what, int64_t n_tokens,
                       struct erg_reading *reading)
{
    const struct erg_graph *graph = collect->graph;
    const struct erg_graph_links *links = &graph->links[i];
    if (what & ERG_WHAT_SIGN) {
        struct erg_stats stats;
        erg_stats_finish(&reading->moments, &stats);
        reading->negative_ratio = (float)stats.negative_ratio;
    }
    if (links->halves >= 0) {
        reading->negative_ratio = negative_half(collect, graph->keys[links->halves].tensor,
                                                graph->keys[i].tensor, n_tokens);
    }
    if (what & ERG_WHAT_ACTIVATION) {
        reading->extra = kill_ratio(collect, (size_t)links->gate);
    }
    if ((what & ERG_WHAT_NORM_INPUT) && links->row <= 0) {
        read_norm_input(collect, i, n_tokens);
    }
    if (what & ERG_WHAT_NORM_OUTPUT) {
        reading->extra = read_norm_output(collect, i, reading, n_tokens);
    }
}

static void add_tensor(struct erg_collect *collect, size_t i, int64_t n_tokens,
                       struct erg_moments *moments)
{
    struct erg_tensor_view view;
    struct token_rows rows;
    if (erg_collect_view(collect, collect->graph->keys[i].tensor, &view)) {
        choose_rows(collect, &view, n_tokens, &rows);
        add_rows(collect, &view, &rows, moments);
    }
}

static struct erg_reading *begin_reading(struct erg_collect *collect, size_t i, unsigned what)
{
    struct erg_reading *reading = erg_list_add(&collect->readings, 1, sizeof(*reading));
    if (reading) {
        *reading = (struct erg_reading){
            .node = (uint32_t)i,
            .what = what,
            .negative_ratio = NAN,
            .extra = NAN,
            .moments = {.part = what & ERG_WHAT_SIGN ? ERG_STATS_ALL : ERG_STATS_UNSIGNED,
                        .threshold = collect->threshold}};
    }
    return reading;
}

static const struct erg_graph_piece *piece_of(const struct erg_collect *collect, size_t i,
                                              bool pieces)
{
    const struct erg_graph_piece *piece = pieces ? &collect->graph->pieces[i] : NULL;
    return piece && piece->data ? piece : NULL;
}

static void read_piece(struct erg_collect *collect, const struct erg_graph_piece *piece,
                       struct erg_reading *reading)
{
    erg_stats_add_row(collect->kernels, (enum erg_scalar)piece->type, piece->data, piece->count,
                      &reading->moments);
}

static void read_moments(struct erg_collect *collect, size_t i, unsigned what, bool pieces,
                         int64_t n_tokens)
{
    const struct erg_graph_piece *piece = piece_of(collect, i, pieces);
    struct erg_reading *reading = begin_reading(collect, i, what);
    if (!reading) {
        return;
    }
    if (what & ERG_WHAT_SCORES) {
        erg_collect_scores(collect, i, &reading->moments);
    } else if (piece) {
        read_piece(collect, piece, reading);
    } else {
        add_tensor(collect, i, n_tokens, &reading->moments);
    }
    if (reading->moments.count == 0) {
        collect->readings.count--; /* a pass without logits has empty tensors */
    } else if (what &
               (ERG_WHAT_SIGN | ERG_WHAT_ACTIVATION | ERG_WHAT_NORM_INPUT | ERG_WHAT_NORM_OUTPUT)) {
        read_links(collect, i, what, n_tokens, reading);
    }
}

static void read_all(struct erg_collect *collect, size_t i, unsigned what, bool pieces,
                     int64_t n_tokens)
{
    if (what & (ERG_WHAT_MOMENTS | ERG_WHAT_SCORES | ERG_WHAT_NORM_INPUT | ERG_WHAT_SIGN)) {
        read_moments(collect, i, what, pieces, n_tokens);
    }
    if (what & ERG_WHAT_ATTENTION) {
        erg_collect_attention(collect, i);
    }
    if (what & (ERG_WHAT_PROBABILITIES | ERG_WHAT_EXPERTS | ERG_WHAT_EXPERT_WEIGHTS)) {
        erg_collect_routing(collect, i, what);
    }
}

ERG_HOT void erg_collect_read(struct erg_collect *collect, size_t i, unsigned what, bool pieces,
                              int64_t n_tokens)
{
    const struct erg_graph_piece *piece = piece_of(collect, i, pieces);
    struct erg_reading *reading;
    if (what != ERG_WHAT_MOMENTS || !piece) {
        read_all(collect, i, what, pieces, n_tokens);
    } else if ((reading = begin_reading(collect, i, what))) {
        read_piece(collect, piece, reading); /* most often, and with little code */
    }
}

static void dump_name(FILE *dump, const char *name)
{
    char text[DUMP_NAME_BYTES] = "";
    snprintf(text, sizeof(text), "%s", name);
    fwrite(text, 1, sizeof(text), dump);
}

static void dump_rows(FILE *dump, const struct erg_tensor_view *view)
{
    const char *data = view->data;
    int64_t rows = view->ne[1] * view->ne[2] * view->ne[3];
    for (int64_t row = 0; row < rows; row++) {
        size_t j = (size_t)(row % view->ne[1]), k = (size_t)(row / view->ne[1] % view->ne[2]),
               l = (size_t)(row / view->ne[1] / view->ne[2]);
        const char *from = data + j * view->nb[1] + k * view->nb[2] + l * view->nb[3];
        for (int64_t i = 0; i < view->ne[0]; i++) {
            fwrite(from + (size_t)i * view->nb[0], sizeof(float), 1, dump);
        }
    }
}

void erg_collect_dump(struct erg_collect *collect, size_t node, const struct ggml_tensor *tensor)
{
    struct erg_tensor_view view;
    struct erg_node_facts facts;
    if (!collect->dump || tensor->type != GGML_TYPE_F32 ||
        !erg_collect_view(collect, tensor, &view)) {
        return;
    }
    int64_t head[] = {(int64_t)node, view.ne[0], view.ne[1], view.ne[2], view.ne[3]};
    const char *weight = "";
    erg_node_facts(tensor, NULL, 0, &facts);
    for (int i = 0; i < ERG_NODE_SOURCES; i++) {
        weight = facts.src[i].is_weight ? facts.src[i].name : weight;
    }
    fwrite(head, sizeof(head), 1, collect->dump);
    dump_name(collect->dump, facts.op);
    dump_name(collect->dump, facts.name);
    dump_name(collect->dump, weight);
    dump_rows(collect->dump, &view);
}
