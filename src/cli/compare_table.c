/* SPDX-License-Identifier: MIT */
#include "cli/compare_table.h"

#include "analysis/bootstrap.h"
#include "cli/listing.h"
#include "cli/units.h"

#include <math.h>
#include <stdio.h>

static const char *show(const struct erg_compare_metric *metric, double value, char *out)
{
    switch (metric->unit) {
    case ERG_COMPARE_JOULES:
        return erg_show_energy(value * 1000, out);
    case ERG_COMPARE_MILLIJOULES:
        return erg_show_energy(value, out);
    case ERG_COMPARE_MILLISECONDS:
        return erg_show_time(value, out);
    case ERG_COMPARE_MILLIWATTS:
        return erg_show_power(value, out);
    case ERG_COMPARE_NUMBER:
        break;
    }
    return erg_show_plain(value, out);
}

static void put_interval(struct erg_listing *table, const char *low, const char *high, bool known)
{
    if (known)
        erg_listing_cellf(table, "%s … %s", low, high);
    else
        erg_listing_cell(table, "–");
}

static const char *show_ratio(double ratio, char *out)
{
    if (!isfinite(ratio))
        return erg_show_plain(ratio, out);
    snprintf(out, ERG_UNIT_BYTES, "%.3f", ratio);
    return out;
}

static const char *show_p(double p, char *out)
{
    if (!isfinite(p))
        return erg_show_plain(p, out);
    snprintf(out, ERG_UNIT_BYTES, p < 0.0001 ? "< 0.0001" : "%.4f", p);
    return out;
}

static void put_groups(const struct erg_compare *compare, struct erg_buf *out)
{
    for (size_t g = 0; g < compare->group_count; g++) {
        const struct erg_compare_group *group = &compare->groups[g];
        const char *model = group->runs[0].facets[ERG_FACET_MODEL];
        erg_buf_printf(out, "%c  %s%s: %zu run%s, %s\n", (char)('A' + g), group->name,
                       g ? "" : " (baseline)", group->run_count, group->run_count == 1 ? "" : "s",
                       model ? model : "");
        for (size_t i = 0; i < group->excluded_count; i++)
            erg_buf_printf(out, "   left out: %s, which is %s\n", group->excluded[i].id,
                           group->excluded[i].status);
    }
}

static void add_columns(struct erg_listing *table, const char *const *headings, size_t count)
{
    for (size_t c = 0; c < count; c++)
        erg_listing_column(table, headings[c], c > 1 && c < 7);
}

static void add_side(struct erg_listing *table, const struct erg_compare *compare, size_t m,
                     size_t g)
{
    const struct erg_compare_metric *metric = erg_compare_metric_at(m);
    const struct erg_compare_side *side = &compare->sides[m][g];
    const struct erg_interval *interval = erg_compare_interval(side);
    char a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES];
    erg_listing_cell(table, g ? "" : metric->title);
    erg_listing_cellf(table, "%c", (char)('A' + g));
    erg_listing_cellf(table, "%zu", side->stats.n);
    erg_listing_cell(table, show(metric, side->t.mean, a));
    erg_listing_cell(table, show(metric, erg_stats_sd(&side->stats), a));
    erg_listing_cell(table, show(metric, side->median.mean, a));
    put_interval(table, show(metric, interval->low, a), show(metric, interval->high, b),
                 isfinite(interval->low));
}

static int put_figures(const struct erg_compare *compare, struct erg_buf *out)
{
    static const char *const headings[] = {"figure",          "", "n", "mean", "sd", "median",
                                           "95 % of the mean"};
    struct erg_listing table = {0};
    add_columns(&table, headings, sizeof headings / sizeof headings[0]);
    for (size_t m = 0; m < ERG_COMPARE_METRICS; m++) {
        for (size_t g = 0; g < compare->group_count && compare->selected[m]; g++)
            add_side(&table, compare, m, g);
    }
    erg_buf_putc(out, '\n');
    int rc = erg_listing_write(&table, 0, out);
    erg_listing_deinit(&table);
    return rc;
}

