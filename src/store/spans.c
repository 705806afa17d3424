/* SPDX-License-Identifier: MIT */
#include "store/spans.h"

#include "base/limits.h"
#include "base/mem.h"
#include "store/spans_code.h"

#include <stdlib.h>
#include <string.h>

/*
 * LAYOUT   u8 1, varint count, varint length of the columns, section of these columns:
 *          count × varint zigzag(layer − layer before, 0 at the start), count × varint component,
 *          count × varint operation.
 *
 * BLOB     u8 1, u8 columns (bit c: enum erg_value_column c is present), varint count, ticks,
 *          columns in bit order.
 *   ticks  class of a span: number of significant bits of its ticks (0 … 32). A section of count
 *          bytes: class − class of the reference, modulo 256. Then, as one string of bits, the
 *          ticks of each span without their leading 1.
 *   column 16-bit code − code of the reference, modulo 65536, in zigzag form. A section with the
 *          high bytes, a section with the low bytes.
 *
 * Sections and value codes: spans_code.h. The *reference* of a span is the span with the same place
 * in the layer before it: layers resemble one another, so what is left is small. A span without
 * one (first layer, or the layer before was shorter) is coded against 0.
 *
 * Nothing refers to another pass: each blob can be read, and lost, alone. A blob that was changed
 * is noticed when lengths no longer agree; whatever is returned stays within the layout's count.
 */
enum { VERSION = 1, NO_REFERENCE = -1 };

/* Index of each span's reference. */
static void find_references(const struct erg_span *spans, uint32_t count, int32_t *out)
{
    uint32_t start = 0, before = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && spans[i].layer != spans[i - 1].layer) {
            before = start;
            start = i;
        }
        uint32_t reference = before + (i - start);
        out[i] = reference < start ? (int32_t)reference : NO_REFERENCE;
    }
}

static unsigned class_of(uint32_t ticks)
{
    return ticks ? 32u - (unsigned)__builtin_clz(ticks) : 0;
}

int erg_spans_pack_layout(const struct erg_span *spans, uint32_t count, struct erg_buf *out)
{
    if (count > ERG_MAX_SPANS_PER_PASS)
        return ERG_LIMIT;
    struct erg_buf columns;
    erg_buf_init(&columns);
    int32_t layer = 0;
    for (uint32_t i = 0; i < count; i++) {
        erg_put_varint(&columns, erg_zigzag(spans[i].layer - layer));
        layer = spans[i].layer;
    }
    for (uint32_t i = 0; i < count; i++)
        erg_put_varint(&columns, spans[i].component);
    for (uint32_t i = 0; i < count; i++)
        erg_put_varint(&columns, spans[i].operation);
    int status = erg_buf_status(&columns);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (!zstd)
        status = ERG_NOMEM;
    if (status == 0) {
        erg_buf_putc(out, VERSION);
        erg_put_varint(out, count);
        erg_put_varint(out, (uint32_t)columns.len);
        erg_put_section(out, zstd, columns.data ? columns.data : "", columns.len);
        status = erg_buf_status(out);
    }
    ZSTD_freeCCtx(zstd);
    erg_buf_deinit(&columns);
    return status;
}

/* What packing and unpacking need per span. */
struct scratch {
    int32_t *references;
    uint16_t *codes;
    unsigned char *high, *low;
};

static int scratch_init(struct scratch *scratch, uint32_t count)
{
    unsigned char *block = erg_calloc((size_t)count + 1, 8);
    if (!block)
        return ERG_NOMEM;
    scratch->references = (int32_t *)(void *)block;
    scratch->codes = (uint16_t *)(void *)(block + (size_t)4 * count);
    scratch->high = block + (size_t)6 * count;
    scratch->low = block + (size_t)7 * count;
    return 0;
}

static void scratch_deinit(struct scratch *scratch)
{
    free(scratch->references);
}

