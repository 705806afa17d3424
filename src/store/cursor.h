/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_CURSOR_H
#define ERG_STORE_CURSOR_H

#include "store/store.h"

/*
 * Rows of a run one at a time, for those who walk several tables side by side (the visitors of
 * store.h walk one). A row is borrowed until the next call. Each cursor sees the run as it was when
 * its first row was asked for.
 */
struct erg_cursor;

enum erg_cursor_table { ERG_CURSOR_TOKENS, ERG_CURSOR_SAMPLES, ERG_CURSOR_HOST };

int erg_cursor_open(struct erg_cursor **out, struct erg_store *store, const char *id,
                    enum erg_cursor_table table, struct erg_err *err);
void erg_cursor_close(struct erg_cursor *cursor);

/*
 * The next row, in order of evaluation (tokens) or of time: 1, 0 behind the last one, or an error.
 * Which function fits is decided by the table of the cursor.
 */
int erg_cursor_token(struct erg_cursor *cursor, struct erg_token_row *out, struct erg_err *err);
int erg_cursor_sample(struct erg_cursor *cursor, struct erg_sample_row *out, struct erg_err *err);
int erg_cursor_host(struct erg_cursor *cursor, struct erg_host_row *out, struct erg_err *err);

#endif
