/* SPDX-License-Identifier: MIT */
#include "energy/random.h"
#include "power/exact.h"
#include "power/fake_clock.h"
#include "power/power.h"
#include "power/waveform.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

static int64_t captured_nj;

static void capture(void *user, int64_t before, int64_t after, enum erg_reading_kind kind,
                    const struct erg_channel_value *values, uint32_t count)
{
    (void)user;
    (void)kind;
    assert_int_equal(before, after);
    assert_int_equal(count, 1);
    assert_int_equal(values[0].status, 0);
    captured_nj = values[0].value;
}

static struct erg_power *open_at(const char *spec, struct fake_clock *clock, int64_t zero)
{
    struct erg_power_options options = {.spec = spec, .clock = &clock->clock};
    struct erg_power *power = NULL;
    struct erg_err err = {0};
    assert_int_equal(erg_power_open(&power, &options, NULL, &err), 0);
    assert_true(erg_power_is_exact(power));
    assert_false(erg_power_is_polled(power));
    assert_int_equal(erg_power_start(power, zero, capture, NULL, NULL, NULL), 0);
    return power;
}

static int64_t energy_at(struct erg_power *power, int64_t t)
{
    erg_power_read_exact(power, t, ERG_READING_EDGE);
    return captured_nj;
}

/* --- closed forms, in joules from time zero; before it the first power is held ---------------- */

static long double constant_20(long double s)
{
    return 20 * s;
}

static long double ramp_10_2(long double s)
{
    return s < 0 ? 10 * s : 10 * s + s * s;
}

/* Falls to nothing after 5 s. */
static long double ramp_down(long double s)
{
    if (s < 0)
        return 10 * s;
    return s < 5 ? 10 * s - s * s : 25;
}

/* Rises to 100 kW after 1 s. */
static long double ramp_ceiling(long double s)
{
    if (s < 0)
        return 0;
    return s < 1 ? 50000 * s * s : 50000 + 100000 * (s - 1);
}

static long double square_5_25(long double s)
{
    if (s < 0)
        return 5 * s;
    long double laps = floorl(s / 0.2L), rest = s - laps * 0.2L;
    return laps * 3 + (rest < 0.1L ? 5 * rest : 0.5L + 25 * (rest - 0.1L));
}

static void energy_has_its_closed_form(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        long double (*joules)(long double s);
    } rows[] = {
        {"synthetic:cpu=20W", constant_20},
        {"synthetic:cpu=20000mW", constant_20},
        {"synthetic:gpu=0.02kW", constant_20},
        {"synthetic:cpu=ramp(10W,2W/s)", ramp_10_2},
        {"synthetic:cpu=ramp(10W,-2W/s)", ramp_down},
        {"synthetic:cpu=ramp(0W,100kW/s)", ramp_ceiling},
        {"synthetic:dram=square(5W,25W,200ms)", square_5_25},
    };
    uint64_t seed = 11;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake_clock clock;
        fake_clock_init(&clock, 5000 * S);
        int64_t zero = 5003 * S + 17;
        struct erg_power *power = open_at(rows[i].spec, &clock, zero);
        for (int k = 0; k < 500; k++) {
            int64_t a = zero + random_between(&seed, -30 * S, 60 * S);
            int64_t b = a + random_between(&seed, 0, k % 2 ? 40 * S : S / 100);
            long double nj = (rows[i].joules((long double)(b - zero) / 1e9L) -
                              rows[i].joules((long double)(a - zero) / 1e9L)) *
                             1e9L;
            int64_t got = energy_at(power, b) - energy_at(power, a);
            assert_true(fabsl((long double)got - nj) <= 1.01L);
        }
        erg_power_close(power);
        fake_clock_deinit(&clock);
    }
}

