/* SPDX-License-Identifier: MIT */
#include "power/powermetrics_time.h"

/* Lengths may exceed the time between arrivals by what an arrival is late; not by more. */
#define MAX_LATE_NS INT64_C(1000000000)

void erg_interval_clock_init(struct erg_interval_clock *clock)
{
    *clock = (struct erg_interval_clock){.last_end_ns = INT64_MIN};
}

void erg_interval_clock_break(struct erg_interval_clock *clock)
{
    clock->count = 0;
    clock->sum_ns = 0;
}

static int64_t earliest(const struct erg_interval_clock *clock)
{
    uint64_t kept = clock->count < ERG_ANCHORS ? clock->count : ERG_ANCHORS;
    int64_t least = INT64_MAX;
    for (uint64_t i = 0; i < kept; i++) {
        if (clock->anchors[i] < least)
            least = clock->anchors[i];
    }
    return least;
}

void erg_interval_clock_place(struct erg_interval_clock *clock, const int64_t *lengths_ns,
                              size_t count, int64_t arrival_ns, int64_t *out_ends_ns)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += lengths_ns[i];
    /* The machine slept: its clock stood still while the lengths went on. */
    if (clock->last_end_ns != INT64_MIN && total > arrival_ns - clock->last_end_ns + MAX_LATE_NS)
        erg_interval_clock_break(clock);
    int64_t sum = clock->sum_ns;
    clock->sum_ns += total;
    clock->anchors[clock->count++ % ERG_ANCHORS] = arrival_ns - clock->sum_ns;
    int64_t offset = earliest(clock);
    for (size_t i = 0; i < count; i++) {
        sum += lengths_ns[i];
        int64_t end = sum + offset;
        if (end < clock->last_end_ns)
            end = clock->last_end_ns;
        out_ends_ns[i] = clock->last_end_ns = end;
    }
}
