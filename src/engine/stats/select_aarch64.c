/* SPDX-License-Identifier: MIT */
#include "engine/stats/table.h"

const struct erg_stats_kernels *erg_stats_machine(enum erg_stats_level level)
{
    return level == ERG_STATS_NEON || level == ERG_STATS_BEST ? &erg_stats_neon : NULL;
}
