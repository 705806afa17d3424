/* SPDX-License-Identifier: MIT */
#include "export/gunzip64.h"

#include "test.h"

#include <archive.h>
#include <archive_entry.h>

static unsigned digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    assert_non_null(at);
    return (unsigned)(at - digits);
}

static void decode64(const char *text, size_t len, struct erg_buf *out)
{
    assert_int_equal(len % 4, 0);
    for (size_t i = 0; i < len; i += 4) {
        const char *c = text + i;
        int pad = (c[3] == '=') + (c[2] == '=');
        unsigned bits = digit(c[0]) << 18 | digit(c[1]) << 12;
        assert_true(pad == 0 || i + 4 == len);
        if (pad < 2)
            bits |= digit(c[2]) << 6;
        if (pad < 1)
            bits |= digit(c[3]);
        for (int b = 0; b < 3 - pad; b++)
            erg_buf_putc(out, (char)(bits >> (16 - 8 * b)));
    }
}

void gunzip64(const char *text, size_t len, struct erg_buf *out)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    struct erg_buf packed;
    char piece[4096];
    la_ssize_t n;
    erg_buf_init(&packed);
    decode64(text, len, &packed);
    archive_read_support_filter_gzip(archive);
    archive_read_support_format_raw(archive);
    archive_read_support_format_empty(archive);
    assert_int_equal(archive_read_open_memory(archive, packed.data, packed.len), ARCHIVE_OK);
    if (archive_read_next_header(archive, &entry) == ARCHIVE_OK) { /* else it holds nothing */
        while ((n = archive_read_data(archive, piece, sizeof piece)) > 0)
            erg_buf_append(out, piece, (size_t)n);
        assert_int_equal(n, 0);
    }
    archive_read_free(archive);
    erg_buf_deinit(&packed);
}
