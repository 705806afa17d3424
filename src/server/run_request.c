/* SPDX-License-Identifier: MIT */
#include "server/run_request.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "model/gguf.h"
#include "power/spec.h"
#include "record/profile.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TOKENS = 128, MAX_LABEL = 256 };

/* What the options borrow from. */
struct erg_run_owned {
    json_t *body;
    char *model_path, *model_name;
    struct erg_profile profile;
    const char *tags[ERG_MAX_TAGS];
};

/* A request while it is read. */
struct reading {
    struct erg_run_request *request;
    const struct erg_run_rules *rules;
    struct erg_run_options *options;
    struct erg_run_owned *owned;
    const char *model, *depth; /* NULL = not given */
    struct erg_run_fault *fault;
    struct erg_err *err;
};

static int wrong(struct reading *reading, const char *member, const char *must)
{
    snprintf(reading->fault->member, sizeof reading->fault->member, "%s", member);
    return erg_fail(reading->err, ERG_INVALID, "'%.60s' must be %s", member, must);
}

static const char *text_of(const json_t *value)
{
    return json_string_value(value);
}

/* --- members -----------------------------------------------------------------------------------
 */

static int read_model(struct reading *reading, const char *name, const json_t *value)
{
    if (!json_string_length(value))
        return wrong(reading, name, "the name of a model");
    reading->model = text_of(value);
    return 0;
}

static int read_prompt(struct reading *reading, const char *name, const json_t *value)
{
    if (!json_string_length(value))
        return wrong(reading, name, "a text that is not empty");
    reading->options->prompt = text_of(value);
    return 0;
}

static int read_depth(struct reading *reading, const char *name, const json_t *value)
{
    static const char *const depths[][2] = {
        {"minimal", "minimal"}, {"module", "standard"}, {"standard", "standard"}, {"deep", "deep"}};
    for (size_t i = 0; json_is_string(value) && i < sizeof depths / sizeof depths[0]; i++) {
        if (strcmp(text_of(value), depths[i][0]) == 0) {
            reading->depth = depths[i][1];
            return 0;
        }
    }
    return wrong(reading, name, "minimal, module or deep");
}

static bool is_label(const json_t *value)
{
    return json_is_string(value) && json_string_length(value) > 0 &&
           erg_utf8_length(text_of(value), json_string_length(value)) <= MAX_LABEL;
}

static int read_tags(struct reading *reading, const char *name, const json_t *value)
{
    static const char must[] = "an array of at most 32 texts of 1 to 256 characters";
    const json_t *tag;
    size_t i;
    if (!json_is_array(value) || json_array_size(value) > ERG_MAX_TAGS)
        return wrong(reading, name, must);
    json_array_foreach(value, i, tag)
    {
        if (!is_label(tag))
            return wrong(reading, name, must);
        reading->owned->tags[i] = text_of(tag);
    }
    reading->options->tags = reading->owned->tags;
    reading->options->tag_count = json_array_size(value);
    return 0;
}

static int read_experiment(struct reading *reading, const char *name, const json_t *value)
{
    if (json_is_null(value) || (json_is_string(value) && !json_string_length(value)))
        return 0;
    if (!is_label(value))
        return wrong(reading, name, "a text of at most 256 characters");
    reading->options->experiment = text_of(value);
    return 0;
}

static int read_power(struct reading *reading, const char *name, const json_t *value)
{
    struct erg_power_spec spec;
    if (!json_string_length(value) || strchr(text_of(value), ':'))
        return wrong(reading, name, "names of power sources, 'auto' or 'none'");
    int rc = erg_power_spec_parse(text_of(value), erg_power_drivers, &spec, reading->err);
    if (rc) {
        erg_err_prefix(reading->err, "'%s'", name);
        snprintf(reading->fault->member, sizeof reading->fault->member, "%s", name);
        return rc;
    }
    reading->options->power_spec = text_of(value);
    reading->options->power_files_allowed = false;
    return 0;
}

static int read_wait(struct reading *reading, const char *name, const json_t *value)
{
    if (!json_is_boolean(value))
        return wrong(reading, name, "true or false");
    reading->request->wait = json_is_true(value);
    return 0;
}

