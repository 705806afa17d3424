/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_ERG_COUNTERS_H
#define ERG_EXPORT_ERG_COUNTERS_H

#include "base/buf.h"
#include "export/erg_plan.h"

/*
 * COUNTERS records from which the phases of a stored run get the counts that its summary says.
 * Times are from t = 0; a phase whose t1 is 0 has none. Failures stick to the buffer.
 */
void erg_counters_put(const struct erg_plan *plan, const int64_t t0_ns[ERG_PHASES],
                      const int64_t t1_ns[ERG_PHASES], struct erg_buf *out);

#endif
