/* SPDX-License-Identifier: MIT */
/* The vector layer for AVX2 with FMA and F16C: a vm has all bits of a lane set for yes. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 8

typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm;

static inline vf v_load_f32(const void *p)
{
    return _mm256_loadu_ps(p);
}

static inline vf v_load_some(const void *p, size_t n, float fill)
{
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i some = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane);
    return _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, some),
                            _mm256_castsi256_ps(some));
}

static inline vf v_load_f16(const void *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128(p));
}

static inline vf v_load_bf16(const void *p)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

static inline vf v_set(float x)
{
    return _mm256_set1_ps(x);
}

static inline vi v_zero_count(void)
{
    return _mm256_setzero_si256();
}

static inline vf v_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}

static inline vf v_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}

static inline vf v_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vf v_abs(vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a);
}

static inline vf v_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

static inline vm v_less(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

static inline vi v_count(vi count, vm yes)
{
    return _mm256_sub_epi32(count, _mm256_castps_si256(yes));
}

static inline vf v_split(vf x, vf *out_mantissa)
{
    __m256i bits = _mm256_castps_si256(x);
    __m256i above = _mm256_sub_epi32(bits, _mm256_set1_epi32(0x3f3504f3));
    __m256i exponent = _mm256_srai_epi32(above, 23);
    *out_mantissa = _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(exponent, 23)));
    return _mm256_cvtepi32_ps(exponent);
}

static inline float v_sum(vf a)
{
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

static inline float v_largest(vf a)
{
    __m128 most = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    most = _mm_max_ps(most, _mm_movehl_ps(most, most));
    return _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most)));
}

static inline uint64_t v_total(vi count)
{
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(count), _mm256_extracti128_si256(count, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

#include "engine/stats/kernels.h"

ERG_STATS_TABLE(avx2);
