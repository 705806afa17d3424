/* SPDX-License-Identifier: MIT */
#include "server/feed_priv.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "server/frames.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_NS INT64_C(100000000)

enum { MAX_PROMPT = 2000 };

int erg_feed_new(struct erg_feed **out, struct erg_ring *ring, const struct erg_clock *clock,
                 struct erg_err *err)
{
    struct erg_feed *feed = erg_calloc(1, sizeof *feed);
    if (!feed)
        return erg_fail(err, ERG_NOMEM, "no memory for the live stream");
    feed->ring = ring;
    feed->clock = clock;
    atomic_init(&feed->stage, "");
    erg_sensors_init(&feed->sensors);
    *out = feed;
    return 0;
}

static void reset(struct erg_feed *feed)
{
    for (size_t i = 0; i < feed->progress.warning_count; i++)
        free(feed->progress.warnings[i]);
    erg_pass_copy_clear(&feed->pass);
    feed->progress = (struct erg_feed_progress){
        .phase = -1, .layer = INT64_MIN, .power_mw = NAN, .dirty = false};
    feed->latest_ns = 0;
    feed->sample_count = feed->section_count = 0;
    feed->pass_is_new = feed->phase_known = false;
    feed->pass_token = -1;
}

void erg_feed_free(struct erg_feed *feed)
{
    if (!feed)
        return;
    reset(feed);
    erg_pass_copy_deinit(&feed->pass);
    erg_sensors_deinit(&feed->sensors);
    erg_buf_deinit(&feed->json);
    free(feed);
}

/* --- frames ----------------------------------------------------------------------------------- */

struct erg_jsonw *erg_feed_frame(struct erg_feed *feed, const char *type, int64_t t_ns)
{
    erg_buf_clear(&feed->json);
    erg_jsonw_init(&feed->w, &feed->json);
    erg_frame_begin(&feed->w, type, feed->run.options->id, t_ns);
    return &feed->w;
}

void erg_feed_put(struct erg_feed *feed, enum erg_frame_kind kind)
{
    erg_jsonw_obj_end(&feed->w);
    if (erg_jsonw_finish(&feed->w) == 0)
        erg_ring_put(feed->ring, kind, feed->json.data, feed->json.len);
    else if (kind == ERG_FRAME_EVENT)
        erg_ring_skip(feed->ring);
}

void erg_feed_reach(struct erg_feed *feed, int64_t t_ns)
{
    if (t_ns > feed->latest_ns)
        feed->latest_ns = t_ns;
}

/* Asked with every row, so that who comes in the middle sees the next one. */
static bool is_watched(const struct erg_feed *feed)
{
    return erg_ring_is_watched(feed->ring, erg_clock_now_ns(feed->clock));
}

/* Called many times a second while a run goes on. */
static void tick(struct erg_feed *feed)
{
    int64_t now_ns = erg_clock_now_ns(feed->clock);
    if (!is_watched(feed)) {
        feed->pass_is_new = false;
        return;
    }
    if (now_ns - feed->last_flush_ns < PERIOD_NS)
        return;
    feed->last_flush_ns = now_ns;
    erg_feed_flush(feed);
}

/* --- passes, tokens, samples -------------------------------------------------------------------
 */

static void on_pass(void *user, const struct erg_extra_source *pass)
{
    struct erg_feed *feed = user;
    const struct erg_pass_row *row = pass->pass;
    bool first = !feed->phase_known || row->phase > feed->phase;
    erg_feed_reach(feed, row->t1_ns);
    erg_energy_add(&feed->progress.energy, &row->energy);
    if (row->phase == ERG_PHASE_DECODE)
        feed->progress.decode_ns += row->t1_ns - row->t0_ns;
    feed->progress.dirty = true;
    erg_feed_enter_phase(feed, row->phase);
    if (first)
        erg_feed_start_sections(feed, pass);
    feed->pass_is_new = is_watched(feed) && row->n_spans && erg_pass_copy(&feed->pass, pass) == 0;
    feed->pass_index = row->index;
    feed->pass_token = -1;
}

static void on_token(void *user, const struct erg_token_row *row)
{
    struct erg_feed *feed = user;
    atomic_fetch_add(&feed->tokens, 1);
    feed->progress.output_tokens += row->phase == ERG_PHASE_DECODE;
    if (row->pass == feed->pass_index && feed->pass_token < 0)
        feed->pass_token = row->index;
    int64_t t_ns = row->t0_ns + row->duration_ns;
    if (!is_watched(feed)) {
        erg_ring_skip(feed->ring);
        return;
    }
    erg_frame_token(erg_feed_frame(feed, "token_complete", t_ns), row);
    erg_feed_put(feed, ERG_FRAME_EVENT);
}

static void on_sample(void *user, const struct erg_sample_row *row)
{
    struct erg_feed *feed = user;
    erg_feed_reach(feed, row->t_ns);
    feed->progress.power_mw = row->total_mw;
    feed->progress.dirty = true;
    if (!is_watched(feed)) {
        feed->sample_count = 0;
        erg_ring_skip(feed->ring);
        return;
    }
    feed->samples[feed->sample_count++] = *row;
    if (feed->sample_count == ERG_FEED_SAMPLES)
        erg_feed_put_samples(feed);
}

/* --- what the run is doing ---------------------------------------------------------------------
 */

