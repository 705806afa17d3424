/* SPDX-License-Identifier: MIT */
#include "store/sums.h"

#include "base/limits.h"
#include "base/mem.h"
#include "store/spans_code.h"

#include <stdlib.h>
#include <string.h>

/*
 * SUMS     u8 1, varint number of rows, section of 4 × i64 (passes by phase), then a section for
 *          each of the columns below: the numbers of all rows, little-endian, as many bytes each as
 *          the column says. Reals are f32.
 */
enum { FORMAT = 1 };

enum kind { U16, I32, I64, FLAG, REAL };

static const struct column {
    size_t offset;
    enum kind kind;
    size_t bytes;
} columns[] = {
#define COLUMN(member, kind, bytes)                                                                \
    {                                                                                              \
        offsetof(struct erg_rollup_row, member), kind, bytes                                       \
    }
    COLUMN(phase, I32, 1),
    COLUMN(layer, I32, 2),
    COLUMN(component, U16, 2),
    COLUMN(operation, U16, 2),
    COLUMN(is_result, FLAG, 1),
    COLUMN(duration_ns, I64, 8),
    COLUMN(count, I64, 8),
    COLUMN(energy.present, I32, 1),
    COLUMN(energy.nj[0], I64, 8),
    COLUMN(energy.nj[1], I64, 8),
    COLUMN(energy.nj[2], I64, 8),
    COLUMN(energy.nj[3], I64, 8),
    COLUMN(energy.nj[4], I64, 8),
    COLUMN(energy.nj[5], I64, 8),
    COLUMN(flops, REAL, 4),
    COLUMN(bytes, REAL, 4),
    COLUMN(mean, REAL, 4),
    COLUMN(std, REAL, 4),
    COLUMN(max, REAL, 4),
    COLUMN(sparsity, REAL, 4),
    COLUMN(statistics, I64, 8),
    COLUMN(extra.mean, REAL, 4),
    COLUMN(extra.count, I64, 8),
    COLUMN(attention_entropy.mean, REAL, 4),
    COLUMN(attention_entropy.count, I64, 8),
    COLUMN(max_attention_weight.mean, REAL, 4),
    COLUMN(max_attention_weight.count, I64, 8),
    COLUMN(attention_sparsity.mean, REAL, 4),
    COLUMN(attention_sparsity.count, I64, 8),
#undef COLUMN
};

enum { COLUMNS = sizeof columns / sizeof columns[0] };
_Static_assert(ERG_DOMAINS == 6 && ERG_PHASES == 4, "the format has a column for each");

void erg_run_sums_deinit(struct erg_run_sums *sums)
{
    free(sums->rows);
    *sums = (struct erg_run_sums){0};
}

static void put_number(unsigned char *to, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(number >> 8 * i);
}

/* Sign-extended. */
static int64_t take_number(const unsigned char *from, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++)
        number |= (uint64_t)from[i] << 8 * i;
    if (bytes < 8 && from[bytes - 1] & 0x80)
        number |= ~UINT64_C(0) << 8 * bytes;
    return (int64_t)number;
}

static uint64_t read_field(const struct erg_rollup_row *row, const struct column *column)
{
    const char *field = (const char *)row + column->offset;
    float real;
    uint32_t bits;
    switch (column->kind) {
    case U16:
        return *(const uint16_t *)(const void *)field;
    case I32:
        return (uint64_t) * (const int32_t *)(const void *)field;
    case I64:
        return (uint64_t) * (const int64_t *)(const void *)field;
    case FLAG:
        return *(const bool *)(const void *)field;
    case REAL:
        real = (float)*(const double *)(const void *)field;
        memcpy(&bits, &real, sizeof bits);
        return bits;
    }
    return 0;
}

static void write_field(struct erg_rollup_row *row, const struct column *column, int64_t number)
{
    char *field = (char *)row + column->offset;
    uint32_t bits = (uint32_t)number;
    float real;
    switch (column->kind) {
    case U16:
        *(uint16_t *)(void *)field = (uint16_t)number;
        return;
    case I32:
        *(int32_t *)(void *)field = (int32_t)number;
        return;
    case I64:
        *(int64_t *)(void *)field = number;
        return;
    case FLAG:
        *(bool *)(void *)field = number != 0;
        return;
    case REAL:
        memcpy(&real, &bits, sizeof real);
        *(double *)(void *)field = (double)real;
        return;
    }
}