static void add_pair(struct erg_listing *table, const struct erg_compare *compare, size_t m,
                     size_t g)
{
    const struct erg_compare_pair *pair = &compare->pairs[m][g];
    char a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES], finding[128];
    erg_compare_finding(compare, m, g, finding);
    erg_listing_cell(table, g == 1 ? erg_compare_metric_at(m)->title : "");
    erg_listing_cellf(table, "%c / A", (char)('A' + g));
    erg_listing_cell(table, show_ratio(pair->ratio.mean, a));
    put_interval(table, show_ratio(pair->ratio.low, a), show_ratio(pair->ratio.high, b),
                 isfinite(pair->ratio.low));
    erg_listing_cell(table, show_p(pair->welch_holm, a));
    erg_listing_cell(table, show_p(pair->ranks_holm, a));
    erg_listing_cell(table, erg_show_plain(pair->hedges_g, a));
    erg_listing_cell(table, finding);
}

static int put_pairs(const struct erg_compare *compare, struct erg_buf *out)
{
    static const char *const headings[] = {"figure",  "",        "ratio",    "95 %",
                                           "p Welch", "p ranks", "Hedges g", "finding"};
    struct erg_listing table = {0};
    add_columns(&table, headings, sizeof headings / sizeof headings[0]);
    for (size_t m = 0; m < ERG_COMPARE_METRICS; m++) {
        for (size_t g = 1; g < compare->group_count && compare->selected[m]; g++)
            add_pair(&table, compare, m, g);
    }
    erg_buf_putc(out, '\n');
    int rc = erg_listing_write(&table, 0, out);
    erg_listing_deinit(&table);
    erg_buf_printf(out,
                   "p: two-sided, Holm-corrected for all rows; Welch's t decides at %g, ranks are "
                   "Mann–Whitney's U.\n"
                   "95 %%: BCa bootstrap (%d resamples, seed %d), Student's t below %d runs; of "
                   "ratios by the delta method.\n",
                   ERG_COMPARE_ALPHA, ERG_BOOTSTRAP_RESAMPLES, ERG_BOOTSTRAP_SEED, ERG_COMPARE_FEW);
    return rc;
}

static void put_paired(const struct erg_compare *compare, struct erg_buf *out)
{
    static const char *const titles[ERG_COMPARE_TOKENS] = {"time", "energy"};
    bool first = true;
    for (size_t g = 1; g < compare->group_count; g++) {
        for (int metric = 0; metric < ERG_COMPARE_TOKENS; metric++) {
            const struct erg_compare_paired *paired = &compare->paired[metric][g];
            char ratio[ERG_UNIT_BYTES], low[ERG_UNIT_BYTES], high[ERG_UNIT_BYTES];
            char p[ERG_UNIT_BYTES], r[ERG_UNIT_BYTES];
            if (!paired->ratio.n)
                continue;
            if (first)
                erg_buf_puts(out, "\nToken by token (the outputs agree; says of these runs how "
                                  "they differ, not of others):\n");
            first = false;
            erg_buf_printf(out,
                           "  %c / A  %s  %s (%s … %s), Wilcoxon p %s, %zu tokens, lag-1 "
                           "correlation %s\n",
                           (char)('A' + g), titles[metric], show_ratio(paired->ratio.mean, ratio),
                           show_ratio(paired->ratio.low, low), show_ratio(paired->ratio.high, high),
                           show_p(paired->ranks.p, p), paired->ratio.n,
                           erg_show_plain(paired->autocorrelation, r));
        }
    }
}

static void put_verdicts(const struct erg_compare *compare, struct erg_buf *out)
{
    if (compare->warning_count)
        erg_buf_putc(out, '\n');
    for (size_t i = 0; i < compare->warning_count; i++)
        erg_buf_printf(out, "warning: %s\n", compare->warnings[i]);
    if (compare->gate_count)
        erg_buf_putc(out, '\n');
    for (size_t i = 0; i < compare->gate_count; i++) {
        for (size_t g = 1; g < compare->group_count; g++) {
            char text[320];
            erg_compare_verdict_text(compare, i, g, text);
            erg_buf_printf(out, "%s\n", text);
        }
    }
}

int erg_compare_write_text(const struct erg_compare *compare, struct erg_buf *out)
{
    put_groups(compare, out);
    int rc = put_figures(compare, out);
    if (!rc)
        rc = put_pairs(compare, out);
    put_paired(compare, out);
    put_verdicts(compare, out);
    return rc ? rc : erg_buf_status(out);
}
