/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_FILTER_H
#define ERG_STORE_FILTER_H

#include "base/buf.h"
#include "store/sql.h"
#include "store/store.h"

/*
 * A filter of runs as SQL. Without a search or a prompt only columns of the index `runs_listed` are
 * named, so that many runs are looked through without touching their rows.
 */

/* Append the condition; its parameters are among ?1 to ?9. */
void erg_filter_condition(const struct erg_run_filter *filter, struct erg_buf *sql);
enum { ERG_FILTER_PARAMS = 9 };

/* Bind the filter; *out_pattern (free()) is borrowed by the statement. NOMEM. */
int erg_filter_bind(sqlite3_stmt *stmt, const struct erg_run_filter *filter, char **out_pattern,
                    struct erg_err *err);

/* Append " ORDER BY …"; INVALID for a key that is not on the list. */
int erg_filter_order(const char *sort, struct erg_buf *sql, struct erg_err *err);

#endif
