/* SPDX-License-Identifier: MIT */
/* The engine from outside: what it reports of a run on the bundled model. */
#include "engine/engine_client.h"

#include "ergon/probe.h"

#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define F16   "../models/tales-f16.gguf"
#define STORY "\"prompt\":\"Once upon a time\""

static int setup(void **state)
{
    static struct engine engine;
    engine_start(&engine);
    engine_load(&engine, F16);
    *state = &engine;
    return 0;
}

static int teardown(void **state)
{
    return engine_stop(*state);
}

static void assert_complete(const struct seen *seen)
{
    assert_string_equal(seen->reason, "");
    assert_int_equal(seen->status, ERG_END_COMPLETE);
    assert_string_equal(seen->warnings, "");
}

static size_t count_phase(const struct seen *seen, uint32_t phase)
{
    size_t count = 0;
    for (size_t i = 0; i < seen->pass_count; i++) {
        count += seen->passes[i].head.phase == phase;
    }
    return count;
}

static void every_output_token_has_its_decode_pass(void **state)
{
    struct seen seen;
    engine_run(*state, "," STORY ",\"tokens\":12", &seen);
    assert_complete(&seen);
    assert_int_equal(count_phase(&seen, ERG_PHASE_PREFILL), 1);
    assert_int_equal(count_phase(&seen, ERG_PHASE_DECODE), 12);
    assert_int_equal(seen.token_count, 5 + 12); /* with BOS */
    for (size_t i = 0; i < seen.token_count; i++) {
        assert_int_equal(seen.tokens[i].head.position, i);
        assert_int_equal(seen.tokens[i].head.phase, i < 5 ? ERG_PHASE_PREFILL : ERG_PHASE_DECODE);
    }
    seen_deinit(&seen);
}

static void spans_tile_their_pass(void **state)
{
    static const char *const instruments[] = {"trace", "observe", "none"};
    static const char *const modes[] = {"minimal", "standard", "deep"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t m = 0; m < 3; m++) {
            char members[256];
            struct seen seen;
            snprintf(members, sizeof(members),
                     "," STORY ",\"tokens\":6,\"instrument\":\"%s\",\"mode\":\"%s\"",
                     instruments[i], modes[m]);
            engine_run(*state, members, &seen);
            assert_complete(&seen);
            for (size_t p = 0; p < seen.pass_count; p++) {
                const struct erg_pass_head *head = &seen.passes[p].head;
                assert_int_equal(seen_span_sum(&seen.passes[p]), head->t1_ns - head->t0_ns);
                assert_int_equal(head->flags & (ERG_PASS_GUESSED | ERG_PASS_MISMATCH), 0);
                assert_true(p == 0 || head->t0_ns >= seen.passes[p - 1].head.t1_ns);
            }
            seen_deinit(&seen);
        }
    }
}

/* Both see the same operations in the same order, in a graph's first pass and in later ones. */
static void instruments_agree_on_the_nodes(void **state)
{
    static const char *const settings[] = {",\"mode\":\"standard\"", ",\"mode\":\"deep\"",
                                           ",\"mode\":\"deep\",\"flash_attn\":\"off\""};
    for (size_t m = 0; m < sizeof(settings) / sizeof(*settings); m++) {
        struct seen seen[2];
        for (int i = 0; i < 2; i++) {
            char members[256];
            snprintf(members, sizeof(members), "," STORY ",\"tokens\":3,\"instrument\":\"%s\"%s",
                     i == 0 ? "trace" : "observe", settings[m]);
            engine_run(*state, members, &seen[i]);
            assert_complete(&seen[i]);
        }
        assert_int_equal(seen[0].pass_count, seen[1].pass_count);
        for (size_t p = 0; p < seen[0].pass_count; p++) {
            const struct seen_pass *a = &seen[0].passes[p], *b = &seen[1].passes[p];
            assert_int_equal(a->head.n_spans, b->head.n_spans);
            for (uint32_t i = 0; i < a->head.n_spans; i++) {
                assert_int_equal(a->spans[i].layer, b->spans[i].layer);
                assert_string_equal(a->spans[i].component, b->spans[i].component);
                assert_string_equal(a->spans[i].operation, b->spans[i].operation);
                assert_true(a->spans[i].flops == b->spans[i].flops);
                assert_true(a->spans[i].bytes == b->spans[i].bytes);
            }
        }
        seen_deinit(&seen[0]);
        seen_deinit(&seen[1]);
    }
}

