/* SPDX-License-Identifier: MIT */
#include "energy/timeline.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "energy/curve.h"

#include <stdlib.h>
#include <string.h>

enum { PERIODS_TO_MEASURE = 10 };

struct timeline_channel {
    struct erg_channel info;
    struct erg_curve curve;
};

struct erg_timeline {
    struct timeline_channel *channels;
    uint32_t count;
    uint32_t disjoint; /* channels that are not raw */
    size_t readings;
};

int erg_timeline_new(struct erg_timeline **out, const struct erg_channel *channels, uint32_t count,
                     struct erg_err *err)
{
    if (count > ERG_MAX_CHANNELS)
        return erg_fail(err, ERG_LIMIT, "more than %u power channels", ERG_MAX_CHANNELS);
    for (uint32_t i = 0; i < count; i++) {
        const struct erg_channel *c = &channels[i];
        if ((unsigned)c->domain >= ERG_DOMAINS || c->update_period_ns < 0 ||
            (c->quantity == ERG_QUANTITY_POWER && c->max_gap_ns <= 0))
            return erg_fail(err, ERG_INVALID, "power channel '%.63s' makes no sense", c->name);
    }
    struct erg_timeline *timeline = erg_calloc(1, sizeof *timeline);
    if (timeline)
        timeline->channels = erg_calloc(count, sizeof *timeline->channels);
    if (!timeline || !timeline->channels) {
        free(timeline);
        return erg_fail(err, ERG_NOMEM, "cannot make a timeline: out of memory");
    }
    timeline->count = count;
    for (uint32_t i = 0; i < count; i++) {
        timeline->channels[i].info = channels[i];
        timeline->disjoint += !channels[i].raw;
        erg_curve_init(&timeline->channels[i].curve, channels[i].quantity, channels[i].max_gap_ns);
    }
    *out = timeline;
    return 0;
}

void erg_timeline_free(struct erg_timeline *timeline)
{
    if (!timeline)
        return;
    for (uint32_t i = 0; i < timeline->count; i++)
        erg_curve_deinit(&timeline->channels[i].curve);
    free(timeline->channels);
    free(timeline);
}

uint32_t erg_timeline_channels(const struct erg_timeline *timeline)
{
    return timeline->count;
}

const struct erg_channel *erg_timeline_channel(const struct erg_timeline *timeline, uint32_t i)
{
    return &timeline->channels[i].info;
}

int erg_timeline_add(struct erg_timeline *timeline, uint32_t i, int64_t t_ns, int64_t value,
                     struct erg_err *err)
{
    if (i >= timeline->count)
        return erg_fail(err, ERG_INVALID, "there is no power channel %u", (unsigned)i);
    struct erg_curve *curve = &timeline->channels[i].curve;
    size_t before = curve->count;
    int rc = timeline->readings < ERG_MAX_READINGS ? erg_curve_add(curve, t_ns, value) : ERG_LIMIT;
    if (rc)
        return erg_fail(err, rc, "cannot keep a power reading: %s", erg_code_text(rc));
    timeline->readings += curve->count - before;
    return 0;
}

void erg_timeline_break(struct erg_timeline *timeline, uint32_t i)
{
    if (i < timeline->count)
        erg_curve_break(&timeline->channels[i].curve);
}

void erg_timeline_freeze(struct erg_timeline *timeline, int64_t t_ns)
{
    for (uint32_t i = 0; i < timeline->count; i++) {
        if (t_ns > timeline->channels[i].curve.frozen_ns)
            timeline->channels[i].curve.frozen_ns = t_ns;
    }
}

uint64_t erg_timeline_refused(const struct erg_timeline *timeline)
{
    uint64_t refused = 0;
    for (uint32_t i = 0; i < timeline->count; i++)
        refused += timeline->channels[i].curve.refused;
    return refused;
}

/* Does the channel know anything about [t0, t1]? An empty window is known where its instant is. */
static bool sees(const struct erg_curve *curve, int64_t t0_ns, int64_t t1_ns)
{
    if (t1_ns <= t0_ns)
        return erg_curve_covers(curve, t0_ns);
    return erg_curve_covered_ns(curve, t1_ns) > erg_curve_covered_ns(curve, t0_ns);
}

static enum erg_grade channel_grade(const struct erg_channel *channel, uint64_t window_ns)
{
    if (channel->estimated)
        return ERG_GRADE_ESTIMATED;
    if (window_ns / PERIODS_TO_MEASURE >= (uint64_t)channel->update_period_ns)
        return ERG_GRADE_MEASURED;
    return ERG_GRADE_INTERPOLATED;
}

bool erg_timeline_channel_energy(const struct erg_timeline *timeline, uint32_t i, int64_t t0_ns,
                                 int64_t t1_ns, int64_t *out_nj)
{
    if (i >= timeline->count)
        return false;
    const struct erg_curve *curve = &timeline->channels[i].curve;
    if (t1_ns < t0_ns)
        t1_ns = t0_ns;
    if (!sees(curve, t0_ns, t1_ns))
        return false;
    *out_nj = erg_curve_energy_nj(curve, t1_ns) - erg_curve_energy_nj(curve, t0_ns);
    return true;
}

