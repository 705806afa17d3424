/* SPDX-License-Identifier: MIT */
#include "store/names.h"

#include "base/mem.h"

#include <sqlite3ext.h>
#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

const char *erg_names_find(struct erg_names *names, sqlite3 *db, uint16_t id)
{
    size_t before = names->capacity;
    if (erg_grow((void **)&names->texts, &names->capacity, (size_t)id + 1, sizeof(char *),
                 UINT16_MAX + 1))
        return NULL;
    if (names->capacity > before)
        memset(names->texts + before, 0, (names->capacity - before) * sizeof(char *));
    if (names->texts[id])
        return names->texts[id];
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, "SELECT name FROM names WHERE id = ?", -1, &stmt, NULL) ==
            SQLITE_OK &&
        sqlite3_bind_int(stmt, 1, id) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        names->texts[id] = text ? erg_strdup(text) : NULL;
    }
    sqlite3_finalize(stmt);
    return names->texts[id];
}

void erg_names_deinit(struct erg_names *names)
{
    for (size_t i = 0; i < names->capacity; i++)
        free(names->texts[i]);
    free(names->texts);
    *names = (struct erg_names){.texts = NULL};
}
