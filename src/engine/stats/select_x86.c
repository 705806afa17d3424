/* SPDX-License-Identifier: MIT */
#include "engine/stats/table.h"

#include <cpuid.h>
#include <stdbool.h>

/* clang 14 knows no __builtin_cpu_supports("f16c"). */
static bool has_f16c(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx & bit_F16C;
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq");
}

const struct erg_stats_kernels *erg_stats_machine(enum erg_stats_level level)
{
    __builtin_cpu_init();
    if ((level == ERG_STATS_AVX512 || level == ERG_STATS_BEST) && has_avx512())
        return &erg_stats_avx512;
    if ((level == ERG_STATS_AVX2 || level == ERG_STATS_BEST) && has_avx2())
        return &erg_stats_avx2;
    return level == ERG_STATS_BEST ? &erg_stats_scalar : NULL;
}