static void pack_ticks(const struct erg_pass_row *row, const struct scratch *scratch,
                       ZSTD_CCtx *zstd, struct erg_buf *out)
{
    for (uint32_t i = 0; i < row->n_spans; i++) {
        int32_t reference = scratch->references[i];
        unsigned expected = reference < 0 ? 0 : class_of(row->spans[reference].ticks);
        scratch->high[i] = (unsigned char)(class_of(row->spans[i].ticks) - expected);
    }
    erg_put_section(out, zstd, scratch->high, row->n_spans);
    struct erg_bits_out bits = {.out = out};
    for (uint32_t i = 0; i < row->n_spans; i++) {
        uint32_t ticks = row->spans[i].ticks;
        unsigned size = class_of(ticks);
        if (size > 1)
            erg_put_bits(&bits, ticks ^ (UINT32_C(1) << (size - 1)), size - 1);
    }
    erg_end_bits(&bits);
}

static void pack_column(const float *values, uint32_t count, const struct scratch *scratch,
                        ZSTD_CCtx *zstd, struct erg_buf *out)
{
    for (uint32_t i = 0; i < count; i++) {
        int32_t reference = scratch->references[i];
        scratch->codes[i] = erg_value_code(values[i]);
        uint16_t expected = reference < 0 ? 0 : scratch->codes[reference];
        uint32_t delta = erg_zigzag((int16_t)(scratch->codes[i] - expected));
        scratch->high[i] = (unsigned char)(delta >> 8);
        scratch->low[i] = (unsigned char)delta;
    }
    erg_put_section(out, zstd, scratch->high, count);
    erg_put_section(out, zstd, scratch->low, count);
}

int erg_spans_pack(const struct erg_pass_row *row, struct erg_buf *out)
{
    if (row->n_spans > ERG_MAX_SPANS_PER_PASS)
        return ERG_LIMIT;
    struct scratch scratch;
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (!zstd || scratch_init(&scratch, row->n_spans)) {
        ZSTD_freeCCtx(zstd);
        return ERG_NOMEM;
    }
    find_references(row->spans, row->n_spans, scratch.references);
    unsigned columns = 0;
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        columns |= row->values[c] ? 1u << c : 0;
    erg_buf_putc(out, VERSION);
    erg_buf_putc(out, (char)columns);
    erg_put_varint(out, row->n_spans);
    pack_ticks(row, &scratch, zstd, out);
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        if (row->values[c])
            pack_column(row->values[c], row->n_spans, &scratch, zstd, out);
    scratch_deinit(&scratch);
    ZSTD_freeCCtx(zstd);
    return erg_buf_status(out);
}

static void take_version(struct erg_bytes_in *in)
{
    in->bad |= in->at == in->end || *in->at++ != VERSION;
}

/* Layer, component and operation of `count` spans from the layout's columns. */
static void read_layout_columns(struct erg_bytes_in *in, struct erg_span *spans, uint32_t count)
{
    int32_t layer = 0;
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        int64_t next = (int64_t)layer + erg_unzigzag(erg_take_varint(in));
        in->bad |= next < -1 || next >= ERG_MAX_LAYERS;
        layer = in->bad ? 0 : (int32_t)next;
        spans[i].layer = (int16_t)layer;
    }
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        uint32_t component = erg_take_varint(in);
        in->bad |= component == 0 || component > UINT16_MAX;
        spans[i].component = (uint16_t)component;
    }
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        uint32_t operation = erg_take_varint(in);
        in->bad |= operation > UINT16_MAX;
        spans[i].operation = (uint16_t)operation;
    }
    in->bad |= in->at != in->end;
}

static int unpack_layout(const void *layout, size_t len, struct erg_span **out_spans,
                         uint32_t *out_count)
{
    struct erg_bytes_in in = {.at = layout, .end = (const unsigned char *)layout + len};
    take_version(&in);
    uint32_t count = erg_take_varint(&in);
    uint32_t columns_len = erg_take_varint(&in);
    if (in.bad || count > ERG_MAX_SPANS_PER_PASS || columns_len > 9 * count)
        return ERG_CORRUPT;
    ERG_AUTO_FREE unsigned char *columns = erg_realloc(NULL, columns_len);
    struct erg_span *spans = erg_calloc(count + 1, sizeof(*spans));
    if (!columns || !spans) {
        free(spans);
        return ERG_NOMEM;
    }
    erg_take_section(&in, columns, columns_len);
    in.bad |= in.at != in.end;
    if (!in.bad) {
        in = (struct erg_bytes_in){.at = columns, .end = columns + columns_len};
        read_layout_columns(&in, spans, count);
    }
    if (in.bad) {
        free(spans);
        return ERG_CORRUPT;
    }
    *out_spans = spans;
    *out_count = count;
    return 0;
}

