/* SPDX-License-Identifier: MIT */
#include "record/calibrate.h"

#include "base/limits.h"
#include "base/mem.h"
#include "record/activity.h"
#include "record/calibrate_internal.h"
#include "record/engine_process.h"
#include "stream/taxonomy.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PUMP_MS = 20, QUIT_PATIENCE_MS = 2000, LEAST_BLOCKS = 3, MOST_MISSED = 3 };
enum { MAX_BLOCKS = 1 << 16 };

#define LEAST_BLOCK_NS INT64_C(100000000)

/* Threads of the engine spin for a while when a computation ends. */
#define REST_NS INT64_C(20000000)

/* A block is long when it is so many periods of the sensor: then its energy is `measured`. */
#define PERIODS 10

/* How long an engine may take for an answer beyond a block's length: it evaluates a pass first. */
#define PATIENCE_NS INT64_C(300000000000)

/* A sensor that has not been read for so long, and ten periods, will not be. */
#define SENSOR_PATIENCE_NS INT64_C(500000000)

/* A net energy below this part of the gross one, interval included, is as good as none. */
#define NOTHING_RATIO 0.2

struct calibrating {
    const struct erg_calibrate_options *options;
    const struct erg_calibrate_observer *observer;
    struct erg_calibrate_result *out;
    const struct erg_clock *clock;
    struct erg_engine engine;
    struct erg_meter *meter;
    json_t *answer; /* the latest */
    struct erg_calibrate_block *blocks;
    size_t count, capacity;
    size_t missed; /* blocks without readings in a row */
    uint64_t random;
    bool cancelled;
};

static int64_t now_ns(const struct calibrating *c)
{
    return erg_clock_now_ns(c->clock);
}

static void stage(const struct calibrating *c, const char *what)
{
    if (c->observer->stage)
        c->observer->stage(c->observer->user, what);
}

static void warn(const struct calibrating *c, const char *text)
{
    if (c->observer->warning)
        c->observer->warning(c->observer->user, text);
}

static void on_power_warning(void *user, const char *text)
{
    warn(user, text);
}

/* --- talking with the engine ------------------------------------------------------------------ */

/* Keep what is an answer; a failure of the engine's is ours. */
static int take_event(struct calibrating *c, const struct erg_event *event, struct erg_err *err)
{
    if (event->type == ERG_REC_RUN_END)
        return erg_fail(err, ERG_UNSUPPORTED, "%.*s", (int)event->text.len, event->text.bytes);
    if (event->type != ERG_REC_LOG)
        return 0;
    char text[200];
    snprintf(text, sizeof text, "%.*s", (int)event->text.len, event->text.bytes);
    if (event->level_or_status == ERG_LOG_WARNING)
        warn(c, text);
    if (event->level_or_status != ERG_LOG_INFO)
        return 0;
    json_decref(c->answer);
    c->answer = json_loadb(event->text.bytes, event->text.len,
                           JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, NULL);
    if (!c->answer && strcmp(text, "loaded") == 0)
        c->answer = json_pack("{s:b}", "loaded", 1);
    return 0;
}

static bool has_answer(const struct calibrating *c, const char *key)
{
    return json_object_get(c->answer, key) != NULL;
}

/* Take what arrives within `timeout_ms`; CANCELLED once the user wishes so. */
static int pump(struct calibrating *c, int timeout_ms, struct erg_err *err)
{
    struct erg_event event;
    int gone = erg_engine_wait(&c->engine, timeout_ms, err);
    int rc;
    while ((rc = erg_engine_next(&c->engine, &event, err)) == 1) {
        rc = take_event(c, &event, err);
        if (rc)
            return rc;
        if (c->answer)
            break;
    }
    if (rc < 0)
        return rc;
    if (gone && !c->answer) {
        char obituary[400];
        erg_engine_obituary(&c->engine, obituary, sizeof obituary);
        return erg_fail(err, gone, "the engine %s", obituary);
    }
    if (c->observer->cancelled && c->observer->cancelled(c->observer->user))
        c->cancelled = true;
    return c->cancelled ? erg_fail(err, ERG_CANCELLED, "cancelled") : 0;
}

/* Send a command and wait for an answer that has the member `key` or `other`. */
static int ask(struct calibrating *c, const char *json, const char *key, const char *other,
               struct erg_err *err)
{
    json_decref(c->answer);
    c->answer = NULL;
    int rc = erg_engine_send(&c->engine, json, err);
    int64_t deadline = now_ns(c) + PATIENCE_NS;
    if (rc == ERG_GONE)
        rc = 0; /* its last words are to be heard */
    while (rc == 0 && !has_answer(c, key) && !(other && has_answer(c, other))) {
        json_decref(c->answer);
        c->answer = NULL;
        rc = now_ns(c) > deadline ? erg_fail(err, ERG_BUSY, "the engine does not answer")
                                  : pump(c, PUMP_MS, err);
    }
    return rc;
}

