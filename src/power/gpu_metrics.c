/* SPDX-License-Identifier: MIT */
#include "power/gpu_metrics.h"

enum { HEADER_BYTES = 4 };

/* Where the accumulator lies in the revisions 1.x that document its unit. */
static const struct {
    int content_revision;
    size_t energy_at;
} energies[] = {{4, 24}, {5, 88}, {6, 88}};

int erg_gpu_metrics_parse(const uint8_t *bytes, size_t len, struct erg_gpu_metrics *out,
                          struct erg_err *err)
{
    if (len < HEADER_BYTES)
        return erg_fail(err, ERG_CORRUPT, "'gpu_metrics' has %zu bytes", len);
    size_t size = (size_t)bytes[0] | (size_t)bytes[1] << 8;
    struct erg_gpu_metrics metrics = {.format_revision = bytes[2], .content_revision = bytes[3]};
    if (size < HEADER_BYTES || size > len)
        return erg_fail(err, ERG_CORRUPT, "'gpu_metrics' has %zu of %zu bytes", len, size);
    metrics.apu = metrics.format_revision == 2 || metrics.format_revision == 3;
    for (size_t i = 0; metrics.format_revision == 1 && i < sizeof energies / sizeof energies[0];
         i++) {
        size_t at = energies[i].energy_at;
        if (energies[i].content_revision != metrics.content_revision)
            continue;
        if (size < at + sizeof metrics.energy_count)
            return erg_fail(err, ERG_CORRUPT, "'gpu_metrics' 1.%d has only %zu bytes",
                            metrics.content_revision, size);
        for (size_t b = 0; b < sizeof metrics.energy_count; b++)
            metrics.energy_count |= (uint64_t)bytes[at + b] << (8 * b);
        /* All ones is "not measured" everywhere in the structure. */
        metrics.has_energy = metrics.energy_count != UINT64_MAX && metrics.energy_count != 0;
    }
    *out = metrics;
    return 0;
}
