/* SPDX-License-Identifier: MIT */
#include "store/pass.h"

#include "base/err.h"
#include "base/mem.h"
#include "energy/attribution.h"

#include <math.h>
#include <stdlib.h>

static float value_at(const struct erg_pass_row *pass, enum erg_value_column column, uint32_t i)
{
    return pass->values[column] ? pass->values[column][i] : NAN;
}

int64_t erg_pass_covered_ns(const struct erg_pass_row *pass)
{
    int64_t covered_ns = 0;
    for (uint32_t i = 0; i < pass->n_spans; i++)
        covered_ns += (int64_t)pass->spans[i].ticks * ERG_TICK_NS;
    return covered_ns;
}

int erg_pass_attribute(const struct erg_pass_row *pass, struct erg_energy **out_parts,
                       struct erg_energy *out_rest)
{
    uint32_t n = pass->n_spans;
    int64_t window_ns = pass->t1_ns > pass->t0_ns ? pass->t1_ns - pass->t0_ns : 0;
    int64_t covered_ns = erg_pass_covered_ns(pass);
    if (window_ns < covered_ns)
        window_ns = covered_ns; /* a damaged store: no window would hold the spans */
    ERG_AUTO_FREE struct erg_span_features *features = erg_calloc(n, sizeof *features);
    struct erg_energy *parts = erg_calloc(n, sizeof *parts);
    for (uint32_t i = 0; features && i < n; i++)
        features[i] = (struct erg_span_features){
            .duration_ns = (int64_t)pass->spans[i].ticks * ERG_TICK_NS,
            .flops = value_at(pass, ERG_VALUE_FLOPS, i),
            .bytes = value_at(pass, ERG_VALUE_BYTES, i),
        };
    int rc = features && parts
                 ? erg_attribute(NULL, &pass->energy, window_ns, features, n, parts, out_rest)
                 : ERG_NOMEM;
    if (rc) {
        free(parts);
        return rc;
    }
    *out_parts = parts;
    return 0;
}