static void every_component_of_every_layer_is_seen(void **state)
{
    static const char *const of_layer[] = {
        "input_layernorm", "q_proj",    "k_proj",
        "v_proj",          "rope",      "kv_append",
        "attention",       "o_proj",    "attn_residual",
        "gate_proj",       "up_proj",   "post_attention_layernorm",
        "activation",      "down_proj", "mlp_residual"};
    static const char *const outside[] = {"graph_prepare", "embedding", "final_norm", "lm_head",
                                          "output",        "sampling",  "profiler"};
    struct seen seen;
    engine_run(*state, "," STORY ",\"tokens\":3", &seen);
    assert_complete(&seen);
    const struct seen_pass *pass = &seen.passes[seen.pass_count - 1];
    size_t found = 0;
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        const struct seen_span *span = &pass->spans[i];
        bool inside = span->layer >= 0;
        size_t names =
            inside ? sizeof(of_layer) / sizeof(*of_layer) : sizeof(outside) / sizeof(*outside);
        bool known = strcmp(span->component, "output_select") == 0;
        for (size_t n = 0; n < names; n++) {
            known |= strcmp(span->component, inside ? of_layer[n] : outside[n]) == 0;
        }
        if (!known) {
            fail_msg("layer %d has '%s'", span->layer, span->component);
        }
        found += strcmp(span->component, "down_proj") == 0;
    }
    assert_int_equal(found, 6);
    /* rope is there twice, for Q and K; the last layer also selects its output rows */
    assert_int_equal(pass->head.n_spans, 6 * 16 + 1 + 7);
    seen_deinit(&seen);
}

static void deep_names_operations_and_their_cost(void **state)
{
    struct seen seen;
    engine_run(*state, "," STORY ",\"tokens\":2,\"mode\":\"deep\",\"flash_attn\":\"off\"", &seen);
    assert_complete(&seen);
    const struct seen_pass *pass = &seen.passes[seen.pass_count - 1];
    double matmul_flops = 0;
    int softmax = 0, norms = 0;
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        const struct seen_span *span = &pass->spans[i];
        softmax += strcmp(span->operation, "softmax") == 0;
        norms += strcmp(span->operation, "normalize_scale") == 0;
        if (strcmp(span->operation, "matmul") == 0) {
            matmul_flops += span->flops;
            assert_true(span->bytes > span->flops / 2); /* f16 weights, each used once */
        }
    }
    assert_int_equal(softmax, 6);
    assert_int_equal(norms, 13);
    /* two operations per weight that is multiplied: 6 layers and the head */
    double weights = 6 * (192.0 * 192 * 2 + 192 * 64 * 2 + 192 * 512 * 3) + 192 * 946;
    assert_true(matmul_flops == 2 * weights);
    seen_deinit(&seen);
}

/* Sanitizers slow the engine's own code down but not ggml's. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const double least_coverage = 0.7;
#else
static const double least_coverage = 0.9;
#endif

/* Time of a pass that is in a component of the model. */
static double coverage(const struct seen_pass *pass)
{
    static const char *const not_nodes[] = {"graph_prepare", "output", "sampling", "unattributed"};
    uint64_t nodes = 0;
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        bool node = true;
        for (size_t n = 0; n < 4; n++) {
            node &= strcmp(pass->spans[i].component, not_nodes[n]) != 0;
        }
        nodes += node ? pass->spans[i].duration_ns : 0;
    }
    return (double)nodes / (double)(pass->head.t1_ns - pass->head.t0_ns);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void nodes_cover_nine_tenths_of_a_decode_pass(void **state)
{
    struct seen seen;
    double ratio[64];
    engine_run(*state, "," STORY ",\"tokens\":61,\"ignore_eos\":true", &seen);
    assert_complete(&seen);
    assert_int_equal(seen.pass_count, 62);
    for (size_t i = 1; i < seen.pass_count; i++) {
        ratio[i - 1] = coverage(&seen.passes[i]);
    }
    qsort(ratio, 61, sizeof(*ratio), by_value);
    if (ratio[30] < least_coverage) {
        fail_msg("median coverage is %.3f", ratio[30]);
    }
    seen_deinit(&seen);
}

