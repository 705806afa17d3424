/* SPDX-License-Identifier: MIT */
/* The vector layer for NEON on 64-bit ARM: a vm has all bits of a lane set for yes. */
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 4

typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vm;

/* As bytes: the element loads of arm_neon.h take aligned pointers. */
static inline vf v_load_f32(const void *p)
{
    return vreinterpretq_f32_u8(vld1q_u8(p));
}

static inline vf v_load_some(const void *p, size_t n, float fill)
{
    float values[LANES] = {fill, fill, fill, fill};
    __builtin_memcpy(values, p, n * sizeof *values);
    return vld1q_f32(values);
}

static inline vf v_load_f16(const void *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}

static inline vf v_load_bf16(const void *p)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
}

static inline vf v_set(float x)
{
    return vdupq_n_f32(x);
}

static inline vi v_zero_count(void)
{
    return vdupq_n_s32(0);
}

static inline vf v_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}

static inline vf v_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}

static inline vf v_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}

static inline vf v_abs(vf a)
{
    return vabsq_f32(a);
}

static inline vf v_max(vf a, vf b)
{
    return vmaxq_f32(a, b);
}

static inline vm v_less(vf a, vf b)
{
    return vcltq_f32(a, b);
}

static inline vi v_count(vi count, vm yes)
{
    return vsubq_s32(count, vreinterpretq_s32_u32(yes));
}

static inline vf v_split(vf x, vf *out_mantissa)
{
    int32x4_t bits = vreinterpretq_s32_f32(x);
    int32x4_t exponent = vshrq_n_s32(vsubq_s32(bits, vdupq_n_s32(0x3f3504f3)), 23);
    *out_mantissa = vreinterpretq_f32_s32(vsubq_s32(bits, vshlq_n_s32(exponent, 23)));
    return vcvtq_f32_s32(exponent);
}

static inline float v_sum(vf a)
{
    return vaddvq_f32(a);
}

static inline float v_largest(vf a)
{
    return vmaxvq_f32(a);
}

static inline uint64_t v_total(vi count)
{
    return (uint32_t)vaddvq_s32(count);
}

#include "engine/stats/kernels.h"

ERG_STATS_TABLE(neon);
