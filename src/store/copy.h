/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_COPY_H
#define ERG_STORE_COPY_H

#include "store/store.h"

/*
 * Write one run into a new database at `path` (an empty file or none): every table of the store
 * with the rows of this run, and the detail tables as ordinary ones, so that plain SQLite shows
 * them. NOT_FOUND when there is no such run. On failure the file is left in any state.
 */
int erg_store_copy_run(struct erg_store *store, const char *id, const char *path,
                       struct erg_err *err);

#endif
