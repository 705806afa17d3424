/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_LISTS_H
#define ERG_STORE_LISTS_H

#include "store/store.h"

/* Lists of runs for those who page through them, and what is known of the store as a whole. */

/* Let all that is read until erg_store_end_read() be of one moment. */
int erg_store_begin_read(struct erg_store *store, struct erg_err *err);
void erg_store_end_read(struct erg_store *store);

/* The runs that match a filter, in its order, its limit and offset apart. */
struct erg_run_hits {
    int64_t *rows; /* handles, good for the store they are from */
    size_t count, capacity;
};
int erg_store_find_runs(struct erg_store *store, const struct erg_run_filter *filter,
                        struct erg_run_hits *out, struct erg_err *err);
void erg_run_hits_deinit(struct erg_run_hits *hits);

/*
 * Show the hits from `offset` on, `limit` at most (< 0 = all); a run that is gone meanwhile is left
 * out. `brief`: without summary_json (NULL), prompt and response cut at 200 characters.
 */
int erg_store_visit_hits(struct erg_store *store, const struct erg_run_hits *hits, int64_t offset,
                         int64_t limit, bool brief, erg_run_visitor visit, void *user,
                         struct erg_err *err);

/* Figures of what is known of a group's runs; NaN when nothing is. */
struct erg_group_figures {
    int64_t n;
    double min, mean, max;
};

enum { ERG_GROUP_LATEST = 20 };

struct erg_run_group {
    const char *key; /* at most 200 characters of it; NULL = the runs that have none */
    int64_t runs, complete, prompts;
    const char *models_json; /* array of names */
    const char *first_created_at, *last_created_at;
    const char *latest[ERG_GROUP_LATEST]; /* ids, newest first */
    size_t latest_count;
    struct erg_group_figures joules_per_token, tokens_per_second, total_energy_mj;
};
typedef int (*erg_group_visitor)(void *user, const struct erg_run_group *group);

enum erg_group_by { ERG_GROUP_PROMPT, ERG_GROUP_MODEL, ERG_GROUP_EXPERIMENT, ERG_GROUP_TAG };

/* Groups of the runs that match, the largest first; limit and offset are of groups. *out_total: how
 * many there are. */
int erg_store_groups(struct erg_store *store, enum erg_group_by by,
                     const struct erg_run_filter *filter, int64_t *out_total,
                     erg_group_visitor visit, void *user, struct erg_err *err);

struct erg_store_facts {
    int64_t runs, by_status[5]; /* in the order of erg_status_names */
    int64_t file_bytes, free_bytes, reclaimable_bytes;
    int64_t models, tags, experiments;
    int schema_version;
    char first_created_at[40], last_created_at[40]; /* "" = there is no run */
};
extern const char *const erg_status_names[5]; /* running complete failed cancelled interrupted */

int erg_store_facts(struct erg_store *store, struct erg_store_facts *out, struct erg_err *err);

/* What may change of a run, in a number; `final`: its rows don't. */
struct erg_revision {
    uint64_t hash;
    bool final;
};
int erg_store_revision(struct erg_store *store, const char *id, struct erg_revision *out,
                       struct erg_err *err);

/* Runs begun after another one (by created_at_utc, then id), in that order. */
struct erg_run_mark {
    char created_at_utc[40], id[128];
};
typedef int (*erg_mark_visitor)(void *user, const struct erg_run_mark *run);
int erg_store_visit_after(struct erg_store *store, const struct erg_run_mark *after,
                          erg_mark_visitor visit, void *user, struct erg_err *err);

#endif