static int load_model(struct calibrating *c, struct erg_err *err)
{
    struct erg_buf json;
    struct erg_jsonw w;
    erg_buf_init(&json);
    erg_jsonw_init(&w, &json);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "cmd", "load");
    erg_jsonw_kstr(&w, "model", c->options->model_path);
    erg_jsonw_obj_end(&w);
    stage(c, "loading model");
    int rc = erg_jsonw_finish(&w) ? erg_fail(err, ERG_NOMEM, "no memory for a command")
                                  : ask(c, erg_buf_view(&json), "loaded", NULL, err);
    erg_buf_deinit(&json);
    return rc;
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool read_operation(const json_t *json, struct erg_calibrate_operation *out)
{
    const struct erg_interval unknown = {0, NAN, NAN, NAN};
    *out = (struct erg_calibrate_operation){
        .flops = number_of(json, "flops"),
        .bytes = number_of(json, "bytes"),
        .chosen = true,
        .time_ns = unknown,
        .net_w = unknown,
        .net_nj = unknown,
        .gross_w = NAN,
    };
    double nodes = number_of(json, "nodes");
    snprintf(out->phase, sizeof out->phase, "%s", text_of(json, "phase"));
    snprintf(out->component, sizeof out->component, "%s", text_of(json, "component"));
    snprintf(out->operation, sizeof out->operation, "%s", text_of(json, "operation"));
    out->nodes = nodes > 0 && nodes < 1e9 ? (int64_t)nodes : 0;
    return erg_calibrate_phase(out) >= 0 && out->component[0] && out->operation[0] && out->nodes &&
           out->flops >= 0 && out->bytes >= 0;
}

int erg_calibrate_phase(const struct erg_calibrate_operation *operation)
{
    if (strcmp(operation->phase, "prefill") == 0)
        return ERG_PHASE_PREFILL;
    return strcmp(operation->phase, "decode") == 0 ? ERG_PHASE_DECODE : -1;
}

