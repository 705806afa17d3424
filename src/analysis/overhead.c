/* SPDX-License-Identifier: MIT */
#include "analysis/overhead.h"

#include "analysis/stats.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEIGHBOURS = 8 /* on each side */, REACH = 1024 /* intervals looked through for them */ };

#define TRIMMED    0.25
#define CONFIDENCE 0.95

static const char *const names[ERG_TAKENS] = {"bare", "traced", "standard", "deep"};

bool erg_pass_is_bare(const struct erg_pass_row *pass)
{
    return (pass->flags & ERG_PASS_BARE) && !(pass->flags & (ERG_PASS_TRACED | ERG_PASS_OBSERVED));
}

enum erg_taken erg_taken_of(const struct erg_pass_row *pass)
{
    if (erg_pass_is_bare(pass))
        return ERG_TAKEN_BARE;
    if (pass->flags & ERG_PASS_BARE)
        return ERG_TAKEN_TRACED;
    if (pass->flags & ERG_PASS_DEEP)
        return ERG_TAKEN_DEEP;
    return pass->values[ERG_VALUE_MEAN] ? ERG_TAKEN_STANDARD : ERG_TAKEN_TRACED;
}

const char *erg_taken_name(enum erg_taken taken)
{
    return names[taken];
}

void erg_overhead_deinit(struct erg_overhead *overhead)
{
    free(overhead->kept);
    free(overhead->scratch);
    *overhead = (struct erg_overhead){0};
}

/* Room for one more interval, and for sorting them all. */
static int make_room(struct erg_overhead *overhead)
{
    if (overhead->kept_count == ERG_OVERHEAD_MOST)
        return 0;
    size_t need = overhead->kept_count + 1;
    void *kept = overhead->kept, *scratch = overhead->scratch;
    int rc =
        erg_grow(&kept, &overhead->kept_capacity, need, sizeof *overhead->kept, ERG_OVERHEAD_MOST);
    overhead->kept = kept;
    if (rc == 0)
        rc = erg_grow(&scratch, &overhead->scratch_capacity, need, sizeof *overhead->scratch,
                      ERG_OVERHEAD_MOST);
    overhead->scratch = scratch;
    return rc;
}

static int keep(struct erg_overhead *overhead, int64_t ns, enum erg_taken taken)
{
    int rc = make_room(overhead);
    if (rc)
        return rc;
    overhead->kept[overhead->kept_next] = (struct erg_overhead_interval){(float)ns, 0, taken};
    overhead->kept_next = (overhead->kept_next + 1) % ERG_OVERHEAD_MOST;
    if (overhead->kept_count < ERG_OVERHEAD_MOST)
        overhead->kept_count++;
    return 0;
}

int erg_overhead_add(struct erg_overhead *overhead, const struct erg_pass_row *pass)
{
    bool decodes = pass->phase == ERG_PHASE_DECODE && pass->n_tokens == 1;
    int rc = 0;
    if (decodes && overhead->has_last && overhead->last_counts &&
        pass->position == overhead->last_position + 1 && pass->t0_ns > overhead->last_t0_ns)
        rc = keep(overhead, pass->t0_ns - overhead->last_t0_ns, overhead->last_taken);
    overhead->has_last = decodes;
    overhead->last_position = pass->position;
    overhead->last_t0_ns = pass->t0_ns;
    overhead->last_taken = erg_taken_of(pass);
    overhead->last_counts = pass->flags & ERG_PASS_REUSED;
    if (decodes) {
        overhead->tokens[overhead->last_taken]++;
        overhead->unmarked[overhead->last_taken] += !(pass->flags & ERG_PASS_BARE);
    }
    return rc;
}

/* --- ratios to the neighbourhood -------------------------------------------------------------- */

