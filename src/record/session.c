/* SPDX-License-Identifier: MIT */
#include "record/session.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/system.h"
#include "base/utf8.h"
#include "record/command.h"
#include "record/conditions.h"
#include "record/fit.h"
#include "record/live.h"
#include "stream/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PUMP_MS = 100, QUIT_PATIENCE_MS = 2000 };

/* How long a cancelled engine may take to end the run in good order. */
#define CANCEL_PATIENCE_NS INT64_C(10000000000)

struct erg_session {
    char *engine_path;
    struct erg_engine engine;
    struct erg_root root;
    const struct erg_clock *clock;
    bool running; /* the engine process is there and has not failed */
    const struct erg_pmu *pmu;
    struct erg_counters counters;
};

/* "ergon-llama" in the folder of this program. */
static int default_engine(char *out, size_t out_bytes, struct erg_err *err)
{
    char self[ERG_MAX_PATH_BYTES];
    if (erg_system_program_path(self, sizeof self) < 0)
        return erg_fail(err, ERG_NOT_FOUND, "cannot tell where this program is (use --engine)");
    char *slash = strrchr(self, '/');
    int n = snprintf(out, out_bytes, "%.*s/ergon-llama", (int)(slash ? slash - self : 0), self);
    if (n < 0 || (size_t)n >= out_bytes)
        return erg_fail(err, ERG_LIMIT, "the path of this program is too long");
    return 0;
}

/* The engine of the run before serves the next one too, unless it has ended meanwhile. */
static int start_engine(struct erg_session *session, struct erg_err *err)
{
    if (session->running && erg_engine_listens(&session->engine))
        return 0;
    if (session->running)
        erg_engine_stop(&session->engine, 0);
    int rc = erg_engine_start(&session->engine, session->engine_path, err);
    session->running = rc == 0;
    erg_counters_close(&session->counters);
    if (rc == 0)
        erg_counters_open(&session->counters, session->pmu, session->engine.pid);
    return rc;
}

int erg_session_open(struct erg_session **out, const struct erg_session_options *options,
                     struct erg_err *err)
{
    char path[ERG_MAX_PATH_BYTES];
    if (!options->engine_path) {
        int rc = default_engine(path, sizeof path, err);
        if (rc)
            return rc;
    }
    struct erg_session *session = erg_calloc(1, sizeof *session);
    if (!session)
        return erg_fail(err, ERG_NOMEM, "no memory for a session");
    session->engine = (struct erg_engine){.fd = -1, .stderr_fd = -1};
    session->engine_path = erg_strdup(options->engine_path ? options->engine_path : path);
    session->clock = options->clock ? options->clock : erg_clock_system();
    session->pmu = options->pmu ? options->pmu : erg_pmu_system();
    if (options->root)
        session->root = *options->root;
    int rc = session->engine_path ? start_engine(session, err)
                                  : erg_fail(err, ERG_NOMEM, "no memory for a session");
    if (rc) {
        erg_session_close(session);
        return rc;
    }
    *out = session;
    return 0;
}

static void end_session(struct erg_session *session, int patience_ms)
{
    if (!session)
        return;
    erg_counters_close(&session->counters);
    erg_engine_stop(&session->engine, patience_ms);
    free(session->engine_path);
    free(session);
}

void erg_session_close(struct erg_session *session)
{
    end_session(session, QUIT_PATIENCE_MS);
}

void erg_session_kill(struct erg_session *session)
{
    end_session(session, 0);
}

static void stage(const struct erg_run_observer *observer, const char *what)
{
    if (observer && observer->stage)
        observer->stage(observer->user, what);
}

static int send_command(struct erg_live *live,
                        void (*write)(const struct erg_run_options *, struct erg_buf *),
                        struct erg_err *err)
{
    struct erg_buf json;
    erg_buf_init(&json);
    write(live->options, &json);
    int rc = erg_buf_status(&json) ? erg_fail(err, ERG_NOMEM, "no memory for a command")
                                   : erg_engine_send(live->engine, erg_buf_view(&json), err);
    erg_buf_deinit(&json);
    /* An engine that has ended may have left a whole run to be read: that is heard out. */
    return rc == ERG_GONE ? 0 : rc;
}

/*
 * Pump until the model is loaded, the engine says no, or it is gone. An engine that takes no
 * commands simply begins its run.
 */
static int load_model(struct erg_live *live, struct erg_err *err)
{
    int rc = send_command(live, erg_command_load, err);
    while (rc == 0 && !live->loaded && !live->begun && !live->ended) {
        rc = erg_live_pump(live, PUMP_MS, err);
        if (rc == 0 && live->cancel_sent)
            return erg_fail(err, ERG_CANCELLED, "cancelled while loading the model");
    }
    return rc;
}

