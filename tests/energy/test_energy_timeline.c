/* SPDX-License-Identifier: MIT */
#include "energy/timeline.h"

#include "base/limits.h"
#include "base/mem.h"
#include "energy/curve.h"
#include "energy/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

static int fail_at; /* the allocation that fails, counting from 1; 0 = none */

void *__real_erg_calloc(size_t count, size_t size);
void *__wrap_erg_calloc(size_t count, size_t size);

void *__wrap_erg_calloc(size_t count, size_t size)
{
    if (fail_at && --fail_at == 0)
        return NULL;
    return __real_erg_calloc(count, size);
}

int __real_erg_grow(void **items, size_t *capacity, size_t need, size_t item_bytes, size_t max);
int __wrap_erg_grow(void **items, size_t *capacity, size_t need, size_t item_bytes, size_t max);

int __wrap_erg_grow(void **items, size_t *capacity, size_t need, size_t item_bytes, size_t max)
{
    if (fail_at && --fail_at == 0)
        return ERG_NOMEM;
    return __real_erg_grow(items, capacity, need, item_bytes, max);
}

struct reading {
    int64_t t_ns, value;
};

static struct erg_timeline *one_channel(enum erg_quantity quantity, int64_t period_ns)
{
    struct erg_channel channel = {.name = "c",
                                  .source = "test",
                                  .quantity = quantity,
                                  .update_period_ns = period_ns,
                                  .max_gap_ns = 500 * MS};
    struct erg_timeline *timeline = NULL;
    assert_int_equal(erg_timeline_new(&timeline, &channel, 1, NULL), 0);
    return timeline;
}

static void add_all(struct erg_timeline *timeline, uint32_t channel, const struct reading *readings,
                    size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            erg_timeline_add(timeline, channel, readings[i].t_ns, readings[i].value, NULL), 0);
}

static int64_t energy(const struct erg_timeline *timeline, int64_t t0, int64_t t1)
{
    struct erg_window window = erg_timeline_window(timeline, t0, t1);
    return erg_energy_total_nj(&window.energy);
}

/* --- the slow reference ------------------------------------------------------------------------
 */

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct reading *)a)->t_ns, y = ((const struct reading *)b)->t_ns;
    return (x > y) - (x < y);
}

/* Sort, keep the first of equal times in order of arrival, clamp. */
static size_t tidy(struct reading *readings, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < kept && readings[j].t_ns != readings[i].t_ns)
            j++;
        if (j == kept)
            readings[kept++] = readings[i];
    }
    qsort(readings, kept, sizeof *readings, by_time);
    for (size_t i = 0; i < kept; i++) {
        if (readings[i].value < 0)
            readings[i].value = 0;
    }
    return kept;
}

static long double slow_counter(const struct reading *r, size_t count, int64_t t)
{
    long double top = count ? (long double)r[0].value : 0;
    for (size_t i = 0; i + 1 < count && r[i].t_ns < t; i++) {
        long double next = fmaxl(top, (long double)r[i + 1].value);
        if (t < r[i + 1].t_ns)
            return top + (next - top) * (long double)(t - r[i].t_ns) /
                             (long double)(r[i + 1].t_ns - r[i].t_ns);
        top = next;
    }
    return top;
}

static long double slow_power(const struct reading *r, size_t count, int64_t t, int64_t max_gap)
{
    long double nj = 0;
    for (size_t i = 0; i + 1 < count && r[i].t_ns < t; i++) {
        long double dt = (long double)(r[i + 1].t_ns - r[i].t_ns);
        long double x = t < r[i + 1].t_ns ? (long double)(t - r[i].t_ns) : dt;
        long double p0 = (long double)r[i].value, p1 = (long double)r[i + 1].value;
        if (dt <= (long double)max_gap)
            nj += (p0 + (p0 + (p1 - p0) * x / dt)) / 2 * x / 1e6L;
    }
    return nj;
}

/* Readings with gaps, duplicates, negatives, counters that step back, out of order. */
static size_t random_readings(uint64_t *seed, struct reading *out, size_t max)
{
    size_t count = (size_t)random_between(seed, 2, (int64_t)max);
    int64_t t = random_between(seed, -1000 * MS, 1000 * MS), value = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t step = random_between(seed, 0, 200 * MS);
        t += random_u64(seed) % 10 ? step : step * 10;
        value += random_between(seed, -1000000, 30000000);
        if (i && random_u64(seed) % 8 == 0)
            t = out[i - 1].t_ns;
        out[i] = (struct reading){t, value};
    }
    for (size_t i = 0; i < count; i++) {
        size_t other = i + random_u64(seed) % (count - i < 4 ? count - i : 4);
        struct reading swap = out[i];
        out[i] = out[other];
        out[other] = swap;
    }
    return count;
}

