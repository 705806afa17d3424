/* SPDX-License-Identifier: MIT */
#include "store/sql.h"

#include <math.h>
#include <sys/resource.h>

static int code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return ERG_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERG_BUSY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return ERG_CORRUPT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ERG_DENIED;
    case SQLITE_FULL:
    case SQLITE_TOOBIG:
        return ERG_LIMIT;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return ERG_INVALID;
    default:
        return ERG_IO;
    }
}

int erg_sql_fail(struct erg_err *err, sqlite3 *db, int rc, const char *what)
{
    const char *text =
        db && sqlite3_errcode(db) == (rc & 0xff) ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    struct rlimit limit;
    /* SQLite does not tell a file that may not grow from a broken disk. */
    if ((rc & 0xff) == SQLITE_IOERR && getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY)
        return erg_fail(err, ERG_LIMIT,
                        "%s: %s (no file may exceed %llu bytes here, see ulimit -f)", what, text,
                        (unsigned long long)limit.rlim_cur);
    return erg_fail(err, code_of(rc), "%s: %s", what, text);
}

int erg_sql_exec(sqlite3 *db, const char *sql, struct erg_err *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : erg_sql_fail(err, db, rc, "the store failed");
}

int erg_sql_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, struct erg_err *err)
{
    int rc = sqlite3_prepare_v3(db, sql, -1, 0, out, NULL);
    return rc == SQLITE_OK ? 0 : erg_sql_fail(err, db, rc, "cannot query the store");
}

int64_t erg_sql_int(sqlite3 *db, const char *sql, int64_t fallback)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        return fallback;
    return sqlite3_column_int64(stmt, 0);
}

int erg_sql_run(sqlite3_stmt *stmt, const char *what, struct erg_err *err)
{
    int rc = sqlite3_step(stmt);
    int status = 0;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        status = erg_sql_fail(err, sqlite3_db_handle(stmt), rc, what);
    sqlite3_reset(stmt);
    return status;
}

struct erg_binder erg_bind(sqlite3_stmt *stmt)
{
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return (struct erg_binder){.stmt = stmt, .next = 1};
}

static void bound(struct erg_binder *binder, int rc)
{
    binder->next++;
    if (binder->rc == SQLITE_OK)
        binder->rc = rc;
}

void erg_bind_int(struct erg_binder *binder, int64_t value)
{
    bound(binder, sqlite3_bind_int64(binder->stmt, binder->next, value));
}

void erg_bind_real(struct erg_binder *binder, double value)
{
    bound(binder, sqlite3_bind_double(binder->stmt, binder->next, value));
}

void erg_bind_text(struct erg_binder *binder, const char *text)
{
    bound(binder, sqlite3_bind_text(binder->stmt, binder->next, text, -1, SQLITE_STATIC));
}

void erg_bind_text_n(struct erg_binder *binder, const char *text, size_t len)
{
    bound(binder, sqlite3_bind_text64(binder->stmt, binder->next, text ? text : "", len,
                                      SQLITE_STATIC, SQLITE_UTF8));
}

void erg_bind_blob(struct erg_binder *binder, const void *bytes, size_t len)
{
    bound(binder, sqlite3_bind_blob64(binder->stmt, binder->next, bytes, len, SQLITE_STATIC));
}

void erg_bind_energy(struct erg_binder *binder, const struct erg_energy *energy)
{
    if (erg_energy_known(energy))
        erg_bind_int(binder, erg_energy_total_nj(energy));
    else
        binder->next++;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (energy->present & 1u << d)
            erg_bind_int(binder, energy->nj[d]);
        else
            binder->next++;
    }
}

int64_t erg_col_int(struct erg_row_cursor *row)
{
    return sqlite3_column_int64(row->stmt, row->next++);
}

double erg_col_real(struct erg_row_cursor *row)
{
    int i = row->next++;
    return sqlite3_column_type(row->stmt, i) == SQLITE_NULL ? NAN
                                                            : sqlite3_column_double(row->stmt, i);
}

const char *erg_col_text(struct erg_row_cursor *row)
{
    return (const char *)sqlite3_column_text(row->stmt, row->next++);
}

struct erg_energy erg_col_energy(struct erg_row_cursor *row)
{
    struct erg_energy energy = {.present = 0};
    for (int d = 0; d < ERG_DOMAINS; d++) {
        int i = row->next++;
        if (sqlite3_column_type(row->stmt, i) == SQLITE_NULL)
            continue;
        energy.nj[d] = sqlite3_column_int64(row->stmt, i);
        energy.present |= 1u << d;
    }
    return energy;
}

void erg_cleanup_stmt(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
}
