/* SPDX-License-Identifier: MIT */
/* The numbers: measuring must not change them, and they must be those of the model. */
#include "engine/engine_client.h"

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

enum { VOCABULARY = 946 };

static char dump_path[] = "/tmp/ergon-logits-XXXXXX";

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(dump_path);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(dump_path);
}

static size_t read_floats(const char *path, float **out)
{
    char *bytes;
    size_t len;
    struct erg_err err;
    if (erg_read_file(path, 64 << 20, &bytes, &len, &err) != 0) {
        fail_msg("%s", err.text);
    }
    *out = (float *)(void *)bytes;
    return len / sizeof(float);
}

/* Text and logits of a run with this instrument. */
static size_t run_with(struct engine *engine, const char *instrument, const char *members,
                       struct seen *seen, float **out_logits)
{
    char all[1024];
    snprintf(all, sizeof(all), ",\"instrument\":\"%s\",\"dump_logits\":\"%s\"%s", instrument,
             dump_path, members);
    engine_run(engine, all, seen);
    assert_string_equal(seen->reason, "");
    return read_floats(dump_path, out_logits);
}

static void instruments_change_no_bit(void **state)
{
    static const char *const modes[] = {",\"mode\":\"standard\",\"threads\":1",
                                        ",\"mode\":\"standard\",\"threads\":2",
                                        ",\"mode\":\"deep\",\"threads\":2",
                                        ",\"mode\":\"deep\",\"flash_attn\":\"off\",\"threads\":1"};
    struct engine engine;
    (void)state;
    engine_start(&engine);
    engine_load(&engine, "../models/tales-f16.gguf");
    for (size_t m = 0; m < sizeof(modes) / sizeof(*modes); m++) {
        struct seen bare, seen;
        float *expected, *logits;
        char members[256];
        snprintf(members, sizeof(members),
                 ",\"prompt\":\"One day Tom went to the park\",\"tokens\":20%s", modes[m]);
        size_t count = run_with(&engine, "none", members, &bare, &expected);
        assert_int_equal(count, 21 * VOCABULARY);
        static const char *const instruments[] = {"trace", "observe"};
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(run_with(&engine, instruments[i], members, &seen, &logits), count);
            assert_string_equal(seen.text, bare.text);
            assert_memory_equal(logits, expected, count * sizeof(float));
            assert_int_equal(seen.token_count, bare.token_count);
            seen_deinit(&seen);
            free(logits);
        }
        seen_deinit(&bare);
        free(expected);
    }
    assert_int_equal(engine_stop(&engine), 0);
}

static int argmax(const float *row)
{
    int best = 0;
    for (int i = 1; i < VOCABULARY; i++) {
        best = row[i] > row[best] ? i : best;
    }
    return best;
}

static void check_prompt(struct engine *engine, const json_t *prompt, const float *reference)
{
    char members[512];
    struct seen seen;
    float *logits;
    json_t *text = json_object_get(prompt, "text");
    char *quoted = json_dumps(text, JSON_ENCODE_ANY);
    snprintf(members, sizeof(members),
             ",\"prompt\":%s,\"tokens\":0,\"dump_all\":true,\"flash_attn\":\"off\","
             "\"cache_type_k\":\"f32\",\"cache_type_v\":\"f32\"",
             quoted);
    free(quoted);
    size_t count = run_with(engine, "trace", members, &seen, &logits);
    const json_t *ids = json_object_get(prompt, "ids");
    const json_t *best = json_object_get(prompt, "argmax");
    assert_int_equal(seen.token_count, json_array_size(ids));
    assert_int_equal(count, json_array_size(ids) * VOCABULARY);
    for (size_t i = 0; i < seen.token_count; i++) {
        assert_int_equal(seen.tokens[i].head.id, json_integer_value(json_array_get(ids, i)));
        assert_int_equal(argmax(logits + i * VOCABULARY),
                         json_integer_value(json_array_get(best, i)));
    }
    for (size_t i = 0; reference && i < count; i++) {
        if (!(fabsf(logits[i] - reference[i]) < 1e-4f)) {
            fail_msg("logit %zu is %g, not %g", i, logits[i], reference[i]);
        }
    }
    seen_deinit(&seen);
    free(logits);
}

static void logits_agree_with_the_reference(void **state)
{
    struct engine engine;
    float *reference;
    json_t *prompts = json_load_file("engine/data/tales.json", 0, NULL);
    (void)state;
    assert_non_null(prompts);
    assert_int_equal(read_floats("engine/data/tales-logits-0.f32", &reference), 13 * VOCABULARY);
    engine_start(&engine);
    engine_load(&engine, "../models/tales-f32.gguf");
    for (size_t i = 0; i < json_array_size(prompts); i++) {
        check_prompt(&engine, json_array_get(prompts, i), i == 0 ? reference : NULL);
    }
    assert_int_equal(engine_stop(&engine), 0);
    free(reference);
    json_decref(prompts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instruments_change_no_bit),
        cmocka_unit_test(logits_agree_with_the_reference),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
