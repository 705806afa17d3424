/* SPDX-License-Identifier: MIT */
#include "engine/llama/stamp_clock.h"

#include <stdio.h>
#include <string.h>

/*
 * A setting during which something else ran would be wrong by as long: another try, then none.
 * The rate is taken over 1 to 10 s where there are as many, so that it follows the clock when the
 * system corrects that.
 */
enum {
    TRIES = 4,
    MOST_TICKS = 2000,
    RATE_FROM_NS = 10 * 1000 * 1000,
    RATE_OVER_NS = 1000 * 1000 * 1000,
    RATE_UNTIL_S = 10,
};

/* The product with fewer than 2^30 ticks has 64 bits: 4 ns a tick at most. */
#define MOST_RATE (UINT64_C(4) << 32)

static bool keeps_time_by_counter(void)
{
#if defined(__linux__) && defined(__x86_64__)
    char name[16] = "";
    FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    if (!file)
        return false;
    bool is_tsc = fgets(name, sizeof name, file) && strcmp(name, "tsc\n") == 0;
    fclose(file);
    return is_tsc;
#else
    return false;
#endif
}

/* Both at one moment; false when there was none. */
static bool read_both(uint64_t *out_ticks, int64_t *out_ns)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = erg_stamp_clock_ticks();
        *out_ns = ergon_probe_now_ns();
        uint64_t took = erg_stamp_clock_ticks() - before;
        *out_ticks = before + took / 2;
        if (took < MOST_TICKS)
            return true;
    }
    return false;
}

void erg_stamp_clock_init(struct erg_stamp_clock *clock)
{
    *clock = (struct erg_stamp_clock){.has_counter = keeps_time_by_counter()};
    if (clock->has_counter)
        clock->has_counter = read_both(&clock->first_ticks, &clock->first_ns);
}

void erg_stamp_clock_set(struct erg_stamp_clock *clock)
{
    uint64_t ticks;
    int64_t ns;
    clock->ns_per_tick = 0;
    if (!clock->has_counter || !read_both(&ticks, &ns))
        return;
    int64_t passed_ns = ns - clock->first_ns;
    uint64_t passed_ticks = ticks - clock->first_ticks;
    if (passed_ns < RATE_FROM_NS)
        return;
    double rate = (double)passed_ns / (double)passed_ticks * 4294967296.0;
    if (!(rate > 0 && rate < (double)MOST_RATE))
        return;
    clock->ns_per_tick = (uint64_t)rate;
    clock->set_ticks = ticks;
    clock->set_ns = ns;
    if (passed_ns > RATE_UNTIL_S * (int64_t)RATE_OVER_NS) {
        clock->first_ticks =
            ticks - (uint64_t)((double)passed_ticks / (double)passed_ns * RATE_OVER_NS);
        clock->first_ns = ns - RATE_OVER_NS;
    }
}
