/* SPDX-License-Identifier: MIT */
#include "record/calibrate_internal.h"

#include "base/mem.h"
#include "base/num.h"
#include "record/activity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIDENCE 0.95

/* "32768K", "16M" */
static int64_t size_of_text(char *text)
{
    size_t digits = strspn(text, "0123456789");
    int64_t unit = text[digits] == 'K' ? 1024 : text[digits] == 'M' ? 1024 * 1024 : 1, value = 0;
    text[digits] = '\0';
    return erg_parse_i64(text, 0, INT64_C(1) << 40, &value, NULL) == 0 ? value * unit : 0;
}

int64_t erg_calibrate_cache_bytes(const struct erg_root *root)
{
    int64_t largest = 0;
    for (int i = 0; i < 8; i++) {
        char path[80], text[32];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        if (erg_root_read_text(root, path, text, sizeof text, NULL))
            continue;
        int64_t bytes = size_of_text(text);
        largest = bytes > largest ? bytes : largest;
    }
    return largest;
}

static double net_nj(const struct erg_calibrate_block *block)
{
    return (block->gross_w - block->idle_w) * (double)block->duration_ns /
           (double)block->repetitions;
}

void erg_calibrate_sum_operation(struct erg_calibrate_operation *operation, size_t index,
                                 const struct erg_calibrate_block *blocks, size_t count)
{
    struct erg_stats time = {0}, net = {0}, energy = {0}, gross = {0};
    for (size_t i = 0; i < count; i++) {
        const struct erg_calibrate_block *block = &blocks[i];
        if (block->operation != index)
            continue;
        erg_stats_add(&time, (double)block->duration_ns / (double)block->repetitions);
        erg_stats_add(&net, block->gross_w - block->idle_w);
        erg_stats_add(&energy, net_nj(block));
        erg_stats_add(&gross, block->gross_w);
    }
    operation->blocks = time.n;
    operation->time_ns = erg_stats_interval(&time, CONFIDENCE);
    operation->net_w = erg_stats_interval(&net, CONFIDENCE);
    operation->net_nj = erg_stats_interval(&energy, CONFIDENCE);
    operation->gross_w = gross.n ? gross.mean : NAN;
}

/* Change of the mean from the first to the last third; NaN with fewer than three. */
static double drift_of(const double *values, size_t count)
{
    struct erg_stats first = {0}, last = {0};
    size_t third = count / 3;
    if (third == 0)
        return NAN;
    for (size_t i = 0; i < third; i++) {
        erg_stats_add(&first, values[i]);
        erg_stats_add(&last, values[count - 1 - i]);
    }
    return first.mean != 0 ? last.mean / first.mean - 1 : last.mean == 0 ? 0 : NAN;
}

void erg_calibrate_sum_up(struct erg_calibrate_result *result,
                          const struct erg_calibrate_block *blocks, size_t count)
{
    ERG_AUTO_FREE double *power = erg_calloc(count, sizeof *power);
    ERG_AUTO_FREE double *time = erg_calloc(count, sizeof *time);
    struct erg_stats idle = {0}, power_drift = {0}, time_drift = {0};
    if (!power || !time)
        return;
    for (size_t k = 0; k < result->count; k++) {
        struct erg_calibrate_operation *operation = &result->operations[k];
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            if (blocks[i].operation != k)
                continue;
            power[n] = blocks[i].gross_w;
            time[n++] = (double)blocks[i].duration_ns / (double)blocks[i].repetitions;
        }
        erg_stats_add(&power_drift, drift_of(power, n));
        erg_stats_add(&time_drift, drift_of(time, n));
        operation->warm = operation->bytes < (double)result->llc_bytes;
    }
    for (size_t i = 0; i < count; i++) {
        power[i] = blocks[i].idle_w;
        erg_stats_add(&idle, blocks[i].idle_w);
    }
    result->blocks = count;
    result->idle_w = erg_stats_interval(&idle, CONFIDENCE);
    result->idle_drift_ratio = drift_of(power, count);
    result->power_drift_ratio = power_drift.n ? power_drift.mean : NAN;
    result->time_drift_ratio = time_drift.n ? time_drift.mean : NAN;
}

/* --- keeping it ------------------------------------------------------------------------------- */

