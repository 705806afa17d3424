/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "export/compare_runs.h"
#include "export/html.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The report of a comparison: its figures, set by set, since a correction for many tests depends on
 * how many there are; and of each group what charts of single runs show of the run that stands for
 * it.
 */

/* --- figures -----------------------------------------------------------------------------------*/

/* What the page asks for beside the sets: web/src/views/compare/Compare.tsx. */
static const char *const facts[] = {"joules_per_token", "total_energy_mj", "total_duration_ms"};

enum { FACTS = sizeof facts / sizeof facts[0], FACT_JOULES = 0, FACT_TIME = 2 };

static void compare_free(struct erg_compare *compare)
{
    if (compare)
        erg_compare_deinit(compare);
    free(compare);
}

/* The groups, compared in the figures of a set, or (NULL) in the facts. */
static int calculate(const struct erg_html *html, const char *set, struct erg_compare **out)
{
    const struct erg_export_request *request = html->request;
    struct erg_compare *compare = erg_calloc(1, sizeof *compare);
    if (!compare)
        return erg_fail(html->err, ERG_NOMEM, "cannot compare: out of memory");
    int rc = set ? erg_compare_select_set(compare, set, html->err) : 0;
    for (size_t i = 0; i < FACTS && !set && rc == 0; i++)
        rc = erg_compare_select(compare, facts[i], html->err);
    for (size_t g = 0; g < request->group_count && rc == 0; g++)
        rc = erg_compare_add_group(compare, request->store, request->groups[g], html->err);
    if (rc == 0)
        rc = erg_compare_load_tokens(compare, request->store, html->err);
    if (rc == 0)
        rc = erg_compare_calculate(compare, html->err);
    if (rc)
        compare_free(compare);
    else
        *out = compare;
    return rc;
}

static int write_comparison(const struct erg_html *html, const struct erg_view *view)
{
    erg_compare_write(html->compare, view->w);
    return 0;
}

static int put_figures(struct erg_html *html, const struct erg_compare *compare, const char *rest)
{
    const struct erg_html_answer answer = {rest, ERG_HTML_GZIP, write_comparison};
    html->compare = compare;
    return erg_html_put_answers(html, &answer, 1);
}

static int put_set(struct erg_html *html, const char *set)
{
    struct erg_compare *compare = NULL;
    char rest[64];
    int rc = calculate(html, set, &compare);
    snprintf(rest, sizeof rest, "compare?normalize=%s", set);
    if (rc == 0)
        rc = put_figures(html, compare, rest);
    compare_free(compare);
    return rc;
}

/* --- runs that stand for their groups ------------------------------------------------------------
 */

static bool comes_before(const struct erg_compare_run *a, const struct erg_compare_run *b, int fact)
{
    return a->values[fact] < b->values[fact] ||
           (a->values[fact] == b->values[fact] && strcmp(a->id, b->id) < 0);
}

/*
 * The run with the median of a metric, the lower one of two; NULL when none knows it. As
 * typicalRun() of web/src/views/compare/model/groups.ts.
 */
static const char *median_run(const struct erg_compare_group *group, int metric)
{
    size_t known = 0;
    for (size_t r = 0; r < group->run_count; r++)
        known += isfinite(group->runs[r].values[metric]);
    for (size_t r = 0; r < group->run_count; r++) {
        size_t before = 0;
        for (size_t k = 0; k < group->run_count; k++)
            before += isfinite(group->runs[k].values[metric]) &&
                      comes_before(&group->runs[k], &group->runs[r], metric);
        if (isfinite(group->runs[r].values[metric]) && before == (known - 1) / 2)
            return group->runs[r].id;
    }
    return NULL;
}

static const char *typical_run(const struct erg_compare_group *group)
{
    const char *id = median_run(group, erg_compare_metric_find(facts[FACT_JOULES]));
    if (!id)
        id = median_run(group, erg_compare_metric_find(facts[FACT_TIME]));
    return id ? id : group->runs[0].id;
}

/* Of tokens only how they spread. */
static int write_spread(const struct erg_html *html, const struct erg_view *view)
{
    const struct erg_view_range first = {.token = -1, .from = 0, .to = 0, .phase = ERG_PHASES};
    return erg_view_tokens(view, &first, html->err);
}

static int write_matrix(const struct erg_html *html, const struct erg_view *view)
{
    return erg_view_matrix(view, &html->split, &html->sums, &html->matrix, NULL, html->err);
}

static int put_matrices(struct erg_html *html)
{
    static const struct {
        uint32_t phase;
        const char *name;
    } phases[] = {{ERG_PHASE_PREFILL, "prefill"}, {ERG_PHASE_DECODE, "decode"}};
    for (int metric = 0; metric < ERG_MATRIX_METRICS; metric++) {
        for (size_t p = 0; p < sizeof phases / sizeof phases[0]; p++) {
            char rest[96];
            const struct erg_html_answer answer = {rest, ERG_HTML_GZIP, write_matrix};
            snprintf(rest, sizeof rest, "/matrix?metric=%s&phase=%s",
                     erg_matrix_info((enum erg_matrix_metric)metric)->name, phases[p].name);
            html->matrix = (struct erg_view_matrix){
                .metric = (enum erg_matrix_metric)metric,
                .range = {.token = -1, .to = -1, .phase = phases[p].phase},
            };
            int rc = erg_html_put_answers(html, &answer, 1);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int put_standing(struct erg_html *html, const char *run_id)
{
    static const struct erg_html_answer spread = {"/tokens?from=0&to=0", ERG_HTML_GZIP,
                                                  write_spread};
    const struct erg_export_request *request = html->request;
    struct erg_export_request one = *request;
    one.run_id = run_id;
    html->request = &one;
    int rc = erg_html_open_run(html);
    if (rc == 0)
        rc = erg_html_put_answers(html, &erg_html_summary, 1);
    if (rc == 0)
        rc = erg_html_put_answers(html, &erg_html_power, 1);
    if (rc == 0)
        rc = erg_html_put_answers(html, &spread, 1);
    if (rc == 0)
        rc = put_matrices(html);
    erg_run_sums_deinit(&html->sums);
    html->request = request;
    return rc;
}

int erg_html_put_comparison(struct erg_html *html)
{
    struct erg_compare *compare = NULL;
    const char *runs[ERG_COMPARE_GROUPS], *names[ERG_COMPARE_GROUPS], *set;
    int rc = calculate(html, NULL, &compare);
    if (rc)
        return rc;
    for (size_t g = 0; g < compare->group_count; g++) {
        runs[g] = typical_run(&compare->groups[g]);
        names[g] = compare->groups[g].name;
    }
    rc = erg_html_put_about(html, runs, compare->group_count, names, compare->group_count);
    if (rc == 0)
        rc = put_figures(html, compare,
                         "compare?metrics=joules_per_token,total_energy_mj,total_duration_ms");
    for (size_t i = 0; (set = erg_compare_set_at(i)) != NULL && rc == 0; i++)
        rc = put_set(html, set);
    if (rc == 0)
        rc = erg_html_put_answers(html, &erg_html_grid, 1);
    for (size_t g = 0; g < compare->group_count && rc == 0; g++)
        rc = put_standing(html, runs[g]);
    compare_free(compare);
    return rc;
}
