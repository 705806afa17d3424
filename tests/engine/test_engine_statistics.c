/* SPDX-License-Identifier: MIT */
/*
 * Statistics of activations against a plain computation in double over the same tensors, which a
 * second run, observing and cutting at every node, has written to a file.
 */
#include "engine/engine_client.h"
#include "engine/stats/stats.h"
#include "engine/tensor_dump.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_TOGETHER = 4, MOST_ROWS = 128 };

static char dump_path[] = "/tmp/ergon-tensors-XXXXXX";
static char model_path[] = "/tmp/ergon-statistics-XXXXXX";

/*
 * The tensor that a component's statistics are of. NULL = any; "%d" stands for the layer; without
 * name and weight it is the one of its operation that comes in that order, with the name "node_"
 * the one of those without a name; what names no layer is outside of them.
 */
struct place {
    const char *component, *op, *name, *weight;
};

static const struct place llama[] = {
    {"embedding", "GET_ROWS", NULL, "token_embd.weight"},
    {"input_layernorm", "MUL", NULL, "blk.%d.attn_norm.weight"},
    {"q_proj", "MUL_MAT", NULL, "blk.%d.attn_q.weight"},
    {"k_proj", "MUL_MAT", NULL, "blk.%d.attn_k.weight"},
    {"v_proj", "MUL_MAT", NULL, "blk.%d.attn_v.weight"},
    {"rope", "ROPE", "Qcur-%d", NULL},
    {"rope", "ROPE", "Kcur-%d", NULL},
    {"attention", "FLASH_ATTN_EXT", NULL, NULL},
    {"attention", "CONT", "kqv_out-%d", NULL},
    {"o_proj", "MUL_MAT", NULL, "blk.%d.attn_output.weight"},
    {"attn_residual", "ADD", "ffn_inp-%d", NULL},
    {"post_attention_layernorm", "MUL", NULL, "blk.%d.ffn_norm.weight"},
    {"gate_proj", "MUL_MAT", NULL, "blk.%d.ffn_gate.weight"},
    {"up_proj", "MUL_MAT", NULL, "blk.%d.ffn_up.weight"},
    {"activation", "GLU", NULL, NULL},
    {"down_proj", "MUL_MAT", NULL, "blk.%d.ffn_down.weight"},
    {"mlp_residual", "ADD", "l_out-%d", NULL},
    {"final_norm", "MUL", NULL, "output_norm.weight"},
    {"lm_head", "MUL_MAT", "result_output", NULL},
    {NULL, NULL, NULL, NULL},
};

/* Where other architectures differ; without an operation: they lack it. */
static const struct place qwen2[] = {
    {"q_proj", "ADD", NULL, "blk.%d.attn_q.bias"},
    {"k_proj", "ADD", NULL, "blk.%d.attn_k.bias"},
    {"v_proj", "ADD", NULL, "blk.%d.attn_v.bias"},
    {NULL, NULL, NULL, NULL},
};

static const struct place qwen3[] = {
    {"qk_norm", "MUL", NULL, "blk.%d.attn_q_norm.weight"},
    {"qk_norm", "MUL", NULL, "blk.%d.attn_k_norm.weight"},
    {NULL, NULL, NULL, NULL},
};

static const struct place phi2[] = {
    {"input_layernorm", "ADD", NULL, "blk.%d.attn_norm.bias"},
    {"q_proj", NULL, NULL, NULL},
    {"k_proj", NULL, NULL, NULL},
    {"v_proj", NULL, NULL, NULL},
    {"qkv_proj", "ADD", NULL, "blk.%d.attn_qkv.bias"},
    {"o_proj", "ADD", NULL, "blk.%d.attn_output.bias"},
    {"attn_residual", NULL, NULL, NULL},
    {"post_attention_layernorm", NULL, NULL, NULL},
    {"gate_proj", NULL, NULL, NULL},
    {"up_proj", "ADD", NULL, "blk.%d.ffn_up.bias"},
    {"activation", "UNARY", NULL, NULL},
    {"down_proj", "ADD", NULL, "blk.%d.ffn_down.bias"},
    {"final_norm", "ADD", NULL, "output_norm.bias"},
    {"lm_head", "ADD", NULL, "output.bias"},
    {NULL, NULL, NULL, NULL},
};

