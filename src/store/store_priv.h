/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_PRIV_H
#define ERG_STORE_PRIV_H

#include "store/names.h"
#include "store/sql.h"
#include "store/store.h"

#include <stdbool.h>

/* Inside of the store, shared by the files of this room (and its tests). */
struct erg_store {
    sqlite3 *db;
    struct erg_names names;
};

enum { ERG_STORE_BUSY_MS = 10000 };

/* Why a run is `interrupted` whose recorder is no more. */
#define ERG_STORE_DEAD_RECORDER "the recorder ended unexpectedly"

/* Columns of a run, as erg_run_show() reads them. */
#define ERG_RUN_COLUMNS_WITH(prompt, response, summary)                                            \
    "SELECT id, created_at, created_at_utc, status, failure, model_name, model_path, "             \
    "mode, " prompt ", " response                                                                  \
    ", tags, experiment_name, recorder, duration_ns, cpu_nj, gpu_nj, ane_nj, "                     \
    "dram_nj, soc_nj, other_nj, input_tokens, output_tokens, tokens_per_second, "                  \
    "joules_per_token, " summary " FROM profiling_runs "
#define ERG_RUN_COLUMNS ERG_RUN_COLUMNS_WITH("prompt", "response", "summary_json")

/* Show the run in the current line; `brief` without its summary. */
int erg_run_show(sqlite3_stmt *stmt, bool brief, erg_run_visitor visit, void *user,
                 struct erg_err *err);

#define ERG_PASS_COLUMNS                                                                           \
    "SELECT pass_index, phase_code, position, n_tokens, flags, start_ns, end_ns, cpu_nj, gpu_nj, " \
    "ane_nj, dram_nj, soc_nj, other_nj, grade_code, n_spans"
/* The columns of a pass from the current one on. */
void erg_pass_read(struct erg_row_cursor *col, struct erg_pass_row *row);

/* Of `tokens t` joined with `passes`. */
#define ERG_TOKEN_COLUMNS                                                                          \
    "SELECT token_index, pass_index, t.phase_code, t.position, token, text, t.start_ns, "          \
    "t.duration_ns, t.cpu_nj, t.gpu_nj, t.ane_nj, t.dram_nj, t.soc_nj, t.other_nj, t.grade_code"
/* The token in the current line; borrows its text. */
int erg_token_read(sqlite3_stmt *stmt, struct erg_token_row *out, struct erg_err *err);

/*
 * Condition and order for the passes of run ?1, for which there is no index (schema.c). Their ids
 * rise in order of time, because one thread inserts them.
 */
#define ERG_PASSES_OF_RUN                                                                          \
    "passes.id IN (SELECT p.id FROM layouts l JOIN passes p ON p.layout_id = l.id "                \
    "WHERE l.run_id = ?1) ORDER BY passes.id"

/*
 * Whether a store must be opened as immutable: nobody could write beside it, and SQLite cannot keep
 * its own files next to it. `wal_usable`: there is a WAL and it can be opened.
 */
bool erg_store_immutable(bool dir_writable, bool wal_usable);

/* Top-level keys whose value is kept in columns: status, failure, tags, experiment_name. */

/* Copy of the object `json` without these keys, free() it; INVALID when it is no object, NOMEM. */
int erg_summary_strip(const char *json, char **out_stripped);

/* The object `stripped` with these keys in front, free() it. */
char *erg_summary_patch(const char *stripped, const char *status, const char *failure,
                        const char *tags_json, const char *experiment_name);

#endif
