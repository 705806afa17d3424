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
 * BLOB     u8 3, u8 columns (bit c: enum erg_value_column c is present), varint count, then one
 *          string of bits, the lowest first, padded with zeros: the ticks of all spans, then each
 *          column in bit order, its values as 16-bit codes (spans_code.h). In a column, the codes
 *          of a layer whose spans all have a reference follow a bit that is 1 when each is the code
 *          of its reference; then it stands for them (FLOPs and bytes mostly are).
 *          Blobs of version 1 have no such bits. 2 is that of packed.c.
 *
 * The *reference* of a span is the span with the same place in the layer before it. Layers resemble
 * one another, so a number is coded as a *next* one of those at its place, and as a *first* one
 * where it has no reference (spans_code.h).
 *
 * The statistics of a tensor move together, so a column is coded as the difference (sparsity: as
 * the sum, being the smaller the larger the values are) of its code and that of another column of
 * the same span, where that is present: see `company`. All modulo 65536.
 *
 * Nothing refers to another pass: each blob can be read, and lost, alone. Damage is noticed when
 * the bits no longer work out; whatever is returned stays within the layout's count.
 */
enum { LAYOUT_VERSION = 1, VERSION = 3, VERSION_WITHOUT_REPEATS = 1 };
enum { NO_REFERENCE = -1, LONGEST_MEMORY = 12 };

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
        erg_buf_putc(out, LAYOUT_VERSION);
        erg_put_varint(out, count);
        erg_put_varint(out, (uint32_t)columns.len);
        erg_put_section(out, zstd, columns.data ? columns.data : "", columns.len);
        status = erg_buf_status(out);
    }
    ZSTD_freeCCtx(zstd);
    erg_buf_deinit(&columns);
    return status;
}

/* A sequence of numbers, one per span, and what coding it needs. */
struct sequence {
    const struct erg_span *spans;
    uint32_t count;
    bool repeats; /* layers that repeat are marked by a bit */
    int32_t *references;
    struct erg_place *places;
    uint32_t *numbers;
    uint16_t *codes; /* count of each column */
    unsigned narrow; /* the first guess of a deviation is the number >> narrow */
};

/* Ticks vary by some tenths; codes, being logarithms, by a hundredth of their value. */
enum { NARROW_TICKS = 3, NARROW_CODES = 7 };

/* The column a column is coded against: sign × code of `with` + shift is taken off. */
struct company {
    int with, sign;
    uint16_t shift;
};

static const struct company companies[ERG_VALUE_COLUMNS] = {
    [ERG_VALUE_FLOPS] = {-1, 0, 0},
    [ERG_VALUE_BYTES] = {-1, 0, 0},
    [ERG_VALUE_MEAN] = {-1, 0, 0},
    [ERG_VALUE_STD] = {ERG_VALUE_MEAN, 1, 0x8000},
    [ERG_VALUE_MAX] = {ERG_VALUE_STD, 1, 0x8000},
    [ERG_VALUE_SPARSITY] = {ERG_VALUE_MEAN, -1, 0},
    [ERG_VALUE_EXTRA] = {-1, 0, 0},
};

/* What is to be taken off the code of column `c` at span `i`. */
static uint16_t accompanied(int c, uint16_t *const codes[ERG_VALUE_COLUMNS], uint32_t i)
{
    const struct company *company = &companies[c];
    if (company->with < 0 || !codes[company->with])
        return 0;
    return (uint16_t)(company->sign * codes[company->with][i] - company->shift);
}

static int sequence_init(struct sequence *sequence, const struct erg_span *spans, uint32_t count)
{
    size_t each = sizeof(struct erg_place) + sizeof(int32_t) + sizeof(uint32_t) +
                  ERG_VALUE_COLUMNS * sizeof(uint16_t);
    unsigned char *block = erg_calloc((size_t)count + 1, each);
    if (!block)
        return ERG_NOMEM;
    sequence->spans = spans;
    sequence->count = count;
    sequence->repeats = false;
    sequence->places = (struct erg_place *)(void *)block;
    sequence->references = (int32_t *)(void *)(block + count * sizeof(struct erg_place));
    sequence->numbers = (uint32_t *)sequence->references + count;
    sequence->codes = (uint16_t *)(void *)(sequence->numbers + count);
    return 0;
}

