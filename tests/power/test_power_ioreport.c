/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/limits.h"
#include "energy/timeline.h"
#include "power/ioreport.h"
#include "power/sources.h"
#include "power/spread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

/* --- names, units, times ---------------------------------------------------------------------- */

static void only_totals_are_wanted(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "CPU Energy", "DIE_0_CPU Energy", "DIE_1_CPU Energy", "GPU Energy", "ANE", "ANE0_1", "DRAM",
        "DRAM0",      "GPU SRAM",         "GPU SRAM0"};
    static const char *const parts[] = {
        "ECPU0", "EACC_CPU0", "PCPU0",        "PACC0_CPU0", "MCPU0_0",    "PACC_0",
        "PCPU",  "ECPM",      "PCPU0_SRAM",   "EACC_SRAM",  "GPU",        "GPU Energy ",
        "xDRAM", "ISP_ANE",   "CPU Energy 2", "",           "cpu energy", "DTL GPU SRAM"};
    for (size_t i = 0; i < ERG_COUNT(wanted); i++)
        assert_true(erg_ioreport_wanted(wanted[i]));
    for (size_t i = 0; i < ERG_COUNT(parts); i++)
        assert_false(erg_ioreport_wanted(parts[i]));
}

static void totals_are_added_up_in_their_units(void **state)
{
    (void)state;
    static const struct erg_ioreport_item ultra[] = {
        {"DIE_0_CPU Energy", "mJ  ", 70, 5},
        {"DIE_1_CPU Energy", "mJ", 30, 9},
        {"GPU Energy", "nJ      ", 999999, 7}, /* not cut to whole millijoules */
        {"ANE0_0", "uJ", 3, 0},
        {"ANE0_1", " uJ ", 4, 0},
        {"DRAM0", "J", 8, 1},
        {"PCPU0", "mJ", 1000, 1},
        {"GPU SRAM", "mJ", -5, 1},
    };
    struct erg_ioreport_sums sums;
    erg_ioreport_sum(ultra, ERG_COUNT(ultra), &sums);
    assert_int_equal(sums.present,
                     1u << ERG_IOREPORT_CPU | 1u << ERG_IOREPORT_GPU | 1u << ERG_IOREPORT_ANE);
    assert_int_equal(sums.nj[ERG_IOREPORT_CPU], 100 * MS);
    assert_int_equal(sums.ticks[ERG_IOREPORT_CPU], 9);
    assert_int_equal(sums.nj[ERG_IOREPORT_GPU], 999999);
    assert_int_equal(sums.nj[ERG_IOREPORT_ANE], 7000);
    /* A total of all dies is not added to that of each. */
    static const struct erg_ioreport_item both[] = {{"DIE_0_CPU Energy", "mJ", 70, 5},
                                                    {"CPU Energy", "mJ", 100, 6},
                                                    {"DIE_1_CPU Energy", "mJ", 30, 5}};
    erg_ioreport_sum(both, ERG_COUNT(both), &sums);
    assert_int_equal(sums.nj[ERG_IOREPORT_CPU], 100 * MS);
    assert_int_equal(sums.ticks[ERG_IOREPORT_CPU], 6);
    static const struct erg_ioreport_item huge[] = {{"DRAM", "mJ", INT64_MAX / 2, 0},
                                                    {"DRAM1", "nJ", 5, 0}};
    erg_ioreport_sum(huge, ERG_COUNT(huge), &sums);
    assert_int_equal(sums.nj[ERG_IOREPORT_DRAM], INT64_MAX);
}

static void ticks_become_times(void **state)
{
    (void)state;
    unsigned char element[64] = {0};
    uint64_t ticks = UINT64_C(0x0123456789abcdef);
    memcpy(element + 24, &ticks, sizeof ticks);
    assert_true(erg_ioreport_ticks(element, sizeof element) == ticks);
    assert_true(erg_ioreport_ticks(element, 32) == ticks);
    assert_int_equal(erg_ioreport_ticks(element, 31), 0);
    /* 24 MHz, as on Apple's CPUs; a year of it does not leave 64 bits */
    assert_int_equal(erg_ioreport_time_ns(24000000, 125, 3, 2 * S), S);
    assert_int_equal(erg_ioreport_time_ns(24000000 * UINT64_C(31536000), 125, 3, INT64_MAX),
                     31536000 * S);
    assert_int_equal(erg_ioreport_time_ns(24000000, 125, 3, S - 1), -1);
    assert_int_equal(erg_ioreport_time_ns(UINT64_MAX, 125, 3, INT64_MAX), -1);
    assert_int_equal(erg_ioreport_time_ns(0, 125, 3, S), -1);
    assert_int_equal(erg_ioreport_time_ns(1, 0, 0, S), -1);
}

/* --- publications ----------------------------------------------------------------------------- */

