/* SPDX-License-Identifier: MIT */
#include "record/join_internal.h"

#include "base/jsonw.h"
#include "base/mem.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the records POWER and RECORDING_END say of the sources, and what their channels have said by
 * now. */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static char *dump(const json_t *value)
{
    char *dumped = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    char *copy = dumped ? erg_strdup(dumped) : NULL;
    free(dumped);
    return copy;
}

int erg_join_keep_sources(struct erg_join *join, const char *json, size_t len, struct erg_err *err)
{
    json_t *root = json_loadb(json, len, JSON_ALLOW_NUL, NULL);
    const json_t *sources = json_object_get(root, "sources");
    const json_t *details = json_object_get(root, "source_details");
    bool failed = false;
    if (json_is_object(details))
        failed = !(join->source_details = dump(details));
    else if (json_array_size(sources))
        failed = !(join->sources_json = dump(sources));
    json_decref(root);
    return failed ? erg_fail(err, ERG_NOMEM, "no memory for a recording") : 0;
}

int erg_join_renew_sources(struct erg_join *join, const char *json, size_t len, struct erg_err *err)
{
    json_t *root = json_loadb(json, len, JSON_ALLOW_NUL, NULL);
    const json_t *sources = json_object_get(json_object_get(root, "power"), "sources");
    bool renews = join->sources_json && json_array_size(sources);
    char *renewed = renews ? dump(sources) : NULL;
    json_decref(root);
    if (!renews)
        return 0;
    if (!renewed)
        return erg_fail(err, ERG_NOMEM, "no memory for a recording");
    free(join->sources_json);
    join->sources_json = renewed;
    return 0;
}

enum { RESIDUAL_DEPTH = 8 }; /* of descriptions: sources, about, gpus … */

static double greater_residual(double a, double b)
{
    return isnan(a) || fabs(b) > fabs(a) ? b : a;
}

static double find_residual(const json_t *value, int depth)
{
    double found = NAN;
    const json_t *item;
    const char *key;
    size_t i;
    if (depth == RESIDUAL_DEPTH)
        return found;
    json_array_foreach(value, i, item) found =
        greater_residual(found, find_residual(item, depth + 1));
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        bool is_one = strcmp(key, "residual_ratio") == 0 && json_is_number(item);
        found = greater_residual(found,
                                 is_one ? json_number_value(item) : find_residual(item, depth + 1));
    }
    return found;
}

double erg_join_residual(const struct erg_join *join)
{
    const char *text = join->sources_json ? join->sources_json : join->source_details;
    json_t *said = text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;
    double found = find_residual(said, 0);
    json_decref(said);
    return found;
}

static void put_channels(const struct erg_join *join, const char *source, struct erg_jsonw *w)
{
    erg_jsonw_key(w, "channels");
    erg_jsonw_arr_begin(w);
    for (uint32_t i = 0; i < join->channel_count; i++) {
        const struct erg_channel *channel = &join->channels[i];
        int64_t nj;
        if (strcmp(channel->source, source) != 0)
            continue;
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "name", channel->name);
        erg_jsonw_kstr(w, "domain", erg_domain_name(channel->domain));
        erg_jsonw_kint(w, "device", channel->device);
        if (channel->measures[0])
            erg_jsonw_kstr(w, "measures", channel->measures);
        erg_jsonw_kbool(w, "raw", channel->raw);
        if (join->has_zero &&
            erg_timeline_channel_energy(join->timeline, i, join->zero_ns, join->end_ns, &nj))
            erg_jsonw_kmicro(w, "energy_mj", nj);
        else
            erg_jsonw_knull(w, "energy_mj");
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

/* What is known has been written when it goes: the rest are facts of the source's own. */
static void put_source(const struct erg_join *join, json_t *source, struct erg_jsonw *w)
{
    const char *name = text_of(source, "name"), *checks = text_of(source, "checks");
    static const char *const known[] = {"name", "detail", "grade", "synthetic", "checks"};
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "name", name);
    erg_jsonw_kstr(w, "detail", text_of(source, "detail"));
    erg_jsonw_kstr(w, "grade", text_of(source, "grade"));
    if (checks)
        erg_jsonw_kstr(w, "checks", checks);
    else
        put_channels(join, name ? name : "", w);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        json_object_del(source, known[i]);
    ERG_AUTO_FREE char *about = json_object_size(source) ? dump(source) : NULL;
    if (about) {
        erg_jsonw_key(w, "about");
        erg_jsonw_raw(w, about);
    } else if (json_object_size(source)) {
        w->status = ERG_NOMEM;
    }
    erg_jsonw_obj_end(w);
}

/* The parts against the sensor that contains them all; null when there is none. */
static void put_reconciliation(const struct erg_join *join, struct erg_jsonw *w)
{
    int64_t whole_nj = 0, parts_nj = 0, nj;
    const struct erg_channel *machine = NULL;
    for (uint32_t i = 0; i < join->channel_count && join->has_zero; i++) {
        const struct erg_channel *channel = &join->channels[i];
        bool whole = channel->raw && strcmp(channel->measures, "machine") == 0;
        bool part = !channel->raw && strcmp(channel->measures, ERG_CHANNEL_REST) != 0;
        if ((!whole && !part) ||
            !erg_timeline_channel_energy(join->timeline, i, join->zero_ns, join->end_ns, &nj))
            continue;
        parts_nj += part ? nj : 0;
        whole_nj += whole ? nj : 0;
        machine = whole ? channel : machine;
    }
    erg_jsonw_key(w, "reconciliation");
    if (!machine) {
        erg_jsonw_null(w);
        return;
    }
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "machine", machine->name);
    erg_jsonw_kmicro(w, "machine_energy_mj", whole_nj);
    erg_jsonw_kmicro(w, "parts_energy_mj", parts_nj);
    erg_jsonw_key(w, "parts_ratio");
    if (whole_nj > 0)
        erg_jsonw_real(w, (double)parts_nj / (double)whole_nj);
    else
        erg_jsonw_null(w);
    erg_jsonw_obj_end(w);
}

const char *erg_join_source_details(struct erg_join *join)
{
    if (!join->sources_json || !join->timeline)
        return join->source_details;
    json_t *sources = json_loads(join->sources_json, JSON_ALLOW_NUL, NULL), *source;
    struct erg_buf text;
    struct erg_jsonw w;
    size_t i;
    erg_buf_init(&text);
    erg_jsonw_init(&w, &text);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_key(&w, "sources");
    erg_jsonw_arr_begin(&w);
    json_array_foreach(sources, i, source) put_source(join, source, &w);
    erg_jsonw_arr_end(&w);
    put_reconciliation(join, &w);
    erg_jsonw_obj_end(&w);
    json_decref(sources);
    free(join->source_details);
    join->source_details = erg_jsonw_finish(&w) ? NULL : erg_buf_take(&text);
    erg_buf_deinit(&text);
    return join->source_details ? join->source_details : "";
}
