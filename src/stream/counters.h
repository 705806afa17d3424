/* SPDX-License-Identifier: MIT */
#ifndef ERG_STREAM_COUNTERS_H
#define ERG_STREAM_COUNTERS_H

#include <stdint.h>

/* What the processor counted of the engine process, all its threads, outside the kernel. */
enum erg_count { ERG_COUNT_INSTRUCTIONS, ERG_COUNT_CYCLES, ERG_COUNT_CACHE_MISSES, ERG_COUNTS };

/* Head of a COUNTERS record: counted so far at t, since some origin. */
struct erg_counters_head {
    int64_t t_ns;
    uint64_t count[ERG_COUNTS]; /* 0 where not known */
    uint32_t known;             /* bit i: count[i] is known */
    uint32_t zero;
};

#endif
