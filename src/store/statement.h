/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_STATEMENT_H
#define ERG_STORE_STATEMENT_H

#include "store/store.h"

/*
 * A statement of the user's own over the store (`ergon sql`): one that reads, with the detail
 * tables at hand.
 */
enum erg_value_kind {
    ERG_VALUE_NULL,
    ERG_VALUE_INTEGER,
    ERG_VALUE_NUMBER,
    ERG_VALUE_TEXT,
    ERG_VALUE_BLOB,
};

/* One value of a row; text and bytes are borrowed for the visit. */
struct erg_value {
    enum erg_value_kind kind;
    int64_t integer;
    double number;
    const char *bytes; /* TEXT (with a NUL behind it), BLOB */
    size_t len;
};

/* As the visitors of store.h; `names` are those of the columns, also given when there is no row. */
struct erg_statement_visitor {
    void *user;
    int (*head)(void *user, const char *const *names, size_t count);
    int (*row)(void *user, const struct erg_value *values, size_t count);
    bool (*cancelled)(void *user); /* asked now and then; may be NULL */
};

/*
 * Run one statement. INVALID when it is empty, wrong, more than one, would change something or has
 * more than 256 columns; CANCELLED when the visitor says so.
 */
int erg_store_statement(struct erg_store *store, const char *sql,
                        const struct erg_statement_visitor *visitor, struct erg_err *err);

#endif
