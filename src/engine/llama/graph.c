/* SPDX-License-Identifier: MIT */
#include "engine/llama/graph.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NODES = 1 << 17 };

void erg_graph_init(struct erg_graph *graph, ergon_probe *probe)
{
    memset(graph, 0, sizeof(*graph));
    graph->probe = probe;
    graph->fused_norm_id = ergon_probe_name(probe, ERG_OPERATION_FUSED_NORM);
}

void erg_graph_deinit(struct erg_graph *graph)
{
    free(graph->nodes);
    free(graph->tensors);
    memset(graph, 0, sizeof(*graph));
}

void erg_graph_begin(struct erg_graph *graph)
{
    graph->count = 0;
    graph->changed = false;
    graph->out_of_memory = false;
}

static bool same(const struct erg_graph_node *node, const struct ggml_tensor *tensor)
{
    return node->tensor == tensor && node->op == tensor->op && node->src0 == tensor->src[0] &&
           node->src1 == tensor->src[1] && memcmp(node->ne, tensor->ne, sizeof(node->ne)) == 0 &&
           memcmp(node->name, tensor->name, sizeof(node->name)) == 0;
}

static bool make_room(struct erg_graph *graph)
{
    if (graph->count < graph->capacity) {
        return true;
    }
    void *nodes = graph->nodes, *tensors = graph->tensors;
    size_t node_room = graph->capacity, tensor_room = graph->capacity;
    int status = erg_grow(&nodes, &node_room, graph->count + 1, sizeof(*graph->nodes), MAX_NODES);
    graph->nodes = nodes;
    if (status == 0) {
        status = erg_grow(&tensors, &tensor_room, node_room, sizeof(*graph->tensors), MAX_NODES);
        graph->tensors = tensors;
    }
    if (status != 0) {
        graph->out_of_memory = true;
        return false;
    }
    graph->capacity = node_room < tensor_room ? node_room : tensor_room;
    return true;
}

struct erg_graph_node *erg_graph_add(struct erg_graph *graph, const struct ggml_tensor *tensor)
{
    if (!make_room(graph)) {
        return NULL;
    }
    size_t i = graph->count++;
    struct erg_graph_node *node = &graph->nodes[i];
    graph->tensors[i] = tensor;
    if (i < graph->known && same(node, tensor)) {
        return node;
    }
    graph->changed = true;
    memset(node, 0, sizeof(*node));
    node->tensor = tensor;
    node->src0 = tensor->src[0];
    node->src1 = tensor->src[1];
    node->op = tensor->op;
    memcpy(node->ne, tensor->ne, sizeof(node->ne));
    memcpy(node->name, tensor->name, sizeof(node->name));
    return node;
}

static void warn_guess(struct erg_graph *graph, const struct erg_node_facts *facts,
                       const struct erg_node_class *class)
{
    if (graph->warned_guess) {
        return;
    }
    char text[256];
    snprintf(text, sizeof(text), "node '%s' (%s) is not known; counted as %s", facts->name,
             facts->desc, erg_component_name(class->component));
    ergon_probe_log(graph->probe, ERGON_WARNING, text);
    graph->warned_guess = true;
}

static void take_over(struct erg_graph *graph, size_t i, const struct erg_node_class *class)
{
    struct erg_graph_node *node = &graph->nodes[i];
    node->class = *class;
    node->component_id = ergon_probe_name(graph->probe, erg_component_name(class->component));
    node->operation_id = ergon_probe_name(graph->probe, class->operation);
    erg_node_cost(node->tensor, &node->cost);
}

static bool same_component(const struct erg_graph_node *a, const struct erg_graph_node *b)
{
    return a->class.layer == b->class.layer && a->class.component == b->class.component;
}

void erg_graph_classify(struct erg_graph *graph, FILE *dump)
{
    size_t count = graph->count;
    if (count == graph->known && !graph->changed) {
        return;
    }
    graph->known = 0;
    ERG_AUTO_FREE struct erg_node_facts *facts = erg_calloc(count, sizeof(*facts));
    ERG_AUTO_FREE struct erg_node_class *classes = erg_calloc(count, sizeof(*classes));
    if (!facts || !classes) {
        graph->out_of_memory = true;
        return;
    }
    if (dump) {
        fprintf(dump, "# graph of %zu executed nodes\n", count);
    }
    for (size_t i = 0; i < count; i++) {
        erg_node_facts(graph->tensors[i], graph->tensors, i, &facts[i]);
        if (dump) {
            erg_node_dump(&facts[i], dump);
        }
    }
    erg_classify(facts, count, classes);
    graph->any_guessed = false;
    graph->fused_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct erg_graph_node *node = &graph->nodes[i];
        take_over(graph, i, &classes[i]);
        if (classes[i].guessed) {
            graph->any_guessed = true;
            warn_guess(graph, &facts[i], &classes[i]);
        }
        node->norm_fused = i + 1 < count && erg_classify_fuses(&facts[i], (int)i, &facts[i + 1]);
        graph->fused_count += node->norm_fused;
    }
    for (size_t i = 0; i < count; i++) {
        graph->nodes[i].ends_component =
            i + 1 == count || !same_component(&graph->nodes[i], &graph->nodes[i + 1]);
    }
    graph->known = count;
}
