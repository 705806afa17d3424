/* SPDX-License-Identifier: MIT */
#include "analysis/compare.h"

#include <math.h>
#include <stdio.h>

enum { FINDING_BYTES = 128, VERDICT_BYTES = 320 };

const struct erg_interval *erg_compare_interval(const struct erg_compare_side *side)
{
    return side->stats.n < ERG_COMPARE_FEW ? &side->t : &side->bootstrap;
}

static void find_nothing(const struct erg_compare_pair *pair, size_t least, char *out)
{
    double percent = pair->needed_ratio * 100;
    if (!pair->runs_needed)
        snprintf(out, FINDING_BYTES, "no difference detected (needs n > 1000000 for %.1f %%)",
                 percent);
    else if (pair->runs_needed > least)
        snprintf(out, FINDING_BYTES, "no difference detected (needs n ≥ %zu for %.1f %%)",
                 pair->runs_needed, percent);
    else
        snprintf(out, FINDING_BYTES, "no difference detected (n is enough for %.1f %%)", percent);
}

void erg_compare_finding(const struct erg_compare *compare, size_t metric, size_t group, char *out)
{
    const struct erg_compare_pair *pair = &compare->pairs[metric][group];
    size_t a = compare->sides[metric][0].stats.n, b = compare->sides[metric][group].stats.n;
    double change = pair->ratio.mean - 1;
    bool better = (change > 0) == erg_compare_metric_at(metric)->higher_is_better;
    if (!a || !b)
        snprintf(out, FINDING_BYTES, "not known");
    else if (a < 2 || b < 2)
        snprintf(out, FINDING_BYTES, "no test (needs n ≥ 2)");
    else if (isnan(pair->welch.p))
        snprintf(out, FINDING_BYTES, "no test (no spread)");
    else if (pair->significant && isnan(change))
        snprintf(out, FINDING_BYTES, "%s", pair->welch.t > 0 ? "higher" : "lower");
    else if (pair->significant)
        snprintf(out, FINDING_BYTES, "%.1f %% %s (%s)", fabs(change) * 100,
                 change > 0 ? "higher" : "lower", better ? "better" : "worse");
    else
        find_nothing(pair, a < b ? a : b, out);
}

/* Why a difference counts, or not. */
static void put_ground(const struct erg_compare *compare, size_t gate, size_t group, char *out,
                       size_t out_bytes)
{
    size_t metric = compare->gates[gate].metric;
    const struct erg_compare_verdict *verdict = &compare->verdicts[gate][group];
    size_t a = compare->sides[metric][0].stats.n, b = compare->sides[metric][group].stats.n;
    if (a < 2 || b < 2)
        snprintf(out, out_bytes, "not tested: n = %zu and %zu", a, b);
    else if (isnan(verdict->p_holm))
        snprintf(out, out_bytes, "not tested: no spread");
    else
        snprintf(out, out_bytes, "Welch p = %.2g, n = %zu and %zu", verdict->p_holm, a, b);
}

void erg_compare_verdict_text(const struct erg_compare *compare, size_t gate, size_t group,
                              char *out)
{
    static const char *const words[] = {
        [ERG_GATE_PASS] = "passed",
        [ERG_GATE_UNSURE] = "passed: beyond the limit, but not significant",
        [ERG_GATE_FAIL] = "FAILED",
        [ERG_GATE_UNKNOWN] = "cannot be judged",
    };
    const struct erg_compare_verdict *verdict = &compare->verdicts[gate][group];
    char ground[96];
    put_ground(compare, gate, group, ground, sizeof ground);
    if (verdict->outcome == ERG_GATE_UNKNOWN)
        snprintf(out, VERDICT_BYTES, "%s cannot be judged: no values of %c or A",
                 compare->gates[gate].text, (char)('A' + group));
    else
        snprintf(out, VERDICT_BYTES, "%s %s: %c %+.1f %% (%s)", compare->gates[gate].text,
                 words[verdict->outcome], (char)('A' + group), verdict->change_ratio * 100, ground);
}
