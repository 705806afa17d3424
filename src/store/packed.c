/* SPDX-License-Identifier: MIT */
#include "store/packed.h"

#include "store/spans.h"
#include "store/spans_code.h"

#include <sqlite3ext.h>
#include <stdlib.h>

SQLITE_EXTENSION_INIT3

/*
 * PACKED   the blob of the spans, as it is, when there are no details; else u8 2, varint length of
 *          the blob of the spans, that blob, the blob of the details. (The blob of the spans begins
 *          with another number.)
 */
enum { WITH_DETAILS = 2 };

int erg_pass_pack(const struct erg_pass_row *row, struct erg_buf *out)
{
    struct erg_buf spans;
    if (!row->n_attention && !row->n_routing)
        return erg_spans_pack(row, out);
    erg_buf_init(&spans);
    int status = erg_spans_pack(row, &spans);
    if (status == 0) {
        erg_buf_putc(out, WITH_DETAILS);
        erg_put_varint(out, (uint32_t)spans.len);
        erg_buf_append(out, spans.data, spans.len);
        status = erg_details_pack(row, out);
    }
    erg_buf_deinit(&spans);
    return status;
}

/* Where the spans and the details lie; false when they don't. */
static bool split(const void *packed, size_t len, struct erg_bytes_in *out_spans,
                  struct erg_bytes_in *out_details)
{
    struct erg_bytes_in in = {.at = packed, .end = (const unsigned char *)packed + len};
    *out_spans = in;
    *out_details = (struct erg_bytes_in){.at = in.end, .end = in.end};
    if (!len || *in.at != WITH_DETAILS)
        return true;
    in.at++;
    uint32_t spans_len = erg_take_varint(&in);
    if (in.bad || spans_len >= (size_t)(in.end - in.at))
        return false;
    *out_spans = (struct erg_bytes_in){.at = in.at, .end = in.at + spans_len};
    *out_details = (struct erg_bytes_in){.at = in.at + spans_len, .end = in.end};
    return true;
}

static int unpack(const void *layout, size_t layout_len, const void *packed, size_t packed_len,
                  bool times_only, struct erg_pass_row *row, struct erg_unpacked *out,
                  struct erg_err *err)
{
    struct erg_unpacked unpacked = {.spans = NULL};
    struct erg_bytes_in spans, details;
    uint32_t n_spans;
    if (!split(packed, packed_len, &spans, &details))
        return erg_fail(err, ERG_CORRUPT, "cannot unpack a pass: %s", erg_code_text(ERG_CORRUPT));
    int status =
        erg_spans_unpack(layout, layout_len, spans.at, (size_t)(spans.end - spans.at),
                         &unpacked.spans, &n_spans, times_only ? NULL : unpacked.values, err);
    if (status == 0 && !times_only)
        status = erg_details_unpack(details.at, (size_t)(details.end - details.at), n_spans,
                                    &unpacked.details, err);
    if (status) {
        erg_unpacked_deinit(&unpacked);
        return status;
    }
    row->n_spans = n_spans;
    row->spans = unpacked.spans;
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        row->values[c] = unpacked.values[c];
    row->n_attention = unpacked.details.n_attention;
    row->n_routing = unpacked.details.n_routing;
    row->attention = unpacked.details.attention;
    row->routing = unpacked.details.routing;
    *out = unpacked;
    return 0;
}

int erg_pass_unpack(const void *layout, size_t layout_len, const void *packed, size_t packed_len,
                    struct erg_pass_row *row, struct erg_unpacked *out, struct erg_err *err)
{
    return unpack(layout, layout_len, packed, packed_len, false, row, out, err);
}

void erg_unpacked_deinit(struct erg_unpacked *unpacked)
{
    free(unpacked->spans);
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        free(unpacked->values[c]);
    erg_details_deinit(&unpacked->details);
}

/* The parts of a pass, one behind the other. */
static int read_parts(struct erg_packed_reader *reader, int64_t pass_id, struct erg_buf *out,
                      struct erg_err *err)
{
    static const char sql[] = "SELECT bytes FROM main.pass_parts WHERE id BETWEEN ?1 AND ?2 "
                              "ORDER BY id";
    int64_t first = (int64_t)((uint64_t)pass_id << ERG_PART_BITS);
    int rc = SQLITE_OK;
    if (!reader->parts)
        rc = sqlite3_prepare_v2(reader->db, sql, -1, &reader->parts, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(reader->parts, 1, first);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(reader->parts, 2, first | ((1 << ERG_PART_BITS) - 1));
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(reader->parts);
        if (rc == SQLITE_ROW)
            erg_buf_append(out, sqlite3_column_blob(reader->parts, 0),
                           (size_t)sqlite3_column_bytes(reader->parts, 0));
    }
    sqlite3_reset(reader->parts);
    if (rc != SQLITE_DONE)
        return erg_fail(err, rc == SQLITE_NOMEM ? ERG_NOMEM : ERG_IO,
                        "cannot read the parts of a pass: %s", sqlite3_errmsg(reader->db));
    int status = erg_buf_status(out);
    return status ? erg_fail(err, status, "cannot read the parts of a pass") : 0;
}

int erg_packed_read(struct erg_packed_reader *reader, sqlite3_stmt *stmt, int first,
                    struct erg_pass_row *row, struct erg_unpacked *out, struct erg_err *err)
{
    const void *layout = sqlite3_column_blob(stmt, first);
    size_t layout_len = (size_t)sqlite3_column_bytes(stmt, first);
    const void *packed = sqlite3_column_blob(stmt, first + 1);
    size_t packed_len = (size_t)sqlite3_column_bytes(stmt, first + 1);
    struct erg_buf parts;
    int status = 0;
    erg_buf_init(&parts);
    if (!packed_len) {
        status = read_parts(reader, sqlite3_column_int64(stmt, first + 2), &parts, err);
        packed = parts.data;
        packed_len = parts.len;
    }
    if (status == 0)
        status = unpack(layout ? layout : "", layout_len, packed ? packed : "", packed_len,
                        reader->times_only, row, out, err);
    erg_buf_deinit(&parts);
    return status;
}

void erg_packed_reader_deinit(struct erg_packed_reader *reader)
{
    sqlite3_finalize(reader->parts);
    reader->parts = NULL;
}
