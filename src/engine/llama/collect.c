/* SPDX-License-Identifier: MIT */
#include "engine/llama/collect.h"

#include "base/mem.h"
#include "engine/llama/nodes.h"

#include <errno.h>
#include <ggml-backend.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_READINGS = 1 << 17, MAX_FETCHED_BYTES = 1 << 30, DUMP_NAME_BYTES = 64 };

int erg_collect_init(struct erg_collect *collect, double threshold, const char *dump_path,
                     struct erg_err *err)
{
    memset(collect, 0, sizeof(*collect));
    collect->kernels = erg_stats_select(ERG_STATS_BEST);
    collect->threshold = threshold;
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
    free(collect->readings);
    free(collect->fetched);
    memset(collect, 0, sizeof(*collect));
}

void erg_collect_begin(struct erg_collect *collect)
{
    collect->count = 0;
}

static bool scalar_type(enum ggml_type type, enum erg_scalar *out)
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

bool erg_collect_may_want(const struct ggml_tensor *tensor)
{
    enum erg_scalar type;
    switch (tensor->op) {
    case GGML_OP_RMS_NORM: /* the MUL behind it is, and is computed together with it */
    case GGML_OP_NORM:
    case GGML_OP_SOFT_MAX:
    case GGML_OP_SET_ROWS:
    case GGML_OP_CPY:
        return false;
    case GGML_OP_MUL_MAT: /* those of attention have no weight */
    case GGML_OP_GET_ROWS:
        return erg_node_reads_weight(tensor);
    default:
        return scalar_type(tensor->type, &type);
    }
}

/* Where the elements can be read: the tensor's own memory, or a copy of what a device has. */
static const void *data_of(struct erg_collect *collect, const struct ggml_tensor *tensor)
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

static bool view_of(struct erg_collect *collect, const struct ggml_tensor *tensor,
                    struct erg_tensor_view *out)
{
    if (!scalar_type(tensor->type, &out->type)) {
        return false;
    }
    for (int i = 0; i < ERG_STATS_DIMS; i++) {
        out->ne[i] = tensor->ne[i];
        out->nb[i] = tensor->nb[i];
    }
    out->data = data_of(collect, tensor);
    return out->data != NULL;
}

static struct erg_reading *next_reading(struct erg_collect *collect)
{
    void *readings = collect->readings;
    if (erg_grow(&readings, &collect->capacity, collect->count + 1, sizeof(*collect->readings),
                 MAX_READINGS) != 0) {
        return NULL;
    }
    collect->readings = readings;
    return &collect->readings[collect->count];
}

void erg_collect_read(struct erg_collect *collect, size_t node, const struct ggml_tensor *tensor,
                      int64_t n_tokens)
{
    struct erg_tensor_view view;
    int64_t index[ERG_COLLECT_ROWS];
    struct erg_reading *reading = next_reading(collect);
    if (!reading || !view_of(collect, tensor, &view)) {
        return;
    }
    struct erg_rows rows = {.axis = ERG_STATS_DIMS - 1, .index = index};
    while (rows.axis > 1 && view.ne[rows.axis] == 1) {
        rows.axis--; /* tokens are the outermost dimension */
    }
    int64_t count = view.ne[rows.axis];
    bool sampled = n_tokens > ERG_COLLECT_ROWS && count > ERG_COLLECT_ROWS;
    rows.count = sampled ? erg_rows_sample(count, ERG_COLLECT_ROWS, index) : count;
    *reading = (struct erg_reading){
        .node = node, .moments = {.part = ERG_STATS_ALL, .threshold = collect->threshold}};
    erg_stats_add(collect->kernels, &view, sampled ? &rows : NULL, &reading->moments);
    collect->count += reading->moments.count > 0; /* a pass without logits has empty tensors */
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
    if (!collect->dump || tensor->type != GGML_TYPE_F32 || !view_of(collect, tensor, &view)) {
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
