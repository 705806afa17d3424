/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_NAMES_H
#define ERG_STORE_NAMES_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/* Texts of name ids, read from the table `names` when first asked for. Zero-initialised. */
struct erg_names {
    char **texts;
    size_t capacity;
};

/* NULL when there is no such name (or no memory). Borrowed until erg_names_deinit(). */
const char *erg_names_find(struct erg_names *names, sqlite3 *db, uint16_t id);
void erg_names_deinit(struct erg_names *names);

#endif
