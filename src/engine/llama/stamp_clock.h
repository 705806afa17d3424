/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_STAMP_CLOCK_H
#define ERG_ENGINE_STAMP_CLOCK_H

#include <ergon/probe.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The probe's clock (ns), cheaper where it matters: behind every node of a graph. There the code
 * and data that the system's clock needs have been pushed out of the caches by the weights, and
 * reading it takes twenty times what it takes in a loop. The processor's counter needs none of it.
 *
 * The counter is set to the clock at the beginning of each pass, and goes at the rate seen between
 * two such moments at least 10 ms apart. It is used where the system itself takes its time from it
 * (Linux on x86-64 with the clock source `tsc`); elsewhere, before the rate is known and when the
 * last setting is long past, the system's clock is read. Times may differ from it by some
 * microseconds, and go back by as much where the counter is set.
 */
struct erg_stamp_clock {
    uint64_t ns_per_tick; /* times 2^32; 0 = read the system's clock */
    uint64_t set_ticks;
    int64_t set_ns;
    uint64_t first_ticks; /* from where the rate is taken */
    int64_t first_ns;
    bool has_counter;
};

void erg_stamp_clock_init(struct erg_stamp_clock *clock);

/* Set the counter to the system's clock. */
void erg_stamp_clock_set(struct erg_stamp_clock *clock);

#if defined(__linux__) && defined(__x86_64__)
static inline uint64_t erg_stamp_clock_ticks(void)
{
    return __builtin_ia32_rdtsc();
}

/* The same once all that came before has happened. */
static inline uint64_t erg_stamp_clock_ticks_behind(void)
{
    __builtin_ia32_lfence();
    return __builtin_ia32_rdtsc();
}
#else
static inline uint64_t erg_stamp_clock_ticks(void)
{
    return 0;
}

static inline uint64_t erg_stamp_clock_ticks_behind(void)
{
    return 0;
}
#endif

static inline int64_t erg_stamp_clock_now_ns(const struct erg_stamp_clock *clock)
{
    uint64_t ticks = erg_stamp_clock_ticks() - clock->set_ticks;
    /* fewer than 2^30 ticks, some third of a second: then the product has 64 bits */
    if (clock->ns_per_tick == 0 || ticks >> 30)
        return ergon_probe_now_ns();
    return clock->set_ns + (int64_t)(ticks * clock->ns_per_tick >> 32);
}

#endif
