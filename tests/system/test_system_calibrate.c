/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include "record/calibrate.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What calibrating and splitting by its result look like from outside. */

static void assert_close(double actual, double expected, double slack)
{
    if (!(fabs(actual - expected) <= slack))
        print_error("%.9g is not %.9g\n", actual, expected);
    assert_true(fabs(actual - expected) <= slack);
}

static double value_of(const json_t *object, const char *key)
{
    return number_at(json_object_get(object, key), "value");
}

/* 20 W whatever happens: a repetition costs 20 W × its time, and nothing beyond being idle. */
static void constant_power_costs_time_only(void **state)
{
    (void)state;
    json_t *report = ergon_json("calibrate", "-m", TALES, "--power", "synthetic:cpu=15W,dram=5W",
                                "--component", "up_proj", "--max-seconds", "20", "-t", "1");
    assert_string_equal(json_string_value(json_object_get(report, "status")), "complete");
    assert_string_equal(json_string_value(json_object_get(report, "sources")), "synthetic");
    assert_close(value_of(report, "idle_power_w"), 20, 0.1);
    const json_t *operations = json_object_get(report, "operations");
    assert_int_equal(json_array_size(operations), 2); /* prefill and decode */
    size_t i;
    json_t *operation;
    json_array_foreach(operations, i, operation)
    {
        double us = value_of(operation, "time_us");
        assert_string_equal(json_string_value(json_object_get(operation, "operation")), "matmul");
        assert_close(number_at(operation, "gross_nj"), 20 * us * 1e3, 20 * us * 1e3 * 0.005);
        assert_close(value_of(operation, "net_power_w"), 0, 0.01);
        assert_close(value_of(operation, "net_nj"), 0, 20 * us * 1e3 * 0.001);
        assert_int_equal(json_integer_value(json_object_get(operation, "nodes")), 6);
        assert_true(json_is_true(json_object_get(operation, "converged")));
        assert_true(number_at(operation, "blocks") >= 3);
    }
    const json_t *activity = json_object_get(report, "activity");
    assert_close(value_of(activity, "static_w"), 20, 0.1);
    assert_close(value_of(activity, "pj_per_flop"), 0, 1e-3);
    assert_true(json_is_false(json_object_get(report, "is_default")));
    json_decref(report);

    json_t *list = ergon_json("calibrate", "--list");
    assert_true(json_array_size(list) >= 1);
    assert_close(value_of(json_array_get(list, 0), "idle_power_w"), 20, 0.1);
    json_decref(list);
}

/* A power model of CPU time is no sensor: it works, and says so. */
static void an_estimate_is_called_circular(void **state)
{
    (void)state;
    struct output output = ergon("calibrate", "-m", TALES, "--power", "estimate", "--operation",
                                 "lm_head/matmul", "--max-seconds", "1", "--no-save");
    assert_int_equal(output.status, 0);
    assert_non_null(strstr(output.out, "circular"));
    assert_non_null(strstr(output.out, "Default  time"));
    free_output(&output);
}

static void wrong_wishes_are_refused(void **state)
{
    (void)state;
    struct output output = ergon("calibrate", "-m", TALES, "--power", "none");
    assert_one_line_error(&output, 3, "no power source");
    free_output(&output);
    output =
        ergon("calibrate", "-m", TALES, "--power", "synthetic:cpu=1W", "--operation", "matmull");
    assert_one_line_error(&output, 2, "did you mean 'matmul'?");
    free_output(&output);
    output =
        ergon("calibrate", "-m", TALES, "--power", "synthetic:cpu=1W", "--component", "upproj");
    assert_one_line_error(&output, 2, "did you mean 'up_proj'?");
    free_output(&output);
    output = ergon("calibrate", "-m", TALES, "--power", "synthetic:cpu=1W", "--component",
                   "up_proj", "--operation", "softmax");
    assert_one_line_error(&output, 2, "no operation 'softmax'");
    free_output(&output);
    output = ergon("calibrate", "-m", "../models/README.md", "--power", "synthetic:cpu=1W");
    assert_one_line_error(&output, 4, "README.md");
    free_output(&output);
}

