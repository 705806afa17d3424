/* SPDX-License-Identifier: MIT */
#include "server/handlers.h"

#include "server/queue.h"

#include <stdio.h>
#include <string.h>

/* A server without a queue shows runs that others make. */
static int no_queue(struct erg_call *call)
{
    return erg_exchange_problem(call->x, 503, "unsupported", "this server makes no runs", NULL);
}

/* --- asking for a run ----------------------------------------------------------------------------
 */

/* What is wrong with the body, and with which member of it. */
static int answer_fault(struct erg_call *call, const struct erg_run_fault *fault,
                        const struct erg_err *err)
{
    static const struct {
        int err_code, status;
        const char *code;
    } rows[] = {
        {ERG_INVALID, 400, "invalid_body"},
        {ERG_NOT_FOUND, 404, "not_found"},
        {ERG_UNSUPPORTED, 422, "unsupported"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].err_code != err->code)
            continue;
        const char *hint = err->code == ERG_NOT_FOUND ? "GET /api/profiling/models lists them"
                                                      : "GET /openapi.json describes the body";
        return erg_exchange_problem_about(call->x, rows[i].status,
                                          fault->member[0] ? "parameter" : NULL, fault->member,
                                          rows[i].code, err->text, hint);
    }
    return erg_exchange_fail(call->x, err);
}

/* It was not taken. */
static int answer_refusal(struct erg_call *call, const struct erg_err *err)
{
    if (err->code == ERG_LIMIT)
        return erg_exchange_problem_with(
            call->x, 503, &(struct erg_http_field){"retry-after", "10"}, "queue_full", err->text,
            "try again later, or cancel a run that waits");
    if (err->code == ERG_GONE)
        return erg_exchange_problem(call->x, 503, "interrupted", err->text, NULL);
    return erg_exchange_fail(call->x, err);
}

static int answer_accepted(struct erg_call *call, const char *id, struct erg_err *err)
{
    char location[80], length[24];
    snprintf(location, sizeof location, "/api/profiling/run/%s", id);
    erg_call_begin(call);
    erg_jsonw_obj_begin(&call->w);
    erg_jsonw_kstr(&call->w, "run_id", id);
    erg_jsonw_kstr(&call->w, "status", "queued");
    erg_jsonw_obj_end(&call->w);
    int rc = erg_buf_status(&call->body);
    if (rc)
        return erg_fail(err, rc, "no memory for the answer");
    snprintf(length, sizeof length, "%zu", call->body.len);
    const struct erg_http_field fields[] = {
        {"location", location}, {"content-length", length}, {"cache-control", "no-store"}};
    rc = erg_exchange_begin(call->x, 202, "application/json", fields, 3);
    return rc ? rc : erg_exchange_write(call->x, call->body.data, call->body.len);
}

/* --- its end -------------------------------------------------------------------------------------
 */

/* The summary; of a run that could not be stored with the reason. */
static int answer_summary(struct erg_call *call, const struct erg_run_outcome *outcome,
                          struct erg_err *err)
{
    size_t len = strlen(outcome->summary_json);
    erg_call_begin(call);
    if (!outcome->store_failure) {
        erg_buf_append(&call->body, outcome->summary_json, len);
        return erg_call_send(call, 200, err);
    }
    erg_buf_append(&call->body, outcome->summary_json, len - 1); /* without the last brace */
    erg_buf_puts(&call->body, ",\"store_failure\":");
    erg_jsonw_str(&call->w, outcome->store_failure);
    erg_buf_putc(&call->body, '}');
    return erg_call_send(call, 200, err);
}

/* Is the reason the model, or what was asked of it? */
static bool is_clients_fault(int code)
{
    return code == ERG_INVALID || code == ERG_UNSUPPORTED || code == ERG_LIMIT;
}

