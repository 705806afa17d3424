/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include "record/engine_process.h"

#include <stdio.h>

/* `ergon run` in standard mode on a small model of every architecture: each report is complete. */

static const struct {
    const char *name, *synth, *component; /* one that it must have */
} architectures[] = {
    {"llama", "\"arch\":\"llama\"", "down_proj"},
    {"mixtral", "\"arch\":\"llama\",\"experts\":4", "experts"},
    {"llama-fused", "\"arch\":\"llama-fused\"", "down_proj"},
    {"mistral", "\"arch\":\"mistral\",\"kv_heads\":1", "down_proj"},
    {"qwen2", "\"arch\":\"qwen2\"", "down_proj"},
    {"qwen2moe", "\"arch\":\"qwen2moe\",\"experts\":4", "shared_expert"},
    {"qwen3", "\"arch\":\"qwen3\"", "down_proj"},
    {"qwen3moe", "\"arch\":\"qwen3moe\",\"experts\":4", "experts"},
    {"phi2", "\"arch\":\"phi2\"", "down_proj"},
    {"phi3", "\"arch\":\"phi3\"", "gate_up_proj"},
    {"phimoe", "\"arch\":\"phimoe\",\"experts\":4", "experts"},
    {"gemma", "\"arch\":\"gemma\"", "down_proj"},
    {"gemma2", "\"arch\":\"gemma2\"", "post_ffw_norm"},
    {"gemma3", "\"arch\":\"gemma3\"", "post_ffw_norm"},
};
enum { LAYERS = 3, TOKENS = 4 };

static const char *model_path(size_t i)
{
    char name[40];
    snprintf(name, sizeof name, "%s.gguf", architectures[i].name);
    return in_folder(name);
}

static void make_model(struct erg_engine *engine, size_t i)
{
    char command[600];
    struct erg_event event;
    bool made = false;
    snprintf(command, sizeof command,
             "{\"cmd\":\"synth\",\"out\":\"%s\",\"layers\":%d,\"embedding\":128,"
             "\"feed_forward\":256,\"vocab\":300,\"type\":\"q8_0\",%s}",
             model_path(i), LAYERS, architectures[i].synth);
    assert_int_equal(erg_engine_send(engine, command, NULL), 0);
    while (!made && erg_engine_wait(engine, 1000, NULL) == 0) {
        while (erg_engine_next(engine, &event, NULL) == 1) {
            if (event.type == ERG_REC_RUN_END)
                fail_msg("%s: %.*s", architectures[i].name, (int)event.text.len, event.text.bytes);
            made |= event.type == ERG_REC_LOG && event.text.len == strlen("synthesised") &&
                    memcmp(event.text.bytes, "synthesised", event.text.len) == 0;
        }
    }
    assert_true(made);
}

/* The report has its tables, and the engine knew every operation. */
static void check_report(size_t i)
{
    struct output output =
        ergon("run", "-m", model_path(i), "--prompt-tokens", "6", "-n", "4", "--ignore-eos", "-t",
              "1", "--power", "synthetic:cpu=20W", "--idle-seconds", "0", "--mode", "standard");
    static const char *const said[] = {"complete",       "standard mode", "Where the energy went",
                                       "between phases", "all of decode", "all of prefill"};
    static const char *const doubts[] = {"guessed", "is not known", "do not match"};
    if (output.status)
        fail_msg("%s: status %d: %s", architectures[i].name, output.status, output.err);
    for (size_t k = 0; k < ERG_COUNT(said); k++) {
        if (!strstr(output.out, said[k]))
            fail_msg("%s: no '%s' in\n%s", architectures[i].name, said[k], output.out);
    }
    for (size_t k = 0; k < ERG_COUNT(doubts); k++) {
        if (strstr(output.out, doubts[k]) || strstr(output.err, doubts[k]))
            fail_msg("%s: %s%s", architectures[i].name, output.err, output.out);
    }
    free_output(&output);
}

static void test_every_architecture_is_reported(void **state)
{
    (void)state;
    struct erg_engine engine;
    assert_int_equal(erg_engine_start(&engine, ENGINE, NULL), 0);
    for (size_t i = 0; i < ERG_COUNT(architectures); i++)
        make_model(&engine, i);
    erg_engine_stop(&engine, 1000);
    for (size_t i = 0; i < ERG_COUNT(architectures); i++)
        check_report(i);
}

/* All that the runs before have left: no pass without its operations, none put by a guess. */
static void test_every_layer_is_stored(void **state)
{
    (void)state;
    sqlite3 *db = open_store("test.db");
    int64_t models = (int64_t)ERG_COUNT(architectures);
    assert_int_equal(query_int(db, "SELECT count(*) FROM profiling_runs WHERE status='complete'"),
                     models);
    assert_int_equal(query_int(db, "SELECT count(*) FROM passes"), models * (1 + TOKENS));
    char query[256];
    snprintf(query, sizeof query, "SELECT count(*) FROM passes WHERE flags & %d",
             ERG_PASS_GUESSED | ERG_PASS_MISMATCH);
    assert_int_equal(query_int(db, query), 0);
    for (size_t i = 0; i < ERG_COUNT(architectures); i++) {
        snprintf(query, sizeof query,
                 "SELECT count(DISTINCT token_id) FROM component_metrics c JOIN profiling_runs r "
                 "ON r.id=c.run_id WHERE model_name='%s' AND component_name='%s'",
                 architectures[i].name, architectures[i].component);
        assert_true(query_int(db, query) >= TOKENS);
    }
    assert_int_equal(query_int(db, "SELECT count(*) FROM layer_metrics l JOIN tokens t ON "
                                   "t.id=l.token_id WHERE t.phase='decode' AND layer_index >= 0"),
                     models * TOKENS * LAYERS);
    assert_int_equal(
        query_int(db, "SELECT count(*) FROM component_metrics WHERE (activation_mean IS NULL) <> "
                      "(component_name IN ('kv_append','output_select','graph_prepare','output',"
                      "'sampling','profiler','unattributed'))"),
        0);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_architecture_is_reported),
        cmocka_unit_test(test_every_layer_is_stored),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
