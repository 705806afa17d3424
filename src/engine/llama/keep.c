/* SPDX-License-Identifier: MIT */
#include "engine/llama/keep.h"

#include "engine/llama/plan.h"

/*
 * A result is read at the stamp of the node behind it at the latest, and its reader is one of the
 * next REACH nodes. With SLOTS kept results between two uses of a slot that is long past.
 */
enum { REACH = 2, SLOTS = 4, SLOT_BYTES = 512 << 10 };

void erg_keep_deinit(struct erg_keep *keep)
{
    ggml_backend_buffer_free(keep->buffer);
    keep->buffer = NULL;
}

/* What ggml may compute in the memory of an operand. */
static bool works_in_place(enum ggml_op op)
{
    switch (op) {
    case GGML_OP_ADD:
    case GGML_OP_ADD_ID:
    case GGML_OP_SUB:
    case GGML_OP_MUL:
    case GGML_OP_DIV:
    case GGML_OP_SQR:
    case GGML_OP_SQRT:
    case GGML_OP_LOG:
    case GGML_OP_SCALE:
    case GGML_OP_CLAMP:
    case GGML_OP_UNARY:
    case GGML_OP_ROPE:
    case GGML_OP_RMS_NORM:
    case GGML_OP_NORM:
    case GGML_OP_SOFT_MAX:
        return true;
    default:
        return false;
    }
}

/* Whether only one node reads the i-th, one of the next few, and may do so in place. */
static bool is_endangered(struct ggml_cgraph *nodes, int i)
{
    const struct ggml_tensor *result = ggml_graph_node(nodes, i);
    int readers = 0, later = 0;
    bool in_place = false;
    for (int k = i + 1; k < ggml_graph_n_nodes(nodes) && readers < 2; k++) {
        const struct ggml_tensor *node = ggml_graph_node(nodes, k);
        if (!erg_node_is_executed(node)) {
            continue;
        }
        later++;
        if (erg_node_reads(node, result)) {
            readers++;
            in_place = later <= REACH && works_in_place(node->op);
        }
    }
    return readers == 1 && in_place;
}

static bool is_movable(const struct ggml_tensor *tensor)
{
    return erg_node_is_executed(tensor) && !tensor->view_src && !tensor->data && !tensor->buffer &&
           !(tensor->flags & GGML_TENSOR_FLAG_OUTPUT) && ggml_nbytes(tensor) <= SLOT_BYTES;
}

void erg_keep_place(struct erg_keep *keep, struct ggml_cgraph *nodes, bool operations)
{
    int slot = 0;
    for (int i = 0; i < ggml_graph_n_nodes(nodes); i++) {
        struct ggml_tensor *tensor = ggml_graph_node(nodes, i);
        if (!is_movable(tensor) || !erg_plan_may_read(tensor, operations) ||
            !is_endangered(nodes, i)) {
            continue;
        }
        if (!keep->buffer) {
            keep->buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(),
                                                          (size_t)SLOTS * SLOT_BYTES);
        }
        if (!keep->buffer) {
            return; /* memory is short: the graph is cut instead */
        }
        char *base = ggml_backend_buffer_get_base(keep->buffer);
        ggml_backend_tensor_alloc(keep->buffer, tensor, base + (size_t)slot * SLOT_BYTES);
        slot = (slot + 1) % SLOTS;
    }
}