/* --- numbers -----------------------------------------------------------------------------------
 */

#define FIELD(name) offsetof(struct erg_run_options, name)

/* A number, its range, and the option it becomes, a whole one times `scale`. */
static const struct number {
    const char *name;
    bool whole; /* the option is an int64_t; else a double */
    size_t offset;
    double min, max;
    double scale; /* 0: the value itself must be whole */
} numbers[] = {
    {"max_length", true, FIELD(tokens), 1, 1000000, 0},
    {"temperature", false, FIELD(temperature), 0, 100, 0},
    {"top_k", true, FIELD(top_k), 0, 1000000, 0},
    {"top_p", false, FIELD(top_p), 0, 1, 0},
    {"seed", true, FIELD(seed), 0, 4294967294, 0},
    {"power_interval_ms", true, FIELD(power_interval_ns), 1, 60000, 1e6},
    {"overhead_budget_pct", false, FIELD(overhead_budget_pct), 0.01, 1000, 0},
};

static int read_number(struct reading *reading, const struct number *number, const json_t *value)
{
    char *field = (char *)reading->options + number->offset;
    double x = json_number_value(value);
    bool whole = number->whole && number->scale == 0;
    if (!json_is_number(value) || !(x >= number->min && x <= number->max) ||
        (whole && x != floor(x))) {
        char must[80];
        snprintf(must, sizeof must, "a %snumber from %.10g to %.10g", whole ? "whole " : "",
                 number->min, number->max);
        return wrong(reading, number->name, must);
    }
    if (!number->whole) {
        memcpy(field, &x, sizeof x);
        return 0;
    }
    int64_t option = llround(number->scale != 0 ? x * number->scale : x);
    memcpy(field, &option, sizeof option);
    return 0;
}

/* --- grid ----------------------------------------------------------------------------------------
 */

static int find_region(struct reading *reading, const char *region)
{
    if (erg_grid_find(region, &reading->options->grid))
        return 0;
    snprintf(reading->fault->member, sizeof reading->fault->member, "grid");
    return erg_fail(reading->err, ERG_INVALID,
                    "'grid': unknown region '%.32s' (GET /api/profiling/grid lists them)", region);
}

static bool read_figure(const json_t *grid, const char *key, double max, double *out)
{
    const json_t *value = json_object_get(grid, key);
    if (!value)
        return true;
    *out = json_number_value(value);
    return json_is_number(value) && *out >= 0 && *out <= max;
}

static int read_grid(struct reading *reading, const char *name, const json_t *value)
{
    double g_per_kwh = -1, usd_per_kwh = -1;
    if (json_is_string(value))
        return find_region(reading, text_of(value));
    const json_t *region = json_object_get(value, "region");
    size_t known =
        !!region + !!json_object_get(value, "g_per_kwh") + !!json_object_get(value, "usd_per_kwh");
    if (!json_is_object(value) || json_object_size(value) != known ||
        (region && !json_is_string(region)))
        return wrong(reading, name, "a region, or an object of region, g_per_kwh and usd_per_kwh");
    if (!read_figure(value, "g_per_kwh", 10000, &g_per_kwh))
        return wrong(reading, "grid.g_per_kwh", "a number from 0 to 10000");
    if (!read_figure(value, "usd_per_kwh", 1000, &usd_per_kwh))
        return wrong(reading, "grid.usd_per_kwh", "a number from 0 to 1000");
    int rc = region ? find_region(reading, text_of(region)) : 0;
    erg_grid_override(&reading->options->grid, g_per_kwh, usd_per_kwh);
    return rc;
}

/* --- profile -------------------------------------------------------------------------------------
 */

/* A value as --profile takes it: "true", "20", "0.5"; false when it is none. */
static bool value_text(const json_t *value, char out[64])
{
    double x = json_number_value(value);
    int len = -1;
    if (json_is_string(value))
        len = snprintf(out, 64, "%s", text_of(value));
    else if (json_is_boolean(value))
        len = snprintf(out, 64, "%s", json_is_true(value) ? "true" : "false");
    else if (json_is_number(value) && x == floor(x) && fabs(x) < 1e15)
        len = snprintf(out, 64, "%.0f", x);
    else if (json_is_number(value))
        len = snprintf(out, 64, "%.17g", x);
    return len >= 0 && len < 64;
}