static void on_stage(void *user, const char *what)
{
    struct erg_feed *feed = user;
    atomic_store(&feed->stage, what);
    feed->progress.dirty = true;
    if (is_watched(feed))
        erg_feed_put_progress(feed);
}

static void on_progress(void *user, uint32_t phase, int layer, uint32_t done, uint32_t total)
{
    struct erg_feed *feed = user;
    struct erg_feed_progress *p = &feed->progress;
    p->phase = phase;
    p->section[0] = '\0';
    p->layer = layer;
    p->done = done;
    p->total = total;
    p->dirty = true;
}

static void on_channels(void *user, const struct erg_channel_state *states, uint32_t count)
{
    erg_sensors_update(&((struct erg_feed *)user)->sensors, states, count);
}

static void on_warning(void *user, const char *text)
{
    struct erg_feed_progress *p = &((struct erg_feed *)user)->progress;
    char *copy = p->warning_count < ERG_FEED_WARNINGS ? erg_strdup(text) : NULL;
    if (copy)
        p->warnings[p->warning_count++] = copy;
    p->dirty = true;
}

static bool on_cancelled(void *user)
{
    struct erg_feed *feed = user;
    tick(feed);
    return atomic_load(feed->run.cancelled);
}

static bool on_interrupted(void *user)
{
    return atomic_load(((struct erg_feed *)user)->run.interrupted);
}

/* --- begin and end -----------------------------------------------------------------------------
 */

static void put_sources(struct erg_jsonw *w, const struct erg_channel *channels, uint32_t count)
{
    erg_jsonw_key(w, "power_sources");
    erg_jsonw_arr_begin(w);
    for (uint32_t i = 0; i < count; i++) {
        bool known = false;
        for (uint32_t k = 0; k < i && !known; k++)
            known = strcmp(channels[k].source, channels[i].source) == 0;
        if (!known)
            erg_jsonw_str(w, channels[i].source);
    }
    erg_jsonw_arr_end(w);
}

static void on_opened(void *user, const struct erg_channel *channels, uint32_t count)
{
    struct erg_feed *feed = user;
    const struct erg_run_options *run = feed->run.options;
    char utc[40];
    erg_format_utc_time(feed->clock->wall_ns(feed->clock->user), utc);
    erg_sensors_begin(&feed->sensors, channels, count);
    erg_ring_begin_run(feed->ring);
    struct erg_jsonw *w = erg_feed_frame(feed, "run_started", 0);
    erg_jsonw_kstr(w, "model_name", run->model_name);
    erg_jsonw_kstr(w, "mode", run->mode);
    erg_jsonw_key(w, "prompt");
    erg_jsonw_strn(w, run->prompt, erg_utf8_truncate(run->prompt, strlen(run->prompt), MAX_PROMPT));
    erg_jsonw_key(w, "tags");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < run->tag_count; i++)
        erg_jsonw_str(w, run->tags[i]);
    erg_jsonw_arr_end(w);
    erg_jsonw_kstr(w, "experiment_name", run->experiment);
    erg_jsonw_kint(w, "max_length", run->tokens);
    erg_jsonw_kint(w, "layers", feed->run.layers);
    put_sources(w, channels, count);
    erg_jsonw_kstr(w, "started_at_utc", utc);
    erg_feed_put(feed, ERG_FRAME_EVENT);
}

void erg_feed_begin(struct erg_feed *feed, const struct erg_feed_run *run,
                    struct erg_run_observer *out_observer)
{
    reset(feed);
    feed->run = *run;
    atomic_store(&feed->stage, "starting");
    atomic_store(&feed->tokens, 0);
    *out_observer = (struct erg_run_observer){
        .user = feed,
        .opened = on_opened,
        .stage = on_stage,
        .progress = on_progress,
        .token = on_token,
        .section_begins = erg_feed_on_section_begins,
        .section = erg_feed_on_section,
        .pass = on_pass,
        .sample = on_sample,
        .channels = on_channels,
        .warning = on_warning,
        .cancelled = on_cancelled,
        .interrupted = on_interrupted,
    };
}

void erg_feed_end(struct erg_feed *feed, const char *status, const char *failure,
                  const char *summary_json)
{
    erg_sensors_end(&feed->sensors);
    if (is_watched(feed))
        erg_feed_flush(feed);
    erg_feed_end_sections(feed, ERG_PHASES);
    bool complete = strcmp(status, "complete") == 0, cancelled = strcmp(status, "cancelled") == 0;
    struct erg_jsonw *w = erg_feed_frame(feed,
                                         complete    ? "inference_complete"
                                         : cancelled ? "run_cancelled"
                                                     : "run_failed",
                                         feed->latest_ns);
    if (!complete && !cancelled)
        erg_jsonw_kstr(w, "failure", failure ? failure : status);
    if (summary_json) {
        erg_jsonw_key(w, "summary");
        erg_jsonw_raw(w, summary_json);
    }
    erg_feed_put(feed, ERG_FRAME_EVENT);
    erg_ring_end_run(feed->ring);
}

struct erg_feed_state erg_feed_state(const struct erg_feed *feed)
{
    return (struct erg_feed_state){atomic_load(&feed->stage), atomic_load(&feed->tokens)};
}

size_t erg_feed_sensors(struct erg_feed *feed, struct erg_sensor_state *out, size_t room)
{
    return erg_sensors_look(&feed->sensors, erg_clock_now_ns(feed->clock), out, room);
}