static void unpack_ticks(struct erg_bytes_in *in, struct erg_span *spans, uint32_t count,
                         const struct scratch *scratch)
{
    erg_take_section(in, scratch->high, count);
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        int32_t reference = scratch->references[i];
        if (reference >= 0)
            scratch->high[i] = (unsigned char)(scratch->high[i] + scratch->high[reference]);
        in->bad |= scratch->high[i] > 32;
    }
    struct erg_bits_in bits = {.in = in};
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        unsigned size = scratch->high[i];
        spans[i].ticks = size;
        if (size > 1)
            spans[i].ticks = erg_take_bits(&bits, size - 1) | UINT32_C(1) << (size - 1);
    }
    in->bad |= bits.held != 0;
}

static void unpack_column(struct erg_bytes_in *in, float *values, uint32_t count,
                          const struct scratch *scratch)
{
    erg_take_section(in, scratch->high, count);
    if (!in->bad)
        erg_take_section(in, scratch->low, count);
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        int32_t reference = scratch->references[i];
        int32_t delta = erg_unzigzag((uint32_t)scratch->high[i] << 8 | scratch->low[i]);
        uint16_t expected = reference < 0 ? 0 : scratch->codes[reference];
        scratch->codes[i] = (uint16_t)(expected + delta);
        values[i] = erg_value_of_code(scratch->codes[i]);
    }
}

/* Ticks and columns of a blob into `spans` and `values`, which the caller frees. */
static int unpack_blob(const void *blob, size_t len, struct erg_span *spans, uint32_t count,
                       float *values[ERG_VALUE_COLUMNS])
{
    struct erg_bytes_in in = {.at = blob, .end = (const unsigned char *)blob + len};
    take_version(&in);
    unsigned columns = in.bad || in.at == in.end ? 0x100 : *in.at++;
    if (columns >= 1u << ERG_VALUE_COLUMNS || erg_take_varint(&in) != count || in.bad)
        return ERG_CORRUPT;
    struct scratch scratch;
    if (scratch_init(&scratch, count))
        return ERG_NOMEM;
    find_references(spans, count, scratch.references);
    unpack_ticks(&in, spans, count, &scratch);
    int status = 0;
    for (int c = 0; c < ERG_VALUE_COLUMNS && !in.bad && status == 0; c++) {
        if (!(columns & 1u << c))
            continue;
        values[c] = erg_calloc((size_t)count + 1, sizeof(float));
        if (values[c])
            unpack_column(&in, values[c], count, &scratch);
        else
            status = ERG_NOMEM;
    }
    scratch_deinit(&scratch);
    if (status == 0 && (in.bad || in.at != in.end))
        status = ERG_CORRUPT;
    return status;
}

int erg_spans_unpack(const void *layout, size_t layout_len, const void *blob, size_t blob_len,
                     struct erg_span **out_spans, uint32_t *out_count,
                     float *out_values[ERG_VALUE_COLUMNS], struct erg_err *err)
{
    struct erg_span *spans = NULL;
    uint32_t count = 0;
    float *values[ERG_VALUE_COLUMNS] = {NULL};
    int status = unpack_layout(layout, layout_len, &spans, &count);
    if (status)
        return erg_fail(err, status, "cannot unpack a layout: %s", erg_code_text(status));
    status = unpack_blob(blob, blob_len, spans, count, values);
    if (status) {
        free(spans);
        for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
            free(values[c]);
        return erg_fail(err, status, "cannot unpack the spans of a pass: %s",
                        erg_code_text(status));
    }
    *out_spans = spans;
    *out_count = count;
    memcpy(out_values, values, sizeof(values));
    return 0;
}