static int add_layers(struct erg_profile *profile, const char *key, const json_t *layers,
                      struct erg_err *err)
{
    const json_t *layer;
    size_t i;
    int rc = json_array_size(layers) ? 0 : erg_fail(err, ERG_INVALID, "%s is empty", key);
    json_array_foreach(layers, i, layer)
    {
        char text[64];
        if (!json_is_integer(layer) || !value_text(layer, text))
            return erg_fail(err, ERG_INVALID, "%s takes numbers of layers", key);
        rc = i ? erg_profile_more_layers(profile, text, err)
               : erg_profile_set(profile, key, strlen(key), text, err);
        if (rc)
            return rc;
    }
    return rc;
}

static int set_key(struct erg_profile *profile, const char *key, const json_t *value,
                   struct erg_err *err)
{
    char text[64];
    bool is_list =
        json_is_array(value) && erg_profile_key(key, strlen(key)) == ERG_PROFILE_LAYER_LIST;
    if (is_list)
        return add_layers(profile, key, value, err);
    return erg_profile_set(profile, key, strlen(key), value_text(value, text) ? text : "?", err);
}

static int read_profile(struct reading *reading, const char *name, const json_t *value)
{
    struct erg_profile *profile = &reading->owned->profile;
    const char *key;
    json_t *item;
    if (!json_is_object(value))
        return wrong(reading, name, "an object with the keys of --profile");
    json_object_foreach((json_t *)value, key, item)
    {
        int rc = set_key(profile, key, item, reading->err);
        if (!rc)
            continue;
        erg_err_prefix(reading->err, "'%s'", name);
        snprintf(reading->fault->member, sizeof reading->fault->member, "%s.%.40s", name, key);
        return rc;
    }
    return 0;
}

/* What members and the keys of the profile say together. */
static int combine(struct reading *reading)
{
    struct erg_run_options *options = reading->options;
    const struct erg_profile *profile = &reading->owned->profile;
    int64_t interval_ns = options->power_interval_ns;
    int rc = erg_profile_check(profile, reading->err);
    if (rc == 0)
        rc = erg_profile_mode(profile, reading->depth, &options->mode, reading->err);
    if (rc)
        return rc;
    if (interval_ns && profile->power_interval_ms &&
        interval_ns != profile->power_interval_ms * 1000000)
        return erg_fail(reading->err, ERG_INVALID,
                        "power_interval_ms and the profile's power_sample_interval_ms differ");
    if (options->overhead_budget_pct > 0 && profile->bare_every == 0)
        return erg_fail(reading->err, ERG_INVALID,
                        "overhead_budget_pct needs the tokens to compare with that the profile's "
                        "bare_every of 0 leaves out");
    if (options->overhead_budget_pct > 0 && profile->sample_every)
        return erg_fail(reading->err, ERG_INVALID,
                        "only one of overhead_budget_pct and the profile's sample_every can say "
                        "how many tokens are profiled");
    erg_profile_apply(profile, options);
    return 0;
}

/* --- the body ------------------------------------------------------------------------------------
 */

static const struct member {
    const char *name;
    int (*read)(struct reading *reading, const char *name, const json_t *value);
} members[] = {
    {"model_name", read_model},
    {"prompt", read_prompt},
    {"profiling_depth", read_depth},
    {"tags", read_tags},
    {"experiment_name", read_experiment},
    {"power", read_power},
    {"profile", read_profile},
    {"grid", read_grid},
    {"wait", read_wait},
};

static int read_member(struct reading *reading, const char *name, const json_t *value)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (strcmp(members[i].name, name) == 0)
            return members[i].read(reading, members[i].name, value);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(numbers[i].name, name) == 0)
            return read_number(reading, &numbers[i], value);
    }
    snprintf(reading->fault->member, sizeof reading->fault->member, "%.60s", name);
    return erg_fail(reading->err, ERG_INVALID, "'%.60s' is no member of a request", name);
}

