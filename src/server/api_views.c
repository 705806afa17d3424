/* SPDX-License-Identifier: MIT */
#include "server/handlers.h"

#include "export/view.h"
#include "server/api_priv.h"
#include "store/lists.h"
#include "stream/taxonomy.h"

#include <string.h>

/* One run, in the views of export/view.h. */

static const char json_type[] = "application/json";
static const char f32_type[] = "application/vnd.ergon.f32";

static struct erg_view view_of(struct erg_call *call)
{
    return (struct erg_view){.store = call->store, .run_id = call->run_id, .w = &call->w};
}

/* The run, and whether there is anything to answer: a client may have it already. */
static int open_run(struct erg_call *call, bool *out_known, struct erg_err *err)
{
    struct erg_store *store;
    int rc = erg_call_run(call, &store, err);
    return rc ? rc : erg_call_is_known(call, out_known, err);
}

/* --- parameters --------------------------------------------------------------------------------*/

static uint32_t phase_of(const struct erg_call *call)
{
    const char *name = erg_param_text(&call->params, "phase");
    uint32_t phase = 0;
    while (name && phase < ERG_PHASES && strcmp(name, erg_phase_name(phase)) != 0)
        phase++;
    return name ? phase : ERG_PHASES;
}

/* `has_token`: whether the route takes ?token= at all. */
static int range_of(const struct erg_call *call, bool has_token, struct erg_view_range *out,
                    struct erg_err *err)
{
    const struct erg_params *params = &call->params;
    bool from = erg_param_text(params, "from"), to = erg_param_text(params, "to");
    out->token = has_token ? erg_param_int(params, "token", -1) : -1;
    out->from = erg_param_int(params, "from", 0);
    out->to = erg_param_int(params, "to", -1);
    out->phase = phase_of(call);
    if (out->token >= 0 && (from || to))
        return erg_fail(err, ERG_INVALID, "'token' does not go with 'from' and 'to'");
    if (to && out->from > out->to)
        return erg_fail(err, ERG_INVALID, "'from' must not be greater than 'to'");
    return 0;
}

/* --- what several views need -------------------------------------------------------------------*/

struct summed {
    struct erg_view_split split;
    struct erg_run_sums sums;
};

/* What sums that are not in the store are kept under; 0 = not at all. */
static uint64_t key_of(struct erg_call *call, const struct erg_view_split *split)
{
    struct erg_revision revision;
    const struct erg_activity *costs = &split->activity.activity;
    const double numbers[] = {costs->nj_per_flop, costs->nj_per_byte, costs->static_w};
    if (erg_store_revision(call->store, call->run_id, &revision, NULL) || !revision.final)
        return 0;
    uint64_t key = revision.hash ^ (erg_view_split_model(split) ? 1 : 2);
    for (size_t i = 0; i < 3 && erg_view_split_model(split); i++) {
        uint64_t bits;
        memcpy(&bits, &numbers[i], sizeof bits);
        key = (key ^ bits) * UINT64_C(1099511628211);
    }
    return key;
}

static int sum_up(struct erg_call *call, struct summed *out, struct erg_err *err)
{
    bool costly = false;
    out->sums = (struct erg_run_sums){0};
    int rc = erg_view_split_choose(call->store, call->run_id,
                                   erg_param_text(&call->params, "attribution"), &out->split, err);
    if (rc)
        return rc;
    uint64_t key = key_of(call, &out->split);
    if (erg_sums_cache_get(&call->api->sums, key, &out->sums))
        return 0;
    rc = erg_view_sums(call->store, call->run_id, &out->split, &out->sums, &costly, err);
    if (rc == 0 && costly)
        erg_sums_cache_put(&call->api->sums, key, &out->sums);
    return rc;
}

/* --- handlers ----------------------------------------------------------------------------------*/

