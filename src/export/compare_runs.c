/* SPDX-License-Identifier: MIT */
#include "export/compare_runs.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static const json_t *phase_of(const json_t *summary, const char *name)
{
    const json_t *phases = json_object_get(summary, "phases");
    for (size_t i = 0; i < json_array_size(phases); i++) {
        const json_t *phase = json_array_get(phases, i);
        if (strcmp(text_of(phase, "phase"), name) == 0)
            return phase;
    }
    return NULL;
}

static double value_of(const json_t *summary, const struct erg_compare_metric *metric)
{
    const json_t *object = metric->phase ? phase_of(summary, metric->phase) : summary;
    double value = number_of(object, metric->member);
    if (!metric->per_million_parameters)
        return value;
    double parameters = number_of(json_object_get(summary, "model"), "parameters");
    return parameters > 0 ? value / (parameters / 1e6) : NAN;
}

static void put_sources(const json_t *summary, struct erg_buf *out)
{
    const json_t *sources = json_object_get(json_object_get(summary, "power"), "sources");
    for (size_t i = 0; i < json_array_size(sources); i++) {
        const char *name = json_string_value(json_array_get(sources, i));
        erg_buf_printf(out, "%s%s", i ? "+" : "", name ? name : "");
    }
    if (json_is_array(sources) && !json_array_size(sources))
        erg_buf_puts(out, "none");
}

/* Two texts with a blank between. */
static void put_two(const json_t *object, const char *one, const char *other, struct erg_buf *out)
{
    const char *a = text_of(object, one), *b = text_of(object, other);
    erg_buf_printf(out, "%s%s%s", a, *a && *b ? " " : "", b);
}

/* "cpu, 2 threads, flash attention off, cache f16/f16"; "" where the engine did not say. */
static void put_settings(const json_t *summary, struct erg_buf *out)
{
    const json_t *settings = json_object_get(summary, "settings");
    const json_t *flash = json_object_get(settings, "flash_attn");
    double threads = number_of(settings, "threads");
    double temperature = number_of(settings, "temperature");
    erg_buf_puts(out, text_of(settings, "device"));
    if (threads > 0)
        erg_buf_printf(out, ", %g threads", threads);
    if (json_is_boolean(flash))
        erg_buf_printf(out, ", flash attention %s", json_is_true(flash) ? "on" : "off");
    if (*text_of(settings, "cache_type_k"))
        erg_buf_printf(out, ", cache %s/%s", text_of(settings, "cache_type_k"),
                       text_of(settings, "cache_type_v"));
    if (temperature > 0)
        erg_buf_printf(out, ", temperature %g", temperature);
}

static void put_facet(const struct erg_run_row *row, const json_t *summary, int facet,
                      struct erg_buf *out)
{
    switch ((enum erg_compare_facet)facet) {
    case ERG_FACET_SOURCES:
        put_sources(summary, out);
        break;
    case ERG_FACET_GRADE:
        erg_buf_puts(out, text_of(json_object_get(summary, "power"), "grade"));
        break;
    case ERG_FACET_MODE:
        erg_buf_puts(out, row->mode ? row->mode : "");
        break;
    case ERG_FACET_MODEL:
        erg_buf_printf(out, "%s ", row->model_name ? row->model_name : "");
        put_two(json_object_get(summary, "model"), "architecture", "quantization", out);
        break;
    case ERG_FACET_PROMPT:
        erg_buf_puts(out, row->prompt ? row->prompt : "");
        break;
    case ERG_FACET_OUTPUT_TOKENS:
        erg_buf_printf(out, "%lld", (long long)row->output_tokens);
        break;
    case ERG_FACET_MACHINE:
        put_two(json_object_get(summary, "machine"), "hostname", "cpu", out);
        break;
    case ERG_FACET_ENGINE:
        put_two(json_object_get(summary, "engine"), "name", "version", out);
        break;
    case ERG_FACET_SETTINGS:
        put_settings(summary, out);
        break;
    case ERG_FACET_GRID:
        erg_buf_printf(out, "%s ", text_of(json_object_get(summary, "grid"), "region"));
        erg_buf_printf(out, "%g g/kWh", number_of(json_object_get(summary, "grid"), "g_per_kwh"));
        break;
    case ERG_FACETS:
        break;
    }
}

static int fill_run(struct erg_compare_run *run, const struct erg_run_row *row,
                    const json_t *summary)
{
    for (size_t m = 0; m < ERG_COMPARE_METRICS; m++)
        run->values[m] = value_of(summary, erg_compare_metric_at(m));
    run->overhead_pct = number_of(json_object_get(summary, "profiler"), "overhead_pct");
    for (int f = 0; f < ERG_FACETS; f++) {
        struct erg_buf text = {0};
        put_facet(row, summary, f, &text);
        run->facets[f] = erg_buf_status(&text) ? NULL : erg_strdup(erg_buf_view(&text));
        erg_buf_deinit(&text);
        if (!run->facets[f])
            return ERG_NOMEM;
    }
    return 0;
}

