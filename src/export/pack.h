/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_PACK_H
#define ERG_EXPORT_PACK_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

/*
 * Matrices packed for a report (docs/exports.md, read by web/src/report/numbers.ts). `values` is
 * [pass][cell] with NaN where there is nothing; packed is cell by cell, the passes of each. Pure;
 * failures are those of the buffer.
 */
struct erg_pack_pass {
    uint32_t phase;
    int64_t duration_ticks, energy_nj;
};

/* Whole numbers: n + 1, 0 = nothing, as varints. Times in ms on the grid of 100 ns. */
void erg_pack_ticks(const float *values, size_t passes, size_t cells, struct erg_buf *out);

/* Energies in mJ: zigzag of what is beyond the share by time of the pass's nanojoules, from 1 on.
 */
void erg_pack_share(const float *values, const float *ms, const struct erg_pack_pass *passes,
                    size_t count, size_t cells, struct erg_buf *out);

/* float32 rounded to 12 bits of mantissa: its upper three bytes, plane by plane. */
void erg_pack_float24(const float *values, size_t passes, size_t cells, struct erg_buf *out);

/* How several passes make one value; deviations are averaged as the server does, by their squares.
 */
enum erg_pack_join { ERG_PACK_SUM, ERG_PACK_MEAN, ERG_PACK_ROOT_MEAN_SQUARE, ERG_PACK_MOST };

/*
 * Neighbouring passes of the same phase as one, at most `every` of them, in place: `values` and
 * `passes` become shorter. Returns how many are left.
 */
size_t erg_pack_join(float *values, struct erg_pack_pass *passes, size_t count, size_t cells,
                     size_t every, enum erg_pack_join how);

#endif