static int list_operations(struct calibrating *c, struct erg_err *err)
{
    char json[96];
    snprintf(json, sizeof json, "{\"cmd\":\"calibrate\",\"threads\":%lld}",
             (long long)c->options->threads);
    stage(c, "listing operations");
    int rc = ask(c, json, "operations", NULL, err);
    if (rc)
        return rc;
    const json_t *list = json_object_get(c->answer, "operations");
    size_t count = json_array_size(list);
    c->out->operations = erg_calloc(count, sizeof *c->out->operations);
    if (!c->out->operations)
        return erg_fail(err, ERG_NOMEM, "no memory for the operations");
    for (size_t i = 0; i < count; i++) {
        if (!read_operation(json_array_get(list, i), &c->out->operations[i]))
            return erg_fail(err, ERG_CORRUPT, "the engine's list of operations is damaged");
    }
    c->out->count = count;
    c->out->threads = (int64_t)fmax(number_of(c->answer, "threads"), 0);
    c->out->prompt_tokens = (int64_t)fmax(number_of(c->answer, "prompt_tokens"), 0);
    if (count == 0)
        return erg_fail(err, ERG_CORRUPT, "the engine's list of operations is damaged");
    return c->observer->choose
               ? c->observer->choose(c->observer->user, c->out->operations, count, err)
               : 0;
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014) to a double in [0, 1). */
static double next_random(struct calibrating *c)
{
    uint64_t z = (c->random += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static int wait_until(struct calibrating *c, int64_t t_ns, struct erg_err *err)
{
    int rc = 0;
    for (int64_t left; rc == 0 && (left = t_ns - now_ns(c)) > 0;) {
        int ms = (int)(left / 1000000);
        rc = pump(c, ms < 1 ? 1 : ms < PUMP_MS ? ms : PUMP_MS, err);
    }
    return rc;
}

/* Power of a window, in watts, once the sensors have seen all of it. NaN: not known. */
static int measure(struct calibrating *c, int64_t t0_ns, int64_t t1_ns, double *out_w,
                   struct erg_err *err)
{
    int64_t deadline = t1_ns + SENSOR_PATIENCE_NS + PERIODS * erg_meter_period_ns(c->meter);
    int rc = 0;
    while (rc == 0 && !erg_meter_has_seen(c->meter, t1_ns) && now_ns(c) < deadline)
        rc = pump(c, 1, err);
    if (rc && rc != ERG_CANCELLED)
        return rc;
    struct erg_window window = erg_meter_window(c->meter, t0_ns, t1_ns);
    bool known = erg_energy_known(&window.energy) && t1_ns > t0_ns;
    *out_w = known ? (double)erg_energy_total_nj(&window.energy) / (double)(t1_ns - t0_ns) : NAN;
    if (known && window.grade > c->out->grade)
        c->out->grade = window.grade;
    return rc;
}

static int measure_idle(struct calibrating *c, double *out_w, struct erg_err *err)
{
    int64_t period_ns = erg_meter_period_ns(c->meter);
    int64_t phase_ns = period_ns > LEAST_BLOCK_NS / PERIODS ? period_ns : LEAST_BLOCK_NS / PERIODS;
    int64_t t0 = now_ns(c) + REST_NS + (int64_t)(next_random(c) * (double)phase_ns);
    int rc = wait_until(c, t0, err);
    rc = rc ? rc : wait_until(c, t0 + c->out->block_ns, err);
    /* The next block begins at another point of the sensor's period than this one ended. */
    int64_t t1 = now_ns(c);
    rc = rc ? rc : wait_until(c, t1 + (int64_t)(next_random(c) * (double)phase_ns), err);
    return rc ? rc : measure(c, t0, t1, out_w, err);
}

static int keep_block(struct calibrating *c, const struct erg_calibrate_block *block,
                      struct erg_err *err)
{
    void *blocks = c->blocks;
    int rc = erg_grow(&blocks, &c->capacity, c->count + 1, sizeof *c->blocks, MAX_BLOCKS);
    c->blocks = blocks;
    if (rc)
        return erg_fail(err, rc, "no memory for blocks");
    c->blocks[c->count++] = *block;
    c->missed = 0;
    c->out->operations[block->operation].blocks++;
    return 0;
}

static int miss_block(struct calibrating *c, struct erg_err *err)
{
    return ++c->missed < MOST_MISSED ? 0
                                     : erg_fail(err, ERG_IO, "the power sources give no readings");
}

/* An idle block and a busy one. */
static int measure_block(struct calibrating *c, size_t index, struct erg_err *err)
{
    char json[120];
    struct erg_calibrate_block block = {.operation = index};
    struct erg_calibrate_operation *operation = &c->out->operations[index];
    int rc = measure_idle(c, &block.idle_w, err);
    if (rc)
        return rc;
    if (!isfinite(block.idle_w))
        return miss_block(c, err);
    snprintf(json, sizeof json, "{\"cmd\":\"block\",\"operation\":%zu,\"duration_ms\":%lld}", index,
             (long long)(c->out->block_ns / 1000000));
    rc = ask(c, json, "block", "skipped", err);
    if (rc)
        return rc;
    if (has_answer(c, "skipped")) {
        snprintf(operation->skipped, sizeof operation->skipped, "%s",
                 text_of(json_object_get(c->answer, "skipped"), "reason"));
        return 0;
    }
    const json_t *answer = json_object_get(c->answer, "block");
    double t0 = number_of(answer, "t0_ns"), t1 = number_of(answer, "t1_ns");
    double repetitions = number_of(answer, "repetitions");
    if (!(t0 >= 0) || !(t1 > t0) || !(t1 <= (double)now_ns(c)) || !(repetitions >= 1) ||
        !(repetitions < 1e15) || number_of(answer, "operation") != (double)index)
        return erg_fail(err, ERG_CORRUPT, "the engine's report of a block is damaged");
    block.t0_ns = (int64_t)t0;
    block.duration_ns = (int64_t)(t1 - t0);
    block.repetitions = (int64_t)repetitions;
    rc = measure(c, block.t0_ns, block.t0_ns + block.duration_ns, &block.gross_w, err);
    if (rc)
        return rc;
    return isfinite(block.gross_w) ? keep_block(c, &block, err) : miss_block(c, err);
}

static bool is_narrow(const struct erg_calibrate_operation *operation, double ci_ratio)
{
    const struct erg_interval *net = &operation->net_nj;
    double half = (net->high - net->low) / 2, gross = operation->gross_w * operation->time_ns.mean;
    return operation->blocks >= LEAST_BLOCKS &&
           (half <= ci_ratio * fabs(net->mean) || half <= NOTHING_RATIO * ci_ratio * gross);
}

/* Until the interval is narrow or time is up. */
static int measure_operation(struct calibrating *c, size_t index, int64_t deadline_ns,
                             struct erg_err *err)
{
    struct erg_calibrate_operation *operation = &c->out->operations[index];
    int rc = 0;
    for (size_t tries = 0; rc == 0 && !operation->converged; tries++) {
        if (tries > 0 && now_ns(c) >= deadline_ns)
            break;
        rc = measure_block(c, index, err);
        if (rc == 0 && operation->skipped[0])
            break;
        erg_calibrate_sum_operation(operation, index, c->blocks, c->count);
        operation->converged = is_narrow(operation, c->options->ci_ratio);
    }
    return rc;
}

/* Indices of the chosen ones in random order, so that drift does not look like a kind. */
static size_t shuffle(struct calibrating *c, size_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < c->out->count; i++) {
        if (c->out->operations[i].chosen)
            out[count++] = i;
    }
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)(next_random(c) * (double)i);
        size_t swapped = out[i - 1];
        out[i - 1] = out[j];
        out[j] = swapped;
    }
    return count;
}

