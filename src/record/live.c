/* SPDX-License-Identifier: MIT */
#include "record/live.h"

#include "base/limits.h"
#include "record/command.h"
#include "stream/writer.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define HOST_PERIOD_NS   INT64_C(500000000)
#define UPDATE_PERIOD_NS INT64_C(1000000000)

enum { COUNTERS_PERIOD_MS = 20 };

static int64_t now_ns(const struct erg_live *live)
{
    return live->clock->now_ns(live->clock->user);
}

#define LATE_MAX_NS INT64_C(2500000000)

enum { LATE_INTERVALS = 3, LOOK_MS = 2 };

/* --- the inbox: records from any thread ---------------------------------------------------------
 */

static void on_reading(void *user, int64_t t_before_ns, int64_t t_after_ns,
                       enum erg_reading_kind kind, const struct erg_channel_value *values,
                       uint32_t count)
{
    struct erg_live *live = user;
    pthread_mutex_lock(&live->inbox_lock);
    erg_write_reading(&live->inbox, t_before_ns, t_after_ns, kind, values, count);
    for (uint32_t i = 0; i < count; i++) {
        struct erg_channel_state *channel = &live->channels[values[i].channel];
        if (values[i].status)
            channel->errors++;
        else if (t_after_ns > channel->read_ns)
            channel->read_ns = t_after_ns;
    }
    pthread_mutex_unlock(&live->inbox_lock);
}

static void on_power_warning(void *user, const char *text)
{
    struct erg_live *live = user;
    pthread_mutex_lock(&live->inbox_lock);
    erg_write_log(&live->inbox, now_ns(live), ERG_LOG_WARNING, text);
    pthread_mutex_unlock(&live->inbox_lock);
}

void erg_live_warn(struct erg_live *live, const char *text)
{
    on_power_warning(live, text);
}

static int empty_inbox(struct erg_live *live, struct erg_err *err)
{
    pthread_mutex_lock(&live->inbox_lock);
    struct erg_buf full = live->inbox;
    live->inbox = live->moving;
    live->moving = full;
    pthread_mutex_unlock(&live->inbox_lock);
    int rc = erg_buf_status(&live->moving);
    if (rc)
        erg_fail(err, rc, "no memory for power readings");
    else
        rc = erg_tape_put(live->tape, live->moving.data, live->moving.len, err);
    erg_buf_clear(&live->moving);
    return rc;
}

/* --- exact sources: read wherever the join will look --------------------------------------------
 */

static void read_exact(struct erg_live *live, int64_t t_ns, enum erg_reading_kind kind)
{
    erg_power_read_exact(live->power, t_ns, kind);
}

/* Readings on the sampling grid up to `t_ns`. */
static void read_grid_until(struct erg_live *live, int64_t t_ns)
{
    int64_t interval = erg_power_interval_ns(live->power);
    for (; interval > 0 && live->next_grid_ns <= t_ns; live->next_grid_ns += interval)
        read_exact(live, live->next_grid_ns, ERG_READING_GRID);
}

/*
 * The first thing the engine reports as done is t = 0. Only now can sources whose time starts there
 * be read; their idle baseline is what they say of the time before.
 */
static void begin_exact(struct erg_live *live, int64_t zero_ns)
{
    int64_t idle_ns = live->options->idle_ns;
    erg_power_set_zero(live->power, zero_ns);
    live->next_grid_ns = zero_ns;
    if (!erg_power_is_exact(live->power) || idle_ns <= 0)
        return;
    read_exact(live, zero_ns - idle_ns, ERG_READING_EDGE);
    pthread_mutex_lock(&live->inbox_lock);
    erg_write_idle(&live->inbox, zero_ns - idle_ns, zero_ns);
    pthread_mutex_unlock(&live->inbox_lock);
}

