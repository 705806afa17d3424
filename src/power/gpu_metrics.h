/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_GPU_METRICS_H
#define ERG_POWER_GPU_METRICS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The "gpu_metrics" file of amdgpu: a little-endian structure whose head tells its size and
 * revision (struct metrics_table_header of the kernel's kgd_pp_interface.h). Revisions 1.x describe
 * a GPU, 2.x and 3.x an APU. Only 1.4 to 1.6 document the unit of their energy accumulator
 * (2^-16 J); that of the others is not used.
 */
struct erg_gpu_metrics {
    int format_revision, content_revision;
    bool apu;
    bool has_energy;
    uint64_t energy_count; /* in units of 2^-16 J */
};

enum { ERG_GPU_METRICS_BYTES = 8192 }; /* more than any revision has */

/* 10^9 / 2^16: nJ of one unit, in lowest terms. */
#define ERG_GPU_METRICS_NUMERATOR   1953125u
#define ERG_GPU_METRICS_DENOMINATOR 128u

/* CORRUPT when the bytes are not such a structure. */
int erg_gpu_metrics_parse(const uint8_t *bytes, size_t len, struct erg_gpu_metrics *out,
                          struct erg_err *err);

#endif
