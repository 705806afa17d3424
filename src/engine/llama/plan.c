/* SPDX-License-Identifier: MIT */
#include "engine/llama/plan.h"

#include "engine/llama/collect.h"

#include <ggml-backend.h>
#include <string.h>

static bool holds_numbers(const struct ggml_tensor *tensor)
{
    return tensor->type == GGML_TYPE_F32 || tensor->type == GGML_TYPE_F16 ||
           tensor->type == GGML_TYPE_BF16;
}

static bool is_norm(const struct ggml_tensor *tensor)
{
    return tensor->op == GGML_OP_RMS_NORM || tensor->op == GGML_OP_NORM ||
           tensor->op == GGML_OP_L2_NORM || tensor->op == GGML_OP_GROUP_NORM;
}

bool erg_plan_may_read(const struct ggml_tensor *tensor, bool operations)
{
    if (!holds_numbers(tensor)) {
        return operations && tensor->op == GGML_OP_ARGSORT;
    }
    switch (tensor->op) {
    case GGML_OP_RMS_NORM: /* the MUL behind it is, and is computed together with it */
    case GGML_OP_SET_ROWS:
    case GGML_OP_CPY:
        return false;
    case GGML_OP_NORM:
    case GGML_OP_SOFT_MAX:
        return operations;
    case GGML_OP_MUL_MAT: /* those of attention have no weight */
    case GGML_OP_GET_ROWS:
        return operations || erg_node_reads_weight(tensor);
    default:
        return true;
    }
}

void erg_plan_piece(const struct ggml_tensor *tensor, struct erg_graph_piece *out)
{
    const ggml_backend_buffer_t buffer =
        tensor->view_src ? tensor->view_src->buffer : tensor->buffer;
    enum erg_scalar type;
    *out = (struct erg_graph_piece){NULL, 0, 0};
    if (tensor->data && buffer && ggml_nelements(tensor) > 0 &&
        ggml_backend_buffer_is_host(buffer) && erg_collect_scalar(tensor->type, &type) &&
        ggml_is_contiguous(tensor) && tensor->ne[1] <= ERG_COLLECT_ROWS &&
        tensor->ne[2] <= ERG_COLLECT_ROWS && tensor->ne[3] == 1) {
        *out = (struct erg_graph_piece){tensor->data, (uint32_t)ggml_nelements(tensor), type};
    }
}

/* The list being planned, and what is known of its nodes. */
struct plan {
    struct erg_graph *graph;
    const struct erg_node_facts *facts;
    const struct erg_node_class *classes;
    const bool *results;
    size_t count;
};

static const struct ggml_tensor *tensor_of(const struct plan *plan, size_t i)
{
    return plan->graph->keys[i].tensor;
}

static bool in_chosen_layer(const struct erg_graph *graph, int layer)
{
    const struct erg_graph_options *options = &graph->options;
    return !options->layers || layer < 0 ||
           (layer < options->layer_count && options->layers[layer]);
}

static bool moves_data(uint8_t component)
{
    return component == ERG_COMPONENT_kv_append || component == ERG_COMPONENT_output_select ||
           component == ERG_COMPONENT_unattributed;
}

/*
 * Whether the first of several threads computes all of it. ggml splits these operations by rows,
 * which is what it does rather than what it promises: the instrument looks whether that is so
 * (rows_alone).
 */
static bool is_computed_alone(const struct erg_graph *graph, const struct ggml_tensor *tensor)
{
#ifdef ERG_PRESUME_ALONE /* a build that is wrong about this, to test that it finds out */
    return graph->options.rows_alone;
#endif
    if (!graph->options.rows_alone || ggml_nrows(tensor) != 1 || !ggml_is_contiguous(tensor)) {
        return false;
    }
    switch (tensor->op) {
    case GGML_OP_ADD:
    case GGML_OP_SUB:
    case GGML_OP_MUL:
    case GGML_OP_DIV:
    case GGML_OP_UNARY:
    case GGML_OP_GLU:
    case GGML_OP_NORM:
    case GGML_OP_RMS_NORM:
        return true;
    default:
        return false;
    }
}

/* Whether the second node behind it goes over all of its result, which is there still. */
static bool is_read_again(const struct plan *plan, size_t i)
{
    const struct erg_graph *graph = plan->graph;
    if (i + 2 >= plan->count || graph->nodes[i + 1].read == ERG_READ_OWN ||
        graph->nodes[i + 1].read == ERG_READ_CUT || tensor_of(plan, i + 2)->op != GGML_OP_GLU) {
        return false; /* nodes are read in their order */
    }
    bool reads = erg_node_reads(tensor_of(plan, i + 2), tensor_of(plan, i));
    return reads && !erg_graph_is_overwritten(graph, i, i + 2);
}