int erg_sums_pack(const struct erg_run_sums *sums, struct erg_buf *out)
{
    unsigned char head[8 * ERG_PHASES];
    ERG_AUTO_FREE unsigned char *bytes = erg_calloc(sums->count, 8);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (sums->count > ERG_MAX_SUM_ROWS || !bytes || !zstd) {
        ZSTD_freeCCtx(zstd);
        return sums->count > ERG_MAX_SUM_ROWS ? ERG_LIMIT : ERG_NOMEM;
    }
    for (int p = 0; p < ERG_PHASES; p++)
        put_number(head + 8 * p, (uint64_t)sums->passes[p], 8);
    erg_buf_putc(out, FORMAT);
    erg_put_varint(out, (uint32_t)sums->count);
    erg_put_section(out, zstd, head, sizeof head);
    for (size_t c = 0; c < COLUMNS; c++) {
        size_t width = columns[c].bytes;
        for (size_t i = 0; i < sums->count; i++)
            put_number(bytes + i * width, read_field(&sums->rows[i], &columns[c]), width);
        erg_put_section(out, zstd, bytes, sums->count * width);
    }
    ZSTD_freeCCtx(zstd);
    return erg_buf_status(out);
}

/* Keys that a roll-up can have, and nothing that would overflow a sum of ours. */
static bool is_sound(const struct erg_rollup_row *row)
{
    return row->phase < ERG_PHASES && row->layer >= -1 && row->layer < ERG_MAX_LAYERS &&
           row->energy.present < 1u << ERG_DOMAINS && row->duration_ns >= 0 && row->count >= 0 &&
           row->statistics >= 0 && row->extra.count >= 0 && row->attention_entropy.count >= 0 &&
           row->max_attention_weight.count >= 0 && row->attention_sparsity.count >= 0;
}

static int take_columns(struct erg_bytes_in *in, struct erg_run_sums *sums)
{
    unsigned char head[8 * ERG_PHASES];
    ERG_AUTO_FREE unsigned char *bytes = erg_calloc(sums->count, 8);
    if (!bytes)
        return ERG_NOMEM;
    erg_take_section(in, head, sizeof head);
    for (int p = 0; p < ERG_PHASES && !in->bad; p++)
        sums->passes[p] = take_number(head + 8 * p, 8);
    for (size_t c = 0; c < COLUMNS && !in->bad; c++) {
        size_t width = columns[c].bytes;
        erg_take_section(in, bytes, sums->count * width);
        for (size_t i = 0; i < sums->count && !in->bad; i++)
            write_field(&sums->rows[i], &columns[c], take_number(bytes + i * width, width));
    }
    bool sound = !in->bad && in->at == in->end;
    for (size_t i = 0; i < sums->count && sound; i++)
        sound = is_sound(&sums->rows[i]);
    return sound ? 0 : ERG_CORRUPT;
}

int erg_sums_unpack(const void *packed, size_t len, struct erg_run_sums *out, struct erg_err *err)
{
    struct erg_bytes_in in = {.at = packed, .end = (const unsigned char *)packed + len};
    struct erg_run_sums sums = {0};
    int rc = ERG_CORRUPT;
    if (len && *in.at++ == FORMAT) {
        sums.count = erg_take_varint(&in);
        rc = in.bad || sums.count > ERG_MAX_SUM_ROWS ? ERG_CORRUPT : 0;
    }
    if (rc == 0 && !(sums.rows = erg_calloc(sums.count, sizeof *sums.rows)))
        rc = ERG_NOMEM;
    if (rc == 0)
        rc = take_columns(&in, &sums);
    if (rc) {
        erg_run_sums_deinit(&sums);
        return erg_fail(err, rc, "cannot unpack the sums of a run: %s", erg_code_text(rc));
    }
    *out = sums;
    return 0;
}
