/* SPDX-License-Identifier: MIT */
#include "engine/llama/depth.h"

#include <math.h>
#include <string.h>

/* The first generated tokens find new graphs and cold caches: nothing is compared with them. */
enum { SETTLED = 2, LEAST = 3 /* values a median is believed of */ };

/* Tracing that was free stays so up to this many times the limit. */
#define STAYING 1.5

/* Of a budget this much is used: what is measured while it is spent is not exact. */
#define CAUTION 0.6

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(struct erg_depth_control *control)
{
    uint64_t z = control->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static int below(struct erg_depth_control *control, int n)
{
    return (int)(next_random(control) % (uint64_t)n);
}

static double uniform(struct erg_depth_control *control)
{
    return (double)(next_random(control) >> 11) / (double)(UINT64_C(1) << 53);
}

static void put(struct erg_depth_window *window, double value)
{
    window->values[window->next] = value;
    window->next = (window->next + 1) % ERG_DEPTH_WINDOW;
    window->count += window->count < ERG_DEPTH_WINDOW;
}

/* NaN when it is empty. */
static double median(const struct erg_depth_window *window)
{
    double sorted[ERG_DEPTH_WINDOW];
    unsigned n = window->count;
    for (unsigned i = 0; i < n; i++) {
        unsigned j = i;
        for (; j > 0 && sorted[j - 1] > window->values[i]; j--) {
            sorted[j] = sorted[j - 1];
        }
        sorted[j] = window->values[i];
    }
    if (n == 0) {
        return NAN;
    }
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

void erg_depth_init(struct erg_depth_control *control, const struct erg_depth_options *options)
{
    memset(control, 0, sizeof(*control));
    control->options = *options;
    control->random = options->seed;
    control->patience = 1;
}

double erg_depth_stamp_ns(const struct erg_depth_control *control)
{
    return control->stamp.count ? median(&control->stamp) : control->options.stamp_ns;
}

/* What the stamps and the report of a traced pass cost directly; of the deeper ones no less. */
static double tracing_ns(const struct erg_depth_control *control, enum erg_depth depth)
{
    return control->stamps * erg_depth_stamp_ns(control) + median(&control->report[depth]);
}

double erg_depth_tracing_ratio(const struct erg_depth_control *control)
{
    return tracing_ns(control, ERG_DEPTH_TRACED) / median(&control->interval[ERG_DEPTH_TRACED]);
}

/*
 * Whether tokens for comparison may be traced. The first one is, to find out what it costs; a
 * deeper pass, whose report has no fewer spans, can settle it before.
 */
static bool tracing_is_free(const struct erg_depth_control *control)
{
    enum erg_depth depth = control->options.depth;
    if (!control->options.traces || depth <= ERG_DEPTH_TRACED) {
        return false;
    }
    if (tracing_ns(control, depth) < ERG_FREE_RATIO * median(&control->interval[depth])) {
        return true;
    }
    /* Changing one's mind halfway would leave too few of either kind to compare with. */
    double ratio = erg_depth_tracing_ratio(control);
    double limit =
        control->interval[ERG_DEPTH_TRACED].count > 1 ? STAYING * ERG_FREE_RATIO : ERG_FREE_RATIO;
    return isnan(ratio) || ratio < limit;
}

/* One at random of each `every` calls. */
static bool draw(struct erg_depth_control *control, int every, int *at, int *left)
{
    if (*left == 0) {
        *left = every;
        *at = below(control, every);
    }
    (*left)--;
    return every - 1 - *left == *at;
}

/* What a token that is not to be profiled is taken at. */
static enum erg_depth unprofiled(const struct erg_depth_control *control)
{
    enum erg_depth depth = control->options.depth;
    if (!control->options.traces) {
        return ERG_DEPTH_BARE;
    }
    return depth < ERG_DEPTH_TRACED ? depth : ERG_DEPTH_TRACED;
}

/* Budget: what a pass usually costs beyond a bare one. */
static double usual_excess_ns(const struct erg_depth_control *control, enum erg_depth depth)
{
    if (depth == ERG_DEPTH_TRACED && control->options.traces) {
        return tracing_ns(control, depth) - median(&control->report[ERG_DEPTH_BARE]);
    }
    return median(&control->interval[depth]) - median(&control->interval[ERG_DEPTH_BARE]);
}

/* The same as long as few such passes were seen, which something else may have delayed. */
static double known_excess_ns(const struct erg_depth_control *control, enum erg_depth depth)
{
    double bare_ns = median(&control->interval[ERG_DEPTH_BARE]);
    if (control->interval[depth].count > LEAST) {
        return usual_excess_ns(control, depth);
    }
    return control->interval[depth].count == 0 ? bare_ns
                                               : fmin(usual_excess_ns(control, depth), bare_ns);
}

/*
 * With a budget: what was saved up so far pays for the next token in depth. Beside that, all
 * tokens are traced where that takes at most half of the budget.
 */
static enum erg_depth afford(struct erg_depth_control *control)
{
    enum erg_depth depth = control->options.depth;
    double bare_ns = median(&control->interval[ERG_DEPTH_BARE]);
    double per_token_ns = CAUTION * control->options.budget_ratio * bare_ns;
    double saved_ns =
        CAUTION * control->options.budget_ratio * control->base_ns - control->spent_ns;
    double deep_ns = known_excess_ns(control, depth);
    if (control->interval[ERG_DEPTH_BARE].count < LEAST) {
        return ERG_DEPTH_BARE;
    }
    if (saved_ns >= control->patience * fmax(deep_ns, per_token_ns)) {
        control->patience = 1 + uniform(control);
        return depth;
    }
    if (!control->options.traces || depth <= ERG_DEPTH_TRACED) {
        return ERG_DEPTH_BARE;
    }
    bool known = control->interval[ERG_DEPTH_TRACED].count >= LEAST;
    bool cheap = usual_excess_ns(control, ERG_DEPTH_TRACED) < per_token_ns / 2 && saved_ns > 0;
    return (known ? cheap : saved_ns > 0.1 * bare_ns) ? ERG_DEPTH_TRACED : ERG_DEPTH_BARE;
}

static struct erg_depth_choice choose(struct erg_depth_control *control)
{
    const struct erg_depth_options *o = &control->options;
    struct erg_depth_choice choice = {o->depth, false};
    bool settled = control->token >= SETTLED;
    bool compares = o->bare_every > 0 &&
                    draw(control, o->bare_every, &control->bare_at, &control->bare_left) && settled;
    if (o->depth == ERG_DEPTH_BARE) {
        return choice;
    }
    if (o->budget_ratio > 0) {
        choice.depth = settled && !compares ? afford(control) : ERG_DEPTH_BARE;
        choice.bare = choice.depth == ERG_DEPTH_BARE;
        return choice;
    }
    if (compares) {
        return (struct erg_depth_choice){
            tracing_is_free(control) ? ERG_DEPTH_TRACED : ERG_DEPTH_BARE, true};
    }
    if (o->sample_every > 1 &&
        !draw(control, o->sample_every, &control->sample_at, &control->sample_left)) {
        choice.depth = unprofiled(control);
    }
    return choice;
}

struct erg_depth_choice erg_depth_next(struct erg_depth_control *control)
{
    struct erg_depth_choice choice = choose(control);
    control->token++;
    control->count[choice.depth]++;
    return choice;
}

/*
 * Budget: what a pass has cost. One that cost far more than most do (as long as that is not known:
 * than a few bare ones take) was delayed by something else.
 */
static double excess_ns(const struct erg_depth_control *control, const struct erg_depth_cost *cost)
{
    double bare_ns = median(&control->interval[ERG_DEPTH_BARE]);
    double direct_ns = (double)cost->stamps * erg_depth_stamp_ns(control) +
                       (double)cost->report_ns - median(&control->report[ERG_DEPTH_BARE]);
    double ns = (double)cost->interval_ns - bare_ns;
    if (cost->depth == ERG_DEPTH_TRACED && control->options.traces) {
        return fmax(direct_ns, 0);
    }
    bool known = control->interval[cost->depth].count > LEAST;
    double usual_ns = known ? usual_excess_ns(control, cost->depth) : bare_ns;
    ns = fmin(ns, 3 * fmax(usual_ns, direct_ns));
    return fmax(fmax(ns, direct_ns), 0);
}

void erg_depth_took(struct erg_depth_control *control, const struct erg_depth_cost *cost)
{
    double bare_ns = median(&control->interval[ERG_DEPTH_BARE]);
    if (control->options.budget_ratio > 0 && !isnan(bare_ns)) {
        control->base_ns += bare_ns;
        control->spent_ns += cost->depth > ERG_DEPTH_BARE ? excess_ns(control, cost) : 0;
    }
    if (cost->depth > ERG_DEPTH_BARE) {
        control->stamps = (double)cost->stamps;
    }
    if (!isnan(cost->stamp_ns)) {
        put(&control->stamp, cost->stamp_ns);
    }
    if (cost->reused) {
        put(&control->interval[cost->depth], (double)cost->interval_ns);
        put(&control->report[cost->depth], (double)cost->report_ns);
    }
}
