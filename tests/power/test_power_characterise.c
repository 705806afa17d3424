/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/mem.h"
#include "power/burn.h"
#include "power/characterise.h"
#include "power/driver.h"

#include <math.h>
#include <stdlib.h>

/* Sensors of known manners, on a clock that only the test and the reading itself move. */

static struct world {
    struct erg_clock clock;
    int64_t now_ns, read_cost_ns;
    int64_t update_ns, quantum_nj; /* of the sensor */
    double idle_w, load_w;
    int64_t counted_nj, counted_until_ns;
    bool loaded, stuck, failing, batches;
    int fail_every, reads;
} world;

static int64_t now(void *user)
{
    (void)user;
    return world.now_ns;
}

static void sleep_until(void *user, int64_t deadline_ns)
{
    (void)user;
    if (deadline_ns > world.now_ns)
        world.now_ns = deadline_ns;
}

/* The counter moves at multiples of its period, in whole quanta. */
static int64_t counter_nj(void)
{
    int64_t until = world.now_ns / world.update_ns * world.update_ns;
    double w = world.loaded ? world.load_w : world.idle_w;
    if (!world.stuck)
        world.counted_nj += (int64_t)(w * (double)(until - world.counted_until_ns));
    world.counted_until_ns = until;
    return world.counted_nj / world.quantum_nj * world.quantum_nj;
}

struct erg_power_source {
    int channels;
};

static int open_fake(const struct erg_power_options *options, const char *argument,
                     struct erg_power_source **out, struct erg_channel *channels,
                     uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    (void)options, (void)argument, (void)err;
    *out = erg_calloc(1, sizeof **out);
    channels[0] = (struct erg_channel){.name = "package-0",
                                       .source = "fake",
                                       .domain = ERG_DOMAIN_CPU,
                                       .quantity = ERG_QUANTITY_ENERGY,
                                       .update_period_ns = 1000000};
    channels[1] = (struct erg_channel){.name = "average",
                                       .source = "fake",
                                       .domain = ERG_DOMAIN_GPU,
                                       .quantity = ERG_QUANTITY_POWER,
                                       .update_period_ns = INT64_C(60000000000)};
    *out_count = 2;
    *out_exact = false;
    return 0;
}

static int open_counter(const struct erg_power_options *options, const char *argument,
                        struct erg_power_source **out, struct erg_channel *channels,
                        uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    open_fake(options, argument, out, channels, out_count, out_exact, err);
    *out_count = 1;
    return 0;
}

static int read_fake(struct erg_power_source *source, int64_t *inout_t_ns,
                     struct erg_channel_value *values, struct erg_err *err)
{
    (void)source, (void)inout_t_ns;
    world.now_ns += world.read_cost_ns;
    if (world.failing && ++world.reads > 5)
        return erg_fail(err, ERG_GONE, "the device is gone");
    if (world.fail_every && ++world.reads % world.fail_every == 0) {
        values[0].status = (uint32_t)-ERG_IO;
        return 0;
    }
    values[0].value = counter_nj();
    return 0;
}

static int read_both(struct erg_power_source *source, int64_t *inout_t_ns,
                     struct erg_channel_value *values, struct erg_err *err)
{
    values[1].value = 30000000;
    return read_fake(source, inout_t_ns, values, err);
}

static void close_fake(struct erg_power_source *source)
{
    free(source);
}

static const struct erg_power_driver counter = {
    .name = "fake", .open = open_counter, .read = read_fake, .close = close_fake};
static const struct erg_power_driver both = {
    .name = "fake", .open = open_fake, .read = read_both, .close = close_fake};

static int load(void *user, bool on, struct erg_err *err)
{
    (void)user, (void)err;
    counter_nj();
    world.loaded = on;
    return 0;
}

static void look(const struct erg_power_driver *driver, struct erg_character *out)
{
    struct erg_power_options options = {.clock = &world.clock};
    struct erg_character_plan plan = {.idle_ns = INT64_C(500000000),
                                      .load_ns = INT64_C(1000000000),
                                      .step_ns = 1000000,
                                      .load = load};
    assert_int_equal(erg_characterise_driver(driver, &options, &plan, out, NULL), 0);
}

static int set_up(void **state)
{
    (void)state;
    world = (struct world){.clock = {now, now, sleep_until, NULL},
                           .now_ns = INT64_C(1000000000),
                           .counted_until_ns = INT64_C(1000000000),
                           .read_cost_ns = 20000,
                           .update_ns = 10000000,
                           .quantum_nj = 61000,
                           .idle_w = 5,
                           .load_w = 40};
    return 0;
}

