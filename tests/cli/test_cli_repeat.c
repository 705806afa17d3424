/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "cli/repeat.h"

#include <math.h>
#include <stdio.h>

/* A run: J/token (NaN = not known), tokens/s, grade and length of decode, reading interval. */
static void add(struct erg_repeat *repeat, double joules, double rate, const char *grade,
                double decode_ms, double interval_ms)
{
    char text[512], number[32] = "null";
    struct erg_err err = {0};
    if (isfinite(joules))
        snprintf(number, sizeof number, "%.17g", joules);
    snprintf(text, sizeof text,
             "{\"joules_per_token\":%s,\"tokens_per_second\":%.17g,\"total_duration_ms\":%.17g,"
             "\"power\":{\"interval_ms\":%.17g},\"phases\":[{\"phase\":\"pre_inference\",\"grade\":"
             "\"interpolated\",\"duration_ms\":0.1},{\"phase\":\"prefill\",\"grade\":\"measured\","
             "\"duration_ms\":100},{\"phase\":\"decode\",\"grade\":\"%s\",\"duration_ms\":%.17g}]}",
             number, rate, decode_ms, interval_ms, grade, decode_ms);
    ERG_AUTO_JSON json_t *summary = NULL;
    assert_int_equal(erg_json_load(text, "x", &summary, &err), 0);
    erg_repeat_add(repeat, summary);
}

static void test_three_runs_at_least(void **state)
{
    struct erg_repeat repeat = {0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        add(&repeat, 2, 10, "measured", 1000, 10);
        assert_false(erg_repeat_is_enough(&repeat));
    }
    add(&repeat, 2, 10, "measured", 1000, 10);
    assert_true(erg_repeat_is_enough(&repeat));
}

/* n values 1 ± d: the half width is t · d / √n (d the sample deviation). */
static void test_two_percent(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        struct erg_repeat repeat = {0};
        double d = wide ? 0.0082 : 0.0078; /* 4.303 · d / √3 = 2.04 %, 1.94 % */
        add(&repeat, 1 - d, 10, "measured", 1000, 10);
        add(&repeat, 1, 99, "measured", 1000, 10);
        add(&repeat, 1 + d, 1, "measured", 1000, 10);
        struct erg_interval interval = erg_repeat_interval(&repeat, ERG_REPEAT_JOULES_PER_TOKEN);
        assert_true(fabs(erg_interval_relative(&interval) - 4.3027 * d / sqrt(3)) < 1e-5);
        assert_int_equal(erg_repeat_is_enough(&repeat), !wide);
    }
}

/* What is too short for the sensor in one run is long enough in twenty. */
static void test_short_phases_add_up(void **state)
{
    struct erg_repeat repeat = {0};
    int runs = 0;
    (void)state;
    while (!erg_repeat_is_enough(&repeat)) {
        add(&repeat, 2, 10, "interpolated", 5, 10);
        assert_in_range(++runs, 1, 20);
    }
    assert_int_equal(runs, 20);
}

static void test_grades(void **state)
{
    static const struct {
        const char *grade;
        bool enough;
    } rows[] = {{"measured", true}, {"estimated", true}, {"unavailable", false}};
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_repeat repeat = {0};
        for (int k = 0; k < 5; k++)
            add(&repeat, 2, 10, rows[i].grade, 1000, 10);
        assert_int_equal(erg_repeat_is_enough(&repeat), rows[i].enough);
    }
}

/* Without energy the rate decides. */
static void test_without_power(void **state)
{
    struct erg_repeat same = {0}, differs = {0}, partly = {0};
    (void)state;
    for (int k = 0; k < 4; k++) {
        add(&same, NAN, 10, "unavailable", 1000, 0);
        add(&differs, NAN, 10 + k, "unavailable", 1000, 0);
        add(&partly, k ? 2 : NAN, 10, "measured", 1000, 10);
    }
    assert_true(erg_repeat_is_enough(&same));
    assert_false(erg_repeat_is_enough(&differs));
    assert_int_equal(erg_repeat_deciding(&same), ERG_REPEAT_TOKENS_PER_SECOND);
    assert_int_equal(erg_repeat_deciding(&partly), ERG_REPEAT_TOKENS_PER_SECOND);
}

static void test_json_and_table(void **state)
{
    struct erg_repeat repeat = {0};
    struct erg_buf buf = {0};
    struct erg_jsonw w;
    (void)state;
    for (int k = 0; k < 3; k++)
        add(&repeat, 2, 10 + k, "measured", 1000, 10);
    erg_jsonw_init(&w, &buf);
    erg_jsonw_obj_begin(&w);
    erg_repeat_write_json(&repeat, &w);
    erg_jsonw_obj_end(&w);
    assert_non_null(strstr(erg_buf_view(&buf), "\"joules_per_token\":{\"mean\":2,\"ci_low\":2,"
                                               "\"ci_high\":2,\"n\":3}"));
    assert_non_null(strstr(erg_buf_view(&buf), "\"total_energy_mj\":{\"mean\":null,\"ci_low\":null,"
                                               "\"ci_high\":null,\"n\":0}"));
    erg_buf_clear(&buf);
    assert_int_equal(erg_repeat_write_table(&repeat, &buf), 0);
    assert_non_null(strstr(erg_buf_view(&buf), "tokens per second"));
    erg_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_runs_at_least), cmocka_unit_test(test_two_percent),
        cmocka_unit_test(test_short_phases_add_up), cmocka_unit_test(test_grades),
        cmocka_unit_test(test_without_power),       cmocka_unit_test(test_json_and_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
