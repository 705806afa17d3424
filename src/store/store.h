/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_STORE_H
#define ERG_STORE_STORE_H

#include "base/err.h"
#include "store/rows.h"

#include <stdbool.h>

/*
 * The store: one SQLite database (WAL, foreign keys, user_version = schema version). This room is
 * the only place with SQL. A store is used from one thread; open another for another thread.
 */
struct erg_store;

enum erg_store_mode {
    ERG_STORE_READ,  /* never writes, not even a WAL: read-only media included */
    ERG_STORE_WRITE, /* creates folder, file and schema, migrates forward, recovers dead runs */
};

/*
 * Default path: $ERGON_DB, else $XDG_DATA_HOME/ergon/ergon.db, else ~/.local/share/ergon/ergon.db.
 * LIMIT when it does not fit, NOT_FOUND when no variable says where.
 */
int erg_store_default_path(char *out, size_t out_bytes, struct erg_err *err);

/*
 * Open a store. READ of a file that does not exist is NOT_FOUND; a schema newer than this program
 * is UNSUPPORTED; not a database is CORRUPT. WRITE marks every run whose recorder is dead
 * `interrupted`; *out_recovered (may be NULL) counts them. READ shows them so.
 */
int erg_store_open(struct erg_store **out, const char *path, enum erg_store_mode mode,
                   int *out_recovered, struct erg_err *err);
void erg_store_close(struct erg_store *store);

/* Wait until a store opened to WRITE can be written to; BUSY when somebody keeps it for 10 s. */
int erg_store_probe(struct erg_store *store, struct erg_err *err);

/* "pid start_time boot_id" of this process, for erg_run_row.recorder; free() it. */
char *erg_store_recorder_id(void);

/* --- reading ---------------------------------------------------------------------------------- */

struct erg_run_filter {
    const char *model; /* name or path, exactly */
    const char *tag, *experiment;
    const char *since, *until; /* ISO 8601 prefixes, compared with created_at; both inclusive */
    const char *search;        /* in prompt, response, model name */
    const char *status, *mode;
    const char *same_prompt_as; /* id of another run */
    const char *sort;           /* a key of erg_store_sort_keys(), "-" in front = descending */
    int64_t limit, offset;      /* limit < 0 = all */
};

/* NULL-terminated list of the keys `sort` accepts ("created_at", "joules_per_token" …). */
const char *const *erg_store_sort_keys(void);

/* A visitor returns 0 to go on, > 0 to stop (the query then returns 0), < 0 to fail with it. */
typedef int (*erg_run_visitor)(void *user, const struct erg_run_row *row);
typedef int (*erg_section_visitor)(void *user, const struct erg_section_row *row);
typedef int (*erg_pass_visitor)(void *user, const struct erg_pass_row *row);
typedef int (*erg_token_visitor)(void *user, const struct erg_token_row *row);
typedef int (*erg_sample_visitor)(void *user, const struct erg_sample_row *row);
typedef int (*erg_host_visitor)(void *user, const struct erg_host_row *row);

/* Newest first unless `sort` says otherwise; filter NULL = all. INVALID for a sort key that is not
 * on the list. */
int erg_store_runs(struct erg_store *store, const struct erg_run_filter *filter,
                   erg_run_visitor visit, void *user, struct erg_err *err);

/*
 * Full id of a run named by id, by a unique prefix of one (of 3 characters or more), or by "last",
 * the newest. NOT_FOUND; INVALID when
 * several runs begin that way (the message names two). free() the result.
 */
int erg_store_resolve(struct erg_store *store, const char *name, char **out_id,
                      struct erg_err *err);

/* One run; NOT_FOUND when it is gone. The row is valid during the visit only. */
int erg_store_run(struct erg_store *store, const char *id, erg_run_visitor visit, void *user,
                  struct erg_err *err);

/*
 * The summary of a run as one JSON object, with status, failure, tags and experiment_name as the
 * columns have them now; free() it.
 */
int erg_store_summary(struct erg_store *store, const char *id, char **out_json,
                      struct erg_err *err);

int erg_store_sections(struct erg_store *store, const char *id, erg_section_visitor visit,
                       void *user, struct erg_err *err);
/* Rows come with their spans unpacked when `with_spans`. */
int erg_store_passes(struct erg_store *store, const char *id, bool with_spans,
                     erg_pass_visitor visit, void *user, struct erg_err *err);
int erg_store_tokens(struct erg_store *store, const char *id, erg_token_visitor visit, void *user,
                     struct erg_err *err);
int erg_store_samples(struct erg_store *store, const char *id, erg_sample_visitor visit, void *user,
                      struct erg_err *err);
int erg_store_host(struct erg_store *store, const char *id, erg_host_visitor visit, void *user,
                   struct erg_err *err);

/* Text of a component or operation id of this store; NULL when there is none. Borrowed. */
const char *erg_store_name(struct erg_store *store, uint16_t id);

/* --- changing --------------------------------------------------------------------------------- */

/* Remove a run and everything of it. NOT_FOUND when there is no such run. */
int erg_store_delete(struct erg_store *store, const char *id, struct erg_err *err);

/* Remove finished runs created before `cutoff` (local ISO 8601); *out_count = how many. */
int erg_store_delete_before(struct erg_store *store, const char *cutoff, int *out_count,
                            struct erg_err *err);

/* Replace tags (JSON array, else INVALID) and experiment ("" = none); NULL leaves one as it is. */
int erg_store_label(struct erg_store *store, const char *id, const char *tags_json,
                    const char *experiment_name, struct erg_err *err);

/* --- for doctor and bench --------------------------------------------------------------------- */

struct erg_store_health {
    int schema_version;
    int64_t runs, file_bytes, free_bytes; /* free_bytes: of the file system */
    bool integrity_ok;
    char integrity[200]; /* "ok", or the first finding of PRAGMA integrity_check */
};

int erg_store_health(struct erg_store *store, struct erg_store_health *out, struct erg_err *err);

#endif
