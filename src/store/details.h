/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_DETAILS_H
#define ERG_STORE_DETAILS_H

#include "base/buf.h"
#include "base/err.h"
#include "store/rows.h"

/*
 * Packing of what deep passes know beside their spans: attention statistics per head and expert
 * routing. The format is described in details.c.
 */

/* Numbers of a row: what ERG_MAX_DETAIL_NUMBERS counts. */
uint64_t erg_attention_numbers(const struct erg_attention_row *row);
uint64_t erg_routing_numbers(const struct erg_routing_row *row);

/*
 * The attention and routing of a pass; nothing is appended when it has neither. INVALID when rows
 * are not in the order of their spans, beyond the pass or out of their ranges (format.h), LIMIT
 * when they are too many.
 */
int erg_details_pack(const struct erg_pass_row *row, struct erg_buf *out);

/* What unpacking allocates; zero-initialised. */
struct erg_details {
    struct erg_attention_row *attention;
    struct erg_routing_row *routing;
    uint32_t n_attention, n_routing;
    float *numbers;
    uint16_t *experts;
};

/* Unpack a blob (an empty one: nothing) of a pass of `n_spans`. CORRUPT when it is not what
 * erg_details_pack() writes. */
int erg_details_unpack(const void *blob, size_t len, uint32_t n_spans, struct erg_details *out,
                       struct erg_err *err);
void erg_details_deinit(struct erg_details *details);

#endif
