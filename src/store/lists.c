/* SPDX-License-Identifier: MIT */
#include "store/lists.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/filter.h"
#include "store/process.h"
#include "store/store_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { MOST_HITS = 1 << 26 };

static const struct erg_run_filter everything = {.limit = -1};

int erg_store_begin_read(struct erg_store *store, struct erg_err *err)
{
    return erg_sql_exec(store->db, "BEGIN", err);
}

void erg_store_end_read(struct erg_store *store)
{
    erg_sql_exec(store->db, "COMMIT", NULL);
}

/* --- runs that match -------------------------------------------------------------------------- */

void erg_run_hits_deinit(struct erg_run_hits *hits)
{
    free(hits->rows);
    *hits = (struct erg_run_hits){0};
}

/*
 * Of a run whose row says `running`: whether it is what was asked for. The row of a dead recorder
 * says so until the store is next opened for writing.
 */
static bool is_as_asked(sqlite3 *db, int64_t row, const char *wanted)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    bool lives = false;
    if (!wanted)
        return true;
    if (erg_sql_prepare(db, &stmt, "SELECT recorder FROM profiling_runs WHERE rowid = ?", NULL))
        return false;
    sqlite3_bind_int64(stmt, 1, row);
    if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0))
        lives = erg_process_lives((const char *)sqlite3_column_text(stmt, 0));
    return lives == (strcmp(wanted, "running") == 0);
}

static int keep_hits(sqlite3_stmt *stmt, const char *wanted, struct erg_run_hits *out,
                     struct erg_err *err)
{
    for (;;) {
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_DONE)
            return 0;
        if (rc != SQLITE_ROW)
            return erg_sql_fail(err, sqlite3_db_handle(stmt), rc, "cannot list the runs");
        int64_t row = sqlite3_column_int64(stmt, 0);
        if (sqlite3_column_int(stmt, 1) && !is_as_asked(sqlite3_db_handle(stmt), row, wanted))
            continue;
        void *rows = out->rows;
        rc = erg_grow(&rows, &out->capacity, out->count + 1, sizeof *out->rows, MOST_HITS);
        out->rows = rows;
        if (rc)
            return erg_fail(err, rc, "cannot list the runs: %s", erg_code_text(rc));
        out->rows[out->count++] = row;
    }
}

int erg_store_find_runs(struct erg_store *store, const struct erg_run_filter *filter,
                        struct erg_run_hits *out, struct erg_err *err)
{
    struct erg_buf sql;
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    ERG_AUTO_FREE char *pattern = NULL;
    filter = filter ? filter : &everything;
    erg_buf_init(&sql);
    erg_buf_puts(&sql, "SELECT rowid, status = 'running' FROM profiling_runs WHERE ");
    erg_filter_condition(filter, &sql);
    int status = erg_filter_order(filter->sort, &sql, err);
    if (status == 0 && erg_buf_status(&sql))
        status = erg_fail(err, ERG_NOMEM, "out of memory");
    if (status == 0)
        status = erg_sql_prepare(store->db, &stmt, sql.data, err);
    erg_buf_deinit(&sql);
    if (status == 0)
        status = erg_filter_bind(stmt, filter, &pattern, err);
    return status ? status : keep_hits(stmt, filter->status, out, err);
}

int erg_store_visit_hits(struct erg_store *store, const struct erg_run_hits *hits, int64_t offset,
                         int64_t limit, bool brief, erg_run_visitor visit, void *user,
                         struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    const char *sql =
        brief ? ERG_RUN_COLUMNS_WITH("substr(prompt, 1, 200)", "substr(response, 1, 200)",
                                     "NULL") "WHERE rowid = ?"
              : ERG_RUN_COLUMNS "WHERE rowid = ?";
    int status = erg_sql_prepare(store->db, &stmt, sql, err);
    size_t first = offset < 0 ? 0 : (size_t)offset;
    for (size_t i = first; status == 0 && i < hits->count; i++) {
        if (limit >= 0 && i - first >= (size_t)limit)
            break;
        struct erg_binder bind = erg_bind(stmt);
        erg_bind_int(&bind, hits->rows[i]);
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            status = erg_run_show(stmt, brief, visit, user, err);
        else if (rc != SQLITE_DONE)
            status = erg_sql_fail(err, store->db, rc, "cannot list the runs");
    }
    return status > 0 ? 0 : status;
}

int erg_store_runs(struct erg_store *store, const struct erg_run_filter *filter,
                   erg_run_visitor visit, void *user, struct erg_err *err)
{
    struct erg_run_hits hits = {0};
    filter = filter ? filter : &everything;
    int status = erg_store_find_runs(store, filter, &hits, err);
    if (status == 0)
        status = erg_store_visit_hits(store, &hits, filter->offset, filter->limit, false, visit,
                                      user, err);
    erg_run_hits_deinit(&hits);
    return status;
}

/* --- the store as a whole --------------------------------------------------------------------- */

const char *const erg_status_names[5] = {"running", "complete", "failed", "cancelled",
                                         "interrupted"};