static void agrees_with_the_slow_reference(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 300; round++) {
        struct reading readings[60];
        enum erg_quantity quantity = round % 2 ? ERG_QUANTITY_POWER : ERG_QUANTITY_ENERGY;
        struct erg_timeline *timeline = one_channel(quantity, MS);
        size_t count = random_readings(&seed, readings, 60);
        add_all(timeline, 0, readings, count);
        count = tidy(readings, count);
        int64_t first = readings[0].t_ns, last = readings[count - 1].t_ns;
        for (int i = 0; i < 50; i++) {
            int64_t a = random_between(&seed, first - 100 * MS, last + 100 * MS);
            int64_t b = random_between(&seed, a, last + 200 * MS);
            long double expected =
                quantity == ERG_QUANTITY_POWER
                    ? slow_power(readings, count, b, 500 * MS) -
                          slow_power(readings, count, a, 500 * MS)
                    : slow_counter(readings, count, b) - slow_counter(readings, count, a);
            assert_true(fabsl((long double)energy(timeline, a, b) - expected) <= 1.001L);
        }
        erg_timeline_free(timeline);
    }
}

static void windows_add_up_and_never_cost_less_than_nothing(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (int round = 0; round < 200; round++) {
        struct erg_channel channels[3] = {
            {.name = "a", .quantity = ERG_QUANTITY_ENERGY},
            {.name = "b", .quantity = ERG_QUANTITY_POWER, .max_gap_ns = 300 * MS},
            {.name = "c", .quantity = ERG_QUANTITY_ENERGY, .domain = ERG_DOMAIN_GPU},
        };
        struct erg_timeline *timeline = NULL;
        assert_int_equal(erg_timeline_new(&timeline, channels, 3, NULL), 0);
        for (uint32_t c = 0; c < 3; c++) {
            struct reading readings[40];
            size_t count = random_readings(&seed, readings, 40);
            add_all(timeline, c, readings, count);
        }
        for (int i = 0; i < 40; i++) {
            int64_t a = random_between(&seed, -2000 * MS, 3000 * MS);
            int64_t b = random_between(&seed, a, 8000 * MS);
            int64_t c = random_between(&seed, b, 12000 * MS);
            assert_int_equal(energy(timeline, a, c),
                             energy(timeline, a, b) + energy(timeline, b, c));
            assert_true(energy(timeline, a, b) >= 0);
            assert_true(energy(timeline, a, c) >= energy(timeline, a, b));
            struct erg_window window = erg_timeline_window(timeline, a, c);
            assert_true(window.coverage_ratio >= 0 && window.coverage_ratio <= 1);
        }
        erg_timeline_free(timeline);
    }
}

static void every_nanosecond_is_monotone(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 200; round++) {
        struct erg_timeline *timeline = one_channel(ERG_QUANTITY_POWER, 0);
        int64_t t = 0, last = 0;
        for (int i = 0; i < 6; i++) {
            int64_t value = random_between(&seed, 0, 5000000);
            erg_timeline_add(timeline, 0, t, random_u64(&seed) % 3 ? value : 0, NULL);
            t += random_between(&seed, 1, 60);
        }
        for (int64_t now = 0; now <= t; now++) {
            int64_t e = energy(timeline, 0, now);
            assert_true(e >= last);
            last = e;
        }
        erg_timeline_free(timeline);
    }
}

static void order_of_arrival_does_not_matter(void **state)
{
    (void)state;
    uint64_t seed = 6;
    for (int round = 0; round < 200; round++) {
        struct reading readings[40];
        size_t count = random_readings(&seed, readings, 40);
        enum erg_quantity quantity = round % 2 ? ERG_QUANTITY_POWER : ERG_QUANTITY_ENERGY;
        count = tidy(readings, count);
        struct erg_timeline *sorted = one_channel(quantity, 0), *mixed = one_channel(quantity, 0);
        add_all(sorted, 0, readings, count);
        int64_t first = readings[0].t_ns, last = readings[count - 1].t_ns;
        for (size_t i = count - 1; i > 0; i--) {
            size_t other = random_u64(&seed) % (i + 1);
            struct reading swap = readings[i];
            readings[i] = readings[other];
            readings[other] = swap;
        }
        add_all(mixed, 0, readings, count);
        for (int i = 0; i < 30; i++) {
            int64_t a = random_between(&seed, first - MS, last + MS);
            int64_t b = random_between(&seed, a, last + MS);
            struct erg_window x = erg_timeline_window(sorted, a, b);
            struct erg_window y = erg_timeline_window(mixed, a, b);
            assert_int_equal(x.energy.present, y.energy.present);
            assert_int_equal(x.energy.nj[0], y.energy.nj[0]);
            assert_true(x.coverage_ratio == y.coverage_ratio);
        }
        erg_timeline_free(sorted);
        erg_timeline_free(mixed);
    }
}

