/* SPDX-License-Identifier: MIT */
#include "engine/llama/graph.h"

#include "base/err.h"
#include "base/mem.h"
#include "engine/llama/plan.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NODES = 1 << 17 };

void erg_graph_init(struct erg_graph *graph, ergon_probe *probe,
                    const struct erg_graph_options *options)
{
    memset(graph, 0, sizeof(*graph));
    graph->probe = probe;
    graph->options = *options;
    graph->fused_norm_id = ergon_probe_name(probe, ERG_OPERATION_FUSED_NORM);
}

void erg_graph_deinit(struct erg_graph *graph)
{
    free(graph->asks);
    free(graph->pieces);
    free(graph->costs);
    free(graph->links);
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

static int make_array(void **array, size_t capacity, size_t size)
{
    void *grown = erg_realloc(*array, capacity * size);
    *array = grown ? grown : *array;
    return grown ? 0 : ERG_NOMEM;
}

/* All arrays grow together; `capacity` is what the smallest of them holds. */
static bool make_room(struct erg_graph *graph)
{
    if (graph->count < graph->capacity) {
        return true;
    }
    size_t capacity = graph->capacity ? 2 * graph->capacity : 512;
    void *keys = graph->keys, *nodes = graph->nodes, *links = graph->links, *costs = graph->costs;
    void *pieces = graph->pieces;
    int status = capacity > MAX_NODES ? ERG_LIMIT : 0;
    status = status ? status : make_array(&keys, capacity, sizeof(*graph->keys));
    status = status ? status : make_array(&nodes, capacity, sizeof(*graph->nodes));
    status = status ? status : make_array(&pieces, capacity, sizeof(*graph->pieces));
    if (graph->options.operations) {
        status = status ? status : make_array(&links, capacity, sizeof(*graph->links));
        status = status ? status : make_array(&costs, capacity, sizeof(*graph->costs));
    }
    graph->keys = keys;
    graph->nodes = nodes;
    graph->links = links;
    graph->costs = costs;
    graph->pieces = pieces;
    graph->out_of_memory = graph->out_of_memory || status != 0;
    graph->capacity = status == 0 ? capacity : graph->capacity;
    return status == 0;
}

/* Note an executed node; `out_of_memory` when memory is short. */
static void add(struct erg_graph *graph, const struct ggml_tensor *tensor)
{
    if (!make_room(graph)) {
        return;
    }
    size_t i = graph->count++;
    graph->n_tokens = i == 0 ? tensor->ne[1] : graph->n_tokens;
    struct erg_graph_key *key = &graph->keys[i];
    if (i < graph->known && same(key, tensor)) {
        return;
    }
    graph->changed = true;
    *key = (struct erg_graph_key){
        .tensor = tensor, .src0 = tensor->src[0], .src1 = tensor->src[1], .op = tensor->op};
    memcpy(key->ne, tensor->ne, sizeof(key->ne));
}

size_t erg_graph_note(struct erg_graph *graph, size_t ask, const struct ggml_tensor *tensor)
{
    if (graph->learned && ask < graph->ask_count && graph->asks[ask].tensor == tensor) {
        int32_t node = graph->asks[ask].node;
        graph->n_tokens = node == 0 ? tensor->ne[1] : graph->n_tokens;
        graph->count = node < 0 ? graph->count : (size_t)node + 1;
        return node < 0 ? SIZE_MAX : (size_t)node;
    }
    graph->learned = false;
    if (!erg_node_is_executed(tensor)) {
        return SIZE_MAX;
    }
    size_t before = graph->count;
    add(graph, tensor);
    return graph->count > before ? before : SIZE_MAX;
}

bool erg_graph_is_known(const struct erg_graph *graph, size_t i)
{
    return !graph->changed && i < graph->known;
}

bool erg_graph_is_overwritten(const struct erg_graph *graph, size_t i, size_t last)
{
    const struct ggml_tensor *node = graph->keys[i].tensor;
    /* a norm may be computed together with the MUL behind it, which then is what writes */
    bool one_more = graph->keys[last].op == GGML_OP_RMS_NORM && last + 1 < graph->count;
    for (size_t k = i + 1; k <= last + one_more; k++) {
        if (erg_node_overlaps(node, graph->keys[k].tensor)) {
            return true;
        }
    }
    return false;
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
    const char *component = erg_component_name(class->component);
    memset(node, 0, sizeof(*node));
    node->layer = (int16_t) class->layer;
    node->component = (uint8_t) class->component;
    node->component_id = (uint16_t)ergon_probe_name(graph->probe, component);
    node->operation_id = (uint16_t)ergon_probe_name(graph->probe, class->operation);
    if (graph->options.operations) {
        erg_node_cost(graph->keys[i].tensor, &graph->costs[i]);
    }
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
    }
    if (graph->options.statistics) {
        erg_plan_reading(graph, facts, classes, results);
    }
    graph->known = count;
    graph->changed = false;
}

static bool note_ask(struct erg_graph *graph, const struct ggml_tensor *tensor, int32_t node)
{
    void *asks = graph->asks;
    if (erg_grow(&asks, &graph->ask_capacity, graph->ask_count + 1, sizeof(*graph->asks),
                 MAX_NODES) != 0) {
        return false;
    }
    graph->asks = asks;
    graph->asks[graph->ask_count++] = (struct erg_graph_ask){tensor, node};
    return true;
}

void erg_graph_learn(struct erg_graph *graph, struct ggml_cgraph *nodes, FILE *dump)
{
    erg_graph_begin(graph);
    graph->known = 0; /* the same nodes may lie elsewhere now */
    graph->ask_count = 0;
    bool complete = true;
    for (int i = 0; i < ggml_graph_n_nodes(nodes); i++) {
        const struct ggml_tensor *node = ggml_graph_node(nodes, i);
        bool executed = erg_node_is_executed(node);
        complete = note_ask(graph, node, executed ? (int32_t)graph->count : -1) && complete;
        if (executed) {
            add(graph, node);
        }
    }
    erg_graph_classify(graph, dump);
    for (size_t i = 0; i < graph->known && graph->options.statistics; i++) {
        erg_plan_piece(graph->keys[i].tensor, &graph->pieces[i]);
    }
    graph->learned = complete && !graph->out_of_memory;
    erg_graph_begin(graph);
}
