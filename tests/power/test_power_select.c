/* SPDX-License-Identifier: MIT */
#include "energy/random.h"
#include "power/fake_driver.h"
#include "power/set.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

/* --- a machine of known power, and any sources of it -------------------------------------------
 */

enum { PARTS = 4, SOURCES = 4, KINDS = 7, STEPS = 60 };

static const struct kind {
    const char *measures;
    enum erg_domain domain;
    bool estimated;
    unsigned parts; /* bit per part of the machine that it contains */
} kinds[KINDS] = {
    {"cpu", ERG_DOMAIN_CPU, false, 1},
    {"dram", ERG_DOMAIN_DRAM, false, 2},
    {"gpu:0000:01:00.0", ERG_DOMAIN_GPU, false, 4},
    {"gpu:0000:02:00.0", ERG_DOMAIN_GPU, false, 8},
    {"gpu", ERG_DOMAIN_GPU, false, 12},
    {"cpu", ERG_DOMAIN_CPU, true, 0},
    {"machine", ERG_DOMAIN_SOC, false, 15},
};

/* What is drawn beyond the four parts; and by each of them, on average since the start. */
static const int64_t rest_w = 7, part_w[PARTS] = {20, 3, 50, 30}, guess_w = 33;

static unsigned chosen[SOURCES]; /* kinds of each source */
static int64_t now_ns;

static int64_t true_nj(const struct kind *kind, int64_t t_ns)
{
    int64_t watts = kind->parts == 15 ? rest_w : 0;
    for (int p = 0; p < PARTS; p++)
        watts += kind->parts >> p & 1 ? part_w[p] : 0;
    return (kind->estimated ? guess_w : watts) * t_ns;
}

static int open_fake(size_t s, struct erg_power_source **out, struct erg_channel *channels,
                     uint32_t *count, bool *exact)
{
    uint32_t n = 0;
    for (int k = 0; k < KINDS; k++) {
        if (!(chosen[s] >> k & 1))
            continue;
        channels[n] = (struct erg_channel){.domain = kinds[k].domain,
                                           .estimated = kinds[k].estimated,
                                           .quantity = ERG_QUANTITY_ENERGY,
                                           .device = k,
                                           .raw = kinds[k].parts == 15};
        snprintf(channels[n].name, sizeof channels[n].name, "%d", k);
        snprintf(channels[n].measures, sizeof channels[n].measures, "%s", kinds[k].measures);
        snprintf(channels[n++].source, sizeof channels[n].source, "fake%zu", s);
    }
    *out = erg_calloc(1, sizeof **out);
    *count = n;
    *exact = false;
    return 0;
}

#define OPENER(s)                                                                                  \
    static int open##s(const struct erg_power_options *options, const char *argument,              \
                       struct erg_power_source **out, struct erg_channel *channels,                \
                       uint32_t *count, bool *exact, struct erg_err *err)                          \
    {                                                                                              \
        (void)options, (void)argument, (void)err;                                                  \
        return open_fake(s, out, channels, count, exact);                                          \
    }
OPENER(0)
OPENER(1)
OPENER(2)
OPENER(3)

#define FAKE(s)                                                                                    \
    {                                                                                              \
        .name = "fake" #s, .default_interval_ns = 100 * MS, .automatic = true,                     \
        .probe = fake_probe, .open = open##s, .detail = fake_detail, .close = fake_close           \
    }
static const struct erg_power_driver fakes[SOURCES] = {FAKE(0), FAKE(1), FAKE(2), FAKE(3)};
static const struct erg_power_driver *const table[] = {&fakes[0], &fakes[1], &fakes[2], &fakes[3],
                                                       NULL};

struct log {
    struct erg_timeline *timeline;
    int64_t last_rest;
};

static void on_reading(void *user, int64_t before, int64_t after, enum erg_reading_kind kind,
                       const struct erg_channel_value *values, uint32_t count)
{
    struct log *log = user;
    (void)kind;
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(erg_timeline_add(log->timeline, values[i].channel,
                                          before + (after - before) / 2, values[i].value, NULL),
                         0);
}

/* The sources are read one after another, at times of their own. */
static void read_sources(struct erg_power *power, uint64_t *random)
{
    for (size_t m = 0; m < power->member_count; m++) {
        struct erg_power_member *member = &power->members[m];
        size_t s = (size_t)(member->driver - fakes);
        struct erg_channel_value values[ERG_MAX_CHANNELS] = {{0}};
        uint32_t n = 0;
        now_ns += random_between(random, 0, 3 * MS);
        for (int k = 0; k < KINDS; k++) {
            if (chosen[s] >> k & 1)
                values[n++].value = true_nj(&kinds[k], now_ns);
        }
        uint32_t count = erg_power_place(member, values);
        erg_power_deliver(power, now_ns, now_ns, ERG_READING_GRID, values, count);
    }
}

