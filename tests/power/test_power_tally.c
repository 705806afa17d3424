/* SPDX-License-Identifier: MIT */
#include "power/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "power/sensor_rig.h"

/* 1 mJ a step, 1 kW at most. */
static struct erg_tally millijoules(void)
{
    struct erg_tally tally;
    erg_tally_init(&tally, 1000000, 1, 1000);
    return tally;
}

static void energy_begins_with_the_first_reading(void **state)
{
    (void)state;
    struct erg_tally tally = millijoules();
    assert_int_equal(erg_tally_add(&tally, 0, UINT64_MAX / 2), ERG_TALLY_MOVED);
    assert_int_equal(erg_tally_nj(&tally), 0);
    assert_int_equal(erg_tally_add(&tally, 0, UINT64_MAX / 2), ERG_TALLY_SAME);
    assert_int_equal(erg_tally_add(&tally, S, UINT64_MAX / 2 + 7), ERG_TALLY_MOVED);
    assert_int_equal(erg_tally_nj(&tally), 7000000);
}

static void units_are_fractions_and_sums_saturate(void **state)
{
    (void)state;
    struct erg_tally tally;
    erg_tally_init(&tally, 1953125, 128, 4000); /* 2^-16 J */
    erg_tally_add(&tally, 0, 1);
    assert_int_equal(erg_tally_add(&tally, S, 65537), ERG_TALLY_MOVED);
    assert_int_equal(erg_tally_nj(&tally), 1000000000);
    erg_tally_init(&tally, 1000000, 1, UINT32_MAX);
    erg_tally_add(&tally, 0, 0);
    assert_int_equal(erg_tally_add(&tally, INT64_MAX - 2 * S, UINT64_MAX / 1000), ERG_TALLY_MOVED);
    assert_int_equal(erg_tally_nj(&tally), INT64_MAX);
}

static void one_wrong_reading_changes_nothing(void **state)
{
    (void)state;
    static const uint64_t wrong[] = {0, 1, 4999, 500000000, UINT64_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct erg_tally tally = millijoules();
        erg_tally_add(&tally, 0, 5000);
        assert_int_equal(erg_tally_add(&tally, S, wrong[i]), ERG_TALLY_SUSPECT);
        assert_int_equal(erg_tally_nj(&tally), 0);
        assert_int_equal(erg_tally_add(&tally, 2 * S, 5100), ERG_TALLY_MOVED);
        assert_int_equal(erg_tally_nj(&tally), 100000000);
    }
}

static void zeros_are_never_a_fresh_start(void **state)
{
    (void)state;
    struct erg_tally tally = millijoules();
    erg_tally_add(&tally, 0, 5000);
    for (int i = 1; i < 50; i++)
        assert_int_equal(erg_tally_add(&tally, i * 50 * MS, 0), ERG_TALLY_SUSPECT);
    assert_int_equal(erg_tally_add(&tally, 3 * S, 5200), ERG_TALLY_MOVED);
    assert_int_equal(erg_tally_nj(&tally), 200000000);
}

/* What is counted is exactly what was used outside the gaps that resets leave. */
static void random_counters_lose_only_what_resets_hide(void **state)
{
    (void)state;
    uint64_t seed = 20261120;
    for (int round = 0; round < 200; round++) {
        struct erg_tally tally = millijoules();
        uint64_t origin = 1000000000 + rig_random(&seed, 1u << 30), used_mj = 0, lost_mj = 0;
        uint64_t good_mj = 0; /* used at the last good reading */
        int64_t t_ns = 0;
        int calm = 0; /* readings since something happened */
        bool restarting = false;
        erg_tally_add(&tally, t_ns, origin);
        for (int i = 0; i < 500; i++, calm++) {
            int64_t ms = 10 + rig_random(&seed, 2000);
            t_ns += ms * MS;
            uint64_t step_mj = (uint64_t)ms * rig_random(&seed, 900) + 1;
            used_mj += step_mj;
            bool reset = calm > 5 && rig_random(&seed, 100) == 0;
            bool glitch = !reset && calm > 5 && rig_random(&seed, 30) == 0;
            if (reset) {
                origin = (uint64_t)0 - used_mj + rig_random(&seed, (uint32_t)step_mj);
                restarting = true;
            }
            uint64_t shown = origin + used_mj;
            if (glitch)
                shown = rig_random(&seed, 2) ? shown / 3 : shown + UINT64_C(9000000000);
            enum erg_tally_step step = erg_tally_add(&tally, t_ns, shown);
            if (reset || glitch)
                calm = 0;
            if (glitch) {
                assert_int_equal(step, ERG_TALLY_SUSPECT);
                continue;
            }
            if (step == ERG_TALLY_RESTARTED) {
                assert_true(restarting);
                lost_mj += used_mj - good_mj;
                restarting = false;
            }
            assert_true(restarting ? step == ERG_TALLY_SUSPECT && calm < 4
                                   : step != ERG_TALLY_SUSPECT);
            if (restarting)
                continue;
            good_mj = used_mj;
            assert_int_equal(erg_tally_nj(&tally), (used_mj - lost_mj) * 1000000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(energy_begins_with_the_first_reading),
        cmocka_unit_test(units_are_fractions_and_sums_saturate),
        cmocka_unit_test(one_wrong_reading_changes_nothing),
        cmocka_unit_test(zeros_are_never_a_fresh_start),
        cmocka_unit_test(random_counters_lose_only_what_resets_hide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