/* Polled, with readings that are lost: less certain, but no other figures. None at all is the end.
 */
static void lost_readings_are_survived(void **state)
{
    (void)state;
    json_t *report = ergon_json("calibrate", "-m", TALES, "--power", "synthetic:cpu=20W,drop=0.1",
                                "--operation", "lm_head/matmul", "--max-seconds", "4", "-t", "1");
    assert_close(value_of(report, "idle_power_w"), 20, 1);
    assert_true(number_at(report, "blocks") >= 1);
    json_decref(report);
    struct output output =
        ergon("calibrate", "-m", TALES, "--power", "synthetic:cpu=20W,drop=1", "-t", "1");
    assert_one_line_error(&output, 4, "give no readings");
    free_output(&output);
}

/* --- engines that misbehave ------------------------------------------------------------------- */

static void write_script(const char *text)
{
    FILE *file = fopen(in_folder("script"), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    setenv("ERGON_FAKE_SCRIPT", in_folder("script"), 1);
}

#define ONE_OPERATION                                                                              \
    "log info {\"operations\":[{\"phase\":\"decode\",\"component\":\"q_proj\","                    \
    "\"operation\":\"matmul\",\"nodes\":1,\"flops\":1,\"bytes\":1}]}\n"

static void engines_that_misbehave_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        int status;
        const char *says;
    } cases[] = {
        {"crash SIGSEGV\n", 5, "killed by signal 11"},
        {ONE_OPERATION "exit 7\n", 5, "exit status 7"},
        {"log info {\"operations\":[]}\n", 4, "damaged"},
        {"log info {\"operations\":[{\"phase\":\"noon\"}]}\n", 4, "damaged"},
        {"run_end failed \"no such thing\"\n", 4, "no such thing"},
        {"garbage 100\nstall\n", 4, "stream"},
    };
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        write_script(cases[i].script);
        struct output output = ergon("calibrate", "-m", TALES, "--power", "synthetic:cpu=1W",
                                     "--engine", ERGON_FAKE_ENGINE);
        if (output.status != cases[i].status || !strstr(output.err, cases[i].says))
            print_error("case %zu: %d, %s", i, output.status, output.err);
        assert_int_equal(output.status, cases[i].status);
        assert_non_null(strstr(output.err, cases[i].says));
        assert_string_equal(output.out, "");
        free_output(&output);
    }
}

/* The engine is this process's only child. */
static pid_t engine_pid(void)
{
    char path[80];
    long pid = 0;
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pid), 1);
    fclose(file);
    return (pid_t)pid;
}

struct watch {
    size_t started;
    bool kill;
};

/* When the third operation begins, two are complete. */
static void on_progress(void *user, size_t done, size_t total,
                        const struct erg_calibrate_operation *now)
{
    struct watch *watch = user;
    (void)total;
    (void)now;
    watch->started = done + 1;
    if (watch->kill && watch->started == 3)
        kill(engine_pid(), SIGKILL);
}

static bool on_cancelled(void *user)
{
    const struct watch *watch = user;
    return !watch->kill && watch->started == 3;
}

static void break_off(bool by_killing, struct erg_calibrate_result *out)
{
    struct watch watch = {.kill = by_killing};
    struct erg_root root = {.prefix = ""};
    const struct erg_calibrate_observer observer = {
        .user = &watch, .progress = on_progress, .cancelled = on_cancelled};
    const struct erg_calibrate_options options = {
        .engine_path = ENGINE,
        .model_path = TALES,
        .model_name = "tales",
        .power_spec = "synthetic:cpu=20W",
        .threads = 1,
        .ci_ratio = 0.5,
        .max_ns = INT64_C(600000000000),
        .root = &root,
        .clock = erg_clock_system(),
        .store_path = in_folder("broken.db"),
    };
    struct erg_err err = {0};
    int rc = erg_calibrate(&options, &observer, out, &err);
    if (rc)
        print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
}