static int kind_of(const struct erg_channel *channel)
{
    return channel->device < KINDS && strcmp(channel->measures, ERG_CHANNEL_REST) != 0
               ? channel->device
               : -1;
}

/* No part of the machine is counted twice; returns whether some channel is the whole's. */
static bool check_disjoint(const struct erg_power *power)
{
    unsigned seen = 0;
    bool whole = false, rest = false, cpu = false;
    for (size_t i = 0; i < power->channel_count; i++) {
        const struct erg_channel *channel = &power->channels[i];
        int k = kind_of(channel);
        if (channel->raw) {
            assert_false(whole);
            whole = true;
        } else if (k < 0) {
            assert_false(rest);
            rest = true;
            assert_int_equal(channel->domain, ERG_DOMAIN_SOC);
        } else {
            assert_int_equal(seen & kinds[k].parts, 0);
            seen |= kinds[k].parts;
            if (channel->domain == ERG_DOMAIN_CPU) {
                assert_false(cpu); /* measured or estimated */
                cpu = true;
            }
        }
    }
    assert_int_equal(whole, rest);
    return whole;
}

static void check_energies(const struct erg_power *power, const struct erg_timeline *timeline,
                           bool whole)
{
    /* A reading may be as old as the round in which all are read. */
    const double slack_nj = 200.0 * 30 * (double)MS;
    int64_t t0 = 20 * 100 * MS, t1 = 50 * 100 * MS, middle = 37 * 100 * MS + 12345, estimate = 0;
    struct erg_window all = erg_timeline_window(timeline, t0, t1);
    struct erg_window left = erg_timeline_window(timeline, t0, middle);
    struct erg_window right = erg_timeline_window(timeline, middle, t1);
    for (int d = 0; d < ERG_DOMAINS; d++)
        assert_int_equal(all.energy.nj[d], left.energy.nj[d] + right.energy.nj[d]);
    for (uint32_t i = 0; i < power->channel_count; i++) {
        int64_t nj;
        assert_true(erg_timeline_channel_energy(timeline, i, t0, t1, &nj));
        assert_true(nj >= 0);
        if (kind_of(&power->channels[i]) >= 0) {
            int64_t truth = true_nj(&kinds[kind_of(&power->channels[i])], t1 - t0);
            assert_true(llabs(nj - truth) <= 2);
        }
        if (power->channels[i].estimated && kind_of(&power->channels[i]) >= 0)
            estimate += nj;
    }
    double machine = (double)true_nj(&kinds[KINDS - 1], t1 - t0);
    double total = (double)erg_energy_total_nj(&all.energy);
    assert_true(total <= machine + (double)estimate + slack_nj);
    if (whole) /* nothing of it is lost: the estimate lies below the true rest and CPU */
        assert_true(fabs(total - machine) <= slack_nj + fmax(0, (double)estimate - 27e9 * 3));
}

static void every_combination_is_disjoint_and_no_more_than_the_machine(void **state)
{
    (void)state;
    uint64_t random = 11;
    int wholes = 0;
    for (int round = 0; round < 400; round++) {
        struct erg_power *power = NULL;
        struct erg_power_options options = {.spec = "auto"};
        struct log log = {0};
        for (int s = 0; s < SOURCES; s++) {
            /* What one source has is disjoint. */
            chosen[s] = (unsigned)random_between(&random, 0, (1 << KINDS) - 1);
            if (chosen[s] & 1u << 4)
                chosen[s] &= ~(4u | 8u);
            if (chosen[s] & 1)
                chosen[s] &= ~(1u << 5);
        }
        assert_int_equal(erg_power_open_from(table, &power, &options, NULL, NULL), 0);
        bool whole = check_disjoint(power);
        wholes += whole;
        assert_int_equal(
            erg_timeline_new(&log.timeline, power->channels, (uint32_t)power->channel_count, NULL),
            0);
        power->on_reading = on_reading;
        power->user = &log;
        for (int step = 0; step < STEPS; step++) {
            now_ns = step * 100 * MS;
            read_sources(power, &random);
        }
        if (power->channel_count)
            check_energies(power, log.timeline, whole);
        erg_power_stop(power);
        erg_power_close(power);
        erg_timeline_free(log.timeline);
    }
    assert_true(wholes > 100 && wholes < 400);
}

