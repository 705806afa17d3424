/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_STATS_SLOW_H
#define ERG_ENGINE_STATS_SLOW_H

#include "engine/stats/table.h"

/* Bytes of one element. */
size_t erg_scalar_bytes(enum erg_scalar type);

/* One element at any alignment. */
float erg_scalar_load(enum erg_scalar type, const void *element);

/* `count` elements `stride` bytes apart, as contiguous floats. */
void erg_scalar_gather(enum erg_scalar type, const void *data, size_t stride, size_t count,
                       float *out_values);

/* Add the block's columns from `first` on to what a kernel has summed of those before. */
void erg_slow_columns(enum erg_scalar type, const struct erg_block *block, size_t first,
                      struct erg_block_sums *sums);

/*
 * The moments of one block in double, two passes, whatever the values: the part and threshold of
 * `out_moments` are kept.
 */
void erg_slow_block(enum erg_scalar type, const struct erg_block *block,
                    struct erg_moments *out_moments);

#endif
