/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include "record/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A recording is the run: imported it gives the same rows, damaged it gives a shorter run or an
 * error, never anything else. */

static char *recording;
static size_t recording_len;

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void read_recording(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    free(recording);
    recording = malloc(1 << 24);
    recording_len = fread(recording, 1, 1 << 24, file);
    fclose(file);
    assert_true(recording_len > 1000 && recording_len < 1 << 24);
}

static void assert_same_table(sqlite3 *a, sqlite3 *b, const char *sql)
{
    char *rows_a = query_text(a, sql), *rows_b = query_text(b, sql);
    assert_string_equal(rows_a, rows_b);
    assert_true(strlen(rows_a) > 0);
    free(rows_a);
    free(rows_b);
}

static void check_same_rows(const char *power)
{
    static const char *const queries[] = {
        "SELECT run_id, phase, section_name, start_ns, end_ns, duration_ns, energy_nj, cpu_nj, "
        "gpu_nj, grade FROM pipeline_sections ORDER BY phase_code, section_name",
        "SELECT run_id, pass_index, phase, position, n_tokens, flags, start_ns, end_ns, energy_nj, "
        "cpu_nj, gpu_nj, grade, n_spans, hex(spans) FROM passes ORDER BY pass_index",
        "SELECT run_id, token_index, position, token, text, phase, start_ns, duration_ns, "
        "energy_nj, cpu_nj, gpu_nj, grade FROM tokens ORDER BY token_index",
        "SELECT token_id, layer_index, component_name, time_ms, energy_nj FROM component_metrics "
        "ORDER BY 1, 2, 3",
        "SELECT t_ns, phase, cpu_power_mw, gpu_power_mw, total_power_mw FROM power_samples ORDER "
        "BY t_ns",
        "SELECT t_ns, engine_cpu_ratio, others_cpu_ratio, engine_rss_bytes FROM host_samples ORDER "
        "BY t_ns",
        "SELECT id, prompt, response, model_name, model_path, created_at, created_at_utc, status, "
        "failure, mode, tags, experiment_name, duration_ns, energy_nj, input_tokens, "
        "output_tokens, tokens_per_second, joules_per_token, summary_json FROM profiling_runs",
    };
    remove(in_folder("test.db"));
    remove(in_folder("other.db"));
    json_t *run = ergon_json("run", "-m", TALES, "-p", "Once upon a time", "-n", "30", "--power",
                             power, "--power-interval", "4", "--idle-seconds", "0.05", "--tag",
                             "a b", "--experiment", "x", "--record", in_folder("run.erg"));
    json_decref(run);
    struct output output = ergon("--db", in_folder("other.db"), "import", in_folder("run.erg"));
    assert_int_equal(output.status, 0);
    free_output(&output);
    sqlite3 *a = open_store("test.db"), *b = open_store("other.db");
    for (size_t i = 0; i < ERG_COUNT(queries); i++)
        assert_same_table(a, b, queries[i]);
    sqlite3_close(a);
    sqlite3_close(b);
}

static void test_import_gives_the_same_rows(void **state)
{
    (void)state;
    check_same_rows("synthetic:cpu=20W,gpu=square(3W,70W,7ms)");
    check_same_rows("estimate");
    check_same_rows("synthetic:cpu=20W,drop=0.2,stale=2");
}

/* What the machine was like comes with the recording, not from the machine that imports it. */
static void test_conditions_are_recorded(void **state)
{
    (void)state;
    remove(in_folder("other.db"));
    json_t *run =
        ergon_json("run", "-m", TALES, "-p", "Once", "-n", "2", "--power", "none", "--no-save",
                   "--sysroot", "record/roots/laptop", "--record", in_folder("laptop.erg"));
    const json_t *conditions = json_object_get(run, "conditions");
    assert_string_equal(json_string_value(json_object_get(conditions, "governor")), "powersave");
    assert_true(number_at(json_object_get(conditions, "clocks"), "current_mhz") == 2600);
    assert_true(number_at(conditions, "throttling") == 0);
    assert_true(json_is_true(json_object_get(conditions, "on_battery")));
    assert_true(json_is_string(json_object_get(conditions, "ggml_variant")));
    assert_int_equal(json_array_size(json_object_get(conditions, "warnings")), 2);
    const json_t *provenance = json_object_get(run, "provenance");
    assert_true(number_at(provenance, "model_file_bytes") > 100000);
    assert_memory_equal(json_string_value(json_object_get(provenance, "model_metadata_hash")),
                        "fnv1a64:", 8);
    struct output output = ergon("--db", in_folder("other.db"), "import", in_folder("laptop.erg"));
    assert_int_equal(output.status, 0);
    free_output(&output);
    json_t *imported = ergon_json("--db", in_folder("other.db"), "show", "last");
    assert_true(json_equal(conditions, json_object_get(imported, "conditions")));
    assert_true(json_equal(provenance, json_object_get(imported, "provenance")));
    json_decref(run);
    json_decref(imported);
}

