/* SPDX-License-Identifier: MIT */
#include "analysis/activity.h"

#include "analysis/nnls.h"
#include "analysis/stats.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 3, WHY_BYTES = 256 };

/* A point that can be used. */
struct usable {
    const struct erg_activity_point *point;
    size_t operation; /* number of the operation; SIZE_MAX of a run */
    double weight;    /* so that all blocks of an operation and phase together weigh 1 */
};

struct fitting {
    struct usable *points;
    size_t count, operations;
};

static bool is_usable(const struct erg_activity_point *point)
{
    const struct erg_span_features *features = &point->features;
    return point->energy_nj > 0 && isfinite(point->energy_nj) && features->duration_ns > 0 &&
           isfinite(features->flops) && isfinite(features->bytes) &&
           erg_attribution_has_features(features, 1);
}

static bool same_operation(const struct usable *a, const struct usable *b)
{
    const char *x = a->point->operation, *y = b->point->operation;
    return x && y && strcmp(x, y) == 0;
}

static void number_operations(struct fitting *fitting)
{
    for (size_t i = 0; i < fitting->count; i++) {
        struct usable *point = &fitting->points[i];
        size_t alike = 0;
        point->operation = SIZE_MAX;
        for (size_t j = 0; j < i && point->operation == SIZE_MAX; j++) {
            if (same_operation(point, &fitting->points[j]))
                point->operation = fitting->points[j].operation;
        }
        if (point->point->operation && point->operation == SIZE_MAX)
            point->operation = fitting->operations++;
        for (size_t j = 0; j < fitting->count; j++)
            alike += same_operation(point, &fitting->points[j]) &&
                     point->point->phase == fitting->points[j].point->phase;
        point->weight = alike ? 1 / sqrt((double)alike) : 1;
    }
}

/* Fit to all but one operation (SIZE_MAX - 1: to all); `from` = 2 leaves time as only cause. */
static struct erg_activity fit_without(const struct fitting *fitting, size_t operation, size_t from)
{
    struct erg_nnls nnls;
    double x[COLUMNS] = {0};
    erg_nnls_init(&nnls, COLUMNS - from);
    for (size_t i = 0; i < fitting->count; i++) {
        const struct usable *usable = &fitting->points[i];
        const struct erg_activity_point *point = usable->point;
        if (usable->operation == operation)
            continue;
        double scale = usable->weight / point->energy_nj;
        double row[COLUMNS] = {point->features.flops * scale, point->features.bytes * scale,
                               (double)point->features.duration_ns * scale};
        erg_nnls_add(&nnls, row + from, usable->weight);
    }
    erg_nnls_solve(&nnls, x + from);
    return (struct erg_activity){x[0], x[1], x[2]};
}

static double error_on(const struct fitting *fitting, size_t operation,
                       const struct erg_activity *activity)
{
    struct erg_stats errors = {0};
    for (size_t i = 0; i < fitting->count; i++) {
        const struct erg_activity_point *point = fitting->points[i].point;
        if (fitting->points[i].operation == operation)
            erg_stats_add(&errors,
                          fabs(erg_activity_nj(activity, &point->features) / point->energy_nj - 1));
    }
    return errors.mean;
}

/* value ± t·s·√((n − 1)²/n), s being the deviation of the n values that leave one out. */
static void jackknife(double value, const struct erg_stats *left_out, double *out_low,
                      double *out_high)
{
    double n = (double)left_out->n;
    double half = erg_t_quantile(0.975, n - 1) * erg_stats_sd(left_out) * (n - 1) / sqrt(n);
    *out_low = fmax(value - half, 0);
    *out_high = value + half;
}