static void make_rows(const struct erg_calibrate_result *result,
                      const struct erg_calibrate_block *blocks, size_t count,
                      struct erg_calibration_block *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct erg_calibrate_operation *operation = &result->operations[blocks[i].operation];
        double ns = (double)blocks[i].duration_ns, repetitions = (double)blocks[i].repetitions;
        out[i] = (struct erg_calibration_block){
            .model_name = result->model_name,
            .phase = (uint32_t)erg_calibrate_phase(operation),
            .component = operation->component,
            .operation = operation->operation,
            .duration_ns = blocks[i].duration_ns,
            .repetitions = blocks[i].repetitions,
            .flops = operation->flops * repetitions,
            .bytes = operation->bytes * repetitions,
            .energy_nj = llround(blocks[i].gross_w * ns),
            .idle_nj = llround(blocks[i].idle_w * ns),
        };
    }
}

static int add_to_store(const struct erg_calibrate_result *result, struct erg_store *store,
                        const struct erg_calibration_block *rows, size_t count, struct erg_err *err)
{
    struct erg_buf json;
    struct erg_jsonw w;
    erg_buf_init(&json);
    erg_jsonw_init(&w, &json);
    erg_calibrate_write(result, &w);
    const struct erg_activity unknown = {NAN, NAN, NAN};
    struct erg_calibration_row row = {
        .created_at = result->created_at,
        .created_at_utc = result->created_at_utc,
        .machine = result->machine,
        .sources = result->sources,
        .model_name = result->model_name,
        .threads = result->threads,
        .status = result->status,
        .activity = result->has_fit ? result->fit.activity : unknown,
        .error_ratio = result->has_fit ? result->fit.error_ratio : NAN,
        .time_error_ratio = result->has_fit ? result->fit.time_error_ratio : NAN,
        .report_json = erg_buf_view(&json),
    };
    int rc = erg_jsonw_finish(&w);
    rc = rc ? erg_fail(err, rc, "no memory for the report")
            : erg_store_add_calibration(store, &row, rows, count, err);
    erg_buf_deinit(&json);
    return rc;
}

int erg_calibrate_keep(struct erg_calibrate_result *result, const char *store_path,
                       const struct erg_calibrate_block *blocks, size_t count, struct erg_err *err)
{
    ERG_AUTO_FREE struct erg_calibration_block *rows = erg_calloc(count, sizeof *rows);
    struct erg_store *store = NULL;
    struct erg_activity_key key;
    struct erg_err why = {0};
    if (!rows)
        return erg_fail(err, ERG_NOMEM, "no memory for the blocks");
    make_rows(result, blocks, count, rows);
    snprintf(key.machine, sizeof key.machine, "%s", result->machine);
    snprintf(key.sources, sizeof key.sources, "%s", result->sources);
    int rc = store_path ? erg_store_open(&store, store_path, ERG_STORE_WRITE, NULL, &why) : 0;
    result->has_fit = erg_activity_fit_store(store, &key, rows, count, &result->fit, NULL) == 0;
    if (store)
        rc = add_to_store(result, store, rows, count, &why);
    erg_store_close(store);
    if (rc)
        result->store_failure = erg_strdup(why.text);
    return 0;
}

void erg_calibrate_result_deinit(struct erg_calibrate_result *result)
{
    free(result->operations);
    free(result->store_failure);
    *result = (struct erg_calibrate_result){0};
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void put_interval(struct erg_jsonw *w, const char *key, double value, double low,
                         double high)
{
    erg_jsonw_key(w, key);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kreal(w, "value", value);
    erg_jsonw_kreal(w, "low", low);
    erg_jsonw_kreal(w, "high", high);
    erg_jsonw_obj_end(w);
}

static void put_operation(struct erg_jsonw *w, const struct erg_calibrate_operation *o)
{
    const struct erg_interval *time = &o->time_ns, *net = &o->net_nj, *power = &o->net_w;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "phase", o->phase);
    erg_jsonw_kstr(w, "component", o->component);
    erg_jsonw_kstr(w, "operation", o->operation);
    erg_jsonw_kint(w, "nodes", o->nodes);
    erg_jsonw_kreal(w, "flops", o->flops);
    erg_jsonw_kreal(w, "bytes", o->bytes);
    erg_jsonw_kbool(w, "fits_cache", o->warm);
    erg_jsonw_kint(w, "blocks", (int64_t)o->blocks);
    erg_jsonw_kbool(w, "converged", o->converged);
    erg_jsonw_kstr(w, "skipped", o->skipped[0] ? o->skipped : NULL);
    put_interval(w, "time_us", time->mean / 1e3, time->low / 1e3, time->high / 1e3);
    erg_jsonw_kreal(w, "gross_power_w", o->gross_w);
    put_interval(w, "net_power_w", power->mean, power->low, power->high);
    erg_jsonw_kreal(w, "gross_nj", o->gross_w * time->mean);
    put_interval(w, "net_nj", net->mean, net->low, net->high);
    erg_jsonw_kreal(w, "gflops_per_second", o->flops / time->mean);
    erg_jsonw_kreal(w, "gbytes_per_second", o->bytes / time->mean);
    erg_jsonw_obj_end(w);
}