static void a_prompt_is_evaluated_in_chunks(void **state)
{
    struct seen whole, chunks;
    const char *prompt = ",\"prompt\":\"Once upon a time there was a kind fox named Mia.\"";
    char members[256];
    snprintf(members, sizeof(members), "%s,\"tokens\":10", prompt);
    engine_run(*state, members, &whole);
    snprintf(members, sizeof(members), "%s,\"tokens\":10,\"ubatch\":8", prompt);
    engine_run(*state, members, &chunks);
    assert_complete(&chunks);
    assert_int_equal(count_phase(&whole, ERG_PHASE_PREFILL), 1);
    assert_int_equal(count_phase(&chunks, ERG_PHASE_PREFILL), 2);
    assert_int_equal(chunks.passes[0].head.n_tokens, 8);
    assert_int_equal(chunks.passes[0].head.position, 0);
    assert_int_equal(chunks.passes[1].head.n_tokens, 5);
    assert_int_equal(chunks.passes[1].head.position, 8);
    assert_string_equal(chunks.text, whole.text);
    seen_deinit(&whole);
    seen_deinit(&chunks);
}

static void sections_and_memory_are_told(void **state)
{
    static const char *const names[] = {"tokenization",   "kv_cache_init",   "tensor_transfer",
                                        "detokenization", "tensor_transfer", "cleanup"};
    struct seen seen;
    engine_run(*state, "," STORY ",\"tokens\":2", &seen);
    assert_complete(&seen);
    assert_int_equal(seen.section_count, 6);
    assert_true(seen.begin_ns == seen.sections[0].t0_ns);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(seen.sections[i].name, names[i]);
        assert_int_equal(seen.sections[i].phase,
                         i < 3 ? ERG_PHASE_PRE_INFERENCE : ERG_PHASE_POST_INFERENCE);
        assert_true(seen.sections[i].t1_ns >= seen.sections[i].t0_ns);
        assert_true(i == 0 || seen.sections[i].t0_ns >= seen.sections[i - 1].t1_ns);
    }
    assert_true(seen.passes[0].head.t0_ns >= seen.sections[2].t1_ns);
    assert_true(seen.sections[3].t0_ns >= seen.passes[seen.pass_count - 1].head.t1_ns);
    assert_int_equal(seen.memory_count, 2);
    assert_in_range(seen.memory.model_bytes, 5000000, 5200000);
    assert_in_range(seen.memory.kv_cache_bytes, 1, 1 << 20);
    assert_true(seen.memory.compute_bytes > 0 && seen.memory.peak_rss_bytes > 5000000);
    seen_deinit(&seen);
}

static void the_run_is_described(void **state)
{
    struct seen seen;
    json_int_t prompt_tokens, layers, parameters, ctx;
    const char *name, *arch, *quantization, *instrument;
    int warm, flash;
    engine_run(*state, "," STORY ",\"tokens\":2", &seen);
    json_t *json = json_loads(seen.begin, 0, NULL);
    assert_int_equal(
        json_unpack(json, "{s:I, s:{s:s}, s:{s:s,s:s,s:I,s:I}, s:{s:s,s:I,s:b}, s:{s:b}}",
                    "prompt_tokens", &prompt_tokens, "engine", "name", &name, "model",
                    "architecture", &arch, "quantization", &quantization, "layers", &layers,
                    "parameters", &parameters, "settings", "instrument", &instrument, "ctx", &ctx,
                    "flash_attn", &flash, "load", "warm", &warm),
        0);
    assert_int_equal(prompt_tokens, 5);
    assert_int_equal(layers, 6);
    assert_int_equal(parameters, 2543424);
    assert_int_equal(ctx, 7);
    assert_string_equal(name, "ergon-llama");
    assert_string_equal(arch, "llama");
    assert_string_equal(quantization, "F16");
    assert_string_equal(instrument, "trace");
    assert_true(flash); /* what the automatic choice came to */
    json_decref(json);
    seen_deinit(&seen);
}