static void huge_values_saturate(void **state)
{
    (void)state;
    static const int64_t times[] = {INT64_MIN, INT64_MIN + 1, -5,       0, 1,
                                    7,         INT64_MAX - 1, INT64_MAX};
    for (int quantity = ERG_QUANTITY_ENERGY; quantity <= ERG_QUANTITY_POWER; quantity++) {
        struct erg_channel channel = {.quantity = (enum erg_quantity)quantity,
                                      .max_gap_ns = INT64_MAX};
        struct erg_timeline *timeline = NULL;
        assert_int_equal(erg_timeline_new(&timeline, &channel, 1, NULL), 0);
        uint64_t seed = 7;
        for (size_t i = 0; i < 8; i++) {
            int64_t value = i % 3 == 2 ? INT64_MIN : INT64_MAX - (int64_t)(8 - i);
            assert_int_equal(erg_timeline_add(timeline, 0, times[i], value, NULL), 0);
        }
        for (int i = 0; i < 500; i++) {
            int64_t a = times[random_u64(&seed) % 8];
            int64_t b = random_between(&seed, a, INT64_MAX);
            int64_t c = random_between(&seed, b, INT64_MAX);
            assert_true(energy(timeline, a, b) >= 0);
            assert_int_equal(energy(timeline, a, c),
                             energy(timeline, a, b) + energy(timeline, b, c));
        }
        if (quantity == ERG_QUANTITY_POWER)
            assert_int_equal(energy(timeline, INT64_MIN, INT64_MAX), INT64_MAX);
        erg_timeline_free(timeline);
    }
}

/* 3 µW falling to 0 in 2 ns: the first nanosecond is 4.5 half µW·ns, the second 1.5. */
static void areas_are_rounded_down(void **state)
{
    (void)state;
    struct erg_curve falls, rises;
    erg_curve_init(&falls, ERG_QUANTITY_POWER, 10);
    erg_curve_init(&rises, ERG_QUANTITY_POWER, 10);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(erg_curve_add(&falls, 2 * i, 3 - 3 * i), 0);
        assert_int_equal(erg_curve_add(&rises, 2 * i, 3 * i), 0);
    }
    assert_int_equal((int)erg_curve_area(&falls, 1), 4);
    assert_int_equal((int)erg_curve_area(&falls, 2), 6);
    assert_int_equal((int)erg_curve_area(&rises, 1), 1);
    assert_int_equal((int)erg_curve_area(&rises, 2), 6);
    erg_curve_deinit(&falls);
    erg_curve_deinit(&rises);
}

/* Whatever readings come after a freeze, what was said about the time before it stays said. */
static void frozen_energy_never_changes(void **state)
{
    (void)state;
    enum { WINDOWS = 12 };
    uint64_t seed = 8, refused = 0;
    for (int round = 0; round < 300; round++) {
        struct reading readings[60];
        size_t count = random_readings(&seed, readings, 60);
        struct erg_timeline *timeline =
            one_channel(round % 2 ? ERG_QUANTITY_POWER : ERG_QUANTITY_ENERGY, 0);
        int64_t latest = INT64_MIN;
        for (size_t i = 0; i < count / 2; i++)
            latest = readings[i].t_ns > latest ? readings[i].t_ns : latest;
        add_all(timeline, 0, readings, count / 2);
        int64_t frozen = latest + random_between(&seed, -300 * MS, 300 * MS);
        erg_timeline_freeze(timeline, frozen);
        erg_timeline_freeze(timeline, frozen - S);
        int64_t from[WINDOWS], to[WINDOWS], told[WINDOWS];
        for (int i = 0; i < WINDOWS; i++) {
            to[i] = frozen - (i ? random_between(&seed, 0, 2 * S) : 0);
            from[i] = to[i] - random_between(&seed, 0, 2 * S);
            told[i] = energy(timeline, from[i], to[i]);
        }
        add_all(timeline, 0, readings + count / 2, count - count / 2);
        for (int i = 0; i < WINDOWS; i++) {
            assert_int_equal(energy(timeline, from[i], to[i]), told[i]);
            /* and the rest still adds up to the whole */
            assert_int_equal(energy(timeline, from[i], frozen + S),
                             told[i] + energy(timeline, to[i], frozen + S));
        }
        refused += erg_timeline_refused(timeline);
        erg_timeline_free(timeline);
    }
    assert_true(refused > 0);
}

