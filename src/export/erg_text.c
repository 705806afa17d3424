/* SPDX-License-Identifier: MIT */
#include "export/erg_text.h"

#include "base/jsonw.h"
#include "base/mem.h"
#include "base/num.h"
#include "record/header.h"
#include "stream/writer.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *member(const struct erg_plan *plan, const char *key)
{
    return json_object_get(plan->facts->summary, key);
}

/* Copy of a string, NULL when it is none; a failure sticks to `out`. */
static char *copy_text(const json_t *value, struct erg_buf *out)
{
    if (!json_is_string(value))
        return NULL;
    char *copy = erg_strndup(json_string_value(value), json_string_length(value));
    if (!copy && !out->status)
        out->status = ERG_NOMEM;
    return copy;
}

/* A member as JSON text, `fallback` when it is absent; free() it. A failure sticks to `out`. */
static char *dump(const json_t *value, const char *fallback, struct erg_buf *out)
{
    char *text =
        value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15)) : erg_strdup(fallback);
    if (!text && !out->status)
        out->status = ERG_NOMEM;
    return text;
}

/* `count` decimal digits of an ISO 8601 text. */
static int64_t digits(const char *text, size_t at, size_t count)
{
    int64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value * 10 + (text[at + i] - '0');
    return value;
}

/*
 * Nanoseconds since 1970 of "2026-11-20T13:18:43.123456+00:00"; 0 when it is no such text. Days by
 * the civil calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
 */
static int64_t wall_ns_of(const char *utc)
{
    static const char shape[] = "0000-00-00T00:00:00.000000";
    if (!utc || strlen(utc) < sizeof shape - 1)
        return 0;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        bool digit = utc[i] >= '0' && utc[i] <= '9';
        if (shape[i] == '0' ? !digit : utc[i] != shape[i])
            return 0;
    }
    int64_t year = digits(utc, 0, 4), month = digits(utc, 5, 2), day = digits(utc, 8, 2);
    year -= month <= 2;
    int64_t era = year / 400, of_era = year % 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    int64_t seconds =
        days * 86400 + digits(utc, 11, 2) * 3600 + digits(utc, 14, 2) * 60 + digits(utc, 17, 2);
    return seconds * 1000000000 + digits(utc, 20, 6) * 1000;
}

static void fail(struct erg_buf *out, int status)
{
    if (status && !out->status)
        out->status = status;
}

static int year_of(const json_t *grid)
{
    const char *date = json_string_value(json_object_get(grid, "date"));
    int64_t year = 0;
    if (date)
        erg_parse_i64(date, 1, 9999, &year, NULL);
    return (int)year;
}

void erg_text_recording(const struct erg_plan *plan, struct erg_buf *out)
{
    const json_t *grid = member(plan, "grid"), *prompt = member(plan, "prompt");
    const char *region = json_string_value(json_object_get(grid, "region"));
    struct erg_header header = {
        .id = copy_text(member(plan, "id"), out),
        .created_at = copy_text(member(plan, "created_at"), out),
        .created_at_utc = copy_text(member(plan, "created_at_utc"), out),
        .model_name = copy_text(member(plan, "model_name"), out),
        .model_path = plan->facts->model_path ? erg_strdup(plan->facts->model_path) : NULL,
        .mode = copy_text(member(plan, "mode"), out),
        .prompt = copy_text(prompt, out),
        .prompt_len = json_string_length(prompt),
        .tags_json = dump(member(plan, "tags"), "[]", out),
        .experiment = copy_text(member(plan, "experiment_name"), out),
        .settings_json = dump(member(plan, "settings"), "{}", out),
        .machine_json = dump(member(plan, "machine"), "{}", out),
        .provenance_json = dump(member(plan, "provenance"), "{}", out),
    };
    ERG_AUTO_FREE char *conditions = dump(member(plan, "conditions"), "{}", out);
    erg_header_parse_conditions(conditions ? conditions : "{}", &header.conditions);
    snprintf(header.grid.region, sizeof header.grid.region, "%s", region ? region : "");
    header.grid.g_per_kwh = json_number_value(json_object_get(grid, "g_per_kwh"));
    header.grid.usd_per_kwh = json_number_value(json_object_get(grid, "usd_per_kwh"));
    header.grid.year = year_of(grid);
    struct erg_buf json;
    erg_buf_init(&json);
    erg_header_write(&header, &json);
    fail(out, header.model_path ? erg_buf_status(&json) : ERG_NOMEM);
    erg_write_recording(out, plan->base_ns, wall_ns_of(header.created_at_utc), erg_buf_view(&json));
    erg_buf_deinit(&json);
    erg_header_deinit(&header);
}

