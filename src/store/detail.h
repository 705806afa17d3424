/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_DETAIL_H
#define ERG_STORE_DETAIL_H

#include <sqlite3.h>

/*
 * The detail tables layer_metrics, component_metrics and deep_operation_metrics: what is packed in
 * passes, as rows. Read-only, eponymous. Compiled twice: into every connection of the store, and
 * into the loadable extension.
 */

/* Register them in `db`; an SQLite result code. */
int erg_detail_register(sqlite3 *db);

#endif
