/* SPDX-License-Identifier: MIT */
/*
 * What mode deep says of operations, attention heads, gates, norms and routers, against a plain
 * computation in double over the same tensors, which a run that cuts at every node has dumped.
 */
#include "engine/deep_check.h"
#include "engine/engine_client.h"

#include "base/mem.h"
#include "base/root.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char pattern[] = "/tmp/ergon-deep-XXXXXX";
static char dump_path[sizeof(pattern)], model_path[sizeof(pattern)];

static const struct architecture {
    const char *name, *synth;
} architectures[] = {
    {"llama", ""},
    {"llama", ",\"experts\":5,\"experts_used\":2"},
    {"llama-fused", ""},
    {"mistral", ""},
    {"qwen2", ""},
    {"qwen2moe", ",\"experts\":6,\"experts_used\":3"},
    {"qwen3", ""},
    {"qwen3moe", ",\"experts\":8,\"experts_used\":3"},
    {"phi2", ""},
    {"phi3", ""},
    {"phimoe", ",\"experts\":6,\"experts_used\":2"},
    {"gemma", ""},
    {"gemma2", ""},
    {"gemma3", ""},
};

static void make_file(char *path)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static int setup(void **state)
{
    static struct engine engine;
    snprintf(dump_path, sizeof(dump_path), "%s", pattern);
    snprintf(model_path, sizeof(model_path), "%s", pattern);
    make_file(dump_path);
    make_file(model_path);
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

static void run(struct engine *engine, const char *members, const char *how, struct seen *out)
{
    char all[1024];
    snprintf(all, sizeof(all), "%s,\"mode\":\"deep\"%s", members, how);
    engine_run(engine, all, out);
    assert_string_equal(out->reason, "");
    if (deep_model.flash) {
        assert_non_null(strstr(out->warnings, "no entropy, maximum and sparsity of attention"));
    } else {
        assert_string_equal(out->warnings, "");
    }
}

/* Whether the numbers of a pass must be complete. */
typedef bool complete_test(const struct seen_pass *pass);

static bool always(const struct seen_pass *pass)
{
    (void)pass;
    return true;
}

static bool when_reused(const struct seen_pass *pass)
{
    return pass->head.flags & ERG_PASS_REUSED;
}

/* Dump a run, then compare what others like it say. */
static void check_runs(struct engine *engine, const char *members, const char *const *ways,
                       complete_test *complete)
{
    struct seen seen;
    struct dump dump;
    char how[256];
    snprintf(how, sizeof(how), ",\"instrument\":\"observe\",\"dump_tensors\":\"%s\"", dump_path);
    run(engine, members, how, &seen);
    seen_deinit(&seen);
    dump_read(dump_path, &dump);
    for (; *ways; ways++) {
        size_t completes = 0;
        run(engine, members, *ways, &seen);
        assert_int_equal(seen.pass_count, dump.pass_count);
        for (size_t i = 0; i < seen.pass_count; i++) {
            bool deep = seen.passes[i].head.flags & ERG_PASS_DEEP; /* tokens may be left out */
            assert_true(deep || strstr(*ways, "sample_every"));
            if (deep) {
                deep_check_pass(&seen.passes[i], &dump.passes[i], complete(&seen.passes[i]));
                completes += complete(&seen.passes[i]);
            }
        }
        assert_true(completes > 0);
        seen_deinit(&seen);
    }
    dump_deinit(&dump);
}

static const char *const both[] = {",\"instrument\":\"trace\"", ",\"instrument\":\"observe\"",
                                   NULL};
static const char *const on_two[] = {",\"instrument\":\"trace\",\"threads\":2",
                                     ",\"instrument\":\"observe\",\"threads\":2", NULL};
static const char *const on_two_traced[] = {",\"instrument\":\"trace\",\"threads\":2", NULL};

#define SMALL ",\"embedding\":64,\"heads\":4,\"kv_heads\":2,\"feed_forward\":96,\"type\":\"f16\""
/* From below the padding of the cache to above it. */
#define LONG  ",\"prompt_tokens\":250,\"tokens\":16,\"ignore_eos\":true"
#define OFF   ",\"flash_attn\":\"off\",\"threads\":2"
#define SHORT ",\"prompt_tokens\":9,\"tokens\":3,\"ignore_eos\":true"
/* Of as many numbers that threads do not finish them at the same moment. */
#define LARGER                                                                                     \
    ",\"embedding\":512,\"heads\":8,\"kv_heads\":4,\"feed_forward\":2048,\"type\":\"f16\""
#define SHORTER ",\"prompt_tokens\":1,\"tokens\":12,\"ignore_eos\":true"

static void make(struct engine *engine, const char *members)
{
    struct seen seen;
    engine_send(engine, "{\"cmd\":\"synth\",\"out\":\"%s\",%s}", model_path, members);
    engine_collect(engine, &seen);
    if (!seen.answered) {
        fail_msg("synth: %s", seen.reason);
    }
    seen_deinit(&seen);
}

static void synthesize(struct engine *engine, const char *name, int layers, const char *members)
{
    char all[512];
    snprintf(all, sizeof(all), "\"arch\":\"%s\",\"vocab\":300,\"layers\":%d%s", name, layers,
             members);
    make(engine, all);
    engine_load(engine, model_path);
    deep_model = (struct deep_model){.name = name, .layers = layers};
}

static void it_is_right_for_every_architecture(void **state)
{
    static const int kv_heads[] = {2, 4};
    for (size_t i = 0; i < sizeof(architectures) / sizeof(*architectures); i++) {
        const struct architecture *a = &architectures[i];
        for (size_t k = 0; k < 2; k++) {
            char members[256];
            print_message("%s%s with %d KV heads\n", a->name, a->synth, kv_heads[k]);
            snprintf(members, sizeof(members),
                     ",\"embedding\":64,\"heads\":4,\"feed_forward\":96,\"type\":\"f16\","
                     "\"kv_heads\":%d%s",
                     kv_heads[k], a->synth);
            synthesize(*state, a->name, 2, members);
            check_runs(*state, SHORT, both, always);
            check_runs(*state, SHORT, on_two, always);
            deep_model.flash = true;
            check_runs(*state, SHORT ",\"flash_attn\":\"on\"", k ? both : on_two, always);
        }
    }
}

/* Chunks of 300 tokens, of whose last layer the first has no rows at all. */
static void of_long_prompts_positions_are_sampled(void **state)
{
    synthesize(*state, "qwen3moe", 2, SMALL ",\"experts\":8,\"experts_used\":2");
    check_runs(*state, ",\"prompt_tokens\":600,\"ubatch\":300,\"tokens\":2,\"ignore_eos\":true",
               on_two_traced, always);
    check_runs(*state, ",\"prompt_tokens\":128,\"tokens\":0", both, always);
}

/* Decoding on until the cache in use grows by its padding: the graph is new then. */
static void it_survives_new_graphs(void **state)
{
    static const char *const sampled[] = {",\"sample_every\":2,\"bare_every\":3",
                                          ",\"sample_every\":3,\"instrument\":\"observe\"", NULL};
    synthesize(*state, "llama", 2, SMALL);
    check_runs(*state, LONG, sampled, always);
    check_runs(*state, LONG, both, always);
}

static bool all_but_each_sixth(int layer)
{
    return layer % 6 < 5;
}

static bool each_second(int layer)
{
    return layer % 2 == 0;
}

/* Overwrite a number in the metadata: key, type (u32), value. */
static void set_metadata(const char *key, uint32_t value)
{
    char *bytes, *at;
    size_t len, key_len = strlen(key);
    assert_int_equal(erg_read_file(model_path, 64 << 20, &bytes, &len, NULL), 0);
    at = memmem(bytes, len, key, key_len);
    assert_non_null(at);
    memcpy(at + key_len + sizeof(uint32_t), &value, sizeof(value));
    FILE *file = fopen(model_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    free(bytes);
}

static void check_window(struct engine *engine, const char *preset, const char *name, int layers,
                         bool (*slides)(int))
{
    enum { WINDOW = 20 };
    char members[256];
    snprintf(members, sizeof(members),
             "\"model\":\"synth:%s:f16:layers=%d,embedding=64,heads=4,kv_heads=2,head_size=16,"
             "feed_forward=96,vocab=300\"",
             preset, layers);
    make(engine, members);
    snprintf(members, sizeof(members), "%s.attention.sliding_window", name);
    set_metadata(members, WINDOW);
    engine_load(engine, model_path);
    deep_model =
        (struct deep_model){.name = name, .layers = layers, .window = WINDOW, .slides = slides};
    check_runs(engine, ",\"prompt_tokens\":50,\"tokens\":3,\"ignore_eos\":true", both, always);
    check_runs(engine, ",\"prompt_tokens\":300,\"ubatch\":100,\"tokens\":3,\"ignore_eos\":true",
               on_two_traced, always);
}

static void windows_hide_what_lies_before_them(void **state)
{
    check_window(*state, "gemma-3-1b", "gemma3", 7, all_but_each_sixth);
    check_window(*state, "gemma-2-2b", "gemma2", 2, each_second);
}

static bool second(int layer)
{
    return layer == 1;
}

static void layers_can_be_chosen(void **state)
{
    synthesize(*state, "qwen3moe", 3, SMALL ",\"experts\":8,\"experts_used\":2");
    deep_model.chosen = second;
    check_runs(*state, SHORT ",\"layers\":[1]", both, always);
    deep_model.chosen = each_second;
    check_runs(*state, SHORT ",\"layer_stride\":2", on_two, always);
}

static uint32_t count_statistics(const struct seen_pass *pass)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        count += deep_has_statistics(&pass->spans[i]);
    }
    return count;
}

