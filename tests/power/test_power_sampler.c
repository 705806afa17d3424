/* SPDX-License-Identifier: MIT */
#include "power/fake_clock.h"
#include "power/fake_driver.h"
#include "power/set.h"

#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

enum { MAX_READINGS = 400 };

/* What was delivered. The sampling thread and the test take turns, so no lock is needed. */
struct log {
    struct fake_clock clock;
    struct erg_timeline *timeline;
    int64_t before[MAX_READINGS], after[MAX_READINGS], value[MAX_READINGS];
    uint32_t status[MAX_READINGS];
    enum erg_reading_kind kind[MAX_READINGS];
    size_t count, failed;
    char warnings[1000];
};

static void on_reading(void *user, int64_t before, int64_t after, enum erg_reading_kind kind,
                       const struct erg_channel_value *values, uint32_t count)
{
    struct log *log = user;
    assert_true(log->count < MAX_READINGS);
    assert_int_equal(count, 1);
    log->before[log->count] = before;
    log->after[log->count] = after;
    log->kind[log->count] = kind;
    log->status[log->count] = values[0].status;
    log->value[log->count++] = values[0].value;
    log->failed += values[0].status != 0;
    if (values[0].status == 0 && log->timeline)
        assert_int_equal(erg_timeline_add(log->timeline, 0, before, values[0].value, NULL), 0);
}

static void on_warning(void *user, const char *text)
{
    struct log *log = user;
    snprintf(log->warnings, sizeof log->warnings, "%s", text);
}

/* --- a driver whose reads take as long as the test says --------------------------------------- */

static struct {
    struct fake_clock *clock;
    int64_t cost_ns, once_ns, reads;
    pthread_t reader;
    bool fails;
} slow;

static int slow_open(const struct erg_power_options *options, const char *argument,
                     struct erg_power_source **out, struct erg_channel *channels, uint32_t *count,
                     bool *exact, struct erg_err *err)
{
    static const enum erg_domain cpu = ERG_DOMAIN_CPU;
    (void)options, (void)argument, (void)err;
    return fake_open_channels(&cpu, 1, out, channels, count, exact);
}

static int slow_read(struct erg_power_source *source, int64_t *inout_t_ns,
                     struct erg_channel_value *values, struct erg_err *err)
{
    (void)source;
    if (slow.reads++)
        assert_true(pthread_equal(slow.reader, pthread_self()));
    slow.reader = pthread_self();
    if (slow.fails)
        return erg_fail(err, ERG_GONE, "it broke");
    values[0].value = *inout_t_ns;
    fake_clock_jump(slow.clock, slow.cost_ns + slow.once_ns);
    slow.once_ns = 0;
    return 0;
}

static const struct erg_power_driver slow_driver = {.name = "slow",
                                                    .default_interval_ns = 100 * MS,
                                                    .automatic = true,
                                                    .probe = fake_probe,
                                                    .open = slow_open,
                                                    .read = slow_read,
                                                    .detail = fake_detail,
                                                    .close = fake_close};
static const struct erg_power_driver *const slow_table[] = {&slow_driver, NULL};

static struct erg_power *start_slow(struct log *log, int64_t start_ns)
{
    struct erg_power *power = NULL;
    *log = (struct log){.count = 0};
    fake_clock_init(&log->clock, start_ns);
    memset(&slow, 0, sizeof slow);
    slow.clock = &log->clock;
    struct erg_power_options options = {.spec = "slow", .clock = &log->clock.clock};
    assert_int_equal(erg_power_open_from(slow_table, &power, &options, NULL, NULL), 0);
    assert_int_equal(erg_power_start(power, 0, on_reading, on_warning, log, NULL), 0);
    fake_clock_await_sleeper(&log->clock);
    return power;
}

static void finish(struct erg_power *power, struct log *log)
{
    fake_clock_release(&log->clock);
    erg_power_stop(power);
    erg_power_close(power);
    fake_clock_deinit(&log->clock);
}

static void readings_lie_on_the_grid(void **state)
{
    (void)state;
    struct log log;
    struct erg_power *power = start_slow(&log, 7 * S + 3);
    slow.cost_ns = 2 * MS;
    fake_clock_run_to(&log.clock, 8 * S + 50 * MS);
    assert_int_equal(log.count, 11);
    for (int i = 0; i <= 10; i++) {
        assert_int_equal(log.before[i], 7 * S + 3 + i * 100 * MS);
        assert_int_equal(log.after[i] - log.before[i], i ? 2 * MS : 0);
        assert_int_equal(log.kind[i], ERG_READING_GRID);
    }
    finish(power, &log);
    assert_int_equal(log.count, 12); /* the last one, off the grid */
    assert_int_equal(log.kind[11], ERG_READING_EDGE);
    assert_int_equal(log.before[11], 8 * S + 50 * MS);
}