static int read_members(struct reading *reading)
{
    const char *name;
    json_t *value;
    json_object_foreach(reading->owned->body, name, value)
    {
        int rc = read_member(reading, name, value);
        if (rc)
            return rc;
    }
    if (!reading->model)
        return wrong(reading, "model_name", "given");
    if (!reading->options->prompt)
        return wrong(reading, "prompt", "given");
    return combine(reading);
}

/* A file that cannot be run is refused here, with a better reason than an engine has. */
static int look_at_model(struct reading *reading)
{
    const struct erg_run_owned *owned = reading->owned;
    struct erg_model_info info;
    int rc = erg_gguf_read(owned->model_path, &info, NULL);
    if (rc == ERG_NOMEM)
        return erg_fail(reading->err, rc, "no memory to look at the model");
    if (rc)
        return erg_fail(reading->err, ERG_UNSUPPORTED,
                        "model '%.64s' cannot be run: its file is damaged or of another kind (try "
                        "'ergon models show')",
                        owned->model_name);
    reading->request->layers = info.layers;
    return 0;
}

/* Only once everything else is right are files looked at. */
static int find_model(struct reading *reading)
{
    struct erg_run_owned *owned = reading->owned;
    int rc = erg_model_resolve_name(reading->rules->model_dirs, reading->model, &owned->model_path,
                                    &owned->model_name, reading->err);
    if (rc == 0)
        rc = look_at_model(reading);
    if (rc)
        snprintf(reading->fault->member, sizeof reading->fault->member, "model_name");
    return rc;
}

static int parse_body(struct erg_run_owned *owned, const char *body, size_t len,
                      struct erg_err *err)
{
    json_error_t error;
    owned->body = json_loadb(body, len, JSON_REJECT_DUPLICATES, &error);
    if (!owned->body)
        return erg_fail(err, ERG_INVALID, "the body is no JSON: %.120s (line %d)", error.text,
                        error.line);
    if (!json_is_object(owned->body))
        return erg_fail(err, ERG_INVALID, "the body must be a JSON object");
    return 0;
}

static void set_defaults(struct erg_run_options *options, const struct erg_run_rules *rules)
{
    *options = (struct erg_run_options){
        .tokens = DEFAULT_TOKENS,
        .top_p = 0.95,
        .top_k = 40,
        .power_spec = rules->power_spec,
        .power_files_allowed = true, /* the specification is the server's own */
        .cpu_idle_mw = rules->cpu_idle_mw,
        .cpu_full_mw = rules->cpu_full_mw,
        .idle_ns = rules->idle_ns,
        .store_path = rules->store_path,
    };
    erg_grid_find("us", &options->grid);
}

int erg_run_request_parse(struct erg_run_request **out, const struct erg_run_rules *rules,
                          const char *body, size_t len, struct erg_run_fault *out_fault,
                          struct erg_err *err)
{
    struct erg_run_request *request = erg_calloc(1, sizeof *request);
    struct erg_run_owned *owned = erg_calloc(1, sizeof *owned);
    out_fault->member[0] = '\0';
    if (!request || !owned) {
        free(request);
        free(owned);
        return erg_fail(err, ERG_NOMEM, "no memory for a request");
    }
    request->owned = owned;
    request->wait = true;
    struct reading reading = {
        .request = request,
        .rules = rules,
        .options = &request->options,
        .owned = owned,
        .fault = out_fault,
        .err = err,
    };
    set_defaults(&request->options, rules);
    erg_profile_init(&owned->profile);
    int rc = parse_body(owned, body, len, err);
    if (rc == 0)
        rc = read_members(&reading);
    if (rc == 0)
        rc = find_model(&reading);
    if (rc) {
        erg_run_request_free(request);
        return rc;
    }
    request->options.id = request->id;
    request->options.model_path = owned->model_path;
    request->options.model_name = owned->model_name;
    *out = request;
    return 0;
}

void erg_run_request_free(struct erg_run_request *request)
{
    if (!request)
        return;
    json_decref(request->owned->body);
    free(request->owned->model_path);
    free(request->owned->model_name);
    free(request->owned);
    free(request);
}