static int answer_failure(struct erg_call *call, const char *id,
                          const struct erg_run_outcome *outcome)
{
    char hint[160];
    const char *failure = outcome->failure ? outcome->failure : outcome->status;
    const char *code = outcome->power_unusable ? "power_unusable" : "run_failed";
    bool clients = outcome->power_unusable || is_clients_fault(outcome->code);
    snprintf(hint, sizeof hint,
             outcome->began ? "GET /api/profiling/run/%s shows what was measured until then"
                            : "nothing of it was measured",
             id);
    if (strcmp(outcome->status, "cancelled") == 0)
        return erg_exchange_problem_about(call->x, 409, "run_id", id, "cancelled",
                                          "the run was cancelled before it began", NULL);
    if (strcmp(outcome->status, "interrupted") == 0)
        return erg_exchange_problem_about(call->x, 503, "run_id", id, "interrupted", failure, hint);
    return erg_exchange_problem_about(call->x, clients ? 422 : 500, "run_id", id, code, failure,
                                      hint);
}

static int answer_outcome(struct erg_call *call, const char *id,
                          const struct erg_run_outcome *outcome, struct erg_err *err)
{
    bool is_good =
        strcmp(outcome->status, "complete") == 0 || strcmp(outcome->status, "cancelled") == 0;
    return is_good && outcome->summary_json ? answer_summary(call, outcome, err)
                                            : answer_failure(call, id, outcome);
}

int erg_post_generate(struct erg_call *call, struct erg_err *err)
{
    struct erg_queue *queue = call->options->queue;
    struct erg_run_request *request = NULL;
    struct erg_run_fault fault;
    struct erg_ticket *ticket = NULL;
    char id[40];
    if (!queue)
        return no_queue(call);
    const struct erg_request *http = &call->x->request;
    if (erg_run_request_parse(&request, call->options->run_rules, http->body, http->body_len,
                              &fault, err))
        return answer_fault(call, &fault, err);
    bool waits = request->wait;
    if (erg_queue_add(queue, request, id, waits ? &ticket : NULL, err)) {
        erg_run_request_free(request);
        return answer_refusal(call, err);
    }
    if (!waits)
        return answer_accepted(call, id, err);
    struct erg_run_outcome outcome;
    erg_queue_wait(queue, ticket, &outcome);
    int rc = answer_outcome(call, id, &outcome, err);
    erg_run_outcome_deinit(&outcome);
    return rc;
}

/* --- the queue -----------------------------------------------------------------------------------
 */

/* Not in the queue: there is no such run, or it has ended. */
static int answer_not_queued(struct erg_call *call, struct erg_err *err)
{
    struct erg_store *store = NULL;
    int rc = erg_call_run(call, &store, err);
    return rc ? rc
              : erg_exchange_problem_about(call->x, 409, "run_id", call->run_id, "conflict",
                                           "the run does not go on here", NULL);
}

int erg_post_cancel(struct erg_call *call, struct erg_err *err)
{
    const char *status = NULL;
    struct erg_err why = {0};
    if (!call->options->queue)
        return no_queue(call);
    int rc = erg_queue_cancel(call->options->queue, call->id, &status, &why);
    if (rc == ERG_NOT_FOUND)
        return answer_not_queued(call, err);
    if (rc)
        return erg_exchange_problem_about(call->x, 409, "run_id", call->id, "conflict", why.text,
                                          NULL);
    erg_call_begin(call);
    erg_jsonw_obj_begin(&call->w);
    erg_jsonw_kstr(&call->w, "run_id", call->id);
    erg_jsonw_kstr(&call->w, "status", status);
    erg_jsonw_obj_end(&call->w);
    return erg_call_send(call, 202, err);
}

int erg_get_queue(struct erg_call *call, struct erg_err *err)
{
    struct erg_jsonw *w = &call->w;
    erg_call_begin(call);
    erg_jsonw_obj_begin(w);
    if (call->options->queue) {
        erg_queue_write(call->options->queue, w);
    } else {
        erg_jsonw_key(w, "runs");
        erg_jsonw_arr_begin(w);
        erg_jsonw_arr_end(w);
    }
    erg_jsonw_obj_end(w);
    return erg_call_send(call, 200, err);
}

bool erg_answer_ticket(struct erg_call *call, int *out_status, struct erg_err *err)
{
    erg_call_begin(call);
    if (!call->options->queue || !erg_queue_describe(call->options->queue, call->id, &call->w))
        return false;
    *out_status = erg_call_send(call, 202, err);
    return true;
}