static bool is_warm(const struct seen *seen)
{
    int warm = 0;
    json_t *json = json_loads(seen->begin, 0, NULL);
    assert_int_equal(json_unpack(json, "{s:{s:b}}", "load", "warm", &warm), 0);
    json_decref(json);
    return warm;
}

static void a_second_load_of_the_same_model_is_warm(void **state)
{
    struct engine engine;
    struct seen first, second, other;
    (void)state;
    engine_start(&engine);
    engine_load(&engine, F16);
    engine_run(&engine, "," STORY ",\"tokens\":8", &first);
    engine_load(&engine, F16);
    engine_run(&engine, "," STORY ",\"tokens\":8", &second);
    assert_false(is_warm(&first));
    assert_true(is_warm(&second));
    assert_string_equal(first.text, second.text);
    engine_load(&engine, "../models/tales-q8_0.gguf");
    engine_run(&engine, "," STORY ",\"tokens\":1", &other);
    assert_false(is_warm(&other));
    seen_deinit(&first);
    seen_deinit(&second);
    seen_deinit(&other);
    assert_int_equal(engine_stop(&engine), 0); /* at the end of the socket */
}

static void the_same_seed_gives_the_same_text(void **state)
{
    char members[256];
    struct seen runs[3];
    for (int i = 0; i < 3; i++) {
        snprintf(members, sizeof(members),
                 "," STORY ",\"tokens\":40,\"ignore_eos\":true,\"temperature\":1.5,\"seed\":%d",
                 i == 2 ? 8 : 7);
        engine_run(*state, members, &runs[i]);
        assert_complete(&runs[i]);
    }
    assert_string_equal(runs[0].text, runs[1].text);
    assert_string_not_equal(runs[0].text, runs[2].text);
    for (int i = 0; i < 3; i++) {
        seen_deinit(&runs[i]);
    }
}

static void tokens_carry_raw_bytes(void **state)
{
    struct seen seen;
    char joined[256] = "";
    engine_run(*state, ",\"prompt\":\"Zo\xc3\xab \xf0\x9f\xa6\x8a\",\"tokens\":1", &seen);
    assert_int_equal(seen.status, ERG_END_COMPLETE);
    for (size_t i = 0; i < seen.token_count; i++) {
        if (seen.tokens[i].head.phase == ERG_PHASE_PREFILL) {
            strncat(joined, seen.tokens[i].text, sizeof(joined) - strlen(joined) - 1);
        }
    }
    assert_string_equal(joined, "Zo\xc3\xab \xf0\x9f\xa6\x8a");
    seen_deinit(&seen);
}

static void the_end_of_the_text_ends_the_run(void **state)
{
    struct seen seen, forced;
    engine_run(*state, "," STORY ",\"tokens\":400", &seen);
    assert_complete(&seen);
    size_t decoded = count_phase(&seen, ERG_PHASE_DECODE);
    assert_in_range(decoded, 1, 399);
    assert_int_equal(seen.token_count, 5 + decoded);
    engine_run(*state, "," STORY ",\"tokens\":400,\"ignore_eos\":true", &forced);
    assert_complete(&forced);
    assert_int_equal(count_phase(&forced, ERG_PHASE_DECODE), 400);
    /* The same text up to its end, and a new paragraph behind it. */
    assert_memory_equal(forced.text, seen.text, strlen(seen.text));
    assert_non_null(strstr(forced.text + strlen(seen.text), "\n\n"));
    seen_deinit(&seen);
    seen_deinit(&forced);
}

