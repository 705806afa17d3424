/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_SUMS_H
#define ERG_STORE_SUMS_H

#include "base/buf.h"
#include "base/err.h"
#include "store/rows.h"

/*
 * A finished run summed up, so that it can be shown without unpacking its passes: what those say is
 * the truth, these repeat it. Times, energies and counts are exact. The rest was summed before it
 * was packed, and so differs by up to 5e-4 from what the packed passes say.
 */
struct erg_run_sums {
    struct erg_rollup_row *rows; /* in order of phase, layer, first appearance; NULL = none */
    size_t count;
    int64_t passes[ERG_PHASES];
};

void erg_run_sums_deinit(struct erg_run_sums *sums);

/* As bytes, and back: CORRUPT, NOMEM. */
int erg_sums_pack(const struct erg_run_sums *sums, struct erg_buf *out);
int erg_sums_unpack(const void *packed, size_t len, struct erg_run_sums *out, struct erg_err *err);

#endif
