/* SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "base/mem.h"
#include "store/filter.h"
#include "store/lists.h"
#include "store/store_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Groups of runs. `nr` numbers the runs of a group, the newest being 1: ids are collected with it
 * in front, since an aggregate says nothing about the order it sees rows in.
 */
static const struct {
    const char *key, *from;
} groupings[] = {
    [ERG_GROUP_PROMPT] = {"prompt", "profiling_runs"},
    [ERG_GROUP_MODEL] = {"model_name", "profiling_runs"},
    [ERG_GROUP_EXPERIMENT] = {"experiment_name", "profiling_runs"},
    [ERG_GROUP_TAG] = {"label.value", "profiling_runs, json_each(tags) AS label"},
};

#define FIGURES(column) "count(" column "), min(" column "), avg(" column "), max(" column "), "

static int put_sql(enum erg_group_by by, const struct erg_run_filter *filter, struct erg_buf *sql)
{
    const char *key = groupings[by].key;
    erg_buf_printf(sql,
                   "WITH hits AS (SELECT %s AS k, profiling_runs.id AS run, created_at, "
                   "created_at_utc, status, model_name, prompt, joules_per_token AS jpt, "
                   "tokens_per_second AS tps, energy_nj / 1e6 AS mj, row_number() OVER "
                   "(PARTITION BY %s ORDER BY created_at_utc DESC, profiling_runs.id) AS nr "
                   "FROM %s WHERE ",
                   key, key, groupings[by].from);
    erg_filter_condition(filter, sql);
    erg_buf_puts(
        sql,
        ") SELECT substr(k, 1, 200), count(*), sum(status = 'complete'), "
        "count(DISTINCT prompt), min(created_at), max(created_at), " FIGURES("jpt") FIGURES("tps")
            FIGURES(
                "mj") "json_group_array(DISTINCT model_name) "
                      "FILTER (WHERE model_name IS NOT NULL), group_concat(printf('%02d%s', nr, "
                      "run), char(10)) FILTER (WHERE nr <= 20), count(*) OVER () FROM hits "
                      "GROUP BY k ORDER BY count(*) DESC, max(created_at_utc) DESC, k "
                      "LIMIT ?10 OFFSET ?11");
    return erg_buf_status(sql);
}

static struct erg_group_figures take_figures(struct erg_row_cursor *col)
{
    struct erg_group_figures figures = {.n = erg_col_int(col)};
    figures.min = erg_col_real(col);
    figures.mean = erg_col_real(col);
    figures.max = erg_col_real(col);
    return figures;
}

/* "01ID\n03ID\n02ID" in order; the text is cut up and borrowed. */
static void take_latest(char *text, struct erg_run_group *group)
{
    while (text && *text) {
        size_t len = strcspn(text, "\n");
        char *next = text + len + (text[len] == '\n');
        text[len] = '\0';
        size_t nr = len > 2 ? (size_t)(text[0] - '0') * 10 + (size_t)(text[1] - '0') : 0;
        if (nr >= 1 && nr <= ERG_GROUP_LATEST) {
            group->latest[nr - 1] = text + 2;
            group->latest_count = nr > group->latest_count ? nr : group->latest_count;
        }
        text = next;
    }
}

static int show_group(sqlite3_stmt *stmt, int64_t *out_total, erg_group_visitor visit, void *user,
                      struct erg_err *err)
{
    struct erg_row_cursor col = {.stmt = stmt};
    struct erg_run_group group = {.key = erg_col_text(&col)};
    group.runs = erg_col_int(&col);
    group.complete = erg_col_int(&col);
    group.prompts = erg_col_int(&col);
    group.first_created_at = erg_col_text(&col);
    group.last_created_at = erg_col_text(&col);
    group.joules_per_token = take_figures(&col);
    group.tokens_per_second = take_figures(&col);
    group.total_energy_mj = take_figures(&col);
    group.models_json = erg_col_text(&col);
    const char *latest = erg_col_text(&col);
    ERG_AUTO_FREE char *copy = erg_strdup(latest ? latest : "");
    if (!copy || !group.models_json || !group.first_created_at || !group.last_created_at)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    *out_total = erg_col_int(&col);
    take_latest(copy, &group);
    return visit(user, &group);
}

static int only_count(void *user, const struct erg_run_group *group)
{
    (void)user;
    (void)group;
    return 0;
}

static int walk_groups(sqlite3_stmt *stmt, int64_t limit, int64_t offset, int64_t *out_total,
                       erg_group_visitor visit, void *user, struct erg_err *err)
{
    int status = 0;
    sqlite3_reset(stmt);
    sqlite3_bind_int64(stmt, ERG_FILTER_PARAMS + 1, limit);
    sqlite3_bind_int64(stmt, ERG_FILTER_PARAMS + 2, offset);
    while (status == 0) {
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_DONE)
            break;
        status = rc == SQLITE_ROW
                     ? show_group(stmt, out_total, visit, user, err)
                     : erg_sql_fail(err, sqlite3_db_handle(stmt), rc, "cannot group the runs");
    }
    return status > 0 ? 0 : status;
}

int erg_store_groups(struct erg_store *store, enum erg_group_by by,
                     const struct erg_run_filter *filter, int64_t *out_total,
                     erg_group_visitor visit, void *user, struct erg_err *err)
{
    struct erg_buf sql;
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    ERG_AUTO_FREE char *pattern = NULL;
    *out_total = 0;
    erg_buf_init(&sql);
    int status = put_sql(by, filter, &sql);
    if (status)
        erg_fail(err, status, "out of memory");
    else
        status = erg_sql_prepare(store->db, &stmt, sql.data, err);
    erg_buf_deinit(&sql);
    if (status == 0)
        status = erg_filter_bind(stmt, filter, &pattern, err);
    if (status)
        return status;
    status = walk_groups(stmt, filter->limit, filter->offset, out_total, visit, user, err);
    if (status == 0 && *out_total == 0 && (filter->limit == 0 || filter->offset > 0))
        status = walk_groups(stmt, 1, 0, out_total, only_count, NULL, err);
    return status;
}