static int detail_of(const char *list, unsigned *out, struct erg_err *err)
{
    static const struct {
        const char *word;
        unsigned detail;
    } words[] = {
        {"power_samples", ERG_VIEW_SAMPLES},
        {"layers", ERG_VIEW_LAYERS},
        {"components", ERG_VIEW_COMPONENTS},
        {"operations", ERG_VIEW_OPERATIONS},
    };
    *out = 0;
    for (const char *at = list; at && *at;) {
        size_t len = strcspn(at, ","), i = 0;
        while (i < 4 && (strlen(words[i].word) != len || memcmp(words[i].word, at, len) != 0))
            i++;
        if (i == 4)
            return erg_fail(err, ERG_INVALID,
                            "'detail' must be a list of power_samples, layers, components and "
                            "operations, not '%.64s'",
                            list);
        *out |= words[i].detail;
        at += len + (at[len] == ',');
    }
    return 0;
}

int erg_get_run(struct erg_call *call, struct erg_err *err)
{
    unsigned detail;
    bool known = false;
    int rc = detail_of(erg_param_text(&call->params, "detail"), &detail, err);
    if (rc == 0)
        rc = open_run(call, &known, err);
    if (rc == ERG_NOT_FOUND && erg_answer_ticket(call, &rc, err))
        return rc;
    if (rc || known)
        return rc;
    struct erg_view view = view_of(call);
    rc = erg_call_stream(call, json_type, NULL, 0, err);
    if (rc == 0)
        rc = erg_view_run(&view, detail, err);
    return rc ? rc : erg_call_end_stream(call, err);
}

int erg_get_summary(struct erg_call *call, struct erg_err *err)
{
    struct summed summed = {.sums = {0}};
    bool known = false;
    int rc = open_run(call, &known, err);
    if (rc || known)
        return rc;
    rc = sum_up(call, &summed, err);
    struct erg_view view = view_of(call);
    erg_call_begin(call);
    if (rc == 0)
        rc = erg_view_report(&view, &summed.split, &summed.sums, err);
    erg_run_sums_deinit(&summed.sums);
    return rc ? rc : erg_call_send(call, 200, err);
}

int erg_get_pipeline(struct erg_call *call, struct erg_err *err)
{
    bool known = false;
    int rc = open_run(call, &known, err);
    if (rc || known)
        return rc;
    struct erg_view view = view_of(call);
    erg_call_begin(call);
    rc = erg_view_pipeline(&view, err);
    return rc ? rc : erg_call_send(call, 200, err);
}

int erg_get_tokens(struct erg_call *call, struct erg_err *err)
{
    struct erg_view_range range;
    bool known = false;
    int rc = range_of(call, false, &range, err);
    if (rc == 0)
        rc = open_run(call, &known, err);
    if (rc || known)
        return rc;
    struct erg_view view = view_of(call);
    erg_call_begin(call);
    rc = erg_view_tokens(&view, &range, err);
    return rc ? rc : erg_call_send(call, 200, err);
}

/* The JSON in the body becomes the head of the float32 form. */
static int send_floats(struct erg_call *call, const struct erg_buf *floats, struct erg_err *err)
{
    struct erg_buf whole;
    erg_buf_init(&whole);
    int rc = erg_buf_status(&call->body) ? erg_buf_status(&call->body) : erg_buf_status(floats);
    if (rc == 0) {
        erg_view_put_floats_head(&call->body, &whole);
        erg_buf_append(&whole, floats->data, floats->len);
        struct erg_buf json = call->body;
        call->body = whole;
        whole = json;
        rc = erg_call_send_as(call, 200, f32_type, err);
    } else {
        erg_fail(err, rc, "no memory for the answer");
    }
    erg_buf_deinit(&whole);
    return rc;
}

static bool wants_floats(const struct erg_call *call)
{
    const char *format = erg_param_text(&call->params, "format");
    return format && strcmp(format, "f32") == 0;
}

int erg_get_power(struct erg_call *call, struct erg_err *err)
{
    const struct erg_view_power request = {
        .max_points = erg_param_int(&call->params, "max_points", -1),
        .from_ms = erg_param_real(&call->params, "from_ms", -1e18),
        .to_ms = erg_param_real(&call->params, "to_ms", 1e18),
    };
    struct erg_buf floats = {0};
    bool known = false, packed = wants_floats(call);
    int rc = open_run(call, &known, err);
    if (rc || known)
        return rc;
    struct erg_view view = view_of(call);
    erg_call_begin(call);
    rc = erg_view_power(&view, &request, packed ? &floats : NULL, err);
    if (rc == 0)
        rc = packed ? send_floats(call, &floats, err) : erg_call_send(call, 200, err);
    erg_buf_deinit(&floats);
    return rc;
}

