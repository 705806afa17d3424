/* SPDX-License-Identifier: MIT */
#include "server/handlers.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/when.h"
#include "export/brief.h"
#include "export/put.h"
#include "server/api_priv.h"
#include "store/lists.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lists of runs, and what changes runs. */

/* --- filters -----------------------------------------------------------------------------------*/

struct filtering {
    struct erg_run_filter filter;
    char since[40], until[40];
    char *same_prompt_as;
};

static int take_time(const struct erg_call *call, const char *name, char out[40],
                     const char **out_time, struct erg_err *err)
{
    const char *text = erg_param_text(&call->params, name);
    if (!text)
        return 0;
    int rc = erg_when_parse(text, call->options->clock, out, err);
    if (rc)
        erg_err_prefix(err, "'%s'", name);
    else
        *out_time = out;
    return rc;
}

/* What of the query chooses runs. */
static int take_filter(struct erg_call *call, struct erg_store *store, struct filtering *out,
                       struct erg_err *err)
{
    const struct erg_params *params = &call->params;
    const char *tag = erg_param_text(params, "tag"), *tags = erg_param_text(params, "tags");
    const char *other = erg_param_text(params, "same_prompt_as");
    out->filter = (struct erg_run_filter){
        .model = erg_param_text(params, "model"),
        .tag = tag ? tag : tags,
        .experiment = erg_param_text(params, "experiment"),
        .search = erg_param_text(params, "search"),
        .status = erg_param_text(params, "status"),
        .mode = erg_param_text(params, "mode"),
        .limit = erg_param_int(params, "limit", -1),
        .offset = erg_param_int(params, "offset", 0),
    };
    if (tag && tags)
        return erg_fail(err, ERG_INVALID, "'tag' and 'tags' are the same: give one of them");
    int rc = take_time(call, "date_from", out->since, &out->filter.since, err);
    if (rc == 0)
        rc = take_time(call, "date_to", out->until, &out->filter.until, err);
    if (rc == 0 && other)
        rc = erg_store_resolve(store, other, &out->same_prompt_as, err);
    out->filter.same_prompt_as = out->same_prompt_as;
    return rc;
}

/* --- GET /runs ---------------------------------------------------------------------------------*/

/* What a list may be cut down to: members of the summary that have columns of their own. */
enum field_kind { TEXT, LIST, COUNT, MS, ENERGY, REAL };

