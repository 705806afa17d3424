/* SPDX-License-Identifier: MIT */
#include "engine/llama/amplify.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TENSORS = 1 << 20, ALIGN_BYTES = 64 };

/* What copies of activations may take together. */
#define MAX_COPY_BYTES ((size_t)2 << 30)

struct copy {
    struct ggml_tensor *tensor;
    bool fused;     /* reads the node before it */
    void *expected; /* NULL = not asked for */
};

struct erg_amplifier {
    void **blocks; /* every block of memory, to be freed */
    size_t block_count, block_capacity, bytes;
    struct copy *nodes; /* the first round */
    size_t count, capacity, sources;
    const struct ggml_tensor *latest; /* original of the last one */
    struct ggml_context *ggml;
    struct ggml_cgraph *graph;
    struct ggml_tensor *more; /* the further rounds */
    size_t rounds;
};

int erg_amplifier_new(struct erg_amplifier **out, struct erg_err *err)
{
    *out = erg_calloc(1, sizeof(**out));
    return *out ? 0 : erg_fail(err, ERG_NOMEM, "cannot repeat an operation: out of memory");
}

void erg_amplifier_free(struct erg_amplifier *amplifier)
{
    if (!amplifier) {
        return;
    }
    for (size_t i = 0; i < amplifier->block_count; i++) {
        free(amplifier->blocks[i]);
    }
    ggml_free(amplifier->ggml);
    free(amplifier->blocks);
    free(amplifier->nodes);
    free(amplifier->more);
    free(amplifier);
}

/* Zeroed memory that lives as long as the amplifier, aligned as ggml's; NULL when there is none. */
static void *take_memory(struct erg_amplifier *amplifier, size_t bytes)
{
    void *blocks = amplifier->blocks;
    int status = erg_grow(&blocks, &amplifier->block_capacity, amplifier->block_count + 1,
                          sizeof(*amplifier->blocks), MAX_TENSORS);
    amplifier->blocks = blocks;
    char *block = status ? NULL : erg_calloc(bytes + ALIGN_BYTES, 1);
    if (!block) {
        return NULL;
    }
    amplifier->blocks[amplifier->block_count++] = block;
    amplifier->bytes += bytes;
    return block + (ALIGN_BYTES - (uintptr_t)block % ALIGN_BYTES);
}

/* Whether a tensor's data outlive the graph: weights and the KV cache do. */
static bool is_kept(const struct ggml_tensor *tensor)
{
    return ggml_backend_buffer_get_usage(tensor->buffer) != GGML_BACKEND_BUFFER_USAGE_COMPUTE;
}

static struct ggml_tensor *copy_head(struct erg_amplifier *amplifier,
                                     const struct ggml_tensor *tensor)
{
    struct ggml_tensor *copy = take_memory(amplifier, sizeof(*copy));
    if (copy) {
        *copy = *tensor;
        copy->view_src = NULL;
        copy->view_offs = 0;
        copy->flags = 0;
    }
    return copy;
}

static int own_data(struct erg_amplifier *amplifier, struct ggml_tensor *copy, struct erg_err *err)
{
    size_t bytes = ggml_nbytes(copy);
    if (bytes > MAX_COPY_BYTES - amplifier->bytes) {
        return erg_fail(err, ERG_LIMIT, "its operands take more than 2 GiB");
    }
    copy->data = take_memory(amplifier, bytes);
    copy->buffer = NULL;
    copy->extra = NULL;
    return copy->data ? 0 : erg_fail(err, ERG_NOMEM, "out of memory");
}

static int add_source(struct erg_amplifier *amplifier, const struct ggml_tensor *source,
                      struct ggml_tensor **out, struct erg_err *err)
{
    if (!source->data || !source->buffer) {
        return erg_fail(err, ERG_UNSUPPORTED, "an operand lies nowhere");
    }
    struct ggml_tensor *copy = copy_head(amplifier, source);
    if (!copy) {
        return erg_fail(err, ERG_NOMEM, "out of memory");
    }
    copy->op = GGML_OP_NONE;
    memset(copy->src, 0, sizeof(copy->src));
    amplifier->sources++;
    *out = copy;
    if (is_kept(source)) {
        return 0;
    }
    int status = own_data(amplifier, copy, err);
    if (status == 0) {
        memcpy(copy->data, source->data, ggml_nbytes(source));
    }
    return status;
}

