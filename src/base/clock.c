/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include "base/system.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

/* One second in nanoseconds. */
#define NS_PER_S INT64_C(1000000000)

static int64_t system_now_ns(void *user)
{
    (void)user;
    return erg_system_now_ns();
}

static int64_t system_wall_ns(void *user)
{
    struct timespec ts;
    (void)user;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void system_sleep_until_ns(void *user, int64_t deadline_ns)
{
    for (;;) {
        int64_t left = deadline_ns - system_now_ns(user);
        if (left <= 0)
            return;
        struct timespec ts = {left / NS_PER_S, left % NS_PER_S};
        if (nanosleep(&ts, NULL) == 0 || errno != EINTR)
            return;
    }
}

const struct erg_clock *erg_clock_system(void)
{
    static const struct erg_clock clock = {system_now_ns, system_wall_ns, system_sleep_until_ns,
                                           NULL};
    return &clock;
}

/* "YYYY-MM-DDThh:mm:ss.uuuuuu" of broken-down time; returns the length. */
static size_t format_time(const struct tm *tm, int64_t wall_ns, char *out, size_t out_bytes)
{
    size_t len = strftime(out, out_bytes, "%Y-%m-%dT%H:%M:%S", tm);
    int micro = (int)(wall_ns % NS_PER_S / 1000);
    return len + (size_t)snprintf(out + len, out_bytes - len, ".%06d", micro);
}

void erg_format_local_time(int64_t wall_ns, char out[40])
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    localtime_r(&seconds, &tm);
    format_time(&tm, wall_ns, out, 40);
}

void erg_format_utc_time(int64_t wall_ns, char out[40])
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t len = format_time(&tm, wall_ns, out, 40);
    snprintf(out + len, 40 - len, "+00:00");
}
