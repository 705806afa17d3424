/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Energies of runs whose power is known, seen from outside. */

static void assert_close(double actual, double expected, double relative)
{
    if (!(fabs(actual - expected) <= relative * fabs(expected)))
        print_error("%.9g is not %.9g\n", actual, expected);
    assert_true(fabs(actual - expected) <= relative * fabs(expected));
}

/* Watts × the duration of `item` is its energy, in total and in each domain. */
static void check_item(const json_t *item, const char *duration, const char *energy, double cpu_w,
                       double gpu_w)
{
    const json_t *domains = json_object_get(item, "energy_by_domain_mj");
    double ms = number_at(item, duration);
    assert_close(number_at(item, energy), (cpu_w + gpu_w) * ms, 1e-3);
    assert_close(number_at(domains, "cpu"), cpu_w * ms, 1e-3);
    assert_close(number_at(domains, "gpu"), gpu_w * ms, 1e-3);
    assert_true(json_is_null(json_object_get(domains, "dram")));
}

static void test_constant_power(void **state)
{
    (void)state;
    json_t *run = ergon_json("run", "-m", TALES, "-p", "Once upon a time", "-n", "60", "--power",
                             "synthetic:cpu=20W,gpu=5W");
    check_item(run, "total_duration_ms", "total_energy_mj", 20, 5);
    size_t i;
    json_t *phase;
    json_array_foreach(json_object_get(run, "phases"), i, phase)
        check_item(phase, "duration_ms", "energy_mj", 20, 5);
    assert_int_equal(i, 4);
    assert_close(number_at(run, "average_power_mw"), 25000, 1e-3);
    assert_close(number_at(run, "peak_power_mw"), 25000, 1e-3);
    assert_int_equal(json_integer_value(json_object_get(run, "output_tokens")), 60);
    assert_close(number_at(run, "joules_per_token"), number_at(run, "total_energy_mj") / 60e3,
                 1e-9);

    sqlite3 *db = open_store("test.db");
    assert_int_equal(query_int(db, "SELECT count(*) FROM tokens WHERE phase='decode'"), 60);
    assert_int_equal(query_int(db, "SELECT count(*) FROM tokens WHERE "
                                   "abs(energy_nj - duration_ns * 25.0) > duration_ns * 0.025 OR "
                                   "abs(cpu_nj - duration_ns * 20.0) > duration_ns * 0.02 OR "
                                   "abs(gpu_nj - duration_ns * 5.0) > duration_ns * 0.005"),
                     0);
    assert_int_equal(query_int(db, "SELECT count(*) > 10 FROM component_metrics"), 1);
    assert_int_equal(query_int(db, "SELECT count(*) FROM component_metrics WHERE time_ms > 0.01 "
                                   "AND abs(energy_mj - time_ms * 25) > time_ms * 0.025"),
                     0);
    sqlite3_close(db);
    json_decref(run);
}

/* ∫ (a + b t) dt over [0, t1] */
static double ramp_mj(double start_w, double w_per_s, double t0_ms, double t1_ms)
{
    return start_w * (t1_ms - t0_ms) + w_per_s / 1e3 * (t1_ms * t1_ms - t0_ms * t0_ms) / 2;
}

static void check_ramp(const char *power, double start_w, double w_per_s)
{
    json_t *run =
        ergon_json("run", "-m", TALES, "-p", "Once upon a time", "-n", "80", "--power", power);
    size_t i;
    json_t *phase;
    assert_close(number_at(run, "total_energy_mj"),
                 ramp_mj(start_w, w_per_s, 0, number_at(run, "total_duration_ms")), 1e-3);
    json_array_foreach(json_object_get(run, "phases"), i, phase)
    {
        double t0 = number_at(phase, "start_ms");
        assert_close(number_at(phase, "energy_mj"),
                     ramp_mj(start_w, w_per_s, t0, t0 + number_at(phase, "duration_ms")), 1e-3);
    }
    json_decref(run);
}

static void test_ramps(void **state)
{
    (void)state;
    check_ramp("synthetic:cpu=ramp(10W,50W/s)", 10, 50);
    const char *path = in_folder("ramp.csv");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("t_ms,cpu_mw\n0,5000\n1000,105000\n60000,6005000\n", file);
    fclose(file);
    char power[600];
    snprintf(power, sizeof power, "replay:%s", path);
    check_ramp(power, 5, 100);
}