int erg_amplifier_add(struct erg_amplifier *amplifier, const struct ggml_tensor *node, bool fused,
                      struct erg_err *err)
{
    void *nodes = amplifier->nodes;
    int status = erg_grow(&nodes, &amplifier->capacity, amplifier->count + 1,
                          sizeof(*amplifier->nodes), MAX_TENSORS);
    amplifier->nodes = nodes;
    struct ggml_tensor *copy = status ? NULL : copy_head(amplifier, node);
    if (!copy) {
        return erg_fail(err, ERG_NOMEM, "out of memory");
    }
    for (int i = 0; i < GGML_MAX_SRC && status == 0; i++) {
        if (fused && node->src[i] == amplifier->latest && amplifier->count > 0) {
            copy->src[i] = amplifier->nodes[amplifier->count - 1].tensor;
        } else if (node->src[i]) {
            status = add_source(amplifier, node->src[i], &copy->src[i], err);
        }
    }
    if (status == 0 && (!node->buffer || !is_kept(node))) {
        status = own_data(amplifier, copy, err);
    }
    if (status == 0) {
        amplifier->nodes[amplifier->count++] = (struct copy){.tensor = copy, .fused = fused};
        amplifier->latest = node;
    }
    return status;
}

int erg_amplifier_expect(struct erg_amplifier *amplifier, struct erg_err *err)
{
    struct copy *copy = &amplifier->nodes[amplifier->count - 1];
    size_t bytes = ggml_nbytes(copy->tensor);
    copy->expected = take_memory(amplifier, bytes);
    if (!copy->expected) {
        return erg_fail(err, ERG_NOMEM, "out of memory");
    }
    memcpy(copy->expected, amplifier->latest->data, bytes);
    return 0;
}

size_t erg_amplifier_differing(const struct erg_amplifier *amplifier)
{
    size_t differing = 0;
    for (size_t i = 0; i < amplifier->count; i++) {
        const struct copy *copy = &amplifier->nodes[i];
        differing += copy->expected &&
                     memcmp(copy->tensor->data, copy->expected, ggml_nbytes(copy->tensor)) != 0;
    }
    return differing;
}

size_t erg_amplifier_nodes(const struct erg_amplifier *amplifier)
{
    return amplifier->count;
}

/* The nodes of a further round: the same operands and results, other tensors. */
static void add_round(struct erg_amplifier *amplifier, struct ggml_tensor *more)
{
    for (size_t i = 0; i < amplifier->count; i++) {
        const struct copy *first = &amplifier->nodes[i];
        more[i] = *first->tensor;
        for (int k = 0; k < GGML_MAX_SRC && first->fused; k++) {
            if (more[i].src[k] == amplifier->nodes[i - 1].tensor) {
                more[i].src[k] = &more[i - 1];
            }
        }
    }
    for (size_t i = 0; i < amplifier->count; i++) {
        ggml_build_forward_expand(amplifier->graph, &more[i]);
    }
}

int erg_amplifier_arrange(struct erg_amplifier *amplifier, size_t rounds, struct erg_err *err)
{
    size_t room = amplifier->count * rounds + amplifier->sources + 16;
    struct ggml_init_params params = {
        .mem_size = ggml_graph_overhead_custom(room, false) + 1024,
        .no_alloc = true,
    };
    ggml_free(amplifier->ggml);
    free(amplifier->more);
    amplifier->graph = NULL;
    amplifier->ggml = ggml_init(params);
    amplifier->more = erg_calloc(amplifier->count * (rounds - 1), sizeof(*amplifier->more));
    if (!amplifier->ggml || !amplifier->more) {
        return erg_fail(err, ERG_NOMEM, "cannot repeat an operation: out of memory");
    }
    amplifier->graph = ggml_new_graph_custom(amplifier->ggml, room, false);
    for (size_t i = 0; i < amplifier->count; i++) {
        ggml_build_forward_expand(amplifier->graph, amplifier->nodes[i].tensor);
    }
    for (size_t round = 1; round < rounds; round++) {
        add_round(amplifier, &amplifier->more[(round - 1) * amplifier->count]);
    }
    for (int i = 0; i < ggml_graph_n_nodes(amplifier->graph); i++) {
        ggml_graph_node(amplifier->graph, i)->flags |= GGML_TENSOR_FLAG_COMPUTE;
    }
    amplifier->rounds = rounds;
    return 0;
}

size_t erg_amplifier_rounds(const struct erg_amplifier *amplifier)
{
    return amplifier->rounds;
}

int erg_amplifier_run(struct erg_amplifier *amplifier, ggml_backend_t backend, struct erg_err *err)
{
    if (ggml_backend_graph_compute(backend, amplifier->graph) != GGML_STATUS_SUCCESS) {
        return erg_fail(err, ERG_IO, "an operation cannot be repeated by itself");
    }
    return 0;
}
