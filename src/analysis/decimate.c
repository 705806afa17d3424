/* SPDX-License-Identifier: MIT */
#include "analysis/decimate.h"

#include <math.h>

static void keep_extremes(const double *values, size_t from, size_t to, bool *keep)
{
    size_t least = to, greatest = to;
    for (size_t i = from; i < to; i++) {
        if (isnan(values[i]))
            continue;
        if (least == to || values[i] < values[least])
            least = i;
        if (greatest == to || values[i] > values[greatest])
            greatest = i;
    }
    if (least != to)
        keep[least] = keep[greatest] = true;
}

size_t erg_decimate(const double *const *series, size_t count, size_t n, size_t most,
                    bool *out_keep)
{
    bool all = n <= most || count == 0;
    for (size_t i = 0; i < n; i++)
        out_keep[i] = all;
    if (all)
        return 0;
    size_t intervals = most > 2 + 2 * count ? (most - 2) / (2 * count) : 1;
    for (size_t k = 0; k < intervals; k++) {
        size_t from = n * k / intervals, to = n * (k + 1) / intervals;
        for (size_t s = 0; s < count; s++)
            keep_extremes(series[s], from, to, out_keep);
    }
    out_keep[0] = out_keep[n - 1] = true;
    return intervals;
}
