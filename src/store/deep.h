/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_DEEP_H
#define ERG_STORE_DEEP_H

#include "store/rows.h"

#include <stdint.h>

/* What deep passes know beside their spans. */

/* The row of a span, NULL when it has none. */
const struct erg_attention_row *erg_attention_of(const struct erg_pass_row *pass, uint32_t span);
const struct erg_routing_row *erg_routing_of(const struct erg_pass_row *pass, uint32_t span);

/* Average over what is known of `n` values; NaN when nothing is. */
double erg_known_mean(const float *values, size_t n);

/*
 * How evenly `counts` of `n` experts are: the entropy of their shares over its largest value ln n.
 * 1 = all equal, 0 = one has everything; NaN when there is one expert only or nothing was counted.
 */
double erg_load_balance(const uint64_t *counts, size_t n);

/* What the value in column `extra` of a span is; ERG_EXTRA_NONE when its names do not say. */
enum erg_extra_kind { ERG_EXTRA_NONE, ERG_EXTRA_KILL_RATIO, ERG_EXTRA_VARIANCE_RATIO };
enum erg_extra_kind erg_extra_kind(const char *component, const char *operation);

#endif
