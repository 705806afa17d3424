/* SPDX-License-Identifier: MIT */
/* Models of random weights: they load, run, and are the same for the same seed. */
#include "engine/engine_client.h"

#include "base/root.h"
#include "model/presets.h"
#include "stream/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* AddressSanitizer keeps what is freed, and a shadow of everything. */
#ifdef __SANITIZE_ADDRESS__
enum { MOST_KIB = 1024 * 1024 };
#else
enum { MOST_KIB = 200 * 1024 };
#endif

static char model_path[] = "/tmp/ergon-synth-XXXXXX";
static char logits_path[] = "/tmp/ergon-synth-logits-XXXXXX";

static void make_file(char *path)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static int setup(void **state)
{
    static struct engine engine;
    make_file(model_path);
    make_file(logits_path);
    engine_start(&engine);
    *state = &engine;
    return 0;
}

static int teardown(void **state)
{
    unlink(model_path);
    unlink(logits_path);
    return engine_stop(*state);
}

static void synthesize(struct engine *engine, const char *type, int seed)
{
    struct seen seen;
    engine_send(engine,
                "{\"cmd\":\"synth\",\"out\":\"%s\",\"arch\":\"llama\",\"layers\":2,"
                "\"embedding\":256,\"heads\":8,\"kv_heads\":2,\"feed_forward\":512,"
                "\"vocab\":300,\"type\":\"%s\",\"seed\":%d}",
                model_path, type, seed);
    engine_collect(engine, &seen);
    if (!seen.answered) {
        fail_msg("synth: %s", seen.reason);
    }
    seen_deinit(&seen);
}

static void every_type_loads_and_runs(void **state)
{
    static const char *const types[] = {"f32", "f16", "q8_0", "q4_0", "q4_k"};
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        struct seen seen;
        synthesize(*state, types[i], 1);
        engine_load(*state, model_path);
        engine_run(*state, ",\"prompt\":\"in the on\",\"tokens\":4,\"ignore_eos\":true", &seen);
        assert_string_equal(seen.reason, "");
        /* the file was replaced under its name */
        assert_non_null(strstr(seen.begin, "\"warm\":false"));
        /* "in", " ", "t", "he", " ", "on" behind the BOS */
        assert_int_equal(seen.token_count, 7 + 4);
        assert_int_equal(seen.tokens[4].head.id, 256);
        assert_string_equal(seen.tokens[4].text, "he");
        seen_deinit(&seen);
    }
}

static void the_seed_decides_the_weights(void **state)
{
    char *bytes[3];
    size_t len[3];
    for (int i = 0; i < 3; i++) {
        synthesize(*state, "q8_0", i == 2 ? 6 : 5);
        assert_int_equal(erg_read_file(model_path, 64 << 20, &bytes[i], &len[i], NULL), 0);
    }
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(bytes[0], bytes[1], len[0]);
    assert_int_equal(len[0], len[2]);
    assert_int_not_equal(memcmp(bytes[0], bytes[2], len[0]), 0);
    for (int i = 0; i < 3; i++) {
        free(bytes[i]);
    }
}

static void chat_puts_the_prompt_into_the_template(void **state)
{
    struct seen seen;
    char joined[512] = "";
    synthesize(*state, "f16", 1);
    engine_load(*state, model_path);
    engine_run(*state, ",\"prompt\":\"moo\",\"chat\":true,\"tokens\":1", &seen);
    assert_string_equal(seen.reason, "");
    for (size_t i = 0; i < seen.token_count; i++) {
        if (seen.tokens[i].head.phase == ERG_PHASE_PREFILL) {
            strncat(joined, seen.tokens[i].text, sizeof(joined) - strlen(joined) - 1);
        }
    }
    assert_string_equal(joined, "<|im_start|>user\nmoo<|im_end|>\n<|im_start|>assistant\n");
    seen_deinit(&seen);
}

/* Logits of the sampled positions of a run; free(). Spans of profiled passes tile them. */
static char *logits_of(struct engine *engine, const char *how, size_t *out_bytes)
{
    struct seen seen;
    char members[256], *logits;
    snprintf(members, sizeof(members),
             ",\"prompt_tokens\":9,\"tokens\":3,\"ignore_eos\":true,\"dump_logits\":\"%s\",%s",
             logits_path, how);
    engine_run(engine, members, &seen);
    assert_string_equal(seen.reason, "");
    assert_int_equal(seen.pass_count, 4);
    for (size_t i = 0; i < seen.pass_count; i++) {
        const struct seen_pass *pass = &seen.passes[i];
        assert_int_equal(pass->head.flags & (ERG_PASS_GUESSED | ERG_PASS_MISMATCH), 0);
        if (pass->head.flags & ERG_PASS_TRACED) {
            assert_int_equal(seen_span_sum(pass), pass->head.t1_ns - pass->head.t0_ns);
        }
    }
    seen_deinit(&seen);
    assert_int_equal(erg_read_file(logits_path, 1 << 20, &logits, out_bytes, NULL), 0);
    assert_true(*out_bytes > 0);
    return logits;
}

