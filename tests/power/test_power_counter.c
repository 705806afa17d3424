/* SPDX-License-Identifier: MIT */
#include "power/counter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void unwraps_any_number_of_laps(void **state)
{
    (void)state;
    static const uint64_t ranges[] = {1, 9, UINT64_C(65532610987), UINT64_C(262143328850),
                                      UINT64_MAX - 1};
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
        struct erg_counter counter;
        erg_counter_init(&counter, ranges[r]);
        uint64_t truth = ranges[r] / 3, step = ranges[r] / 7 + 1, total = 0;
        for (int i = 0; i < 40 && truth < UINT64_MAX - step; i++, truth += step) {
            uint64_t raw = truth % (ranges[r] + 1);
            assert_int_equal(erg_counter_update(&counter, raw, &total, NULL), 0);
            assert_true(total == truth);
        }
    }
}

static void wraps_behind_its_maximum(void **state)
{
    (void)state;
    assert_int_equal(erg_counter_delta(5, 9, 9), 4);
    assert_int_equal(erg_counter_delta(9, 0, 9), 1);
    assert_int_equal(erg_counter_delta(9, 9, 9), 0);
    assert_int_equal(erg_counter_delta(3, 2, 9), 9);
}

static void impossible_readings_are_refused(void **state)
{
    (void)state;
    struct erg_counter counter;
    struct erg_err err;
    uint64_t total = 77;
    erg_counter_init(&counter, 9);
    assert_int_equal(erg_counter_update(&counter, 4, &total, NULL), 0);
    assert_int_equal(erg_counter_update(&counter, 10, &total, &err), ERG_CORRUPT);
    assert_int_equal(total, 4);
    assert_int_equal(erg_counter_update(&counter, 5, &total, NULL), 0);
    assert_int_equal(total, 5);
}

static void totals_saturate(void **state)
{
    (void)state;
    struct erg_counter counter;
    uint64_t total = 0;
    erg_counter_init(&counter, UINT64_MAX);
    erg_counter_update(&counter, UINT64_MAX - 1, &total, NULL);
    erg_counter_update(&counter, 5, &total, NULL);
    assert_true(total == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unwraps_any_number_of_laps),
        cmocka_unit_test(wraps_behind_its_maximum),
        cmocka_unit_test(impossible_readings_are_refused),
        cmocka_unit_test(totals_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