static void test_without_power(void **state)
{
    (void)state;
    json_t *run = ergon_json("run", "-m", TALES, "-p", "Once", "-n", "8", "--power", "none");
    static const char *const null_keys[] = {"total_energy_mj",
                                            "joules_per_token",
                                            "average_power_mw",
                                            "peak_power_mw",
                                            "net_energy_mj",
                                            "unattributed_energy_mj",
                                            "cost_usd",
                                            "co2_g",
                                            "energy_delay_product_js",
                                            "energy_per_million_parameters_mj"};
    for (size_t i = 0; i < ERG_COUNT(null_keys); i++) {
        assert_non_null(json_object_get(run, null_keys[i]));
        assert_true(json_is_null(json_object_get(run, null_keys[i])));
    }
    assert_true(number_at(run, "tokens_per_second") > 0);
    assert_string_equal(json_string_value(json_object_get(json_object_get(run, "power"), "grade")),
                        "unavailable");
    sqlite3 *db = open_store("test.db");
    char sql[300];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM tokens WHERE run_id='%s' AND energy_nj IS NOT NULL",
             json_string_value(json_object_get(run, "id")));
    assert_int_equal(query_int(db, sql), 0);
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM component_metrics WHERE run_id='%s' AND energy_mj IS NOT NULL",
             json_string_value(json_object_get(run, "id")));
    assert_int_equal(query_int(db, sql), 0);
    sqlite3_close(db);
    json_decref(run);
}

/* A simulated source must never pass for this machine's sensor. */
static void test_simulation_is_said(void **state)
{
    (void)state;
    json_t *run =
        ergon_json("run", "-m", TALES, "-p", "Once", "-n", "4", "--power", "synthetic:cpu=1W");
    const json_t *power = json_object_get(run, "power");
    assert_string_equal(json_string_value(json_array_get(json_object_get(power, "sources"), 0)),
                        "synthetic");
    const char *warning = json_string_value(json_array_get(json_object_get(power, "warnings"), 0));
    assert_non_null(strstr(warning, "not from this machine"));
    json_decref(run);
    run = ergon_json("run", "-m", TALES, "-p", "Once", "-n", "4", "--power", "estimate",
                     "--idle-seconds", "0");
    assert_string_equal(json_string_value(json_object_get(json_object_get(run, "power"), "grade")),
                        "estimated");
    json_decref(run);
}

/* Idle and full power (mW, to 100 mW) as the estimate states them of this machine. */
static void read_model(double *out_idle_mw, double *out_full_mw)
{
    struct output doctor = ergon("doctor", "--json");
    const char *text = strstr(doctor.out, "estimate, no sensor: ");
    const char *idle = text ? strstr(text, " W idle to ") : NULL;
    assert_non_null(idle);
    const char *number = idle;
    while (number[-1] != ' ')
        number--;
    *out_idle_mw = strtod(number, NULL) * 1e3;
    *out_full_mw = strtod(idle + strlen(" W idle to "), NULL) * 1e3;
    assert_true(*out_idle_mw > 0 && *out_full_mw > *out_idle_mw);
    free_output(&doctor);
}

/* However short a phase is, its estimate lies between rest and all CPUs computing. */
static void test_estimates_are_possible(void **state)
{
    (void)state;
    double idle_mw, full_mw;
    read_model(&idle_mw, &full_mw);
    double least = (idle_mw - 50) * 0.9, most = (full_mw + 50) * 1.1;
    for (int round = 0; round < 3; round++) {
        json_t *run = ergon_json("run", "-m", TALES, "-p", "Once upon a time", "-n", "300",
                                 "--power", "estimate", "--idle-seconds", "0");
        double average = number_at(run, "average_power_mw"), peak = number_at(run, "peak_power_mw");
        assert_true(average >= least && average <= most);
        assert_true(peak >= average && peak <= most);
        size_t i;
        json_t *phase;
        json_array_foreach(json_object_get(run, "phases"), i, phase)
        {
            double mw = number_at(phase, "average_power_mw");
            const json_t *phase_peak = json_object_get(phase, "peak_power_mw");
            if (number_at(phase, "duration_ms") >= 1 && !(mw >= least && mw <= most))
                print_error("phase %zu: %.0f mW, not %.0f to %.0f\n", i, mw, least, most);
            assert_true(number_at(phase, "duration_ms") < 1 || (mw >= least && mw <= most));
            if (!json_is_null(phase_peak)) {
                assert_true(json_number_value(phase_peak) >= mw);
                assert_true(json_number_value(phase_peak) <= peak);
            }
        }
        const json_t *warnings = json_object_get(json_object_get(run, "power"), "warnings");
        assert_int_equal(json_array_size(warnings), 1);
        json_decref(run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_power),         cmocka_unit_test(test_ramps),
        cmocka_unit_test(test_without_power),          cmocka_unit_test(test_simulation_is_said),
        cmocka_unit_test(test_estimates_are_possible),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
