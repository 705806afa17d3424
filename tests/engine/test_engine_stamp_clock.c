/* SPDX-License-Identifier: MIT */
#include "engine/llama/stamp_clock.h"

#include "test.h"

enum { MS = 1000 * 1000, OFF_NS = 50 * 1000 };

/* Readings between two of the system's clock, for a while; `off_ns` is how much more they may be.
 */
static void compare(const struct erg_stamp_clock *clock, int64_t for_ns, int64_t off_ns)
{
    int64_t end_ns = ergon_probe_now_ns() + for_ns, before_ns = 0;
    while (before_ns < end_ns) {
        before_ns = ergon_probe_now_ns();
        int64_t now_ns = erg_stamp_clock_now_ns(clock);
        int64_t after_ns = ergon_probe_now_ns();
        assert_in_range(now_ns, before_ns - off_ns, after_ns + off_ns);
    }
}

static void pass(int64_t for_ns)
{
    int64_t end_ns = ergon_probe_now_ns() + for_ns;
    while (ergon_probe_now_ns() < end_ns)
        ;
}

/* Before there is a rate it is the system's clock. */
static void test_new(void **state)
{
    (void)state;
    struct erg_stamp_clock clock;
    erg_stamp_clock_init(&clock);
    assert_int_equal(clock.ns_per_tick, 0);
    compare(&clock, 1 * MS, 0);
}

static void test_counter(void **state)
{
    (void)state;
    struct erg_stamp_clock clock;
    erg_stamp_clock_init(&clock);
    for (int i = 0; i < 10; i++) {
        pass(15 * MS);
        erg_stamp_clock_set(&clock);
        compare(&clock, 15 * MS, OFF_NS);
    }
    if (!clock.has_counter)
        print_message("this system does not keep time by a counter: its clock is read\n");
}

/* Set long ago: the counter is not trusted. */
static void test_late(void **state)
{
    (void)state;
    struct erg_stamp_clock clock;
    erg_stamp_clock_init(&clock);
    pass(15 * MS);
    erg_stamp_clock_set(&clock);
    clock.set_ticks -= UINT64_C(1) << 30;
    clock.set_ns = 0;
    compare(&clock, 1 * MS, 0);
    clock.set_ticks = erg_stamp_clock_ticks() + 1000000; /* nor one that goes back */
    compare(&clock, 1 * MS / 10, 0);
}

/* The rate follows the clock of the last seconds. */
static void test_rate(void **state)
{
    (void)state;
    struct erg_stamp_clock clock;
    erg_stamp_clock_init(&clock);
    if (!clock.has_counter) {
        erg_stamp_clock_set(&clock);
        assert_int_equal(clock.ns_per_tick, 0);
        return;
    }
    pass(15 * MS);
    erg_stamp_clock_set(&clock);
    uint64_t rate = clock.ns_per_tick;
    /* as if begun a minute ago */
    clock.first_ns -= INT64_C(60000) * MS;
    clock.first_ticks -= (uint64_t)(60e9 / ((double)rate / 4294967296.0));
    erg_stamp_clock_set(&clock);
    assert_true((double)clock.ns_per_tick / (double)rate > 0.999);
    assert_true((double)clock.ns_per_tick / (double)rate < 1.001);
    assert_in_range(ergon_probe_now_ns() - clock.first_ns, 1000 * MS, 10000 * (int64_t)MS);
    erg_stamp_clock_set(&clock);
    compare(&clock, 15 * MS, OFF_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_counter),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