static void names_of_hardware_are_hierarchical(void **state)
{
    (void)state;
    static const struct {
        struct erg_channel a, b;
        bool overlap;
    } rows[] = {
        {{.measures = "gpu"}, {.measures = "gpu:0"}, true},
        {{.measures = "gpu:0"}, {.measures = "gpu:1"}, false},
        {{.measures = "gpu"}, {.measures = "gpus"}, false},
        {{.measures = "gpu:0"}, {.measures = "gpu:0"}, true},
        {{.domain = 1, .device = 0}, {.domain = 1, .device = 1}, false},
        {{.domain = 1, .device = 1}, {.domain = 1, .device = 1}, true},
        {{.domain = 1, .device = 1}, {.domain = 2, .device = 1}, false},
        {{.domain = 1, .measures = "gpu:0"}, {.domain = 1, .device = 1}, true},
        {{.measures = "machine", .raw = true}, {.measures = "machine"}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(erg_channels_overlap(&rows[i].a, &rows[i].b), rows[i].overlap);
        assert_int_equal(erg_channels_overlap(&rows[i].b, &rows[i].a), rows[i].overlap);
    }
}

/* --- the rest of the machine --------------------------------------------------------------------
 */

static void the_rest_never_falls_and_pays_back(void **state)
{
    (void)state;
    static const struct erg_channel channels[] = {
        {.raw = true, .quantity = ERG_QUANTITY_ENERGY},
        {.quantity = ERG_QUANTITY_ENERGY},
        {.quantity = ERG_QUANTITY_POWER, .max_gap_ns = S},
    };
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct erg_rest *rest;
        uint64_t random = seed;
        int64_t machine = 0, part = 0, power_uw = 5000000, area = 0, last = 0, t_ns = S, at, nj;
        assert_int_equal(erg_rest_new(&rest, channels, 3, 0, S, NULL), 0);
        for (int step = 0; step < 1000; step++) {
            /* Both sensors lag as they like; the machine has 2 W more than its parts on average. */
            int64_t steps = random_between(&random, 1, 100);
            erg_rest_add(rest, 0, t_ns, machine);
            erg_rest_add(rest, 1, t_ns, part);
            erg_rest_add(rest, 2, t_ns, power_uw);
            assert_true(erg_rest_take(rest, &at, &nj));
            assert_false(erg_rest_take(rest, &at, &nj));
            assert_int_equal(at, t_ns);
            assert_true(nj >= last);
            /* Parts and rest together: the machine, or what it had when it was ahead at most. */
            assert_true(nj >= machine - part - area);
            last = nj;
            t_ns += steps * MS;
            area += 5 * steps * MS;
            part += random_between(&random, 0, 20) * steps * MS;
            machine = part + area + 2 * (t_ns - S) + random_between(&random, -50, 50) * MS;
            machine = machine < 0 ? 0 : machine;
        }
        /* 2 W, and no more than the sensors' lag on top of it. */
        assert_true(llabs(last - 2 * (at - S)) <= 100 * MS + 1000);
        erg_rest_free(rest);
    }
}

static void a_part_that_falls_silent_is_not_waited_for(void **state)
{
    (void)state;
    static const struct erg_channel channels[] = {{.raw = true}, {.domain = ERG_DOMAIN_CPU}};
    struct erg_rest *rest;
    int64_t t, nj = -1;
    assert_int_equal(erg_rest_new(&rest, channels, 2, 0, S, NULL), 0);
    assert_false(erg_rest_take(rest, &t, &nj));
    erg_rest_add(rest, 0, 0, 0);
    assert_true(erg_rest_take(rest, &t, &nj)); /* it need not be there yet */
    erg_rest_add(rest, 1, 0, 500);
    for (int i = 1; i <= 5; i++) {
        erg_rest_add(rest, 0, i * S / 10, i * 100);
        erg_rest_add(rest, 1, i * S / 10, 500 + i * 60);
        assert_true(erg_rest_take(rest, &t, &nj));
        assert_int_equal(nj, i * 40);
    }
    for (int i = 6; i <= 15; i++) {
        erg_rest_add(rest, 0, i * S / 10, i * 100);
        assert_false(erg_rest_take(rest, &t, &nj)); /* within its patience */
    }
    erg_rest_add(rest, 0, 16 * S / 10, 1600);
    assert_true(erg_rest_take(rest, &t, &nj));
    assert_int_equal(t, 16 * S / 10);
    assert_int_equal(nj, 1600 - 300); /* what it does not say any more is the rest's */
    erg_rest_free(rest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_is_disjoint_and_no_more_than_the_machine),
        cmocka_unit_test(names_of_hardware_are_hierarchical),
        cmocka_unit_test(the_rest_never_falls_and_pays_back),
        cmocka_unit_test(a_part_that_falls_silent_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
