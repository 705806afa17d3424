/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

/* Runs that are measured by a program in place of powermetrics, which tells 2 W and 0.5 W. */

static const char SCRIPT[] = "run_begin {\"model\":{\"architecture\":\"llama\",\"layers\":2}}\n"
                             "realtime on\n"
                             "section pre_inference tokenization 20ms\n"
                             "pass prefill tokens=1 duration=300ms\ntoken 1 \"a\"\n"
                             "repeat 10\npass decode duration=100ms\ntoken 5 \"x\"\nend\n"
                             "section post_inference cleanup 10ms\nrun_end\n";

static json_t *run_with(const char *sensor)
{
    const char *script = in_folder("script");
    FILE *file = fopen(script, "wb");
    assert_non_null(file);
    fputs(SCRIPT, file);
    assert_int_equal(fclose(file), 0);
    setenv("ERGON_FAKE_SCRIPT", script, 1);
    setenv("ERGON_POWERMETRICS", ERGON_FAKE_POWERMETRICS_PROGRAM, 1);
    setenv("ERGON_FAKE_POWERMETRICS", sensor, 1);
    return ergon_json("run", "-m", TALES, "-p", "x", "-n", "10", "--idle-seconds", "0.3",
                      "--engine", ERGON_FAKE_ENGINE, "--power", "powermetrics");
}

static double domain_at(const json_t *run, const char *domain)
{
    return number_at(json_object_get(run, "energy_by_domain_mj"), domain);
}

static void energy_is_what_the_sensor_tells(void **state)
{
    (void)state;
    json_t *run = run_with("live 2000 500");
    const json_t *power = json_object_get(run, "power");
    double ms = number_at(run, "total_duration_ms");
    assert_string_equal(json_string_value(json_object_get(run, "status")), "complete");
    assert_true(ms > 1300);
    /* Documents are in whole mJ, and where they lie on the clock is known to some milliseconds. */
    assert_true(fabs(domain_at(run, "cpu") - 2 * ms) < 2 * 40 + 2);
    assert_true(fabs(domain_at(run, "gpu") - 0.5 * ms) < 0.5 * 40 + 2);
    assert_true(number_at(power, "coverage_ratio") > 0.98);
    assert_string_equal(json_string_value(json_array_get(json_object_get(power, "sources"), 0)),
                        "powermetrics");
    json_decref(run);
}

static void a_sensor_that_dies_leaves_a_gap(void **state)
{
    (void)state;
    json_t *run = run_with("live 2000 500 8;words sensor lost;exit 3");
    const json_t *power = json_object_get(run, "power");
    const json_t *warnings = json_object_get(power, "warnings");
    double coverage = number_at(power, "coverage_ratio"), ms = number_at(run, "total_duration_ms");
    assert_string_equal(json_string_value(json_object_get(run, "status")), "complete");
    assert_true(coverage > 0.05 && coverage < 0.9);
    assert_true(fabs(domain_at(run, "cpu") - 2 * ms * coverage) < 2 * 40 + 2);
    char *text = json_dumps(warnings, 0);
    assert_non_null(strstr(text, "powermetrics ended with status 3: sensor lost"));
    assert_non_null(strstr(text, "of the run: energies are too low"));
    free(text);
    json_decref(run);
}

static void a_sensor_that_may_not_be_used_is_named(void **state)
{
    (void)state;
    setenv("ERGON_FAKE_POWERMETRICS", "words must_be_invoked_as the superuser;exit 1", 1);
    struct output output = ergon("run", "-m", TALES, "-p", "x", "--engine", ERGON_FAKE_ENGINE,
                                 "--power", "powermetrics");
    assert_int_equal(output.status, 3);
    assert_non_null(strstr(output.err, "powermetrics needs root"));
    free_output(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(energy_is_what_the_sensor_tells),
        cmocka_unit_test(a_sensor_that_dies_leaves_a_gap),
        cmocka_unit_test(a_sensor_that_may_not_be_used_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
