/* SPDX-License-Identifier: MIT */
#include "power/set.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A source is cheap when it is read in at most this part of the interval. */
enum { CHEAP_PART = 10 };

static void bury(struct erg_power *power, struct erg_power_member *member,
                 const struct erg_err *why)
{
    char text[400];
    member->dead = true;
    snprintf(text, sizeof text, "power source '%s' failed and is no longer read: %s",
             member->driver->name, why->text);
    if (power->on_warning)
        power->on_warning(power->user, text);
}

/* One reading, if there is a new one: true, then a source that has several is asked again. */
static bool read_once(struct erg_power *power, struct erg_power_member *member,
                      enum erg_reading_kind kind)
{
    struct erg_channel_value values[ERG_MAX_CHANNELS];
    struct erg_err err = {0};
    memset(values, 0, member->own_count * sizeof *values);
    int64_t before = erg_clock_now_ns(power->clock), t_ns = before;
    pthread_mutex_lock(&power->lock);
    int rc = member->driver->read(member->source, &t_ns, values, &err);
    pthread_mutex_unlock(&power->lock);
    int64_t after = erg_clock_now_ns(power->clock);
    member->cost_ns = after - before;
    if (rc < 0)
        bury(power, member, &err);
    if (rc != 0)
        return false;
    if (t_ns != before)
        before = after = t_ns; /* it knows better when that was */
    uint32_t count = erg_power_place(member, values);
    power->on_reading(power->user, before, after, kind, values, count);
    return true;
}

static void read_member(struct erg_power *power, struct erg_power_member *member,
                        enum erg_reading_kind kind)
{
    bool more = true;
    while (more && !member->dead)
        more = read_once(power, member, kind) && member->driver->batches;
    const char *warning = member->driver->warning ? member->driver->warning(member->source) : NULL;
    if (warning && power->on_warning)
        power->on_warning(power->user, warning);
}

static void read_all(struct erg_power *power, enum erg_reading_kind kind, bool cheap_only)
{
    for (size_t i = 0; i < power->member_count; i++) {
        struct erg_power_member *member = &power->members[i];
        bool cheap = member->cost_ns <= power->interval_ns / CHEAP_PART;
        if (!member->exact && !member->dead && (cheap || !cheap_only))
            read_member(power, member, kind);
    }
}

/* The next deadline on the grid; those that a slow read has missed are left out. */
static int64_t next_deadline(int64_t due, int64_t interval, int64_t now)
{
    due += interval;
    if (due < now)
        due += (now - due + interval - 1) / interval * interval;
    return due;
}

static void *run(void *argument)
{
    struct erg_power *power = argument;
    int64_t due = erg_clock_now_ns(power->clock);
    while (!atomic_load(&power->stop)) {
        bool poked = atomic_exchange(&power->poked, false);
        if (erg_clock_now_ns(power->clock) >= due) {
            read_all(power, ERG_READING_GRID, false);
            due = next_deadline(due, power->interval_ns, erg_clock_now_ns(power->clock));
        } else if (poked) {
            read_all(power, ERG_READING_EDGE, true);
        }
        erg_waiter_wait_until(&power->waiter, due);
    }
    read_all(power, ERG_READING_EDGE, false);
    return NULL;
}

int erg_sampler_start(struct erg_power *power, struct erg_err *err)
{
    int rc = erg_waiter_init(&power->waiter, power->clock, err);
    if (rc)
        return rc;
    /* Signals are for the thread that knows what to do with them. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&power->thread, NULL, run, power);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        erg_waiter_deinit(&power->waiter);
        return erg_fail_errno(err, failed, "cannot start the sampling thread");
    }
    power->running = true;
    return 0;
}

void erg_sampler_stop(struct erg_power *power)
{
    if (!power->running)
        return;
    atomic_store(&power->stop, true);
    erg_waiter_wake(&power->waiter);
    pthread_join(power->thread, NULL);
    erg_waiter_deinit(&power->waiter);
    power->running = false;
}
