/* SPDX-License-Identifier: MIT */
/* Classification of graph nodes, on graphs recorded from small models of many architectures. */
#include "engine/llama/classify.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/root.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_NODES = 256 };

struct graph {
    struct erg_node_facts nodes[MAX_NODES];
    struct erg_node_class expected[MAX_NODES], got[MAX_NODES];
    size_t count;
};

static const char *const recorded[] = {"llama",  "llama-fa", "llama-fused", "mixtral",   "qwen2",
                                       "qwen3",  "qwen2moe", "qwen3moe",    "phi2",      "phi3",
                                       "phimoe", "gemma",    "gemma2",      "gemma2-fa", "gemma3"};
enum { RECORDED = sizeof(recorded) / sizeof(*recorded) };

static int number(const char *text)
{
    int64_t value;
    assert_int_equal(erg_parse_i64(text, -1, 1 << 20, &value, NULL), 0);
    return (int)value;
}

static void parse_source(char *text, struct erg_node_source *out)
{
    out->is_weight = *text == '*';
    char *at = strrchr(text, '@');
    assert_non_null(at);
    *at = '\0';
    out->node = number(at + 1);
    snprintf(out->name, sizeof(out->name), "%.63s", text + out->is_weight);
}

static void parse_line(char *line, struct graph *graph)
{
    assert_in_range(graph->count, 0, MAX_NODES - 1);
    struct erg_node_facts *node = &graph->nodes[graph->count];
    struct erg_node_class *expected = &graph->expected[graph->count++];
    expected->layer = number(strsep(&line, "\t"));
    expected->component = erg_component_find(strsep(&line, "\t"));
    assert_int_not_equal(expected->component, ERG_COMPONENT_NONE);
    snprintf(expected->operation, sizeof(expected->operation), "%.31s", strsep(&line, "\t"));
    snprintf(node->op, sizeof(node->op), "%.31s", strsep(&line, "\t"));
    snprintf(node->desc, sizeof(node->desc), "%.31s", strsep(&line, "\t"));
    snprintf(node->name, sizeof(node->name), "%.63s", strsep(&line, "\t"));
    for (int i = 0; i < ERG_NODE_SOURCES; i++) {
        node->src[i].node = -1;
        if (line) {
            parse_source(strsep(&line, "\t"), &node->src[i]);
        }
    }
}

static struct graph *read_graph(const char *name)
{
    char path[128];
    struct erg_err err;
    char *bytes;
    size_t len;
    struct graph *graph = erg_calloc(1, sizeof(*graph));
    assert_non_null(graph);
    snprintf(path, sizeof(path), "engine/nodes/%s.txt", name);
    if (erg_read_file(path, 1 << 20, &bytes, &len, &err) != 0) {
        fail_msg("%s", err.text);
    }
    char *rest = bytes;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        if (line[0] != '\0') {
            parse_line(line, graph);
        }
    }
    free(bytes);
    assert_true(graph->count > 40);
    return graph;
}

static void assert_class(const char *name, const struct graph *graph, size_t i)
{
    const struct erg_node_class *got = &graph->got[i], *expected = &graph->expected[i];
    if (got->layer != expected->layer || got->component != expected->component ||
        strcmp(got->operation, expected->operation) != 0 || got->guessed) {
        fail_msg("%s line %zu (%s): %d %s %s%s", name, i + 1, graph->nodes[i].name, got->layer,
                 erg_component_name(got->component), got->operation,
                 got->guessed ? ", guessed" : "");
    }
}

static void recorded_graphs_are_classified(void **state)
{
    (void)state;
    for (size_t g = 0; g < RECORDED; g++) {
        struct graph *graph = read_graph(recorded[g]);
        erg_classify(graph->nodes, graph->count, graph->got);
        for (size_t i = 0; i < graph->count; i++) {
            assert_class(recorded[g], graph, i);
        }
        free(graph);
    }
}

/* How many results a component of a layer is to have. */
static size_t results_expected(enum erg_component component)
{
    switch (component) {
    case ERG_COMPONENT_kv_append:
    case ERG_COMPONENT_output_select:
        return 0;
    case ERG_COMPONENT_rope: /* Q and K */
    case ERG_COMPONENT_qk_norm:
        return 2;
    default:
        return 1;
    }
}

static void every_component_has_its_result(void **state)
{
    (void)state;
    for (size_t g = 0; g < RECORDED; g++) {
        struct graph *graph = read_graph(recorded[g]);
        bool results[MAX_NODES];
        erg_classify_results(graph->nodes, graph->expected, graph->count, results);
        for (size_t i = 0; i < graph->count; i++) {
            const struct erg_node_class *class = &graph->expected[i];
            size_t found = 0;
            for (size_t j = 0; j < graph->count; j++) {
                found += results[j] && graph->expected[j].layer == class->layer &&
                         graph->expected[j].component == class->component;
            }
            if (found != results_expected(class->component)) {
                fail_msg("%s layer %d: %zu results of %s", recorded[g], class->layer, found,
                         erg_component_name(class->component));
            }
            if (results[i] && class->component == ERG_COMPONENT_router) {
                assert_string_equal(class->operation, "logits");
            }
        }
        free(graph);
    }
}

static bool reads_weight(const struct erg_node_facts *node)
{
    bool reads = false;
    for (int i = 0; i < ERG_NODE_SOURCES; i++) {
        reads |= node->src[i].is_weight;
    }
    return reads;
}

