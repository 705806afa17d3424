/* SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "base/mem.h"
#include "store/process.h"
#include "store/store_priv.h"

#include <stdlib.h>
#include <string.h>

/* Until the store is next opened for writing, the row of a dead recorder still says `running`. */
static void correct_status(struct erg_run_row *row)
{
    if (strcmp(row->status, "running") != 0 || (row->recorder && erg_process_lives(row->recorder)))
        return;
    row->status = "interrupted";
    row->failure = ERG_STORE_DEAD_RECORDER;
}

int erg_run_show(sqlite3_stmt *stmt, bool brief, erg_run_visitor visit, void *user,
                 struct erg_err *err)
{
    struct erg_row_cursor col = {.stmt = stmt};
    struct erg_run_row row = {.id = erg_col_text(&col)};
    row.created_at = erg_col_text(&col);
    row.created_at_utc = erg_col_text(&col);
    row.status = erg_col_text(&col);
    row.failure = erg_col_text(&col);
    row.model_name = erg_col_text(&col);
    row.model_path = erg_col_text(&col);
    row.mode = erg_col_text(&col);
    row.prompt = erg_col_text(&col);
    row.response = erg_col_text(&col);
    row.tags_json = erg_col_text(&col);
    row.experiment_name = erg_col_text(&col);
    row.recorder = erg_col_text(&col);
    row.duration_ns = erg_col_int(&col);
    row.energy = erg_col_energy(&col);
    row.input_tokens = erg_col_int(&col);
    row.output_tokens = erg_col_int(&col);
    row.tokens_per_second = erg_col_real(&col);
    row.joules_per_token = erg_col_real(&col);
    const char *stripped = erg_col_text(&col);
    if (!row.id || !row.status || !row.tags_json || (!stripped && !brief))
        return erg_fail(err, ERG_NOMEM, "out of memory");
    correct_status(&row);
    if (brief)
        return visit(user, &row);
    ERG_AUTO_FREE char *summary =
        erg_summary_patch(stripped, row.status, row.failure, row.tags_json, row.experiment_name);
    if (!summary)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    row.summary_json = summary;
    return visit(user, &row);
}

int erg_store_run(struct erg_store *store, const char *id, erg_run_visitor visit, void *user,
                  struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(store->db, &stmt, ERG_RUN_COLUMNS "WHERE id = ?", err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, id);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        return erg_fail(err, ERG_NOT_FOUND, "there is no run '%s'", id);
    if (rc != SQLITE_ROW)
        return erg_sql_fail(err, store->db, rc, "cannot read the run");
    status = erg_run_show(stmt, false, visit, user, err);
    return status > 0 ? 0 : status;
}

struct copied_summary {
    char *json;
};

static int copy_summary(void *user, const struct erg_run_row *row)
{
    struct copied_summary *copy = user;
    copy->json = erg_strdup(row->summary_json);
    return copy->json ? 0 : ERG_NOMEM;
}

int erg_store_summary(struct erg_store *store, const char *id, char **out_json, struct erg_err *err)
{
    struct copied_summary copy = {NULL};
    int status = erg_store_run(store, id, copy_summary, &copy, err);
    if (status == 0)
        *out_json = copy.json;
    else if (status == ERG_NOMEM)
        erg_fail(err, ERG_NOMEM, "out of memory");
    return status;
}

static int resolve_row(sqlite3_stmt *stmt, const char *name, char **out_id, struct erg_err *err)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        return erg_fail(err, ERG_NOT_FOUND, "there is no run '%s' (try 'ergon runs')", name);
    if (rc != SQLITE_ROW)
        return erg_sql_fail(err, sqlite3_db_handle(stmt), rc, "cannot look for the run");
    ERG_AUTO_FREE char *id = erg_strdup((const char *)sqlite3_column_text(stmt, 0));
    if (!id)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    bool exact = strcmp(id, name) == 0 || strcmp(name, "last") == 0;
    if (!exact && sqlite3_step(stmt) == SQLITE_ROW)
        return erg_fail(err, ERG_INVALID, "'%s' is not unique: '%s' and '%s' begin that way", name,
                        id, (const char *)sqlite3_column_text(stmt, 0));
    *out_id = id;
    id = NULL;
    return 0;
}

int erg_store_resolve(struct erg_store *store, const char *name, char **out_id, struct erg_err *err)
{
    /* An exact id comes first: it is the shortest that begins with the name. */
    static const char by_prefix[] =
        "SELECT id FROM profiling_runs WHERE id = ?1 OR (length(?1) >= 3 "
        "AND substr(id, 1, length(?1)) = ?1) ORDER BY length(id), id LIMIT 2";
    static const char newest[] =
        "SELECT id FROM profiling_runs ORDER BY created_at_utc DESC, rowid DESC LIMIT 1";
    bool last = strcmp(name, "last") == 0;
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(store->db, &stmt, last ? newest : by_prefix, err);
    if (status)
        return status;
    if (!last) {
        struct erg_binder bind = erg_bind(stmt);
        erg_bind_text(&bind, name);
    }
    return resolve_row(stmt, name, out_id, err);
}

/* Hand freed pages back to the file system, as far as other connections let us. */
static void reclaim(sqlite3 *db)
{
    sqlite3_exec(db, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL,
                 NULL);
}

int erg_store_delete(struct erg_store *store, const char *id, struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(store->db, &stmt, "DELETE FROM profiling_runs WHERE id = ?", err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, id);
    status = erg_sql_run(stmt, "cannot delete the run", err);
    if (status == 0 && sqlite3_changes(store->db) == 0)
        return erg_fail(err, ERG_NOT_FOUND, "there is no run '%s'", id);
    if (status == 0)
        reclaim(store->db);
    return status;
}

int erg_store_delete_before(struct erg_store *store, const char *cutoff, int *out_count,
                            struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(
        store->db, &stmt, "DELETE FROM profiling_runs WHERE created_at < ? AND status <> 'running'",
        err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, cutoff);
    status = erg_sql_run(stmt, "cannot delete runs", err);
    if (status)
        return status;
    *out_count = sqlite3_changes(store->db);
    if (*out_count > 0)
        reclaim(store->db);
    return 0;
}

int erg_store_label(struct erg_store *store, const char *id, const char *tags_json,
                    const char *experiment_name, struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(
        store->db, &stmt,
        "UPDATE profiling_runs SET tags = CASE WHEN ?2 IS NULL THEN tags "
        "WHEN json_valid(?2) AND json_type(?2) = 'array' THEN json(?2) ELSE 'not an array' END, "
        "experiment_name = CASE WHEN ?3 IS NULL THEN experiment_name ELSE nullif(?3, '') END "
        "WHERE id = ?1",
        err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, id);
    erg_bind_text(&bind, tags_json);
    erg_bind_text(&bind, experiment_name);
    status = erg_sql_run(stmt, "cannot label the run", err);
    if (status == ERG_INVALID)
        return erg_fail(err, ERG_INVALID, "tags must be a JSON array");
    if (status == 0 && sqlite3_changes(store->db) == 0)
        return erg_fail(err, ERG_NOT_FOUND, "there is no run '%s'", id);
    return status;
}
