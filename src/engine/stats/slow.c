/* SPDX-License-Identifier: MIT */
#include "engine/stats/slow.h"

#include <math.h>
#include <string.h>

size_t erg_scalar_bytes(enum erg_scalar type)
{
    return type == ERG_SCALAR_F32 ? 4 : 2;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE binary16: its exponent is re-based, subnormal values are multiples of 2^-24. */
static float from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31;
    uint32_t fraction = half & 0x3ff;
    if (exponent == 31)
        return from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent)
        return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float value = (float)fraction * 0x1p-24f;
    return sign ? -value : value;
}

float erg_scalar_load(enum erg_scalar type, const void *element)
{
    float value;
    uint16_t half;
    switch (type) {
    case ERG_SCALAR_F16:
        memcpy(&half, element, sizeof half);
        return from_half(half);
    case ERG_SCALAR_BF16:
        memcpy(&half, element, sizeof half);
        return from_bits((uint32_t)half << 16);
    default:
        memcpy(&value, element, sizeof value);
        return value;
    }
}

void erg_scalar_gather(enum erg_scalar type, const void *data, size_t stride, size_t count,
                       float *out_values)
{
    const unsigned char *element = data;
    for (size_t i = 0; i < count; i++, element += stride)
        out_values[i] = erg_scalar_load(type, element);
}

static float element_of(enum erg_scalar type, const struct erg_block *block, size_t row,
                        size_t column)
{
    const unsigned char *data = block->data;
    return erg_scalar_load(type, data + row * block->row_bytes + column * erg_scalar_bytes(type));
}

void erg_slow_columns(enum erg_scalar type, const struct erg_block *block, size_t first,
                      struct erg_block_sums *sums)
{
    for (size_t row = 0; row < block->rows; row++) {
        for (size_t column = first; column < block->columns; column++) {
            float x = element_of(type, block, row, column), magnitude = fabsf(x);
            double deviation = (double)x - (double)block->shift;
            sums->sum_abs += (double)magnitude;
            sums->sum += deviation;
            sums->squares += deviation * deviation;
            sums->max_abs = magnitude > sums->max_abs ? magnitude : sums->max_abs;
            sums->below_count += magnitude < block->limit;
            sums->negative_count += x < 0;
        }
    }
}

static void add_value(double x, struct erg_moments *moments)
{
    moments->count++;
    moments->below_count += fabs(x) < moments->threshold;
    moments->negative_count += x < 0;
    if (!isfinite(x)) {
        *(isnan(x) ? &moments->nan_count : &moments->infinite_count) += 1;
        return;
    }
    moments->sum_abs += fabs(x);
    moments->mean += x;
    moments->max_abs = fmax(moments->max_abs, fabs(x));
}

void erg_slow_block(enum erg_scalar type, const struct erg_block *block,
                    struct erg_moments *out_moments)
{
    struct erg_moments moments = {.part = out_moments->part, .threshold = out_moments->threshold};
    for (size_t row = 0; row < block->rows; row++)
        for (size_t column = 0; column < block->columns; column++)
            add_value(element_of(type, block, row, column), &moments);
    uint64_t finite = moments.count - moments.nan_count - moments.infinite_count;
    if (finite)
        moments.mean /= (double)finite;
    for (size_t row = 0; row < block->rows; row++) {
        for (size_t column = 0; column < block->columns; column++) {
            double x = element_of(type, block, row, column);
            moments.m2 += isfinite(x) ? (x - moments.mean) * (x - moments.mean) : 0;
        }
    }
    *out_moments = moments;
}