static const struct field {
    const char *key;
    enum field_kind kind;
    size_t offset; /* in struct erg_run_row */
} fields[] = {
    {"id", TEXT, offsetof(struct erg_run_row, id)},
    {"created_at", TEXT, offsetof(struct erg_run_row, created_at)},
    {"created_at_utc", TEXT, offsetof(struct erg_run_row, created_at_utc)},
    {"status", TEXT, offsetof(struct erg_run_row, status)},
    {"failure", TEXT, offsetof(struct erg_run_row, failure)},
    {"model_name", TEXT, offsetof(struct erg_run_row, model_name)},
    {"mode", TEXT, offsetof(struct erg_run_row, mode)},
    {"prompt", TEXT, offsetof(struct erg_run_row, prompt)},
    {"response", TEXT, offsetof(struct erg_run_row, response)},
    {"tags", LIST, offsetof(struct erg_run_row, tags_json)},
    {"experiment_name", TEXT, offsetof(struct erg_run_row, experiment_name)},
    {"total_duration_ms", MS, offsetof(struct erg_run_row, duration_ns)},
    {"total_energy_mj", ENERGY, offsetof(struct erg_run_row, energy)},
    {"input_tokens", COUNT, offsetof(struct erg_run_row, input_tokens)},
    {"output_tokens", COUNT, offsetof(struct erg_run_row, output_tokens)},
    {"tokens_per_second", REAL, offsetof(struct erg_run_row, tokens_per_second)},
    {"joules_per_token", REAL, offsetof(struct erg_run_row, joules_per_token)},
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

static int take_fields(const char *list, uint32_t *out, struct erg_err *err)
{
    *out = 0;
    for (const char *at = list; at && *at;) {
        size_t len = strcspn(at, ","), i = 0;
        while (i < FIELDS && (strlen(fields[i].key) != len || memcmp(fields[i].key, at, len) != 0))
            i++;
        if (i == FIELDS)
            return erg_fail(err, ERG_INVALID, "'fields' has '%.*s', which is no field of a list",
                            (int)(len < 64 ? len : 64), at);
        *out |= 1u << i;
        at += len + (at[len] == ',');
    }
    return 0;
}

static void put_field(struct erg_jsonw *w, const struct erg_run_row *row, const struct field *field)
{
    const void *at = (const char *)row + field->offset;
    switch (field->kind) {
    case TEXT:
        erg_jsonw_kstr(w, field->key, *(const char *const *)at);
        return;
    case LIST:
        erg_jsonw_key(w, field->key);
        erg_jsonw_raw(w, *(const char *const *)at);
        return;
    case COUNT:
        erg_jsonw_kint(w, field->key, *(const int64_t *)at);
        return;
    case MS:
        erg_jsonw_kmicro(w, field->key, *(const int64_t *)at);
        return;
    case ENERGY:
        erg_put_energy(w, field->key, at);
        return;
    case REAL:
        erg_jsonw_kreal(w, field->key, *(const double *)at);
        return;
    }
}

struct listing {
    struct erg_call *call;
    uint32_t fields; /* 0 = whole summaries */
};

static int put_run(void *user, const struct erg_run_row *row)
{
    struct listing *listing = user;
    struct erg_jsonw *w = &listing->call->w;
    if (!listing->fields) {
        struct erg_buf text = {0};
        erg_summary_brief(row->summary_json, &text);
        int rc = erg_buf_status(&text);
        if (rc == 0)
            erg_jsonw_raw(w, erg_buf_view(&text));
        erg_buf_deinit(&text);
        return rc ? rc : w->status;
    }
    erg_jsonw_obj_begin(w);
    for (size_t i = 0; i < FIELDS; i++) {
        if (listing->fields >> i & 1 || i == 0)
            put_field(w, row, &fields[i]);
    }
    erg_jsonw_obj_end(w);
    return w->status;
}

static int send_list(struct erg_call *call, struct erg_store *store,
                     const struct erg_run_filter *filter, uint32_t wanted, struct erg_err *err)
{
    struct erg_run_hits hits = {0};
    struct listing listing = {call, wanted};
    char total[24];
    struct erg_http_field field = {"x-total-count", total};
    int rc = erg_store_find_runs(store, filter, &hits, err);
    snprintf(total, sizeof total, "%zu", hits.count);
    if (rc == 0)
        rc = erg_call_stream(call, "application/json", &field, 1, err);
    if (rc == 0) {
        erg_jsonw_arr_begin(&call->w);
        rc = erg_store_visit_hits(store, &hits, filter->offset, filter->limit, wanted != 0, put_run,
                                  &listing, err);
        erg_jsonw_arr_end(&call->w);
    }
    erg_run_hits_deinit(&hits);
    return rc ? rc : erg_call_end_stream(call, err);
}

int erg_get_runs(struct erg_call *call, struct erg_err *err)
{
    struct erg_store *store = NULL;
    struct filtering filtering = {.same_prompt_as = NULL};
    uint32_t wanted;
    int rc = take_fields(erg_param_text(&call->params, "fields"), &wanted, err);
    if (rc == 0)
        rc = erg_call_store(call, &store, err);
    if (rc == 0)
        rc = take_filter(call, store, &filtering, err);
    filtering.filter.sort = erg_param_text(&call->params, "sort");
    if (rc == 0)
        rc = send_list(call, store, &filtering.filter, wanted, err);
    free(filtering.same_prompt_as);
    return rc;
}

/* --- GET /runs/groups --------------------------------------------------------------------------*/

static void put_figures(struct erg_jsonw *w, const char *key,
                        const struct erg_group_figures *figures)
{
    erg_jsonw_key(w, key);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kint(w, "n", figures->n);
    erg_jsonw_kreal(w, "min", figures->min);
    erg_jsonw_kreal(w, "mean", figures->mean);
    erg_jsonw_kreal(w, "max", figures->max);
    erg_jsonw_obj_end(w);
}

static int put_group(void *user, const struct erg_run_group *group)
{
    struct erg_jsonw *w = user;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "key", group->key);
    erg_jsonw_kint(w, "runs", group->runs);
    erg_jsonw_kint(w, "complete", group->complete);
    erg_jsonw_key(w, "models");
    erg_jsonw_raw(w, group->models_json);
    erg_jsonw_kint(w, "prompts", group->prompts);
    erg_jsonw_kstr(w, "first_created_at", group->first_created_at);
    erg_jsonw_kstr(w, "last_created_at", group->last_created_at);
    erg_jsonw_kstr(w, "latest_run_id", group->latest_count ? group->latest[0] : "");
    erg_jsonw_key(w, "latest_run_ids");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < group->latest_count; i++)
        erg_jsonw_str(w, group->latest[i]);
    erg_jsonw_arr_end(w);
    put_figures(w, "joules_per_token", &group->joules_per_token);
    put_figures(w, "tokens_per_second", &group->tokens_per_second);
    put_figures(w, "total_energy_mj", &group->total_energy_mj);
    erg_jsonw_obj_end(w);
    return 0;
}

