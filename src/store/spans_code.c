/* SPDX-License-Identifier: MIT */
#include "store/spans_code.h"

#include "base/mem.h"
#include "store/spans.h"

#include <math.h>
#include <string.h>

enum { ZSTD_LEVEL = 3 };

/*
 * Codes 1 … 65534 are VALUE_LEAST × e^(VALUE_STEP × (code − 1)), that is 1e-12 … 2.7e16; rounding
 * to the nearest code is wrong by at most e^(VALUE_STEP / 2) − 1 < 5e-4.
 */
#define VALUE_LEAST 1e-12
#define VALUE_STEP  0.000999
enum { CODE_ZERO = 0, CODE_LAST = 65534, CODE_UNKNOWN = 65535 };

void erg_put_varint(struct erg_buf *out, uint32_t value)
{
    while (value >= 0x80) {
        erg_buf_putc(out, (char)(value | 0x80));
        value >>= 7;
    }
    erg_buf_putc(out, (char)value);
}

uint32_t erg_take_varint(struct erg_bytes_in *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35 && !in->bad; shift += 7) {
        if (in->at == in->end)
            break;
        unsigned char byte = *in->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80) && value <= UINT32_MAX)
            return (uint32_t)value;
    }
    in->bad = true;
    return 0;
}

void erg_put_bits(struct erg_bits_out *bits, uint32_t value, unsigned count)
{
    bits->held |= (uint64_t)value << bits->count;
    bits->count += count;
    while (bits->count >= 8) {
        erg_buf_putc(bits->out, (char)bits->held);
        bits->held >>= 8;
        bits->count -= 8;
    }
}

void erg_end_bits(struct erg_bits_out *bits)
{
    if (bits->count)
        erg_buf_putc(bits->out, (char)bits->held);
    bits->held = 0;
    bits->count = 0;
}

uint32_t erg_take_bits(struct erg_bits_in *bits, unsigned count)
{
    while (bits->count < count) {
        if (bits->in->at == bits->in->end) {
            bits->in->bad = true;
            return 0;
        }
        bits->held |= (uint64_t)*bits->in->at++ << bits->count;
        bits->count += 8;
    }
    uint32_t value = (uint32_t)(bits->held & ((UINT64_C(1) << count) - 1));
    bits->held >>= count;
    bits->count -= count;
    return value;
}

void erg_put_section(struct erg_buf *out, ZSTD_CCtx *zstd, const void *bytes, size_t len)
{
    size_t bound = ZSTD_compressBound(len), stored = len;
    ERG_AUTO_FREE unsigned char *packed = erg_realloc(NULL, bound);
    if (packed) {
        size_t size = ZSTD_compressCCtx(zstd, packed, bound, bytes, len, ZSTD_LEVEL);
        if (!ZSTD_isError(size) && size < len)
            stored = size;
    }
    erg_put_varint(out, (uint32_t)(stored << 1 | (stored < len)));
    erg_buf_append(out, stored < len ? (const void *)packed : bytes, stored);
}

void erg_take_section(struct erg_bytes_in *in, void *out_bytes, size_t len)
{
    uint32_t head = erg_take_varint(in);
    size_t stored = head >> 1;
    if (in->bad || stored > (size_t)(in->end - in->at)) {
        in->bad = true;
        return;
    }
    if (head & 1) {
        size_t size = ZSTD_decompress(out_bytes, len, in->at, stored);
        in->bad = ZSTD_isError(size) || size != len;
    } else if (stored == len) {
        memcpy(out_bytes, in->at, len);
    } else {
        in->bad = true;
    }
    in->at += stored;
}

uint16_t erg_value_code(float value)
{
    if (isnan(value) || value < 0)
        return CODE_UNKNOWN;
    double steps = floor(log((double)value / VALUE_LEAST) / VALUE_STEP + 0.5);
    if (value == 0 || steps < 0)
        return CODE_ZERO;
    return steps + 1 > CODE_LAST ? CODE_LAST : (uint16_t)(steps + 1);
}

float erg_value_of_code(uint16_t code)
{
    if (code == CODE_UNKNOWN)
        return NAN;
    if (code == CODE_ZERO)
        return 0;
    return (float)(VALUE_LEAST * exp(VALUE_STEP * (code - 1)));
}

float erg_spans_round_value(float value)
{
    return erg_value_of_code(erg_value_code(value));
}
