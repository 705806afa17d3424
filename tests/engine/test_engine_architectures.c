/* SPDX-License-Identifier: MIT */
/* What must hold for a model of every architecture that can be made, run by the built engine. */
#include "engine/engine_client.h"

#include "base/root.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LAYERS = 2, VOCABULARY = 300, PROMPT = 9, TOKENS = 3, NAME_BYTES = 48 };

/* Components of all of them, and those of none that computes: names between spaces. */
#define COMMON                                                                                     \
    " embedding input_layernorm rope kv_append attention o_proj mlp_residual output_select "       \
    "final_norm lm_head "
#define WITHOUT_STATISTICS                                                                         \
    " kv_append output_select graph_prepare output sampling profiler unattributed "
#define SPLIT    " q_proj k_proj v_proj "
#define RESIDUAL " attn_residual post_attention_layernorm "
#define MLP      RESIDUAL " gate_proj up_proj activation down_proj "
#define EXPERTS  RESIDUAL " router experts "
#define POST     " post_attention_norm post_ffw_norm "

static const struct architecture {
    const char *name, *synth, *components; /* besides the common ones */
} architectures[] = {
    {"llama", "\"kv_heads\":4", SPLIT MLP},
    {"llama", "\"kv_heads\":2,\"experts\":5,\"experts_used\":2", SPLIT EXPERTS},
    {"llama-fused", "\"kv_heads\":2", " qkv_proj " MLP},
    {"mistral", "\"kv_heads\":1", SPLIT MLP},
    {"qwen2", "\"kv_heads\":2", SPLIT MLP},
    {"qwen2moe", "\"kv_heads\":4,\"experts\":6,\"experts_used\":3",
     SPLIT EXPERTS " shared_expert "},
    {"qwen3", "\"kv_heads\":2", SPLIT " qk_norm " MLP},
    {"qwen3moe", "\"kv_heads\":2,\"experts\":6,\"experts_used\":3", SPLIT " qk_norm " EXPERTS},
    {"phi2", "\"kv_heads\":4", " qkv_proj up_proj activation down_proj "},
    {"phi3", "\"kv_heads\":2", " qkv_proj gate_up_proj activation down_proj " RESIDUAL},
    {"phimoe", "\"kv_heads\":2,\"experts\":6,\"experts_used\":3", SPLIT EXPERTS},
    {"gemma", "\"kv_heads\":1", SPLIT MLP},
    {"gemma2", "\"kv_heads\":2", SPLIT MLP POST},
    {"gemma3", "\"kv_heads\":2", SPLIT " qk_norm " MLP POST},
};

static char dump_path[] = "/tmp/ergon-architectures-XXXXXX";
static char model_path[] = "/tmp/ergon-architectures-XXXXXX";

static void make_file(char *path)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static int setup(void **state)
{
    static struct engine engine;
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

static void make_model(struct engine *engine, const struct architecture *a)
{
    struct seen seen;
    engine_send(engine,
                "{\"cmd\":\"synth\",\"out\":\"%s\",\"arch\":\"%s\",\"layers\":%d,\"vocab\":%d,"
                "\"embedding\":64,\"heads\":4,\"feed_forward\":96,\"type\":\"q8_0\",%s}",
                model_path, a->name, LAYERS, VOCABULARY, a->synth);
    engine_collect(engine, &seen);
    if (!seen.answered) {
        fail_msg("synth: %s", seen.reason);
    }
    seen_deinit(&seen);
    engine_load(engine, model_path);
}

static bool is_in(const char *names, const char *name)
{
    char spaced[NAME_BYTES + 2];
    snprintf(spaced, sizeof(spaced), " %s ", name);
    return strstr(names, spaced) != NULL;
}

/* Some span of the place has (`with_values`) statistics, or is there at all. */
static bool has_span(const struct seen_pass *pass, int layer, const char *component,
                     bool with_values)
{
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        const struct seen_span *span = &pass->spans[i];
        if (span->layer == layer && strcmp(span->component, component) == 0 &&
            (!with_values || (isfinite(span->mean) && isfinite(span->std) && span->max > 0 &&
                              isfinite(span->sparsity)))) {
            return true;
        }
    }
    return false;
}

/* Every name of the list is a component of this pass. */
static void check_names(const struct seen_pass *pass, const char *names)
{
    char list[512];
    snprintf(list, sizeof(list), "%s", names);
    char *rest = list;
    for (char *name = strsep(&rest, " "); name; name = strsep(&rest, " ")) {
        bool found = name[0] == '\0';
        for (int layer = -1; layer < LAYERS && !found; layer++) {
            found = has_span(pass, layer, name, false);
        }
        if (!found) {
            fail_msg("%s is missing", name);
        }
    }
}

