/* SPDX-License-Identifier: MIT */
#include "engine/engine_client.h"

#include "test.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Amplification: what is repeated is what the model computes, and leaves no trace. */

#define TALES "../models/tales-q8_0.gguf"

/* The next info line that is a JSON object, or NULL when the engine reports a failure. */
static json_t *next_answer(struct engine *engine, char *out_reason, size_t room)
{
    struct erg_event event;
    struct erg_err err;
    char bytes[65536];
    for (;;) {
        int status = erg_reader_next(engine->reader, &event, &err);
        assert_true(status >= 0);
        if (status == 1 && event.type == ERG_REC_RUN_END) {
            snprintf(out_reason, room, "%.*s", (int)event.text.len, event.text.bytes);
            return NULL;
        }
        if (status == 1 && event.type == ERG_REC_LOG && event.level_or_status == ERG_LOG_INFO) {
            json_t *json = json_loadb(event.text.bytes, event.text.len, 0, NULL);
            if (json)
                return json;
            snprintf(out_reason, room, "%.*s", (int)event.text.len, event.text.bytes);
            if (strcmp(out_reason, "calibrated") == 0)
                return NULL;
        }
        if (status == 1)
            continue;
        struct pollfd ready = {.fd = engine->fd, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, 120 * 1000), 1);
        ssize_t got = recv(engine->fd, bytes, sizeof bytes, 0);
        assert_true(got > 0);
        assert_int_equal(erg_reader_feed(engine->reader, bytes, (size_t)got, &err), 0);
    }
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Repeat every operation once; each must give what the graph gave, to the bit. */
static void check_model(const char *path, size_t least)
{
    struct engine engine;
    char reason[512] = "";
    engine_start(&engine);
    engine_load(&engine, path);
    engine_send(&engine, "{\"cmd\":\"calibrate\",\"threads\":1,\"prompt_tokens\":16}");
    json_t *list = next_answer(&engine, reason, sizeof reason);
    if (!list)
        fail_msg("%s: %s", path, reason);
    const json_t *operations = json_object_get(list, "operations");
    size_t count = json_array_size(operations), i;
    json_t *operation;
    assert_true(count >= least);
    json_array_foreach(operations, i, operation)
    {
        engine_send(&engine,
                    "{\"cmd\":\"block\",\"operation\":%zu,\"duration_ms\":1,\"check\":true}", i);
        json_t *answer = next_answer(&engine, reason, sizeof reason);
        const json_t *block = json_object_get(answer, "block");
        if (!block || json_integer_value(json_object_get(block, "differing")) != 0)
            print_error("%s %s %s\n", text_at(operation, "phase"), text_at(operation, "component"),
                        text_at(operation, "operation"));
        assert_non_null(block);
        assert_int_equal(json_integer_value(json_object_get(block, "operation")), i);
        assert_int_equal(json_integer_value(json_object_get(block, "differing")), 0);
        assert_true(json_integer_value(json_object_get(block, "repetitions")) >= 1);
        assert_true(json_integer_value(json_object_get(block, "t1_ns")) -
                        json_integer_value(json_object_get(block, "t0_ns")) >=
                    1000000);
        json_decref(answer);
    }
    engine_send(&engine, "{\"cmd\":\"end\"}");
    assert_null(next_answer(&engine, reason, sizeof reason));
    assert_string_equal(reason, "calibrated");
    json_decref(list);
    assert_int_equal(engine_stop(&engine), 0);
}

static void repetitions_compute_what_the_model_does(void **state)
{
    (void)state;
    check_model(TALES, 30);
}

static void experts_and_fused_weights_are_repeated_as_well(void **state)
{
    (void)state;
    static const char *const archs[] = {"llama", "qwen3moe", "phi3", "gemma2"};
    for (size_t i = 0; i < ERG_COUNT(archs); i++) {
        char path[] = "/tmp/ergon-calibrate-XXXXXX";
        struct engine engine;
        struct seen seen;
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        engine_start(&engine);
        engine_send(&engine, "{\"cmd\":\"synth\",\"out\":\"%s\",\"arch\":\"%s\",\"layers\":2%s}",
                    path, archs[i], i < 2 ? ",\"experts\":4,\"experts_used\":2" : "");
        engine_collect(&engine, &seen);
        if (!seen.answered)
            print_message("%s: %s\n", archs[i], seen.reason);
        assert_true(seen.answered);
        seen_deinit(&seen);
        assert_int_equal(engine_stop(&engine), 0);
        check_model(path, 30);
        unlink(path);
    }
}