static void sequence_deinit(struct sequence *sequence)
{
    free(sequence->places);
}

/* The place of span `i`, now that its number is known. */
static void learn(const struct sequence *sequence, uint32_t i)
{
    struct erg_place *place = &sequence->places[i];
    uint32_t number = sequence->numbers[i];
    if (sequence->references[i] < 0) {
        *place = (struct erg_place){number, number >> sequence->narrow, 1};
        return;
    }
    *place = sequence->places[sequence->references[i]];
    erg_place_learn(place, number, LONGEST_MEMORY);
}

/* End of the layer that begins at span `from`. */
static uint32_t end_of_layer(const struct sequence *sequence, uint32_t from)
{
    uint32_t to = from + 1;
    while (to < sequence->count && sequence->spans[to].layer == sequence->spans[from].layer)
        to++;
    return to;
}

/* Whether a bit says that the layer [from, to) repeats. */
static bool may_repeat(const struct sequence *sequence, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to && sequence->repeats; i++) {
        if (sequence->references[i] < 0)
            return false;
    }
    return sequence->repeats;
}

static bool repeats(const struct sequence *sequence, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        if (sequence->numbers[i] != sequence->numbers[sequence->references[i]])
            return false;
    }
    return true;
}

static void pack_number(struct erg_bits_out *bits, const struct sequence *sequence, uint32_t i)
{
    int32_t reference = sequence->references[i];
    if (reference < 0)
        erg_put_first(bits, sequence->numbers[i]);
    else
        erg_put_next(bits, sequence->numbers[i], &sequence->places[reference]);
}

static void pack_sequence(struct erg_bits_out *bits, const struct sequence *sequence)
{
    for (uint32_t from = 0, to; from < sequence->count; from = to) {
        bool repeated = false;
        to = end_of_layer(sequence, from);
        if (may_repeat(sequence, from, to)) {
            repeated = repeats(sequence, from, to);
            erg_put_bits(bits, repeated, 1);
        }
        for (uint32_t i = from; i < to; i++) {
            if (!repeated)
                pack_number(bits, sequence, i);
            learn(sequence, i);
        }
    }
}

int erg_spans_pack(const struct erg_pass_row *row, struct erg_buf *out)
{
    if (row->n_spans > ERG_MAX_SPANS_PER_PASS)
        return ERG_LIMIT;
    struct sequence sequence;
    if (sequence_init(&sequence, row->spans, row->n_spans))
        return ERG_NOMEM;
    find_references(row->spans, row->n_spans, sequence.references);
    unsigned columns = 0;
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        columns |= row->values[c] ? 1u << c : 0;
    erg_buf_putc(out, VERSION);
    erg_buf_putc(out, (char)columns);
    erg_put_varint(out, row->n_spans);
    struct erg_bits_out bits = {.out = out};
    sequence.narrow = NARROW_TICKS;
    for (uint32_t i = 0; i < row->n_spans; i++)
        sequence.numbers[i] = row->spans[i].ticks;
    pack_sequence(&bits, &sequence);
    sequence.repeats = true;
    sequence.narrow = NARROW_CODES;
    uint16_t *codes[ERG_VALUE_COLUMNS] = {NULL};
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++) {
        if (!row->values[c])
            continue;
        codes[c] = sequence.codes + (size_t)c * row->n_spans;
        for (uint32_t i = 0; i < row->n_spans; i++) {
            codes[c][i] = erg_value_code(row->values[c][i]);
            sequence.numbers[i] = (uint16_t)(codes[c][i] - accompanied(c, codes, i));
        }
        pack_sequence(&bits, &sequence);
    }
    erg_end_bits(&bits);
    sequence_deinit(&sequence);
    return erg_buf_status(out);
}

