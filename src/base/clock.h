/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_CLOCK_H
#define ERG_BASE_CLOCK_H

#include <stdint.h>

/*
 * The injectable clock. Times are nanoseconds of CLOCK_MONOTONIC (CLOCK_UPTIME_RAW on macOS); wall
 * time is nanoseconds since 1970-01-01 UTC. Tests pass a clock of their own, so nothing that takes
 * a clock ever sleeps in a test.
 */
struct erg_clock {
    int64_t (*now_ns)(void *user);
    int64_t (*wall_ns)(void *user);
    void (*sleep_until_ns)(void *user, int64_t deadline_ns); /* returns at once when past */
    void *user;
};

/* The machine's clock. */
const struct erg_clock *erg_clock_system(void);

static inline int64_t erg_clock_now_ns(const struct erg_clock *clock)
{
    return clock->now_ns(clock->user);
}

/* "2026-11-20T13:18:43.123456" in time, and the same in UTC with "+00:00" behind it. */
void erg_format_local_time(int64_t wall_ns, char out[40]);
void erg_format_utc_time(int64_t wall_ns, char out[40]);

#endif
