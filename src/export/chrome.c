/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "export/formats.h"
#include "export/out.h"
#include "export/trace.h"

#include <stdio.h>

/*
 * Trace events as Chrome's tracing tools read them: complete events ("X", parents before their
 * children), counters and names, one event a line's worth of JSON. Times are µs with three
 * decimals: whole nanoseconds.
 */
struct chrome {
    const struct erg_export_request *request;
    struct erg_jsonw w;
    struct erg_buf scratch;
};

enum { PID = 1, NS_IN_MICRO = 1000 };

static int put_bytes(void *user, const char *bytes, size_t len)
{
    const struct chrome *chrome = user;
    return chrome->request->sink(chrome->request->user, bytes, len);
}

static void put_time(struct erg_jsonw *w, const char *key, int64_t t_ns)
{
    erg_jsonw_kmicro(w, key, t_ns * NS_IN_MICRO);
}

static void begin_event(struct erg_jsonw *w, const char *type, const char *name)
{
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "ph", type);
    erg_jsonw_kstr(w, "name", name);
    erg_jsonw_kint(w, "pid", PID);
}

static void begin_args(struct erg_jsonw *w)
{
    erg_jsonw_key(w, "args");
    erg_jsonw_obj_begin(w);
}

static void end_event(struct erg_jsonw *w)
{
    erg_jsonw_obj_end(w);
    erg_jsonw_obj_end(w);
}

/* What the event `type` says of the process, or of a track: {"args":{key: …}}. */
static void put_name(struct erg_jsonw *w, const char *type, uint32_t track, const char *name)
{
    begin_event(w, "M", type);
    erg_jsonw_kint(w, "tid", track + 1);
    begin_args(w);
    erg_jsonw_kstr(w, "name", name);
    end_event(w);
}

static void put_track(struct erg_jsonw *w, uint32_t track, const char *name)
{
    put_name(w, "thread_name", track, name);
    begin_event(w, "M", "thread_sort_index");
    erg_jsonw_kint(w, "tid", track + 1);
    begin_args(w);
    erg_jsonw_kint(w, "sort_index", track);
    end_event(w);
}

static void on_start(void *user)
{
    struct erg_jsonw *w = &((struct chrome *)user)->w;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "displayTimeUnit", "ns");
    erg_jsonw_key(w, "traceEvents");
    erg_jsonw_arr_begin(w);
    put_name(w, "process_name", ERG_TRACE_TREE, "ergon");
    put_track(w, ERG_TRACE_TREE, "inference");
    put_track(w, ERG_TRACE_TOKENS, "tokens");
}

static void on_track(void *user, uint32_t track, const char *name)
{
    put_track(&((struct chrome *)user)->w, track, name);
}

static void put_energy(struct erg_jsonw *w, const struct erg_energy *energy, bool by_domain)
{
    char key[24];
    if (!erg_energy_known(energy))
        return;
    erg_jsonw_kmicro(w, "energy_mj", erg_energy_total_nj(energy));
    for (int d = 0; d < ERG_DOMAINS && by_domain; d++) {
        erg_trace_domain_key(d, "mj", key, sizeof key);
        if (energy->present >> d & 1)
            erg_jsonw_kmicro(w, key, energy->nj[d]);
    }
}

static void on_begin(void *user, const struct erg_trace_slice *slice)
{
    struct erg_jsonw *w = &((struct chrome *)user)->w;
    begin_event(w, "X", slice->name);
    erg_jsonw_kstr(w, "cat", erg_trace_kind_name(slice->kind));
    erg_jsonw_kint(w, "tid", slice->track + 1);
    put_time(w, "ts", slice->t0_ns);
    put_time(w, "dur", slice->t1_ns - slice->t0_ns);
    begin_args(w);
    put_energy(w, slice->energy, slice->by_domain);
    for (size_t i = 0; i < slice->n_args; i++) {
        const struct erg_trace_arg *arg = &slice->args[i];
        erg_jsonw_key(w, arg->key);
        if (arg->text)
            erg_jsonw_strn(w, arg->text, arg->len);
        else
            erg_jsonw_int(w, arg->number);
    }
    end_event(w);
}

/* A complete event has said it. */
static void on_end(void *user, uint32_t track, int64_t t_ns)
{
    (void)user;
    (void)track;
    (void)t_ns;
}

static void on_counter(void *user, uint32_t counter, int64_t t_ns, double value)
{
    struct erg_jsonw *w = &((struct chrome *)user)->w;
    char name[32];
    erg_trace_counter_name(counter, name, sizeof name);
    begin_event(w, "C", name);
    put_time(w, "ts", t_ns);
    begin_args(w);
    erg_jsonw_kreal(w, erg_trace_counter_unit(counter), value);
    end_event(w);
}

static int status(void *user)
{
    const struct chrome *chrome = user;
    return chrome->w.status ? chrome->w.status : erg_buf_status(&chrome->scratch);
}

static int write_chrome(const struct erg_export_request *request, struct erg_err *err)
{
    struct chrome chrome = {.request = request};
    const struct erg_trace_writer writer = {&chrome, on_start,   on_track, on_begin,
                                            on_end,  on_counter, status};
    erg_buf_init(&chrome.scratch);
    erg_jsonw_init_sink(&chrome.w, &chrome.scratch, put_bytes, &chrome);
    int rc = erg_trace_walk(request, &writer, err);
    if (rc == 0) {
        erg_jsonw_arr_end(&chrome.w);
        erg_jsonw_obj_end(&chrome.w);
        rc = erg_jsonw_finish(&chrome.w);
        if (rc)
            erg_out_fail(err, rc);
    }
    erg_buf_deinit(&chrome.scratch);
    return rc;
}

const struct erg_exporter erg_export_chrome = {
    .name = "chrome",
    .summary = "a timeline as trace events (JSON) for Chrome's tracing tools and Perfetto",
    .media_type = "application/json",
    .extension = "trace.json",
    .write = write_chrome,
};
