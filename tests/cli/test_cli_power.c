/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include "cli/power_monitor.h"
#include "cli/power_report.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * `ergon power`: the command is left as it is, its energy is that of the source over its duration,
 * and samples add up to the total.
 */

#define SOURCE "synthetic:cpu=20W,gpu=5W"

static double energy_of(const json_t *object, const char *domain)
{
    const json_t *energies = json_object_get(object, "energy_by_domain_mj");
    return json_number_value(json_object_get(energies, domain));
}

/* 25 W, exactly. */
static void assert_energy(const json_t *object)
{
    double ms = number_at(object, "duration_ms"), mj = number_at(object, "energy_mj");
    assert_true(ms > 0 && fabs(mj - 25 * ms) < 1e-3);
    assert_true(fabs(energy_of(object, "cpu") - 20 * ms) < 1e-3);
    assert_true(fabs(energy_of(object, "cpu") + energy_of(object, "gpu") - mj) < 1e-6);
    assert_true(fabs(number_at(object, "peak_power_mw") - 25000) < 1);
    assert_true(
        json_is_null(json_object_get(json_object_get(object, "energy_by_domain_mj"), "dram")));
    assert_string_equal(json_string_value(json_object_get(object, "grade")), "measured");
    assert_true(number_at(object, "coverage_ratio") == 1);
}

static void test_a_command_is_measured(void **state)
{
    static const char *const members[] = {
        "command",   "exit_code",           "repeats",        "duration_ms",
        "energy_mj", "average_power_mw",    "peak_power_mw",  "sources",
        "grade",     "energy_by_domain_mj", "coverage_ratio", "warnings"};
    (void)state;
    json_t *json = ergon_json("power", "--power", SOURCE, "--json", "--", "true");
    for (size_t i = 0; i < ERG_COUNT(members); i++)
        assert_non_null(json_object_get(json, members[i]));
    assert_energy(json);
    assert_null(json_object_get(json, "runs"));
    json_decref(json);
}

static void test_repeats_have_an_interval(void **state)
{
    (void)state;
    json_t *json = ergon_json("power", "--power", SOURCE, "--repeat", "4", "--json", "--", "true");
    json_t *runs = json_object_get(json, "runs"), *ci = json_object_get(json, "energy_mj_ci");
    double sum = 0;
    assert_true(number_at(json, "repeats") == 4);
    assert_int_equal(json_array_size(runs), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_energy(json_array_get(runs, i));
        sum += number_at(json_array_get(runs, i), "energy_mj");
    }
    assert_energy(json);
    assert_true(fabs(number_at(json, "energy_mj") - sum / 4) < 1e-6 + 25e-6);
    assert_true(json_number_value(json_array_get(ci, 0)) <= number_at(json, "energy_mj"));
    assert_true(json_number_value(json_array_get(ci, 1)) >= number_at(json, "energy_mj"));
    assert_int_equal(json_array_size(json_object_get(json, "duration_ms_ci")), 2);
    json_decref(json);
}

/* Output, exit status and options that look like ours are the command's own. */
static void test_the_command_is_left_alone(void **state)
{
    (void)state;
    const char *file = in_folder("report.json");
    struct output o = ergon("power", "--power", SOURCE, "-o", file, "--json", "--", "sh", "-c",
                            "echo \"$0 $1\"; echo talk >&2; exit 7", "--json", "--help");
    assert_int_equal(o.status, 7);
    assert_string_equal(o.out, "--json --help\n");
    assert_string_equal(o.err, "talk\n");
    free_output(&o);
    json_t *json = json_load_file(file, 0, NULL);
    assert_true(number_at(json, "exit_code") == 7);
    json_decref(json);
    o = ergon("power", "--power", SOURCE, "--", "sh", "-c", "kill -TERM $$");
    assert_int_equal(o.status, 128 + SIGTERM);
    assert_string_equal(o.out, "");
    assert_non_null(strstr(o.err, "average power"));
    free_output(&o);
}

