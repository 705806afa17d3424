/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_OUTCOME_H
#define ERG_RECORD_OUTCOME_H

#include "record/join.h"
#include "record/session.h"
#include "store/writer.h"

/*
 * From a join to what is kept of it: the run's row in the store and the result for the caller.
 * Shared by live runs and imports.
 */

/* Where the rows of a join go: a writer (may be NULL) and an observer (may be NULL). */
struct erg_outcome {
    struct erg_join *join;
    struct erg_writer *writer;
    const struct erg_run_observer *observer;
    char *recorder;       /* erg_store_recorder_id() */
    int64_t stored_bytes; /* by the writer so far; known behind its end too */
};

/* The sink to make the join with; `outcome` must outlive it. */
struct erg_join_sink erg_outcome_sink(struct erg_outcome *outcome);

/* Begin storing: insert the run as it is now. */
int erg_outcome_store(struct erg_outcome *outcome, const char *store_path, struct erg_err *err);

/* Refresh the stored run with the facts as of now. */
int erg_outcome_update(struct erg_outcome *outcome, struct erg_err *err);

/* Fill the result from the join, which must have been finished. */
int erg_outcome_result(struct erg_outcome *outcome, struct erg_run_result *out,
                       struct erg_err *err);

#endif
