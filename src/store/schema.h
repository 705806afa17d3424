/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_SCHEMA_H
#define ERG_STORE_SCHEMA_H

#include "store/sql.h"

#include <stddef.h>

/* One step forward: SQL that takes a store of version `to` - 1 to version `to`, NULL behind it. */
struct erg_migration {
    int to;
    const char *const *sql;
};

/* All of them, in order; the first creates everything. */
extern const struct erg_migration erg_migrations[];
extern const size_t erg_migration_count;

enum {
    ERG_STORE_APPLICATION_ID = 0x4572674e, /* "ErgN": PRAGMA application_id */
    ERG_STORE_PAGE_BYTES = 32768,          /* so that passes of a few kB waste little of a page */
};

/*
 * Bring `db` to the version of the last of `steps`, each step in a transaction of its own. CORRUPT
 * when the database is somebody else's, UNSUPPORTED when it is newer.
 */
int erg_schema_migrate(sqlite3 *db, const struct erg_migration *steps, size_t count,
                       struct erg_err *err);

/* Check, without writing, that `db` has the version of the last of erg_migrations. */
int erg_schema_check(sqlite3 *db, struct erg_err *err);

#endif
