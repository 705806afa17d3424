/* SPDX-License-Identifier: MIT */
#include "store/pass.h"

#include "base/err.h"
#include "base/mem.h"
#include "energy/attribution.h"
#include "store/deep.h"

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

static struct erg_span_features features_of(const struct erg_pass_row *pass, uint32_t i)
{
    return (struct erg_span_features){
        .duration_ns = (int64_t)pass->spans[i].ticks * ERG_TICK_NS,
        .flops = value_at(pass, ERG_VALUE_FLOPS, i),
        .bytes = value_at(pass, ERG_VALUE_BYTES, i),
    };
}

bool erg_pass_has_features(const struct erg_pass_row *pass)
{
    for (uint32_t i = 0; i < pass->n_spans; i++) {
        struct erg_span_features features = features_of(pass, i);
        if (erg_attribution_has_features(&features, 1))
            return true;
    }
    return false;
}

static double sum_known(double sum, double value)
{
    if (isnan(value))
        return sum;
    return isnan(sum) ? value : sum + value;
}

struct erg_span_features erg_pass_features(const struct erg_pass_row *pass)
{
    struct erg_span_features sum = {pass->t1_ns - pass->t0_ns, NAN, NAN};
    for (uint32_t i = 0; i < pass->n_spans; i++) {
        struct erg_span_features features = features_of(pass, i);
        sum.flops = sum_known(sum.flops, features.flops);
        sum.bytes = sum_known(sum.bytes, features.bytes);
    }
    return sum;
}

static bool has_statistics(const struct erg_pass_row *pass, uint32_t i)
{
    return pass->values[ERG_VALUE_MEAN] && !isnan(pass->values[ERG_VALUE_MEAN][i]);
}

/* Operation of the result of a component in the spans [begin, end) of one layer; 0 = it has none.
 */
static uint16_t result_of(const struct erg_pass_row *pass, uint32_t begin, uint32_t end,
                          uint16_t component)
{
    uint16_t first = 0, last = 0;
    bool is_router = false;
    for (uint32_t i = begin; i < end; i++) {
        if (pass->spans[i].component != component)
            continue;
        is_router = is_router || erg_routing_of(pass, i);
        if (has_statistics(pass, i)) {
            last = pass->spans[i].operation;
            first = first ? first : last;
        }
    }
    return is_router ? first : last;
}

void erg_pass_results(const struct erg_pass_row *pass, bool *out)
{
    const struct erg_span *spans = pass->spans;
    for (uint32_t begin = 0, end; begin < pass->n_spans; begin = end) {
        for (end = begin; end < pass->n_spans && spans[end].layer == spans[begin].layer; end++)
            ;
        for (uint32_t i = begin; i < end; i++)
            out[i] = has_statistics(pass, i) &&
                     spans[i].operation == result_of(pass, begin, end, spans[i].component);
    }
}

int erg_pass_attribute(const struct erg_pass_row *pass, struct erg_energy **out_parts,
                       struct erg_energy *out_rest)
{
    return erg_pass_attribute_by(pass, NULL, out_parts, out_rest);
}

int erg_pass_attribute_by(const struct erg_pass_row *pass,
                          const struct erg_attribution_model *model, struct erg_energy **out_parts,
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
        features[i] = features_of(pass, i);
    int rc = features && parts
                 ? erg_attribute(model, &pass->energy, window_ns, features, n, parts, out_rest)
                 : ERG_NOMEM;
    if (rc) {
        free(parts);
        return rc;
    }
    *out_parts = parts;
    return 0;
}