/* Standard statistics of two engines are the same; in how many passes only `b` has none. */
static int check_standard(struct engine *a, struct engine *b, const char *members)
{
    int without = 0;
    struct seen seen_a, seen_b;
    engine_run(a, members, &seen_a);
    engine_run(b, members, &seen_b);
    assert_int_equal(seen_a.pass_count, seen_b.pass_count);
    for (size_t p = 0; p < seen_a.pass_count; p++) {
        uint32_t j = 0, n_b = seen_b.passes[p].head.n_spans;
        if (count_statistics(&seen_b.passes[p]) == 0) {
            without += count_statistics(&seen_a.passes[p]) > 0;
            continue;
        }
        for (uint32_t i = 0; i < seen_a.passes[p].head.n_spans; i++) {
            const struct seen_span *x = &seen_a.passes[p].spans[i], *y = seen_b.passes[p].spans;
            if (!deep_has_statistics(x)) {
                continue;
            }
            while (j < n_b && !deep_has_statistics(&y[j])) {
                j++;
            }
            assert_true(j < n_b);
            assert_string_equal(x->component, y[j].component);
            assert_true(fabsf(x->mean - y[j].mean) <= 1e-6f * x->mean);
            assert_true(fabsf(x->std - y[j].std) <= 1e-6f * x->std);
            j++;
        }
        for (; j < n_b; j++) {
            assert_false(deep_has_statistics(&seen_b.passes[p].spans[j]));
        }
    }
    seen_deinit(&seen_a);
    seen_deinit(&seen_b);
    return without;
}

