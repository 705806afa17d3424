/* SPDX-License-Identifier: MIT */
#include "engine/llama/nodes.h"

#include <ggml-backend.h>
#include <string.h>

static bool is_noop(enum ggml_op op)
{
    return op == GGML_OP_NONE || op == GGML_OP_RESHAPE || op == GGML_OP_VIEW ||
           op == GGML_OP_PERMUTE || op == GGML_OP_TRANSPOSE;
}

bool erg_node_is_executed(const struct ggml_tensor *node)
{
    return !is_noop(node->op) && (node->flags & GGML_TENSOR_FLAG_COMPUTE) != 0;
}

/* The computed tensor or leaf behind views and reshapes. */
static const struct ggml_tensor *behind_views(const struct ggml_tensor *tensor)
{
    while (is_noop(tensor->op) && tensor->src[0]) {
        tensor = tensor->src[0];
    }
    return tensor->op == GGML_OP_NONE && tensor->view_src ? tensor->view_src : tensor;
}

static bool is_weight(const struct ggml_tensor *tensor)
{
    return tensor->op == GGML_OP_NONE && tensor->buffer &&
           ggml_backend_buffer_get_usage(tensor->buffer) == GGML_BACKEND_BUFFER_USAGE_WEIGHTS;
}

bool erg_node_reads_weight(const struct ggml_tensor *node)
{
    for (int i = 0; i < GGML_MAX_SRC; i++) {
        if (node->src[i] && is_weight(behind_views(node->src[i]))) {
            return true;
        }
    }
    return false;
}

bool erg_node_reads(const struct ggml_tensor *node, const struct ggml_tensor *other)
{
    for (int i = 0; i < GGML_MAX_SRC; i++) {
        if (node->src[i] && behind_views(node->src[i]) == other) {
            return true;
        }
    }
    return false;
}

bool erg_node_overlaps(const struct ggml_tensor *a, const struct ggml_tensor *b)
{
    const char *from_a = a->data, *from_b = b->data;
    return from_a < from_b + ggml_nbytes(b) && from_b < from_a + ggml_nbytes(a);
}

/*
 * Where two back ends share a graph, the scheduler copies what one needs of the other, into leaves
 * that it calls "BACKEND#name#n". The name of what was copied, without what a view adds to it;
 * false when the tensor is no such copy.
 */
static bool original_name(const struct ggml_tensor *tensor, char out[GGML_MAX_NAME])
{
    const char *start = tensor->op == GGML_OP_NONE ? strchr(tensor->name, '#') : NULL;
    if (!start) {
        return false;
    }
    snprintf(out, GGML_MAX_NAME, "%s", start + 1);
    char *end = strrchr(out, '#');
    if (end) {
        *end = '\0';
    }
    char *view = strstr(out, " (");
    if (view) {
        *view = '\0';
    }
    return true;
}

static bool names_weight(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".weight") == 0 || strcmp(dot, ".bias") == 0);
}

static int index_of_name(const char *name, const struct ggml_tensor *const *nodes, size_t count)
{
    for (size_t i = count; i > 0; i--) {
        if (strcmp(nodes[i - 1]->name, name) == 0) {
            return (int)i - 1;
        }
    }
    return -1;
}

static int index_of(const struct ggml_tensor *tensor, const struct ggml_tensor *const *nodes,
                    size_t count)
{
    for (size_t i = count; i > 0; i--) {
        if (nodes[i - 1] == tensor) {
            return (int)i - 1;
        }
    }
    return -1;
}

void erg_node_facts(const struct ggml_tensor *node, const struct ggml_tensor *const *earlier,
                    size_t count, struct erg_node_facts *out)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->op, sizeof(out->op), "%s", ggml_op_name(node->op));
    snprintf(out->desc, sizeof(out->desc), "%s", ggml_op_desc(node));
    snprintf(out->name, sizeof(out->name), "%s", node->name);
    for (int i = 0; i < ERG_NODE_SOURCES && i < GGML_MAX_SRC; i++) {
        struct erg_node_source *src = &out->src[i];
        src->node = -1;
        if (node->src[i]) {
            char original[GGML_MAX_NAME];
            const struct ggml_tensor *root = behind_views(node->src[i]);
            bool copied = original_name(root, original);
            const char *name = copied ? original : root->name;
            snprintf(src->name, sizeof(src->name), "%s", name[0] ? name : "?");
            src->is_weight = is_weight(root) || (copied && names_weight(original));
            if (copied) {
                src->node = index_of_name(original, earlier, count);
            } else if (root->op != GGML_OP_NONE) {
                src->node = index_of(root, earlier, count);
            }
        }
    }
}

