/* SPDX-License-Identifier: MIT */
#include "export/pack.h"

#include <math.h>
#include <string.h>

static const double ticks_per_ms = 1e4;

static void put_varint(struct erg_buf *out, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        erg_buf_putc(out, (char)(value % 128 + 128));
    erg_buf_putc(out, (char)value);
}

/* The reader calculates the same with the same doubles. */
static double ticks_of(float ms)
{
    return floor((double)ms * ticks_per_ms + 0.5);
}

void erg_pack_ticks(const float *values, size_t passes, size_t cells, struct erg_buf *out)
{
    for (size_t cell = 0; cell < cells; cell++) {
        for (size_t pass = 0; pass < passes; pass++) {
            float ms = values[pass * cells + cell];
            put_varint(out, isnan(ms) ? 0 : (uint64_t)fmax(0, ticks_of(ms)) + 1);
        }
    }
}

/* What a cell has of its pass's energy when it is split by time. */
static double share_of(const struct erg_pack_pass *pass, float ms)
{
    if (pass->duration_ticks <= 0 || isnan(ms))
        return 0;
    return floor((double)pass->energy_nj * ticks_of(ms) / (double)pass->duration_ticks + 0.5);
}

static uint64_t zigzag(int64_t value)
{
    return value < 0 ? 2 * ((uint64_t)0 - (uint64_t)value) : 2 * (uint64_t)value + 1;
}

void erg_pack_share(const float *values, const float *ms, const struct erg_pack_pass *passes,
                    size_t count, size_t cells, struct erg_buf *out)
{
    for (size_t cell = 0; cell < cells; cell++) {
        for (size_t pass = 0; pass < count; pass++) {
            size_t at = pass * cells + cell;
            double nj = floor((double)values[at] * 1e6 + 0.5);
            if (isnan(values[at]))
                put_varint(out, 0);
            else
                put_varint(out, zigzag((int64_t)(nj - share_of(&passes[pass], ms[at]))));
        }
    }
}

static uint32_t rounded_bits(float value)
{
    uint32_t bits;
    if (isnan(value))
        return UINT32_C(0x7fc00000);
    memcpy(&bits, &value, sizeof bits);
    return (bits + 0x400) & UINT32_C(0xfffff800); /* 11 bits and the hidden one */
}

void erg_pack_float24(const float *values, size_t passes, size_t cells, struct erg_buf *out)
{
    for (int shift = 24; shift >= 8; shift -= 8) {
        for (size_t cell = 0; cell < cells; cell++) {
            for (size_t pass = 0; pass < passes; pass++)
                erg_buf_putc(out, (char)(rounded_bits(values[pass * cells + cell]) >> shift));
        }
    }
}

/* One cell of so many passes, `cells` apart. */
static float join_cell(const float *values, size_t passes, size_t cells, enum erg_pack_join how)
{
    double sum = 0, most = NAN;
    size_t known = 0;
    for (size_t pass = 0; pass < passes; pass++) {
        double value = (double)values[pass * cells];
        if (isnan(value))
            continue;
        sum += how == ERG_PACK_ROOT_MEAN_SQUARE ? value * value : value;
        most = fmax(most, value);
        known++;
    }
    if (known == 0 || how == ERG_PACK_MOST)
        return (float)most;
    if (how == ERG_PACK_SUM)
        return (float)sum;
    double mean = sum / (double)known;
    return (float)(how == ERG_PACK_MEAN ? mean : sqrt(mean));
}

size_t erg_pack_join(float *values, struct erg_pack_pass *passes, size_t count, size_t cells,
                     size_t every, enum erg_pack_join how)
{
    size_t out = 0;
    for (size_t from = 0, to; from < count; from = to, out++) {
        to = from + 1;
        while (to < count && to - from < every && passes[to].phase == passes[from].phase)
            to++;
        struct erg_pack_pass sum = {.phase = passes[from].phase};
        for (size_t pass = from; pass < to; pass++) {
            sum.duration_ticks += passes[pass].duration_ticks;
            sum.energy_nj += passes[pass].energy_nj;
        }
        for (size_t cell = 0; cell < cells; cell++)
            values[out * cells + cell] =
                join_cell(values + from * cells + cell, to - from, cells, how);
        passes[out] = sum;
    }
    return out;
}
