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