/*
 * An engine that takes every node for one that the first thread computes alone finds that it is
 * wrong, and from then on waits for all threads. A single thread does compute them all.
 */
static void nodes_that_threads_share_are_found_out(void **state)
{
    struct engine presuming;
    engine_start_as(&presuming, ERGON_ENGINE_PATH "-presuming");
    synthesize(*state, "llama", 2, LARGER);
    engine_load(&presuming, model_path);
    assert_int_equal(check_standard(*state, &presuming, SHORTER ",\"threads\":2"), 1);
    assert_int_equal(check_standard(*state, &presuming, LONG OFF), 1);
    assert_int_equal(check_standard(*state, &presuming, SHORTER ",\"threads\":1"), 0);
    assert_int_equal(engine_stop(&presuming), 0);
}

/* Where a program cannot look at graphs before they run, their first pass says less. */
static void graphs_met_while_they_run_say_nothing_wrong(void **state)
{
    static const struct architecture some[] = {{"llama", ""},
                                               {"qwen2moe", ",\"experts\":6,\"experts_used\":3"},
                                               {"phi2", ""},
                                               {"gemma2", ""}};
    struct engine unwatched;
    engine_start_as(&unwatched, ERGON_ENGINE_PATH "-unwatched");
    for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++) {
        char members[256];
        snprintf(members, sizeof(members), "%s%s", SMALL, some[i].synth);
        synthesize(*state, some[i].name, 2, members);
        engine_load(&unwatched, model_path);
        assert_int_equal(check_standard(*state, &unwatched, SHORT), 0);
        assert_int_equal(check_standard(*state, &unwatched, LONG OFF), 0);
        check_runs(&unwatched, SHORT, both, when_reused);
        check_runs(&unwatched, SHORT, on_two, when_reused);
        check_runs(&unwatched, LONG, on_two_traced, when_reused);
    }
    assert_int_equal(engine_stop(&unwatched), 0);
}