static void take(struct erg_spread *spread, struct erg_timeline *timeline, int64_t now_ns)
{
    struct erg_channel_value values[ERG_SPREAD_CHANNELS];
    int64_t t_ns;
    while (erg_spread_next(spread, &t_ns, values)) {
        assert_true(t_ns <= now_ns);
        for (uint32_t i = 0; i < spread->count; i++) {
            if (values[i].status == (uint32_t)-ERG_OVERRUN)
                erg_timeline_break(timeline, i);
            if (values[i].status == 0)
                assert_int_equal(erg_timeline_add(timeline, i, t_ns, values[i].value, NULL), 0);
        }
    }
}

static struct erg_timeline *channels(uint32_t count)
{
    struct erg_channel list[4] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}};
    struct erg_timeline *timeline = NULL;
    assert_int_equal(erg_timeline_new(&timeline, list, count, NULL), 0);
    return timeline;
}

static int64_t energy(const struct erg_timeline *timeline, uint32_t i, int64_t t0, int64_t t1)
{
    int64_t nj = -1;
    return erg_timeline_channel_energy(timeline, i, t0, t1, &nj) ? nj : -1;
}

/*
 * Constant power, published at random times up to 2.3 s apart in uneven pieces, looked at every
 * 100 ms: energy of any window that lies between publications is that of the power, to a rounding.
 */
static void batches_lie_evenly_over_their_true_span(void **state)
{
    (void)state;
    uint64_t seed = 21;
    for (int round = 0; round < 40; round++) {
        struct erg_spread spread;
        struct erg_timeline *timeline = channels(2);
        int64_t mw = 1 + (int64_t)test_below(&seed, 40000), stamp = 100 * S, first = stamp;
        int64_t next = stamp;
        erg_spread_init(&spread, 2, 3 * S);
        for (int64_t now = 100 * S; now < 130 * S; now += 100 * MS) {
            while (next <= now) {
                stamp = next;
                next += test_below(&seed, 4) ? 1500 * MS + (int64_t)test_below(&seed, 800) * MS
                                             : 12 * MS + (int64_t)test_below(&seed, 17) * MS;
            }
            erg_spread_show(&spread, 0, stamp, mw * ((stamp - first) / 1000), now);
            erg_spread_show(&spread, 1, -1, mw * ((now - first) / 1000), now);
            int64_t before = energy(timeline, 0, first, stamp - 3 * S);
            take(&spread, timeline, now);
            /* what comes later changes nothing before it */
            if (before >= 0)
                assert_int_equal(energy(timeline, 0, first, stamp - 3 * S), before);
        }
        for (int i = 0; i < 50; i++) {
            int64_t t0 = first + (int64_t)test_below(&seed, (uint64_t)(stamp - first));
            int64_t t1 = t0 + (int64_t)test_below(&seed, (uint64_t)(stamp - t0));
            int64_t truth = mw * (t1 - t0) / 1000;
            assert_true(llabs(energy(timeline, 0, t0, t1) - truth) <= 2 * mw + 2);
            assert_true(llabs(energy(timeline, 1, t0, t1) - truth) <= 2 * mw + 2);
        }
        erg_timeline_free(timeline);
    }
}

static void a_channel_that_stands_still_has_no_energy(void **state)
{
    (void)state;
    struct erg_spread spread;
    struct erg_timeline *timeline = channels(1);
    erg_spread_init(&spread, 1, 3 * S);
    for (int64_t now = 10 * S; now <= 20 * S; now += 100 * MS) {
        erg_spread_show(&spread, 0, 10 * S, 5000, now);
        take(&spread, timeline, now);
    }
    assert_int_equal(energy(timeline, 0, 10 * S, 17 * S), 0);
    assert_int_equal(energy(timeline, 0, 17 * S, 20 * S), -1); /* may still come */
    /* It does, and is for the time since. */
    erg_spread_show(&spread, 0, 20 * S, 8000, 20100 * MS);
    take(&spread, timeline, 20100 * MS);
    assert_int_equal(energy(timeline, 0, 10 * S, 17 * S), 0);
    assert_int_equal(energy(timeline, 0, 17 * S, 20 * S), 3000);
    assert_int_equal(energy(timeline, 0, 18 * S, 19 * S), 1000);
    erg_timeline_free(timeline);
}

static void a_step_back_is_a_gap(void **state)
{
    (void)state;
    struct erg_spread spread;
    struct erg_timeline *timeline = channels(1);
    erg_spread_init(&spread, 1, 3 * S);
    static const int64_t shown[] = {1000, 2000, 100, 600};
    for (int64_t i = 0; i < 4; i++) {
        erg_spread_show(&spread, 0, (i + 1) * S, shown[i], (i + 1) * S + MS);
        take(&spread, timeline, (i + 1) * S + MS);
    }
    assert_int_equal(energy(timeline, 0, S, 4 * S), 1500);
    assert_int_equal(energy(timeline, 0, 2 * S, 3 * S), -1);
    erg_timeline_free(timeline);
}

/* --- the source, on a library of the test's ----------------------------------------------------
 */

struct fake_library {
    int64_t now_ns, cpu_mj, gpu_nj;
    uint64_t cpu_ticks;
    int failure;
};

static struct fake_library library;

