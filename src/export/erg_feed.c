/* SPDX-License-Identifier: MIT */
#include "export/erg_feed.h"

#include "base/jsonw.h"
#include "energy/wide.h"
#include "stream/writer.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_CHANNELS = ERG_DOMAINS + ERG_MAX_PADS };

/* Source of channel `i`: the summary's list in order, its last one for all further channels. */
static const char *source_of(const struct erg_plan *plan, uint32_t i)
{
    const json_t *list = json_object_get(json_object_get(plan->facts->summary, "power"), "sources");
    size_t count = json_array_size(list);
    const char *name = json_string_value(json_array_get(list, count && i >= count ? count - 1 : i));
    return name ? name : "unknown";
}

static void put_channel(const struct erg_plan *plan, struct erg_jsonw *w, uint32_t i, int d,
                        int device, const struct erg_domain_plan *domain)
{
    char name[32];
    snprintf(name, sizeof name, "%s%d", erg_domain_name((enum erg_domain)d), device);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "name", name);
    erg_jsonw_kstr(w, "source", source_of(plan, i));
    erg_jsonw_kstr(w, "domain", erg_domain_name((enum erg_domain)d));
    erg_jsonw_kint(w, "device", device);
    erg_jsonw_kstr(w, "quantity", "energy");
    erg_jsonw_kint(w, "update_period_ns", domain->period_ns);
    erg_jsonw_kint(w, "max_gap_ns", 0);
    erg_jsonw_kbool(w, "estimated", domain->estimated);
    erg_jsonw_kbool(w, "synthetic", plan->synthetic);
    erg_jsonw_obj_end(w);
}

/* What the summary says of the sources themselves comes back as it is. */
static void put_details(const struct erg_plan *plan, struct erg_jsonw *w)
{
    const json_t *power = json_object_get(plan->facts->summary, "power");
    const json_t *details = json_object_get(power, "source_details");
    char *text = details ? json_dumps(details, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    if (text) {
        erg_jsonw_key(w, "source_details");
        erg_jsonw_raw(w, text);
    }
    free(text);
}

static int first_used(const struct erg_plan *plan)
{
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (plan->domains[d].used)
            return d;
    }
    return -1;
}

void erg_reading_feed_power(struct erg_reading_feed *feed)
{
    const struct erg_plan *plan = feed->plan;
    struct erg_buf json;
    struct erg_jsonw w;
    uint32_t i = 0;
    erg_buf_init(&json);
    erg_jsonw_init(&w, &json);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_key(&w, "sources");
    erg_jsonw_arr_begin(&w);
    erg_jsonw_arr_end(&w);
    erg_jsonw_key(&w, "channels");
    erg_jsonw_arr_begin(&w);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (plan->domains[d].used)
            put_channel(plan, &w, i++, d, 0, &plan->domains[d]);
    }
    int of_pads = first_used(plan) < 0 ? 0 : first_used(plan);
    for (uint32_t k = 0; k < plan->pads; k++)
        put_channel(plan, &w, i++, of_pads, (int)k + 1, &plan->domains[of_pads]);
    erg_jsonw_arr_end(&w);
    erg_jsonw_kmicro(&w, "interval_ms", plan->interval_ns);
    put_details(plan, &w);
    erg_jsonw_obj_end(&w);
    if (erg_jsonw_finish(&w) && !feed->buf->status)
        feed->buf->status = erg_buf_status(&json);
    erg_write_power(feed->buf, erg_buf_view(&json));
    erg_buf_deinit(&json);
}

/* Readings of the domains in `mask` (and of the pads) with E as it is at the last edge. */
static void put_edge(struct erg_reading_feed *feed, int64_t t_ns, uint32_t mask, bool pads)
{
    struct erg_channel_value values[MAX_CHANNELS];
    uint32_t count = 0, channel = 0;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (!feed->plan->domains[d].used)
            continue;
        if (mask >> d & 1)
            values[count++] = (struct erg_channel_value){channel, 0, feed->domains[d].edge_nj};
        channel++;
    }
    bool readable = first_used(feed->plan) >= 0; /* else no channel has ever been read */
    for (uint32_t k = 0; k < feed->plan->pads && pads && readable; k++)
        values[count++] = (struct erg_channel_value){channel + k, 0, 0};
    int64_t at = feed->plan->base_ns + t_ns;
    if (count)
        erg_write_reading(feed->buf, at, at, ERG_READING_EDGE, values, count);
}

