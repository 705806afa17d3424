/* SPDX-License-Identifier: MIT */
#include "server/feed.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "server/frames.h"
#include "server/pass_copy.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_NS INT64_C(100000000)

enum { MAX_SAMPLES = 1024, MAX_SECTIONS = 64, MAX_WARNINGS = 16, MAX_PROMPT = 2000 };

/* A section of prefill or decode: it begins with its first span and ends with its phase. */
struct section {
    char name[40];
    bool ended;
    struct erg_section_row row;
};

/* What progress says. */
struct progress {
    bool dirty;
    int64_t phase; /* -1 = none yet */
    char section[40];
    int64_t layer; /* INT64_MIN = not known */
    uint32_t done, total;
    struct erg_energy energy;
    int64_t output_tokens, decode_ns;
    double power_mw;
    char *warnings[MAX_WARNINGS];
    size_t warning_count;
};

struct erg_feed {
    struct erg_ring *ring;
    const struct erg_clock *clock;
    struct erg_feed_run run;
    _Atomic(const char *) stage;
    _Atomic int64_t tokens;
    struct erg_sensors sensors;

    struct erg_buf json;
    struct erg_jsonw w;
    int64_t latest_ns; /* position of the newest row */
    int64_t last_flush_ns;

    struct erg_sample_row samples[MAX_SAMPLES];
    size_t sample_count;
    struct erg_pass_copy pass;
    bool pass_is_new;    /* not shown yet … */
    int64_t pass_token;  /* … and this is its first token; -1 = none has come */
    uint32_t pass_index; /* of the pass that was told last */
    uint32_t phase;      /* of the latest pass, or of a section behind it */
    bool phase_known;    /* there was one */
    struct section sections[MAX_SECTIONS];
    size_t section_count;
    struct progress progress;
};

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
    feed->progress =
        (struct progress){.phase = -1, .layer = INT64_MIN, .power_mw = NAN, .dirty = false};
    feed->latest_ns = 0;
    feed->sample_count = feed->section_count = 0;
    feed->pass_is_new = feed->phase_known = false;
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

static struct erg_jsonw *begin_frame(struct erg_feed *feed, const char *type, int64_t t_ns)
{
    erg_buf_clear(&feed->json);
    erg_jsonw_init(&feed->w, &feed->json);
    erg_frame_begin(&feed->w, type, feed->run.options->id, t_ns);
    return &feed->w;
}

static void put_frame(struct erg_feed *feed, enum erg_frame_kind kind)
{
    erg_jsonw_obj_end(&feed->w);
    if (erg_jsonw_finish(&feed->w) == 0)
        erg_ring_put(feed->ring, kind, feed->json.data, feed->json.len);
    else if (kind == ERG_FRAME_EVENT)
        erg_ring_skip(feed->ring);
}

static void reach(struct erg_feed *feed, int64_t t_ns)
{
    if (t_ns > feed->latest_ns)
        feed->latest_ns = t_ns;
}

/* Asked with every row, so that who comes in the middle sees the next one. */
static bool is_watched(const struct erg_feed *feed)
{
    return erg_ring_is_watched(feed->ring, erg_clock_now_ns(feed->clock));
}

/* --- state: what there is now, ten times a second --------------------------------------------- */

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
        struct erg_jsonw *w = begin_frame(feed, kinds[i].type, pass.pass->t1_ns);
        if (erg_frame_details(w, kinds[i].detail, &pass, (uint32_t)feed->pass_token) == 0)
            put_frame(feed, kinds[i].frame);
    }
}

static void put_samples(struct erg_feed *feed)
{
    if (!feed->sample_count)
        return;
    int64_t t_ns = feed->samples[feed->sample_count - 1].t_ns;
    struct erg_jsonw *w = begin_frame(feed, "power_sample", t_ns);
    erg_frame_samples(w, feed->samples, feed->sample_count);
    put_frame(feed, ERG_FRAME_EVENT);
    feed->sample_count = 0;
}

static void put_totals(struct erg_jsonw *w, const struct progress *p)
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

static void put_progress(struct erg_feed *feed)
{
    struct progress *p = &feed->progress;
    struct erg_jsonw *w = begin_frame(feed, "progress", feed->latest_ns);
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
    put_frame(feed, ERG_FRAME_PROGRESS);
}

static void flush(struct erg_feed *feed)
{
    if (feed->pass_is_new && feed->pass_token >= 0)
        put_details(feed);
    put_samples(feed);
    if (feed->progress.dirty)
        put_progress(feed);
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
    flush(feed);
}

/* --- sections --------------------------------------------------------------------------------- */

static void start_section(struct erg_feed *feed, uint32_t phase, const char *name, int64_t t_ns)
{
    erg_frame_section_start(begin_frame(feed, "section_start", t_ns), phase, name);
    put_frame(feed, ERG_FRAME_EVENT);
}

static void end_section(struct erg_feed *feed, const struct erg_section_row *row)
{
    erg_frame_section_end(begin_frame(feed, "section_end", row->t1_ns), row);
    put_frame(feed, ERG_FRAME_EVENT);
}

