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

static unsigned significant_bits(uint32_t number)
{
    return number ? 32u - (unsigned)__builtin_clz(number) : 0;
}

/* Rice parameter for numbers that deviate that much: about log2(2 ln 2 × deviation). */
static unsigned rice_parameter(uint32_t deviation)
{
    uint64_t scaled = (uint64_t)deviation * 11 / 8;
    unsigned bits = scaled ? 63u - (unsigned)__builtin_clzll(scaled) : 0;
    return bits < 31 ? bits : 31;
}

void erg_put_first(struct erg_bits_out *bits, uint32_t number)
{
    unsigned size = significant_bits(number);
    erg_put_bits(bits, size, 6);
    if (size > 1)
        erg_put_bits(bits, number ^ (UINT32_C(1) << (size - 1)), size - 1);
}

void erg_put_next(struct erg_bits_out *bits, uint32_t number, const struct erg_place *before)
{
    int64_t difference = (int64_t)number - before->mean;
    uint64_t z = ((uint64_t)difference << 1) ^ (difference < 0 ? UINT64_MAX : 0);
    unsigned k = rice_parameter(before->deviation);
    if (z >> k > ERG_MOST_ONES) {
        erg_put_bits(bits, (UINT32_C(1) << (ERG_MOST_ONES + 1)) - 1, ERG_MOST_ONES + 1);
        erg_put_bits(bits, number, 32);
        return;
    }
    unsigned ones = (unsigned)(z >> k);
    erg_put_bits(bits, (UINT32_C(1) << ones) - 1, ones + 1);
    erg_put_bits(bits, (uint32_t)(z & ((UINT64_C(1) << k) - 1)), k);
}

uint32_t erg_take_first(struct erg_bits_in *bits)
{
    unsigned size = erg_take_bits(bits, 6);
    if (size > 32) {
        bits->in->bad = true;
        return 0;
    }
    return size < 2 ? size : erg_take_bits(bits, size - 1) | UINT32_C(1) << (size - 1);
}

uint32_t erg_take_next(struct erg_bits_in *bits, const struct erg_place *before)
{
    unsigned k = rice_parameter(before->deviation), ones = 0;
    while (ones <= ERG_MOST_ONES && erg_take_bits(bits, 1))
        ones++;
    if (ones > ERG_MOST_ONES)
        return erg_take_bits(bits, 32);
    uint64_t z = (uint64_t)ones << k | erg_take_bits(bits, k);
    int64_t difference = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
    int64_t number = before->mean + difference;
    if (number < 0 || number > UINT32_MAX) {
        bits->in->bad = true;
        return 0;
    }
    return (uint32_t)number;
}

void erg_place_learn(struct erg_place *place, uint32_t number, uint32_t memory)
{
    int64_t seen = place->seen < memory ? place->seen + 1 : memory;
    int64_t difference = (int64_t)number - place->mean;
    int64_t distance = difference < 0 ? -difference : difference;
    place->mean = (uint32_t)(place->mean + difference / seen);
    place->deviation = (uint32_t)(place->deviation + (distance - place->deviation) / seen);
    place->seen = (uint32_t)seen;
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
