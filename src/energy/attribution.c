/* SPDX-License-Identifier: MIT */
#include "energy/attribution.h"

#include "base/err.h"
#include "base/mem.h"
#include "energy/wide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The greatest weight of the model `activity`: the sum of 65536 such ones fits into 63 bits. */
#define GREATEST_WEIGHT 0x1p46

static void weights_by_time(const struct erg_attribution_model *model,
                            const struct erg_span_features *spans, size_t count,
                            uint64_t *out_weights)
{
    (void)model;
    for (size_t i = 0; i < count; i++)
        out_weights[i] = spans[i].duration_ns > 0 ? (uint64_t)spans[i].duration_ns : 0;
}

static double known(double value)
{
    return isfinite(value) && value > 0 ? value : 0;
}

double erg_activity_nj(const struct erg_activity *activity, const struct erg_span_features *span)
{
    double time_ns = span->duration_ns > 0 ? (double)span->duration_ns : 0;
    return activity->nj_per_flop * known(span->flops) + activity->nj_per_byte * known(span->bytes) +
           activity->static_w * time_ns;
}

bool erg_attribution_has_features(const struct erg_span_features *spans, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (known(spans[i].flops) > 0 || known(spans[i].bytes) > 0)
            return true;
    }
    return false;
}

/* Energies in nanojoules become integers relative to the greatest of them. */
static void weights_by_activity(const struct erg_attribution_model *model,
                                const struct erg_span_features *spans, size_t count,
                                uint64_t *out_weights)
{
    double greatest = 0;
    for (size_t i = 0; i < count; i++)
        greatest = fmax(greatest, erg_activity_nj(&model->activity, &spans[i]));
    if (!(greatest > 0) || !isfinite(greatest) || !erg_attribution_has_features(spans, count)) {
        weights_by_time(model, spans, count, out_weights);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        double share = erg_activity_nj(&model->activity, &spans[i]) / greatest;
        out_weights[i] = (uint64_t)(share * GREATEST_WEIGHT + 0.5);
    }
}

static const struct erg_attribution_model models[] = {
    {.name = "time", .summary = "in proportion to duration", .weights = weights_by_time},
};

struct erg_attribution_model erg_attribution_activity(const struct erg_activity *activity)
{
    return (struct erg_attribution_model){
        .name = "activity",
        .summary = "in proportion to fitted costs of FLOPs, bytes and time",
        .weights = weights_by_activity,
        .activity = *activity,
    };
}

const struct erg_attribution_model *erg_attribution_find(const char *name)
{
    if (!name)
        return &models[0];
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        if (!strcmp(models[i].name, name))
            return &models[i];
    }
    return NULL;
}

struct split {
    uint64_t total;
    const uint64_t *weights;
    erg_u128 sum; /* of the weights */
    size_t count;
    int64_t *parts;
    bool stored; /* parts hold the remainders, which fit because the sum does */
};

static erg_u128 remainder_of(const struct split *split, size_t i)
{
    if (split->stored)
        return (erg_u128)split->parts[i];
    return (erg_u128)split->total * split->weights[i] % split->sum;
}

static size_t count_above(const struct split *split, erg_u128 threshold)
{
    size_t above = 0;
    for (size_t i = 0; i < split->count; i++)
        above += remainder_of(split, i) > threshold;
    return above;
}

/* The smallest value that at most `units` remainders exceed, by bisection: no memory needed. */
static erg_u128 find_threshold(const struct split *split, size_t units)
{
    erg_u128 low = 0, high = split->sum - 1; /* no remainder exceeds high */
    while (low < high) {
        erg_u128 middle = low + (high - low) / 2;
        if (count_above(split, middle) <= units)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int64_t erg_split_nj(int64_t total_nj, const uint64_t *weights, size_t count, int64_t *out_parts)
{
    struct split split = {.weights = weights, .count = count, .parts = out_parts};
    for (size_t i = 0; i < count; i++)
        split.sum += weights[i];
    if (split.sum == 0 || total_nj <= 0) {
        for (size_t i = 0; i < count; i++)
            out_parts[i] = 0;
        return total_nj;
    }
    split.total = (uint64_t)total_nj;
    split.stored = split.sum <= INT64_MAX;
    uint64_t left = split.total; /* units that rounding down leaves: fewer than count */
    for (size_t i = 0; i < count; i++) {
        erg_u128 product = (erg_u128)split.total * weights[i];
        left -= (uint64_t)(product / split.sum);
        if (split.stored)
            out_parts[i] = (int64_t)(product % split.sum);
    }
    erg_u128 threshold = find_threshold(&split, left);
    size_t ties = left - count_above(&split, threshold);
    for (size_t i = 0; i < count; i++) {
        erg_u128 remainder = remainder_of(&split, i);
        bool up = remainder > threshold;
        if (remainder == threshold && ties) {
            up = true;
            ties--;
        }
        out_parts[i] = (int64_t)((erg_u128)split.total * weights[i] / split.sum) + up;
    }
    return 0;
}

static int64_t uncovered_ns(int64_t window_ns, const struct erg_span_features *spans, size_t count)
{
    for (size_t i = 0; i < count && window_ns > 0; i++) {
        if (spans[i].duration_ns > 0)
            window_ns -= spans[i].duration_ns < window_ns ? spans[i].duration_ns : window_ns;
    }
    return window_ns > 0 ? window_ns : 0;
}

int erg_attribute(const struct erg_attribution_model *model, const struct erg_energy *pass,
                  int64_t window_ns, const struct erg_span_features *spans, size_t count,
                  struct erg_energy *out_parts, struct erg_energy *out_rest)
{
    ERG_AUTO_FREE struct erg_span_features *all = erg_calloc(count + 1, sizeof *all);
    ERG_AUTO_FREE uint64_t *weights = erg_calloc(count + 1, sizeof *weights);
    ERG_AUTO_FREE int64_t *parts = erg_calloc(count + 1, sizeof *parts);
    if (!all || !weights || !parts)
        return ERG_NOMEM;
    if (count)
        memcpy(all, spans, count * sizeof *all);
    all[count] = (struct erg_span_features){uncovered_ns(window_ns, spans, count), NAN, NAN};
    if (!model)
        model = &models[0];
    model->weights(model, all, count + 1, weights);

    for (size_t i = 0; i < count; i++)
        out_parts[i] = (struct erg_energy){.present = pass->present};
    *out_rest = (struct erg_energy){.present = pass->present};
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (!(pass->present >> d & 1))
            continue;
        int64_t unsplit = erg_split_nj(pass->nj[d], weights, count + 1, parts);
        out_rest->nj[d] = parts[count] + unsplit;
        for (size_t i = 0; i < count; i++)
            out_parts[i].nj[d] = parts[i];
    }
    return 0;
}