static void an_overrun_leaves_deadlines_out_and_keeps_the_grid(void **state)
{
    (void)state;
    struct log log;
    struct erg_power *power = start_slow(&log, 0);
    slow.once_ns = 250 * MS; /* a read at 100 ends at 350: 200 and 300 are missed */
    fake_clock_run_to(&log.clock, 100 * MS);
    fake_clock_run_to(&log.clock, 600 * MS);
    static const int64_t expected[] = {0, 100, 400, 500, 600};
    assert_int_equal(log.count, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(log.before[i], expected[i] * MS);
    slow.once_ns = 100 * MS; /* as long as the interval: the next deadline is now */
    fake_clock_run_to(&log.clock, 700 * MS);
    finish(power, &log);
    assert_int_equal(log.before[5], 700 * MS);
    assert_int_equal(log.before[6], 800 * MS);
}

static void a_poke_reads_cheap_sources_at_once(void **state)
{
    (void)state;
    struct log log;
    struct erg_power *power = start_slow(&log, 0);
    fake_clock_jump(&log.clock, 33 * MS);
    erg_power_poke(power);
    fake_clock_wake(&log.clock, true);
    assert_int_equal(log.count, 2);
    assert_int_equal(log.before[1], 33 * MS);
    assert_int_equal(log.kind[1], ERG_READING_EDGE);
    /* The grid stays where it was. */
    slow.cost_ns = 11 * MS;
    fake_clock_run_to(&log.clock, 150 * MS);
    assert_int_equal(log.count, 3);
    assert_int_equal(log.before[2], 100 * MS);
    /* More than a tenth of the interval is not cheap. */
    erg_power_poke(power);
    fake_clock_wake(&log.clock, true);
    assert_int_equal(log.count, 3);
    finish(power, &log);
}

static void a_source_that_fails_for_good_is_not_read_again(void **state)
{
    (void)state;
    struct log log;
    struct erg_power *power = start_slow(&log, 0);
    slow.fails = true;
    fake_clock_run_to(&log.clock, 500 * MS);
    assert_int_equal(slow.reads, 2);
    assert_int_equal(log.count, 1);
    assert_string_equal(log.warnings, "power source 'slow' failed and is no longer read: it broke");
    finish(power, &log);
    assert_int_equal(slow.reads, 2);
}

static void stopping_is_final_and_repeatable(void **state)
{
    (void)state;
    struct log log;
    struct erg_power *power = start_slow(&log, 0);
    fake_clock_release(&log.clock);
    erg_power_stop(power);
    size_t count = log.count;
    erg_power_stop(power);
    erg_power_poke(power);
    erg_power_read_exact(power, 5, ERG_READING_EDGE);
    assert_int_equal(log.count, count);
    erg_power_close(power);
    fake_clock_deinit(&log.clock);
}

/* --- misbehaviour, from the specification to the energy of a window --------------------------- */

/* Runs 12 s from time zero; the energy of [1 s, 11 s] in J, or of what is covered of it. */
static double misbehave(const char *spec, struct log *log, struct erg_window *out_window)
{
    struct erg_power *power = NULL;
    const struct erg_channel *channels;
    *log = (struct log){.count = 0};
    fake_clock_init(&log->clock, 50 * S);
    struct erg_power_options options = {.spec = spec, .clock = &log->clock.clock, .seed = 5};
    assert_int_equal(erg_power_open(&power, &options, NULL, NULL), 0);
    assert_true(erg_power_is_polled(power));
    assert_int_equal(erg_power_channels(power, &channels), 1);
    assert_int_equal(erg_timeline_new(&log->timeline, channels, 1, NULL), 0);
    assert_int_equal(erg_power_start(power, 50 * S, on_reading, on_warning, log, NULL), 0);
    fake_clock_run_to(&log->clock, 62 * S);
    finish(power, log);
    *out_window = erg_timeline_window(log->timeline, 51 * S, 61 * S);
    erg_timeline_free(log->timeline);
    log->timeline = NULL;
    return (double)erg_energy_total_nj(&out_window->energy) / 1e9;
}

static void lost_readings_cost_nothing_but_detail(void **state)
{
    (void)state;
    struct log log, again;
    struct erg_window window;
    /* A counter is linear across a hole, so that constant power is exact. */
    double joules = misbehave("synthetic:cpu=20W,drop=0.3", &log, &window);
    assert_true(fabs(joules - 200) < 1e-8);
    assert_true(window.coverage_ratio == 1);
    assert_true(log.failed > 15 && log.failed < 60);
    for (size_t i = 0; i < log.count; i++)
        assert_true(log.status[i] == 0 || (log.status[i] == (uint32_t)-ERG_IO && !log.value[i]));
    misbehave("synthetic:cpu=20W,drop=0.3", &again, &window);
    assert_memory_equal(log.status, again.status, sizeof log.status);
    /* At most the power's swing times the longest hole at each end. */
    joules = misbehave("synthetic:cpu=square(5W,25W,2s),drop=0.3", &log, &window);
    assert_true(fabs(joules - 150) <= 2 * 20 * 0.5);
    misbehave("synthetic:cpu=20W,drop=1", &log, &window);
    assert_int_equal(window.energy.present, 0);
    assert_int_equal(window.grade, ERG_GRADE_UNAVAILABLE);
}

static void repeated_readings_lag_by_their_age_at_most(void **state)
{
    (void)state;
    struct log log;
    struct erg_window window;
    double joules = misbehave("synthetic:cpu=20W,stale=3", &log, &window);
    assert_true(fabs(joules - 200) <= 20 * 0.2 + 1e-9);
    assert_int_equal(log.value[0], log.value[2]);
    assert_true(log.value[3] > log.value[2]);
    assert_int_equal(log.value[3], log.value[5]);
    assert_int_equal(window.grade, ERG_GRADE_MEASURED);
}

static void wrapping_counters_are_unwrapped(void **state)
{
    (void)state;
    struct log log;
    struct erg_window window;
    /* 20 W wrap 3 J every 150 ms, read every 100: 66 laps in 10 s. */
    double joules = misbehave("synthetic:cpu=20W,wrap=3000000uJ", &log, &window);
    assert_true(fabs(joules - 200) <= 2e-6);
    joules = misbehave("synthetic:cpu=ramp(10W,1W/s),wrap=262143328850uJ", &log, &window);
    assert_true(fabs(joules - 160) <= 2e-6);
    assert_true(window.coverage_ratio == 1);
}

static void death_is_a_hole_with_a_warning(void **state)
{
    (void)state;
    struct log log;
    struct erg_window window;
    double joules = misbehave("synthetic:cpu=20W,die=5s", &log, &window);
    assert_true(fabs(joules - 20 * 3.9) < 1e-8); /* the last reading is at 4.9 s */
    assert_true(fabs(window.coverage_ratio - 0.39) < 1e-9);
    assert_true(strstr(log.warnings, "'synthetic' failed and is no longer read") != NULL);
}

static void everything_at_once(void **state)
{
    (void)state;
    struct log log;
    struct erg_window window;
    double joules = misbehave("synthetic:cpu=20W,drop=0.1,stale=2,wrap=9J,die=20s", &log, &window);
    assert_true(fabs(joules - 200) <= 20 * 0.5);
}

/* With the machine's clock the wait ends by the wake-up, not by the deadline a day ahead. */
static void a_sleeping_thread_can_be_stopped(void **state)
{
    (void)state;
    struct log log = {.count = 0};
    struct erg_power_options options = {.spec = "synthetic:cpu=1W,drop=0",
                                        .interval_ns = 86400 * S};
    struct erg_power *power = NULL;
    assert_int_equal(erg_power_open(&power, &options, NULL, NULL), 0);
    assert_int_equal(erg_power_start(power, 0, on_reading, on_warning, &log, NULL), 0);
    erg_power_poke(power);
    erg_power_stop(power);
    assert_true(log.count >= 1);
    assert_int_equal(log.kind[log.count - 1], ERG_READING_EDGE);
    erg_power_close(power);
}

static void on_counted_reading(void *user, int64_t before, int64_t after,
                               enum erg_reading_kind kind, const struct erg_channel_value *values,
                               uint32_t count)
{
    atomic_int *readings = user;
    (void)before, (void)after, (void)kind, (void)values, (void)count;
    atomic_fetch_add(readings, 1);
}

/*
 * With the machine's clock a poke ends a sleep of a day at once. The quickest of several counts:
 * any single one may meet a machine that is busy with something else.
 */
static void a_poke_is_answered_within_a_millisecond(void **state)
{
    (void)state;
    atomic_int readings = 0;
    struct erg_power_options options = {.spec = "synthetic:cpu=1W,drop=0",
                                        .interval_ns = 86400 * S};
    struct erg_power *power = NULL;
    int64_t quickest = INT64_MAX;
    assert_int_equal(erg_power_open(&power, &options, NULL, NULL), 0);
    assert_int_equal(erg_power_start(power, 0, on_counted_reading, NULL, &readings, NULL), 0);
    for (int i = 0; i < 50; i++) {
        while (atomic_load(&readings) <= i) /* the first one is on the grid */
            sched_yield();
        int64_t asked = erg_clock_now_ns(erg_clock_system());
        erg_power_poke(power);
        while (atomic_load(&readings) == i + 1)
            sched_yield();
        int64_t took = erg_clock_now_ns(erg_clock_system()) - asked;
        quickest = took < quickest ? took : quickest;
    }
    erg_power_close(power);
    assert_true(quickest < MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readings_lie_on_the_grid),
        cmocka_unit_test(an_overrun_leaves_deadlines_out_and_keeps_the_grid),
        cmocka_unit_test(a_poke_reads_cheap_sources_at_once),
        cmocka_unit_test(a_source_that_fails_for_good_is_not_read_again),
        cmocka_unit_test(stopping_is_final_and_repeatable),
        cmocka_unit_test(lost_readings_cost_nothing_but_detail),
        cmocka_unit_test(repeated_readings_lag_by_their_age_at_most),
        cmocka_unit_test(wrapping_counters_are_unwrapped),
        cmocka_unit_test(death_is_a_hole_with_a_warning),
        cmocka_unit_test(everything_at_once),
        cmocka_unit_test(a_sleeping_thread_can_be_stopped),
        cmocka_unit_test(a_poke_is_answered_within_a_millisecond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