/* Before an event goes on the tape: readings at the times its energy will be asked for. */
static void read_edges(struct erg_live *live, const struct erg_event *event)
{
    bool item = event->type == ERG_REC_SECTION_BEGIN || event->type == ERG_REC_SECTION_END ||
                event->type == ERG_REC_PASS;
    int64_t zero;
    bool has_zero = erg_join_zero_ns(live->join, &zero);
    if (!item && event->type != ERG_REC_PROGRESS && event->type != ERG_REC_RUN_END)
        return;
    if (item && !has_zero) {
        begin_exact(live, event->t_ns);
        read_exact(live, event->t_ns, ERG_READING_EDGE);
        has_zero = true;
        zero = event->t_ns;
    }
    if (!has_zero)
        return;
    if (event->type == ERG_REC_RUN_END) {
        read_grid_until(live, event->t_ns);
        read_exact(live, event->t_ns, ERG_READING_GRID);
        return;
    }
    int64_t t1 = event->type == ERG_REC_PASS ? event->pass.head.t1_ns : event->t_ns;
    int64_t edges[] = {event->t_ns, t1};
    for (size_t i = 0; item && i < 2; i++) {
        read_grid_until(live, edges[i]);
        int64_t offset = edges[i] > zero ? (edges[i] - zero) % ERG_TICK_NS : 0;
        read_exact(live, edges[i] - offset, ERG_READING_EDGE);
    }
    read_grid_until(live, t1);
}

/* --- performance counters ------------------------------------------------------------------------
 */

static void read_counters(struct erg_live *live)
{
    struct erg_counters_head counters;
    int64_t now = now_ns(live);
    if (!live->counters || (live->counters_explained && !live->counters->open))
        return;
    erg_counters_read(live->counters, now, &counters);
    live->next_counters_ns = now + COUNTERS_PERIOD_MS * INT64_C(1000000);
    pthread_mutex_lock(&live->inbox_lock);
    erg_write_counters(&live->inbox, &counters,
                       live->counters_explained ? "" : live->counters->reason);
    pthread_mutex_unlock(&live->inbox_lock);
    live->counters_explained = true;
}

/* --- events of the engine -----------------------------------------------------------------------
 */

static void tell_section(const struct erg_live *live, const struct erg_event *event)
{
    const struct erg_run_observer *observer = live->observer;
    const char *name = erg_join_name(live->join, event->name);
    int64_t zero_ns;
    if (!observer->section_begins || !name || !erg_join_zero_ns(live->join, &zero_ns))
        return;
    int64_t t_ns = event->t_ns - zero_ns;
    observer->section_begins(observer->user, event->phase, name, t_ns - t_ns % ERG_TICK_NS);
}

static void tell_observer(struct erg_live *live, const struct erg_event *event)
{
    const struct erg_run_observer *observer = live->observer;
    if (!observer)
        return;
    if (event->type == ERG_REC_LOG && observer->log)
        observer->log(observer->user, event->level_or_status, event->text.bytes, event->text.len);
    if (event->type == ERG_REC_SECTION_BEGIN)
        tell_section(live, event);
    if (event->type != ERG_REC_PROGRESS || !observer->progress)
        return;
    const struct erg_progress *p = &event->progress;
    observer->progress(observer->user, p->phase, p->layer, p->tokens_done, p->tokens_total);
}

static bool text_is(const struct erg_event *event, const char *text)
{
    return event->text.len == strlen(text) && memcmp(event->text.bytes, text, event->text.len) == 0;
}

/* From here on there are rows, and a place for them; a run goes on that has none. */
static void begin_run(struct erg_live *live)
{
    live->begun = live->loaded = true;
    if (live->options->store_path && !live->store_err.code)
        erg_outcome_store(&live->outcome, live->options->store_path, &live->store_err);
}

/*
 * Is a phase beginning or ending just now? Sections lie between phases, a prefill pass may be the
 * last one, and a phase without sections is known by its first pass or progress.
 */
static bool is_edge(struct erg_live *live, const struct erg_event *event)
{
    uint32_t phase;
    switch (event->type) {
    case ERG_REC_SECTION_BEGIN:
    case ERG_REC_SECTION_END:
    case ERG_REC_RUN_END:
        return true;
    case ERG_REC_PASS:
        phase = event->pass.head.phase;
        break;
    case ERG_REC_PROGRESS:
        phase = event->progress.phase;
        break;
    default:
        return false;
    }
    bool changed = phase != live->phase;
    live->phase = phase;
    return changed || (event->type == ERG_REC_PASS && phase == ERG_PHASE_PREFILL);
}