/* By what is so now: a dead recorder's run is interrupted. */
static int count_status(struct erg_store *store, struct erg_store_facts *out, struct erg_err *err)
{
    const struct erg_run_filter running = {.status = erg_status_names[0], .limit = -1};
    struct erg_run_hits hits = {0};
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int rc, status =
                erg_sql_prepare(store->db, &stmt,
                                "SELECT status, count(*) FROM profiling_runs GROUP BY status", err);
    if (status)
        return status;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        for (size_t i = 0; i < 5 && name; i++)
            out->by_status[i] +=
                strcmp(name, erg_status_names[i]) == 0 ? sqlite3_column_int64(stmt, 1) : 0;
        out->runs += sqlite3_column_int64(stmt, 1);
    }
    if (rc != SQLITE_DONE)
        return erg_sql_fail(err, store->db, rc, "cannot read the store");
    status = out->by_status[0] ? erg_store_find_runs(store, &running, &hits, err) : 0;
    out->by_status[4] += out->by_status[0] - (int64_t)hits.count;
    out->by_status[0] = (int64_t)hits.count;
    erg_run_hits_deinit(&hits);
    return status;
}

static void measure_file(sqlite3 *db, struct erg_store_facts *out)
{
    static const char *const suffixes[] = {"", "-wal"};
    const char *path = sqlite3_db_filename(db, "main");
    struct statvfs fs;
    for (size_t i = 0; path && i < 2; i++) {
        char full[ERG_MAX_PATH_BYTES + 8];
        struct stat st;
        snprintf(full, sizeof full, "%s%s", path, suffixes[i]);
        out->file_bytes += stat(full, &st) == 0 ? (int64_t)st.st_size : 0;
    }
    out->free_bytes = path && statvfs(path, &fs) == 0 ? (int64_t)(fs.f_bavail * fs.f_frsize) : -1;
    out->reclaimable_bytes =
        erg_sql_int(db, "PRAGMA freelist_count", 0) * erg_sql_int(db, "PRAGMA page_size", 0);
    out->schema_version = (int)erg_sql_int(db, "PRAGMA user_version", -1);
}

int erg_store_facts(struct erg_store *store, struct erg_store_facts *out, struct erg_err *err)
{
    struct erg_store_facts facts = {0};
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(
        store->db, &stmt,
        "SELECT count(DISTINCT model_name), count(DISTINCT experiment_name), "
        "(SELECT count(DISTINCT tag.value) FROM profiling_runs AS r, json_each(r.tags) AS tag), "
        "coalesce(min(created_at), ''), coalesce(max(created_at), '') FROM profiling_runs",
        err);
    if (status)
        return status;
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW)
        return erg_sql_fail(err, store->db, rc, "cannot read the store");
    struct erg_row_cursor col = {.stmt = stmt};
    facts.models = erg_col_int(&col);
    facts.experiments = erg_col_int(&col);
    facts.tags = erg_col_int(&col);
    snprintf(facts.first_created_at, sizeof facts.first_created_at, "%s", erg_col_text(&col));
    snprintf(facts.last_created_at, sizeof facts.last_created_at, "%s", erg_col_text(&col));
    measure_file(store->db, &facts);
    status = count_status(store, &facts, err);
    if (status == 0)
        *out = facts;
    return status;
}

/* FNV-1a. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++) {
        hash ^= at[i];
        hash *= UINT64_C(1099511628211);
    }
    return hash;
}

int erg_store_revision(struct erg_store *store, const char *id, struct erg_revision *out,
                       struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status =
        erg_sql_prepare(store->db, &stmt,
                        "SELECT id, status, failure, tags, experiment_name, length(summary_json), "
                        "(SELECT max(id) FROM calibrations) FROM profiling_runs WHERE id = ?",
                        err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, id);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        return erg_fail(err, ERG_NOT_FOUND, "there is no run '%s'", id);
    if (rc != SQLITE_ROW)
        return erg_sql_fail(err, store->db, rc, "cannot read the run");
    struct erg_revision revision = {.hash = UINT64_C(14695981039346656037), .final = true};
    for (int i = 0; i < 7; i++) {
        const void *text = sqlite3_column_text(stmt, i);
        size_t len = (size_t)sqlite3_column_bytes(stmt, i);
        revision.hash = hash_bytes(revision.hash, text ? text : "", text ? len + 1 : 1);
        if (i == 1 && text && strcmp(text, "running") == 0)
            revision.final = false;
    }
    *out = revision;
    return 0;
}

int erg_store_visit_after(struct erg_store *store, const struct erg_run_mark *after,
                          erg_mark_visitor visit, void *user, struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(store->db, &stmt,
                                 "SELECT created_at_utc, id FROM profiling_runs "
                                 "WHERE (created_at_utc, id) > (?1, ?2) ORDER BY 1, 2",
                                 err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, after->created_at_utc);
    erg_bind_text(&bind, after->id);
    while (status == 0) {
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_DONE)
            break;
        if (rc != SQLITE_ROW)
            return erg_sql_fail(err, store->db, rc, "cannot list the runs");
        struct erg_row_cursor col = {.stmt = stmt};
        struct erg_run_mark mark;
        snprintf(mark.created_at_utc, sizeof mark.created_at_utc, "%s", erg_col_text(&col));
        snprintf(mark.id, sizeof mark.id, "%s", erg_col_text(&col));
        status = visit(user, &mark);
    }
    return status > 0 ? 0 : status;
}