static enum erg_group_by take_by(const struct erg_call *call)
{
    static const char *const words[] = {"prompt", "model", "experiment", "tag"};
    const char *by = erg_param_text(&call->params, "by");
    int i = 0;
    while (i < ERG_GROUP_TAG && strcmp(words[i], by) != 0)
        i++;
    return (enum erg_group_by)i;
}

int erg_get_groups(struct erg_call *call, struct erg_err *err)
{
    struct erg_store *store = NULL;
    struct filtering filtering = {.same_prompt_as = NULL};
    int64_t total = 0;
    char count[24];
    int rc = erg_call_store(call, &store, err);
    if (rc == 0)
        rc = take_filter(call, store, &filtering, err);
    if (filtering.filter.limit < 0)
        filtering.filter.limit = 100;
    erg_call_begin(call);
    erg_jsonw_arr_begin(&call->w);
    if (rc == 0)
        rc = erg_store_groups(store, take_by(call), &filtering.filter, &total, put_group, &call->w,
                              err);
    erg_jsonw_arr_end(&call->w);
    free(filtering.same_prompt_as);
    if (rc)
        return rc;
    snprintf(count, sizeof count, "%lld", (long long)total);
    struct erg_http_field field = {"x-total-count", count};
    return erg_call_send_with(call, 200, "application/json", &field, err);
}

/* --- PATCH /run/{id} ---------------------------------------------------------------------------*/

static int check_text(const json_t *value, const char *what, struct erg_err *err)
{
    if (!json_is_string(value))
        return erg_fail(err, ERG_INVALID, "'%s' must be a text", what);
    if (json_string_length(value) > ERG_MAX_LABEL_BYTES)
        return erg_fail(err, ERG_INVALID, "'%s' must have at most %d bytes", what,
                        ERG_MAX_LABEL_BYTES);
    return 0;
}

/* The tags as an array in text, free() it. */
static int take_tags(const json_t *tags, char **out, struct erg_err *err)
{
    if (!json_is_array(tags) || json_array_size(tags) > ERG_MAX_TAGS)
        return erg_fail(err, ERG_INVALID, "'tags' must be a list of at most %u texts",
                        ERG_MAX_TAGS);
    for (size_t i = 0; i < json_array_size(tags); i++) {
        int rc = check_text(json_array_get(tags, i), "tags", err);
        if (rc)
            return rc;
    }
    *out = json_dumps(tags, JSON_COMPACT);
    return *out ? 0 : erg_fail(err, ERG_NOMEM, "out of memory");
}

struct labels {
    char *tags;             /* NULL = as it is */
    const char *experiment; /* likewise; "" = none */
};

