/* SPDX-License-Identifier: MIT */
#include "power/replay_csv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A replayed trace: whatever is accepted has rows in order and energy that never falls. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct erg_replay replay;
    struct erg_err err = {.text = ""};
    int rc = erg_replay_parse((const char *)data, size, &replay, &err);
    if (rc) {
        if (err.code != rc || !*err.text)
            abort();
        return 0;
    }
    if (!replay.count || !replay.rows)
        abort();
    for (uint32_t c = 0; c < replay.count; c++) {
        const struct erg_curve *curve = &replay.columns[c].curve;
        int64_t last_nj = 0;
        if (curve->count != replay.rows)
            abort();
        for (size_t i = 0; i < curve->count; i++) {
            int64_t t_ns = curve->points[i].t_ns;
            int64_t nj = erg_curve_energy_nj(curve, t_ns);
            if (nj < last_nj || (i && t_ns <= curve->points[i - 1].t_ns))
                abort();
            last_nj = nj;
        }
    }
    erg_replay_deinit(&replay);
    return 0;
}
