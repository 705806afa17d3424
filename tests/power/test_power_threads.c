/* SPDX-License-Identifier: MIT */
#include "power/fake_driver.h"
#include "power/set.h"

#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

/* A clock that jumps to whatever deadline somebody sleeps for: time costs nothing. */
static atomic_llong now_ns;

static int64_t clock_now(void *user)
{
    (void)user;
    return atomic_load(&now_ns);
}

static void clock_sleep(void *user, int64_t deadline_ns)
{
    long long now = atomic_load(&now_ns);
    (void)user;
    while (now < deadline_ns && !atomic_compare_exchange_weak(&now_ns, &now, deadline_ns))
        ;
    sched_yield();
}

static const struct erg_clock jumping = {clock_now, clock_now, clock_sleep, NULL};

static struct {
    atomic_int quick_reads, stuck_reads, dear_reads;
    atomic_bool stuck;
    sem_t go_on;
    pthread_t quick_thread, dear_thread, stuck_thread;
    atomic_bool dear_moved;
    atomic_int inside, readings[3];
} t;

static int open_one(enum erg_domain domain, struct erg_power_source **out,
                    struct erg_channel *channels, uint32_t *count, bool *exact)
{
    return fake_open_channels(&domain, 1, out, channels, count, exact);
}

#define OPENER(name, domain)                                                                       \
    static int open_##name(const struct erg_power_options *options, const char *argument,          \
                           struct erg_power_source **out, struct erg_channel *channels,            \
                           uint32_t *count, bool *exact, struct erg_err *err)                      \
    {                                                                                              \
        (void)options, (void)argument, (void)err;                                                  \
        return open_one(domain, out, channels, count, exact);                                      \
    }
OPENER(quick, ERG_DOMAIN_CPU)
OPENER(stuck, ERG_DOMAIN_GPU)
OPENER(dear, ERG_DOMAIN_DRAM)

static int read_quick(struct erg_power_source *source, int64_t *inout_t_ns,
                      struct erg_channel_value *values, struct erg_err *err)
{
    (void)source, (void)err;
    t.quick_thread = pthread_self();
    atomic_fetch_add(&t.quick_reads, 1);
    values[0].value = *inout_t_ns;
    return 0;
}

/* Its first read takes until the test lets it go on. */
static int read_stuck(struct erg_power_source *source, int64_t *inout_t_ns,
                      struct erg_channel_value *values, struct erg_err *err)
{
    (void)source, (void)err;
    if (atomic_fetch_add(&t.stuck_reads, 1) == 0) {
        atomic_store(&t.stuck, true);
        sem_wait(&t.go_on);
    }
    values[0].value = *inout_t_ns;
    return 0;
}

/* Every read takes a fifth of the interval. */
static int read_dear(struct erg_power_source *source, int64_t *inout_t_ns,
                     struct erg_channel_value *values, struct erg_err *err)
{
    (void)source, (void)err;
    if (atomic_fetch_add(&t.dear_reads, 1) && !pthread_equal(t.dear_thread, pthread_self()))
        atomic_store(&t.dear_moved, true);
    t.dear_thread = pthread_self();
    atomic_fetch_add(&now_ns, 20 * MS);
    values[0].value = *inout_t_ns;
    return 0;
}

#define FAKE(what, alone)                                                                          \
    {                                                                                              \
        .name = #what, .default_interval_ns = 100 * MS, .automatic = true, .probe = fake_probe,    \
        .open = open_##what, .read = read_##what, .own_thread = (alone), .detail = fake_detail,    \
        .close = fake_close                                                                        \
    }
static const struct erg_power_driver quick = FAKE(quick, false), stuck = FAKE(stuck, true),
                                     dear = FAKE(dear, false);
static const struct erg_power_driver *const table[] = {&quick, &stuck, &dear, NULL};

static void on_reading(void *user, int64_t before, int64_t after, enum erg_reading_kind kind,
                       const struct erg_channel_value *values, uint32_t count)
{
    (void)user, (void)before, (void)after, (void)kind;
    if (atomic_fetch_add(&t.inside, 1) != 0)
        fail_msg("two readings at once");
    assert_int_equal(count, 1);
    atomic_fetch_add(&t.readings[values[0].channel], 1);
    sched_yield();
    atomic_fetch_sub(&t.inside, 1);
}

static struct erg_power *start(const char *spec)
{
    struct erg_power_options options = {.spec = spec, .clock = &jumping};
    struct erg_power *power = NULL;
    memset(&t, 0, sizeof t);
    sem_init(&t.go_on, 0, 0);
    assert_int_equal(erg_power_open_from(table, &power, &options, NULL, NULL), 0);
    assert_int_equal(erg_power_start(power, 0, on_reading, NULL, NULL, NULL), 0);
    return power;
}

static void a_slow_call_delays_nobody_else(void **state)
{
    (void)state;
    struct erg_power *power = start("quick,stuck");
    /* These would never come about if one waited for the other. */
    while (!atomic_load(&t.stuck) || atomic_load(&t.readings[0]) < 200)
        sched_yield();
    assert_int_equal(atomic_load(&t.stuck_reads), 1);
    assert_int_equal(atomic_load(&t.readings[1]), 0);
    sem_post(&t.go_on);
    while (atomic_load(&t.readings[1]) < 20) {
        erg_power_poke(power);
        sched_yield();
    }
    erg_power_stop(power);
    int after = atomic_load(&t.readings[0]) + atomic_load(&t.readings[1]);
    erg_power_poke(power);
    assert_int_equal(after, atomic_load(&t.readings[0]) + atomic_load(&t.readings[1]));
    erg_power_close(power);
}

static void a_source_that_turns_out_slow_gets_a_thread(void **state)
{
    (void)state;
    struct erg_power *power = start("quick,dear");
    while (!atomic_load(&t.dear_moved) || atomic_load(&t.readings[0]) < 50)
        sched_yield();
    erg_power_stop(power);
    assert_false(pthread_equal(t.quick_thread, t.dear_thread));
    assert_true(atomic_load(&t.dear_reads) > 3);
    erg_power_close(power);
    /* Alone it has nobody to leave. */
    power = start("dear");
    while (atomic_load(&t.readings[0]) < 20)
        sched_yield();
    erg_power_stop(power);
    assert_false(atomic_load(&t.dear_moved));
    erg_power_close(power);
}

static void stopping_at_any_moment_is_clean(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct erg_power *power = start("quick,dear");
        for (int k = 0; k < i % 17; k++) {
            erg_power_poke(power);
            sched_yield();
        }
        erg_power_stop(power);
        assert_true(atomic_load(&t.quick_reads) > 0 && atomic_load(&t.dear_reads) > 0);
        erg_power_close(power);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_call_delays_nobody_else),
        cmocka_unit_test(a_source_that_turns_out_slow_gets_a_thread),
        cmocka_unit_test(stopping_at_any_moment_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
