/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_SUMS_CACHE_H
#define ERG_SERVER_SUMS_CACHE_H

#include "store/sums.h"

#include <pthread.h>
#include <stdbool.h>

/*
 * Sums of runs that had to be made from their passes (export/view.h), kept for the next request of
 * the same page. Locked inside.
 */
enum { ERG_SUMS_CACHED = 8 };

struct erg_sums_cache {
    pthread_mutex_t lock;
    struct erg_cached_sums {
        uint64_t key; /* 0 = empty */
        uint64_t used;
        struct erg_run_sums sums;
    } entries[ERG_SUMS_CACHED];
    uint64_t uses;
};

void erg_sums_cache_init(struct erg_sums_cache *cache);
void erg_sums_cache_deinit(struct erg_sums_cache *cache);

/* A copy of what is kept under the key; false when nothing is, or memory is short. */
bool erg_sums_cache_get(struct erg_sums_cache *cache, uint64_t key, struct erg_run_sums *out);
/* Keep a copy in place of what was used longest ago. */
void erg_sums_cache_put(struct erg_sums_cache *cache, uint64_t key,
                        const struct erg_run_sums *sums);

#endif