static struct erg_overhead_interval *at(const struct erg_overhead *overhead, size_t i)
{
    size_t first = overhead->kept_count == ERG_OVERHEAD_MOST ? overhead->kept_next : 0;
    return &overhead->kept[(first + i) % ERG_OVERHEAD_MOST];
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of the nearest intervals of class `taken` before and behind number `i`; NaN = none near.
 */
static double neighbourhood(const struct erg_overhead *overhead, size_t i, enum erg_taken taken)
{
    double near[2 * NEIGHBOURS];
    size_t n = 0;
    size_t first = i > REACH ? i - REACH : 0;
    size_t end = overhead->kept_count - i > REACH ? i + REACH : overhead->kept_count;
    for (size_t j = i, found = 0; j > first && found < NEIGHBOURS; j--) {
        if (at(overhead, j - 1)->taken == taken) {
            near[n++] = (double)at(overhead, j - 1)->ns;
            found++;
        }
    }
    for (size_t j = i + 1, found = 0; j < end && found < NEIGHBOURS; j++) {
        if (at(overhead, j)->taken == taken) {
            near[n++] = (double)at(overhead, j)->ns;
            found++;
        }
    }
    if (n == 0)
        return NAN;
    qsort(near, n, sizeof *near, compare);
    return n % 2 ? near[n / 2] : (near[n / 2 - 1] + near[n / 2]) / 2;
}

/* --- trimmed means ---------------------------------------------------------------------------- */

struct location {
    size_t n;
    double mean, variance; /* of the mean */
    double df;
};

/*
 * Of sorted values. The outermost values that are kept count in part, so that the same share is
 * trimmed whatever their number is: else a skewed noise would bias small samples.
 */
static struct location locate(const double *sorted, size_t n)
{
    struct location location = {.n = n};
    double cut = TRIMMED * (double)n, sum = 0, mean = 0, squares = 0;
    size_t g = (size_t)cut;
    for (size_t j = 0; j < n; j++) {
        double from = fmax((double)j, cut), to = fmin((double)j + 1, (double)n - cut);
        sum += to > from ? sorted[j] * (to - from) : 0;
    }
    location.mean = sum / ((double)n - 2 * cut);
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t j = 0; j < n; j++) {
            double value = sorted[j < g ? g : j > n - 1 - g ? n - 1 - g : j];
            if (pass)
                squares += (value - mean) * (value - mean);
            else
                mean += value / (double)n;
        }
    }
    double kept = 1 - 2 * TRIMMED;
    location.df = (double)(n - 2 * g) - 1;
    location.variance = squares / (double)(n - 1) / (kept * kept * (double)n);
    return location;
}

/*
 * Of sorted values too few to trim: their median, and its variance from their median deviation, but
 * no less than that of as many values of the most frequent class.
 */
static struct location locate_few(double *sorted, size_t n, const struct location *frequent)
{
    double middle = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    double usual = frequent->variance * (double)frequent->n / (double)n;
    for (size_t j = 0; j < n; j++)
        sorted[j] = fabs(sorted[j] - middle);
    qsort(sorted, n, sizeof *sorted, compare);
    double deviation = 1.4826 * (n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2);
    double variance = deviation * deviation / (double)n * (3.141592653589793 / 2);
    return (struct location){n, middle, fmax(variance, usual), (double)n - 1};
}

static struct location locate_class(const struct erg_overhead *overhead, enum erg_taken taken,
                                    const struct location *frequent)
{
    size_t n = 0;
    for (size_t i = 0; i < overhead->kept_count; i++) {
        if (at(overhead, i)->taken == taken && !isnan(at(overhead, i)->ratio))
            overhead->scratch[n++] = (double)at(overhead, i)->ratio;
    }
    qsort(overhead->scratch, n, sizeof *overhead->scratch, compare);
    if (n < 2)
        return (struct location){.n = n};
    return frequent && n < ERG_OVERHEAD_LEAST ? locate_few(overhead->scratch, n, frequent)
                                              : locate(overhead->scratch, n);
}

static void locate_all(const struct erg_overhead *overhead, enum erg_taken frequent,
                       struct location out[ERG_TAKENS])
{
    for (size_t i = 0; i < overhead->kept_count; i++) {
        struct erg_overhead_interval *interval = at(overhead, i);
        interval->ratio = (float)((double)interval->ns / neighbourhood(overhead, i, frequent));
    }
    out[frequent] = locate_class(overhead, frequent, NULL);
    for (int c = 0; c < ERG_TAKENS; c++) {
        if (c != (int)frequent)
            out[c] = locate_class(overhead, (enum erg_taken)c, &out[frequent]);
    }
}

/* --- the estimate ----------------------------------------------------------------------------- */

struct estimate {
    double ratio, half;
};

/* Σ share × mean / mean of the baseline − 1, and half the width of its interval. */
static struct estimate compare_classes(const struct location *classes,
                                       const double share[ERG_TAKENS], enum erg_taken baseline)
{
    double base = classes[baseline].mean, sum = 0, shares = 0, variance = 0, welch = 0;
    for (int c = 0; c < ERG_TAKENS; c++) {
        if (c == (int)baseline || share[c] == 0 || classes[c].n < 2)
            continue;
        double part = share[c] * share[c] * classes[c].variance / (base * base);
        sum += share[c] * classes[c].mean / base;
        shares += share[c];
        variance += part;
        welch += part * part / classes[c].df;
    }
    double part = sum * sum * classes[baseline].variance / (base * base);
    variance += part;
    welch += part * part / classes[baseline].df;
    double df = welch > 0 ? fmax(variance * variance / welch, 1) : 1;
    return (struct estimate){sum - shares,
                             erg_t_quantile(0.5 + CONFIDENCE / 2, df) * sqrt(variance)};
}

/* The more frequent of the classes that a token for comparison is of. */
static enum erg_taken choose_baseline(const struct erg_overhead *overhead)
{
    int64_t bare = overhead->tokens[ERG_TAKEN_BARE];
    int64_t traced = overhead->tokens[ERG_TAKEN_TRACED] - overhead->unmarked[ERG_TAKEN_TRACED];
    return bare >= traced ? ERG_TAKEN_BARE : ERG_TAKEN_TRACED;
}

