/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_COUNTS_H
#define ERG_SERVER_COUNTS_H

#include "store/lists.h"

#include <pthread.h>

/*
 * What runs have cost since the server was started, for GET /metrics: runs that were begun since
 * and have ended, whoever made them. Runs that are deleted stay counted, so the counters never
 * fall. Locked inside.
 */
enum { ERG_COUNTS_PENDING = 256, ERG_COUNTS_COMPONENTS = 64 };

struct erg_counts {
    pthread_mutex_t lock;
    struct erg_run_mark seen; /* everything up to it is counted or pending */
    char pending[ERG_COUNTS_PENDING][128];
    size_t pending_count;

    int64_t runs[5]; /* in the order of erg_status_names */
    int64_t input_tokens, output_tokens;
    struct erg_energy energy, phases[ERG_PHASES];
    int64_t unattributed_nj;
    struct {
        char name[64];
        int64_t energy_nj, duration_ns;
    } components[ERG_COUNTS_COMPONENTS]; /* the last takes those that find no room: "other" */
    size_t component_count;
};

void erg_counts_init(struct erg_counts *counts);
void erg_counts_deinit(struct erg_counts *counts);
/* Count from now on. */
int erg_counts_start(struct erg_counts *counts, struct erg_store *store, struct erg_err *err);
/* Count what has ended since the last time; `out` (may be NULL) gets all of it. */
int erg_counts_update(struct erg_counts *counts, struct erg_store *store, struct erg_counts *out,
                      struct erg_err *err);

#endif