static int measure_all(struct calibrating *c, struct erg_err *err)
{
    ERG_AUTO_FREE size_t *order = erg_calloc(c->out->count, sizeof *order);
    if (!order)
        return erg_fail(err, ERG_NOMEM, "no memory for the operations");
    size_t count = shuffle(c, order);
    int64_t end = now_ns(c) + c->options->max_ns;
    int64_t period_ns = erg_meter_period_ns(c->meter);
    c->out->block_ns = period_ns * PERIODS > LEAST_BLOCK_NS ? period_ns * PERIODS : LEAST_BLOCK_NS;
    stage(c, "measuring");
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        int64_t now = now_ns(c);
        if (i > 0 && now >= end) {
            c->out->unreached = count - i;
            break;
        }
        if (c->observer->progress)
            c->observer->progress(c->observer->user, i, count, &c->out->operations[order[i]]);
        rc = measure_operation(c, order[i], now + (end - now) / (int64_t)(count - i), err);
    }
    if (rc == 0)
        erg_engine_send(&c->engine, "{\"cmd\":\"end\"}", NULL);
    return rc;
}

/* --- what comes of it ------------------------------------------------------------------------- */

static int open_power(struct calibrating *c, struct erg_err *err)
{
    struct erg_power_options options = {
        .spec = c->options->power_spec,
        .root = c->options->root,
        .clock = c->clock,
        .allow_files = c->options->power_files_allowed,
        .engine_pid = c->engine.pid,
    };
    int rc = erg_meter_open(&c->meter, &options, on_power_warning, c, &c->out->power_unusable, err);
    if (rc == 0)
        snprintf(c->out->sources, sizeof c->out->sources, "%s", erg_meter_sources(c->meter));
    return rc;
}

static void describe(struct calibrating *c)
{
    struct erg_activity_key key;
    int64_t wall = c->clock->wall_ns(c->clock->user);
    erg_activity_key_here(c->options->root, &key);
    snprintf(c->out->machine, sizeof c->out->machine, "%s", key.machine);
    snprintf(c->out->model_name, sizeof c->out->model_name, "%s", c->options->model_name);
    erg_format_local_time(wall, c->out->created_at);
    erg_format_utc_time(wall, c->out->created_at_utc);
    c->out->llc_bytes = erg_calibrate_cache_bytes(c->options->root);
    c->out->power_drift_ratio = c->out->time_drift_ratio = c->out->idle_drift_ratio = NAN;
}

/* Nothing measured: an error. Else a result, whose status says how it ended. */
static int conclude(struct calibrating *c, int rc, const struct erg_err *why, struct erg_err *err)
{
    struct erg_calibrate_result *out = c->out;
    out->failure_code = rc;
    if (c->count == 0) {
        if (rc)
            return erg_fail(err, rc, "%s", why->text);
        return erg_fail(err, ERG_UNSUPPORTED, "no operation could be repeated: %s",
                        out->count ? out->operations[0].skipped : "there is none");
    }
    snprintf(out->status, sizeof out->status, "%s",
             rc == 0               ? "complete"
             : rc == ERG_CANCELLED ? "cancelled"
                                   : "failed");
    snprintf(out->failure, sizeof out->failure, "%s", rc && rc != ERG_CANCELLED ? why->text : "");
    erg_calibrate_sum_up(out, c->blocks, c->count);
    return erg_calibrate_keep(out, c->options->store_path, c->blocks, c->count, err);
}

int erg_calibrate(const struct erg_calibrate_options *options,
                  const struct erg_calibrate_observer *observer, struct erg_calibrate_result *out,
                  struct erg_err *err)
{
    struct calibrating c = {
        .options = options,
        .observer = observer,
        .out = out,
        .clock = options->clock ? options->clock : erg_clock_system(),
        .random = 1,
    };
    struct erg_err why = {0};
    *out = (struct erg_calibrate_result){0};
    int rc = erg_engine_start(&c.engine, options->engine_path, err);
    if (rc)
        return rc;
    describe(&c);
    rc = open_power(&c, &why);
    rc = rc ? rc : load_model(&c, &why);
    rc = rc ? rc : list_operations(&c, &why);
    rc = rc ? rc : measure_all(&c, &why);
    erg_engine_stop(&c.engine, c.cancelled ? 0 : QUIT_PATIENCE_MS);
    rc = conclude(&c, rc, &why, err);
    erg_meter_close(c.meter);
    json_decref(c.answer);
    free(c.blocks);
    return rc;
}
