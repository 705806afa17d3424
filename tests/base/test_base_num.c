/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/clock.h"
#include "base/num.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void test_integers(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "+1",
                                      "0x10",
                                      "1.0",
                                      "one",
                                      "-",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    uint64_t u = 7;
    int64_t i = 7;
    for (size_t k = 0; k < ERG_COUNT(bad); k++) {
        assert_int_equal(erg_parse_u64(bad[k], &u, NULL), ERG_INVALID);
        assert_int_equal(erg_parse_i64(bad[k], INT64_MIN, INT64_MAX, &i, NULL), ERG_INVALID);
    }
    assert_true(u == 7 && i == 7);
    assert_int_equal(erg_parse_u64("18446744073709551615", &u, NULL), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(erg_parse_i64("-9223372036854775807", INT64_MIN, INT64_MAX, &i, NULL), 0);
    assert_int_equal(i, -INT64_MAX);
    struct erg_err err;
    assert_int_equal(erg_parse_i64("0", 1, 9, &i, &err), ERG_INVALID);
    assert_string_equal(err.text, "0 is not between 1 and 9");
}

static void test_doubles(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "nan", "inf", "0x1p3", "1,5", "1.5x", " 1", "1e999", "-"};
    double value = 7;
    for (size_t k = 0; k < ERG_COUNT(bad); k++)
        assert_int_equal(erg_parse_double(bad[k], -1e300, 1e300, &value, NULL), ERG_INVALID);
    assert_true(value == 7);
    assert_int_equal(erg_parse_double("-2.5e-3", -1, 1, &value, NULL), 0);
    assert_true(value == -2.5e-3);
    assert_int_equal(erg_parse_double("2", -1, 1, &value, NULL), ERG_INVALID);
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {{"250ms", 250000000}, {"1", 1000000000},       {"1.5s", 1500000000},
                {"2m", 120000000000}, {"12h", 43200000000000}, {"30d", 2592000000000000}};
    static const char *const bad[] = {"", "s", "5x", "-1s", "1 s", "1..2s", "999999999999d"};
    int64_t ns;
    for (size_t k = 0; k < ERG_COUNT(good); k++) {
        assert_int_equal(erg_parse_duration_ns(good[k].text, &ns, NULL), 0);
        assert_int_equal(ns, good[k].ns);
    }
    for (size_t k = 0; k < ERG_COUNT(bad); k++)
        assert_int_equal(erg_parse_duration_ns(bad[k], &ns, NULL), ERG_INVALID);
}

/* Every integer of millionths prints as a decimal that reads back exactly. */
static void test_micro_is_exact(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {{0, "0"},           {1500000, "1.5"},  {1, "0.000001"},
                {-1500000, "-1.5"}, {-1, "-0.000001"}, {INT64_MIN, "-9223372036854.775808"}};
    char text[32];
    for (size_t k = 0; k < ERG_COUNT(rows); k++) {
        erg_format_micro(rows[k].value, text, sizeof text);
        assert_string_equal(text, rows[k].text);
    }
    uint64_t seed = 1;
    for (int k = 0; k < 20000; k++) {
        int64_t value = (int64_t)(test_random(&seed) >> (16 + test_below(&seed, 40)));
        erg_format_micro(value, text, sizeof text);
        assert_true(llround(strtod(text, NULL) * 1e6) == value);
    }
}

static void test_double_round_trip(void **state)
{
    (void)state;
    uint64_t seed = 2;
    char text[40];
    for (int k = 0; k < 20000; k++) {
        uint64_t bits = test_random(&seed);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (value - value != 0) /* infinities and NaN are not written */
            continue;
        erg_format_double(value, text, sizeof text);
        assert_true(strtod(text, NULL) == value);
    }
    erg_format_double(0.1, text, sizeof text);
    assert_string_equal(text, "0.1");
}

static double of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* As the C library writes it with the fewest digits that read back, six at least. */
static void check_shortest(double value)
{
    char text[40], expected[40];
    erg_format_double(value, text, sizeof text);
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(expected, sizeof expected, "%.*g", digits, value);
        if (strtod(expected, NULL) == value)
            break;
    }
    if (strcmp(text, expected) == 0)
        return;
    /* Rounded to fewer digits it may not read back, where another decimal of that length does. */
    if (strlen(text) >= strlen(expected) || strtod(text, NULL) != value)
        fail_msg("%s, not %s", text, expected);
}

static void test_double_is_shortest(void **state)
{
    static const double some[] = {
        0,      -0.0,   1,    -1,     10,       100000, 999999, 1e6,
        123456, 1e15,   1e16, 1e21,   1e22,     1e23,   1e-4,   1e-5,
        0.1,    1. / 3, 0.3,  5e-324, 1e-300,   1e300,  2.5e-5, 1234567.5,
        0.5,    1e100,  1024, 4096.5, 16777217, 9.5,    0.0001, 9007199254740993};
    uint64_t seed = 3;
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(some); i++)
        check_shortest(some[i]);
    for (uint64_t e = 0; e < 2047; e++) { /* both ends of every binade */
        check_shortest(of_bits(e << 52));
        check_shortest(of_bits(e << 52 | 1));
        check_shortest(of_bits(e << 52 | ((UINT64_C(1) << 52) - 1)));
    }
    for (int k = 0; k < 100000; k++) {
        double value = of_bits(test_random(&seed));
        if (value - value == 0)
            check_shortest(value);
        check_shortest((double)test_below(&seed, 1000000000) / 1e6);
        check_shortest((double)(float)((double)test_below(&seed, 1000000) / 977));
    }
}

static void test_bytes_and_times(void **state)
{
    (void)state;
    char text[40];
    erg_format_bytes(1023, text, sizeof text);
    assert_string_equal(text, "1023 B");
    erg_format_bytes(1536, text, sizeof text);
    assert_string_equal(text, "1.5 KiB");
    erg_format_bytes(UINT64_C(123456789), text, sizeof text);
    assert_string_equal(text, "117.7 MiB");
    erg_format_utc_time(INT64_C(1700000000123456789), text);
    assert_string_equal(text, "2023-11-14T22:13:20.123456+00:00");
    assert_true(erg_add_sat_i64(INT64_MAX, 1) == INT64_MAX);
    assert_true(erg_add_sat_i64(INT64_MIN, -1) == INT64_MIN);
}

/* An order: numbers by value, antisymmetric, and nothing equals what it is not. */
static void test_natural_order(void **state)
{
    static const char *const sorted[] = {"",
                                         "0",
                                         "00",
                                         "1",
                                         "2",
                                         "10",
                                         "a",
                                         "a0",
                                         "a00",
                                         "a01",
                                         "a1",
                                         "a01b",
                                         "a2b",
                                         "a10",
                                         "b",
                                         "hwmon9",
                                         "hwmon010",
                                         "hwmon10",
                                         "hwmon99999999999999999999",
                                         "hwmon100000000000000000000",
                                         "x1y2",
                                         "x1y10",
                                         "x2y1",
                                         "\xC3\xA9"};
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(sorted); i++) {
        for (size_t k = 0; k < ERG_COUNT(sorted); k++) {
            int order = erg_compare_natural(sorted[i], sorted[k]);
            if ((order > 0) - (order < 0) != (i > k) - (i < k))
                print_error("'%s' and '%s': %d\n", sorted[i], sorted[k], order);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_natural_order),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_micro_is_exact),
        cmocka_unit_test(test_double_round_trip),
        cmocka_unit_test(test_double_is_shortest),
        cmocka_unit_test(test_bytes_and_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
