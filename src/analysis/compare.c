/* SPDX-License-Identifier: MIT */
#include "analysis/compare_internal.h"

#include "analysis/bootstrap.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAIRS = ERG_COMPARE_METRICS * ERG_COMPARE_GROUPS };

static void deinit_group(struct erg_compare_group *group)
{
    for (size_t r = 0; r < group->run_count; r++) {
        free(group->runs[r].id);
        for (size_t f = 0; f < ERG_FACETS; f++)
            free(group->runs[r].facets[f]);
    }
    for (size_t i = 0; i < group->excluded_count; i++)
        free(group->excluded[i].id);
    free(group->name);
    free(group->runs);
    free(group->excluded);
    free(group->tokens);
}

void erg_compare_deinit(struct erg_compare *compare)
{
    if (!compare)
        return;
    for (size_t g = 0; g < compare->group_count; g++)
        deinit_group(&compare->groups[g]);
    for (size_t i = 0; i < compare->warning_count; i++)
        free(compare->warnings[i]);
    *compare = (struct erg_compare){0};
}

static int by_size(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* What of a metric is known of a group's runs; `out` has room for all of them. */
static size_t known_values(const struct erg_compare_group *group, size_t metric, double *out)
{
    size_t count = 0;
    for (size_t r = 0; r < group->run_count; r++) {
        double value = group->runs[r].values[metric];
        if (isfinite(value))
            out[count++] = value;
    }
    return count;
}

static int describe(double *values, size_t count, struct erg_compare_side *out, struct erg_err *err)
{
    struct erg_compare_side side = {.min = NAN, .max = NAN};
    for (size_t i = 0; i < count; i++)
        erg_stats_add(&side.stats, values[i]);
    qsort(values, count, sizeof *values, by_size);
    if (count) {
        side.min = values[0];
        side.max = values[count - 1];
    }
    side.median = erg_stats_median_interval(values, count, ERG_COMPARE_CONFIDENCE);
    side.t = erg_stats_interval(&side.stats, ERG_COMPARE_CONFIDENCE);
    int rc = erg_bootstrap_mean(values, count, ERG_COMPARE_CONFIDENCE, &side.bootstrap, err);
    if (!rc)
        *out = side;
    return rc;
}

static int test_pair(struct erg_compare *compare, size_t m, size_t g, double *a, double *b,
                     struct erg_err *err)
{
    const struct erg_stats *of_a = &compare->sides[m][0].stats;
    const struct erg_stats *of_b = &compare->sides[m][g].stats;
    struct erg_compare_pair *pair = &compare->pairs[m][g];
    size_t a_count = known_values(&compare->groups[0], m, a);
    size_t b_count = known_values(&compare->groups[g], m, b);
    pair->ratio = erg_ratio_interval(of_a, of_b, ERG_COMPARE_CONFIDENCE);
    pair->welch = erg_welch_test(of_a, of_b);
    pair->hedges_g = erg_hedges_g(of_a, of_b);
    int rc = erg_mann_whitney_test(a, a_count, b, b_count, &pair->ranks, err);
    pair->cliffs_delta = erg_cliffs_delta(pair->ranks.statistic, a_count, b_count);
    return rc;
}

/* Of all metrics and groups together, of either kind of test apart. */
static size_t correct(struct erg_compare *compare)
{
    double welch[PAIRS], ranks[PAIRS], welch_holm[PAIRS], ranks_holm[PAIRS];
    size_t tests = 0;
    for (size_t i = 0; i < PAIRS; i++) {
        size_t m = i / ERG_COMPARE_GROUPS, g = i % ERG_COMPARE_GROUPS;
        bool used = compare->selected[m] && g && g < compare->group_count;
        welch[i] = used ? compare->pairs[m][g].welch.p : NAN;
        ranks[i] = used ? compare->pairs[m][g].ranks.p : NAN;
        tests += !isnan(welch[i]);
    }
    erg_holm(welch, PAIRS, welch_holm);
    erg_holm(ranks, PAIRS, ranks_holm);
    for (size_t i = 0; i < PAIRS; i++) {
        struct erg_compare_pair *pair =
            &compare->pairs[i / ERG_COMPARE_GROUPS][i % ERG_COMPARE_GROUPS];
        pair->welch_holm = welch_holm[i];
        pair->ranks_holm = ranks_holm[i];
        pair->significant = welch_holm[i] < ERG_COMPARE_ALPHA;
    }
    return tests;
}

/* How many runs would have told, at the level of Holm's first step. */
static void recommend(struct erg_compare *compare, size_t m, size_t g, size_t tests)
{
    struct erg_compare_pair *pair = &compare->pairs[m][g];
    const struct erg_stats *a = &compare->sides[m][0].stats, *b = &compare->sides[m][g].stats;
    if (isnan(pair->welch.p) || !(pair->ratio.mean > 0))
        return;
    pair->needed_ratio = fmax(fabs(pair->ratio.mean - 1), ERG_COMPARE_SMALLEST);
    pair->runs_needed =
        erg_values_needed(erg_stats_sd(a), erg_stats_sd(b), pair->needed_ratio * a->mean,
                          ERG_COMPARE_ALPHA / (double)tests, ERG_COMPARE_POWER);
}

static int calculate_metric(struct erg_compare *compare, size_t m, double *a, double *b,
                            struct erg_err *err)
{
    for (size_t g = 0; g < compare->group_count; g++) {
        size_t count = known_values(&compare->groups[g], m, a);
        int rc = describe(a, count, &compare->sides[m][g], err);
        if (!rc && g)
            rc = test_pair(compare, m, g, a, b, err);
        if (rc)
            return rc;
    }
    return 0;
}

static enum erg_compare_outcome judge_pair(const struct erg_compare_gate *gate,
                                           const struct erg_compare_verdict *verdict)
{
    double change = verdict->change_ratio;
    if (isnan(change))
        return ERG_GATE_UNKNOWN;
    if (gate->limit_ratio < 0 || signbit(gate->limit_ratio) ? change >= gate->limit_ratio
                                                            : change <= gate->limit_ratio)
        return ERG_GATE_PASS;
    return verdict->p_holm >= ERG_COMPARE_ALPHA ? ERG_GATE_UNSURE : ERG_GATE_FAIL;
}

/* Limits were chosen before anybody looked, so only they are corrected for each other. */
static void judge(struct erg_compare *compare)
{
    enum { VERDICTS = ERG_COMPARE_GATES * ERG_COMPARE_GROUPS };
    double p[VERDICTS], holm[VERDICTS];
    for (size_t i = 0; i < VERDICTS; i++) {
        size_t gate = i / ERG_COMPARE_GROUPS, g = i % ERG_COMPARE_GROUPS;
        bool used = gate < compare->gate_count && g && g < compare->group_count;
        p[i] = used ? compare->pairs[compare->gates[gate].metric][g].welch.p : NAN;
    }
    erg_holm(p, VERDICTS, holm);
    for (size_t i = 0; i < VERDICTS; i++) {
        size_t gate = i / ERG_COMPARE_GROUPS, g = i % ERG_COMPARE_GROUPS;
        struct erg_compare_verdict *verdict = &compare->verdicts[gate][g];
        if (gate >= compare->gate_count || !g || g >= compare->group_count)
            continue;
        verdict->change_ratio = compare->pairs[compare->gates[gate].metric][g].ratio.mean - 1;
        verdict->p_holm = holm[i];
        verdict->outcome = judge_pair(&compare->gates[gate], verdict);
    }
}

int erg_compare_calculate(struct erg_compare *compare, struct erg_err *err)
{
    size_t most = 0;
    for (size_t g = 0; g < compare->group_count; g++)
        most = compare->groups[g].run_count > most ? compare->groups[g].run_count : most;
    ERG_AUTO_FREE double *a = erg_calloc(most + 1, sizeof *a);
    ERG_AUTO_FREE double *b = erg_calloc(most + 1, sizeof *b);
    if (!a || !b)
        return erg_fail(err, ERG_NOMEM, "cannot compare: out of memory");
    for (size_t m = 0; m < ERG_COMPARE_METRICS; m++) {
        int rc = compare->selected[m] ? calculate_metric(compare, m, a, b, err) : 0;
        if (rc)
            return rc;
    }
    size_t tests = correct(compare);
    for (size_t m = 0; m < ERG_COMPARE_METRICS; m++) {
        for (size_t g = 1; g < compare->group_count && compare->selected[m]; g++)
            recommend(compare, m, g, tests);
    }
    judge(compare);
    int rc = erg_compare_pair_tokens(compare, err);
    return rc ? rc : erg_compare_warn(compare, err);
}