void erg_node_dump(const struct erg_node_facts *facts, FILE *out)
{
    fprintf(out, "%s\t%s\t%s", facts->op, facts->desc, facts->name);
    for (int i = 0; i < ERG_NODE_SOURCES && facts->src[i].name[0] != '\0'; i++) {
        const struct erg_node_source *src = &facts->src[i];
        fprintf(out, "\t%s%s@%d", src->is_weight ? "*" : "", src->name, src->node);
    }
    fputc('\n', out);
}

/* Bytes of the elements, whatever the strides. */
static double bytes_of(const struct ggml_tensor *t)
{
    return t ? (double)ggml_row_size(t->type, t->ne[0]) * (double)(t->ne[1] * t->ne[2] * t->ne[3])
             : 0;
}

static double elements_of(const struct ggml_tensor *t)
{
    return (double)ggml_nelements(t);
}

/* Arithmetic per element of the result of the simple operations, by convention. */
static double flops_per_element(const struct ggml_tensor *t)
{
    switch (t->op) {
    case GGML_OP_ADD:
    case GGML_OP_SUB:
    case GGML_OP_MUL:
    case GGML_OP_DIV:
    case GGML_OP_SCALE:
    case GGML_OP_SQR:
    case GGML_OP_CLAMP:
        return 1;
    case GGML_OP_ROPE:
        return 3; /* 6 per pair */
    case GGML_OP_RMS_NORM:
    case GGML_OP_NORM:
    case GGML_OP_L2_NORM:
        return 4;
    case GGML_OP_SOFT_MAX:
    case GGML_OP_UNARY:
        return 5;
    case GGML_OP_GLU:
        return 6;
    default:
        return 0;
    }
}

/* Experts a batch touches when the router spreads its choices evenly. */
static double expected_experts(double experts, double used, double tokens)
{
    double missed = 1;
    for (double i = 0; i < tokens && missed > 1e-9; i++) {
        missed *= 1 - used / experts;
    }
    return experts * (1 - missed);
}

static void attention_cost(const struct ggml_tensor *t, struct erg_node_cost *out)
{
    const struct ggml_tensor *q = t->src[0], *k = t->src[1], *v = t->src[2];
    double heads = (double)q->ne[2];
    double kv_heads = (double)k->ne[2];
    out->flops_per_cell = 2 * heads * (double)(k->ne[0] + v->ne[0]) + 5 * heads;
    out->cache_bytes_per_key = kv_heads * ((double)ggml_row_size(k->type, k->ne[0]) +
                                           (double)ggml_row_size(v->type, v->ne[0]));
    out->bytes = bytes_of(q) + bytes_of(t);
}

void erg_node_cost(const struct ggml_tensor *t, struct erg_node_cost *out)
{
    memset(out, 0, sizeof(*out));
    const struct ggml_tensor *a = t->src[0], *b = t->src[1], *c = t->src[2];
    switch (t->op) {
    case GGML_OP_MUL_MAT:
        out->flops = 2 * elements_of(t) * (double)a->ne[0];
        out->bytes = bytes_of(a) + bytes_of(b) + bytes_of(t);
        break;
    case GGML_OP_MUL_MAT_ID: {
        double used = (double)c->ne[0], tokens = (double)c->ne[1], experts = (double)a->ne[2];
        out->flops = 2 * elements_of(t) * (double)a->ne[0];
        out->bytes = bytes_of(a) / experts * expected_experts(experts, used, tokens) + bytes_of(b) +
                     bytes_of(t);
        break;
    }
    case GGML_OP_FLASH_ATTN_EXT:
        attention_cost(t, out);
        break;
    case GGML_OP_GET_ROWS:
        out->bytes =
            (double)ggml_row_size(a->type, a->ne[0]) * (double)ggml_nelements(b) + bytes_of(t);
        break;
    case GGML_OP_SET_ROWS:
        out->bytes = bytes_of(a) + (double)ggml_row_size(t->type, a->ne[0]) *
                                       (double)(a->ne[1] * a->ne[2] * a->ne[3]);
        break;
    default:
        out->flops = elements_of(t) * flops_per_element(t);
        out->bytes = bytes_of(a) + bytes_of(b) + bytes_of(t);
        break;
    }
}