struct filling {
    struct erg_compare *compare;
    struct erg_compare_group *group;
    bool single;
    struct erg_err *err;
};

static int exclude(struct erg_compare_group *group, const struct erg_run_row *row)
{
    void *items = group->excluded;
    int rc = erg_grow(&items, &group->excluded_capacity, group->excluded_count + 1,
                      sizeof *group->excluded, ERG_MAX_TOKENS);
    group->excluded = items;
    if (rc)
        return rc;
    struct erg_compare_excluded *excluded = &group->excluded[group->excluded_count];
    *excluded = (struct erg_compare_excluded){.id = erg_strdup(row->id)};
    if (!excluded->id)
        return ERG_NOMEM;
    size_t len = strlen(row->status);
    len = len < sizeof excluded->status ? len : sizeof excluded->status - 1;
    memcpy(excluded->status, row->status, len);
    group->excluded_count++;
    return 0;
}

static bool is_compared(const struct erg_compare *compare, const char *id)
{
    for (size_t g = 0; g < compare->group_count; g++) {
        for (size_t r = 0; r < compare->groups[g].run_count; r++) {
            if (strcmp(compare->groups[g].runs[r].id, id) == 0)
                return true;
        }
    }
    return false;
}

static int add_run(struct filling *filling, const struct erg_run_row *row)
{
    struct erg_compare_group *group = filling->group;
    json_error_t error;
    void *items = group->runs;
    int rc = erg_grow(&items, &group->run_capacity, group->run_count + 1, sizeof *group->runs,
                      ERG_COMPARE_RUNS_MOST);
    group->runs = items;
    if (rc == ERG_LIMIT)
        return erg_fail(filling->err, rc, "'%.128s' has more than %d runs", group->name,
                        ERG_COMPARE_RUNS_MOST);
    if (rc)
        return rc;
    struct erg_compare_run *run = &group->runs[group->run_count];
    *run = (struct erg_compare_run){.id = erg_strdup(row->id)};
    if (!run->id)
        return ERG_NOMEM;
    group->run_count++;
    json_t *summary = json_loads(row->summary_json ? row->summary_json : "{}",
                                 JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, &error);
    if (!summary)
        return erg_fail(filling->err, ERG_CORRUPT, "the summary of run '%.64s' is damaged: %s",
                        row->id, error.text);
    rc = fill_run(run, row, summary);
    json_decref(summary);
    return rc;
}

static int visit_run(void *user, const struct erg_run_row *row)
{
    struct filling *filling = user;
    int rc = 0;
    if (strcmp(row->status, "complete") != 0 && filling->single)
        return erg_fail(filling->err, ERG_UNSUPPORTED,
                        "run '%.64s' is %s: only complete runs can be compared", row->id,
                        row->status);
    if (strcmp(row->status, "complete") != 0)
        rc = exclude(filling->group, row);
    else if (is_compared(filling->compare, row->id))
        return erg_fail(filling->err, ERG_INVALID,
                        "run '%.64s' stands on both sides: a run cannot be compared with itself",
                        row->id);
    else
        rc = add_run(filling, row);
    if (rc == ERG_NOMEM || (rc && !filling->err->code))
        erg_fail(filling->err, rc, "cannot compare: %s", erg_code_text(rc));
    return rc;
}

/* The name behind "tag:", else NULL. */
static const char *behind(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(name, prefix, len) == 0 ? name + len : NULL;
}

/* The group is called by the run's id: "last" is another one tomorrow. */
static int visit_single(struct filling *filling, struct erg_store *store, const char *name,
                        struct erg_err *err)
{
    char *id = NULL;
    filling->single = true;
    int rc = erg_store_resolve(store, name, &id, err);
    if (rc)
        return rc;
    free(filling->group->name);
    filling->group->name = id;
    return erg_store_run(store, id, visit_run, filling, err);
}

static bool has_run(const struct erg_compare_group *group, const char *id)
{
    for (size_t r = 0; r < group->run_count; r++) {
        if (strcmp(group->runs[r].id, id) == 0)
            return true;
    }
    for (size_t i = 0; i < group->excluded_count; i++) {
        if (strcmp(group->excluded[i].id, id) == 0)
            return true;
    }
    return false;
}

static int visit_named(struct filling *filling, struct erg_store *store, const char *name,
                       struct erg_err *err)
{
    ERG_AUTO_FREE char *id = NULL;
    int rc = erg_store_resolve(store, name, &id, err);
    if (!rc && has_run(filling->group, id))
        rc = erg_fail(err, ERG_INVALID, "run '%.64s' is named twice in a group", id);
    return rc ? rc : erg_store_run(store, id, visit_run, filling, err);
}

