/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENERGY_ATTRIBUTION_H
#define ERG_ENERGY_ATTRIBUTION_H

#include "energy/energy.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Attribution: splitting a pass's energy over its spans. A model turns span features into weights;
 * the split by weights is exact (largest remainder), whatever the model.
 */
struct erg_span_features {
    int64_t duration_ns;
    double flops; /* NaN = not known */
    double bytes; /* NaN = not known */
};

struct erg_attribution_model;

/* Weight per span, ≥ 0 and finite; `out_weights` has room for `count`. */
typedef void (*erg_attribution_fn)(const struct erg_attribution_model *model,
                                   const struct erg_span_features *spans, size_t count,
                                   uint64_t *out_weights);

/*
 * What a machine spends: E = a·FLOPs + b·bytes + c·time, all ≥ 0. The last one is in watts, which
 * is nanojoules per nanosecond.
 */
struct erg_activity {
    double nj_per_flop, nj_per_byte, static_w;
};

struct erg_attribution_model {
    const char *name; /* "time", "activity" */
    const char *summary;
    erg_attribution_fn weights;
    struct erg_activity activity; /* of the model `activity` */
};

/* A model that needs no coefficients; NULL when there is none of that name. NULL asks for the
 * default, "time". */
const struct erg_attribution_model *erg_attribution_find(const char *name);

/*
 * The model `activity`: a span's weight is what E above says of it. A span whose FLOPs and bytes
 * are not known has only its time; where no span has any, or all weights would be 0, time decides
 * as in the model `time`.
 */
struct erg_attribution_model erg_attribution_activity(const struct erg_activity *activity);

/* Whether some span says how much it computed or moved, so that `activity` can split by it. */
bool erg_attribution_has_features(const struct erg_span_features *spans, size_t count);

/* What E above says of features; FLOPs and bytes that are not known count as none. */
double erg_activity_nj(const struct erg_activity *activity, const struct erg_span_features *span);

/*
 * Split `total_nj` ≥ 0 in proportion to `weights` by the method of the largest remainder: each part
 * is the exact share rounded down, or up for those with the largest remainders (ties: first come).
 * The parts add up to total_nj exactly. All weights 0: everything goes to `rest`, the return value,
 * which is otherwise 0. With count 0 the return value is total_nj.
 */
int64_t erg_split_nj(int64_t total_nj, const uint64_t *weights, size_t count, int64_t *out_parts);

/*
 * Split every domain of `pass` over `count` spans that follow one another inside a window of
 * `window_ns` nanoseconds (at least their sum): the uncovered rest of the window takes part in the
 * split under the model's weights and becomes *out_rest, the unattributed part. The sum of
 * out_parts and *out_rest equals pass, domain by domain. 0, or NOMEM with nothing written.
 */
int erg_attribute(const struct erg_attribution_model *model, const struct erg_energy *pass,
                  int64_t window_ns, const struct erg_span_features *spans, size_t count,
                  struct erg_energy *out_parts, struct erg_energy *out_rest);

#endif