static int take_labels(const json_t *body, struct labels *out, struct erg_err *err)
{
    void *at;
    const char *key;
    const json_t *value;
    for (at = json_object_iter((json_t *)body); at;
         at = json_object_iter_next((json_t *)body, at)) {
        key = json_object_iter_key(at);
        value = json_object_iter_value(at);
        int rc = 0;
        if (strcmp(key, "tags") == 0)
            rc = take_tags(value, &out->tags, err);
        else if (strcmp(key, "experiment_name") != 0)
            rc = erg_fail(err, ERG_INVALID, "'%.64s' cannot be changed", key);
        else if (!json_is_null(value))
            rc = check_text(value, "experiment_name", err);
        if (rc)
            return rc;
        if (strcmp(key, "experiment_name") == 0)
            out->experiment = json_is_null(value) ? "" : json_string_value(value);
    }
    return 0;
}

static int label(struct erg_call *call, const struct labels *labels, struct erg_err *err)
{
    struct erg_store *writer;
    ERG_AUTO_FREE char *id = NULL;
    ERG_AUTO_FREE char *summary = NULL;
    int rc = erg_call_write(call, &writer, err);
    if (rc)
        return rc;
    rc = erg_store_resolve(writer, call->id, &id, err);
    if (rc == 0)
        rc = erg_store_label(writer, id, labels->tags, labels->experiment, err);
    if (rc == 0)
        rc = erg_store_summary(writer, id, &summary, err);
    erg_call_written(call);
    if (rc)
        return rc;
    erg_call_begin(call);
    erg_jsonw_raw(&call->w, summary);
    return erg_call_send(call, 200, err);
}

int erg_patch_run(struct erg_call *call, struct erg_err *err)
{
    json_t *body = NULL;
    struct labels labels = {NULL, NULL};
    int rc = erg_call_body(call, &body, err);
    if (rc == 0)
        rc = take_labels(body, &labels, err);
    if (rc == 0)
        rc = label(call, &labels, err);
    free(labels.tags);
    json_decref(body);
    return rc;
}

/* --- DELETE ------------------------------------------------------------------------------------*/

static int note_running(void *user, const struct erg_run_row *row)
{
    *(bool *)user = strcmp(row->status, "running") == 0;
    return 0;
}

int erg_delete_run(struct erg_call *call, struct erg_err *err)
{
    struct erg_store *writer;
    ERG_AUTO_FREE char *id = NULL;
    bool running = false;
    int rc = erg_call_write(call, &writer, err);
    if (rc)
        return rc;
    rc = erg_store_resolve(writer, call->id, &id, err);
    if (rc == 0)
        rc = erg_store_run(writer, id, note_running, &running, err);
    if (rc == 0 && !running) {
        erg_counts_update(&call->api->counts, writer, NULL, NULL); /* else never counted */
        rc = erg_store_delete(writer, id, err);
    }
    erg_call_written(call);
    if (rc)
        return rc;
    if (running)
        return erg_exchange_problem(call->x, 409, "conflict", "the run goes on",
                                    "cancel it, then delete it");
    return erg_exchange_empty(call->x, 204);
}

static int put_finished(void *user, const struct erg_run_row *row)
{
    if (strcmp(row->status, "running") != 0)
        erg_jsonw_str(user, row->id);
    return 0;
}

int erg_delete_runs(struct erg_call *call, struct erg_err *err)
{
    struct erg_store *writer;
    int64_t age_ns;
    int count = 0;
    char cutoff[40];
    int rc = erg_parse_duration_ns(erg_param_text(&call->params, "older_than"), &age_ns, err);
    if (rc) {
        erg_err_prefix(err, "'older_than'");
        return rc;
    }
    erg_when_ago(age_ns, call->options->clock, cutoff);
    struct erg_run_filter old = {.until = cutoff, .limit = -1};
    rc = erg_call_write(call, &writer, err);
    if (rc)
        return rc;
    erg_call_begin(call);
    erg_jsonw_obj_begin(&call->w);
    erg_jsonw_key(&call->w, "ids");
    erg_jsonw_arr_begin(&call->w);
    erg_counts_update(&call->api->counts, writer, NULL, NULL);
    rc = erg_store_runs(writer, &old, put_finished, &call->w, err);
    if (rc == 0)
        rc = erg_store_delete_before(writer, cutoff, &count, err);
    erg_call_written(call);
    erg_jsonw_arr_end(&call->w);
    erg_jsonw_kint(&call->w, "deleted", count);
    erg_jsonw_obj_end(&call->w);
    return rc ? rc : erg_call_send(call, 200, err);
}