static enum erg_read when_read(const struct plan *plan, size_t i)
{
    const struct erg_graph *graph = plan->graph;
    if (graph->nodes[i].norm_fused) {
        return ERG_READ_NEVER;
    }
    if (graph->options.single_thread) {
        return ERG_READ_OWN;
    }
    if (i + 1 == plan->count || erg_graph_is_overwritten(graph, i, i + 1)) {
        return ERG_READ_CUT;
    }
    if (is_computed_alone(graph, tensor_of(plan, i))) {
        return ERG_READ_OWN; /* and is there still at the next stamp, to look whether it was */
    }
    return is_read_again(plan, i) ? ERG_READ_LATER : ERG_READ_NEXT;
}

/* From the last node on: when one is read depends on the one behind it. */
static void plan_stamps(const struct plan *plan)
{
    struct erg_graph_node *nodes = plan->graph->nodes;
    for (size_t i = plan->count; i-- > 0;) {
        enum erg_read read = when_read(plan, i);
        nodes[i].read = (uint8_t)read;
        if (read == ERG_READ_OWN || read == ERG_READ_NEXT || read == ERG_READ_LATER) {
            unsigned behind = read - ERG_READ_OWN;
            nodes[i + behind].due |= (uint8_t)(1U << behind);
        }
    }
}

static void plan_one(const struct plan *plan, size_t i)
{
    struct erg_graph *graph = plan->graph;
    struct erg_graph_node *node = &graph->nodes[i];
    bool chosen = in_chosen_layer(graph, node->layer) && !node->norm_fused;
    node->standard = chosen && plan->results[i] ? ERG_WHAT_MOMENTS : 0;
    node->deep = 0;
    if (graph->options.operations) {
        bool numbers = holds_numbers(tensor_of(plan, i)) && !moves_data(node->component);
        node->deep = chosen && numbers ? ERG_WHAT_MOMENTS : 0;
        graph->links[i] = (struct erg_graph_links){-1, -1, -1, -1, -1, -1, -1};
    }
}

static bool same_shape(const struct ggml_tensor *a, const struct ggml_tensor *b)
{
    return memcmp(a->ne, b->ne, sizeof(a->ne)) == 0;
}

/* From a softmax back to QKᵀ: all of them have masked cells. */
static void plan_attention(const struct plan *plan, size_t softmax)
{
    struct erg_graph *graph = plan->graph;
    if (!graph->nodes[softmax].deep) {
        return;
    }
    graph->nodes[softmax].deep = ERG_WHAT_ATTENTION;
    int i = plan->facts[softmax].src[0].node;
    while (i >= 0 && graph->nodes[i].component == ERG_COMPONENT_attention &&
           same_shape(tensor_of(plan, (size_t)i), tensor_of(plan, softmax))) {
        graph->nodes[i].deep = ERG_WHAT_SCORES;
        graph->links[i].softmax = (int32_t)softmax;
        if (tensor_of(plan, (size_t)i)->op == GGML_OP_MUL_MAT) {
            return;
        }
        i = plan->facts[i].src[0].node;
    }
}

static bool same_place(const struct erg_graph_node *a, const struct erg_graph_node *b)
{
    return a->layer == b->layer && a->component == b->component;
}

/* From a norm to what scales and shifts it, and to what it reads. */
static void plan_norm(const struct plan *plan, size_t norm)
{
    struct erg_graph *graph = plan->graph;
    size_t result = norm;
    for (size_t i = norm + 1; i < plan->count && i <= norm + 3; i++) {
        const struct erg_node_source *src = plan->facts[i].src;
        bool goes_on = src[0].node == (int)result || src[1].node == (int)result;
        if (goes_on && same_place(&graph->nodes[i], &graph->nodes[norm])) {
            result = i;
        }
    }
    int input = plan->facts[norm].src[0].node; /* of a layer not chosen, maybe, or only moved */
    if (input < 0 || !graph->nodes[result].deep) {
        return;
    }
    const struct ggml_tensor *rows = tensor_of(plan, norm)->src[0];
    bool single = rows->ne[1] * rows->ne[2] * rows->ne[3] == 1;
    int32_t *row_of[] = {&graph->links[result].row, &graph->links[input].row};
    for (size_t k = 0; k < 2; k++) {
        *row_of[k] = single && *row_of[k] != 0;
    }
    graph->nodes[result].deep |= ERG_WHAT_NORM_OUTPUT;
    graph->links[result].normed = (int32_t)norm;
    if (graph->links[input].norm < 0) {
        graph->nodes[input].deep |= ERG_WHAT_NORM_INPUT;
        graph->links[input].norm = (int32_t)norm;
    }
}

