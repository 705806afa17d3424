/* SPDX-License-Identifier: MIT */
#include "analysis/compare.h"

#include "analysis/bootstrap.h"

#include <math.h>

static void put_letter(struct erg_jsonw *w, const char *key, size_t group)
{
    const char letter[2] = {(char)('A' + group), '\0'};
    erg_jsonw_kstr(w, key, letter);
}

static void put_interval(struct erg_jsonw *w, const char *key, const struct erg_interval *interval)
{
    erg_jsonw_key(w, key);
    if (isnan(interval->low)) {
        erg_jsonw_null(w);
        return;
    }
    erg_jsonw_arr_begin(w);
    erg_jsonw_real(w, interval->low);
    erg_jsonw_real(w, interval->high);
    erg_jsonw_arr_end(w);
}

static void put_group(struct erg_jsonw *w, const struct erg_compare_group *group, size_t g)
{
    erg_jsonw_obj_begin(w);
    put_letter(w, "group", g);
    erg_jsonw_kstr(w, "name", group->name);
    erg_jsonw_kbool(w, "baseline", g == 0);
    erg_jsonw_key(w, "runs");
    erg_jsonw_arr_begin(w);
    for (size_t r = 0; r < group->run_count; r++)
        erg_jsonw_str(w, group->runs[r].id);
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "excluded");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < group->excluded_count; i++) {
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "id", group->excluded[i].id);
        erg_jsonw_kstr(w, "status", group->excluded[i].status);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
}

static void put_side(struct erg_jsonw *w, const struct erg_compare *compare, size_t m, size_t g)
{
    const struct erg_compare_side *side = &compare->sides[m][g];
    const struct erg_compare_group *group = &compare->groups[g];
    const struct erg_interval *shown = erg_compare_interval(side);
    erg_jsonw_obj_begin(w);
    put_letter(w, "group", g);
    erg_jsonw_kint(w, "n", (int64_t)side->stats.n);
    erg_jsonw_kreal(w, "mean", side->t.mean);
    erg_jsonw_kreal(w, "sd", erg_stats_sd(&side->stats));
    erg_jsonw_kreal(w, "median", side->median.mean);
    erg_jsonw_kreal(w, "min", side->min);
    erg_jsonw_kreal(w, "max", side->max);
    erg_jsonw_kreal(w, "ci_low", shown->low);
    erg_jsonw_kreal(w, "ci_high", shown->high);
    erg_jsonw_kstr(w, "ci_method", shown == &side->t ? "t" : "bootstrap");
    put_interval(w, "ci_t", &side->t);
    put_interval(w, "ci_bootstrap", &side->bootstrap);
    put_interval(w, "ci_median", &side->median);
    erg_jsonw_key(w, "values");
    erg_jsonw_arr_begin(w);
    for (size_t r = 0; r < group->run_count; r++)
        erg_jsonw_real(w, group->runs[r].values[m]);
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
}

static void put_ranks(struct erg_jsonw *w, const struct erg_rank_test *ranks, const char *statistic)
{
    erg_jsonw_kreal(w, statistic, ranks->statistic);
    erg_jsonw_kstr(w, "method", ranks->exact ? "exact" : "normal");
    erg_jsonw_kreal(w, "p", ranks->p);
}

static void put_pair(struct erg_jsonw *w, const struct erg_compare *compare, size_t m, size_t g)
{
    const struct erg_compare_pair *pair = &compare->pairs[m][g];
    char finding[128];
    erg_compare_finding(compare, m, g, finding);
    erg_jsonw_obj_begin(w);
    put_letter(w, "group", g);
    erg_jsonw_kreal(w, "ratio", pair->ratio.mean);
    erg_jsonw_kreal(w, "ratio_ci_low", pair->ratio.low);
    erg_jsonw_kreal(w, "ratio_ci_high", pair->ratio.high);
    erg_jsonw_key(w, "welch");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kreal(w, "t", pair->welch.t);
    erg_jsonw_kreal(w, "df", pair->welch.df);
    erg_jsonw_kreal(w, "p", pair->welch.p);
    erg_jsonw_kreal(w, "p_holm", pair->welch_holm);
    erg_jsonw_obj_end(w);
    erg_jsonw_key(w, "mann_whitney");
    erg_jsonw_obj_begin(w);
    put_ranks(w, &pair->ranks, "u");
    erg_jsonw_kreal(w, "p_holm", pair->ranks_holm);
    erg_jsonw_obj_end(w);
    erg_jsonw_kreal(w, "hedges_g", pair->hedges_g);
    erg_jsonw_kreal(w, "cliffs_delta", pair->cliffs_delta);
    erg_jsonw_kbool(w, "significant", pair->significant);
    erg_jsonw_kstr(w, "finding", finding);
    erg_jsonw_key(w, "runs_needed");
    if (pair->runs_needed)
        erg_jsonw_int(w, (int64_t)pair->runs_needed);
    else
        erg_jsonw_null(w);
    erg_jsonw_kreal(w, "runs_needed_for_pct", pair->runs_needed ? pair->needed_ratio * 100 : NAN);
    erg_jsonw_obj_end(w);
}

