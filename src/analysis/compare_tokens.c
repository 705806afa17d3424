/* SPDX-License-Identifier: MIT */
#include "analysis/compare_internal.h"

#include "analysis/bootstrap.h"
#include "base/mem.h"
#include "stream/format.h"

#include <math.h>

/* The same tokens in all runs of both groups, prompt included. */
static bool agree(const struct erg_compare_group *a, const struct erg_compare_group *b)
{
    if (!a->tokens_agree || !b->tokens_agree || a->token_count != b->token_count)
        return false;
    for (size_t i = 0; i < a->token_count; i++) {
        if (a->tokens[i].id != b->tokens[i].id || a->tokens[i].phase != b->tokens[i].phase)
            return false;
    }
    return a->token_count > 0;
}

/* Means over the group's runs of the generated tokens. */
static size_t fill(const struct erg_compare_group *group, int metric, double *out)
{
    size_t count = 0;
    for (size_t i = 0; i < group->token_count; i++) {
        const struct erg_compare_token *token = &group->tokens[i];
        double sum = metric == ERG_COMPARE_TOKEN_MS ? token->ms : token->mj;
        if (token->phase == ERG_PHASE_DECODE)
            out[count++] = sum / (double)group->token_runs;
    }
    return count;
}

static bool all_known(const double *values, size_t count)
{
    bool known = true;
    for (size_t i = 0; i < count; i++)
        known &= isfinite(values[i]) != 0;
    return known;
}

static int pair(struct erg_compare *compare, int metric, size_t g, double *a, double *b,
                struct erg_err *err)
{
    struct erg_compare_paired *out = &compare->paired[metric][g];
    size_t count = fill(&compare->groups[0], metric, a);
    fill(&compare->groups[g], metric, b);
    if (!count || !all_known(a, count) || !all_known(b, count))
        return 0;
    int rc = erg_bootstrap_ratio(a, b, count, ERG_COMPARE_CONFIDENCE, &out->ratio, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++)
        b[i] -= a[i];
    out->autocorrelation = erg_autocorrelation(b, count);
    return erg_wilcoxon_test(b, count, &out->ranks, err);
}

int erg_compare_pair_tokens(struct erg_compare *compare, struct erg_err *err)
{
    size_t most = compare->groups[0].token_count;
    ERG_AUTO_FREE double *a = erg_calloc(most + 1, sizeof *a);
    ERG_AUTO_FREE double *b = erg_calloc(most + 1, sizeof *b);
    if (!a || !b)
        return erg_fail(err, ERG_NOMEM, "cannot compare: out of memory");
    for (size_t g = 1; g < compare->group_count; g++) {
        if (!agree(&compare->groups[0], &compare->groups[g]))
            continue;
        for (int metric = 0; metric < ERG_COMPARE_TOKENS; metric++) {
            int rc = pair(compare, metric, g, a, b, err);
            if (rc)
                return rc;
        }
    }
    return 0;
}