static void what_is_complete_is_kept(void **state)
{
    (void)state;
    for (int by_killing = 0; by_killing < 2; by_killing++) {
        struct erg_calibrate_result result;
        break_off(by_killing, &result);
        assert_string_equal(result.status, by_killing ? "failed" : "cancelled");
        assert_int_equal(strstr(result.failure, "signal 9") != NULL, by_killing);
        size_t complete = 0;
        for (size_t i = 0; i < result.count; i++)
            complete += result.operations[i].converged;
        assert_int_equal(complete, 2);
        assert_null(result.store_failure);
        assert_true(result.blocks >= 6);
        erg_calibrate_result_deinit(&result);
    }
    sqlite3 *db = open_store("broken.db");
    char *rows = query_text(db, "SELECT status, (SELECT count(*) >= 6 FROM calibration_blocks "
                                "WHERE calibration_id = c.id) FROM calibrations c ORDER BY id");
    assert_string_equal(rows, "cancelled|1|\nfailed|1|\n");
    free(rows);
    sqlite3_close(db);
}

/* --- splitting -------------------------------------------------------------------------------- */

/* Change a store that nobody has open. */
static void change(const char *name, const char *sql)
{
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open(in_folder(name), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

#define CALIBRATION                                                                                \
    "INSERT INTO calibrations(created_at, created_at_utc, machine, sources, model_name, threads, " \
    "status, nj_per_flop, nj_per_byte, static_w, error_ratio, report_json) SELECT "                \
    "'2026-01-02T03:04:05', '', json_extract(summary_json, '$.machine.hostname') || ', ' || "      \
    "json_extract(summary_json, '$.machine.cpu') || ', ' || "                                      \
    "json_extract(summary_json, '$.machine.cpus'), '%s', 'tales', 1, 'complete', 0.01, 0.5, 1, "   \
    "%s, '{}' FROM profiling_runs LIMIT 1"

static void add_calibration(const char *sources, const char *error_ratio)
{
    char sql[1024];
    snprintf(sql, sizeof sql, CALIBRATION, sources, error_ratio);
    change("split.db", sql);
}

/* Nanojoules of a JSON number of millijoules. */
static int64_t nj_at(const json_t *row, const char *key)
{
    return llround(number_at(row, key) * 1e6);
}

static void check_interval(const json_t *row)
{
    int64_t time = nj_at(row, "energy_by_time_mj"), activity = nj_at(row, "energy_by_activity_mj");
    assert_int_equal(nj_at(row, "energy_low_mj"), time < activity ? time : activity);
    assert_int_equal(nj_at(row, "energy_high_mj"), time < activity ? activity : time);
}

/* Both models give the passes' energies exactly, by whatever they are grouped. */
static void both_models_conserve(int64_t passes_nj)
{
    static const char *const by[] = {"layer", "component", "operation"};
    for (size_t k = 0; k < ERG_COUNT(by); k++) {
        json_t *rows = ergon_json("show", "last", "--db", in_folder("split.db"), "--by", by[k],
                                  "--attribution", "both");
        int64_t time = 0, activity = 0, shown = 0, differing = 0;
        size_t i;
        json_t *row;
        json_array_foreach(rows, i, row)
        {
            check_interval(row);
            time += nj_at(row, "energy_by_time_mj");
            activity += nj_at(row, "energy_by_activity_mj");
            shown += nj_at(row, "energy_mj");
            differing += nj_at(row, "energy_low_mj") != nj_at(row, "energy_high_mj");
        }
        assert_true(i > 3 && differing > 3);
        assert_int_equal(time, passes_nj);
        assert_int_equal(activity, passes_nj);
        assert_int_equal(shown, passes_nj);
        json_decref(rows);
    }
}

static void assert_split(const char *attribution, const char *shown, const char *says)
{
    const char *args[] = {"show", "last",      "--db",          in_folder("split.db"),
                          "--by", "component", "--attribution", attribution,
                          NULL};
    if (!attribution)
        args[6] = NULL;
    struct output output = ergon_args(args);
    assert_int_equal(output.status, 0);
    if (!strstr(output.err, says) || !strstr(output.err, shown))
        print_error("%s", output.err);
    assert_non_null(strstr(output.err, shown));
    assert_non_null(strstr(output.err, says));
    free_output(&output);
}

/* Where nothing else is known, splitting by time goes without saying. */
static void assert_no_remark(void)
{
    struct output output =
        ergon("show", "last", "--db", in_folder("split.db"), "--by", "component");
    assert_int_equal(output.status, 0);
    assert_null(strstr(output.err, "split by"));
    free_output(&output);
}

static void energies_are_split_again_at_display(void **state)
{
    (void)state;
    const char *db = in_folder("split.db");
    json_t *run =
        ergon_json("run", "--db", db, "-m", TALES, "-p", "Once upon a time", "-n", "20", "--mode",
                   "deep", "--power", "synthetic:cpu=20W", "-t", "1", "--profile", "bare_every=0");
    json_decref(run);
    assert_no_remark();
    assert_split("activity", "split by activity", "fitted to 2 phases of stored runs");
    /* Another source's costs are not this one's. */
    add_calibration("rapl", "0.05");
    assert_no_remark();
    add_calibration("synthetic", "0.05");
    assert_split(NULL, "split by time", "simulation");
    sqlite3 *store = open_store("split.db");
    int64_t passes_nj = query_int(store, "SELECT sum(energy_nj) FROM passes");
    char *before = query_text(store, "SELECT sum(energy_nj) FROM component_metrics");
    sqlite3_close(store);
    both_models_conserve(passes_nj);

    /* With a sensor and a small error it is the default, and what is stored stays as it is. */
    change("split.db", "UPDATE profiling_runs SET summary_json = "
                       "json_replace(summary_json, '$.power.sources', json('[\"rapl\"]'))");
    assert_split(NULL, "split by activity", "5.0 %, below 14 %");
    assert_split("time", "split by time", "as asked");
    add_calibration("rapl", "0.2");
    assert_split(NULL, "split by time", "20.0 %, not below 14 %");
    add_calibration("rapl", "NULL");
    assert_split(NULL, "split by time", "is not known");
    store = open_store("split.db");
    char *after = query_text(store, "SELECT sum(energy_nj) FROM component_metrics");
    assert_string_equal(before, after);
    free(before);
    free(after);
    sqlite3_close(store);
}

static void only_parts_of_passes_are_split(void **state)
{
    (void)state;
    struct output output = ergon("show", "last", "--db", in_folder("split.db"), "--by", "phase",
                                 "--attribution", "both");
    assert_one_line_error(&output, 2, "--by layer, component or operation");
    free_output(&output);
    output = ergon("show", "last", "--db", in_folder("split.db"), "--attribution", "both");
    assert_one_line_error(&output, 2, "--by layer, component or operation");
    free_output(&output);
    const char *db = in_folder("none.db");
    output = ergon("run", "--db", db, "-m", TALES, "-p", "Once", "-n", "4", "--power", "none");
    assert_int_equal(output.status, 0);
    free_output(&output);
    output = ergon("show", "last", "--db", db, "--by", "component", "--attribution", "activity");
    assert_int_equal(output.status, 0);
    assert_non_null(strstr(output.err, "no energy to split"));
    free_output(&output);
    output = ergon("run", "--db", db, "-m", TALES, "-p", "Once", "-n", "4", "--power",
                   "synthetic:cpu=1W");
    assert_int_equal(output.status, 0);
    free_output(&output);
    output = ergon("show", "last", "--db", db, "--by", "component", "--attribution", "activity");
    assert_one_line_error(&output, 4, "not known for 'synthetic'");
    free_output(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_power_costs_time_only),
        cmocka_unit_test(an_estimate_is_called_circular),
        cmocka_unit_test(wrong_wishes_are_refused),
        cmocka_unit_test(lost_readings_are_survived),
        cmocka_unit_test(engines_that_misbehave_are_named),
        cmocka_unit_test(what_is_complete_is_kept),
        cmocka_unit_test(energies_are_split_again_at_display),
        cmocka_unit_test(only_parts_of_passes_are_split),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