static void test_import_twice(void **state)
{
    (void)state;
    struct output output = ergon("import", in_folder("run.erg"));
    assert_one_line_error(&output, 4, "in the store already");
    free_output(&output);
}

/*
 * Parse damaged bytes; what must hold of any outcome. The file is in memory: rewriting one on disk
 * tens of thousands of times is slow.
 */
static void import_bytes(const char *bytes, size_t len, int64_t most_tokens)
{
    char path[64];
    struct erg_run_result result;
    struct erg_err err = {0};
    bool torn = false;
    int fd = memfd_create("damaged.erg", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int rc = erg_import(path, NULL, &result, &torn, &err);
    close(fd);
    if (rc) {
        assert_true(rc == ERG_CORRUPT || rc == ERG_UNSUPPORTED);
        assert_true(err.text[0] != '\0' && !strchr(err.text, '\n'));
        return;
    }
    json_t *summary = json_loads(result.summary_json, 0, NULL);
    assert_non_null(summary);
    assert_true((int64_t)number_at(summary, "output_tokens") <= most_tokens);
    if (torn)
        assert_string_equal(result.status, "interrupted");
    json_decref(summary);
    erg_run_result_deinit(&result);
}

static void make_small_recording(void)
{
    json_t *run = ergon_json("run", "-m", TALES, "-p", "Once", "-n", "3", "--power",
                             "synthetic:cpu=20W", "--no-save", "--record", in_folder("small.erg"));
    json_decref(run);
    read_recording(in_folder("small.erg"));
}

static void test_torn_at_every_byte(void **state)
{
    (void)state;
    make_small_recording();
    print_message("%zu bytes\n", recording_len);
    for (size_t len = 0; len < recording_len; len++)
        import_bytes(recording, len, 3);
}

static void test_damaged_at_every_byte(void **state)
{
    (void)state;
    make_small_recording();
    for (size_t at = 0; at < recording_len; at++) {
        char kept = recording[at];
        recording[at] ^= (char)(1 << at % 8);
        import_bytes(recording, recording_len, 3);
        recording[at] = kept;
    }
}

/* A recording cut in the middle gives a stored, interrupted run and exit status 5. */
static void test_torn_recording_from_the_command_line(void **state)
{
    (void)state;
    remove(in_folder("other.db"));
    read_recording(in_folder("run.erg"));
    write_file(in_folder("torn.erg"), recording, recording_len * 2 / 3);
    struct output output = ergon("--db", in_folder("other.db"), "import", in_folder("torn.erg"));
    assert_int_equal(output.status, 5);
    free_output(&output);
    sqlite3 *db = open_store("other.db");
    assert_int_equal(
        query_int(db, "SELECT count(*) FROM profiling_runs WHERE status='interrupted'"), 1);
    int64_t tokens = query_int(db, "SELECT count(*) FROM tokens WHERE phase='decode'");
    assert_true(tokens > 0 && tokens < 30);
    sqlite3_close(db);
}

static void test_not_a_recording(void **state)
{
    (void)state;
    struct output output = ergon("import", TALES);
    assert_one_line_error(&output, 4, "tales");
    free_output(&output);
    output = ergon("import", in_folder("no-such.erg"));
    assert_one_line_error(&output, 4, "no such file");
    free_output(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_import_gives_the_same_rows),
        cmocka_unit_test(test_conditions_are_recorded),
        cmocka_unit_test(test_import_twice),
        cmocka_unit_test(test_torn_recording_from_the_command_line),
        cmocka_unit_test(test_not_a_recording),
        cmocka_unit_test(test_torn_at_every_byte),
        cmocka_unit_test(test_damaged_at_every_byte),
    };
    int failed = cmocka_run_group_tests(tests, make_folder, remove_folder);
    free(recording);
    return failed;
}