static enum erg_taken choose_deepest(const struct erg_overhead *overhead)
{
    enum erg_taken deepest = ERG_TAKEN_BARE;
    for (int c = 0; c < ERG_TAKENS; c++)
        deepest = overhead->unmarked[c] ? (enum erg_taken)c : deepest;
    return deepest;
}

static void count_kept(const struct erg_overhead *overhead, size_t out[ERG_TAKENS],
                       enum erg_taken *out_frequent)
{
    memset(out, 0, ERG_TAKENS * sizeof *out);
    for (size_t i = 0; i < overhead->kept_count; i++)
        out[at(overhead, i)->taken]++;
    *out_frequent = ERG_TAKEN_BARE;
    for (int c = 0; c < ERG_TAKENS; c++) {
        if (out[c] > out[*out_frequent])
            *out_frequent = (enum erg_taken)c;
    }
}

/* Why nothing can be said; false when something can. */
static bool refuse(const struct erg_overhead_facts *facts, const size_t kept[ERG_TAKENS],
                   enum erg_taken frequent, char *out, size_t out_bytes)
{
    if (facts->deepest <= facts->baseline)
        snprintf(out, out_bytes, "no generated token was profiled");
    else if (!facts->bare_tokens)
        snprintf(out, out_bytes, "no token ran bare to compare with");
    else if (kept[facts->baseline] < ERG_OVERHEAD_LEAST)
        snprintf(out, out_bytes, "%zu token%s ran bare and can be compared: at least %d are needed",
                 kept[facts->baseline], kept[facts->baseline] == 1 ? "" : "s", ERG_OVERHEAD_LEAST);
    else if (kept[frequent] < 2 * ERG_OVERHEAD_LEAST || kept[facts->deepest] < ERG_OVERHEAD_FEW)
        snprintf(out, out_bytes,
                 "too few tokens were profiled to compare with those that ran bare: %zu",
                 kept[facts->deepest]);
    else
        return false;
    return true;
}

static void describe(struct erg_overhead_facts *facts, const size_t kept[ERG_TAKENS],
                     const struct erg_overhead_settings *settings)
{
    char tracing[96] = "";
    if (facts->baseline == ERG_TAKEN_TRACED)
        snprintf(tracing, sizeof tracing,
                 "; these were traced, which costs %.2f %% of a token, measured directly",
                 settings->tracing_pct);
    snprintf(facts->method, sizeof facts->method,
             "time from pass to pass of profiled tokens against %zu that ran bare at random "
             "places: ratio of 25 %% trimmed means, 95 %% interval by Student's t%s",
             kept[facts->baseline], tracing);
}

void erg_overhead_estimate(const struct erg_overhead *overhead,
                           const struct erg_overhead_settings *settings,
                           struct erg_overhead_facts *out)
{
    struct location classes[ERG_TAKENS];
    size_t kept[ERG_TAKENS];
    enum erg_taken frequent;
    bool all_count = settings->sampled || isfinite(settings->budget_pct);
    double share[ERG_TAKENS] = {0}, whole = 0;
    *out = (struct erg_overhead_facts){.pct = NAN,
                                       .low_pct = NAN,
                                       .high_pct = NAN,
                                       .deepest_pct = NAN,
                                       .deepest_low_pct = NAN,
                                       .deepest_high_pct = NAN,
                                       .baseline = choose_baseline(overhead),
                                       .deepest = choose_deepest(overhead)};
    memcpy(out->tokens, overhead->tokens, sizeof out->tokens);
    for (int c = 0; c < ERG_TAKENS; c++) {
        out->bare_tokens += overhead->tokens[c] - overhead->unmarked[c];
        share[c] = (double)(all_count ? overhead->tokens[c] : overhead->unmarked[c]);
        whole += share[c];
    }
    count_kept(overhead, kept, &frequent);
    if (refuse(out, kept, frequent, out->method, sizeof out->method))
        return;
    for (int c = 0; c < ERG_TAKENS; c++)
        share[c] /= whole;
    locate_all(overhead, frequent, classes);
    double extra = out->baseline == ERG_TAKEN_TRACED && isfinite(settings->tracing_pct)
                       ? settings->tracing_pct
                       : 0;
    struct estimate all = compare_classes(classes, share, out->baseline);
    memset(share, 0, sizeof share);
    share[out->deepest] = 1;
    struct estimate deepest = compare_classes(classes, share, out->baseline);
    out->measured = isfinite(all.ratio) && isfinite(all.half);
    out->pct = 100 * all.ratio + extra;
    out->low_pct = 100 * (all.ratio - all.half) + extra;
    out->high_pct = 100 * (all.ratio + all.half) + extra;
    out->deepest_pct = 100 * deepest.ratio + extra;
    out->deepest_low_pct = 100 * (deepest.ratio - deepest.half) + extra;
    out->deepest_high_pct = 100 * (deepest.ratio + deepest.half) + extra;
    describe(out, kept, settings);
}