/* From an activation to what it suppresses the negative part of. */
static void plan_activation(const struct plan *plan, size_t activation)
{
    struct erg_graph *graph = plan->graph;
    const struct erg_node_facts *facts = &plan->facts[activation];
    int gate = facts->src[0].node;
    if (gate < 0 || !graph->nodes[activation].deep || !graph->nodes[gate].deep ||
        strcmp(plan->classes[gate].operation, "activation") == 0) {
        return;
    }
    graph->nodes[activation].deep |= ERG_WHAT_ACTIVATION;
    graph->links[activation].gate = gate;
    graph->nodes[gate].deep |= ERG_WHAT_SIGN;
    if (tensor_of(plan, activation)->op == GGML_OP_GLU && facts->src[1].name[0] == '\0') {
        graph->links[gate].halves = (int32_t)activation;
    }
}

/* From the first computation with chosen experts back to the choice. */
static void plan_routing(const struct plan *plan, size_t user)
{
    struct erg_graph *graph = plan->graph;
    int choice = plan->facts[user].src[2].node;
    if (choice < 0 || graph->links[choice].routed >= 0 ||
        !in_chosen_layer(graph, graph->nodes[choice].layer)) {
        return;
    }
    graph->nodes[choice].deep |= ERG_WHAT_EXPERTS;
    graph->links[choice].routed = (int32_t)user;
    const struct ggml_tensor *chosen = tensor_of(plan, user)->src[2];
    int weights = -1;
    for (size_t i = 0; i < plan->count; i++) {
        if (!same_place(&graph->nodes[i], &graph->nodes[choice])) {
            continue;
        }
        const struct ggml_tensor *tensor = tensor_of(plan, i);
        if (strcmp(plan->classes[i].operation, "probs") == 0 && tensor->op == GGML_OP_SOFT_MAX) {
            graph->nodes[i].deep |= ERG_WHAT_PROBABILITIES;
        }
        if (strcmp(plan->classes[i].operation, "weights") == 0 &&
            ggml_nelements(tensor) == ggml_nelements(chosen)) {
            weights = (int)i;
        }
    }
    if (weights >= 0) {
        graph->nodes[weights].deep |= ERG_WHAT_EXPERT_WEIGHTS;
    }
}

static void plan_links(const struct plan *plan, size_t i)
{
    const struct ggml_tensor *tensor = tensor_of(plan, i);
    if (tensor->op == GGML_OP_SOFT_MAX &&
        plan->graph->nodes[i].component == ERG_COMPONENT_attention) {
        plan_attention(plan, i);
    } else if (is_norm(tensor)) {
        plan_norm(plan, i);
    } else if (strcmp(plan->classes[i].operation, "activation") == 0) {
        plan_activation(plan, i);
    } else if (tensor->op == GGML_OP_MUL_MAT_ID) {
        plan_routing(plan, i);
    }
}

/*
 * Nodes one after the other of the same operation are one span: what only another one of them reads
 * is not the operation's result.
 */
static void plan_result(const struct plan *plan, size_t i)
{
    struct erg_graph_node *nodes = plan->graph->nodes;
    if (i > 0 && nodes[i - 1].norm_fused) {
        return; /* computed together with its norm, under the name of both */
    }
    for (size_t j = i + 1; j < plan->count && same_place(&nodes[i], &nodes[j]) &&
                           nodes[i].operation_id == nodes[j].operation_id;
         j++) {
        for (int k = 0; k < ERG_NODE_SOURCES; k++) {
            if (plan->facts[j].src[k].node == (int)i) {
                nodes[i].deep &= (uint16_t) ~(ERG_WHAT_MOMENTS | ERG_WHAT_SCORES);
                return;
            }
        }
    }
}

void erg_plan_reading(struct erg_graph *graph, const struct erg_node_facts *facts,
                      const struct erg_node_class *classes, const bool *results)
{
    const struct plan plan = {graph, facts, classes, results, graph->count};
    plan_stamps(&plan);
    for (size_t i = 0; i < plan.count; i++) {
        plan_one(&plan, i);
    }
    for (size_t i = 0; i < plan.count && graph->options.operations; i++) {
        plan_links(&plan, i);
    }
    for (size_t i = 0; i < plan.count && graph->options.operations; i++) {
        plan_result(&plan, i);
    }
}
