/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "store/sums.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

/* What is read is within bounds, and packs to something that reads the same. */
static void check(const struct erg_run_sums *sums)
{
    struct erg_run_sums again;
    struct erg_buf packed = {0};
    require(sums->count <= ERG_MAX_SUM_ROWS);
    for (size_t i = 0; i < sums->count; i++) {
        const struct erg_rollup_row *row = &sums->rows[i];
        require(row->phase < ERG_PHASES && row->layer >= -1 && row->layer < ERG_MAX_LAYERS);
        require(row->duration_ns >= 0 && row->count >= 0 && row->energy.present < 64);
    }
    require(erg_sums_pack(sums, &packed) == 0);
    require(erg_sums_unpack(packed.data, packed.len, &again, NULL) == 0);
    require(again.count == sums->count);
    for (size_t i = 0; i < sums->count; i++) {
        const struct erg_rollup_row *a = &sums->rows[i], *b = &again.rows[i];
        require(a->phase == b->phase && a->layer == b->layer && a->component == b->component);
        require(memcmp(a->energy.nj, b->energy.nj, sizeof a->energy.nj) == 0);
    }
    erg_run_sums_deinit(&again);
    erg_buf_deinit(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct erg_run_sums sums;
    if (erg_sums_unpack(data, size, &sums, NULL) == 0) {
        check(&sums);
        erg_run_sums_deinit(&sums);
    }
    return 0;
}