/* "ID,ID": a group like that of a tag, those that are not complete left out. */
static int visit_list(struct filling *filling, struct erg_store *store, const char *names,
                      struct erg_err *err)
{
    char name[160];
    for (const char *at = names;; at++) {
        size_t len = strcspn(at, ",");
        int rc = ERG_INVALID;
        if (len && len < sizeof name) {
            memcpy(name, at, len);
            name[len] = '\0';
            rc = visit_named(filling, store, name, err);
        } else {
            erg_fail(err, rc, "'%.128s' is no list of runs: ID,ID", names);
        }
        at += len;
        if (rc || !*at)
            return rc;
    }
}

static int visit_group(struct filling *filling, struct erg_store *store, const char *name,
                       struct erg_err *err)
{
    struct erg_run_filter filter = {.tag = behind(name, "tag:"),
                                    .experiment = behind(name, "experiment:"),
                                    .sort = "created_at",
                                    .limit = -1};
    if (filter.tag || filter.experiment)
        return erg_store_runs(store, &filter, visit_run, filling, err);
    if (strchr(name, ','))
        return visit_list(filling, store, name, err);
    return visit_single(filling, store, name, err);
}

int erg_compare_add_group(struct erg_compare *compare, struct erg_store *store, const char *name,
                          struct erg_err *err)
{
    if (compare->group_count == ERG_COMPARE_GROUPS)
        return erg_fail(err, ERG_LIMIT, "more than %d groups", ERG_COMPARE_GROUPS);
    struct erg_compare_group *group = &compare->groups[compare->group_count];
    struct erg_err why = {0};
    struct filling filling = {compare, group, false, &why};
    *group = (struct erg_compare_group){.name = erg_strdup(name)};
    if (!group->name)
        return erg_fail(err, ERG_NOMEM, "cannot compare: out of memory");
    int rc = visit_group(&filling, store, name, err);
    compare->group_count++; /* what was read is released with the rest */
    if (why.code && err)
        *err = why;
    if (rc || group->run_count)
        return rc;
    return erg_fail(err, ERG_NOT_FOUND, "'%.128s' has no complete run%s", name,
                    group->excluded_count ? "" : " (see 'ergon runs')");
}

static bool have_one(const struct erg_compare *compare, enum erg_compare_facet facet)
{
    const char *first = compare->groups[0].runs[0].facets[facet];
    for (size_t g = 0; g < compare->group_count; g++) {
        const struct erg_compare_group *group = &compare->groups[g];
        for (size_t r = 0; r < group->run_count; r++) {
            if (strcmp(group->runs[r].facets[facet], first) != 0)
                return false;
        }
    }
    return true;
}

struct summing {
    struct erg_compare_group *group;
    size_t next; /* of this run */
    struct erg_err *err;
};

static double mj_of(const struct erg_token_row *row)
{
    return erg_energy_known(&row->energy) ? (double)erg_energy_total_nj(&row->energy) / 1e6 : NAN;
}

static int visit_token(void *user, const struct erg_token_row *row)
{
    struct summing *summing = user;
    struct erg_compare_group *group = summing->group;
    double ms = (double)row->duration_ns / 1e6;
    if (group->token_runs == 0) {
        void *items = group->tokens;
        int rc = erg_grow(&items, &group->token_capacity, group->token_count + 1,
                          sizeof *group->tokens, ERG_MAX_TOKENS);
        group->tokens = items;
        if (rc)
            return erg_fail(summing->err, rc, "cannot compare the tokens of '%.64s': %s",
                            group->name, erg_code_text(rc));
        group->tokens[group->token_count++] =
            (struct erg_compare_token){row->id, row->phase, ms, mj_of(row)};
        return 0;
    }
    struct erg_compare_token *token = &group->tokens[summing->next];
    if (summing->next >= group->token_count || token->id != row->id || token->phase != row->phase) {
        group->tokens_agree = false;
        return 1;
    }
    token->ms += ms;
    token->mj += mj_of(row);
    summing->next++;
    return 0;
}

int erg_compare_load_tokens(struct erg_compare *compare, struct erg_store *store,
                            struct erg_err *err)
{
    if (!have_one(compare, ERG_FACET_PROMPT) || !have_one(compare, ERG_FACET_OUTPUT_TOKENS))
        return 0;
    for (size_t g = 0; g < compare->group_count; g++) {
        struct erg_compare_group *group = &compare->groups[g];
        group->tokens_agree = true;
        for (size_t r = 0; r < group->run_count && group->tokens_agree; r++) {
            struct summing summing = {group, 0, err};
            int rc = erg_store_tokens(store, group->runs[r].id, visit_token, &summing, err);
            if (rc)
                return rc;
            group->tokens_agree &= r == 0 || summing.next == group->token_count;
            group->token_runs++;
        }
    }
    return 0;
}
