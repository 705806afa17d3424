/* SPDX-License-Identifier: MIT */
#include "server/feed_priv.h"
#include "server/frames.h"
#include "stream/taxonomy.h"

#include <math.h>

static void put_details(struct erg_feed *feed)
{
    static const struct {
        enum erg_detail_kind detail;
        enum erg_frame_kind frame;
        const char *type;
    } kinds[] = {
        {ERG_DETAIL_LAYERS, ERG_FRAME_LAYERS, "layer_metrics"},
        {ERG_DETAIL_COMPONENTS, ERG_FRAME_COMPONENTS, "component_metrics"},
        {ERG_DETAIL_OPERATIONS, ERG_FRAME_OPERATIONS, "operation_metrics"},
    };
    const struct erg_extra_source pass = erg_pass_copy_view(&feed->pass);
    bool has_operations = false;
    for (uint32_t i = 0; i < pass.pass->n_spans; i++)
        has_operations |= pass.pass->spans[i].operation != 0;
    feed->pass_is_new = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].detail == ERG_DETAIL_OPERATIONS && !has_operations)
            continue;
        struct erg_jsonw *w = erg_feed_frame(feed, kinds[i].type, pass.pass->t1_ns);
        if (erg_frame_details(w, kinds[i].detail, &pass, (uint32_t)feed->pass_token) == 0)
            erg_feed_put(feed, kinds[i].frame);
    }
}

void erg_feed_put_samples(struct erg_feed *feed)
{
    if (!feed->sample_count)
        return;
    int64_t t_ns = feed->samples[feed->sample_count - 1].t_ns;
    struct erg_jsonw *w = erg_feed_frame(feed, "power_sample", t_ns);
    erg_frame_samples(w, feed->samples, feed->sample_count);
    erg_feed_put(feed, ERG_FRAME_EVENT);
    feed->sample_count = 0;
}

static void put_totals(struct erg_jsonw *w, const struct erg_feed_progress *p)
{
    double tokens = (double)p->output_tokens;
    double energy_j = (double)erg_energy_total_nj(&p->energy) / 1e9;
    bool known = erg_energy_known(&p->energy);
    if (known)
        erg_jsonw_kmicro(w, "total_energy_mj", erg_energy_total_nj(&p->energy));
    else
        erg_jsonw_knull(w, "total_energy_mj");
    erg_jsonw_kint(w, "output_tokens", p->output_tokens);
    erg_jsonw_kreal(w, "joules_per_token", known && tokens > 0 ? energy_j / tokens : NAN);
    erg_jsonw_kreal(w, "tokens_per_second",
                    p->decode_ns > 0 ? tokens / ((double)p->decode_ns / 1e9) : NAN);
    erg_jsonw_kreal(w, "power_mw", p->power_mw);
}

void erg_feed_put_progress(struct erg_feed *feed)
{
    struct erg_feed_progress *p = &feed->progress;
    struct erg_jsonw *w = erg_feed_frame(feed, "progress", feed->latest_ns);
    p->dirty = false;
    erg_jsonw_kstr(w, "stage", atomic_load(&feed->stage));
    erg_jsonw_kstr(w, "phase", p->phase < 0 ? NULL : erg_phase_name((uint32_t)p->phase));
    erg_jsonw_kstr(w, "section_name", p->section[0] ? p->section : NULL);
    if (p->layer == INT64_MIN)
        erg_jsonw_knull(w, "layer");
    else
        erg_jsonw_kint(w, "layer", p->layer);
    erg_jsonw_kint(w, "tokens_done", p->done);
    erg_jsonw_kint(w, "tokens_total", p->total);
    put_totals(w, p);
    erg_jsonw_key(w, "warnings");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < p->warning_count; i++)
        erg_jsonw_str(w, p->warnings[i]);
    erg_jsonw_arr_end(w);
    erg_feed_put(feed, ERG_FRAME_PROGRESS);
}

void erg_feed_flush(struct erg_feed *feed)
{
    if (feed->pass_is_new && feed->pass_token >= 0)
        put_details(feed);
    erg_feed_put_samples(feed);
    if (feed->progress.dirty)
        erg_feed_put_progress(feed);
}
