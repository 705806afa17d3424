/* SPDX-License-Identifier: MIT */
#include "engine/stats/kernels.h"

ERG_STATS_TABLE(scalar);
