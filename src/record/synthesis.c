/* SPDX-License-Identifier: MIT */
#include "record/synthesis.h"

#include "base/buf.h"
#include "base/jsonw.h"
#include "record/engine_process.h"

#include <string.h>

enum { WAIT_MS = 50, QUIT_PATIENCE_MS = 2000, CANCEL_PATIENCE_MS = 10000 };

struct work {
    const struct erg_synthesis_order *order;
    struct erg_engine engine;
    bool done, cancelled;
    int waited_ms; /* since it was cancelled */
};

static int send_order(struct work *work, struct erg_err *err)
{
    struct erg_jsonw w;
    struct erg_buf json;
    erg_buf_init(&json);
    erg_jsonw_init(&w, &json);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "cmd", "synth");
    erg_jsonw_kstr(&w, "model", work->order->spec);
    erg_jsonw_kstr(&w, "out", work->order->out);
    erg_jsonw_obj_end(&w);
    int rc = erg_buf_status(&json) ? erg_fail(err, ERG_NOMEM, "no memory for a command")
                                   : erg_engine_send(&work->engine, erg_buf_view(&json), err);
    erg_buf_deinit(&json);
    return rc;
}

static int take_event(struct work *work, const struct erg_event *event, struct erg_err *err)
{
    static const char done[] = "synthesised";
    const struct erg_synthesis_order *order = work->order;
    if (event->type == ERG_REC_RUN_END)
        return erg_fail(err, work->cancelled ? ERG_CANCELLED : ERG_IO, "%.*s", (int)event->text.len,
                        event->text.bytes);
    if (event->type == ERG_REC_PROGRESS && order->progress)
        order->progress(order->user, event->progress.operation, event->progress.operations);
    if (event->type == ERG_REC_LOG && event->level_or_status == ERG_LOG_INFO &&
        event->text.len == sizeof done - 1 && memcmp(event->text.bytes, done, sizeof done - 1) == 0)
        work->done = true;
    return 0;
}

static int check_cancel(struct work *work, struct erg_err *err)
{
    const struct erg_synthesis_order *order = work->order;
    if (work->cancelled) {
        work->waited_ms += WAIT_MS;
        return work->waited_ms < CANCEL_PATIENCE_MS
                   ? 0
                   : erg_fail(err, ERG_CANCELLED, "the engine did not stop when asked to");
    }
    if (!order->cancelled || !order->cancelled(order->user))
        return 0;
    work->cancelled = true;
    return erg_engine_send(&work->engine, "{\"cmd\":\"cancel\"}", err);
}

static int wait_for_end(struct work *work, struct erg_err *err)
{
    struct erg_event event;
    int rc = 0;
    while (rc == 0 && !work->done) {
        rc = check_cancel(work, err);
        int gone = rc ? rc : erg_engine_wait(&work->engine, WAIT_MS, err);
        while (rc == 0 && !work->done && (rc = erg_engine_next(&work->engine, &event, err)) == 1)
            rc = take_event(work, &event, err);
        rc = rc || work->done ? rc : gone;
    }
    return rc;
}

int erg_synthesis_run(const struct erg_synthesis_order *order, struct erg_err *err)
{
    struct work work = {.order = order};
    int rc = erg_engine_start(&work.engine, order->engine_path, err);
    if (rc)
        return rc;
    rc = send_order(&work, err);
    if (rc == 0)
        rc = wait_for_end(&work, err);
    if (rc == ERG_GONE) {
        char obituary[400];
        erg_engine_obituary(&work.engine, obituary, sizeof obituary);
        erg_fail(err, rc, "the engine %s", obituary);
    }
    erg_engine_stop(&work.engine, rc ? 0 : QUIT_PATIENCE_MS);
    return rc;
}