/* With polled sensors: let the machine rest and remember when. */
static int measure_idle(struct erg_live *live, struct erg_err *err)
{
    int64_t idle_ns = live->options->idle_ns;
    if (idle_ns <= 0 || !erg_power_is_polled(live->power))
        return 0;
    stage(live->observer, "measuring idle power");
    int64_t t0 = erg_clock_now_ns(live->clock), now = t0;
    int rc = 0;
    while (rc == 0 && !live->cancel_sent && (now = erg_clock_now_ns(live->clock)) < t0 + idle_ns)
        rc = erg_live_pump(live, 20, err);
    if (rc)
        return rc;
    struct erg_buf record;
    erg_buf_init(&record);
    erg_write_idle(&record, t0, now);
    rc = erg_tape_put(live->tape, record.data, record.len, err);
    erg_buf_deinit(&record);
    return rc;
}

static int generate(struct erg_live *live, struct erg_err *err)
{
    if (live->cancel_sent && !live->begun)
        return erg_fail(err, ERG_CANCELLED, "cancelled before the run began");
    stage(live->observer, "running");
    int rc = live->ended ? 0 : send_command(live, erg_command_run, err);
    while (rc == 0 && !live->ended) {
        rc = erg_live_pump(live, PUMP_MS, err);
        if (live->cancel_sent && !live->ended &&
            erg_clock_now_ns(live->clock) - live->cancel_ns > CANCEL_PATIENCE_NS)
            return erg_fail(err, ERG_CANCELLED, "the engine did not stop when asked to");
    }
    return rc;
}

/* How it ended, in the words of the contract. */
struct ending {
    const char *status;
    int code;
    char failure[512];
};

static void describe_ending(struct erg_session *session, struct erg_live *live, int rc,
                            const struct erg_err *err, struct ending *out)
{
    const char *reason = erg_join_end_reason(live->join);
    int status = erg_join_end_status(live->join);
    *out = (struct ending){.status = "failed", .code = rc};
    if (rc == ERG_GONE) {
        char obituary[400];
        erg_engine_obituary(&session->engine, obituary, sizeof obituary);
        snprintf(out->failure, sizeof out->failure, "the engine %s", obituary);
    } else if (live->interrupted) {
        out->status = "interrupted";
        snprintf(out->failure, sizeof out->failure, "%s", err->text);
    } else if (rc == ERG_CANCELLED || status == ERG_END_CANCELLED) {
        out->status = "cancelled";
        out->code = ERG_CANCELLED;
    } else if (rc) {
        snprintf(out->failure, sizeof out->failure, "%s", err->text);
    } else if (status == ERG_END_COMPLETE && live->begun) {
        out->status = "complete";
    } else if (status == ERG_END_COMPLETE) {
        out->code = ERG_CORRUPT;
        snprintf(out->failure, sizeof out->failure, "the engine did not say what it ran");
    } else {
        /* Before the first pass it is what was asked for, before the run it is the model. */
        out->code = !live->loaded                     ? ERG_UNSUPPORTED
                    : erg_join_passes(live->join) > 0 ? ERG_IO
                                                      : ERG_INVALID;
        snprintf(out->failure, sizeof out->failure, "%s", reason ? reason : "unknown reason");
    }
}

static int close_tape(struct erg_live *live, const struct ending *ending,
                      const struct erg_conditions *conditions, struct erg_err *err)
{
    struct erg_buf json, record, power;
    erg_buf_init(&json);
    erg_buf_init(&record);
    erg_buf_init(&power);
    if (erg_power_describe(live->power, &power, NULL))
        erg_buf_clear(&power); /* then what the sources said at the beginning stands */
    erg_header_write_end(ending->status, ending->failure[0] ? ending->failure : NULL, conditions,
                         erg_buf_view(&power), &json);
    erg_write_recording_end(&record, erg_clock_now_ns(live->clock), erg_buf_view(&json));
    int rc = erg_buf_status(&json) || erg_buf_status(&record)
                 ? erg_fail(err, ERG_NOMEM, "no memory for the end of a run")
                 : erg_tape_put(live->tape, record.data, record.len, err);
    erg_buf_deinit(&json);
    erg_buf_deinit(&record);
    erg_buf_deinit(&power);
    return erg_join_is_closed(live->join) ? 0 : rc;
}

