/* SPDX-License-Identifier: MIT */
#include "export/gzip64.h"

#include "base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

struct erg_gzip64 {
    erg_jsonw_sink sink;
    void *user;
    struct archive *archive;
    unsigned char left[2]; /* bytes that are not yet three */
    size_t left_count;
    int status; /* first failure */
};

static void put4(const unsigned char in[3], size_t count, char out[4])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];
    for (size_t i = 0; i < 4; i++)
        out[i] = i <= count ? digits[bits >> (18 - 6 * i) & 63] : '=';
}

static void put_text(struct erg_gzip64 *gzip64, const char *text, size_t len)
{
    if (len && gzip64->status == 0)
        gzip64->status = gzip64->sink(gzip64->user, text, len);
}

static void encode(struct erg_gzip64 *gzip64, const unsigned char *bytes, size_t len)
{
    char text[4096];
    unsigned char three[3];
    size_t used = 0, have = gzip64->left_count;
    memcpy(three, gzip64->left, have);
    for (size_t i = 0; i < len; i++) {
        three[have++] = bytes[i];
        if (have < 3)
            continue;
        put4(three, 3, text + used);
        used += 4;
        have = 0;
        if (used == sizeof text) {
            put_text(gzip64, text, used);
            used = 0;
        }
    }
    put_text(gzip64, text, used);
    memcpy(gzip64->left, three, have);
    gzip64->left_count = have;
}

/* After a failure bytes are swallowed: an archive that is not completed leaks its compressor. */
static la_ssize_t on_bytes(struct archive *archive, void *user, const void *bytes, size_t len)
{
    (void)archive;
    encode(user, bytes, len);
    return (la_ssize_t)len;
}

static int begin(struct archive *archive, struct erg_gzip64 *gzip64)
{
    struct archive_entry *entry = archive_entry_new();
    int ok = entry && archive_write_set_format_raw(archive) == ARCHIVE_OK &&
             archive_write_add_filter_gzip(archive) == ARCHIVE_OK &&
             archive_write_set_options(archive, "gzip:compression-level=9,gzip:!timestamp") ==
                 ARCHIVE_OK &&
             archive_write_set_bytes_in_last_block(archive, 1) == ARCHIVE_OK &&
             archive_write_open(archive, gzip64, NULL, on_bytes, NULL) == ARCHIVE_OK;
    if (ok) {
        archive_entry_set_filetype(entry, AE_IFREG);
        ok = archive_write_header(archive, entry) == ARCHIVE_OK;
    }
    archive_entry_free(entry);
    return ok ? 0 : ERG_NOMEM;
}

int erg_gzip64_open(struct erg_gzip64 **out, erg_jsonw_sink sink, void *user, struct erg_err *err)
{
    struct erg_gzip64 *gzip64 = erg_calloc(1, sizeof *gzip64);
    if (!gzip64)
        return erg_fail(err, ERG_NOMEM, "no memory to compress with");
    gzip64->sink = sink;
    gzip64->user = user;
    gzip64->archive = archive_write_new();
    if (!gzip64->archive || begin(gzip64->archive, gzip64)) {
        erg_gzip64_close(gzip64);
        return erg_fail(err, ERG_NOMEM, "no memory to compress with");
    }
    *out = gzip64;
    return 0;
}

int erg_gzip64_put(void *user, const char *bytes, size_t len)
{
    struct erg_gzip64 *gzip64 = user;
    if (gzip64->status == 0 && archive_write_data(gzip64->archive, bytes, len) != (la_ssize_t)len)
        gzip64->status = ERG_NOMEM;
    return gzip64->status;
}

int erg_gzip64_finish(struct erg_gzip64 *gzip64, struct erg_err *err)
{
    bool closed = archive_write_close(gzip64->archive) == ARCHIVE_OK;
    if (gzip64->status == 0 && !closed)
        gzip64->status = ERG_NOMEM;
    if (gzip64->left_count) {
        unsigned char three[3] = {0};
        char text[4];
        memcpy(three, gzip64->left, gzip64->left_count);
        put4(three, gzip64->left_count, text);
        put_text(gzip64, text, sizeof text);
        gzip64->left_count = 0;
    }
    if (gzip64->status)
        return erg_fail(err, gzip64->status, "cannot compress: %s", erg_code_text(gzip64->status));
    return 0;
}

void erg_gzip64_close(struct erg_gzip64 *gzip64)
{
    if (!gzip64)
        return;
    archive_write_free(gzip64->archive);
    free(gzip64);
}
