/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_SPANS_H
#define ERG_STORE_SPANS_H

#include "base/buf.h"
#include "base/err.h"
#include "store/rows.h"

/*
 * Packing of a pass's spans. What is the same in every pass of a run, the sequence of (layer,
 * component, operation), is a *layout*, stored once (zstd); the blob of a pass holds the times
 * (ticks of 100 ns) and the optional columns (16-bit logarithmic codes) in as few bits as they
 * vary. The formats are described in spans.c.
 */

/* Layout of `count` spans → bytes (ticks are not looked at). */
int erg_spans_pack_layout(const struct erg_span *spans, uint32_t count, struct erg_buf *out);

/* Blob of a pass. Columns that are NULL are left out. */
int erg_spans_pack(const struct erg_pass_row *row, struct erg_buf *out);

/*
 * Unpack a layout and a blob: arrays to free(), out_values[c] NULL for absent columns. Without
 * out_values (NULL) the blob is read up to the times alone. CORRUPT when what is read is not what
 * the pack functions write, or when they disagree.
 */
int erg_spans_unpack(const void *layout, size_t layout_len, const void *blob, size_t blob_len,
                     struct erg_span **out_spans, uint32_t *out_count, float **out_values,
                     struct erg_err *err);

/*
 * A value in stored precision: what packing and unpacking make of it, with a relative error of at
 * most 5e-4 between 1e-12 and 2.6e16. Below that it is 0, above it and for infinity 2.7e16; what is
 * negative or NaN is NaN. Live values go through this, so that they equal what an import or a later
 * reading shows.
 */
float erg_spans_round_value(float value);

#endif
