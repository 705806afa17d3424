/* SPDX-License-Identifier: MIT */
#include "power/busy.h"

#include "test.h"

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

enum { CPUS = 2 };

#define JIFFY_NS (10 * MS)

static void own_time_counts_at_once(void **state)
{
    (void)state;
    struct erg_busy busy;
    erg_busy_init(&busy, CPUS, JIFFY_NS, 5 * S, 77, 1000 * S);
    erg_busy_add(&busy, 5 * S + 3 * MS, 77 + 2 * MS);
    assert_int_equal(busy.booked_ns, 2 * MS);
    erg_busy_add(&busy, 5 * S + 4 * MS, 77 + 4 * MS);
    assert_int_equal(busy.booked_ns, 4 * MS);
    /* Readings that repeat or go back add nothing. */
    erg_busy_add(&busy, 5 * S + 4 * MS, 77 + 4 * MS);
    erg_busy_add(&busy, 5 * S + 4 * MS, 0);
    assert_int_equal(busy.booked_ns, 4 * MS);
}

static void what_comes_late_is_booked_when_it_can_have_been(void **state)
{
    (void)state;
    struct erg_busy busy;
    erg_busy_init(&busy, CPUS, JIFFY_NS, 0, 0, 0);
    /* A tick tells 8 ms of two threads, of which 1 ms can have been since the last reading. */
    erg_busy_add(&busy, 4 * MS, 0);
    erg_busy_add(&busy, 4 * MS + MS / 2, 8 * MS);
    assert_int_equal(busy.booked_ns, 1 * MS);
    erg_busy_add(&busy, 6 * MS, 8 * MS);
    assert_int_equal(busy.booked_ns, 4 * MS);
    erg_busy_add(&busy, 20 * MS, 8 * MS);
    assert_int_equal(busy.booked_ns, 8 * MS);
}

static void others_of_a_window_are_spread_over_its_length(void **state)
{
    (void)state;
    struct erg_busy busy;
    erg_busy_init(&busy, CPUS, JIFFY_NS, 0, 0, 40 * S);
    assert_false(erg_busy_wants_machine(&busy, 499 * MS));
    erg_busy_add(&busy, 500 * MS, 300 * MS);
    assert_true(erg_busy_wants_machine(&busy, 500 * MS));
    assert_int_equal(busy.booked_ns, 300 * MS);
    erg_busy_end_window(&busy, 40 * S + 400 * MS); /* 100 ms of others */
    assert_false(erg_busy_wants_machine(&busy, 999 * MS));
    for (int i = 1; i <= 50; i++) {
        erg_busy_add(&busy, (500 + i * 10) * MS, 300 * MS);
        assert_int_equal(busy.booked_ns, (300 + 2 * i) * MS);
    }
    erg_busy_add(&busy, 10 * S, 300 * MS);
    assert_int_equal(busy.booked_ns, 400 * MS);
}

static void jiffies_that_lag_are_not_counted_twice(void **state)
{
    (void)state;
    struct erg_busy busy;
    erg_busy_init(&busy, CPUS, JIFFY_NS, 0, 0, 0);
    erg_busy_add(&busy, 500 * MS, 105 * MS);
    erg_busy_end_window(&busy, 100 * MS);
    erg_busy_add(&busy, 1000 * MS, 205 * MS);
    erg_busy_end_window(&busy, 210 * MS);
    erg_busy_add(&busy, 2 * S, 205 * MS);
    assert_int_equal(busy.booked_ns, 210 * MS);
    /* But what never comes is forgotten, and so is the time of a CPU that has gone. */
    erg_busy_end_window(&busy, 0);
    erg_busy_add(&busy, 3 * S, 1205 * MS);
    erg_busy_end_window(&busy, 0);
    erg_busy_add(&busy, 4 * S, 1205 * MS);
    erg_busy_end_window(&busy, 100 * MS);
    erg_busy_add(&busy, 5 * S, 1205 * MS);
    assert_int_equal(busy.booked_ns, 1210 * MS + 100 * MS - 2 * CPUS * JIFFY_NS);
}

/*
 * Two clocks of a machine with random load, one late by its ticks and one in whole jiffies, read at
 * random times: never more than all CPUs, never less than none, and nothing lost.
 */
static void any_stretch_is_possible_and_nothing_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint64_t random = seed;
        struct erg_busy busy;
        int64_t t = 0, engine = 0, others = 0, told = 0, booked = 0;
        erg_busy_init(&busy, CPUS, JIFFY_NS, 0, 0, 0);
        for (int i = 0; i < 4000; i++) {
            int64_t step = (int64_t)test_below(&random, i % 10 ? 500000 : 40000000) + 1;
            int64_t load = (int64_t)test_below(&random, 101);
            bool tick = t / JIFFY_NS != (t + step) / JIFFY_NS;
            t += step;
            engine += step * CPUS * load / 100;
            others += step * CPUS * (100 - load) / 100;
            told = tick ? engine : told;
            erg_busy_add(&busy, t, told);
            assert_true(busy.booked_ns >= booked && busy.booked_ns - booked <= CPUS * step);
            booked = busy.booked_ns;
            if (erg_busy_wants_machine(&busy, t))
                erg_busy_end_window(&busy, (engine + others) / JIFFY_NS * JIFFY_NS);
        }
        erg_busy_add(&busy, t + S, engine);
        erg_busy_end_window(&busy, engine + others);
        erg_busy_add(&busy, t + 3 * S, engine);
        int64_t lost = engine + others - busy.booked_ns;
        assert_in_range(lost + CPUS * JIFFY_NS, 0, 2 * CPUS * JIFFY_NS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_time_counts_at_once),
        cmocka_unit_test(what_comes_late_is_booked_when_it_can_have_been),
        cmocka_unit_test(others_of_a_window_are_spread_over_its_length),
        cmocka_unit_test(jiffies_that_lag_are_not_counted_twice),
        cmocka_unit_test(any_stretch_is_possible_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