static void put_metric(struct erg_jsonw *w, const struct erg_compare *compare, size_t m)
{
    const struct erg_compare_metric *metric = erg_compare_metric_at(m);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "metric", metric->key);
    erg_jsonw_kstr(w, "title", metric->title);
    erg_jsonw_kstr(w, "unit", erg_compare_unit_name(metric->unit));
    erg_jsonw_kbool(w, "higher_is_better", metric->higher_is_better);
    erg_jsonw_key(w, "groups");
    erg_jsonw_arr_begin(w);
    for (size_t g = 0; g < compare->group_count; g++)
        put_side(w, compare, m, g);
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "comparisons");
    erg_jsonw_arr_begin(w);
    for (size_t g = 1; g < compare->group_count; g++)
        put_pair(w, compare, m, g);
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
}

static void put_paired(struct erg_jsonw *w, const struct erg_compare *compare)
{
    static const char *const keys[ERG_COMPARE_TOKENS] = {"duration_ms", "energy_mj"};
    erg_jsonw_key(w, "per_token");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < ERG_COMPARE_TOKENS * compare->group_count; i++) {
        size_t metric = i % ERG_COMPARE_TOKENS, g = i / ERG_COMPARE_TOKENS;
        const struct erg_compare_paired *paired = &compare->paired[metric][g];
        if (!paired->ratio.n)
            continue;
        erg_jsonw_obj_begin(w);
        put_letter(w, "group", g);
        erg_jsonw_kstr(w, "metric", keys[metric]);
        erg_jsonw_kint(w, "tokens", (int64_t)paired->ratio.n);
        erg_jsonw_kreal(w, "ratio", paired->ratio.mean);
        erg_jsonw_kreal(w, "ratio_ci_low", paired->ratio.low);
        erg_jsonw_kreal(w, "ratio_ci_high", paired->ratio.high);
        erg_jsonw_key(w, "wilcoxon");
        erg_jsonw_obj_begin(w);
        put_ranks(w, &paired->ranks, "w");
        erg_jsonw_kint(w, "n", (int64_t)paired->ranks.n);
        erg_jsonw_obj_end(w);
        erg_jsonw_kreal(w, "autocorrelation", paired->autocorrelation);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

static void put_gates(struct erg_jsonw *w, const struct erg_compare *compare)
{
    static const char *const outcomes[] = {
        [ERG_GATE_PASS] = "pass",
        [ERG_GATE_UNSURE] = "not significant",
        [ERG_GATE_FAIL] = "fail",
        [ERG_GATE_UNKNOWN] = "unknown",
    };
    erg_jsonw_key(w, "gates");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < compare->gate_count; i++) {
        for (size_t g = 1; g < compare->group_count; g++) {
            const struct erg_compare_verdict *verdict = &compare->verdicts[i][g];
            char text[320];
            erg_compare_verdict_text(compare, i, g, text);
            erg_jsonw_obj_begin(w);
            erg_jsonw_kstr(w, "limit", compare->gates[i].text);
            put_letter(w, "group", g);
            erg_jsonw_kstr(w, "outcome", outcomes[verdict->outcome]);
            erg_jsonw_kreal(w, "change_pct", verdict->change_ratio * 100);
            erg_jsonw_kreal(w, "p_holm", verdict->p_holm);
            erg_jsonw_kstr(w, "text", text);
            erg_jsonw_obj_end(w);
        }
    }
    erg_jsonw_arr_end(w);
}

void erg_compare_write(const struct erg_compare *compare, struct erg_jsonw *w)
{
    erg_jsonw_obj_begin(w);
    erg_jsonw_key(w, "groups");
    erg_jsonw_arr_begin(w);
    for (size_t g = 0; g < compare->group_count; g++)
        put_group(w, &compare->groups[g], g);
    erg_jsonw_arr_end(w);
    erg_jsonw_kreal(w, "confidence", ERG_COMPARE_CONFIDENCE);
    erg_jsonw_kreal(w, "alpha", ERG_COMPARE_ALPHA);
    erg_jsonw_kstr(w, "decided_by", "welch");
    erg_jsonw_kstr(w, "correction", "holm");
    erg_jsonw_key(w, "bootstrap");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "method", "bca");
    erg_jsonw_kint(w, "resamples", ERG_BOOTSTRAP_RESAMPLES);
    erg_jsonw_kint(w, "seed", ERG_BOOTSTRAP_SEED);
    erg_jsonw_obj_end(w);
    erg_jsonw_key(w, "metrics");
    erg_jsonw_arr_begin(w);
    for (size_t m = 0; m < ERG_COMPARE_METRICS; m++) {
        if (compare->selected[m])
            put_metric(w, compare, m);
    }
    erg_jsonw_arr_end(w);
    put_paired(w, compare);
    put_gates(w, compare);
    erg_jsonw_key(w, "warnings");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < compare->warning_count; i++)
        erg_jsonw_str(w, compare->warnings[i]);
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
}
