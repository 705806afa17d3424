/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/*
 * The figures of a summary against the formulas that docs/guide.md gives for them. Power rises
 * during the run, so that no two phases, tokens or averages have the same.
 */

static json_t *run; /* its summary */

static int make_run(void **state)
{
    if (make_folder(state))
        return -1;
    run = ergon_json("run", "-m", TALES, "-p", "Once upon a time there was", "-n", "64", "-t", "1",
                     "--ignore-eos", "--mode", "deep", "--grid", "germany", "--power",
                     "synthetic:cpu=ramp(10W,50W/s),gpu=5W");
    return 0;
}

static int drop_run(void **state)
{
    json_decref(run);
    return remove_folder(state);
}

static const json_t *phase_of(const char *name)
{
    size_t i;
    const json_t *phase;
    json_array_foreach(json_object_get(run, "phases"), i, phase)
    {
        if (strcmp(json_string_value(json_object_get(phase, "phase")), name) == 0)
            return phase;
    }
    fail_msg("there is no phase %s", name);
    return NULL;
}

/* Energies and times have six decimals, other figures all their digits. */
static void check(const char *key, double expected)
{
    bool rounded = strstr(key, "_mj") || strstr(key, "_ms");
    double actual = number_at(run, key);
    double tolerance = 1e-9 * fabs(expected) + (rounded ? 2e-6 : 0);
    if (!(fabs(actual - expected) <= tolerance))
        print_error("%s is %.12g, not %.12g\n", key, actual, expected);
    assert_true(fabs(actual - expected) <= tolerance);
}

static void test_figures_of_the_run(void **state)
{
    (void)state;
    const json_t *prefill = phase_of("prefill"), *decode = phase_of("decode");
    const json_t *grid = json_object_get(run, "grid");
    double joules = number_at(run, "total_energy_mj") / 1e3;
    double seconds = number_at(run, "total_duration_ms") / 1e3;
    double in = number_at(run, "input_tokens"), out = number_at(run, "output_tokens");
    double prefill_j = number_at(prefill, "energy_mj") / 1e3;
    double decode_j = number_at(decode, "energy_mj") / 1e3;
    double parameters = number_at(json_object_get(run, "model"), "parameters");
    assert_true(in > 1 && out == 64 && joules > 0 && prefill_j > 0 && decode_j > 0);
    check("tokens_per_second", out / (number_at(decode, "duration_ms") / 1e3));
    check("prefill_tokens_per_second", in / (number_at(prefill, "duration_ms") / 1e3));
    check("time_to_first_token_ms",
          number_at(prefill, "start_ms") + number_at(prefill, "duration_ms"));
    check("joules_per_token", joules / out);
    check("joules_per_input_token", prefill_j / in);
    check("joules_per_output_token", decode_j / out);
    check("tokens_per_joule", out / joules);
    check("energy_delay_product_js", joules * seconds);
    check("prefill_decode_energy_ratio", prefill_j / decode_j);
    check("output_input_token_energy_ratio", (decode_j / out) / (prefill_j / in));
    check("energy_per_million_parameters_mj", joules * 1e3 / (parameters / 1e6));
    check("average_power_mw", joules / seconds * 1e3);
    check("net_energy_mj", joules * 1e3 - number_at(run, "idle_power_mw") * seconds);
    check("cost_usd", joules / 3.6e6 * number_at(grid, "usd_per_kwh"));
    check("co2_g", joules / 3.6e6 * number_at(grid, "g_per_kwh"));
    assert_true(number_at(grid, "g_per_kwh") == 380);
    assert_true(number_at(run, "peak_power_mw") > number_at(run, "average_power_mw"));
}

/* What lies between phases and between passes, spans tiling the passes. */
static void test_unattributed(void **state)
{
    (void)state;
    size_t i;
    const json_t *phase;
    double rest = number_at(run, "total_energy_mj");
    json_array_foreach(json_object_get(run, "phases"), i, phase)
    {
        rest -= number_at(phase, "energy_mj") - number_at(phase, "unattributed_energy_mj");
        double ms = number_at(phase, "duration_ms"), mj = number_at(phase, "energy_mj");
        assert_true(fabs(number_at(phase, "average_power_mw") - mj / ms * 1e3) < 1e-3);
    }
    assert_int_equal(i, 4);
    check("unattributed_energy_mj", rest);
}

/* The tokens of a pass share it equally. */
static void test_tokens(void **state)
{
    (void)state;
    size_t i;
    const json_t *row;
    json_t *tokens = ergon_json("show", "last", "--by", "token");
    double in = number_at(run, "input_tokens"), mj = number_at(phase_of("prefill"), "energy_mj");
    assert_int_equal(json_array_size(tokens), (size_t)in + 64);
    json_array_foreach(tokens, i, row)
    {
        if (i < (size_t)in)
            assert_true(fabs(number_at(row, "energy_mj") - mj / in) < 2e-6);
    }
    json_decref(tokens);
}

/* `~`: the profiled passes stand for those that were not, in time and in energy. */
static void test_extrapolation(void **state)
{
    (void)state;
    size_t i, count = 0;
    const json_t *row, *decode = phase_of("decode");
    json_t *rows = ergon_json("show", "last", "--by", "component", "--phase", "decode");
    double mj = 0, ms = 0, bare_mj = 0, profiled_mj = 0;
    json_array_foreach(rows, i, row)
    {
        if (json_is_false(json_object_get(row, "profiled"))) {
            bare_mj += number_at(row, "energy_mj");
            continue;
        }
        bool scaled = json_is_true(json_object_get(row, "extrapolated"));
        profiled_mj += number_at(row, "energy_mj");
        mj += number_at(row, scaled ? "extrapolated_energy_mj" : "energy_mj");
        ms += number_at(row, scaled ? "extrapolated_duration_ms" : "duration_ms");
        count++;
    }
    double between_mj = number_at(decode, "unattributed_energy_mj");
    double between_ms = number_at(decode, "unattributed_ms");
    assert_true(count > 10);
    assert_true(fabs(mj - (number_at(decode, "energy_mj") - between_mj)) < 1e-4);
    assert_true(fabs(ms - (number_at(decode, "duration_ms") - between_ms)) < 1e-4);
    assert_true(fabs(mj - (profiled_mj + bare_mj)) < 1e-4);
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_of_the_run),
        cmocka_unit_test(test_unattributed),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_extrapolation),
    };
    return cmocka_run_group_tests(tests, make_run, drop_run);
}