static void a_ramp_has_its_closed_form(void **state)
{
    (void)state;
    /* 10 W rising by 2 W/s for 10 s, read every 100 ms: 10·10 + 2·10²/2 = 200 J. */
    struct erg_timeline *timeline = one_channel(ERG_QUANTITY_POWER, 100 * MS);
    for (int64_t i = 0; i <= 100; i++)
        erg_timeline_add(timeline, 0, i * 100 * MS, 10000000 + i * 200000, NULL);
    assert_int_equal(energy(timeline, 0, 10000 * MS), INT64_C(200000000000));
    /* Off the grid: ∫ from 0.25 s to 3.75 s = 35 + (3.75² − 0.25²) = 49 J. */
    assert_int_equal(energy(timeline, 250 * MS, 3750 * MS), INT64_C(49000000000));
    erg_timeline_free(timeline);
}

static void holes_and_ends_are_not_covered(void **state)
{
    (void)state;
    struct erg_timeline *power = one_channel(ERG_QUANTITY_POWER, MS);
    static const struct reading readings[] = {
        {0, 1000000}, {100 * MS, 1000000}, {1100 * MS, 1000000}, {1200 * MS, 1000000}};
    add_all(power, 0, readings, 4);
    assert_int_equal(energy(power, 0, 1200 * MS), 200 * MS);
    struct erg_window window = erg_timeline_window(power, 0, 2000 * MS);
    assert_true(fabs(window.coverage_ratio - 0.1) < 1e-12);
    int64_t nj;
    assert_false(erg_timeline_channel_energy(power, 0, 100 * MS, 1100 * MS, &nj));
    assert_false(erg_timeline_channel_energy(power, 0, 1200 * MS, 2000 * MS, &nj));
    assert_false(erg_timeline_channel_energy(power, 1, 0, 2000 * MS, &nj));
    assert_true(erg_timeline_channel_energy(power, 0, 50 * MS, 1150 * MS, &nj));
    assert_int_equal(nj, 100 * MS);
    /* An empty window is known where a sensor was looking. */
    assert_true(erg_timeline_channel_energy(power, 0, 50 * MS, 50 * MS, &nj));
    assert_int_equal(nj, 0);
    assert_false(erg_timeline_channel_energy(power, 0, 500 * MS, 500 * MS, &nj));
    assert_true(erg_timeline_window(power, 9, 3).coverage_ratio == 1);
    erg_timeline_free(power);

    /* A counter is linear across any hole. */
    struct erg_timeline *counter = one_channel(ERG_QUANTITY_ENERGY, MS);
    static const struct reading counted[] = {{0, 100}, {1000 * MS, 1100}};
    add_all(counter, 0, counted, 2);
    assert_int_equal(energy(counter, 0, 250 * MS), 250);
    assert_int_equal(energy(counter, -MS, 2000 * MS), 1000);
    erg_timeline_free(counter);
}

/* What a counter counts while its readings are lost is nobody's. */
static void lost_readings_are_not_covered(void **state)
{
    (void)state;
    struct erg_timeline *timeline = one_channel(ERG_QUANTITY_ENERGY, 100 * MS);
    static const struct reading before[] = {{0, 1000}, {100 * MS, 1100}, {200 * MS, 1200}};
    static const struct reading after[] = {{500 * MS, 7000}, {600 * MS, 7050}};
    erg_timeline_break(timeline, 1); /* of no channel */
    erg_timeline_break(timeline, 0); /* before the first reading: nothing is lost */
    add_all(timeline, 0, before, 2);
    erg_timeline_break(timeline, 0);
    erg_timeline_break(timeline, 0);
    erg_timeline_add(timeline, 0, 50 * MS, 1050, NULL); /* a late one is not the next */
    add_all(timeline, 0, before + 2, 1);
    add_all(timeline, 0, after, 2);
    assert_int_equal(energy(timeline, 0, 100 * MS), 100);
    assert_int_equal(energy(timeline, 0, 600 * MS), 100 + 5850);
    /* A loss that took no time: on from the same instant, whatever the counter says there. */
    erg_timeline_break(timeline, 0);
    erg_timeline_add(timeline, 0, 600 * MS, 20, NULL);
    erg_timeline_add(timeline, 0, 700 * MS, 70, NULL);
    assert_int_equal(energy(timeline, 600 * MS, 700 * MS), 50);
    int64_t nj;
    assert_false(erg_timeline_channel_energy(timeline, 0, 100 * MS, 200 * MS, &nj));
    struct erg_window window = erg_timeline_window(timeline, 0, 600 * MS);
    assert_true(fabs(window.coverage_ratio - 5.0 / 6) < 1e-12);
    erg_timeline_free(timeline);
}