/* Names of nodes differ between architectures and versions; weights keep theirs. */
static void nodes_with_weights_need_no_name(void **state)
{
    (void)state;
    for (size_t g = 0; g < RECORDED; g++) {
        struct graph *graph = read_graph(recorded[g]);
        for (size_t i = 0; i < graph->count; i++) {
            if (reads_weight(&graph->nodes[i])) {
                snprintf(graph->nodes[i].name, sizeof(graph->nodes[i].name), "node_%zu", i);
            }
        }
        erg_classify(graph->nodes, graph->count, graph->got);
        for (size_t i = 0; i < graph->count; i++) {
            if (reads_weight(&graph->nodes[i])) {
                assert_class(recorded[g], graph, i);
            }
        }
        free(graph);
    }
}

/* On a GPU the scheduler's copies of tensors are called "CUDA0#name#0". */
static void copies_between_back_ends_keep_their_class(void **state)
{
    (void)state;
    for (size_t g = 0; g < RECORDED; g++) {
        struct graph *graph = read_graph(recorded[g]);
        for (size_t i = 0; i < graph->count; i++) {
            for (int k = 0; k < ERG_NODE_SOURCES; k++) {
                struct erg_node_source *src = &graph->nodes[i].src[k];
                char name[ERG_NODE_NAME_BYTES];
                if (src->name[0] != '\0') {
                    snprintf(name, sizeof(name), "CUDA0#%.50s#0", src->name);
                    snprintf(src->name, sizeof(src->name), "%s", name);
                }
            }
        }
        erg_classify(graph->nodes, graph->count, graph->got);
        for (size_t i = 0; i < graph->count; i++) {
            assert_class(recorded[g], graph, i);
        }
        free(graph);
    }
}

static void norms_and_their_scale_fuse(void **state)
{
    (void)state;
    struct graph *graph = read_graph("llama");
    size_t fused = 0;
    for (size_t i = 0; i + 1 < graph->count; i++) {
        fused += erg_classify_fuses(&graph->nodes[i], (int)i, &graph->nodes[i + 1]);
    }
    assert_int_equal(fused, 5); /* two layers and the final one */
    assert_false(erg_classify_fuses(&graph->nodes[1], 7, &graph->nodes[2]));
    free(graph);
}

/* One node of its own. */
static struct erg_node_class classify_alone(const char *op, const char *name, const char *weight,
                                            const char *other)
{
    struct erg_node_facts node = {0};
    struct erg_node_class class;
    snprintf(node.op, sizeof(node.op), "%s", op);
    snprintf(node.desc, sizeof(node.desc), "%s", op);
    snprintf(node.name, sizeof(node.name), "%s", name);
    snprintf(node.src[0].name, sizeof(node.src[0].name), "%s", weight);
    snprintf(node.src[1].name, sizeof(node.src[1].name), "%s", other);
    node.src[0].is_weight =
        strncmp(weight, "cache_", 6) != 0 && strncmp(weight, "attn_inp", 8) != 0;
    for (int i = 0; i < ERG_NODE_SOURCES; i++) {
        node.src[i].node = -1;
    }
    erg_classify(&node, 1, &class);
    return class;
}

static void single_nodes(void **state)
{
    static const struct {
        const char *op, *name, *weight, *other;
        int layer;
        const char *component, *operation;
        bool guessed;
    } cases[] = {
        {"MUL_MAT", "node_7", "blk.31.attn_kv_a_mqa.weight", "x", 31, "k_proj", "matmul", false},
        {"MUL_MAT", "node_7", "blk.2.attn_q.weight.lora_a", "x", 2, "lora", "mul_mat", false},
        {"MUL_MAT", "node_7", "blk.2.ssm_in.weight", "x", 2, "recurrent", "mul_mat", false},
        {"MUL_MAT", "mtp_x", "blk.9.nextn.eh_proj.weight", "x", 9, "mtp", "mul_mat", false},
        {"MUL_MAT", "node_7", "blk.9.attn_gate.weight", "x", 9, "attn_gate", "matmul", false},
        {"MUL_MAT_ID", "node_7", "blk.0.ffn_gate_up_exps.weight", "x", 0, "experts", "gate_up",
         false},
        {"MUL_MAT", "node_7", "attn_inp_k_rot", "Kcur-1", -1, "kv_append", "rotation", false},
        {"SET_ROWS", "x", "cache_k_l17", "idx", 17, "kv_append", "write_k", false},
        {"SET_ROWS", "x", "cache_idx_k_l3", "idx", 3, "kv_append", "write_k", false},
        {"CPY", "cache_v_l4 (view)", "x.weight", "y", 4, "kv_append", "write_v", false},
        {"ROPE", "x", "cache_k_l2", "shift", 2, "kv_append", "shift", false},
        {"SSM_SCAN", "x", "cache_s_l2", "y", 2, "recurrent", "ssm_scan", false},
        {"ADD", "x-3", "blk.3.exp_probs_b.bias", "y", 3, "router", "probs", false},
        {"FANCY_OP", "something-5", "unheard.of", "y", 5, "unattributed", "fancy_op", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct erg_node_class got =
            classify_alone(cases[i].op, cases[i].name, cases[i].weight, cases[i].other);
        assert_string_equal(erg_component_name(got.component), cases[i].component);
        assert_string_equal(got.operation, cases[i].operation);
        assert_int_equal(got.layer, cases[i].layer);
        assert_int_equal(got.guessed, cases[i].guessed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_graphs_are_classified),
        cmocka_unit_test(every_component_has_its_result),
        cmocka_unit_test(nodes_with_weights_need_no_name),
        cmocka_unit_test(copies_between_back_ends_keep_their_class),
        cmocka_unit_test(norms_and_their_scale_fuse),
        cmocka_unit_test(single_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
