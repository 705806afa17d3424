/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_PACKED_H
#define ERG_STORE_PACKED_H

#include "store/details.h"

#include <sqlite3.h>

/*
 * A pass as it lies in the store: its spans (spans.h), and behind them its details (details.h)
 * where it has some. Up to ERG_INLINE_BYTES of that are a cell of `passes`; more than that would
 * leave much of its page empty, and is cut into rows of `pass_parts`, whose ids are id of the pass
 * << ERG_PART_BITS | number of the part.
 */
enum { ERG_INLINE_BYTES = 5000, ERG_PART_BYTES = 1500, ERG_PART_BITS = 16 };

int erg_pass_pack(const struct erg_pass_row *row, struct erg_buf *out);

/* What the pointers of a pass row lead to while it is shown. */
struct erg_unpacked {
    struct erg_span *spans;
    float *values[ERG_VALUE_COLUMNS];
    struct erg_details details;
};

/* Unpack a layout and a packed pass into `row`, n_spans included; CORRUPT or NOMEM. */
int erg_pass_unpack(const void *layout, size_t layout_len, const void *packed, size_t packed_len,
                    struct erg_pass_row *row, struct erg_unpacked *out, struct erg_err *err);
void erg_unpacked_deinit(struct erg_unpacked *unpacked);

/* Reads the packed passes of a database; zero-initialised but for `db` and `times_only`. */
struct erg_packed_reader {
    sqlite3 *db;     /* borrowed */
    bool times_only; /* spans without values, no details */
    sqlite3_stmt *parts;
};

/*
 * The pass in the current line of a statement, whose columns from `first` on are layout, spans and
 * the pass's id, as erg_pass_unpack().
 */
int erg_packed_read(struct erg_packed_reader *reader, sqlite3_stmt *stmt, int first,
                    struct erg_pass_row *row, struct erg_unpacked *out, struct erg_err *err);
void erg_packed_reader_deinit(struct erg_packed_reader *reader);

#endif
