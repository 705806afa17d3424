/* SPDX-License-Identifier: MIT */
#include "record/activity.h"

#include "base/mem.h"
#include "record/machine.h"
#include "store/pass.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RUNS = 32, MAX_POINTS = 1 << 20 };

/* --- keys ------------------------------------------------------------------------------------- */

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void describe_machine(const json_t *machine, struct erg_activity_key *out)
{
    snprintf(out->machine, sizeof out->machine, "%.128s, %.128s, %lld",
             text_at(machine, "hostname"), text_at(machine, "cpu"),
             (long long)json_number_value(json_object_get(machine, "cpus")));
}

int erg_activity_key_of(const char *summary_json, struct erg_activity_key *out, struct erg_err *err)
{
    json_t *summary =
        json_loads(summary_json, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    if (!json_is_object(summary)) {
        json_decref(summary);
        return erg_fail(err, ERG_CORRUPT, "the summary is no JSON object");
    }
    const json_t *sources = json_object_get(json_object_get(summary, "power"), "sources");
    size_t i, len = 0;
    const json_t *source;
    *out = (struct erg_activity_key){0};
    describe_machine(json_object_get(summary, "machine"), out);
    json_array_foreach(sources, i, source)
    {
        const char *name = json_string_value(source);
        if (name && len + strlen(name) + 2 < sizeof out->sources)
            len += (size_t)snprintf(out->sources + len, sizeof out->sources - len, "%s%s",
                                    len ? "+" : "", name);
    }
    json_decref(summary);
    return 0;
}

void erg_activity_key_here(const struct erg_root *root, struct erg_activity_key *out)
{
    struct erg_buf text;
    erg_buf_init(&text);
    erg_machine_describe(root, &text);
    json_t *machine = json_loads(erg_buf_view(&text), JSON_DECODE_INT_AS_REAL, NULL);
    *out = (struct erg_activity_key){0};
    describe_machine(machine, out);
    json_decref(machine);
    erg_buf_deinit(&text);
}

/* --- points ----------------------------------------------------------------------------------- */

/* Where a block is from: of each such place the newest calibration counts. */
struct place {
    char model[128], operation[160];
    uint32_t phase;
    int64_t calibration; /* 0: the one that is not stored yet */
};

struct gathering {
    struct erg_activity_point *points;
    size_t count, capacity;
    struct place *places;
    size_t place_count, place_capacity;
    char **texts;
    size_t text_count, text_capacity;

    const struct erg_activity_key *key;
    char runs[MAX_RUNS][64];
    size_t run_count;
    struct erg_activity_point sums[2]; /* of the run being read: prefill and decode */
};

static int add_point(struct gathering *g, const struct erg_activity_point *point)
{
    void *points = g->points;
    int rc = erg_grow(&points, &g->capacity, g->count + 1, sizeof *g->points, MAX_POINTS);
    g->points = points;
    if (!rc)
        g->points[g->count++] = *point;
    return rc;
}

static const char *keep_text(struct gathering *g, const char *text)
{
    for (size_t i = 0; i < g->text_count; i++) {
        if (strcmp(g->texts[i], text) == 0)
            return g->texts[i];
    }
    void *texts = g->texts;
    int rc = erg_grow(&texts, &g->text_capacity, g->text_count + 1, sizeof *g->texts, MAX_POINTS);
    g->texts = texts;
    char *copy = rc ? NULL : erg_strdup(text);
    if (copy)
        g->texts[g->text_count++] = copy;
    return copy;
}

/* Whether no newer calibration has blocks of the same kind. */
static int is_newest(struct gathering *g, const struct place *place, bool *out)
{
    *out = true;
    for (size_t i = 0; i < g->place_count; i++) {
        const struct place *known = &g->places[i];
        if (known->phase == place->phase && strcmp(known->model, place->model) == 0 &&
            strcmp(known->operation, place->operation) == 0) {
            *out = known->calibration == place->calibration;
            return 0;
        }
    }
    void *places = g->places;
    int rc =
        erg_grow(&places, &g->place_capacity, g->place_count + 1, sizeof *g->places, MAX_POINTS);
    g->places = places;
    if (!rc)
        g->places[g->place_count++] = *place;
    return rc;
}

static int add_block(void *user, const struct erg_calibration_block *block)
{
    struct gathering *g = user;
    struct place place = {.phase = block->phase, .calibration = block->calibration};
    bool newest;
    snprintf(place.model, sizeof place.model, "%.127s", block->model_name);
    snprintf(place.operation, sizeof place.operation, "%.80s %.70s", block->component,
             block->operation);
    int rc = is_newest(g, &place, &newest);
    if (rc || !newest)
        return rc;
    struct erg_activity_point point = {
        .operation = keep_text(g, place.operation),
        .phase = block->phase,
        .features = {block->duration_ns, block->flops, block->bytes},
        .energy_nj = (double)block->energy_nj,
    };
    return point.operation ? add_point(g, &point) : ERG_NOMEM;
}

static int find_run(void *user, const struct erg_run_row *row)
{
    struct gathering *g = user;
    struct erg_activity_key key;
    if (!row->mode || strcmp(row->mode, "deep") != 0 || !erg_energy_known(&row->energy) ||
        erg_activity_key_of(row->summary_json, &key, NULL) != 0 ||
        strcmp(key.machine, g->key->machine) != 0 || strcmp(key.sources, g->key->sources) != 0)
        return 0;
    snprintf(g->runs[g->run_count++], sizeof g->runs[0], "%s", row->id);
    return g->run_count == MAX_RUNS;
}

static int add_pass(void *user, const struct erg_pass_row *pass)
{
    struct gathering *g = user;
    struct erg_activity_point *sum = &g->sums[pass->phase == ERG_PHASE_DECODE];
    if (!erg_energy_known(&pass->energy) || !erg_pass_has_features(pass))
        return 0;
    struct erg_span_features features = erg_pass_features(pass);
    sum->phase = pass->phase;
    sum->features.duration_ns += features.duration_ns;
    sum->features.flops += isnan(features.flops) ? 0 : features.flops;
    sum->features.bytes += isnan(features.bytes) ? 0 : features.bytes;
    sum->energy_nj += (double)erg_energy_total_nj(&pass->energy);
    return 0;
}

static int add_runs(struct gathering *g, struct erg_store *store, struct erg_err *err)
{
    int rc = erg_store_runs(store, NULL, find_run, g, err);
    for (size_t i = 0; i < g->run_count && !rc; i++) {
        memset(g->sums, 0, sizeof g->sums);
        rc = erg_store_passes(store, g->runs[i], true, add_pass, g, err);
        for (int k = 0; k < 2 && !rc; k++) {
            if (g->sums[k].features.duration_ns > 0)
                rc = add_point(g, &g->sums[k]);
        }
    }
    return rc;
}

static void free_gathering(struct gathering *g)
{
    for (size_t i = 0; i < g->text_count; i++)
        free(g->texts[i]);
    free(g->texts);
    free(g->places);
    free(g->points);
    free(g);
}

int erg_activity_fit_store(struct erg_store *store, const struct erg_activity_key *key,
                           const struct erg_calibration_block *blocks, size_t count,
                           struct erg_activity_fit *out, struct erg_err *err)
{
    struct gathering *g = erg_calloc(1, sizeof *g);
    if (!g)
        return erg_fail(err, ERG_NOMEM, "cannot fit what operations cost: out of memory");
    g->key = key;
    int rc = 0;
    struct erg_err why = {0};
    for (size_t i = 0; i < count && !rc; i++)
        rc = add_block(g, &blocks[i]);
    if (!rc && store)
        rc = erg_store_calibration_blocks(store, key->machine, key->sources, add_block, g, &why);
    if (!rc && store)
        rc = add_runs(g, store, &why);
    if (!rc)
        rc = erg_activity_fit(g->points, g->count, out, &why);
    free_gathering(g);
    return rc ? erg_fail(err, rc, "%s", why.code ? why.text : erg_code_text(rc)) : 0;
}

/* --- the choice ------------------------------------------------------------------------------- */

/* The newest that gave a fit. */
static int take_newest(void *user, const struct erg_calibration_row *row)
{
    struct erg_activity_choice *choice = user;
    char why[256];
    if (isnan(row->activity.static_w) || isnan(row->activity.nj_per_flop) ||
        isnan(row->activity.nj_per_byte))
        return 0;
    choice->known = true;
    choice->activity = row->activity;
    choice->is_default = erg_activity_is_default(row->sources, row->error_ratio, why);
    snprintf(choice->why, sizeof choice->why, "calibrated %.10s: %s", row->created_at, why);
    return 1;
}

static int fit_to_runs(struct erg_store *store, const struct erg_activity_key *key,
                       struct erg_activity_choice *out, struct erg_err *err)
{
    struct erg_activity_fit fit;
    struct erg_err why = {0};
    int rc = erg_activity_fit_store(store, key, NULL, 0, &fit, &why);
    if (rc == ERG_NOT_FOUND)
        return 0;
    if (rc)
        return erg_fail(err, rc, "%s", why.text);
    out->known = true;
    out->activity = fit.activity;
    snprintf(out->why, sizeof out->why,
             "fitted to %zu phases of stored runs: its error is not known without 'ergon "
             "calibrate'",
             fit.runs);
    return 0;
}

int erg_activity_choose(struct erg_store *store, const struct erg_activity_key *key, bool or_runs,
                        struct erg_activity_choice *out, struct erg_err *err)
{
    *out = (struct erg_activity_choice){0};
    snprintf(out->why, sizeof out->why,
             "what operations cost on this machine is not known for '%.60s' (see 'ergon "
             "calibrate')",
             key->sources);
    if (!key->sources[0]) {
        snprintf(out->why, sizeof out->why, "there was no power source: there is nothing to split");
        return 0;
    }
    int rc = erg_store_calibrations(store, key->machine, key->sources, take_newest, out, err);
    if (rc || out->known || !or_runs)
        return rc;
    return fit_to_runs(store, key, out, err);
}
