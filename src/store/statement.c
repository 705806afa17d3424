/* SPDX-License-Identifier: MIT */
#include "store/statement.h"

#include "store/store_priv.h"

#include <string.h>

enum { MAX_COLUMNS = 256, OPERATIONS_BETWEEN_QUESTIONS = 100000 };

static int on_progress(void *user)
{
    const struct erg_statement_visitor *visitor = user;
    return visitor->cancelled(visitor->user);
}

static int wrong(sqlite3 *db, struct erg_err *err)
{
    return erg_fail(err, ERG_INVALID, "cannot run the statement: %s", sqlite3_errmsg(db));
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct erg_err *err)
{
    const char *tail = NULL;
    if (strlen(sql) > INT32_MAX - 1)
        return erg_fail(err, ERG_INVALID, "the statement is too long");
    if (sqlite3_prepare_v2(db, sql, -1, out, &tail) != SQLITE_OK)
        return wrong(db, err);
    if (!*out)
        return erg_fail(err, ERG_INVALID, "the statement is empty");
    /* A second statement would silently not be run; comments behind the first are none. */
    sqlite3_stmt *more = NULL;
    int rc = sqlite3_prepare_v2(db, tail, -1, &more, NULL);
    sqlite3_finalize(more);
    if (rc != SQLITE_OK || more)
        return erg_fail(err, ERG_INVALID, "more than one statement: give one at a time");
    if (!sqlite3_stmt_readonly(*out))
        return erg_fail(err, ERG_INVALID,
                        "the statement would change the store, which is only read");
    if (sqlite3_column_count(*out) > MAX_COLUMNS)
        return erg_fail(err, ERG_INVALID, "the statement has more than %d columns", MAX_COLUMNS);
    return 0;
}

static struct erg_value value_of(sqlite3_stmt *stmt, int column)
{
    struct erg_value value = {.kind = ERG_VALUE_NULL};
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        value.kind = ERG_VALUE_INTEGER;
        value.integer = sqlite3_column_int64(stmt, column);
        break;
    case SQLITE_FLOAT:
        value.kind = ERG_VALUE_NUMBER;
        value.number = sqlite3_column_double(stmt, column);
        break;
    case SQLITE_TEXT:
        value.kind = ERG_VALUE_TEXT;
        value.bytes = (const char *)sqlite3_column_text(stmt, column);
        value.len = (size_t)sqlite3_column_bytes(stmt, column);
        break;
    case SQLITE_BLOB:
        value.kind = ERG_VALUE_BLOB;
        value.bytes = sqlite3_column_blob(stmt, column);
        value.len = (size_t)sqlite3_column_bytes(stmt, column);
        break;
    default:
        break;
    }
    return value;
}

static int visit_head(sqlite3_stmt *stmt, const struct erg_statement_visitor *visitor)
{
    const char *names[MAX_COLUMNS];
    int count = sqlite3_column_count(stmt);
    for (int c = 0; c < count; c++) {
        const char *name = sqlite3_column_name(stmt, c);
        names[c] = name ? name : "";
    }
    return visitor->head(visitor->user, names, (size_t)count);
}

static int visit_rows(sqlite3 *db, sqlite3_stmt *stmt, const struct erg_statement_visitor *visitor,
                      struct erg_err *err)
{
    struct erg_value values[MAX_COLUMNS];
    int count = sqlite3_column_count(stmt);
    int step;
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int c = 0; c < count; c++)
            values[c] = value_of(stmt, c);
        int rc = visitor->row(visitor->user, values, (size_t)count);
        if (rc)
            return rc < 0 ? erg_fail(err, rc, "cannot print a row: %s", erg_code_text(rc)) : 0;
    }
    if (step == SQLITE_DONE)
        return 0;
    if (step == SQLITE_INTERRUPT)
        return erg_fail(err, ERG_CANCELLED, "cancelled");
    return step == SQLITE_ERROR ? wrong(db, err)
                                : erg_sql_fail(err, db, step, "cannot run the statement");
}

int erg_store_statement(struct erg_store *store, const char *sql,
                        const struct erg_statement_visitor *visitor, struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    /* Another database is none of a reader's business, and ATTACH would create its file. */
    sqlite3_limit(store->db, SQLITE_LIMIT_ATTACHED, 0);
    int rc = prepare(store->db, sql, &stmt, err);
    if (!rc && (rc = visit_head(stmt, visitor)))
        return rc < 0 ? erg_fail(err, rc, "cannot print the columns: %s", erg_code_text(rc)) : 0;
    if (rc)
        return rc;
    if (visitor->cancelled) {
        struct erg_statement_visitor copy = *visitor;
        sqlite3_progress_handler(store->db, OPERATIONS_BETWEEN_QUESTIONS, on_progress, &copy);
        rc = visit_rows(store->db, stmt, visitor, err);
        sqlite3_progress_handler(store->db, 0, NULL, NULL);
        return rc;
    }
    return visit_rows(store->db, stmt, visitor, err);
}
