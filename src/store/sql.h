/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_SQL_H
#define ERG_STORE_SQL_H

#include "base/err.h"
#include "energy/energy.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/*
 * SQLite in this project's manners. A statement is filled from left to right with erg_bind_…(),
 * and read from left to right with erg_col_…().
 */

/* A failure of SQLite as an error: the code from `rc`, its message behind ours. */
int erg_sql_fail(struct erg_err *err, sqlite3 *db, int rc, const char *what);

int erg_sql_exec(sqlite3 *db, const char *sql, struct erg_err *err);
int erg_sql_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, struct erg_err *err);

/* First column of the first row of `sql`; `fallback` when there is none or it fails. */
int64_t erg_sql_int(sqlite3 *db, const char *sql, int64_t fallback);

/* Step a statement that returns no rows, and reset it. */
int erg_sql_run(sqlite3_stmt *stmt, const char *what, struct erg_err *err);

struct erg_binder {
    sqlite3_stmt *stmt;
    int next;
    int rc;
};

/* Texts and blobs are borrowed until the statement is reset. */
struct erg_binder erg_bind(sqlite3_stmt *stmt);
void erg_bind_int(struct erg_binder *binder, int64_t value);
void erg_bind_real(struct erg_binder *binder, double value); /* NaN is NULL */
void erg_bind_text(struct erg_binder *binder, const char *text);
void erg_bind_text_n(struct erg_binder *binder, const char *text, size_t len);
void erg_bind_blob(struct erg_binder *binder, const void *bytes, size_t len);
/* Seven values: the total, then the domains; NULL for what is not known. */
void erg_bind_energy(struct erg_binder *binder, const struct erg_energy *energy);

struct erg_row_cursor {
    sqlite3_stmt *stmt;
    int next;
};

int64_t erg_col_int(struct erg_row_cursor *row);
double erg_col_real(struct erg_row_cursor *row);      /* NULL is NaN */
const char *erg_col_text(struct erg_row_cursor *row); /* NULL stays NULL */
/* The six domains. */
struct erg_energy erg_col_energy(struct erg_row_cursor *row);

void erg_cleanup_stmt(sqlite3_stmt **stmt);
#define ERG_AUTO_STMT __attribute__((cleanup(erg_cleanup_stmt)))

#endif