static void test_what_cannot_be_run(void **state)
{
    (void)state;
    struct output o = ergon("power", "--", "no-such-command-here");
    assert_int_equal(o.status, 127);
    assert_non_null(strstr(o.err, "cannot run 'no-such-command-here'"));
    free_output(&o);
    o = ergon("power", "--", "/");
    assert_int_equal(o.status, 126);
    free_output(&o);
    o = ergon("--sysroot", "power/roots/empty", "power", "--power", "estimate", "--", "true");
    assert_int_equal(o.status, 3);
    free_output(&o);
    o = ergon("power", "--csv", "--", "true");
    assert_int_equal(o.status, 2);
    free_output(&o);
}

/* Sent to us alone, a signal reaches the command, which may end as it likes. */
static void test_signals_are_passed_on(void **state)
{
    (void)state;
    int fds[2];
    char line[16] = "";
    assert_int_equal(pipe(fds), 0);
    static const char *const args[] = {
        "power", "--power", SOURCE, "--quiet",
        "--",    "sh",      "-c",   "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done",
        NULL};
    pid_t pid = start_ergon(args, fds[1], STDERR_FILENO);
    close(fds[1]);
    assert_int_equal(read(fds[0], line, sizeof line - 1), 6);
    assert_int_equal(kill(pid, SIGTERM), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(fds[0]);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

static void test_without_a_source_energy_is_null(void **state)
{
    (void)state;
    json_t *json = ergon_json("power", "--power", "none", "--json", "--", "true");
    assert_true(json_is_null(json_object_get(json, "energy_mj")));
    assert_true(json_is_null(json_object_get(json, "average_power_mw")));
    assert_string_equal(json_string_value(json_object_get(json, "grade")), "unavailable");
    assert_int_equal(json_array_size(json_object_get(json, "sources")), 0);
    assert_true(number_at(json, "duration_ms") > 0);
    json_decref(json);
}

/* CPU time of the command makes the estimate, and the report says that it is one. */
static void test_an_estimate_says_so(void **state)
{
    (void)state;
    json_t *json = ergon_json("power", "--power", "estimate", "--json", "--", "sh", "-c",
                              "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
    assert_string_equal(json_string_value(json_object_get(json, "grade")), "estimated");
    assert_true(number_at(json, "energy_mj") > 0);
    assert_non_null(strstr(json_string_value(json_array_get(json_object_get(json, "warnings"), 0)),
                           "estimates"));
    json_decref(json);
}

/* One object per line; energies add up to the total, and the total to the power. */
static void test_the_monitor_prints_samples(void **state)
{
    (void)state;
    struct output o =
        ergon("power", "--power", SOURCE, "--json", "--interval", "20ms", "--duration", "110ms");
    assert_int_equal(o.status, 0);
    double sum = 0, t = 0;
    int samples = 0;
    char *rest = NULL;
    for (char *line = strtok_r(o.out, "\n", &rest); line; samples++) {
        json_t *json = json_loads(line, 0, NULL);
        assert_non_null(json);
        sum += number_at(json, "energy_mj");
        assert_true(number_at(json, "t_ms") > t);
        t = number_at(json, "t_ms");
        assert_true(fabs(number_at(json, "total_energy_mj") - sum) < 1e-3);
        assert_true(fabs(sum - 25 * t) < 1e-3);
        assert_true(fabs(number_at(json, "power_mw") - 25000) < 1);
        json_decref(json);
        line = strtok_r(NULL, "\n", &rest);
    }
    assert_true(samples >= 1 && samples <= 7 && fabs(t - 110) < 1e-6);
    free_output(&o);
}

static void test_csv_has_a_head_and_rows(void **state)
{
    (void)state;
    struct output o = ergon("power", "--power", SOURCE, "--csv", "--interval", "10ms", "-n", "2");
    assert_int_equal(o.status, 0);
    assert_ptr_equal(strstr(o.out, "t_ms,duration_ms,total_energy_mj,power_mw,cpu_mw,"), o.out);
    int lines = 0;
    for (const char *c = o.out; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 3);
    assert_non_null(strstr(o.out, ",25000,20000,5000,,,,,synthetic,measured\n"));
    assert_non_null(strstr(o.err, "average 25.0 W"));
    free_output(&o);
}

/* --- text, without a terminal ----------------------------------------------------------------- */

static struct erg_window window_of(int64_t cpu_nj, int64_t gpu_nj)
{
    return (struct erg_window){
        .energy = {.nj = {cpu_nj, gpu_nj}, .present = 1u << ERG_DOMAIN_CPU | 1u << ERG_DOMAIN_GPU},
        .grade = ERG_GRADE_MEASURED,
        .coverage_ratio = 1};
}

static void test_a_frame(void **state)
{
    (void)state;
    struct erg_monitor monitor = {.sources = "rapl+nvml"};
    struct erg_term term = {.columns = 50};
    struct erg_buf text = {0};
    for (int i = 1; i <= 100; i++) {
        int64_t second = INT64_C(1000000000);
        struct erg_window last = window_of(second * i, second * 10), all = last;
        erg_monitor_add(&monitor, i * second, second, &last, &all);
    }
    assert_int_equal(erg_monitor_frame(&monitor, &term, &text), 4);
    int lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    assert_int_equal(lines, 4);
    assert_non_null(strstr(text.data, "cpu "));
    assert_non_null(strstr(text.data, " 100 W "));
    assert_non_null(strstr(text.data, "▇▇▇"));
    assert_non_null(strstr(text.data, "█\n"));
    assert_null(strstr(text.data, "\033"));
    assert_non_null(strstr(text.data, "(rapl+nvml, measured)"));
    erg_buf_deinit(&text);
}

/* 1, 2 and 3 J: mean 2, and t(0.975, 2) / sqrt(3) = 2.484 of the deviation 1 to each side. */
static void test_a_report(void **state)
{
    static const char *const command[] = {"make", "-j4"}, *const warnings[] = {"mind the gap"};
    (void)state;
    struct erg_power_run runs[3] = {0};
    for (int i = 0; i < 3; i++) {
        runs[i].duration_ns = INT64_C(1000000000);
        runs[i].window = window_of((i + 1) * INT64_C(1000000000), 0);
        runs[i].peak_mw = 1000 * (i + 2);
        runs[i].exit_code = i == 1 ? 3 : 0;
    }
    struct erg_power_report report = {command, 2, "rapl", runs, 3, true, warnings, 1};
    struct erg_buf text = {0};
    erg_power_report_json(&report, &text);
    json_t *json = json_loads(text.data, 0, NULL);
    const json_t *ci = json_object_get(json, "energy_mj_ci");
    assert_true(number_at(json, "energy_mj") == 2000);
    assert_true(number_at(json, "peak_power_mw") == 4000);
    assert_true(number_at(json, "exit_code") == 3);
    assert_true(fabs(json_number_value(json_array_get(ci, 1)) - 4484.14) < 0.01);
    assert_true(fabs(json_number_value(json_array_get(ci, 0)) + 484.14) < 0.01);
    json_decref(json);
    erg_buf_clear(&text);
    erg_power_report_text(&report, &text);
    static const char *const parts[] = {"'make -j4' (3 runs",    "2.00 J ± 124.21 %  energy (cpu",
                                        "4.00 W at most",        "exit status 3",
                                        "warning: mind the gap", "measured by rapl"};
    for (size_t i = 0; i < ERG_COUNT(parts); i++)
        assert_non_null(strstr(text.data, parts[i]));
    erg_buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_command_is_measured),
        cmocka_unit_test(test_repeats_have_an_interval),
        cmocka_unit_test(test_the_command_is_left_alone),
        cmocka_unit_test(test_what_cannot_be_run),
        cmocka_unit_test(test_signals_are_passed_on),
        cmocka_unit_test(test_without_a_source_energy_is_null),
        cmocka_unit_test(test_an_estimate_says_so),
        cmocka_unit_test(test_the_monitor_prints_samples),
        cmocka_unit_test(test_csv_has_a_head_and_rows),
        cmocka_unit_test(test_a_frame),
        cmocka_unit_test(test_a_report),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
