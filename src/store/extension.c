/* SPDX-License-Identifier: MIT */
#include "store/detail.h"

#include <sqlite3ext.h>

SQLITE_EXTENSION_INIT1

int sqlite3_ergonsqlite_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);

/* Entry point by SQLite's convention: `.load ergon_sqlite` in its shell finds it by this name. */
__attribute__((visibility("default"))) int sqlite3_ergonsqlite_init(sqlite3 *db, char **message,
                                                                    const sqlite3_api_routines *api)
{
    (void)message;
    SQLITE_EXTENSION_INIT2(api);
    return erg_detail_register(db);
}