static void cross_validate(const struct fitting *fitting, struct erg_activity_fit *fit)
{
    struct erg_stats errors = {0}, time_errors = {0}, flop = {0}, byte = {0}, time = {0};
    const struct erg_activity unknown = {NAN, NAN, NAN};
    fit->low = fit->high = unknown;
    fit->error_ratio = fit->time_error_ratio = NAN;
    if (fitting->operations < ERG_ACTIVITY_LEAST_OPERATIONS)
        return;
    for (size_t i = 0; i < fitting->operations; i++) {
        struct erg_activity without = fit_without(fitting, i, 0);
        struct erg_activity by_time = fit_without(fitting, i, COLUMNS - 1);
        erg_stats_add(&errors, error_on(fitting, i, &without));
        erg_stats_add(&time_errors, error_on(fitting, i, &by_time));
        erg_stats_add(&flop, without.nj_per_flop);
        erg_stats_add(&byte, without.nj_per_byte);
        erg_stats_add(&time, without.static_w);
    }
    fit->error_ratio = errors.mean;
    fit->time_error_ratio = time_errors.mean;
    jackknife(fit->activity.nj_per_flop, &flop, &fit->low.nj_per_flop, &fit->high.nj_per_flop);
    jackknife(fit->activity.nj_per_byte, &byte, &fit->low.nj_per_byte, &fit->high.nj_per_byte);
    jackknife(fit->activity.static_w, &time, &fit->low.static_w, &fit->high.static_w);
}

int erg_activity_fit(const struct erg_activity_point *points, size_t count,
                     struct erg_activity_fit *out, struct erg_err *err)
{
    ERG_AUTO_FREE struct usable *usable = erg_calloc(count, sizeof *usable);
    if (!usable)
        return erg_fail(err, ERG_NOMEM, "cannot fit what operations cost: out of memory");
    struct fitting fitting = {.points = usable};
    struct erg_activity_fit fit = {0};
    for (size_t i = 0; i < count; i++) {
        if (!is_usable(&points[i])) {
            fit.left_out++;
            continue;
        }
        usable[fitting.count++].point = &points[i];
        fit.blocks += points[i].operation != NULL;
        fit.runs += points[i].operation == NULL;
    }
    if (fitting.count == 0)
        return erg_fail(err, ERG_NOT_FOUND,
                        "there is nothing to fit costs to: no calibration and no run in depth");
    number_operations(&fitting);
    fit.operations = fitting.operations;
    fit.activity = fit_without(&fitting, SIZE_MAX - 1, 0);
    cross_validate(&fitting, &fit);
    *out = fit;
    return 0;
}

/* Is `name` one of `sources`, which are joined by '+'? */
static bool is_among(const char *sources, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = sources; *at;) {
        size_t word = strcspn(at, "+");
        if (word == len && strncmp(at, name, len) == 0)
            return true;
        at += word + (at[word] == '+');
    }
    return false;
}

const char *erg_activity_doubt(const char *sources)
{
    if (is_among(sources, "estimate"))
        return "which is itself estimated from CPU time: a fit to it is circular";
    if (is_among(sources, "synthetic") || is_among(sources, "replay"))
        return "which is a simulation: a fit to it says nothing about a machine";
    return NULL;
}

bool erg_activity_is_default(const char *sources, double error_ratio, char *out_why)
{
    const char *doubt = erg_activity_doubt(sources);
    double percent = error_ratio * 100, greatest = ERG_ACTIVITY_GREATEST_ERROR * 100;
    bool good = !doubt && error_ratio < ERG_ACTIVITY_GREATEST_ERROR;
    if (doubt)
        snprintf(out_why, WHY_BYTES, "power is from '%.60s', %s", sources, doubt);
    else if (isnan(error_ratio))
        snprintf(out_why, WHY_BYTES,
                 "its error is not known: at least %d operations must be calibrated",
                 ERG_ACTIVITY_LEAST_OPERATIONS);
    else
        snprintf(out_why, WHY_BYTES,
                 "its error on operations it was not fitted on is %.1f %%, %s %.0f %%", percent,
                 good ? "below" : "not below", greatest);
    return good;
}