static void grades_follow_the_update_period(void **state)
{
    (void)state;
    struct erg_channel channels[3] = {
        {.name = "exact"},
        {.name = "sensor", .domain = ERG_DOMAIN_GPU, .update_period_ns = 100 * MS},
        {.name = "model", .domain = ERG_DOMAIN_DRAM, .estimated = true},
    };
    struct erg_timeline *timeline = NULL;
    assert_int_equal(erg_timeline_new(&timeline, channels, 3, NULL), 0);
    assert_int_equal(erg_timeline_window(timeline, 0, 9).grade, ERG_GRADE_UNAVAILABLE);
    assert_int_equal(erg_timeline_window(timeline, 0, 9).energy.present, 0);
    static const struct reading readings[] = {{0, 0}, {2000 * MS, 20}};
    add_all(timeline, 0, readings, 2);
    assert_int_equal(erg_timeline_window(timeline, 0, 1).grade, ERG_GRADE_MEASURED);
    add_all(timeline, 1, readings, 2);
    assert_int_equal(erg_timeline_window(timeline, 0, 1000 * MS).grade, ERG_GRADE_MEASURED);
    assert_int_equal(erg_timeline_window(timeline, 0, 1000 * MS - 1).grade, ERG_GRADE_INTERPOLATED);
    add_all(timeline, 2, readings, 2);
    struct erg_window window = erg_timeline_window(timeline, 0, 1000 * MS);
    assert_int_equal(window.grade, ERG_GRADE_ESTIMATED);
    assert_int_equal(window.energy.present,
                     1u << ERG_DOMAIN_CPU | 1u << ERG_DOMAIN_GPU | 1u << ERG_DOMAIN_DRAM);
    assert_true(window.coverage_ratio == 1);
    assert_string_equal(erg_timeline_channel(timeline, 1)->name, "sensor");
    assert_int_equal(erg_timeline_channels(timeline), 3);
    erg_timeline_free(timeline);
}

static void settled_waits_for_living_channels(void **state)
{
    (void)state;
    struct erg_channel channels[2] = {{.name = "a"}, {.name = "b"}};
    struct erg_timeline *timeline = NULL;
    assert_int_equal(erg_timeline_new(&timeline, NULL, 0, NULL), 0);
    assert_int_equal(erg_timeline_settled_ns(timeline, 77, 5), 77);
    erg_timeline_free(timeline);

    assert_int_equal(erg_timeline_new(&timeline, channels, 2, NULL), 0);
    assert_int_equal(erg_timeline_settled_ns(timeline, 77, 5), INT64_MIN);
    erg_timeline_add(timeline, 0, 100, 1, NULL);
    assert_int_equal(erg_timeline_settled_ns(timeline, 105, 50), INT64_MIN);
    assert_int_equal(erg_timeline_settled_ns(timeline, 150, 50), INT64_MIN);
    erg_timeline_add(timeline, 0, 140, 1, NULL);
    assert_int_equal(erg_timeline_settled_ns(timeline, 151, 50), 140); /* b never came */
    erg_timeline_add(timeline, 1, 120, 1, NULL);
    assert_int_equal(erg_timeline_settled_ns(timeline, 151, 50), 120);
    assert_int_equal(erg_timeline_settled_ns(timeline, 171, 50), 140); /* b fell silent */
    assert_int_equal(erg_timeline_settled_ns(timeline, 500, 50), 500);
    erg_timeline_free(timeline);
}