int erg_get_tree(struct erg_call *call, struct erg_err *err)
{
    struct summed summed = {.sums = {0}};
    bool known = false;
    int depth = (int)erg_param_int(&call->params, "depth", 4);
    int rc = open_run(call, &known, err);
    if (rc || known)
        return rc;
    rc = sum_up(call, &summed, err);
    struct erg_view view = view_of(call);
    erg_call_begin(call);
    if (rc == 0)
        rc = erg_view_tree(&view, &summed.split, &summed.sums, depth, err);
    erg_run_sums_deinit(&summed.sums);
    return rc ? rc : erg_call_send(call, 200, err);
}

int erg_get_flow(struct erg_call *call, struct erg_err *err)
{
    struct summed summed = {.sums = {0}};
    bool known = false;
    int rc = open_run(call, &known, err);
    if (rc || known)
        return rc;
    rc = sum_up(call, &summed, err);
    struct erg_view view = view_of(call);
    erg_call_begin(call);
    if (rc == 0)
        rc = erg_view_flow(&view, &summed.split, &summed.sums, phase_of(call), err);
    erg_run_sums_deinit(&summed.sums);
    return rc ? rc : erg_call_send(call, 200, err);
}

int erg_get_matrix(struct erg_call *call, struct erg_err *err)
{
    const char *metric = erg_param_text(&call->params, "metric");
    struct erg_view_matrix request = {
        .metric = metric ? (enum erg_matrix_metric)erg_matrix_find(metric) : ERG_MATRIX_TIME_MS,
        .stack = erg_param_flag(&call->params, "stack", false),
    };
    struct summed summed = {.sums = {0}};
    struct erg_buf floats = {0};
    bool known = false, packed = wants_floats(call);
    int rc = range_of(call, true, &request.range, err);
    if (rc == 0)
        rc = open_run(call, &known, err);
    if (rc || known)
        return rc;
    rc = sum_up(call, &summed, err);
    struct erg_view view = view_of(call);
    erg_call_begin(call);
    if (rc == 0)
        rc = erg_view_matrix(&view, &summed.split, &summed.sums, &request, packed ? &floats : NULL,
                             err);
    if (rc == 0)
        rc = packed ? send_floats(call, &floats, err) : erg_call_send(call, 200, err);
    erg_run_sums_deinit(&summed.sums);
    erg_buf_deinit(&floats);
    return rc;
}

int erg_get_operations(struct erg_call *call, struct erg_err *err)
{
    struct erg_view_range range;
    struct summed summed = {.sums = {0}};
    bool known = false;
    int rc = range_of(call, true, &range, err);
    if (rc == 0)
        rc = open_run(call, &known, err);
    if (rc || known)
        return rc;
    rc = sum_up(call, &summed, err);
    struct erg_view view = view_of(call);
    erg_call_begin(call);
    if (rc == 0)
        rc = erg_view_operations(&view, &summed.split, &summed.sums, &range,
                                 erg_param_int(&call->params, "layer", -2),
                                 erg_param_text(&call->params, "component"), err);
    erg_run_sums_deinit(&summed.sums);
    return rc ? rc : erg_call_send(call, 200, err);
}

typedef int (*deep_view)(const struct erg_view *view, const struct erg_view_range *range,
                         struct erg_err *err);

static int answer_deep(struct erg_call *call, deep_view show, struct erg_err *err)
{
    struct erg_view_range range;
    bool known = false;
    int rc = range_of(call, true, &range, err);
    if (rc == 0)
        rc = open_run(call, &known, err);
    if (rc || known)
        return rc;
    struct erg_view view = view_of(call);
    erg_call_begin(call);
    rc = show(&view, &range, err);
    return rc ? rc : erg_call_send(call, 200, err);
}

int erg_get_attention(struct erg_call *call, struct erg_err *err)
{
    return answer_deep(call, erg_view_attention, err);
}

int erg_get_routing(struct erg_call *call, struct erg_err *err)
{
    return answer_deep(call, erg_view_routing, err);
}