static const struct place phi3[] = {
    {"q_proj", NULL, NULL, NULL},
    {"k_proj", NULL, NULL, NULL},
    {"v_proj", NULL, NULL, NULL},
    {"qkv_proj", "MUL_MAT", NULL, "blk.%d.attn_qkv.weight"},
    {"attn_residual", "ADD", "node_", NULL},
    {"gate_proj", NULL, NULL, NULL},
    {"up_proj", NULL, NULL, NULL},
    {"gate_up_proj", "MUL_MAT", NULL, "blk.%d.ffn_up.weight"},
    {NULL, NULL, NULL, NULL},
};

static const struct place gemma[] = {
    {"embedding", "SCALE", "inp_scaled", NULL},
    {"attn_residual", "ADD", "sa_out-%d", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct place gemma2[] = {
    {"embedding", "SCALE", "inp_scaled", NULL},
    {"post_attention_norm", "MUL", NULL, "blk.%d.post_attention_norm.weight"},
    {"attn_residual", "ADD", "sa_out-%d", NULL},
    {"post_ffw_norm", "MUL", NULL, "blk.%d.post_ffw_norm.weight"},
    {"lm_head", "SCALE", "result_output", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct place gemma3[] = {
    {"embedding", "MUL", "inp_scaled", NULL},
    {"qk_norm", "MUL", NULL, "blk.%d.attn_q_norm.weight"},
    {"qk_norm", "MUL", NULL, "blk.%d.attn_k_norm.weight"},
    {"post_attention_norm", "MUL", NULL, "blk.%d.post_attention_norm.weight"},
    {"attn_residual", "ADD", "sa_out-%d", NULL},
    {"post_ffw_norm", "MUL", NULL, "blk.%d.post_ffw_norm.weight"},
    {NULL, NULL, NULL, NULL},
};

static const struct place mixtral[] = {
    {"gate_proj", NULL, NULL, NULL},
    {"up_proj", NULL, NULL, NULL},
    {"activation", NULL, NULL, NULL},
    {"down_proj", NULL, NULL, NULL},
    {"router", "MUL_MAT", NULL, "blk.%d.ffn_gate_inp.weight"},
    {"experts", "ADD", "ffn_moe_out-%d", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct place qwen2moe[] = {
    {"q_proj", "ADD", NULL, "blk.%d.attn_q.bias"},
    {"k_proj", "ADD", NULL, "blk.%d.attn_k.bias"},
    {"v_proj", "ADD", NULL, "blk.%d.attn_v.bias"},
    {"gate_proj", NULL, NULL, NULL},
    {"up_proj", NULL, NULL, NULL},
    {"activation", NULL, NULL, NULL},
    {"down_proj", NULL, NULL, NULL},
    {"router", "MUL_MAT", NULL, "blk.%d.ffn_gate_inp.weight"},
    {"experts", "ADD", "ffn_out-%d", NULL},
    {"shared_expert", "MUL", "ffn_shexp_out-%d", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct place qwen3moe[] = {
    {"qk_norm", "MUL", NULL, "blk.%d.attn_q_norm.weight"},
    {"qk_norm", "MUL", NULL, "blk.%d.attn_k_norm.weight"},
    {"gate_proj", NULL, NULL, NULL},
    {"up_proj", NULL, NULL, NULL},
    {"activation", NULL, NULL, NULL},
    {"down_proj", NULL, NULL, NULL},
    {"router", "MUL_MAT", NULL, "blk.%d.ffn_gate_inp.weight"},
    {"experts", "ADD", "ffn_moe_out-%d", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct place fused_qkv[] = {
    {"q_proj", NULL, NULL, NULL}, {"k_proj", NULL, NULL, NULL},
    {"v_proj", NULL, NULL, NULL}, {"qkv_proj", "MUL_MAT", NULL, "blk.%d.attn_qkv.weight"},
    {NULL, NULL, NULL, NULL},
};

static const struct place none[] = {{NULL, NULL, NULL, NULL}};

static const struct {
    const char *synth;
    const struct place *changes;
} architectures[] = {
    {"\"arch\":\"llama\"", none},
    {"\"arch\":\"llama\",\"experts\":5,\"experts_used\":2", mixtral},
    {"\"arch\":\"qwen2\"", qwen2},
    {"\"arch\":\"qwen3\"", qwen3},
    {"\"arch\":\"phi2\"", phi2},
    {"\"arch\":\"phi3\"", phi3},
    {"\"arch\":\"gemma\"", gemma},
    {"\"arch\":\"gemma3\"", gemma3},
    {"\"arch\":\"gemma2\"", gemma2},
    {"\"arch\":\"llama-fused\"", fused_qkv},
    {"\"arch\":\"qwen2moe\",\"experts\":5,\"experts_used\":2", qwen2moe},
    {"\"arch\":\"qwen3moe\",\"experts\":5,\"experts_used\":2", qwen3moe},
};

static int setup(void **state)
{
    static struct engine engine;
    int fd = mkstemp(dump_path);
    assert_true(fd >= 0);
    close(fd);
    fd = mkstemp(model_path);
    assert_true(fd >= 0);
    close(fd);
    engine_start(&engine);
    *state = &engine;
    return 0;
}

static int teardown(void **state)
{
    unlink(dump_path);
    unlink(model_path);
    return engine_stop(*state);
}

static bool is_at(const struct tensor *tensor, const struct place *place, int layer)
{
    if (strcmp(place->op, tensor->head.op) != 0) {
        return false;
    }
    bool unnamed = place->name && strcmp(place->name, "node_") == 0;
    if (unnamed || (!place->name && !place->weight)) {
        return tensor->ordinal == layer && (!unnamed || tensor->unnamed);
    }
    bool in_layer = strstr(place->name ? place->name : place->weight, "%d") != NULL;
    return in_layer == (layer >= 0) && tensor_text_is(place->name, layer, tensor->head.name) &&
           tensor_text_is(place->weight, layer, tensor->head.weight);
}

/* The tensors of a component in the order of their nodes. */
static size_t find_tensors(const struct computed *pass, const struct place *places,
                           const char *component, int layer, const struct tensor *out[MAX_TOGETHER])
{
    size_t count = 0;
    for (size_t i = 0; i < pass->count; i++) {
        /* of the last layer only rows whose logits are wanted are left, maybe none */
        bool empty = tensor_elements(&pass->tensors[i]) == 0;
        for (const struct place *p = places; p->component && !empty; p++) {
            if (strcmp(p->component, component) == 0 && is_at(&pass->tensors[i], p, layer)) {
                assert_true(count < MAX_TOGETHER);
                out[count++] = &pass->tensors[i];
                break;
            }
        }
    }
    return count;
}

struct sums {
    double abs, plain, squares, max, below, count;
};

static void add_row(const struct tensor *tensor, int64_t row, int64_t width, double mean,
                    struct sums *sums)
{
    for (int64_t i = 0; i < width; i++) {
        float x = tensor_value(tensor, row * width + i);
        sums->abs += fabs((double)x);
        sums->plain += (double)x;
        sums->squares += ((double)x - mean) * ((double)x - mean);
        sums->max = fmax(sums->max, fabs((double)x));
        sums->below += fabs((double)x) < 0.01;
        sums->count++;
    }
}

/* All token positions, or some of them evenly spaced, of several tensors. */
static void add_tensors(const struct tensor *const *tensors, size_t count, uint32_t n_tokens,
                        double mean, struct sums *sums)
{
    int64_t index[MOST_ROWS];
    memset(sums, 0, sizeof(*sums));
    for (size_t t = 0; t < count; t++) {
        const int64_t *ne = tensors[t]->head.ne;
        int64_t rows = ne[2] > 1 ? ne[2] : n_tokens > 1 ? ne[1] : 1;
        rows = ne[2] == 1 && n_tokens > 1 && ne[1] > (int64_t)n_tokens ? 1 : rows;
        int64_t width = tensor_elements(tensors[t]) / rows;
        int64_t taken = erg_rows_sample(rows, MOST_ROWS, index);
        for (int64_t i = 0; i < taken; i++) {
            add_row(tensors[t], index[i], width, mean, sums);
        }
    }
}

static void assert_near(double got, double expected, double relative, const char *what,
                        const struct seen_span *span)
{
    if (!(fabs(got - expected) <= relative * fabs(expected))) {
        fail_msg("layer %d %s: %s is %.9g, not %.9g", span->layer, span->component, what, got,
                 expected);
    }
}

static void check_span(const struct seen_span *span, const struct tensor *const *tensors,
                       size_t count, uint32_t n_tokens)
{
    struct sums sums, centred;
    add_tensors(tensors, count, n_tokens, 0, &sums);
    add_tensors(tensors, count, n_tokens, sums.plain / sums.count, &centred);
    assert_near((double)span->mean, sums.abs / sums.count, 1e-5, "mean", span);
    assert_near((double)span->std, sqrt(centred.squares / sums.count), 1e-5, "deviation", span);
    assert_near((double)span->max, sums.max, 1e-7, "maximum", span);
    assert_near((double)span->sparsity, sums.below / sums.count, 1e-6, "sparsity", span);
}

static bool has_statistics(const struct seen_span *span)
{
    return !isnan(span->mean);
}

/* Every component of this layer that has a tensor has its statistics; how many spans that are. */
static size_t check_layer(const struct seen_pass *seen, const struct computed *pass,
                          const struct place *places, int layer)
{
    size_t checked = 0;
    for (const struct place *p = places; p->component; p++) {
        const struct tensor *tensors[MAX_TOGETHER];
        size_t count = find_tensors(pass, places, p->component, layer, tensors), spans = 0;
        bool again = p > places && strcmp(p->component, p[-1].component) == 0;
        const struct seen_span *found[MAX_TOGETHER];
        for (uint32_t i = 0; i < seen->head.n_spans && !again; i++) {
            const struct seen_span *span = &seen->spans[i];
            if (span->layer == layer && strcmp(span->component, p->component) == 0 &&
                has_statistics(span)) {
                assert_true(spans < MAX_TOGETHER);
                found[spans++] = span;
            }
        }
        if (!again && spans != count && !(spans == 1 && count > 1)) {
            fail_msg("layer %d %s: statistics of %zu spans, tensors %zu", layer, p->component,
                     spans, count);
        }
        for (size_t i = 0; i < spans; i++) {
            bool together = spans == 1;
            check_span(found[i], &tensors[together ? 0 : i], together ? count : 1,
                       seen->head.n_tokens);
        }
        checked += spans;
    }
    return checked;
}

static void check_pass(const struct seen_pass *seen, const struct computed *pass,
                       const struct place *places, int layers)
{
    size_t checked = 0, with = 0, profiler = 0;
    for (int layer = -1; layer < layers; layer++) {
        checked += check_layer(seen, pass, places, layer);
    }
    for (uint32_t i = 0; i < seen->head.n_spans; i++) {
        with += has_statistics(&seen->spans[i]);
        profiler += strcmp(seen->spans[i].component, "profiler") == 0;
    }
    assert_int_equal(checked, with); /* and nothing else has any */
    assert_int_equal(profiler, 1);
    assert_int_equal(seen_span_sum(seen), seen->head.t1_ns - seen->head.t0_ns);
    assert_false(seen->head.flags & ERG_PASS_MISMATCH);
}

/* The same run observed with a dump, and in two ways without. */
static void check_runs(struct engine *engine, const char *members, const struct place *places,
                       int layers)
{
    static const char *const ways[] = {"\"mode\":\"standard\",\"instrument\":\"trace\"",
                                       "\"mode\":\"standard\",\"instrument\":\"observe\""};
    for (int threads = 1; threads <= 2; threads++) {
        struct seen seen;
        struct dump dump;
        char all[2048];
        snprintf(all, sizeof(all),
                 "%s,\"threads\":%d,\"instrument\":\"observe\",\"dump_tensors\":\"%s\"", members,
                 threads, dump_path);
        engine_run(engine, all, &seen);
        assert_string_equal(seen.reason, "");
        dump_read(dump_path, &dump);
        assert_int_equal(dump.pass_count, seen.pass_count);
        seen_deinit(&seen);
        for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
            snprintf(all, sizeof(all), "%s,\"threads\":%d,%s", members, threads, ways[w]);
            engine_run(engine, all, &seen);
            assert_string_equal(seen.reason, "");
            assert_string_equal(seen.warnings, "");
            assert_int_equal(dump.pass_count, seen.pass_count);
            for (size_t i = 0; i < seen.pass_count; i++) {
                check_pass(&seen.passes[i], &dump.passes[i], places, layers);
            }
            seen_deinit(&seen);
        }
        dump_deinit(&dump);
    }
}

static void they_are_those_of_the_tensors(void **state)
{
    engine_load(*state, "../models/tales-f16.gguf");
    check_runs(*state, ",\"prompt\":\"One day Tom went to the park\",\"tokens\":5", llama, 6);
    check_runs(*state,
               ",\"prompt\":\"One day Tom went to the park\",\"tokens\":5,\"flash_attn\":\"off\"",
               llama, 6);
}

static void synthesize(struct engine *engine, const char *members)
{
    struct seen seen;
    engine_send(engine, "{\"cmd\":\"synth\",\"out\":\"%s\",\"vocab\":300%s}", model_path, members);
    engine_collect(engine, &seen);
    if (!seen.answered) {
        fail_msg("synth: %s", seen.reason);
    }
    seen_deinit(&seen);
    engine_load(engine, model_path);
}

enum { MOST_PLACES = 40 };

/* llama's table with the rows of these components in place of its own. */
static void combine(const struct place *changes, struct place out[MOST_PLACES])
{
    size_t count = 0;
    for (const struct place *p = llama; p->component; p++) {
        bool kept = true;
        for (const struct place *c = changes; c->component; c++) {
            kept &= strcmp(p->component, c->component) != 0;
        }
        if (kept) {
            out[count++] = *p;
        }
    }
    for (const struct place *c = changes; c->component; c++) {
        if (c->op) {
            out[count++] = *c;
        }
    }
    assert_true(count < MOST_PLACES);
    memset(&out[count], 0, sizeof(*out));
}

static void they_are_right_for_every_architecture(void **state)
{
    for (size_t i = 0; i < sizeof(architectures) / sizeof(*architectures); i++) {
        struct place places[MOST_PLACES];
        char members[256];
        combine(architectures[i].changes, places);
        snprintf(members, sizeof(members),
                 ",\"layers\":2,\"embedding\":64,\"heads\":4,\"feed_forward\":96,"
                 "\"type\":\"f16\",\"kv_heads\":%d,%s",
                 architectures[i].changes == phi2 ? 4 : 2, architectures[i].synth);
        print_message("%s\n", architectures[i].synth);
        synthesize(*state, members);
        check_runs(*state, ",\"prompt_tokens\":9,\"tokens\":4,\"ignore_eos\":true", places, 2);
        check_runs(*state,
                   ",\"prompt_tokens\":9,\"tokens\":4,\"ignore_eos\":true,"
                   "\"flash_attn\":\"off\"",
                   places, 2);
    }
}

/* Chunks of 200 and 100 tokens, above 128 rows evenly sampled. */
static void of_long_prompts_rows_are_sampled(void **state)
{
    struct seen seen;
    synthesize(*state, ",\"layers\":2,\"embedding\":128,\"heads\":4,\"kv_heads\":2,"
                       "\"feed_forward\":256,\"type\":\"q4_0\"");
    check_runs(*state, ",\"prompt_tokens\":300,\"ubatch\":200,\"tokens\":3,\"ignore_eos\":true",
               llama, 2);
    engine_run(*state, ",\"prompt_tokens\":300,\"tokens\":0", &seen);
    assert_non_null(strstr(seen.begin, "\"rows_sampled\":true"));
    assert_non_null(strstr(seen.begin, "\"sparsity_threshold\":0.01"));
    seen_deinit(&seen);
    engine_run(*state, ",\"prompt_tokens\":128,\"tokens\":0", &seen);
    assert_non_null(strstr(seen.begin, "\"rows_sampled\":false"));
    seen_deinit(&seen);
}

/* Decoding on until the attention's window grows: its graph is new then. */
static void they_survive_new_graphs(void **state)
{
    synthesize(*state, ",\"layers\":2,\"embedding\":64,\"heads\":4,\"kv_heads\":2,"
                       "\"feed_forward\":96,\"type\":\"f16\"");
    check_runs(*state, ",\"prompt_tokens\":250,\"tokens\":12,\"ignore_eos\":true", llama, 2);
    check_runs(*state,
               ",\"prompt_tokens\":250,\"tokens\":12,\"ignore_eos\":true,\"flash_attn\":\"off\"",
               llama, 2);
}

static void the_threshold_counts(void **state)
{
    struct seen seen;
    float before = -1;
    engine_load(*state, "../models/tales-f16.gguf");
    for (int i = 0; i < 2; i++) {
        engine_run(*state,
                   i ? ",\"prompt\":\"One day\",\"tokens\":0,\"sparsity_threshold\":0.1"
                     : ",\"prompt\":\"One day\",\"tokens\":0",
                   &seen);
        for (uint32_t s = 0; s < seen.passes[0].head.n_spans; s++) {
            const struct seen_span *span = &seen.passes[0].spans[s];
            if (span->layer == 3 && strcmp(span->component, "up_proj") == 0) {
                assert_true(span->sparsity > before);
                before = span->sparsity;
            }
        }
        seen_deinit(&seen);
    }
    assert_true(before > 0);
}

static void minimal_takes_none(void **state)
{
    struct seen seen;
    engine_load(*state, "../models/tales-f16.gguf");
    engine_run(*state, ",\"prompt\":\"One day\",\"tokens\":3,\"mode\":\"minimal\"", &seen);
    assert_null(strstr(seen.begin, "rows_sampled"));
    for (size_t i = 0; i < seen.pass_count; i++) {
        for (uint32_t s = 0; s < seen.passes[i].head.n_spans; s++) {
            assert_false(has_statistics(&seen.passes[i].spans[s]));
            /* learning a graph is all that takes time */
            assert_true(!(seen.passes[i].head.flags & ERG_PASS_REUSED) ||
                        strcmp(seen.passes[i].spans[s].component, "profiler") != 0);
        }
    }
    seen_deinit(&seen);
}

static void check_against(const struct seen_pass *pass, const json_t *statistics)
{
    size_t compared = 0;
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        const struct seen_span *span = &pass->spans[i];
        char key[64];
        snprintf(key, sizeof(key), "%d.%s", span->layer, span->component);
        const json_t *expected = json_object_get(statistics, key);
        if (!expected) {
            continue;
        }
        const double got[] = {(double)span->mean, (double)span->std, (double)span->max};
        static const char *const what[] = {"mean", "deviation", "maximum"};
        for (size_t k = 0; k < 3; k++) {
            assert_near(got[k], json_real_value(json_array_get(expected, k)), 1e-3, what[k], span);
        }
        /* a share of few values: one of them may lie on the other side of the threshold */
        double share = json_real_value(json_array_get(expected, 3));
        double step = 1.5 / (192.0 * pass->head.n_tokens);
        if (!(fabs((double)span->sparsity - share) <= step)) {
            fail_msg("%s: sparsity is %g, not %g", key, (double)span->sparsity, share);
        }
        compared++;
    }
    assert_int_equal(compared, json_object_size(statistics));
}

static void they_agree_with_the_reference(void **state)
{
    json_t *prompts = json_load_file("engine/data/tales-statistics.json", 0, NULL);
    assert_non_null(prompts);
    assert_int_equal(json_array_size(prompts), 4);
    engine_load(*state, "../models/tales-f32.gguf");
    for (size_t i = 0; i < json_array_size(prompts); i++) {
        const json_t *prompt = json_array_get(prompts, i);
        char members[512];
        struct seen seen;
        char *quoted = json_dumps(json_object_get(prompt, "text"), JSON_ENCODE_ANY);
        /* logits of all positions, so that the last layer computes all of them */
        snprintf(members, sizeof(members),
                 ",\"prompt\":%s,\"tokens\":0,\"dump_all\":true,\"flash_attn\":\"off\","
                 "\"cache_type_k\":\"f32\",\"cache_type_v\":\"f32\"",
                 quoted);
        free(quoted);
        engine_run(*state, members, &seen);
        assert_int_equal(seen.pass_count, 1);
        check_against(&seen.passes[0], json_object_get(prompt, "statistics"));
        seen_deinit(&seen);
    }
    json_decref(prompts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_those_of_the_tensors),
        cmocka_unit_test(they_are_right_for_every_architecture),
        cmocka_unit_test(of_long_prompts_rows_are_sampled),
        cmocka_unit_test(they_survive_new_graphs),
        cmocka_unit_test(the_threshold_counts),
        cmocka_unit_test(minimal_takes_none),
        cmocka_unit_test(they_agree_with_the_reference),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
