/* SPDX-License-Identifier: MIT */
#include "server/handlers.h"

#include "base/mem.h"
#include "export/compare_runs.h"
#include "export/export.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exports and comparisons: the code is that of `ergon export` and `ergon compare`. */

/* --- GET /export/{id} --------------------------------------------------------------------------*/

struct sending {
    struct erg_call *call;
    const struct erg_exporter *exporter;
    struct erg_err *err;
};

/* "ergon-ID.ext"; of an id whatever could mean something in a field is left out. */
static void name_file(const struct sending *sending, char out[256])
{
    char id[128];
    size_t len = 0;
    for (const char *at = sending->call->run_id; *at && len + 1 < sizeof id; at++) {
        bool plain = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= 'a' && *at <= 'z') || *at == '-' || *at == '_';
        if (plain)
            id[len++] = *at;
    }
    id[len] = '\0';
    snprintf(out, 256, "attachment; filename=\"ergon-%s.%s\"", id, sending->exporter->extension);
}

/* The answer begins with the first bytes, so that what fails before them is a problem. */
static int send_bytes(void *user, const void *bytes, size_t len)
{
    struct sending *sending = user;
    if (!sending->call->x->status) {
        char disposition[256];
        name_file(sending, disposition);
        struct erg_http_field field = {"content-disposition", disposition};
        int rc =
            erg_call_stream(sending->call, sending->exporter->media_type, &field, 1, sending->err);
        if (rc)
            return rc;
    }
    return erg_exchange_write(sending->call->x, bytes, len);
}

int erg_get_export(struct erg_call *call, struct erg_err *err)
{
    const char *format = erg_param_text(&call->params, "format");
    const char *table = erg_param_text(&call->params, "table");
    struct sending sending = {call, erg_exporter_find(format ? format : "json"), err};
    struct erg_store *store;
    if (!sending.exporter)
        return erg_fail(err, ERG_NOT_FOUND, "there is no format '%.32s'", format);
    if (table && strcmp(sending.exporter->name, "csv") != 0)
        return erg_fail(err, ERG_INVALID, "'table' is for format=csv");
    if (erg_param_text(&call->params, "text") && strcmp(sending.exporter->name, "html") != 0)
        return erg_fail(err, ERG_INVALID, "'text' is for format=html");
    int rc = erg_call_run(call, &store, err);
    if (rc)
        return rc;
    const struct erg_export_request request = {
        .store = store,
        .run_id = call->run_id,
        .table = table,
        .sink = send_bytes,
        .user = &sending,
        .without_text = !erg_param_flag(&call->params, "text", true),
    };
    return sending.exporter->write(&request, err);
}

/* --- POST /compare -----------------------------------------------------------------------------*/

static int select_set(struct erg_compare *compare, const json_t *word, struct erg_err *err)
{
    const char *text = word ? json_string_value(word) : "normalized";
    int rc = erg_compare_select_set(compare, text ? text : "", err);
    if (rc)
        erg_err_prefix(err, "'normalize'");
    return rc;
}

static int take_metrics(struct erg_compare *compare, const json_t *list, struct erg_err *err)
{
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > 40)
        return erg_fail(err, ERG_INVALID, "'metrics' must be a list of 1 to 40 keys");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *key = json_string_value(json_array_get(list, i));
        if (!key)
            return erg_fail(err, ERG_INVALID, "'metrics' must be a list of texts");
        if (strcmp(key, "all") == 0) {
            memset(compare->selected, true, sizeof compare->selected);
            continue;
        }
        int rc = erg_compare_select(compare, key, err);
        if (rc) {
            erg_err_prefix(err, "'metrics'");
            return rc;
        }
    }
    return 0;
}

static int take_groups(struct erg_compare *compare, struct erg_store *store, const json_t *runs,
                       struct erg_err *err)
{
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const char *name = json_string_value(json_array_get(runs, i));
        int rc = erg_compare_add_group(compare, store, name, err);
        if (rc)
            return rc;
    }
    return erg_compare_load_tokens(compare, store, err);
}

/* Whether the body says what may be said. */
static int check_body(const json_t *body, struct erg_err *err)
{
    static const char *const known[] = {"runs", "metrics", "normalize"};
    const json_t *runs = json_object_get(body, "runs");
    for (void *at = json_object_iter((json_t *)body); at;
         at = json_object_iter_next((json_t *)body, at)) {
        size_t i = 0;
        while (i < 3 && strcmp(known[i], json_object_iter_key(at)) != 0)
            i++;
        if (i == 3)
            return erg_fail(err, ERG_INVALID, "the body has an unknown member '%.64s'",
                            json_object_iter_key(at));
    }
    if (!json_is_array(runs) || json_array_size(runs) < 2 ||
        json_array_size(runs) > ERG_COMPARE_GROUPS)
        return erg_fail(err, ERG_INVALID, "'runs' must be a list of 2 to %d runs or groups",
                        ERG_COMPARE_GROUPS);
    for (size_t i = 0; i < json_array_size(runs); i++) {
        size_t len = json_string_length(json_array_get(runs, i));
        if (len == 0 || len > 32000)
            return erg_fail(err, ERG_INVALID, "'runs' must be texts of 1 to 32000 bytes");
    }
    return 0;
}

static int compare_runs(struct erg_call *call, struct erg_compare *compare, const json_t *body,
                        struct erg_err *err)
{
    const json_t *metrics = json_object_get(body, "metrics");
    struct erg_store *store;
    int rc = check_body(body, err);
    if (rc == 0)
        rc = metrics ? take_metrics(compare, metrics, err)
                     : select_set(compare, json_object_get(body, "normalize"), err);
    if (rc == 0)
        rc = erg_call_store(call, &store, err);
    if (rc == 0)
        rc = take_groups(compare, store, json_object_get(body, "runs"), err);
    if (rc == 0)
        rc = erg_compare_calculate(compare, err);
    if (rc)
        return rc;
    erg_call_begin(call);
    erg_compare_write(compare, &call->w);
    return erg_call_send(call, 200, err);
}

int erg_post_compare(struct erg_call *call, struct erg_err *err)
{
    json_t *body = NULL;
    struct erg_compare *compare = erg_calloc(1, sizeof *compare);
    int rc = compare ? erg_call_body(call, &body, err)
                     : erg_fail(err, ERG_NOMEM, "cannot compare: out of memory");
    if (rc == 0)
        rc = compare_runs(call, compare, body, err);
    json_decref(body);
    if (compare)
        erg_compare_deinit(compare);
    free(compare);
    return rc;
}
