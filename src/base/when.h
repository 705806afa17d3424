/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_WHEN_H
#define ERG_BASE_WHEN_H

#include "base/clock.h"
#include "base/err.h"

/*
 * A point in local time as ISO 8601 text that compares with `created_at`: the beginning of such a
 * text ("2026", "2026-11-20", "2026-11-20T13:05", a blank for the T) as it is, or a duration such
 * as "2h" or "30d" before now. INVALID otherwise.
 */
int erg_when_parse(const char *text, const struct erg_clock *clock, char out[40],
                   struct erg_err *err);

/* Now minus a duration, in the same form. */
void erg_when_ago(int64_t ago_ns, const struct erg_clock *clock, char out[40]);

#endif