/* 3 µW/s over 1 ns is 3e-9 half µW·ns: nothing when it is added, one unit when it is taken away. */
static void the_sum_with_the_held_power_is_rounded_down(void **state)
{
    (void)state;
    struct erg_waveform ramp = {ERG_WAVE_RAMP, .first_uw = 10, .slope_uw_s = 3};
    assert_int_equal((int)erg_waveform_excess(&ramp, 1), 0);
    /* At the floor after 10/3 s: 2·10·s − 10²·1e9/3. */
    ramp.slope_uw_s = -3;
    assert_int_equal((int)erg_waveform_excess(&ramp, 1), -1);
    assert_true(erg_waveform_excess(&ramp, 4 * S) == -(erg_i128)46666666667);
    assert_int_equal((int)erg_waveform_excess(&ramp, 0), 0);
    assert_int_equal((int)erg_waveform_excess(&ramp, -5), 0);
}

static void energy_never_falls(void **state)
{
    (void)state;
    static const char *const specs[] = {"synthetic:cpu=ramp(3mW,-1mW/s)",
                                        "synthetic:cpu=ramp(0W,7mW/s)",
                                        "synthetic:cpu=square(0W,3mW,7ms)"};
    for (size_t i = 0; i < 3; i++) {
        struct fake_clock clock;
        fake_clock_init(&clock, 0);
        struct erg_power *power = open_at(specs[i], &clock, 0);
        static const int64_t around[] = {-100, 0, 3 * S - 500, 3500000};
        for (size_t k = 0; k < 4; k++) {
            int64_t last = energy_at(power, around[k]);
            for (int64_t t = around[k]; t < around[k] + 2000; t++) {
                int64_t now = energy_at(power, t);
                assert_true(now >= last);
                last = now;
            }
        }
        erg_power_close(power);
        fake_clock_deinit(&clock);
    }
}

/* Readings of the idle baseline, taken while time zero is not known, agree with later ones. */
static void moving_zero_keeps_the_past(void **state)
{
    (void)state;
    struct fake_clock clock;
    fake_clock_init(&clock, 100 * S);
    struct erg_power *power = open_at("synthetic:cpu=ramp(10W,2W/s)", &clock, ERG_ZERO_UNKNOWN);
    int64_t before = energy_at(power, 101 * S), later = energy_at(power, 103 * S);
    assert_int_equal(later - before, 20 * S);
    erg_power_set_zero(power, 103 * S);
    assert_int_equal(energy_at(power, 101 * S), before);
    assert_int_equal(energy_at(power, 103 * S), later);
    assert_int_equal(energy_at(power, 105 * S) - later, 24 * S);
    erg_power_stop(power);
    captured_nj = -5;
    erg_power_read_exact(power, 105 * S, ERG_READING_EDGE);
    assert_int_equal(captured_nj, -5);
    erg_power_close(power);
    fake_clock_deinit(&clock);
}

static void no_instant_is_too_far_away(void **state)
{
    (void)state;
    static const char *const specs[] = {"synthetic:cpu=100kW", "synthetic:cpu=ramp(1W,100kW/s)",
                                        "synthetic:cpu=ramp(100kW,-0.001mW/s)",
                                        "synthetic:cpu=square(0W,100kW,2ms)"};
    static const int64_t times[] = {INT64_MIN, -S, 0, S, INT64_MAX / 2, INT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        struct fake_clock clock;
        fake_clock_init(&clock, 0);
        struct erg_power *power = open_at(specs[i], &clock, 0);
        int64_t last = 0;
        for (size_t k = 0; k < 6; k++) {
            int64_t now = energy_at(power, times[k]);
            assert_true(now >= last);
            last = now;
        }
        assert_int_equal(energy_at(power, INT64_MAX), INT64_MAX);
        assert_int_equal(energy_at(power, INT64_MIN), 0);
        erg_power_close(power);
        fake_clock_deinit(&clock);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(energy_has_its_closed_form),
        cmocka_unit_test(the_sum_with_the_held_power_is_rounded_down),
        cmocka_unit_test(energy_never_falls),
        cmocka_unit_test(moving_zero_keeps_the_past),
        cmocka_unit_test(no_instant_is_too_far_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
