/* SPDX-License-Identifier: MIT */
#include "power/gpu_metrics.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* amdgpu's gpu_metrics: nothing behind its end is read, and an energy is never an absent one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct erg_gpu_metrics metrics;
    struct erg_err err = {.text = ""};
    int rc = erg_gpu_metrics_parse(data, size, &metrics, &err);
    if (rc) {
        if (rc != ERG_CORRUPT || err.code != rc || !*err.text)
            abort();
        return 0;
    }
    if (metrics.has_energy && (metrics.energy_count == 0 || metrics.energy_count == UINT64_MAX ||
                               metrics.format_revision != 1 || metrics.apu))
        abort();
    return 0;
}
