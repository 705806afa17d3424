/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include "record/engine_process.h"

#include <stdio.h>

/*
 * On a model whose tokens take long enough that the edges of a pass do not count (about 20 ms and
 * more), the operations cover at least 97 % of the median pass. The model has random weights: how
 * long an operation takes does not depend on them.
 */

static void make_model(const char *path)
{
    char command[600];
    struct erg_engine engine;
    struct erg_event event;
    bool made = false;
    snprintf(command, sizeof command,
             "{\"cmd\":\"synth\",\"out\":\"%s\",\"arch\":\"llama\",\"layers\":22,"
             "\"embedding\":2048,\"heads\":32,\"kv_heads\":4,\"feed_forward\":5632,"
             "\"vocab\":32000,\"type\":\"q4_0\",\"seed\":1}",
             path);
    assert_int_equal(erg_engine_start(&engine, ENGINE, NULL), 0);
    assert_int_equal(erg_engine_send(&engine, command, NULL), 0);
    while (!made && erg_engine_wait(&engine, 1000, NULL) == 0) {
        while (erg_engine_next(&engine, &event, NULL) == 1) {
            made |= event.type == ERG_REC_LOG && event.text.len == strlen("synthesised") &&
                    memcmp(event.text.bytes, "synthesised", event.text.len) == 0;
        }
    }
    erg_engine_stop(&engine, 1000);
    assert_true(made);
}

static void test_operations_cover_passes(void **state)
{
    (void)state;
    const char *model = in_folder("large.gguf");
    make_model(model);
    json_t *run = ergon_json("run", "-m", model, "--prompt-tokens", "4", "-n", "24", "-t", "1",
                             "--power", "none", "--mode", "minimal");
    sqlite3 *db = open_store("test.db");
    int64_t median = query_int(
        db, "WITH shares AS (SELECT sum(CASE WHEN component_name NOT IN ('graph_prepare','output',"
            "'profiler','unattributed','sampling') THEN time_ms END) / sum(time_ms) AS share FROM "
            "component_metrics c JOIN tokens t ON t.id=c.token_id WHERE t.phase='decode' GROUP BY "
            "token_id) SELECT CAST(1e4 * share AS INTEGER) FROM shares ORDER BY share LIMIT 1 "
            "OFFSET (SELECT count(*)/2 FROM shares)");
    print_message("operations cover %.2f %% of the median pass, at %.1f ms per token\n",
                  (double)median / 100, 1000 / number_at(run, "tokens_per_second"));
    assert_true(median >= 9700);
    sqlite3_close(db);
    json_decref(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations_cover_passes),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
