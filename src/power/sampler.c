/* SPDX-License-Identifier: MIT */
#include "power/set.h"

#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A source is cheap when it is read in at most this part of the interval; one that is dearer so
 * many times in a row gets a thread of its own. */
enum { CHEAP_PART = 10, SLOW_READS = 3 };

static void bury(struct erg_power *power, struct erg_power_member *member,
                 const struct erg_err *why)
{
    char text[400];
    member->dead = true;
    snprintf(text, sizeof text, "power source '%s' failed and is no longer read: %s",
             member->driver->name, why->text);
    erg_power_deliver_warning(power, text);
}

/* One reading, if there is a new one: true, then a source that has several is asked again. */
static bool read_once(struct erg_power *power, struct erg_power_member *member,
                      enum erg_reading_kind kind)
{
    struct erg_channel_value values[ERG_MAX_CHANNELS];
    struct erg_err err = {0};
    memset(values, 0, member->own_count * sizeof *values);
    pthread_mutex_lock(&member->lock);
    int64_t before = erg_clock_now_ns(power->clock), t_ns = before;
    int rc = member->driver->read(member->source, &t_ns, values, &err);
    pthread_mutex_unlock(&member->lock);
    int64_t after = erg_clock_now_ns(power->clock);
    member->cost_ns = after - before;
    if (rc < 0)
        bury(power, member, &err);
    if (rc != 0)
        return false;
    if (t_ns != before)
        before = after = t_ns; /* it knows better when that was */
    if (member->check)
        erg_power_check_reading(power, member, before, values);
    uint32_t count = erg_power_place(member, values);
    erg_power_deliver(power, before, after, kind, values, count);
    return true;
}

static void read_member(struct erg_power *power, struct erg_power_member *member,
                        enum erg_reading_kind kind)
{
    bool more = true;
    while (more && !member->dead)
        more = read_once(power, member, kind) && member->driver->batches;
    const char *warning = member->driver->warning ? member->driver->warning(member->source) : NULL;
    if (warning)
        erg_power_deliver_warning(power, warning);
}

static bool is_cheap(const struct erg_power *power, const struct erg_power_member *member)
{
    return member->cost_ns <= power->interval_ns / CHEAP_PART;
}

static void read_all(struct erg_power_lane *lane, enum erg_reading_kind kind, bool cheap_only)
{
    for (size_t i = 0; i < lane->member_count; i++) {
        struct erg_power_member *member = lane->members[i];
        if (member->dead || (cheap_only && !is_cheap(lane->power, member)))
            continue;
        read_member(lane->power, member, kind);
        member->slow_reads = is_cheap(lane->power, member) ? 0 : member->slow_reads + 1;
    }
}

static int start_lane(struct erg_power *power, struct erg_power_member **members, size_t count,
                      int64_t due_ns, struct erg_err *err);

/* Sources that are dear every time would delay the others: they go. */
static void part_with_slow_ones(struct erg_power_lane *lane, int64_t due_ns)
{
    for (size_t i = lane->member_count; lane->member_count > 1 && i-- > 0;) {
        struct erg_power_member *member = lane->members[i];
        if (member->dead || member->slow_reads < SLOW_READS)
            continue;
        member->slow_reads = 0;
        if (start_lane(lane->power, &member, 1, due_ns, NULL))
            continue;
        lane->member_count--;
        memmove(&lane->members[i], &lane->members[i + 1],
                (lane->member_count - i) * sizeof lane->members[0]);
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
    struct erg_power_lane *lane = argument;
    struct erg_power *power = lane->power;
    int64_t due = lane->due_ns;
    while (!atomic_load(&power->stop)) {
        bool poked = atomic_exchange(&lane->poked, false);
        if (erg_clock_now_ns(power->clock) >= due) {
            read_all(lane, ERG_READING_GRID, false);
            due = next_deadline(due, power->interval_ns, erg_clock_now_ns(power->clock));
            part_with_slow_ones(lane, due);
        } else if (poked) {
            read_all(lane, ERG_READING_EDGE, true);
        }
        erg_waiter_wait_until(&lane->waiter, due);
    }
    read_all(lane, ERG_READING_EDGE, false);
    for (size_t i = 0; i < lane->member_count; i++) {
        if (lane->members[i]->check)
            erg_power_check_conclude(power, lane->members[i]);
    }
    return NULL;
}

/* Begin to read `members`, which nobody else reads any more, at `due_ns`; fails after a stop. */
static int start_lane(struct erg_power *power, struct erg_power_member **members, size_t count,
                      int64_t due_ns, struct erg_err *err)
{
    struct erg_power_lane *lane = erg_calloc(1, sizeof *lane);
    if (!lane)
        return erg_fail(err, ERG_NOMEM, "cannot start the sampling thread: out of memory");
    lane->power = power;
    lane->due_ns = due_ns;
    lane->member_count = count;
    memcpy(lane->members, members, count * sizeof members[0]);
    int rc = erg_waiter_init(&lane->waiter, power->clock, err);
    if (rc) {
        free(lane);
        return rc;
    }
    /* Signals are for the thread that knows what to do with them. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_mutex_lock(&power->threads);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = ECANCELED;
    if (!atomic_load(&power->stop) && power->lane_count < ERG_MAX_SOURCES)
        failed = pthread_create(&lane->thread, NULL, run, lane);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!failed)
        power->lanes[power->lane_count++] = lane;
    pthread_mutex_unlock(&power->threads);
    if (failed) {
        erg_waiter_deinit(&lane->waiter);
        free(lane);
        return erg_fail_errno(err, failed, "cannot start the sampling thread");
    }
    return 0;
}

int erg_sampler_start(struct erg_power *power, struct erg_err *err)
{
    struct erg_power_member *shared[ERG_MAX_SOURCES];
    size_t count = 0;
    int rc = 0;
    int64_t start_ns = erg_clock_now_ns(power->clock);
    for (size_t i = 0; i < power->member_count && rc == 0; i++) {
        struct erg_power_member *member = &power->members[i];
        if (!member->exact && member->driver->own_thread)
            rc = start_lane(power, &member, 1, start_ns, err);
        else if (!member->exact)
            shared[count++] = member;
    }
    if (rc == 0 && count)
        rc = start_lane(power, shared, count, start_ns, err);
    if (rc)
        erg_sampler_stop(power);
    return rc;
}

void erg_sampler_poke(struct erg_power *power)
{
    pthread_mutex_lock(&power->threads);
    for (size_t i = 0; i < power->lane_count; i++) {
        atomic_store(&power->lanes[i]->poked, true);
        erg_waiter_wake(&power->lanes[i]->waiter);
    }
    pthread_mutex_unlock(&power->threads);
}

void erg_sampler_stop(struct erg_power *power)
{
    pthread_mutex_lock(&power->threads);
    atomic_store(&power->stop, true); /* no more threads from here on */
    size_t count = power->lane_count;
    power->lane_count = 0;
    for (size_t i = 0; i < count; i++)
        erg_waiter_wake(&power->lanes[i]->waiter);
    pthread_mutex_unlock(&power->threads);
    for (size_t i = 0; i < count; i++) {
        pthread_join(power->lanes[i]->thread, NULL);
        erg_waiter_deinit(&power->lanes[i]->waiter);
        free(power->lanes[i]);
    }
}