static void peak_is_the_highest_average_between_readings(void **state)
{
    (void)state;
    struct erg_channel channels[2] = {
        {.name = "a", .quantity = ERG_QUANTITY_ENERGY},
        {.name = "b", .quantity = ERG_QUANTITY_ENERGY, .domain = ERG_DOMAIN_GPU}};
    struct erg_timeline *timeline = NULL;
    assert_int_equal(erg_timeline_new(&timeline, channels, 2, NULL), 0);
    assert_true(erg_timeline_peak_mw(timeline, 0, 1000 * MS, 0) < 0);
    /* 10 W, then 30 W for 100 ms, then 20 W; the other channel 5 W throughout. */
    static const struct reading a[] = {{0, 0},
                                       {100 * MS, 1000 * MS},
                                       {200 * MS, 4000 * MS},
                                       {300 * MS, 6000 * MS},
                                       {301 * MS, 6040 * MS}};
    static const struct reading b[] = {{0, 0}, {1000 * MS, 5000 * MS}};
    add_all(timeline, 0, a, 5);
    add_all(timeline, 1, b, 2);
    assert_true(fabs(erg_timeline_peak_mw(timeline, 0, 1000 * MS, 50 * MS) - 35000) < 1e-6);
    assert_true(fabs(erg_timeline_peak_mw(timeline, 0, 1000 * MS, 150 * MS) - 30000) < 1e-6);
    assert_true(fabs(erg_timeline_peak_mw(timeline, 0, 1000 * MS, 0) - 45000) < 1e-6);
    assert_true(fabs(erg_timeline_peak_mw(timeline, 0, 150 * MS, 0) - 15000) < 1e-6);
    assert_true(erg_timeline_peak_mw(timeline, 101 * MS, 199 * MS, 0) < 0);
    assert_true(erg_timeline_peak_mw(timeline, 200 * MS, 100 * MS, 0) < 0);
    assert_true(erg_timeline_peak_mw(timeline, 0, 301 * MS, 400 * MS) < 0);
    erg_timeline_free(timeline);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    struct erg_err err;
    struct erg_timeline *timeline = NULL;
    struct erg_channel bad[3] = {{.domain = ERG_DOMAINS},
                                 {.update_period_ns = -1},
                                 {.quantity = ERG_QUANTITY_POWER, .max_gap_ns = 0}};
    for (int i = 0; i < 3; i++)
        assert_int_equal(erg_timeline_new(&timeline, &bad[i], 1, &err), ERG_INVALID);
    assert_int_equal(erg_timeline_new(&timeline, bad, ERG_MAX_CHANNELS + 1, &err), ERG_LIMIT);
    assert_null(timeline);
    timeline = one_channel(ERG_QUANTITY_ENERGY, 0);
    assert_int_equal(erg_timeline_add(timeline, 1, 0, 0, &err), ERG_INVALID);
    erg_timeline_free(timeline);
    erg_timeline_free(NULL);
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    struct erg_channel channel = {.name = "a"};
    struct erg_timeline *timeline = NULL;
    for (int k = 1; k <= 2; k++) {
        fail_at = k;
        assert_int_equal(erg_timeline_new(&timeline, &channel, 1, NULL), ERG_NOMEM);
        assert_null(timeline);
    }
    timeline = one_channel(ERG_QUANTITY_ENERGY, 0);
    fail_at = 1;
    assert_int_equal(erg_timeline_add(timeline, 0, 5, 5, NULL), ERG_NOMEM);
    assert_int_equal(erg_timeline_add(timeline, 0, 5, 6, NULL), 0);
    assert_int_equal(erg_timeline_add(timeline, 0, 6, 9, NULL), 0);
    assert_int_equal(energy(timeline, 0, 10), 3);
    erg_timeline_free(timeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_slow_reference),
        cmocka_unit_test(windows_add_up_and_never_cost_less_than_nothing),
        cmocka_unit_test(every_nanosecond_is_monotone),
        cmocka_unit_test(order_of_arrival_does_not_matter),
        cmocka_unit_test(huge_values_saturate),
        cmocka_unit_test(areas_are_rounded_down),
        cmocka_unit_test(frozen_energy_never_changes),
        cmocka_unit_test(a_ramp_has_its_closed_form),
        cmocka_unit_test(holes_and_ends_are_not_covered),
        cmocka_unit_test(lost_readings_are_not_covered),
        cmocka_unit_test(grades_follow_the_update_period),
        cmocka_unit_test(settled_waits_for_living_channels),
        cmocka_unit_test(peak_is_the_highest_average_between_readings),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