static int take_event(struct erg_live *live, const struct erg_event *event, struct erg_err *err)
{
    if (event->type >= ERG_REC_RECORDING)
        return erg_fail(err, ERG_CORRUPT, "the engine sent a record that only a recorder writes");
    read_edges(live, event);
    int rc = empty_inbox(live, err);
    if (rc == 0)
        rc = erg_tape_put(live->tape, event->record, event->record_bytes, err);
    if (event->type == ERG_REC_LOG && event->level_or_status == ERG_LOG_INFO &&
        text_is(event, "loaded"))
        live->loaded = true;
    if (event->type == ERG_REC_RUN_BEGIN && rc == 0)
        begin_run(live);
    if (is_edge(live, event)) {
        erg_power_poke(live->power);
        read_counters(live);
    }
    if (event->type == ERG_REC_RUN_END) {
        live->ended = true;
        live->next_host_ns = 0; /* one more sample, so that short runs have one */
    }
    tell_observer(live, event);
    return rc;
}

static void tell_channels(struct erg_live *live)
{
    struct erg_channel_state states[ERG_MAX_CHANNELS];
    const struct erg_channel *channels;
    uint32_t count = erg_power_channels(live->power, &channels);
    if (!live->observer || !live->observer->channels)
        return;
    pthread_mutex_lock(&live->inbox_lock);
    memcpy(states, live->channels, count * sizeof *states);
    pthread_mutex_unlock(&live->inbox_lock);
    live->observer->channels(live->observer->user, states, count);
}

static void sample_host(struct erg_live *live)
{
    int64_t now = now_ns(live);
    if (now < live->next_host_ns)
        return;
    live->next_host_ns = now + HOST_PERIOD_NS;
    struct erg_host_sample sample;
    erg_host_sample(&live->host, now, &sample);
    pthread_mutex_lock(&live->inbox_lock);
    erg_write_host(&live->inbox, &sample);
    pthread_mutex_unlock(&live->inbox_lock);
    tell_channels(live);
}

static int update_store(struct erg_live *live, struct erg_err *err)
{
    int64_t now = now_ns(live);
    if (now < live->next_update_ns)
        return 0;
    live->next_update_ns = now + UPDATE_PERIOD_NS;
    erg_tape_flush(live->tape, NULL); /* a failure is told at the end, by erg_tape_keep() */
    return erg_outcome_update(&live->outcome, err);
}

static bool is_interrupted(const struct erg_live *live)
{
    const struct erg_run_observer *observer = live->observer;
    return observer && observer->interrupted && observer->interrupted(observer->user);
}

/* A cancelled run gets ten seconds to end by itself; an interrupted one none. */
static int check_cancel(struct erg_live *live, struct erg_err *err)
{
    const struct erg_run_observer *observer = live->observer;
    live->interrupted = is_interrupted(live);
    if (live->interrupted)
        return erg_fail(err, ERG_CANCELLED, "the program that recorded it was ended");
    if (live->cancel_sent || !observer || !observer->cancelled ||
        !observer->cancelled(observer->user))
        return 0;
    live->cancel_sent = true;
    live->cancel_ns = now_ns(live);
    erg_engine_send(live->engine, "{\"cmd\":\"cancel\"}", NULL);
    return 0;
}

int erg_live_pump(struct erg_live *live, int timeout_ms, struct erg_err *err)
{
    int interrupted = check_cancel(live, err);
    if (interrupted)
        return interrupted;
    bool counts = live->counters && live->counters->open;
    int wait_ms = counts && timeout_ms > COUNTERS_PERIOD_MS ? COUNTERS_PERIOD_MS : timeout_ms;
    int gone = erg_engine_wait(live->engine, wait_ms, err);
    struct erg_event event;
    int rc;
    while ((rc = erg_engine_next(live->engine, &event, err)) == 1) {
        rc = take_event(live, &event, err);
        if (rc || live->ended)
            break;
    }
    if (rc < 0)
        return rc;
    sample_host(live);
    if (now_ns(live) >= live->next_counters_ns)
        read_counters(live);
    rc = empty_inbox(live, err);
    if (rc == 0)
        rc = update_store(live, err);
    return rc ? rc : gone;
}

/* --- life ---------------------------------------------------------------------------------------
 */

static int open_power(struct erg_live *live, bool *out_unusable, struct erg_err *err)
{
    struct erg_power_options options = {
        .spec = live->options->power_spec,
        .interval_ns = live->options->power_interval_ns,
        .root = live->root,
        .clock = live->clock,
        .allow_files = live->options->power_files_allowed,
        .seed = live->options->seed,
        .engine_pid = live->engine->pid,
        .cpu_idle_mw = live->options->cpu_idle_mw,
        .cpu_full_mw = live->options->cpu_full_mw,
    };
    return erg_power_open(&live->power, &options, out_unusable, err);
}

