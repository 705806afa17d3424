/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_SYNTH_POOL_H
#define ERG_ENGINE_SYNTH_POOL_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { ERG_SYNTH_POOLS = 8 };

/*
 * Random weights of one tensor type in whole blocks. A row of any width is so many blocks, so one
 * pool serves matrices of all widths.
 */
struct erg_synth_pool {
    int type; /* enum ggml_type */
    size_t block_bytes, bytes;
    char *data;
};

struct erg_synth_pools {
    struct erg_synth_pool pools[ERG_SYNTH_POOLS];
    size_t count;
    uint64_t random; /* state of the generator, never 0 */
};

void erg_synth_pools_init(struct erg_synth_pools *pools, int seed);
void erg_synth_pools_deinit(struct erg_synth_pools *pools);

uint64_t erg_synth_random(struct erg_synth_pools *pools);
/* Zero-mean, of the spread that trained weights have. */
float erg_synth_weight(struct erg_synth_pools *pools);

/* The pool of a type, made on first use for a model that has `needed_bytes` of it. */
int erg_synth_pool(struct erg_synth_pools *pools, int type, int64_t needed_bytes,
                   const struct erg_synth_pool **out, struct erg_err *err);

#endif