/* Each mode computes what an unprofiled run with the same attention does, to the bit. */
static void check_modes(struct engine *engine)
{
    static const char *const runs[][3] = {
        {"\"mode\":\"minimal\",\"instrument\":\"none\",\"flash_attn\":\"on\"",
         "\"mode\":\"minimal\",\"flash_attn\":\"on\"",
         "\"mode\":\"standard\",\"flash_attn\":\"on\""},
        {"\"mode\":\"minimal\",\"instrument\":\"none\",\"flash_attn\":\"off\"",
         "\"mode\":\"standard\",\"flash_attn\":\"off\"",
         "\"mode\":\"deep\",\"flash_attn\":\"off\""},
    };
    for (size_t k = 0; k < sizeof(runs) / sizeof(*runs); k++) {
        size_t expected_bytes, bytes;
        char *expected = logits_of(engine, runs[k][0], &expected_bytes);
        for (size_t i = 1; i < 3; i++) {
            char *logits = logits_of(engine, runs[k][i], &bytes);
            assert_int_equal(bytes, expected_bytes);
            assert_memory_equal(logits, expected, bytes);
            free(logits);
        }
        free(expected);
    }
}

/*
 * Every preset in small: two layers, a narrow MLP, a vocabulary that is quick to make, its own
 * heads and norms. It loads from memory, runs in every mode, and says what it is.
 */
static void every_preset_loads_and_runs(void **state)
{
    for (size_t i = 0; erg_preset_at(i); i++) {
        const struct erg_preset *preset = erg_preset_at(i);
        const bool narrow = preset->shape.expert_feed_forward > 0;
        struct seen seen;
        char model[200], wanted[64];
        snprintf(model, sizeof(model), "synth:%s:q4_0:layers=2,vocab=300,context=64,%s=128",
                 preset->name, narrow ? "expert_feed_forward" : "feed_forward");
        engine_load(*state, model);
        engine_run(*state, ",\"prompt\":\"in the on\",\"tokens\":2,\"ignore_eos\":true", &seen);
        if (seen.reason[0] || seen.token_count != 7 + 2) {
            fail_msg("%s: %zu tokens, %s", model, seen.token_count, seen.reason);
        }
        snprintf(wanted, sizeof(wanted), "\"embedding_length\":%d,", preset->shape.embedding);
        assert_non_null(strstr(seen.begin, wanted));
        assert_non_null(strstr(seen.begin, "\"synthetic\":true"));
        assert_non_null(strstr(seen.begin, "\"warm\":false"));
        for (size_t p = 0; p < seen.pass_count; p++) {
            assert_int_equal(seen.passes[p].head.flags & (ERG_PASS_GUESSED | ERG_PASS_MISMATCH), 0);
        }
        seen_deinit(&seen);
        check_modes(*state);
    }
}

/* The same specification is not made again; the model in memory is the one in the file. */
static void a_specification_is_a_model(void **state)
{
    static const char spec[] = "synth:qwen3-0.6b:q8_0:layers=2,vocab=300,seed=3";
    static const char members[] = ",\"prompt\":\"on\",\"tokens\":8,\"ignore_eos\":true";
    struct seen memory, again, file;
    engine_load(*state, spec);
    engine_run(*state, members, &memory);
    engine_load(*state, spec);
    engine_run(*state, members, &again);
    engine_send(*state, "{\"cmd\":\"synth\",\"out\":\"%s\",\"model\":\"%s\"}", model_path, spec);
    engine_collect(*state, &file);
    assert_true(file.answered);
    seen_deinit(&file);
    engine_load(*state, model_path);
    engine_run(*state, members, &file);
    assert_non_null(strstr(memory.begin, "\"warm\":false"));
    assert_non_null(strstr(again.begin, "\"warm\":true"));
    assert_non_null(strstr(memory.begin, spec)); /* its path */
    assert_non_null(strstr(file.begin, "\"synthetic\":true"));
    assert_int_equal(memory.token_count, file.token_count);
    for (size_t i = 0; i < file.token_count; i++) {
        assert_int_equal(memory.tokens[i].head.id, file.tokens[i].head.id);
        assert_int_equal(memory.tokens[i].head.id, again.tokens[i].head.id);
    }
    seen_deinit(&memory);
    seen_deinit(&again);
    seen_deinit(&file);
}

