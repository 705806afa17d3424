/* SPDX-License-Identifier: MIT */
/* The vector layer for AVX-512 (F, BW, DQ). */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 16

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

static inline vf v_load_f32(const void *p)
{
    return _mm512_loadu_ps(p);
}

static inline vf v_load_some(const void *p, size_t n, float fill)
{
    return _mm512_mask_loadu_ps(_mm512_set1_ps(fill), (vm)((1U << n) - 1), p);
}

static inline vf v_load_f16(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}

static inline vf v_load_bf16(const void *p)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static inline vf v_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vi v_zero_count(void)
{
    return _mm512_setzero_si512();
}

static inline vf v_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

static inline vf v_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

static inline vf v_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vf v_abs(vf a)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0F), a);
}

static inline vf v_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

static inline vm v_less(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

static inline vi v_count(vi count, vm yes)
{
    return _mm512_mask_sub_epi32(count, yes, count, _mm512_set1_epi32(-1));
}

static inline vf v_split(vf x, vf *out_mantissa)
{
    __m512i bits = _mm512_castps_si512(x);
    __m512i above = _mm512_sub_epi32(bits, _mm512_set1_epi32(0x3f3504f3));
    __m512i exponent = _mm512_srai_epi32(above, 23);
    *out_mantissa = _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(exponent, 23)));
    return _mm512_cvtepi32_ps(exponent);
}

static inline float v_sum(vf a)
{
    return _mm512_reduce_add_ps(a);
}

static inline float v_largest(vf a)
{
    return _mm512_reduce_max_ps(a);
}

static inline uint64_t v_total(vi count)
{
    return (uint32_t)_mm512_reduce_add_epi32(count);
}

#include "engine/stats/kernels.h"

ERG_STATS_TABLE(avx512);
