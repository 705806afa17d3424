/* SPDX-License-Identifier: MIT */
#include "server/call.h"

#include "server/api_priv.h"
#include "server/routes.h"
#include "store/lists.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int erg_call_store(struct erg_call *call, struct erg_store **out, struct erg_err *err)
{
    int rc = 0;
    if (!call->store)
        rc = erg_api_take_store(call->api, &call->store, &call->generation, err);
    if (rc == 0 && !call->route->open_ended && !call->in_snapshot) {
        rc = erg_store_begin_read(call->store, err);
        call->in_snapshot = rc == 0;
    }
    if (rc == 0)
        *out = call->store;
    return rc;
}

int erg_call_run(struct erg_call *call, struct erg_store **out, struct erg_err *err)
{
    struct erg_store *store = NULL;
    int rc = erg_call_store(call, &store, err);
    if (rc == 0 && !call->run_id)
        rc = erg_store_resolve(store, call->id, &call->run_id, err);
    if (rc == 0)
        *out = store;
    return rc;
}

void erg_call_deinit(struct erg_call *call)
{
    if (call->in_snapshot)
        erg_store_end_read(call->store);
    if (call->store)
        erg_api_give_store(call->api, call->store, call->generation);
    erg_params_deinit(&call->params);
    erg_buf_deinit(&call->body);
    free(call->run_id);
}

/* --- what the client has already ---------------------------------------------------------------*/

/* FNV-1a. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    do {
        hash ^= (unsigned char)*text;
        hash *= UINT64_C(1099511628211);
    } while (*text++);
    return hash;
}

/* Whether the list of tags has ours; weak ones are as good, for bytes are what we compare. */
static bool has_tag(const char *list, const char *tag)
{
    return strcmp(list, "*") == 0 || strstr(list, tag) != NULL;
}

int erg_call_is_known(struct erg_call *call, bool *out_known, struct erg_err *err)
{
    struct erg_revision revision;
    *out_known = false;
    int rc = erg_store_revision(call->store, call->run_id, &revision, err);
    if (rc || !revision.final)
        return rc;
    uint64_t hash = hash_text(revision.hash, ERGON_VERSION);
    hash = hash_text(hash, call->x->request.path);
    hash = hash_text(hash, call->x->request.query);
    snprintf(call->etag, sizeof call->etag, "\"%016" PRIx64 "\"", hash);
    *out_known = has_tag(call->x->request.if_none_match, call->etag);
    if (!*out_known)
        return 0;
    struct erg_http_field field = {"etag", call->etag};
    return erg_exchange_begin(call->x, 304, NULL, &field, 1);
}

/* --- answers -----------------------------------------------------------------------------------*/

/* Fields of every answer, behind `count` others; what is known may be kept, but asked for again. */
static size_t put_fields(const struct erg_call *call, struct erg_http_field *fields, size_t count)
{
    fields[count++] =
        (struct erg_http_field){"cache-control", call->etag[0] ? "private, no-cache" : "no-store"};
    if (call->etag[0])
        fields[count++] = (struct erg_http_field){"etag", call->etag};
    return count;
}

void erg_call_begin(struct erg_call *call)
{
    erg_buf_clear(&call->body);
    erg_jsonw_init(&call->w, &call->body);
}

int erg_call_send_with(struct erg_call *call, int status, const char *media_type,
                       const struct erg_http_field *field, struct erg_err *err)
{
    struct erg_http_field fields[ERG_ANSWER_FIELDS_MAX];
    char length[24];
    int rc = erg_buf_status(&call->body);
    if (rc)
        return erg_fail(err, rc, "no memory for the answer");
    snprintf(length, sizeof length, "%zu", call->body.len);
    fields[0] = (struct erg_http_field){"content-length", length};
    if (field)
        fields[1] = *field;
    size_t count = put_fields(call, fields, field ? 2 : 1);
    rc = erg_exchange_begin(call->x, status, media_type, fields, count);
    return rc ? rc : erg_exchange_write(call->x, erg_buf_view(&call->body), call->body.len);
}

int erg_call_send_as(struct erg_call *call, int status, const char *media_type, struct erg_err *err)
{
    return erg_call_send_with(call, status, media_type, NULL, err);
}

int erg_call_send(struct erg_call *call, int status, struct erg_err *err)
{
    return erg_call_send_as(call, status, "application/json", err);
}

static int write_out(void *user, const char *bytes, size_t len)
{
    return erg_exchange_write(user, bytes, len);
}

int erg_call_stream(struct erg_call *call, const char *media_type,
                    const struct erg_http_field *more, size_t count, struct erg_err *err)
{
    struct erg_http_field fields[ERG_ANSWER_FIELDS_MAX];
    (void)err;
    if (count)
        memcpy(fields, more, count * sizeof *more);
    count = put_fields(call, fields, count);
    erg_buf_clear(&call->body);
    erg_jsonw_init_sink(&call->w, &call->body, write_out, call->x);
    return erg_exchange_begin(call->x, 200, media_type, fields, count);
}

int erg_call_end_stream(struct erg_call *call, struct erg_err *err)
{
    int rc = erg_jsonw_finish(&call->w);
    return rc ? erg_fail(err, rc, "cannot send the answer: %s", erg_code_text(rc)) : 0;
}

/* --- bodies ------------------------------------------------------------------------------------*/

int erg_call_body(struct erg_call *call, json_t **out, struct erg_err *err)
{
    const struct erg_request *request = &call->x->request;
    json_error_t error;
    json_t *json = json_loadb(request->body, request->body_len, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        return erg_fail(err, ERG_INVALID, "the body is no JSON: %.120s (line %d)", error.text,
                        error.line);
    if (!json_is_object(json)) {
        json_decref(json);
        return erg_fail(err, ERG_INVALID, "the body must be a JSON object");
    }
    *out = json;
    return 0;
}

int erg_call_write(struct erg_call *call, struct erg_store **out, struct erg_err *err)
{
    return erg_api_lock_writer(call->api, out, err);
}

void erg_call_written(struct erg_call *call)
{
    erg_api_unlock_writer(call->api);
}