/* The cost of an operation: a layer's matrix and its vectors, once per layer. */
static void costs_are_those_of_all_layers(void **state)
{
    (void)state;
    struct engine engine;
    char reason[512] = "";
    int seen = 0;
    engine_start(&engine);
    engine_load(&engine, TALES);
    engine_send(&engine, "{\"cmd\":\"calibrate\",\"threads\":1,\"prompt_tokens\":16}");
    json_t *list = next_answer(&engine, reason, sizeof reason);
    size_t i;
    json_t *operation;
    json_array_foreach(json_object_get(list, "operations"), i, operation)
    {
        bool prefill = strcmp(text_at(operation, "phase"), "prefill") == 0;
        double n = prefill ? 16 : 1;
        if (strcmp(text_at(operation, "component"), "q_proj") != 0)
            continue;
        seen++; /* 6 layers, 192 × 192 at 34 bytes in 32 weights */
        double flops = 6 * 2 * 192.0 * 192 * n, bytes = 6 * (192.0 * 192 / 32 * 34 + 2 * 768 * n);
        assert_true(json_number_value(json_object_get(operation, "flops")) == flops);
        assert_true(json_number_value(json_object_get(operation, "bytes")) == bytes);
        assert_int_equal(json_integer_value(json_object_get(operation, "nodes")), 6);
    }
    assert_int_equal(seen, 2);
    json_decref(list);
    assert_int_equal(engine_stop(&engine), 0); /* in the midst of it */
}

static void the_model_is_as_before(void **state)
{
    (void)state;
    struct engine engine;
    struct seen before, after;
    char reason[512] = "";
    const char *run = ",\"prompt\":\"Once upon a time\",\"tokens\":20";
    engine_start(&engine);
    engine_load(&engine, TALES);
    engine_run(&engine, run, &before);
    engine_send(&engine, "{\"cmd\":\"calibrate\",\"threads\":1}");
    json_t *list = next_answer(&engine, reason, sizeof reason);
    assert_non_null(list);
    json_decref(list);
    for (int i = 0; i < 40; i += 3) {
        engine_send(&engine, "{\"cmd\":\"block\",\"operation\":%d,\"duration_ms\":1}", i);
        json_decref(next_answer(&engine, reason, sizeof reason));
    }
    engine_send(&engine, "{\"cmd\":\"end\"}");
    assert_null(next_answer(&engine, reason, sizeof reason));
    engine_run(&engine, run, &after);
    assert_string_equal(before.text, after.text);
    assert_true(strlen(before.text) > 10);
    seen_deinit(&before);
    seen_deinit(&after);
    assert_int_equal(engine_stop(&engine), 0);
}

static void wrong_commands_end_it_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *command, *says;
    } cases[] = {
        {"{\"cmd\":\"block\",\"operation\":4000}", "'operation' must be"},
        {"{\"cmd\":\"block\"}", "'operation' must be given"},
        {"{\"cmd\":\"block\",\"operation\":0,\"duration_ms\":0}", "'duration_ms' must be"},
        {"{\"cmd\":\"run\",\"prompt\":\"x\"}", "while calibrating"},
        {"{\"cmd\":\"cancel\"}", "cancelled"},
    };
    struct engine engine;
    struct seen seen;
    char reason[512] = "";
    engine_start(&engine);
    engine_send(&engine, "{\"cmd\":\"calibrate\"}");
    assert_null(next_answer(&engine, reason, sizeof reason));
    assert_string_equal(reason, "no model is loaded");
    engine_load(&engine, TALES);
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        engine_send(&engine, "{\"cmd\":\"calibrate\",\"threads\":1}");
        json_t *list = next_answer(&engine, reason, sizeof reason);
        assert_non_null(list);
        json_decref(list);
        engine_send(&engine, "%s", cases[i].command);
        assert_null(next_answer(&engine, reason, sizeof reason));
        if (!strstr(reason, cases[i].says))
            print_error("%s: %s\n", cases[i].command, reason);
        assert_non_null(strstr(reason, cases[i].says));
    }
    engine_send(&engine, "{\"cmd\":\"calibrate\",\"threads\":-1}");
    assert_null(next_answer(&engine, reason, sizeof reason));
    engine_run(&engine, ",\"prompt\":\"Once\",\"tokens\":2", &seen); /* it still works */
    assert_int_equal(seen.token_count > 2, 1);
    seen_deinit(&seen);
    assert_int_equal(engine_stop(&engine), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repetitions_compute_what_the_model_does),
        cmocka_unit_test(experts_and_fused_weights_are_repeated_as_well),
        cmocka_unit_test(costs_are_those_of_all_layers),
        cmocka_unit_test(the_model_is_as_before),
        cmocka_unit_test(wrong_commands_end_it_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