/* Everything to its place: rows to the store, the recording to its name, facts to the result. */
static int conclude(struct erg_live *live, const struct ending *ending,
                    const struct erg_conditions *conditions, struct erg_run_result *out,
                    struct erg_err *err)
{
    struct erg_err store_err = {0};
    erg_live_stop_power(live, NULL);
    int rc = close_tape(live, ending, conditions, err);
    if (rc == 0)
        rc = erg_join_finish(live->join, err);
    int stored = erg_tape_keep(live->tape, &store_err);
    if (!stored && live->store_err.code) {
        store_err = live->store_err;
        stored = store_err.code;
        erg_err_prefix(&store_err, "the run is not stored");
    }
    if (rc == 0)
        rc = erg_outcome_update(&live->outcome, err);
    if (rc == 0 && live->outcome.writer) {
        int written = erg_writer_finish(live->outcome.writer, stored ? NULL : &store_err);
        live->outcome.writer = NULL;
        if (written && !stored)
            erg_err_prefix(&store_err, "not all of the run is stored");
        stored = stored ? stored : written;
    }
    if (rc == 0)
        rc = erg_outcome_result(&live->outcome, out, err);
    out->failure_code = ending->code;
    if (stored && !out->store_failure)
        out->store_failure = erg_strdup(store_err.text);
    return rc;
}

/*
 * Without a beginning there is nothing to show, and a run that ended before anything was evaluated,
 * with a reason, was never a run.
 */
static bool never_ran(const struct erg_live *live, const struct ending *ending)
{
    if (!live->begun)
        return true;
    return strcmp(ending->status, "failed") == 0 && ending->code != ERG_GONE &&
           erg_join_passes(live->join) == 0;
}

/* What the machine is like just after a run; `before` tells which throttling was the run's. */
static void read_conditions(const struct erg_live *live, const struct erg_conditions *before,
                            struct erg_conditions *out)
{
    erg_conditions_read(live->root, out);
    int64_t since = out->throttle_count - before->throttle_count;
    bool known = out->throttle_count >= 0 && before->throttle_count >= 0 && since >= 0;
    out->throttle_count = known ? since : -1;
}

static int run_on(struct erg_session *session, struct erg_live *live, struct erg_run_result *out,
                  struct erg_err *err)
{
    struct erg_err why = {0};
    struct ending ending;
    struct erg_conditions before, conditions;
    erg_conditions_read(live->root, &before);
    stage(live->observer, "loading model");
    int rc = load_model(live, &why);
    if (rc == 0 && live->loaded && !live->begun)
        rc = measure_idle(live, &why);
    if (rc == 0 && live->loaded)
        rc = generate(live, &why);
    read_conditions(live, &before, &conditions);
    describe_ending(session, live, rc, &why, &ending);
    if (rc)
        session->running = false;
    if (never_ran(live, &ending)) {
        int code = ending.code ? ending.code : ERG_INVALID;
        out->failure_code = code;
        const char *text = ending.failure[0] ? ending.failure : why.text;
        return erg_fail(err, code, "%s", *text ? text : "cancelled before the run began");
    }
    return conclude(live, &ending, &conditions, out, err);
}

/*
 * Find out that the store cannot be used before a model is loaded for it. One that others keep
 * locked hinders no run: it only is not stored, for the reason in *out_locked.
 */
static int check_store(const char *path, struct erg_err *out_locked, struct erg_err *err)
{
    struct erg_store *store = NULL;
    struct erg_err why = {0};
    if (!path)
        return 0;
    int rc = erg_store_open(&store, path, ERG_STORE_WRITE, NULL, &why);
    if (rc == 0)
        rc = erg_store_probe(store, &why);
    erg_store_close(store);
    if (rc == 0)
        return 0;
    if (rc == ERG_BUSY)
        *out_locked = why;
    else if (err)
        *err = why;
    return rc == ERG_BUSY ? 0 : rc;
}

int erg_session_run(struct erg_session *session, const struct erg_run_options *options,
                    const struct erg_run_observer *observer, struct erg_run_result *out,
                    struct erg_err *err)
{
    struct erg_live live;
    struct erg_err locked = {0};
    *out = (struct erg_run_result){0};
    const char *model = options->model_path;
    if (model && !erg_utf8_valid(model, strlen(model)))
        return erg_fail(err, ERG_INVALID,
                        "cannot run '%.150s': its path is not UTF-8, as engines are told it "
                        "(rename it, or use a link)",
                        model);
    int rc = check_store(options->store_path, &locked, err);
    if (rc == 0)
        rc = erg_fit_check(options, &session->root, err);
    if (rc == 0)
        rc = start_engine(session, err);
    if (rc == 0)
        rc = erg_live_open(&live, &session->engine, options, observer, &session->root,
                           session->clock, &out->power_unusable, err);
    if (rc)
        return rc;
    live.store_err = locked;
    live.counters = &session->counters;
    rc = run_on(session, &live, out, err);
    erg_live_close(&live);
    if (!session->running)
        erg_engine_stop(&session->engine, 0);
    if (rc && !out->power_unusable) {
        int code = out->failure_code;
        erg_run_result_deinit(out);
        out->failure_code = code;
    }
    return rc;
}