static void check_pass(const struct seen_pass *pass, const struct architecture *a, bool standard)
{
    uint32_t wrong = ERG_PASS_GUESSED | ERG_PASS_MISMATCH;
    assert_int_equal(pass->head.flags & wrong, 0);
    assert_true(pass->head.flags & (ERG_PASS_TRACED | ERG_PASS_OBSERVED));
    assert_int_equal(seen_span_sum(pass), pass->head.t1_ns - pass->head.t0_ns);
    check_names(pass, COMMON);
    check_names(pass, a->components);
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        const struct seen_span *span = &pass->spans[i];
        bool silent = is_in(WITHOUT_STATISTICS, span->component);
        if (!silent && !is_in(COMMON, span->component) && !is_in(a->components, span->component)) {
            fail_msg("%s in layer %d is too much", span->component, span->layer);
        }
        bool expected = standard && !silent;
        if (has_span(pass, span->layer, span->component, true) != expected) {
            fail_msg("%s in layer %d %s statistics", span->component, span->layer,
                     expected ? "lacks" : "has");
        }
    }
}

static char *run(struct engine *engine, const char *how, struct seen *seen, size_t *out_bytes)
{
    char members[512], *logits;
    snprintf(members, sizeof(members),
             ",\"prompt_tokens\":%d,\"tokens\":%d,\"ignore_eos\":true,\"dump_logits\":\"%s\",%s",
             PROMPT, TOKENS, dump_path, how);
    engine_run(engine, members, seen);
    assert_string_equal(seen->reason, "");
    assert_string_equal(seen->warnings, "");
    assert_int_equal(seen->pass_count, 1 + TOKENS);
    assert_int_equal(erg_read_file(dump_path, 1 << 20, &logits, out_bytes, NULL), 0);
    assert_int_equal(*out_bytes, (1 + TOKENS) * VOCABULARY * sizeof(float));
    for (size_t at = 0; at < *out_bytes; at += sizeof(float)) {
        float logit;
        memcpy(&logit, logits + at, sizeof(logit));
        assert_true(isfinite(logit));
    }
    return logits;
}

/* Ways to profile a run, those first that need no attention matrix. */
static const struct profile {
    const char *how;
    bool statistics, sampled;
} profiles[] = {
    {"\"mode\":\"minimal\",\"instrument\":\"trace\"", false, false},
    {"\"mode\":\"standard\",\"instrument\":\"trace\"", true, false},
    {"\"mode\":\"deep\",\"instrument\":\"trace\"", true, false},
    {"\"mode\":\"deep\",\"instrument\":\"observe\"", true, false},
    {"\"mode\":\"deep\",\"instrument\":\"trace\",\"sample_every\":2,\"bare_every\":2", true, true},
};
enum { SHALLOW = 2 }; /* how many these are */

static void check_profiles(struct engine *engine, const struct architecture *a, const char *how,
                           size_t count)
{
    struct seen seen;
    size_t bytes;
    char all[256];
    snprintf(all, sizeof(all), "%s,\"mode\":\"minimal\",\"instrument\":\"none\"", how);
    char *expected = run(engine, all, &seen, &bytes);
    seen_deinit(&seen);
    for (const struct profile *p = profiles; p < profiles + count; p++) {
        snprintf(all, sizeof(all), "%s,%s", how, p->how);
        char *logits = run(engine, all, &seen, &bytes);
        assert_memory_equal(logits, expected, bytes);
        for (size_t i = 0; i < seen.pass_count && !p->sampled; i++) {
            check_pass(&seen.passes[i], a, p->statistics);
        }
        seen_deinit(&seen);
        free(logits);
    }
    free(expected);
}

static void every_architecture_is_told_apart_and_left_alone(void **state)
{
    enum { ALL = sizeof(profiles) / sizeof(*profiles) };
    for (size_t i = 0; i < sizeof(architectures) / sizeof(*architectures); i++) {
        print_message("%s %s\n", architectures[i].name, architectures[i].synth);
        make_model(*state, &architectures[i]);
        check_profiles(*state, &architectures[i], "\"threads\":1,\"flash_attn\":\"on\"", SHALLOW);
        check_profiles(*state, &architectures[i], "\"threads\":2,\"flash_attn\":\"on\"", SHALLOW);
        check_profiles(*state, &architectures[i], "\"threads\":1,\"flash_attn\":\"off\"", ALL);
        check_profiles(*state, &architectures[i], "\"threads\":2,\"flash_attn\":\"off\"", ALL);
    }
}

static void refuse(struct engine *engine, const char *members, const char *must_say)
{
    struct seen seen;
    engine_send(engine, "{\"cmd\":\"synth\",\"out\":\"%s\",%s}", model_path, members);
    engine_collect(engine, &seen);
    assert_false(seen.answered);
    if (!strstr(seen.reason, must_say)) {
        fail_msg("%s: %s", members, seen.reason);
    }
    seen_deinit(&seen);
}

static void what_cannot_be_made_is_refused(void **state)
{
    refuse(*state, "\"arch\":\"gpt5\"", "known are llama, llama-fused, mistral, qwen2,");
    refuse(*state, "\"arch\":\"qwen3moe\"", "cannot be without 'experts'");
    refuse(*state, "\"arch\":\"gemma2\",\"experts\":4", "cannot be synthesised with experts");
    refuse(*state, "\"arch\":\"qwen2moe\",\"experts\":2,\"experts_used\":3", "3 of 2 experts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_architecture_is_told_apart_and_left_alone),
        cmocka_unit_test(what_cannot_be_made_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