/* Of prefill or decode; made, and told to begin at `t_ns`, when it is new. NULL: too many. */
static struct section *find_section(struct erg_feed *feed, uint32_t phase, const char *name,
                                    int64_t t_ns)
{
    for (size_t i = 0; i < feed->section_count; i++) {
        struct section *section = &feed->sections[i];
        if (section->row.phase == phase && strcmp(section->name, name) == 0)
            return section;
    }
    if (feed->section_count == MAX_SECTIONS)
        return NULL;
    struct section *section = &feed->sections[feed->section_count++];
    *section = (struct section){.row = {.phase = phase}};
    snprintf(section->name, sizeof section->name, "%s", name);
    start_section(feed, phase, name, t_ns);
    return section;
}

/* The first pass of a phase shows which sections it has. */
static void start_sections(struct erg_feed *feed, const struct erg_extra_source *pass)
{
    const struct erg_pass_row *row = pass->pass;
    int64_t t_ns = row->t0_ns;
    for (uint32_t i = 0; i < row->n_spans; i++) {
        const char *component = pass->name(pass->user, row->spans[i].component);
        const char *name =
            component ? erg_component_section(erg_component_find(component), row->phase) : NULL;
        if (name)
            find_section(feed, row->phase, name, t_ns);
        t_ns += (int64_t)row->spans[i].ticks * ERG_TICK_NS;
    }
}

/* Those of phases before `phase` are over once their last sums are known. */
static void end_sections(struct erg_feed *feed, uint32_t phase)
{
    for (size_t i = 0; i < feed->section_count; i++) {
        struct section *section = &feed->sections[i];
        if (section->ended || section->row.phase >= phase || !section->row.name)
            continue;
        section->ended = true;
        end_section(feed, &section->row);
    }
}

static void on_section_begins(void *user, uint32_t phase, const char *name, int64_t t_ns)
{
    struct erg_feed *feed = user;
    struct progress *p = &feed->progress;
    reach(feed, t_ns);
    start_section(feed, phase, name, t_ns);
    p->phase = phase;
    p->layer = INT64_MIN;
    snprintf(p->section, sizeof p->section, "%s", name);
    p->dirty = true;
}

static void enter_phase(struct erg_feed *feed, uint32_t phase)
{
    if (!feed->phase_known || phase > feed->phase)
        feed->phase = phase;
    feed->phase_known = true;
}

static void on_section(void *user, const struct erg_section_row *row)
{
    struct erg_feed *feed = user;
    reach(feed, row->t1_ns);
    if (row->phase != ERG_PHASE_PREFILL && row->phase != ERG_PHASE_DECODE) {
        enter_phase(feed, row->phase);
        erg_energy_add(&feed->progress.energy, &row->energy);
        end_section(feed, row);
        return;
    }
    struct section *section = find_section(feed, row->phase, row->name, row->t0_ns);
    if (!section)
        return;
    section->row = *row;
    section->row.name = section->name;
    /* Sums that come behind a pass of a later phase are the last ones. */
    if (feed->phase_known && row->phase < feed->phase && !section->ended) {
        section->ended = true;
        end_section(feed, &section->row);
    }
}

/* --- passes, tokens, samples -------------------------------------------------------------------
 */

static void on_pass(void *user, const struct erg_extra_source *pass)
{
    struct erg_feed *feed = user;
    const struct erg_pass_row *row = pass->pass;
    bool first = !feed->phase_known || row->phase > feed->phase;
    reach(feed, row->t1_ns);
    erg_energy_add(&feed->progress.energy, &row->energy);
    if (row->phase == ERG_PHASE_DECODE)
        feed->progress.decode_ns += row->t1_ns - row->t0_ns;
    feed->progress.dirty = true;
    enter_phase(feed, row->phase);
    if (first)
        start_sections(feed, pass);
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
    erg_frame_token(begin_frame(feed, "token_complete", t_ns), row);
    put_frame(feed, ERG_FRAME_EVENT);
}

static void on_sample(void *user, const struct erg_sample_row *row)
{
    struct erg_feed *feed = user;
    reach(feed, row->t_ns);
    feed->progress.power_mw = row->total_mw;
    feed->progress.dirty = true;
    if (!is_watched(feed)) {
        feed->sample_count = 0;
        erg_ring_skip(feed->ring);
        return;
    }
    feed->samples[feed->sample_count++] = *row;
    if (feed->sample_count == MAX_SAMPLES)
        put_samples(feed);
}

/* --- what the run is doing ---------------------------------------------------------------------
 */

static void on_stage(void *user, const char *what)
{
    struct erg_feed *feed = user;
    atomic_store(&feed->stage, what);
    feed->progress.dirty = true;
    if (is_watched(feed))
        put_progress(feed);
}

static void on_progress(void *user, uint32_t phase, int layer, uint32_t done, uint32_t total)
{
    struct erg_feed *feed = user;
    struct progress *p = &feed->progress;
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
    struct progress *p = &((struct erg_feed *)user)->progress;
    char *copy = p->warning_count < MAX_WARNINGS ? erg_strdup(text) : NULL;
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
    struct erg_jsonw *w = begin_frame(feed, "run_started", 0);
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
    put_frame(feed, ERG_FRAME_EVENT);
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
        .section_begins = on_section_begins,
        .section = on_section,
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
        flush(feed);
    end_sections(feed, ERG_PHASES);
    bool complete = strcmp(status, "complete") == 0, cancelled = strcmp(status, "cancelled") == 0;
    struct erg_jsonw *w = begin_frame(feed,
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
    put_frame(feed, ERG_FRAME_EVENT);
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
