/* SPDX-License-Identifier: MIT */
#include "server/sums_cache.h"

#include "base/mem.h"

#include <string.h>

void erg_sums_cache_init(struct erg_sums_cache *cache)
{
    *cache = (struct erg_sums_cache){.uses = 0};
    pthread_mutex_init(&cache->lock, NULL);
}

void erg_sums_cache_deinit(struct erg_sums_cache *cache)
{
    for (size_t i = 0; i < ERG_SUMS_CACHED; i++)
        erg_run_sums_deinit(&cache->entries[i].sums);
    pthread_mutex_destroy(&cache->lock);
}

static bool copy(const struct erg_run_sums *from, struct erg_run_sums *out)
{
    struct erg_rollup_row *rows = erg_calloc(from->count, sizeof *rows);
    if (!rows)
        return false;
    if (from->count)
        memcpy(rows, from->rows, from->count * sizeof *rows);
    *out = *from;
    out->rows = rows;
    return true;
}

bool erg_sums_cache_get(struct erg_sums_cache *cache, uint64_t key, struct erg_run_sums *out)
{
    bool found = false;
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < ERG_SUMS_CACHED && !found; i++) {
        if (cache->entries[i].key != key || key == 0)
            continue;
        cache->entries[i].used = ++cache->uses;
        found = copy(&cache->entries[i].sums, out);
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void erg_sums_cache_put(struct erg_sums_cache *cache, uint64_t key, const struct erg_run_sums *sums)
{
    struct erg_run_sums kept;
    if (key == 0 || !copy(sums, &kept))
        return;
    pthread_mutex_lock(&cache->lock);
    struct erg_cached_sums *oldest = &cache->entries[0];
    for (size_t i = 0; i < ERG_SUMS_CACHED; i++) {
        struct erg_cached_sums *entry = &cache->entries[i];
        if (entry->key == key) {
            oldest = entry;
            break;
        }
        if (entry->used < oldest->used)
            oldest = entry;
    }
    erg_run_sums_deinit(&oldest->sums);
    *oldest = (struct erg_cached_sums){key, ++cache->uses, kept};
    pthread_mutex_unlock(&cache->lock);
}
