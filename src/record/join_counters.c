/* SPDX-License-Identifier: MIT */
#include "record/join_internal.h"

#include "base/mem.h"
#include "energy/wide.h"

#include <stdlib.h>
#include <string.h>

/* Of a window, how much of it may lie between readings whose share of the counts is not known. */
enum { UNSURE_PART = 5 };

static int keep_reason(struct erg_join *join, struct erg_text_view text, struct erg_err *err)
{
    struct erg_buf clean;
    if (join->counters_reason || !text.len)
        return 0;
    erg_buf_init(&clean);
    erg_utf8_sanitize(text.bytes, text.len, &clean);
    join->counters_reason = erg_buf_take(&clean);
    return join->counters_reason ? 0 : erg_fail(err, ERG_NOMEM, "no memory for counters");
}

/* Does everything that both know only grow? */
static bool follows(const struct erg_counters_head *last, const struct erg_counters_head *next)
{
    bool grows = next->t_ns > last->t_ns;
    for (int i = 0; i < ERG_COUNTS; i++)
        grows &= !((last->known & next->known) >> i & 1) || next->count[i] >= last->count[i];
    return grows;
}

int erg_join_counters(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    const struct erg_counters_head *counters = &event->counters;
    int rc = keep_reason(join, event->text, err);
    if (rc)
        return rc;
    if (join->counters_count && !follows(&join->counters[join->counters_count - 1], counters))
        return 0;
    void *items = join->counters;
    rc = erg_grow(&items, &join->counters_capacity, join->counters_count + 1,
                  sizeof *join->counters, ERG_MAX_READINGS);
    if (rc)
        return erg_fail(err, rc, "cannot keep performance counters: %s", erg_code_text(rc));
    join->counters = items;
    join->counters[join->counters_count++] = *counters;
    return 0;
}

/* Index of the last reading at or before `t_ns`; the number of readings when there is none. */
static size_t reading_before(const struct erg_join *join, int64_t t_ns)
{
    size_t low = 0, high = join->counters_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (join->counters[middle].t_ns <= t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : join->counters_count;
}

/* The readings around an instant, one and the same when there is one of just that time. */
static bool bracket(const struct erg_join *join, int64_t t_ns,
                    const struct erg_counters_head **out_before,
                    const struct erg_counters_head **out_after)
{
    size_t i = reading_before(join, t_ns);
    if (i == join->counters_count)
        return false;
    *out_before = &join->counters[i];
    if ((*out_before)->t_ns != t_ns && ++i == join->counters_count)
        return false;
    *out_after = &join->counters[i];
    return true;
}

/* What every reading from the one to the other knows. */
static uint32_t known_between(const struct erg_counters_head *first,
                              const struct erg_counters_head *last)
{
    uint32_t known = last->known;
    for (; first < last; first++)
        known &= first->known;
    return known;
}

static uint64_t count_at(const struct erg_counters_head *before,
                         const struct erg_counters_head *after, int64_t t_ns, int i)
{
    if (before == after)
        return before->count[i];
    erg_u128 grown = (erg_u128)(after->count[i] - before->count[i]) *
                     (uint64_t)(t_ns - before->t_ns) / (uint64_t)(after->t_ns - before->t_ns);
    return before->count[i] + (uint64_t)grown;
}

void erg_join_counts(const struct erg_join *join, int64_t t0_ns, int64_t t1_ns,
                     struct erg_phase_counts *out)
{
    const struct erg_counters_head *a, *b, *c, *d;
    *out = (struct erg_phase_counts){0};
    if (t1_ns <= t0_ns || !bracket(join, t0_ns, &a, &b) || !bracket(join, t1_ns, &c, &d))
        return;
    int64_t unsure_ns = b->t_ns - a->t_ns + (d->t_ns - c->t_ns);
    if (unsure_ns > (t1_ns - t0_ns) / UNSURE_PART)
        return;
    out->known = known_between(a, d);
    for (int i = 0; i < ERG_COUNTS; i++) {
        if (out->known >> i & 1)
            out->count[i] = count_at(c, d, t1_ns, i) - count_at(a, b, t0_ns, i);
    }
}
