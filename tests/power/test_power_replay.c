/* SPDX-License-Identifier: MIT */
#include "power/fake_clock.h"
#include "power/power.h"
#include "power/replay_csv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static struct erg_channel_value captured[2];

static void capture(void *user, int64_t before, int64_t after, enum erg_reading_kind kind,
                    const struct erg_channel_value *values, uint32_t count)
{
    (void)user;
    (void)before;
    (void)after;
    (void)kind;
    assert_int_equal(count, 2);
    memcpy(captured, values, sizeof captured);
}

static struct erg_power *replay(const char *spec, struct fake_clock *clock, int64_t zero)
{
    struct erg_power_options options = {.spec = spec, .clock = &clock->clock, .allow_files = true};
    struct erg_power *power = NULL;
    struct erg_err err = {.text = ""};
    if (erg_power_open(&power, &options, NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(erg_power_start(power, zero, capture, NULL, NULL, NULL), 0);
    return power;
}

/* Energy of one channel between two times in ms since time zero, in nJ. */
static int64_t energy(struct erg_power *power, int channel, int64_t zero, int64_t a, int64_t b)
{
    erg_power_read_exact(power, zero + a * MS, ERG_READING_EDGE);
    int64_t from = captured[channel].value;
    erg_power_read_exact(power, zero + b * MS, ERG_READING_EDGE);
    return captured[channel].value - from;
}

static void power_is_linear_between_rows_and_held_outside(void **state)
{
    (void)state;
    struct fake_clock clock;
    fake_clock_init(&clock, 900000 * MS);
    int64_t zero = 900777 * MS;
    struct erg_power *power = replay("replay:power/traces/power.csv", &clock, zero);
    const struct erg_channel *channels;
    assert_int_equal(erg_power_channels(power, &channels), 2);
    assert_true(channels[0].synthetic && channels[1].synthetic);
    assert_int_equal(channels[1].domain, ERG_DOMAIN_GPU);
    assert_int_equal(channels[0].update_period_ns, 0);
    /* 10 W → 12 W in 1 s; → 6.0005 W in 2 s. */
    assert_int_equal(energy(power, 0, zero, 0, 1000), INT64_C(11000000000));
    assert_int_equal(energy(power, 0, zero, 1000, 3000), INT64_C(18000500000));
    assert_int_equal(energy(power, 0, zero, 500, 1000), INT64_C(5750000000));
    assert_int_equal(energy(power, 0, zero, -2000, 0), INT64_C(20000000000));
    assert_int_equal(energy(power, 0, zero, 3000, 5000), INT64_C(12001000000));
    assert_int_equal(energy(power, 0, zero, -1000, 4000), INT64_C(45001000000));
    assert_int_equal(energy(power, 1, zero, -1000, 0), 0);
    assert_int_equal(energy(power, 1, zero, 0, 1000), INT64_C(2500000000));
    /* ∫ 10 + 2s over 100 ms pieces: 10·0.1 + ((s+0.1)² − s²). */
    for (int64_t s = 0; s < 1000; s += 100) {
        long double nj = (1 + ((long double)(s + 100) * (long double)(s + 100) -
                               (long double)s * (long double)s) /
                                  1e6L) *
                         1e9L;
        assert_true(fabsl((long double)energy(power, 0, zero, s, s + 100) - nj) <= 1);
    }
    erg_power_close(power);
    fake_clock_deinit(&clock);
}

static void counters_stand_still_outside(void **state)
{
    (void)state;
    struct fake_clock clock;
    fake_clock_init(&clock, 0);
    struct erg_power *power = replay("replay:power/traces/cumulative.csv", &clock, 0);
    assert_int_equal(energy(power, 0, 0, -9000, -500), 0);
    assert_int_equal(energy(power, 0, 0, -500, 500), INT64_C(1000250000));
    assert_int_equal(energy(power, 0, 0, 0, 500), INT64_C(500125000));
    assert_int_equal(energy(power, 0, 0, 500, 99000), 0);
    assert_int_equal(energy(power, 1, 0, -500, 1500), INT64_C(2000000000));
    erg_power_close(power);
    fake_clock_deinit(&clock);
}

static void damaged_files_are_named_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "the file is empty"},
        {"\n\n", "the file is empty"},
        {"cpu_mw\n1\n", "line 1: the header lacks t_ms"},
        {"t_ms\n1\n", "line 1: the header lacks a domain"},
        {"t_ms,t_ms,cpu_mw\n", "line 1: unexpected column 't_ms'"},
        {"t_ms,npu_mw\n", "line 1: unexpected column 'npu_mw'"},
        {"t_ms,cpu_w\n", "line 1: unexpected column 'cpu_w'"},
        {"t_ms,mw\n", "line 1: unexpected column 'mw'"},
        {"t_ms,_mw\n", "line 1: unexpected column '_mw'"},
        {"t_ms,cpu_mw,\n", "line 1: unexpected column ''"},
        {"t_ms,cpu_mw,cpu_mj\n", "line 1: two columns for 'cpu'"},
        {"t_ms,cpu_mw\n", "there are no rows below the header"},
        {"t_ms,cpu_mw\n0,1\n0,2\n", "line 3: t_ms does not increase"},
        {"t_ms,cpu_mw\n\n5,1\n4,2\n", "line 4: t_ms does not increase"},
        {"t_ms,cpu_mj\n0,5\n1,4\n", "line 3: cumulative energy of 'cpu' steps back"},
        {"t_ms,cpu_mw\n0\n", "line 2: not 2 numbers"},
        {"t_ms,cpu_mw\n0,1,2\n", "line 2: not 2 numbers"},
        {"t_ms,cpu_mw\n0,\n", "line 2: '' is not a number"},
        {"t_ms,cpu_mw\n0,nan\n", "line 2: 'nan' is not a number"},
        {"t_ms,cpu_mw\n0,-1\n", "line 2: -1 is not between 0 and 1e+08"},
        {"t_ms,cpu_mw\n0,1e99\n", "line 2: 1e+99 is not between"},
        {"t_ms,cpu_mw\n1e300,1\n", "line 2: 1e+300 is not between"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct erg_replay parsed;
        struct erg_err err = {.text = ""};
        assert_int_equal(erg_replay_parse(rows[i].text, strlen(rows[i].text), &parsed, &err),
                         ERG_CORRUPT);
        if (strncmp(err.text, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("'%s' instead of '%s'", err.text, rows[i].message);
    }
    struct erg_replay parsed;
    assert_int_equal(erg_replay_parse("t_ms,cpu_mw\n0,1\0002\n", 18, &parsed, NULL), ERG_CORRUPT);
}

static void unusable_files_say_so(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        bool allowed;
        int code;
        bool unusable;
    } rows[] = {
        {"replay:power/traces/power.csv", false, ERG_DENIED, true},
        {"replay:power/traces/none.csv", true, ERG_NOT_FOUND, true},
        {"replay:power/CMakeLists.txt", true, ERG_CORRUPT, true},
        {"replay:/dev/zero", true, ERG_LIMIT, true},
        {"replay:", true, ERG_INVALID, false},
        {"replay", true, ERG_INVALID, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct erg_power_options options = {.spec = rows[i].spec, .allow_files = rows[i].allowed};
        struct erg_power *power = NULL;
        bool unusable = !rows[i].unusable;
        assert_int_equal(erg_power_open(&power, &options, &unusable, NULL), rows[i].code);
        assert_int_equal(unusable, rows[i].unusable);
        assert_null(power);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_is_linear_between_rows_and_held_outside),
        cmocka_unit_test(counters_stand_still_outside),
        cmocka_unit_test(damaged_files_are_named_by_line),
        cmocka_unit_test(unusable_files_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