static int fake_open(void **out_handle, struct erg_err *err)
{
    if (library.failure)
        return erg_fail(err, library.failure, "no such library");
    *out_handle = &library;
    return 0;
}

static int fake_sample(void *handle, struct erg_ioreport_item *items, size_t *out_count,
                       struct erg_err *err)
{
    struct fake_library *fake = handle;
    if (fake->failure)
        return erg_fail(err, ERG_IO, "IOReport gives no sample");
    items[0] = (struct erg_ioreport_item){"CPU Energy", "mJ  ", fake->cpu_mj, fake->cpu_ticks};
    items[1] = (struct erg_ioreport_item){"GPU Energy", "nJ", fake->gpu_nj,
                                          (uint64_t)fake->now_ns / 125 * 3};
    items[2] = (struct erg_ioreport_item){"GPU SRAM", "mJ", 1, 0};
    *out_count = 3;
    return 0;
}

static void fake_timebase(uint32_t *out_numerator, uint32_t *out_denominator)
{
    *out_numerator = 125;
    *out_denominator = 3;
}

static void fake_close(void *handle)
{
    assert_ptr_equal(handle, &library);
}

static const struct erg_ioreport_api api = {fake_open, fake_sample, fake_timebase, fake_close};

static int64_t fake_now(void *user)
{
    (void)user;
    return library.now_ns;
}

static void energy_of_a_mac_that_batches(void **state)
{
    (void)state;
    const struct erg_clock clock = {.now_ns = fake_now};
    struct erg_channel list[ERG_MAX_CHANNELS];
    struct erg_power_source *source = NULL;
    struct erg_err err = {0};
    uint32_t count = 0;
    library = (struct fake_library){.now_ns = 50 * S, .cpu_mj = 9000, .gpu_nj = 5};
    library.cpu_ticks = (uint64_t)(49 * S / 125 * 3);
    assert_int_equal(erg_ioreport_open_with(&api, &clock, &source, list, &count, &err), 0);
    assert_int_equal(count, 3);
    assert_true(list[2].raw && !list[0].raw);
    struct erg_timeline *timeline = NULL;
    assert_int_equal(erg_timeline_new(&timeline, list, count, NULL), 0);
    for (int i = 0; i <= 100; i++, library.now_ns += 100 * MS) {
        library.gpu_nj = 5 + i * 50 * MS; /* 0.5 W */
        if (i % 20 == 5) {                /* 10 W, published every 2 s */
            library.cpu_ticks = (uint64_t)((library.now_ns - 3 * MS) / 125 * 3);
            library.cpu_mj = 9000 + (library.now_ns - 3 * MS - 49 * S) / 100000;
        }
        struct erg_channel_value values[3] = {0};
        int64_t t_ns = library.now_ns;
        const struct erg_power_driver *driver = &erg_power_driver_ioreport;
        for (; driver->read(source, &t_ns, values, &err) == 0; t_ns = library.now_ns) {
            for (uint32_t c = 0; c < count; c++) {
                if (values[c].status == 0)
                    erg_timeline_add(timeline, c, t_ns, values[c].value, NULL);
            }
        }
    }
    for (int64_t t0 = 49 * S; t0 < 58 * S; t0 += 100 * MS) {
        assert_true(llabs(energy(timeline, 0, t0, t0 + 100 * MS) - 1000 * MS) < 2 * MS);
        if (t0 >= 50 * S)
            assert_true(llabs(energy(timeline, 1, t0, t0 + 100 * MS) - 50 * MS) < 100);
    }
    library.failure = 1;
    struct erg_channel_value values[3] = {0};
    int64_t t_ns = library.now_ns;
    assert_int_equal(erg_power_driver_ioreport.read(source, &t_ns, values, &err), ERG_IO);
    erg_power_driver_ioreport.close(source);
    erg_timeline_free(timeline);
}

static void without_the_library_it_is_absent(void **state)
{
    (void)state;
    const struct erg_clock clock = {.now_ns = fake_now};
    struct erg_channel list[ERG_MAX_CHANNELS];
    struct erg_power_source *source = NULL;
    struct erg_err err = {0};
    uint32_t count = 0;
    library = (struct fake_library){.failure = ERG_UNSUPPORTED};
    assert_int_equal(erg_ioreport_open_with(&api, &clock, &source, list, &count, &err),
                     ERG_UNSUPPORTED);
    assert_int_equal(erg_ioreport_open_with(NULL, &clock, &source, list, &count, &err),
                     ERG_NOT_FOUND);
    assert_null(source);
    erg_power_driver_ioreport.close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_totals_are_wanted),
        cmocka_unit_test(totals_are_added_up_in_their_units),
        cmocka_unit_test(ticks_become_times),
        cmocka_unit_test(batches_lie_evenly_over_their_true_span),
        cmocka_unit_test(a_channel_that_stands_still_has_no_energy),
        cmocka_unit_test(a_step_back_is_a_gap),
        cmocka_unit_test(energy_of_a_mac_that_batches),
        cmocka_unit_test(without_the_library_it_is_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
