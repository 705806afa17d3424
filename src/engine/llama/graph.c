/* SPDX-License-Identifier: MIT */
#include "engine/llama/graph.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NODES = 1 << 17 };

void erg_graph_init(struct erg_graph *graph, ergon_probe *probe, bool statistics)
{
    memset(graph, 0, sizeof(*graph));
    graph->probe = probe;
    graph->statistics = statistics;
    graph->fused_norm_id = ergon_probe_name(probe, ERG_OPERATION_FUSED_NORM);
}

void erg_graph_deinit(struct erg_graph *graph)
{
    free(graph->nodes);
    free(graph->keys);
    memset(graph, 0, sizeof(*graph));
}

void erg_graph_begin(struct erg_graph *graph)
{
    graph->count = 0;
    graph->changed = false;
    graph->out_of_memory = false;
}

static bool same(const struct erg_graph_key *key, const struct ggml_tensor *tensor)
{
    return key->tensor == tensor && key->op == tensor->op && key->src0 == tensor->src[0] &&
           key->src1 == tensor->src[1] && memcmp(key->ne, tensor->ne, sizeof(key->ne)) == 0;
}

static bool make_room(struct erg_graph *graph)
{
    if (graph->count < graph->capacity) {
        return true;
    }
    void *nodes = graph->nodes, *keys = graph->keys;
    size_t node_room = graph->capacity, key_room = graph->capacity;
    int status = erg_grow(&nodes, &node_room, graph->count + 1, sizeof(*graph->nodes), MAX_NODES);
    graph->nodes = nodes;
    if (status == 0) {
        status = erg_grow(&keys, &key_room, node_room, sizeof(*graph->keys), MAX_NODES);
        graph->keys = keys;
    }
    if (status != 0) {
        graph->out_of_memory = true;
        return false;
    }
    graph->capacity = node_room < key_room ? node_room : key_room;
    return true;
}

void erg_graph_add(struct erg_graph *graph, const struct ggml_tensor *tensor)
{
    if (!make_room(graph)) {
        return;
    }
    size_t i = graph->count++;
    struct erg_graph_key *key = &graph->keys[i];
    if (i < graph->known && same(key, tensor)) {
        return;
    }
    graph->changed = true;
    *key = (struct erg_graph_key){
        .tensor = tensor, .src0 = tensor->src[0], .src1 = tensor->src[1], .op = tensor->op};
    memcpy(key->ne, tensor->ne, sizeof(key->ne));
}

bool erg_graph_is_known(const struct erg_graph *graph, size_t i)
{
    return !graph->changed && i < graph->known;
}

bool erg_graph_is_overwritten(const struct erg_graph *graph, size_t i)
{
    const struct ggml_tensor *node = graph->keys[i].tensor;
    const struct ggml_tensor *next = graph->keys[i + 1].tensor;
    /* a norm may be computed together with the MUL behind it, which then is what writes */
    bool two = next->op == GGML_OP_RMS_NORM && i + 2 < graph->count;
    return erg_node_overlaps(node, next) ||
           (two && erg_node_overlaps(node, graph->keys[i + 2].tensor));
}

static enum erg_read plan_reading(const struct erg_graph *graph, size_t i, bool is_result)
{
    if (!graph->statistics || !is_result) {
        return ERG_READ_NEVER;
    }
    bool last = i + 1 == graph->count;
    return last || erg_graph_is_overwritten(graph, i) ? ERG_READ_CUT : ERG_READ_NEXT;
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
    node->layer = class->layer;
    node->component = class->component;
    node->component_id = ergon_probe_name(graph->probe, erg_component_name(class->component));
    node->operation_id = ergon_probe_name(graph->probe, class->operation);
    erg_node_cost(graph->keys[i].tensor, &node->cost);
}

static bool same_component(const struct erg_graph_node *a, const struct erg_graph_node *b)
{
    return a->layer == b->layer && a->component == b->component;
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
    ERG_AUTO_FREE const struct ggml_tensor **tensors = erg_calloc(count, sizeof(*tensors));
    ERG_AUTO_FREE bool *results = erg_calloc(count, sizeof(*results));
    if (!facts || !classes || !tensors || !results) {
        graph->out_of_memory = true;
        return;
    }
    if (dump) {
        fprintf(dump, "# graph of %zu executed nodes\n", count);
    }
    for (size_t i = 0; i < count; i++) {
        tensors[i] = graph->keys[i].tensor;
        erg_node_facts(tensors[i], tensors, i, &facts[i]);
        if (dump) {
            erg_node_dump(&facts[i], dump);
        }
    }
    erg_classify(facts, count, classes);
    erg_classify_results(facts, classes, count, results);
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
        graph->nodes[i].read = plan_reading(graph, i, results[i]);
    }
    graph->known = count;
}
