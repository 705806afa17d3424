/* SPDX-License-Identifier: MIT */
#include "base/when.h"
#include "cli/term.h"
#include "cli/units.h"

#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

struct row {
    double value;
    const char *text;
};

static void check(const struct row *rows, size_t count, const char *(*show)(double, char *))
{
    for (size_t i = 0; i < count; i++) {
        char text[ERG_UNIT_BYTES];
        assert_string_equal(show(rows[i].value, text), rows[i].text);
    }
}

static void test_units(void **state)
{
    static const struct row energies[] = {
        {0, "0"},
        {1e-6, "1.00 nJ"},
        {0.0123, "12.3 µJ"},
        {12.345, "12.3 mJ"},
        {999.4, "999 mJ"},
        {999.6, "1.00 J"},
        {1234, "1.23 J"},
        {5.678e6, "5.68 kJ"},
        {-12.3, "-12.3 mJ"},
        {NAN, "–"},
        {INFINITY, "–"},
        {2e9, "2.00 MJ"},
    };
    static const struct row times[] = {
        {0.0005, "500 ns"}, {0.25, "250 µs"},      {12, "12.0 ms"}, {1500, "1.50 s"},
        {599e3, "599 s"},   {723e3, "12 min 3 s"}, {NAN, "–"},
    };
    static const struct row powers[] = {{850, "850 mW"}, {20000, "20.0 W"}, {1.5e6, "1.50 kW"}};
    static const struct row ratios[] = {
        {0, "0.0 %"}, {0.123, "12.3 %"}, {0.0001, "< 0.1 %"}, {1, "100.0 %"}, {NAN, "–"},
    };
    static const struct row counts[] = {
        {0, "0"}, {946, "946"}, {99949, "99949"}, {2543424, "2.54 M"}, {7.2e9, "7.20 B"},
    };
    static const struct row plain[] = {
        {0, "0"}, {0.0079, "0.0079"}, {0.95, "0.950"}, {4595, "4595"}, {26.34, "26.3"},
    };
    (void)state;
    check(energies, ERG_COUNT(energies), erg_show_energy);
    check(times, ERG_COUNT(times), erg_show_time);
    check(powers, ERG_COUNT(powers), erg_show_power);
    check(ratios, ERG_COUNT(ratios), erg_show_ratio);
    check(counts, ERG_COUNT(counts), erg_show_count);
    check(plain, ERG_COUNT(plain), erg_show_plain);
}

static void test_bars(void **state)
{
    static const struct row rows[] = {
        {0, "    "}, {1, "████"}, {2, "████"}, {0.5, "██  "}, {0.53125, "██▏ "}, {1e-9, "▏   "},
    };
    char text[64];
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++)
        assert_string_equal(erg_show_bar(rows[i].value, 4, text, sizeof text), rows[i].text);
}

/* Whatever came before, twice the usual is hot and the usual is not. */
static void test_heat(void **state)
{
    struct erg_heat heat = {0};
    (void)state;
    for (int i = 0; i < 200; i++)
        erg_heat_add(&heat, i % 2 ? 9.0 : 11.0);
    assert_true(erg_heat_add(&heat, 10.0) < 0.3);
    assert_true(erg_heat_add(&heat, 30.0) == 1.0);
    assert_true(erg_heat_add(&heat, 5.0) == 0.0);
    assert_true(erg_heat_add(&heat, NAN) == 0.0);
    assert_true(erg_heat_add(&heat, -1.0) == 0.0);
}

static int64_t fixed_wall_ns(void *user)
{
    (void)user;
    return INT64_C(1795179600) * 1000000000; /* 2026-11-20T13:00:00 UTC */
}

static void test_points_in_time(void **state)
{
    static const struct {
        const char *text, *out;
    } rows[] = {
        {"2026", "2026"},
        {"2026-11-20", "2026-11-20"},
        {"2026-11-20 13:05", "2026-11-20T13:05"},
        {"2026-11-20T13:05:07", "2026-11-20T13:05:07"},
        {"2h", "2026-11-20T11:00:00.000000"},
        {"30d", "2026-10-21T13:00:00.000000"},
    };
    static const char *const wrong[] = {"", "yesterday", "2026-1", "2026-11-20T13:0", "20-11-2026"};
    struct erg_clock clock = {.wall_ns = fixed_wall_ns};
    char out[40];
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        assert_int_equal(erg_when_parse(rows[i].text, &clock, out, NULL), 0);
        assert_string_equal(out, rows[i].out);
    }
    for (size_t i = 0; i < ERG_COUNT(wrong); i++)
        assert_int_equal(erg_when_parse(wrong[i], &clock, out, NULL), ERG_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_bars),
        cmocka_unit_test(test_heat),
        cmocka_unit_test(test_points_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
