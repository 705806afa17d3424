/* SPDX-License-Identifier: MIT */
#include "analysis/compare_internal.h"

#include "base/buf.h"
#include "base/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Groups are A, B, C, D. */
#define LETTER(g) ((char)('A' + (g)))

/* Percentage points of profiling overhead that tell apart. */
#define OVERHEAD_PCT 1.0

struct facet {
    const char *what;
    bool untold; /* too long to print */
};

static const struct facet facets[ERG_FACETS] = {
    [ERG_FACET_SOURCES] = {"power source", false},
    [ERG_FACET_GRADE] = {"grade of the energy", false},
    [ERG_FACET_MODE] = {"mode", false},
    [ERG_FACET_MODEL] = {"model", false},
    [ERG_FACET_PROMPT] = {"prompt", true},
    [ERG_FACET_OUTPUT_TOKENS] = {"number of generated tokens", false},
    [ERG_FACET_MACHINE] = {"machine", false},
    [ERG_FACET_ENGINE] = {"engine", false},
    [ERG_FACET_SETTINGS] = {"settings", false},
    [ERG_FACET_GRID] = {"grid", false},
};

static int warn(struct erg_compare *compare, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int warn(struct erg_compare *compare, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    if (compare->warning_count == sizeof compare->warnings / sizeof compare->warnings[0])
        return 0;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char *copy = erg_strdup(text);
    if (!copy)
        return ERG_NOMEM;
    compare->warnings[compare->warning_count++] = copy;
    return 0;
}

static const char *facet_of(const struct erg_compare_run *run, size_t f)
{
    return run->facets[f] ? run->facets[f] : "";
}

static bool is_mixed(const struct erg_compare_group *group, size_t f)
{
    for (size_t r = 1; r < group->run_count; r++) {
        if (strcmp(facet_of(&group->runs[0], f), facet_of(&group->runs[r], f)) != 0)
            return true;
    }
    return false;
}

static int warn_mixed(struct erg_compare *compare, size_t f)
{
    int rc = 0;
    for (size_t g = 0; g < compare->group_count && !rc; g++) {
        if (is_mixed(&compare->groups[g], f))
            rc = warn(compare, "the runs of %c do not have the same %s", LETTER(g), facets[f].what);
    }
    return rc;
}

static int warn_facet(struct erg_compare *compare, size_t f)
{
    char list[400] = "";
    bool differs = false;
    size_t len = 0;
    const char *first = facet_of(&compare->groups[0].runs[0], f);
    for (size_t g = 0; g < compare->group_count; g++) {
        const char *here = facet_of(&compare->groups[g].runs[0], f);
        differs |= strcmp(first, here) != 0;
        int added = snprintf(list + len, sizeof list - len, "%s%c %.80s", g ? ", " : "", LETTER(g),
                             *here ? here : "not known");
        len += added > 0 && (size_t)added < sizeof list - len ? (size_t)added : 0;
    }
    int rc = warn_mixed(compare, f);
    if (rc || !differs)
        return rc;
    if (facets[f].untold)
        return warn(compare, "not the same %s", facets[f].what);
    return warn(compare, "not the same %s: %s", facets[f].what, list);
}

static double mean_overhead(const struct erg_compare_group *group)
{
    struct erg_stats stats = {0};
    for (size_t r = 0; r < group->run_count; r++)
        erg_stats_add(&stats, group->runs[r].overhead_pct);
    return stats.n ? stats.mean : NAN;
}

static int warn_overhead(struct erg_compare *compare)
{
    int rc = 0;
    double first = mean_overhead(&compare->groups[0]);
    for (size_t g = 1; g < compare->group_count && !rc; g++) {
        double here = mean_overhead(&compare->groups[g]);
        if (fabs(here - first) > OVERHEAD_PCT)
            rc = warn(compare, "profiling slowed A by %.1f %% and %c by %.1f %%", first, LETTER(g),
                      here);
    }
    return rc;
}

/* Energies that no sensor has measured. */
static int warn_sources(struct erg_compare *compare)
{
    static const char *const made_up[] = {"synthetic", "replay", "estimate"};
    int rc = 0;
    for (size_t i = 0; i < sizeof made_up / sizeof made_up[0] && !rc; i++) {
        char letters[4 * ERG_COMPARE_GROUPS] = "";
        size_t len = 0;
        for (size_t g = 0; g < compare->group_count; g++) {
            const char *sources = facet_of(&compare->groups[g].runs[0], ERG_FACET_SOURCES);
            if (strstr(sources, made_up[i]))
                len += (size_t)snprintf(letters + len, sizeof letters - len, "%s%c",
                                        len ? ", " : "", LETTER(g));
        }
        if (len)
            rc = warn(compare,
                      "the power of %s was not measured (%s): its energies are no evidence about "
                      "this machine",
                      letters, made_up[i]);
    }
    return rc;
}

static int warn_counts(struct erg_compare *compare)
{
    struct erg_buf few = {0}, single = {0};
    double least = 0;
    size_t n = compare->groups[0].run_count;
    for (size_t g = 0; g < compare->group_count; g++) {
        size_t count = compare->groups[g].run_count;
        if (count < 2)
            erg_buf_printf(&single, "%s%c", single.len ? ", " : "", LETTER(g));
        else if (count < ERG_COMPARE_FEW)
            erg_buf_printf(&few, "%s%c %zu", few.len ? ", " : "", LETTER(g), count);
        if (g && n >= 2 && count >= 2)
            least = fmax(least, erg_mann_whitney_least_p(n, count));
    }
    int rc = erg_buf_status(&few) ? ERG_NOMEM : erg_buf_status(&single);
    if (!rc && single.len)
        rc = warn(compare,
                  "a single run is no sample: no p-values for %s (n ≥ 2; 'ergon run "
                  "--repeat 10')",
                  erg_buf_view(&single));
    if (!rc && few.len)
        rc = warn(compare, "fewer than %d runs (%s): tests see only large differences",
                  ERG_COMPARE_FEW, erg_buf_view(&few));
    if (!rc && least > ERG_COMPARE_ALPHA)
        rc = warn(compare, "with so few runs Mann–Whitney's p cannot be below %.2g", least);
    erg_buf_deinit(&few);
    erg_buf_deinit(&single);
    return rc;
}

static bool is_priced(const struct erg_compare *compare)
{
    return compare->selected[erg_compare_metric_find("cost_usd")] ||
           compare->selected[erg_compare_metric_find("co2_g")];
}

int erg_compare_warn(struct erg_compare *compare, struct erg_err *err)
{
    int rc = warn_counts(compare);
    if (!rc)
        rc = warn_sources(compare);
    for (size_t f = 0; f < ERG_FACETS && !rc; f++) {
        if (f != ERG_FACET_GRID || is_priced(compare))
            rc = warn_facet(compare, f);
    }
    if (!rc)
        rc = warn_overhead(compare);
    return rc ? erg_fail(err, rc, "cannot compare: out of memory") : 0;
}