struct erg_window erg_timeline_window(const struct erg_timeline *timeline, int64_t t0_ns,
                                      int64_t t1_ns)
{
    struct erg_window window = {.grade = ERG_GRADE_UNAVAILABLE};
    if (t1_ns < t0_ns)
        t1_ns = t0_ns;
    uint64_t length = erg_span_u64(t0_ns, t1_ns);
    bool any = false;
    for (uint32_t i = 0; i < timeline->count; i++) {
        const struct timeline_channel *channel = &timeline->channels[i];
        struct erg_energy part = {.present = 1u << channel->info.domain};
        if (channel->info.raw ||
            !erg_timeline_channel_energy(timeline, i, t0_ns, t1_ns, &part.nj[channel->info.domain]))
            continue;
        erg_energy_add(&window.energy, &part);
        enum erg_grade grade = channel_grade(&channel->info, length);
        if (!any || grade > window.grade)
            window.grade = grade;
        any = true;
        uint64_t covered = erg_curve_covered_ns(&channel->curve, t1_ns) -
                           erg_curve_covered_ns(&channel->curve, t0_ns);
        if (length)
            window.coverage_ratio += (double)covered / (double)length / timeline->disjoint;
    }
    if (!length)
        window.coverage_ratio = 1;
    else if (window.coverage_ratio > 1)
        window.coverage_ratio = 1; /* rounding of the sum */
    return window;
}

static int64_t first_reading_ns(const struct erg_timeline *timeline)
{
    int64_t first = INT64_MAX;
    for (uint32_t i = 0; i < timeline->count; i++) {
        const struct erg_curve *curve = &timeline->channels[i].curve;
        if (curve->count && curve->points[0].t_ns < first)
            first = curve->points[0].t_ns;
    }
    return first;
}

static bool silent(int64_t since_ns, int64_t now_ns, int64_t patience_ns)
{
    return now_ns > since_ns && patience_ns >= 0 &&
           erg_span_u64(since_ns, now_ns) > (uint64_t)patience_ns;
}

int64_t erg_timeline_settled_ns(const struct erg_timeline *timeline, int64_t now_ns,
                                int64_t patience_ns)
{
    if (timeline->disjoint == 0)
        return now_ns;
    if (timeline->readings == 0)
        return INT64_MIN;
    /* A channel that was never read is waited for from the first reading of any channel on. */
    int64_t first = first_reading_ns(timeline);
    int64_t settled = INT64_MAX;
    for (uint32_t i = 0; i < timeline->count; i++) {
        const struct erg_curve *curve = &timeline->channels[i].curve;
        if (timeline->channels[i].info.raw)
            continue;
        int64_t last = curve->count ? curve->points[curve->count - 1].t_ns : INT64_MIN;
        if (silent(curve->count ? last : first, now_ns, patience_ns))
            continue;
        if (last < settled)
            settled = last;
    }
    return settled == INT64_MAX ? now_ns : settled;
}

/* A walk along all channels, forwards: it need not search for its place at every step. */
struct walk {
    const struct erg_timeline *timeline;
    size_t ranks[ERG_MAX_CHANNELS];
};

static void begin_walk(struct walk *walk, const struct erg_timeline *timeline, int64_t t_ns)
{
    walk->timeline = timeline;
    for (uint32_t i = 0; i < timeline->count; i++)
        walk->ranks[i] = erg_curve_rank(&timeline->channels[i].curve, t_ns);
}

/* E(t) of all channels together; `t_ns` is not before the last one. */
static double walk_to_nj(struct walk *walk, int64_t t_ns)
{
    double sum = 0;
    for (uint32_t i = 0; i < walk->timeline->count; i++) {
        const struct erg_curve *curve = &walk->timeline->channels[i].curve;
        size_t *rank = &walk->ranks[i];
        if (walk->timeline->channels[i].info.raw)
            continue;
        while (*rank < curve->count && curve->points[*rank].t_ns <= t_ns)
            ++*rank;
        sum += (double)erg_curve_energy_at_nj(curve, *rank, t_ns);
    }
    return sum;
}

/* First point at or after `t_ns`. */
static size_t lower(const struct erg_curve *curve, int64_t t_ns)
{
    size_t rank = erg_curve_rank(curve, t_ns);
    return rank && curve->points[rank - 1].t_ns == t_ns ? rank - 1 : rank;
}

double erg_timeline_peak_mw(const struct erg_timeline *timeline, int64_t t0_ns, int64_t t1_ns,
                            int64_t min_window_ns)
{
    const struct erg_curve *densest = NULL;
    size_t most = 1;
    for (uint32_t i = 0; i < timeline->count && t0_ns <= t1_ns; i++) {
        const struct erg_curve *curve = &timeline->channels[i].curve;
        size_t inside = erg_curve_rank(curve, t1_ns) - lower(curve, t0_ns);
        if (inside > most && !timeline->channels[i].info.raw) {
            most = inside;
            densest = curve;
        }
    }
    if (!densest)
        return -1;
    double peak = -1;
    size_t end = erg_curve_rank(densest, t1_ns), b = lower(densest, t0_ns);
    uint64_t wanted = min_window_ns > 0 ? (uint64_t)min_window_ns : 1;
    struct walk left, right;
    begin_walk(&left, timeline, t0_ns);
    begin_walk(&right, timeline, t0_ns);
    for (size_t a = b; a < end; a++) {
        int64_t from = densest->points[a].t_ns;
        while (b < end && (b <= a || erg_span_u64(from, densest->points[b].t_ns) < wanted))
            b++;
        if (b == end)
            break;
        int64_t to = densest->points[b].t_ns;
        if (densest->points[b].covered_ns == densest->points[a].covered_ns)
            continue;
        double nj = walk_to_nj(&right, to) - walk_to_nj(&left, from);
        double mw = nj / (double)erg_span_u64(from, to) * 1000;
        if (mw > peak)
            peak = mw;
    }
    return peak;
}
