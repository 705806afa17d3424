/* SPDX-License-Identifier: MIT */
#include "engine/llama/synth_pool.h"

#include "base/mem.h"

#include <ggml.h>
#include <stdlib.h>

/* More than any last-level cache's share of a core; CHUNK is a multiple of all blocks. */
enum { POOL_BYTES = 16 << 20, CHUNK = 2048 };
static const float SIGMA = 0.02f; /* spread of trained weights */

void erg_synth_pools_init(struct erg_synth_pools *pools, int seed)
{
    *pools =
        (struct erg_synth_pools){.random = UINT64_C(0x9E3779B97F4A7C15) ^ ((uint64_t)seed << 20)};
}

void erg_synth_pools_deinit(struct erg_synth_pools *pools)
{
    for (size_t i = 0; i < pools->count; i++) {
        free(pools->pools[i].data);
    }
    pools->count = 0;
}

uint64_t erg_synth_random(struct erg_synth_pools *pools)
{
    pools->random ^= pools->random >> 12;
    pools->random ^= pools->random << 25;
    pools->random ^= pools->random >> 27;
    return pools->random * UINT64_C(0x2545F4914F6CDD1D);
}

/* Four uniform numbers summed: near enough to a normal distribution. */
float erg_synth_weight(struct erg_synth_pools *pools)
{
    uint64_t r = erg_synth_random(pools);
    float sum = (float)(r & 0xFFFF) + (float)(r >> 16 & 0xFFFF) + (float)(r >> 32 & 0xFFFF) +
                (float)(r >> 48);
    return (sum / 65536.0f - 2.0f) * 1.7320508f * SIGMA;
}

static int fill(struct erg_synth_pools *pools, struct erg_synth_pool *pool, size_t bytes,
                struct erg_err *err)
{
    float weights[CHUNK];
    size_t chunk_bytes = ggml_row_size((enum ggml_type)pool->type, CHUNK);
    size_t chunks = (bytes + chunk_bytes - 1) / chunk_bytes;
    pool->bytes = chunks * chunk_bytes;
    pool->data = erg_calloc(chunks, chunk_bytes);
    if (!pool->data) {
        return erg_fail(err, ERG_NOMEM, "cannot make weights: out of memory");
    }
    for (size_t c = 0; c < chunks; c++) {
        for (int i = 0; i < CHUNK; i++) {
            weights[i] = erg_synth_weight(pools);
        }
        ggml_quantize_chunk((enum ggml_type)pool->type, weights, pool->data + c * chunk_bytes, 0, 1,
                            CHUNK, NULL);
    }
    return 0;
}

int erg_synth_pool(struct erg_synth_pools *pools, int type, int64_t needed_bytes,
                   const struct erg_synth_pool **out, struct erg_err *err)
{
    for (size_t i = 0; i < pools->count; i++) {
        if (pools->pools[i].type == type) {
            *out = &pools->pools[i];
            return 0;
        }
    }
    if (pools->count == ERG_SYNTH_POOLS) {
        return erg_fail(err, ERG_LIMIT, "too many types of weights");
    }
    struct erg_synth_pool *pool = &pools->pools[pools->count];
    *pool =
        (struct erg_synth_pool){.type = type, .block_bytes = ggml_type_size((enum ggml_type)type)};
    int status =
        fill(pools, pool, needed_bytes < POOL_BYTES ? (size_t)needed_bytes : POOL_BYTES, err);
    if (status == 0) {
        pools->count++;
        *out = pool;
    }
    return status;
}
