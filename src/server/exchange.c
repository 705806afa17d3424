/* SPDX-License-Identifier: MIT */
#include "server/exchange.h"

#include "base/jsonw.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Statuses we answer with, and the titles of their problems (RFC 9110). */
static const struct status_row {
    int status;
    const char *title;
} status_rows[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
};

/* What a failure of ours is to a client. `code` is part of the API. */
static const struct failure_row {
    int err_code;
    int status;
    const char *code;
} failure_rows[] = {
    {ERG_NOT_FOUND, 404, "not_found"},
    {ERG_INVALID, 400, "invalid_parameter"},
    {ERG_LIMIT, 400, "limit_exceeded"},
    {ERG_UNSUPPORTED, 422, "unsupported"},
    {ERG_BUSY, 503, "busy"},
    {ERG_CANCELLED, 409, "cancelled"},
    {ERG_DENIED, 500, "denied"},
    {ERG_CORRUPT, 500, "damaged_data"},
    {ERG_NOMEM, 503, "out_of_memory"},
    {ERG_IO, 500, "input_output"},
    {ERG_OVERRUN, 500, "internal"},
    {ERG_GONE, 500, "internal"},
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

const char *erg_http_status_title(int status)
{
    for (size_t i = 0; i < COUNT(status_rows); i++) {
        if (status_rows[i].status == status)
            return status_rows[i].title;
    }
    return "Error";
}

static bool has_field(const struct erg_http_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return true;
    }
    return false;
}

int erg_exchange_begin(struct erg_exchange *x, int status, const char *media_type,
                       const struct erg_http_field *fields, size_t count)
{
    struct erg_http_field all[ERG_ANSWER_FIELDS_MAX];
    assert(x->status == 0 && status >= 200 && status <= 599);
    assert(count < ERG_ANSWER_FIELDS_MAX);
    if (count)
        memcpy(all, fields, count * sizeof *fields);
    if (media_type)
        all[count++] = (struct erg_http_field){"content-type", media_type};
    else if (status != 204 && status != 304 && !has_field(fields, count, "content-length"))
        all[count++] = (struct erg_http_field){"content-length", "0"};
    x->status = status;
    return x->sink->begin(x->sink->user, status, all, count);
}

int erg_exchange_write(void *exchange, const void *bytes, size_t len)
{
    struct erg_exchange *x = exchange;
    assert(x->status != 0);
    return len ? x->sink->write(x->sink->user, bytes, len) : 0;
}

/* A whole answer of known length; `field` goes along unless its name is NULL. */
static int answer(struct erg_exchange *x, int status, const char *media_type,
                  const struct erg_http_field *field, const struct erg_buf *body)
{
    char length[24];
    struct erg_http_field fields[2] = {{"content-length", length}};
    snprintf(length, sizeof length, "%zu", body->len);
    fields[1] = *field;
    int rc = erg_exchange_begin(x, status, media_type, fields, field->name ? 2 : 1);
    return rc ? rc : erg_exchange_write(x, erg_buf_view(body), body->len);
}

int erg_exchange_json(struct erg_exchange *x, int status, const struct erg_buf *json)
{
    if (erg_buf_status(json))
        return erg_exchange_problem(x, 503, "out_of_memory", "no memory for the answer", NULL);
    return answer(x, status, "application/json", &(struct erg_http_field){0}, json);
}

int erg_exchange_empty(struct erg_exchange *x, int status)
{
    return erg_exchange_begin(x, status, NULL, NULL, 0);
}

/* `field` and `member` may have no name. */
static int problem(struct erg_exchange *x, int status, const struct erg_http_field *field,
                   const struct erg_http_field *member, const char *code, const char *detail,
                   const char *hint)
{
    struct erg_buf body = {0};
    struct erg_jsonw w;
    erg_jsonw_init(&w, &body);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "code", code);
    erg_jsonw_kstr(&w, "title", erg_http_status_title(status));
    erg_jsonw_kint(&w, "status", status);
    erg_jsonw_kstr(&w, "detail", detail);
    erg_jsonw_kstr(&w, "hint", hint);
    if (member->name)
        erg_jsonw_kstr(&w, member->name, member->value);
    erg_jsonw_obj_end(&w);
    int rc = erg_jsonw_finish(&w);
    rc = rc ? erg_exchange_empty(x, status)
            : answer(x, status, "application/problem+json", field, &body);
    erg_buf_deinit(&body);
    return rc;
}

static const struct erg_http_field nothing;

int erg_exchange_problem_with(struct erg_exchange *x, int status,
                              const struct erg_http_field *field, const char *code,
                              const char *detail, const char *hint)
{
    return problem(x, status, field, &nothing, code, detail, hint);
}

int erg_exchange_problem_about(struct erg_exchange *x, int status, const char *member,
                               const char *value, const char *code, const char *detail,
                               const char *hint)
{
    const struct erg_http_field about = {member, value};
    return problem(x, status, &nothing, &about, code, detail, hint);
}

int erg_exchange_problem(struct erg_exchange *x, int status, const char *code, const char *detail,
                         const char *hint)
{
    return problem(x, status, &nothing, &nothing, code, detail, hint);
}

int erg_exchange_not_allowed(struct erg_exchange *x, const char *allow)
{
    char hint[128];
    struct erg_http_field field = {"allow", allow};
    snprintf(hint, sizeof hint, "it takes %s", allow);
    return erg_exchange_problem_with(x, 405, &field, "method_not_allowed",
                                     "this path does not take the method", hint);
}

/* Messages about files name them; those are none of a client's business. */
static bool tells_of_files(const struct erg_err *err)
{
    return err->sys_errno != 0 || strstr(err->text, "'/") != NULL;
}

int erg_exchange_fail(struct erg_exchange *x, const struct erg_err *err)
{
    struct failure_row row = {err->code, 500, "internal"};
    if (x->status) {
        x->is_cut = true;
        return 0;
    }
    for (size_t i = 0; i < COUNT(failure_rows); i++) {
        if (failure_rows[i].err_code == err->code)
            row = failure_rows[i];
    }
    const char *detail = tells_of_files(err) ? erg_code_text(err->code) : err->text;
    return erg_exchange_problem(x, row.status, row.code, detail, NULL);
}
