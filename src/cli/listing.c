/* SPDX-License-Identifier: MIT */
#include "cli/listing.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CELLS = 1 << 24 };

static uint32_t decode(const unsigned char *bytes, size_t step)
{
    if (step == 1)
        return bytes[0];
    uint32_t code = bytes[0] & (0x7Fu >> step);
    for (size_t i = 1; i < step; i++)
        code = code << 6 | (bytes[i] & 0x3F);
    return code;
}

/* The ranges that matter in practice of Unicode's East Asian Width W and F, and of Mn. */
static size_t columns_of(uint32_t code)
{
    static const struct {
        uint32_t first, last;
        size_t columns;
    } ranges[] = {
        {0x0300, 0x036F, 0}, {0x200B, 0x200F, 0},   {0xFE00, 0xFE0F, 0},   {0x1100, 0x115F, 2},
        {0x2E80, 0xA4CF, 2}, {0xAC00, 0xD7A3, 2},   {0xF900, 0xFAFF, 2},   {0xFE30, 0xFE6F, 2},
        {0xFF00, 0xFF60, 2}, {0x1F300, 0x1FAFF, 2}, {0x20000, 0x3FFFD, 2},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return ranges[i].columns;
    }
    return 1;
}

size_t erg_text_cut(const char *text, size_t len, size_t columns)
{
    size_t width = 0, i = 0;
    while (i < len) {
        size_t step = erg_utf8_step(text + i, len - i);
        width += step ? columns_of(decode((const unsigned char *)text + i, step)) : 1;
        if (width > columns)
            break;
        i += step ? step : 1;
    }
    return i;
}

size_t erg_text_width(const char *text, size_t len)
{
    size_t width = 0;
    for (size_t i = 0; i < len;) {
        size_t step = erg_utf8_step(text + i, len - i);
        width += step ? columns_of(decode((const unsigned char *)text + i, step)) : 1;
        i += step ? step : 1;
    }
    return width;
}

void erg_listing_column(struct erg_listing *table, const char *heading, bool right)
{
    assert(table->columns < ERG_LISTING_COLUMNS && table->count == 0);
    table->headings[table->columns] = heading;
    table->right[table->columns++] = right;
}

/* Line breaks become blanks, bytes that are no text '?'. */
static void make_one_line(char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        size_t step = erg_utf8_step(text + i, len - i);
        unsigned char c = (unsigned char)text[i];
        if (step == 0)
            text[i] = '?';
        else if (c < 0x20 || c == 0x7F)
            text[i] = ' ';
        i += step ? step : 1;
    }
}

/* Cut to `columns`, the last one being an ellipsis. */
static char *copy_cut(const char *text, size_t columns)
{
    size_t len = strlen(text);
    if (!columns || erg_text_width(text, len) <= columns)
        return erg_strndup(text, len);
    size_t keep = erg_text_cut(text, len, columns - 1);
    char *copy = erg_realloc(NULL, keep + sizeof "…");
    if (!copy)
        return NULL;
    memcpy(copy, text, keep);
    memcpy(copy + keep, "…", sizeof "…");
    return copy;
}

void erg_listing_cell(struct erg_listing *table, const char *text)
{
    if (table->status)
        return;
    void *cells = table->cells;
    table->status = erg_grow(&cells, &table->capacity, table->count + 1, sizeof(char *), MAX_CELLS);
    table->cells = cells;
    if (table->status)
        return;
    char *copy = copy_cut(text, table->cut_at[table->count % table->columns]);
    if (!copy) {
        table->status = ERG_NOMEM;
        return;
    }
    make_one_line(copy);
    table->cells[table->count++] = copy;
}

void erg_listing_cellf(struct erg_listing *table, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    erg_listing_cell(table, text);
}

static void put_padded(struct erg_buf *out, const char *text, size_t width, bool right, bool last)
{
    size_t used = erg_text_width(text, strlen(text));
    int pad = used < width ? (int)(width - used) : 0;
    if (right)
        erg_buf_printf(out, "%*s", pad, "");
    erg_buf_puts(out, text);
    if (!right && !last)
        erg_buf_printf(out, "%*s", pad, "");
}

static void put_row(const struct erg_listing *table, const char *const *cells, const size_t *widths,
                    size_t indent, struct erg_buf *out)
{
    erg_buf_printf(out, "%*s", (int)indent, "");
    for (size_t c = 0; c < table->columns; c++) {
        if (c)
            erg_buf_puts(out, "  ");
        put_padded(out, cells[c], widths[c], table->right[c], c + 1 == table->columns);
    }
    while (out->len && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
    erg_buf_putc(out, '\n');
}

int erg_listing_write(const struct erg_listing *table, size_t indent, struct erg_buf *out)
{
    size_t widths[ERG_LISTING_COLUMNS];
    if (table->status)
        return table->status;
    for (size_t c = 0; c < table->columns; c++)
        widths[c] = erg_text_width(table->headings[c], strlen(table->headings[c]));
    for (size_t i = 0; i < table->count; i++) {
        size_t width = erg_text_width(table->cells[i], strlen(table->cells[i]));
        size_t c = i % table->columns;
        widths[c] = width > widths[c] ? width : widths[c];
    }
    put_row(table, table->headings, widths, indent, out);
    for (size_t i = 0; i + table->columns <= table->count; i += table->columns)
        put_row(table, (const char *const *)table->cells + i, widths, indent, out);
    return erg_buf_status(out);
}

void erg_listing_deinit(struct erg_listing *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct erg_listing){0};
}