void erg_text_run_begin(const struct erg_plan *plan, struct erg_buf *out)
{
    ERG_AUTO_FREE char *engine = dump(member(plan, "engine"), "{}", out);
    ERG_AUTO_FREE char *model = dump(member(plan, "model"), "{}", out);
    struct erg_buf payload;
    struct erg_jsonw w;
    int64_t t_ns = plan->base_ns;
    erg_buf_init(&payload);
    erg_buf_append(&payload, &t_ns, sizeof t_ns);
    erg_jsonw_init(&w, &payload);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_key(&w, "engine");
    erg_jsonw_raw(&w, engine ? engine : "{}");
    erg_jsonw_key(&w, "model");
    erg_jsonw_raw(&w, model ? model : "{}");
    if (plan->has_load) {
        erg_jsonw_key(&w, "load");
        erg_jsonw_obj_begin(&w);
        erg_jsonw_kint(&w, "t0_ns", plan->base_ns + plan->load.t0_ns);
        erg_jsonw_kint(&w, "t1_ns", plan->base_ns + plan->load.t1_ns);
        erg_jsonw_obj_end(&w);
    }
    erg_jsonw_obj_end(&w);
    fail(out, engine && model ? erg_buf_status(&payload) : ERG_NOMEM);
    erg_write_record(out, ERG_REC_RUN_BEGIN, payload.data, payload.len);
    erg_buf_deinit(&payload);
}

static int64_t condition(const struct erg_plan *plan, const char *key)
{
    const json_t *value = json_object_get(member(plan, "conditions"), key);
    return json_is_integer(value) ? json_integer_value(value) : 0;
}

void erg_text_memory(const struct erg_plan *plan, struct erg_buf *out)
{
    int64_t record[5] = {plan->base_ns, condition(plan, "model_bytes"),
                         condition(plan, "kv_cache_bytes"), 0, condition(plan, "peak_rss_bytes")};
    if (record[1] || record[2] || record[4])
        erg_write_record(out, ERG_REC_MEMORY, record, sizeof record);
}

static void put_run_end(const struct erg_plan *plan, int64_t t_ns, struct erg_buf *out)
{
    struct {
        int64_t t_ns;
        uint32_t status, zero;
    } record = {t_ns, ERG_END_COMPLETE, 0};
    const char *status = plan->facts->status;
    if (strcmp(status, "cancelled") == 0)
        record.status = ERG_END_CANCELLED;
    if (strcmp(status, "failed") == 0)
        record.status = ERG_END_FAILED;
    if (strcmp(status, "interrupted") != 0)
        erg_write_record(out, ERG_REC_RUN_END, &record, sizeof record);
}

/* The engine's own figures of its profiler, as it gave them (docs/event-stream.md, LOG). */
static void put_profiler(const struct erg_plan *plan, int64_t t_ns, struct erg_buf *out)
{
    const json_t *tracing = json_object_get(member(plan, "profiler"), "tracing_pct");
    struct erg_buf json;
    struct erg_jsonw w;
    if (!json_is_number(tracing))
        return;
    erg_buf_init(&json);
    erg_jsonw_init(&w, &json);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_key(&w, "profiler");
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kreal(&w, "tracing_pct", json_number_value(tracing));
    erg_jsonw_obj_end(&w);
    erg_jsonw_obj_end(&w);
    fail(out, erg_buf_status(&json));
    erg_write_log(out, t_ns, ERG_LOG_INFO, erg_buf_view(&json));
    erg_buf_deinit(&json);
}

void erg_text_end(const struct erg_plan *plan, struct erg_buf *out)
{
    const struct erg_facts *facts = plan->facts;
    const json_t *warnings = json_object_get(member(plan, "power"), "warnings");
    const json_t *dropped = json_object_get(member(plan, "profiler"), "dropped_events");
    uint64_t count = (uint64_t)json_integer_value(dropped);
    int64_t t_ns = plan->base_ns + facts->duration_ns;
    if (count)
        erg_write_record(out, ERG_REC_DROPPED, &count, sizeof count);
    for (size_t i = 0; i < json_array_size(warnings); i++)
        erg_write_log(out, t_ns, ERG_LOG_WARNING, json_string_value(json_array_get(warnings, i)));
    put_profiler(plan, t_ns, out);
    if (strcmp(facts->status, "running") == 0)
        return;
    struct erg_buf json;
    erg_buf_init(&json);
    put_run_end(plan, t_ns, out);
    erg_header_write_end(facts->status, json_string_value(member(plan, "failure")), NULL, "",
                         &json);
    fail(out, erg_buf_status(&json));
    erg_write_recording_end(out, t_ns, erg_buf_view(&json));
    erg_buf_deinit(&json);
}
