/* SPDX-License-Identifier: MIT */
#include "record/header.h"

#include "base/jsonw.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void free_json(json_t **json)
{
    json_decref(*json);
}

#define AUTO_JSON __attribute__((cleanup(free_json))) json_t

/* An object from outside; prompts may hold NUL characters. NULL and `err` set when it is none. */
static json_t *load_object(const char *text, size_t len, const char *what, struct erg_err *err)
{
    json_error_t error;
    json_t *json = NULL;
    if (len <= ERG_MAX_JSON_BYTES)
        json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (json_is_object(json))
        return json;
    json_decref(json);
    erg_fail(err, ERG_CORRUPT, "the %s record does not hold a JSON object", what);
    return NULL;
}

void erg_header_deinit(struct erg_header *header)
{
    char *texts[] = {
        header->id,         header->created_at,    header->created_at_utc, header->model_name,
        header->model_path, header->mode,          header->prompt,         header->tags_json,
        header->experiment, header->settings_json, header->machine_json,   header->provenance_json};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    *header = (struct erg_header){0};
}

void erg_header_write(const struct erg_header *header, struct erg_buf *out)
{
    struct erg_jsonw w;
    erg_jsonw_init(&w, out);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "id", header->id);
    erg_jsonw_kstr(&w, "created_at", header->created_at);
    erg_jsonw_kstr(&w, "created_at_utc", header->created_at_utc);
    erg_jsonw_kstr(&w, "model_name", header->model_name);
    erg_jsonw_kstr(&w, "model_path", header->model_path);
    erg_jsonw_kstr(&w, "mode", header->mode);
    erg_jsonw_key(&w, "prompt");
    if (header->prompt)
        erg_jsonw_strn(&w, header->prompt, header->prompt_len);
    else
        erg_jsonw_null(&w);
    erg_jsonw_key(&w, "tags");
    erg_jsonw_raw(&w, header->tags_json ? header->tags_json : "[]");
    erg_jsonw_kstr(&w, "experiment_name", header->experiment);
    erg_jsonw_key(&w, "settings");
    erg_jsonw_raw(&w, header->settings_json ? header->settings_json : "{}");
    erg_jsonw_key(&w, "machine");
    erg_jsonw_raw(&w, header->machine_json ? header->machine_json : "{}");
    erg_jsonw_key(&w, "provenance");
    erg_jsonw_raw(&w, header->provenance_json ? header->provenance_json : "{}");
    erg_jsonw_key(&w, "conditions");
    erg_jsonw_obj_begin(&w);
    erg_conditions_write(&header->conditions, &w);
    erg_jsonw_obj_end(&w);
    erg_jsonw_key(&w, "grid");
    erg_jsonw_obj_begin(&w);
    erg_grid_write(&header->grid, &w);
    erg_jsonw_obj_end(&w);
    erg_jsonw_obj_end(&w);
}

/* An object whose members are copied; `rc` becomes NOMEM when one could not be. */
struct source {
    const json_t *object;
    int rc;
};

/* Copy of a string member; NULL when absent, null or not a string. */
static char *copy_string(struct source *source, const char *key)
{
    const json_t *value = json_object_get(source->object, key);
    if (!json_is_string(value))
        return NULL;
    char *copy = erg_strndup(json_string_value(value), json_string_length(value));
    if (!copy)
        source->rc = ERG_NOMEM;
    return copy;
}

/* A member as JSON text; NULL when absent or of another type. */
static char *copy_member(struct source *source, const char *key, json_type type)
{
    const json_t *value = json_object_get(source->object, key);
    if (!value || json_typeof(value) != type)
        return NULL;
    char *dumped = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15));
    char *copy = dumped ? erg_strdup(dumped) : NULL;
    free(dumped);
    if (!copy)
        source->rc = ERG_NOMEM;
    return copy;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void parse_grid(const json_t *grid, struct erg_grid *out)
{
    const char *date = json_string_value(json_object_get(grid, "date"));
    int64_t year = 0;
    const char *region = json_string_value(json_object_get(grid, "region"));
    size_t len = region ? strlen(region) : 0;
    if (len >= sizeof out->region)
        len = sizeof out->region - 1;
    memcpy(out->region, region ? region : "", len);
    out->region[len] = '\0';
    out->g_per_kwh = number(grid, "g_per_kwh");
    out->usd_per_kwh = number(grid, "usd_per_kwh");
    if (date)
        erg_parse_i64(date, 1, 9999, &year, NULL);
    out->year = (int)year;
}

/* A whole number ≥ 0; -1 when it is none. */
static int64_t count_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value)
                                                                    : -1;
}

static void parse_conditions(const json_t *json, struct erg_conditions *out)
{
    const json_t *clocks = json_object_get(json, "clocks");
    const json_t *affinity = json_object_get(json, "affinity");
    const json_t *battery = json_object_get(json, "on_battery");
    const char *governor = json_string_value(json_object_get(json, "governor"));
    *out = (struct erg_conditions){
        .clock_min_mhz = count_of(clocks, "min_mhz"),
        .clock_max_mhz = count_of(clocks, "max_mhz"),
        .clock_mhz = count_of(clocks, "current_mhz"),
        .cpus_allowed_count = count_of(affinity, "allowed"),
        .cpus_online_count = count_of(affinity, "online"),
        .throttle_count = count_of(json, "throttling"),
        .on_battery = json_is_boolean(battery) ? json_is_true(battery) : -1,
    };
    if (governor && strlen(governor) < sizeof out->governor)
        memcpy(out->governor, governor, strlen(governor));
}

