/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_REST_H
#define ERG_POWER_REST_H

#include "base/err.h"
#include "energy/timeline.h"

#include <stdbool.h>

/*
 * What a whole machine uses beyond its measured parts. Each channel's readings make a cumulative
 * energy that is linear between them; wherever all of them are known, the rest is
 *
 *   R(t) = max over s ≤ t of (M(s) − Σ P(s)), and ≥ 0,
 *
 * with M of the machine's sensor and P of its parts, counted from each one's first reading. It
 * never falls, and parts that run ahead of the machine for a while (sensors are not read at one
 * instant) are paid back before it rises again: ΣP + R stays M wherever the parts fit into it.
 */
struct erg_rest;

/*
 * The machine's is channel `machine`; parts are all channels that are not raw. A part silent for
 * `patience_ns` longer than the machine is not waited for. NOMEM.
 */
int erg_rest_new(struct erg_rest **out, const struct erg_channel *channels, uint32_t count,
                 uint32_t machine, int64_t patience_ns, struct erg_err *err);
void erg_rest_free(struct erg_rest *rest);

/* A valid reading of any channel, in order of time per channel (others are left out). */
void erg_rest_add(struct erg_rest *rest, uint32_t channel, int64_t t_ns, int64_t value);

/* The rest up to the latest time that is known, if that is new: nJ since the first reading. */
bool erg_rest_take(struct erg_rest *rest, int64_t *out_t_ns, int64_t *out_nj);

#endif