static void put_fit(struct erg_jsonw *w, const struct erg_activity_fit *fit)
{
    const struct erg_activity *a = &fit->activity, *low = &fit->low, *high = &fit->high;
    erg_jsonw_key(w, "activity");
    erg_jsonw_obj_begin(w);
    put_interval(w, "pj_per_flop", a->nj_per_flop * 1e3, low->nj_per_flop * 1e3,
                 high->nj_per_flop * 1e3);
    put_interval(w, "pj_per_byte", a->nj_per_byte * 1e3, low->nj_per_byte * 1e3,
                 high->nj_per_byte * 1e3);
    put_interval(w, "static_w", a->static_w, low->static_w, high->static_w);
    erg_jsonw_kreal(w, "error_ratio", fit->error_ratio);
    erg_jsonw_kreal(w, "time_error_ratio", fit->time_error_ratio);
    erg_jsonw_kint(w, "blocks", (int64_t)fit->blocks);
    erg_jsonw_kint(w, "operations", (int64_t)fit->operations);
    erg_jsonw_kint(w, "runs", (int64_t)fit->runs);
    erg_jsonw_obj_end(w);
}

static void put_verdict(struct erg_jsonw *w, const struct erg_calibrate_result *r)
{
    char why[256];
    bool is_default =
        erg_activity_is_default(r->sources, r->has_fit ? r->fit.error_ratio : NAN, why);
    erg_jsonw_kbool(w, "is_default", is_default);
    erg_jsonw_kstr(w, "why", why);
    erg_jsonw_kstr(w, "doubt", erg_activity_doubt(r->sources));
}

void erg_calibrate_write(const struct erg_calibrate_result *r, struct erg_jsonw *w)
{
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "created_at", r->created_at);
    erg_jsonw_kstr(w, "created_at_utc", r->created_at_utc);
    erg_jsonw_kstr(w, "status", r->status);
    erg_jsonw_kstr(w, "failure", r->failure[0] ? r->failure : NULL);
    erg_jsonw_kstr(w, "machine", r->machine);
    erg_jsonw_kstr(w, "sources", r->sources);
    erg_jsonw_kstr(w, "grade", erg_grade_name(r->grade));
    erg_jsonw_kstr(w, "model_name", r->model_name);
    erg_jsonw_kint(w, "threads", r->threads);
    erg_jsonw_kint(w, "prompt_tokens", r->prompt_tokens);
    erg_jsonw_kreal(w, "block_ms", (double)r->block_ns / 1e6);
    erg_jsonw_kint(w, "blocks", (int64_t)r->blocks);
    erg_jsonw_kint(w, "unreached", (int64_t)r->unreached);
    erg_jsonw_kint(w, "cache_bytes", r->llc_bytes);
    put_interval(w, "idle_power_w", r->idle_w.mean, r->idle_w.low, r->idle_w.high);
    erg_jsonw_key(w, "drift_ratio");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kreal(w, "power", r->power_drift_ratio);
    erg_jsonw_kreal(w, "time", r->time_drift_ratio);
    erg_jsonw_kreal(w, "idle", r->idle_drift_ratio);
    erg_jsonw_obj_end(w);
    if (r->has_fit)
        put_fit(w, &r->fit);
    else
        erg_jsonw_knull(w, "activity");
    put_verdict(w, r);
    erg_jsonw_key(w, "operations");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < r->count; i++) {
        if (r->operations[i].chosen)
            put_operation(w, &r->operations[i]);
    }
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
}