/* A sample's readings, dated so that the curves have them at `curve_ns`. */
static void put_grid(struct erg_reading_feed *feed, int64_t t_ns, int64_t curve_ns, uint32_t mask)
{
    struct erg_channel_value values[ERG_DOMAINS];
    uint32_t count = 0, channel = 0;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (!feed->plan->domains[d].used)
            continue;
        if (mask >> d & 1)
            values[count++] = (struct erg_channel_value){channel, 0, feed->domains[d].state_nj};
        channel++;
    }
    int64_t after = feed->plan->base_ns + t_ns, before = after - 2 * (t_ns - curve_ns);
    if (count)
        erg_write_reading(feed->buf, before, after, ERG_READING_GRID, values, count);
}

static void put_interval(struct erg_reading_feed *feed, const struct erg_interval *interval,
                         int lead, uint32_t mask)
{
    if (!interval->known)
        return;
    put_edge(feed, interval->t0_ns, mask, true);
    feed->domains[lead].edge_nj += interval->nj;
    put_edge(feed, interval->t1_ns, mask, true);
}

void erg_reading_feed_begin(struct erg_reading_feed *feed)
{
    const struct erg_plan *plan = feed->plan;
    int lead = erg_plan_lead(plan);
    uint32_t mask = 0;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        const struct erg_domain_plan *domain = &plan->domains[d];
        feed->domains[d].edge_nj = domain->zero_nj;
        feed->domains[d].state_ns = domain->prime_ns;
        feed->domains[d].state_nj = domain->prime_nj;
        if (domain->used && domain->start_ns == 0)
            mask |= 1u << d;
    }
    if (lead >= 0)
        feed->domains[lead].edge_nj -= plan->load.nj + plan->idle.nj;
    put_edge(feed, plan->origin_ns, mask, true);
    bool load_first = plan->load.t0_ns <= plan->idle.t0_ns;
    put_interval(feed, load_first ? &plan->load : &plan->idle, lead, mask);
    put_interval(feed, load_first ? &plan->idle : &plan->load, lead, mask);
    if (plan->has_idle)
        erg_write_idle(feed->buf, plan->base_ns + plan->idle.t0_ns,
                       plan->base_ns + plan->idle.t1_ns);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        const struct erg_domain_plan *domain = &plan->domains[d];
        feed->domains[d].floor_nj = feed->domains[d].ceiling_nj = feed->domains[d].edge_nj;
        if (domain->sampled)
            put_grid(feed, domain->prime_ns, mask >> d & 1 ? plan->origin_ns : domain->prime_ns,
                     1u << d);
    }
    feed->edge_ns = feed->known_ns = plan->origin_ns;
}

/* The part of the rest that has been spent after `passed_ns` of its gaps. */
static int64_t part_of(int64_t rest_nj, int64_t passed_ns, int64_t gap_ns)
{
    if (rest_nj <= 0 || gap_ns <= 0)
        return 0;
    return (int64_t)((erg_u128)rest_nj * (erg_u128)passed_ns / (erg_u128)gap_ns);
}

void erg_reading_feed_gap(struct erg_reading_feed *feed, uint32_t present, uint32_t gap,
                          int64_t length_ns)
{
    for (int d = 0; d < ERG_DOMAINS && gap < ERG_GAPS; d++) {
        const struct erg_domain_plan *domain = &feed->plan->domains[d];
        struct erg_reading_feed_domain *at = &feed->domains[d];
        if (!(present & feed->last_present & 1u << d))
            continue;
        at->passed_ns[gap] += length_ns;
        int64_t given = part_of(domain->rest_nj[gap], at->passed_ns[gap], domain->gap_ns[gap]);
        at->ceiling_nj += given - at->given_nj[gap];
        at->given_nj[gap] = given;
    }
}

/* E reaches its ceiling. */
static void rise(struct erg_reading_feed *feed)
{
    for (int d = 0; d < ERG_DOMAINS; d++)
        feed->domains[d].edge_nj = feed->domains[d].floor_nj = feed->domains[d].ceiling_nj;
}