static void test_manners_are_found(void **state)
{
    struct erg_character c;
    static const int64_t periods[] = {5000000, 10000000, 100000000};
    for (size_t i = 0; i < ERG_COUNT(periods); i++) {
        set_up(state);
        world.update_ns = periods[i];
        look(&counter, &c);
        const struct erg_trait *t = &c.traits[0];
        assert_true(llabs(t->update_period_ns - periods[i]) <= 1100000);
        assert_false(t->at_every_read);
        assert_int_equal(t->quantum % 61000, 0);
        assert_true(t->quantum >= 61000 && t->quantum <= 5 * periods[i] + 61000);
        assert_true(fabs(t->idle_mw - 5000) < 1300);
        assert_true(fabs(t->load_mw - 40000) < 5000);
        assert_true(t->moves == ERG_YES && t->responds == ERG_YES && !c.broken);
        assert_int_equal(c.cost_median_ns, 20000);
        assert_int_equal(c.cost_p99_ns, 20000);
        assert_true(c.coverage_ratio == 1 && t->valid == t->reads);
        erg_character_deinit(&c);
    }
}

static void test_fast_sensors_change_at_every_read(void **state)
{
    (void)state;
    struct erg_character c;
    world.update_ns = 100000;
    look(&counter, &c);
    assert_true(c.traits[0].at_every_read);
    erg_character_deinit(&c);
}

/* The build machine's own energy-psys, which stays 0. */
static void test_a_counter_that_stands_still_is_broken(void **state)
{
    (void)state;
    struct erg_character c;
    world.stuck = true;
    look(&counter, &c);
    assert_true(c.broken);
    assert_int_equal(c.traits[0].moves, ERG_NO);
    assert_int_equal(c.traits[0].responds, ERG_NO);
    assert_non_null(strstr(c.reason, "does not move"));
    assert_non_null(strstr(c.reason, "1.5 s"));
    erg_character_deinit(&c);
}

/* Another channel still works, and what changes once a minute is not judged in a second. */
static void test_only_what_stands_still_is_blamed(void **state)
{
    (void)state;
    struct erg_character c;
    world.stuck = true;
    look(&both, &c);
    assert_false(c.broken);
    assert_int_equal(c.traits[0].moves, ERG_NO);
    assert_int_equal(c.traits[1].moves, ERG_UNKNOWN);
    assert_int_equal(c.traits[1].responds, ERG_UNKNOWN);
    assert_true(c.traits[1].idle_mw == 30000);
    erg_character_deinit(&c);
}

static void test_a_sensor_that_does_not_notice(void **state)
{
    (void)state;
    struct erg_character c;
    world.load_w = world.idle_w;
    look(&counter, &c);
    assert_true(c.traits[0].moves == ERG_YES && c.traits[0].responds == ERG_NO && !c.broken);
    erg_character_deinit(&c);
}

static void test_failed_reads_are_no_coverage(void **state)
{
    (void)state;
    struct erg_character c;
    world.fail_every = 4;
    look(&counter, &c);
    assert_true(fabs(c.coverage_ratio - 0.75) < 0.01);
    erg_character_deinit(&c);
    set_up(state);
    world.failing = true;
    look(&counter, &c);
    assert_true(c.broken && c.dead);
    assert_non_null(strstr(c.reason, "the device is gone"));
    erg_character_deinit(&c);
}

/* A slow read is a long step, not a lost one. */
static void test_slow_reads(void **state)
{
    (void)state;
    struct erg_character c;
    world.read_cost_ns = 3000000;
    look(&counter, &c);
    assert_int_equal(c.cost_median_ns, 3000000);
    assert_true(c.reads >= 480 && c.reads <= 510);
    assert_int_equal(c.traits[0].responds, ERG_YES);
    erg_character_deinit(&c);
}

static void test_load_begins_and_ends(void **state)
{
    (void)state;
    struct erg_burn burn = {.count = 0};
    assert_int_equal(erg_burn_switch(&burn, true, NULL), 0);
    assert_true(burn.count >= 1);
    assert_int_equal(erg_burn_switch(&burn, false, NULL), 0);
    assert_int_equal(burn.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_manners_are_found, set_up),
        cmocka_unit_test_setup(test_fast_sensors_change_at_every_read, set_up),
        cmocka_unit_test_setup(test_a_counter_that_stands_still_is_broken, set_up),
        cmocka_unit_test_setup(test_only_what_stands_still_is_blamed, set_up),
        cmocka_unit_test_setup(test_a_sensor_that_does_not_notice, set_up),
        cmocka_unit_test_setup(test_failed_reads_are_no_coverage, set_up),
        cmocka_unit_test_setup(test_slow_reads, set_up),
        cmocka_unit_test(test_load_begins_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