/* The version of a blob or layout; 0 and a bad input where it ends. */
static unsigned take_version(struct erg_bytes_in *in)
{
    in->bad |= in->at == in->end;
    return in->bad ? 0 : *in->at++;
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
    in.bad |= take_version(&in) != LAYOUT_VERSION;
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

static uint32_t unpack_number(struct erg_bits_in *bits, const struct sequence *sequence, uint32_t i)
{
    int32_t reference = sequence->references[i];
    return reference < 0 ? erg_take_first(bits) : erg_take_next(bits, &sequence->places[reference]);
}

static void unpack_sequence(struct erg_bits_in *bits, const struct sequence *sequence)
{
    for (uint32_t from = 0, to; from < sequence->count && !bits->in->bad; from = to) {
        to = end_of_layer(sequence, from);
        bool repeated = may_repeat(sequence, from, to) && erg_take_bits(bits, 1);
        for (uint32_t i = from; i < to && !bits->in->bad; i++) {
            sequence->numbers[i] = repeated ? sequence->numbers[sequence->references[i]]
                                            : unpack_number(bits, sequence, i);
            learn(sequence, i);
        }
    }
}

static int unpack_column(struct erg_bits_in *bits, const struct sequence *sequence, int c,
                         uint16_t *codes[ERG_VALUE_COLUMNS], float **out_values)
{
    float *values = erg_calloc((size_t)sequence->count + 1, sizeof(*values));
    if (!values)
        return ERG_NOMEM;
    *out_values = values;
    codes[c] = sequence->codes + (size_t)c * sequence->count;
    unpack_sequence(bits, sequence);
    for (uint32_t i = 0; i < sequence->count && !bits->in->bad; i++) {
        bits->in->bad |= sequence->numbers[i] > UINT16_MAX;
        codes[c][i] = (uint16_t)(sequence->numbers[i] + accompanied(c, codes, i));
        values[i] = erg_value_of_code(codes[c][i]);
    }
    return 0;
}

/* Ticks and columns (NULL: no columns) of a blob into `spans` and `values`, which the caller frees.
 */
static int unpack_blob(const void *blob, size_t len, struct erg_span *spans, uint32_t count,
                       float **values)
{
    struct erg_bytes_in in = {.at = blob, .end = (const unsigned char *)blob + len};
    unsigned version = take_version(&in);
    in.bad |= version != VERSION && version != VERSION_WITHOUT_REPEATS;
    unsigned columns = in.bad || in.at == in.end ? 0x100 : *in.at++;
    if (columns >= 1u << ERG_VALUE_COLUMNS || erg_take_varint(&in) != count || in.bad)
        return ERG_CORRUPT;
    struct sequence sequence;
    if (sequence_init(&sequence, spans, count))
        return ERG_NOMEM;
    find_references(spans, count, sequence.references);
    struct erg_bits_in bits = {.in = &in};
    sequence.narrow = NARROW_TICKS;
    unpack_sequence(&bits, &sequence);
    for (uint32_t i = 0; i < count; i++)
        spans[i].ticks = sequence.numbers[i];
    sequence.repeats = version == VERSION;
    sequence.narrow = NARROW_CODES;
    uint16_t *codes[ERG_VALUE_COLUMNS] = {NULL};
    int status = 0;
    for (int c = 0; c < ERG_VALUE_COLUMNS && !in.bad && status == 0 && values; c++) {
        if (columns & 1u << c)
            status = unpack_column(&bits, &sequence, c, codes, &values[c]);
    }
    sequence_deinit(&sequence);
    bool ends = !values || (in.at == in.end && bits.held == 0);
    if (status == 0 && (in.bad || !ends))
        status = ERG_CORRUPT;
    return status;
}

int erg_spans_unpack(const void *layout, size_t layout_len, const void *blob, size_t blob_len,
                     struct erg_span **out_spans, uint32_t *out_count, float **out_values,
                     struct erg_err *err)
{
    struct erg_span *spans = NULL;
    uint32_t count = 0;
    float *values[ERG_VALUE_COLUMNS] = {NULL};
    int status = unpack_layout(layout, layout_len, &spans, &count);
    if (status)
        return erg_fail(err, status, "cannot unpack a layout: %s", erg_code_text(status));
    status = unpack_blob(blob, blob_len, spans, count, out_values ? values : NULL);
    if (status) {
        free(spans);
        for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
            free(values[c]);
        return erg_fail(err, status, "cannot unpack the spans of a pass: %s",
                        erg_code_text(status));
    }
    *out_spans = spans;
    *out_count = count;
    if (out_values)
        memcpy(out_values, values, sizeof(values));
    return 0;
}