void erg_reading_feed_item_begin(struct erg_reading_feed *feed, int64_t t0_ns,
                                 const struct erg_energy *energy)
{
    uint32_t late = 0;
    rise(feed);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        const struct erg_domain_plan *domain = &feed->plan->domains[d];
        if (energy->present >> d & 1 && domain->start_ns > t0_ns)
            late |= 1u << d;
    }
    put_edge(feed, t0_ns, energy->present & ~late, true);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (late >> d & 1)
            put_edge(feed, feed->plan->domains[d].start_ns, 1u << d, false);
        if (energy->present >> d & 1)
            feed->domains[d].ceiling_nj += energy->nj[d];
    }
    feed->last_present = energy->present;
    feed->edge_ns = feed->known_ns = t0_ns;
}

void erg_reading_feed_item_end(struct erg_reading_feed *feed, int64_t t0_ns, int64_t t1_ns)
{
    uint32_t early = 0;
    rise(feed);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        const struct erg_domain_plan *domain = &feed->plan->domains[d];
        if (!(feed->last_present >> d & 1) || domain->last_t0_ns != t0_ns ||
            domain->end_ns >= t1_ns)
            continue;
        put_edge(feed, domain->end_ns, 1u << d, false);
        early |= 1u << d;
    }
    put_edge(feed, t1_ns, feed->last_present & ~early, true);
    feed->edge_ns = t1_ns;
    if (!early)
        feed->known_ns = t1_ns;
}

void erg_reading_feed_last(struct erg_reading_feed *feed)
{
    for (int d = 0; d < ERG_DOMAINS; d++)
        feed->domains[d].ceiling_nj = INT64_MAX;
}

/* Go to the sample's reading; opens another interval when its own one cannot give its power. */
static void advance(struct erg_reading_feed *feed, int d, int64_t t_ns, double mw)
{
    struct erg_reading_feed_domain *at = &feed->domains[d];
    int64_t dt_ns = t_ns - at->state_ns, other_ns, nj = 0;
    if (dt_ns <= 0)
        dt_ns = 1;
    bool exact = erg_ratio_used(mw, dt_ns, &nj);
    if (!exact && feed->plan->upfront && erg_ratio_find(mw, dt_ns, &other_ns, &nj) &&
        other_ns < feed->plan->base_ns / 4) {
        int64_t from = t_ns - other_ns;
        put_grid(feed, from, from < feed->plan->origin_ns ? from : feed->plan->origin_ns, 1u << d);
    }
    at->state_nj += nj;
    at->state_ns = t_ns;
}

/* Does E(t) run through the sample's readings? */
static bool fits(const struct erg_reading_feed *feed, int64_t t_ns, uint32_t mask)
{
    bool all = t_ns >= 0 && t_ns >= feed->edge_ns && !feed->plan->upfront;
    for (int d = 0; d < ERG_DOMAINS && all; d++) {
        const struct erg_domain_plan *domain = &feed->plan->domains[d];
        const struct erg_reading_feed_domain *at = &feed->domains[d];
        if (!(mask >> d & 1))
            continue;
        bool covered = t_ns >= domain->start_ns &&
                       (t_ns <= domain->end_ns || domain->end_ns >= feed->plan->facts->duration_ns);
        all = covered && at->state_nj >= at->floor_nj && at->state_nj <= at->ceiling_nj;
    }
    return all;
}

void erg_reading_feed_sample(struct erg_reading_feed *feed, const struct erg_sample_row *row)
{
    uint32_t mask = 0;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (isnan(row->mw[d]) || !feed->plan->domains[d].used)
            continue;
        advance(feed, d, row->t_ns, row->mw[d]);
        mask |= 1u << d;
    }
    if (!fits(feed, row->t_ns, mask)) {
        int64_t known_ns = feed->known_ns < row->t_ns ? feed->known_ns : row->t_ns;
        put_grid(feed, row->t_ns, known_ns, mask);
        return;
    }
    put_grid(feed, row->t_ns, row->t_ns, mask);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (mask >> d & 1)
            feed->domains[d].floor_nj = feed->domains[d].state_nj;
    }
}