void erg_header_parse_conditions(const char *json, struct erg_conditions *out)
{
    AUTO_JSON *root = json_loads(json, 0, NULL);
    parse_conditions(root, out);
}

int erg_header_parse(const char *json, size_t len, struct erg_header *out, struct erg_err *err)
{
    AUTO_JSON *root = load_object(json, len, "RECORDING", err);
    if (!root)
        return ERG_CORRUPT;
    struct source source = {root, 0};
    struct erg_header header = {
        .id = copy_string(&source, "id"),
        .created_at = copy_string(&source, "created_at"),
        .created_at_utc = copy_string(&source, "created_at_utc"),
        .model_name = copy_string(&source, "model_name"),
        .model_path = copy_string(&source, "model_path"),
        .mode = copy_string(&source, "mode"),
        .prompt = copy_string(&source, "prompt"),
        .prompt_len = json_string_length(json_object_get(root, "prompt")),
        .tags_json = copy_member(&source, "tags", JSON_ARRAY),
        .experiment = copy_string(&source, "experiment_name"),
        .settings_json = copy_member(&source, "settings", JSON_OBJECT),
        .machine_json = copy_member(&source, "machine", JSON_OBJECT),
        .provenance_json = copy_member(&source, "provenance", JSON_OBJECT),
    };
    parse_conditions(json_object_get(root, "conditions"), &header.conditions);
    parse_grid(json_object_get(root, "grid"), &header.grid);
    if (source.rc) {
        erg_header_deinit(&header);
        return erg_fail(err, ERG_NOMEM, "no memory for the description of a run");
    }
    if (!header.id || !*header.id || strlen(header.id) > 39 || !header.created_at ||
        !header.created_at_utc || !header.model_name || !header.mode) {
        erg_header_deinit(&header);
        return erg_fail(err, ERG_CORRUPT, "the RECORDING record does not name its run");
    }
    *out = header;
    return 0;
}

/* One channel of a POWER record; 0 or CORRUPT. */
static int parse_channel(const json_t *json, struct erg_channel *out)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *source = json_string_value(json_object_get(json, "source"));
    const char *domain = json_string_value(json_object_get(json, "domain"));
    const char *quantity = json_string_value(json_object_get(json, "quantity"));
    const char *measures = json_string_value(json_object_get(json, "measures"));
    double period = number(json, "update_period_ns"), gap = number(json, "max_gap_ns");
    double device = number(json, "device");
    int index = domain ? erg_domain_find(domain) : -1;
    if (!name || !source || !quantity || index < 0 || strlen(name) >= sizeof out->name ||
        strlen(source) >= sizeof out->source ||
        (measures && strlen(measures) >= sizeof out->measures) || !(period >= 0 && period < 1e18) ||
        !(gap >= 0 && gap < 1e18) || !(device >= 0 && device < 65536))
        return ERG_CORRUPT;
    *out = (struct erg_channel){
        .domain = (enum erg_domain)index,
        .device = (int)device,
        .quantity = strcmp(quantity, "power") == 0 ? ERG_QUANTITY_POWER : ERG_QUANTITY_ENERGY,
        .update_period_ns = (int64_t)period,
        .max_gap_ns = (int64_t)gap,
        .raw = json_is_true(json_object_get(json, "raw")),
        .estimated = json_is_true(json_object_get(json, "estimated")),
        .synthetic = json_is_true(json_object_get(json, "synthetic")),
    };
    memcpy(out->name, name, strlen(name) + 1);
    memcpy(out->source, source, strlen(source) + 1);
    if (measures)
        memcpy(out->measures, measures, strlen(measures) + 1);
    return 0;
}

int erg_header_parse_power(const char *json, size_t len, struct erg_channel **out_channels,
                           uint32_t *out_count, int64_t *out_interval_ns, struct erg_err *err)
{
    AUTO_JSON *root = load_object(json, len, "POWER", err);
    if (!root)
        return ERG_CORRUPT;
    const json_t *list = json_object_get(root, "channels");
    size_t count = json_array_size(list);
    double interval_ms = number(root, "interval_ms");
    if (!json_is_array(list) || count > ERG_MAX_CHANNELS ||
        !(interval_ms >= 0 && interval_ms < 1e12))
        return erg_fail(err, ERG_CORRUPT, "the POWER record does not list its channels");
    struct erg_channel *channels = erg_calloc(count, sizeof *channels);
    if (!channels)
        return erg_fail(err, ERG_NOMEM, "no memory for %zu power channels", count);
    for (size_t i = 0; i < count; i++) {
        if (parse_channel(json_array_get(list, i), &channels[i])) {
            free(channels);
            return erg_fail(err, ERG_CORRUPT, "channel %zu of the POWER record is not valid", i);
        }
    }
    *out_channels = channels;
    *out_count = (uint32_t)count;
    *out_interval_ns = llround(interval_ms * 1e6);
    return 0;
}