static void check_number(double got, const json_t *object, const char *what, int layer, size_t head)
{
    char key[64];
    snprintf(key, sizeof(key), "%d.%s", layer, what);
    const json_t *value = json_object_get(object, key);
    double expected = json_real_value(json_is_array(value) ? json_array_get(value, head) : value);
    if (!value || !(fabs(got - expected) <= 5e-4 * fabs(expected) + 1e-6)) {
        fail_msg("%s of head %zu is %.9g, not %.9g", key, head, got, expected);
    }
}

static void check_reference(const struct seen_pass *pass, const json_t *reference)
{
    size_t numbers = 0;
    for (size_t i = 0; i < pass->attention_count; i++) {
        const struct seen_attention *attention = &pass->attention[i];
        int layer = pass->spans[attention->span].layer;
        assert_int_equal(attention->heads, 6);
        for (uint32_t h = 0; h < attention->heads; h++) {
            check_number((double)attention->entropy[h], reference, "entropy", layer, h);
            check_number((double)attention->max_weight[h], reference, "max_weight", layer, h);
        }
        numbers += 2;
    }
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        const struct seen_span *span = &pass->spans[i];
        bool gate = strcmp(span->component, "activation") == 0;
        if (gate || strcmp(span->component, "input_layernorm") == 0) {
            check_number((double)span->extra, reference, gate ? "kill_ratio" : "var_ratio",
                         span->layer, 0);
            numbers++;
        }
    }
    assert_int_equal(numbers, json_object_size(reference));
}

static void it_agrees_with_the_reference(void **state)
{
    json_t *prompts = json_load_file("engine/data/tales-statistics.json", 0, NULL);
    assert_int_equal(json_array_size(prompts), 4);
    engine_load(*state, "../models/tales-f32.gguf");
    deep_model = (struct deep_model){.name = "llama", .layers = 6};
    for (size_t i = 0; i < json_array_size(prompts); i++) {
        const json_t *prompt = json_array_get(prompts, i);
        char members[512];
        struct seen seen;
        char *quoted = json_dumps(json_object_get(prompt, "text"), JSON_ENCODE_ANY);
        /* logits of all positions, so that the last layer computes all of them */
        snprintf(members, sizeof(members),
                 ",\"prompt\":%s,\"tokens\":0,\"dump_all\":true,"
                 "\"cache_type_k\":\"f32\",\"cache_type_v\":\"f32\"",
                 quoted);
        free(quoted);
        run(*state, members, "", &seen);
        assert_int_equal(seen.pass_count, 1);
        check_reference(&seen.passes[0], json_object_get(prompt, "deep"));
        seen_deinit(&seen);
    }
    json_decref(prompts);
}

#define one(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        one(it_is_right_for_every_architecture),
        one(of_long_prompts_positions_are_sampled),
        one(it_survives_new_graphs),
        one(windows_hide_what_lies_before_them),
        one(layers_can_be_chosen),
        one(graphs_met_while_they_run_say_nothing_wrong),
        one(nodes_that_threads_share_are_found_out),
        one(it_agrees_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