static void generation_stops_where_the_context_ends(void **state)
{
    struct seen seen;
    engine_run(*state, "," STORY ",\"tokens\":50,\"ctx\":20,\"ignore_eos\":true", &seen);
    assert_int_equal(seen.status, ERG_END_COMPLETE);
    assert_int_equal(seen.token_count, 20);
    assert_non_null(strstr(seen.warnings, "context of 20 tokens is full"));
    seen_deinit(&seen);
}

static void a_synthetic_prompt_has_its_length(void **state)
{
    struct seen seen;
    engine_run(*state, ",\"prompt_tokens\":37,\"tokens\":1,\"ignore_eos\":true", &seen);
    assert_complete(&seen);
    assert_int_equal(seen.token_count, 38);
    seen_deinit(&seen);
}

static void cancel_ends_the_run_and_not_the_engine(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0}, next;
    engine_send(engine, "{\"cmd\":\"run\",\"threads\":1," STORY ",\"tokens\":500,\"ctx\":510,"
                        "\"ignore_eos\":true}");
    engine_collect_tokens(engine, &seen, 10);
    engine_send(engine, "{\"cmd\":\"cancel\"}");
    engine_collect_tokens(engine, &seen, SIZE_MAX);
    assert_int_equal(seen.status, ERG_END_CANCELLED);
    assert_in_range(seen.token_count, 10, 504);
    assert_int_equal(seen.section_count, 6);
    engine_run(engine, "," STORY ",\"tokens\":2", &next);
    assert_complete(&next);
    seen_deinit(&seen);
    seen_deinit(&next);
}

static void an_interrupt_is_for_the_recorder(void **state)
{
    const struct engine *engine = *state;
    struct seen seen;
    assert_int_equal(kill(engine->pid, SIGINT), 0);
    engine_run(*state, "," STORY ",\"tokens\":1", &seen);
    assert_complete(&seen);
    seen_deinit(&seen);
}

static void it_ends_when_the_recorder_goes_away_in_a_run(void **state)
{
    struct engine engine;
    struct seen seen = {0};
    (void)state;
    engine_start(&engine);
    engine_load(&engine, F16);
    engine_send(&engine,
                "{\"cmd\":\"run\",\"threads\":1," STORY ",\"tokens\":500,\"ignore_eos\":true}");
    engine_collect_tokens(&engine, &seen, 8);
    seen_deinit(&seen);
    assert_int_equal(engine_stop(&engine), 0);
}

static void it_bears_its_name(void **state)
{
    const struct engine *engine = *state;
    char path[64], name[32] = "";
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)engine->pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(name, sizeof(name), file));
    fclose(file);
    assert_string_equal(name, "ergon-llama\n"); /* not that of the loader */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_output_token_has_its_decode_pass),
        cmocka_unit_test(spans_tile_their_pass),
        cmocka_unit_test(instruments_agree_on_the_nodes),
        cmocka_unit_test(every_component_of_every_layer_is_seen),
        cmocka_unit_test(deep_names_operations_and_their_cost),
        cmocka_unit_test(nodes_cover_nine_tenths_of_a_decode_pass),
        cmocka_unit_test(a_prompt_is_evaluated_in_chunks),
        cmocka_unit_test(sections_and_memory_are_told),
        cmocka_unit_test(the_run_is_described),
        cmocka_unit_test(a_second_load_of_the_same_model_is_warm),
        cmocka_unit_test(the_same_seed_gives_the_same_text),
        cmocka_unit_test(tokens_carry_raw_bytes),
        cmocka_unit_test(the_end_of_the_text_ends_the_run),
        cmocka_unit_test(generation_stops_where_the_context_ends),
        cmocka_unit_test(a_synthetic_prompt_has_its_length),
        cmocka_unit_test(cancel_ends_the_run_and_not_the_engine),
        cmocka_unit_test(an_interrupt_is_for_the_recorder),
        cmocka_unit_test(it_bears_its_name),
        cmocka_unit_test(it_ends_when_the_recorder_goes_away_in_a_run),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