static double above_zero(const json_t *object, const char *key)
{
    double value = number(object, key);
    return value > 0 && isfinite(value) ? value : NAN;
}

void erg_header_parse_profiler(const char *text, size_t len, double *out_tracing_pct)
{
    static const char start[] = "{\"profiler\":";
    if (len < sizeof start - 1 || memcmp(text, start, sizeof start - 1) != 0)
        return;
    AUTO_JSON *root = json_loadb(text, len, 0, NULL);
    double tracing_pct = above_zero(json_object_get(root, "profiler"), "tracing_pct");
    if (isfinite(tracing_pct))
        *out_tracing_pct = tracing_pct;
}

int erg_header_parse_engine(const char *json, size_t len, struct erg_engine_header *out,
                            struct erg_err *err)
{
    AUTO_JSON *root = load_object(json, len, "RUN_BEGIN", err);
    if (!root)
        return ERG_CORRUPT;
    const json_t *load = json_object_get(root, "load");
    const json_t *settings = json_object_get(root, "settings");
    const json_t *t0 = json_object_get(load, "t0_ns"), *t1 = json_object_get(load, "t1_ns");
    double parameters = number(json_object_get(root, "model"), "parameters");
    struct source source = {root, 0};
    struct source engine = {json_object_get(root, "engine"), 0};
    struct erg_engine_header header = {
        .engine_json = copy_member(&source, "engine", JSON_OBJECT),
        .model_json = copy_member(&source, "model", JSON_OBJECT),
        .settings_json = copy_member(&source, "settings", JSON_OBJECT),
        .machine_json = copy_member(&source, "machine", JSON_OBJECT),
        .ggml_variant = copy_string(&engine, "ggml_variant"),
        .parameters = parameters >= 0 && parameters < 1e18 ? (int64_t)parameters : 0,
        .has_load = json_is_integer(t0) && json_is_integer(t1) &&
                    !json_is_true(json_object_get(load, "warm")),
        .load_t0_ns = json_integer_value(t0),
        .load_t1_ns = json_integer_value(t1),
        .budget_pct = above_zero(settings, "overhead_budget_pct"),
        .sampled = number(settings, "sample_every") > 1,
    };
    if (source.rc || engine.rc) {
        free(header.ggml_variant);
        free(header.engine_json);
        free(header.model_json);
        free(header.settings_json);
        free(header.machine_json);
        return erg_fail(err, ERG_NOMEM, "no memory for the description of an engine");
    }
    *out = header;
    return 0;
}

int erg_header_merge(char **json, const char *extra, struct erg_err *err)
{
    AUTO_JSON *base = json_loads(*json ? *json : "{}", 0, NULL);
    AUTO_JSON *more = json_loads(extra, 0, NULL);
    if (!base || !more || json_object_update_missing(base, more))
        return erg_fail(err, ERG_NOMEM, "no memory for the description of a run");
    char *dumped = json_dumps(base, JSON_COMPACT | JSON_REAL_PRECISION(15));
    char *copy = dumped ? erg_strdup(dumped) : NULL;
    free(dumped);
    if (!copy)
        return erg_fail(err, ERG_NOMEM, "no memory for the description of a run");
    free(*json);
    *json = copy;
    return 0;
}

int erg_header_parse_end(const char *json, size_t len, char **out_status, char **out_failure,
                         struct erg_conditions *out_conditions, struct erg_err *err)
{
    static const char *const known[] = {"complete", "failed", "cancelled", "interrupted"};
    struct source source = {0};
    AUTO_JSON *root = load_object(json, len, "RECORDING_END", err);
    if (!root)
        return ERG_CORRUPT;
    const char *status = json_string_value(json_object_get(root, "status"));
    for (size_t i = 0; status && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(status, known[i]) != 0)
            continue;
        source.object = root;
        parse_conditions(json_object_get(root, "conditions"), out_conditions);
        *out_status = copy_string(&source, "status");
        *out_failure = copy_string(&source, "failure");
        return source.rc ? erg_fail(err, ERG_NOMEM, "no memory for a status") : 0;
    }
    return erg_fail(err, ERG_CORRUPT, "the RECORDING_END record has no valid status");
}

void erg_header_write_end(const char *status, const char *failure,
                          const struct erg_conditions *conditions, const char *power_json,
                          struct erg_buf *out)
{
    struct erg_jsonw w;
    erg_jsonw_init(&w, out);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "status", status);
    erg_jsonw_kstr(&w, "failure", failure);
    if (conditions) {
        erg_jsonw_key(&w, "conditions");
        erg_jsonw_obj_begin(&w);
        erg_conditions_write(conditions, &w);
        erg_jsonw_obj_end(&w);
    }
    if (*power_json) {
        erg_jsonw_key(&w, "power");
        erg_jsonw_raw(&w, power_json);
    }
    erg_jsonw_obj_end(&w);
}
