/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_STATS_LANE_H
#define ERG_ENGINE_STATS_LANE_H

/*
 * The vector layer of kernels.h with one lane, in plain C; what each function means for the others
 * too. `vf` holds LANES floats, `vi` LANES 32-bit integers, `vm` a yes or no per lane.
 */
#include "engine/stats/slow.h"

#include <math.h>
#include <string.h>

#define LANES 1

typedef float vf;
typedef int32_t vi;
typedef int vm;

/* LANES elements of a type at any alignment. */
static inline vf v_load_f32(const void *p)
{
    return erg_scalar_load(ERG_SCALAR_F32, p);
}

/* The first n < LANES floats at any alignment, `fill` in the other lanes; nothing behind is read.
 */
static inline vf v_load_some(const void *p, size_t n, float fill)
{
    return n ? v_load_f32(p) : fill;
}

static inline vf v_load_f16(const void *p)
{
    return erg_scalar_load(ERG_SCALAR_F16, p);
}

static inline vf v_load_bf16(const void *p)
{
    return erg_scalar_load(ERG_SCALAR_BF16, p);
}

static inline vf v_set(float x)
{
    return x;
}

static inline vi v_zero_count(void)
{
    return 0;
}

static inline vf v_add(vf a, vf b)
{
    return a + b;
}

static inline vf v_sub(vf a, vf b)
{
    return a - b;
}

/* a·b + c, fused or not */
static inline vf v_fma(vf a, vf b, vf c)
{
    return a * b + c;
}

static inline vf v_abs(vf a)
{
    return fabsf(a);
}

/* The larger one; either when one is NaN. */
static inline vf v_max(vf a, vf b)
{
    return a > b ? a : b;
}

static inline vm v_less(vf a, vf b)
{
    return a < b;
}

/* `count` plus one in the lanes that say yes. */
static inline vi v_count(vi count, vm yes)
{
    return count + yes;
}

/* x = 2^exponent · mantissa with the mantissa in [√½, √2); finite for 0, approximate below 2^-126.
 */
static inline vf v_split(vf x, vf *out_mantissa)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t exponent = (bits - 0x3f3504f3) >> 23;
    uint32_t mantissa = (uint32_t)bits - ((uint32_t)exponent << 23);
    memcpy(out_mantissa, &mantissa, sizeof mantissa);
    return (float)exponent;
}

static inline float v_sum(vf a)
{
    return a;
}

static inline float v_largest(vf a)
{
    return a;
}

static inline uint64_t v_total(vi count)
{
    return (uint64_t)count;
}

#endif
