/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_LISTING_H
#define ERG_CLI_LISTING_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A table of texts for people: columns as wide as their widest cell, two blanks between, headings
 * left of texts and right of numbers. At most ERG_LISTING_COLUMNS columns.
 */
enum { ERG_LISTING_COLUMNS = 16 };

struct erg_listing {
    size_t columns;
    const char *headings[ERG_LISTING_COLUMNS];
    bool right[ERG_LISTING_COLUMNS];    /* numbers */
    size_t cut_at[ERG_LISTING_COLUMNS]; /* longest text shown, in columns of the screen; 0 = all */
    char **cells;                       /* row by row */
    size_t count, capacity;
    int status;
};

/* Add a column; `heading` is borrowed. */
void erg_listing_column(struct erg_listing *table, const char *heading, bool right);

/* Add the next cell, row by row; the text is copied, control characters become blanks. */
void erg_listing_cell(struct erg_listing *table, const char *text);
void erg_listing_cellf(struct erg_listing *table, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Print with `indent` blanks in front of every line; 0 or the first failure. */
int erg_listing_write(const struct erg_listing *table, size_t indent, struct erg_buf *out);

/* Drop the rows and columns. */
void erg_listing_deinit(struct erg_listing *table);

/* Columns a text takes on a screen: code points, wide ones (CJK, emoji) twice, combining ones 0. */
size_t erg_text_width(const char *text, size_t len);

/* Longest prefix of at most `columns` columns, in bytes. */
size_t erg_text_cut(const char *text, size_t len, size_t columns);

#endif