/* Any text comes back as it went in, whatever its bytes. */
static void the_tokenizer_knows_every_byte(void **state)
{
    struct seen seen;
    char joined[512] = "";
    static const char text[] = "Zwölf Boxkämpfer 日本 🜁\\t\\n{}<|x|>he in";
    engine_load(*state, "synth:llama-3.2-1b:q4_0:layers=1,vocab=264,feed_forward=64");
    engine_send(*state, "{\"cmd\":\"run\",\"prompt\":\"%s\",\"tokens\":1}", text);
    engine_collect(*state, &seen);
    assert_string_equal(seen.reason, "");
    for (size_t i = 1; i < seen.token_count - 1; i++) {
        strncat(joined, seen.tokens[i].text, sizeof(joined) - strlen(joined) - 1);
    }
    assert_string_equal(joined, "Zwölf Boxkämpfer 日本 🜁\t\n{}<|x|>he in");
    seen_deinit(&seen);
}

/* Memory does not grow with the model: 1.2 G parameters go through two pools of 16 MiB. */
static void memory_is_bounded(void **state)
{
    struct engine fresh;
    struct seen seen;
    struct rusage usage;
    (void)state;
    engine_start(&fresh);
    engine_send(&fresh, "{\"cmd\":\"synth\",\"out\":\"%s\",\"model\":\"synth:llama-3.2-1b:q4_0\"}",
                model_path);
    engine_collect(&fresh, &seen);
    assert_true(seen.answered);
    seen_deinit(&seen);
    int status;
    close(fresh.fd);
    assert_int_equal(wait4(fresh.pid, &status, 0, &usage), fresh.pid);
    erg_reader_free(fresh.reader);
    struct stat info;
    assert_int_equal(stat(model_path, &info), 0);
    assert_true(info.st_size > 700 << 20);
    assert_true((int64_t)info.st_blocks * 512 >= info.st_size); /* not sparse */
    assert_in_range(usage.ru_maxrss, 1, MOST_KIB);
    assert_int_equal(truncate(model_path, 0), 0);
}

/* 33 M weights times 2048 tokens: no processor does that on one thread in a tenth of a second. */
static void a_long_pass_says_where_it_is_and_can_be_cancelled(void **state)
{
    static const char *const instruments[] = {"trace", "observe"};
    struct engine *engine = *state;
    struct seen seen;
    engine_send(engine,
                "{\"cmd\":\"synth\",\"out\":\"%s\",\"layers\":8,\"embedding\":512,"
                "\"heads\":8,\"feed_forward\":2048,\"vocab\":300,\"type\":\"q8_0\"}",
                model_path);
    engine_collect(engine, &seen);
    assert_true(seen.answered);
    engine_load(engine, model_path);
    for (int i = 0; i < 2; i++) {
        memset(&seen, 0, sizeof(seen));
        engine_send(engine,
                    "{\"cmd\":\"run\",\"prompt_tokens\":2048,\"ubatch\":2048,\"tokens\":1,"
                    "\"threads\":1,\"instrument\":\"%s\"}",
                    instruments[i]);
        engine_collect_progress(engine, &seen);
        assert_int_equal(seen.progress_count, 1);
        assert_int_equal(seen.progress.phase, ERG_PHASE_PREFILL);
        assert_in_range(seen.progress.layer + 1, 0, 8);
        assert_in_range(seen.progress.operation, 1, seen.progress.operations);
        assert_int_equal(seen.progress.tokens_total, 2048);
        engine_send(engine, "{\"cmd\":\"cancel\"}");
        engine_collect_tokens(engine, &seen, SIZE_MAX);
        assert_int_equal(seen.status, ERG_END_CANCELLED);
        assert_int_equal(seen.pass_count, 0); /* it was not finished */
        assert_int_equal(seen.section_count, 6);
        seen_deinit(&seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_loads_and_runs),
        cmocka_unit_test(the_seed_decides_the_weights),
        cmocka_unit_test(every_preset_loads_and_runs),
        cmocka_unit_test(a_specification_is_a_model),
        cmocka_unit_test(the_tokenizer_knows_every_byte),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(a_long_pass_says_where_it_is_and_can_be_cancelled),
        cmocka_unit_test(chat_puts_the_prompt_into_the_template),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