static void tell_opened(const struct erg_live *live)
{
    const struct erg_channel *channels;
    uint32_t count = erg_power_channels(live->power, &channels);
    if (live->observer && live->observer->opened)
        live->observer->opened(live->observer->user, channels, count);
}

/* The records every tape begins with. */
static int write_preface(struct erg_live *live, struct erg_err *err)
{
    struct erg_header header;
    struct erg_buf json, records;
    int rc = erg_command_header(live->options, live->root, live->clock, &header, err);
    if (rc)
        return rc;
    erg_buf_init(&json);
    erg_buf_init(&records);
    erg_write_preamble(&records);
    for (uint32_t id = 1; id < ERG_MAX_NAMES; id++) {
        const char *name = erg_reader_name(live->engine->reader, id);
        if (name)
            erg_write_name(&records, id, name);
    }
    erg_header_write(&header, &json);
    erg_write_recording(&records, header.t_ns, header.wall_ns, erg_buf_view(&json));
    erg_buf_clear(&json);
    rc = erg_power_describe(live->power, &json, err);
    erg_write_power(&records, erg_buf_view(&json));
    if (rc == 0)
        rc = erg_buf_status(&records) ? erg_fail(err, ERG_NOMEM, "no memory for a recording")
                                      : erg_tape_put(live->tape, records.data, records.len, err);
    erg_buf_deinit(&json);
    erg_buf_deinit(&records);
    erg_header_deinit(&header);
    return rc;
}

int erg_live_open(struct erg_live *live, struct erg_engine *engine,
                  const struct erg_run_options *options, const struct erg_run_observer *observer,
                  const struct erg_root *root, const struct erg_clock *clock,
                  bool *out_power_unusable, struct erg_err *err)
{
    *live = (struct erg_live){
        .engine = engine,
        .options = options,
        .observer = observer,
        .root = root,
        .clock = clock,
        .outcome = {.observer = observer},
    };
    pthread_mutex_init(&live->inbox_lock, NULL);
    for (size_t i = 0; i < ERG_MAX_CHANNELS; i++)
        live->channels[i].read_ns = INT64_MIN;
    struct erg_join_sink sink = erg_outcome_sink(&live->outcome);
    int rc = open_power(live, out_power_unusable, err);
    if (rc == 0)
        rc = erg_join_new(&live->join, &sink, err);
    live->outcome.join = live->join;
    if (rc == 0)
        rc = erg_tape_open(&live->tape, options->record_path, live->join, err);
    if (rc == 0)
        rc = write_preface(live, err);
    erg_host_init(&live->host, root, engine->pid);
    if (rc == 0)
        rc = erg_power_start(live->power, INT64_MAX, on_reading, on_power_warning, live, err);
    if (rc)
        erg_live_close(live);
    else
        tell_opened(live);
    return rc;
}

/* A sensor that tells its readings late has the end of the run in the next one. */
static int await_last_readings(struct erg_live *live, struct erg_err *err)
{
    int64_t patience_ns = LATE_INTERVALS * erg_power_interval_ns(live->power);
    int64_t deadline = now_ns(live) + (patience_ns < LATE_MAX_NS ? patience_ns : LATE_MAX_NS);
    int rc = empty_inbox(live, err);
    while (rc == 0 && erg_power_is_polled(live->power) && erg_join_is_waiting(live->join) &&
           now_ns(live) < deadline && !is_interrupted(live)) {
        poll(NULL, 0, LOOK_MS);
        rc = empty_inbox(live, err);
    }
    return rc;
}

int erg_live_stop_power(struct erg_live *live, struct erg_err *err)
{
    int rc = live->ended ? await_last_readings(live, err) : 0;
    erg_power_stop(live->power);
    int emptied = empty_inbox(live, rc ? NULL : err);
    return rc ? rc : emptied;
}

void erg_live_close(struct erg_live *live)
{
    erg_power_close(live->power);
    if (live->outcome.writer)
        erg_writer_abandon(live->outcome.writer);
    erg_tape_free(live->tape);
    erg_join_free(live->join);
    free(live->outcome.recorder);
    erg_buf_deinit(&live->inbox);
    erg_buf_deinit(&live->moving);
    pthread_mutex_destroy(&live->inbox_lock);
}
