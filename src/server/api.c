/* SPDX-License-Identifier: MIT */
#include "server/api_priv.h"

#include "base/mem.h"
#include "server/routes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* --- stores -------------------------------------------------------------------------------------
 */

static struct erg_file_identity identity_of(const char *path)
{
    struct stat st;
    return stat(path, &st) ? (struct erg_file_identity){0}
                           : (struct erg_file_identity){st.st_dev, st.st_ino};
}

/* A file that was put in the store's place is another store. With the lock held. */
static void forget_old_file(struct erg_api *api)
{
    struct erg_file_identity now = identity_of(api->options.store_path);
    if (now.device == api->file.device && now.inode == api->file.inode)
        return;
    for (size_t i = 0; i < api->idle_count; i++)
        erg_store_close(api->idle[i]);
    api->idle_count = 0;
    api->generation++;
    api->file = now;
}

int erg_api_take_store(struct erg_api *api, struct erg_store **out, unsigned *out_generation,
                       struct erg_err *err)
{
    struct erg_store *store = NULL;
    pthread_mutex_lock(&api->lock);
    forget_old_file(api);
    if (api->idle_count)
        store = api->idle[--api->idle_count];
    *out_generation = api->generation;
    pthread_mutex_unlock(&api->lock);
    int rc = store ? 0 : erg_store_open(&store, api->options.store_path, ERG_STORE_READ, NULL, err);
    if (rc == 0)
        *out = store;
    return rc;
}

void erg_api_give_store(struct erg_api *api, struct erg_store *store, unsigned generation)
{
    pthread_mutex_lock(&api->lock);
    bool keep = store && generation == api->generation && api->idle_count < ERG_API_IDLE_STORES;
    if (keep)
        api->idle[api->idle_count++] = store;
    pthread_mutex_unlock(&api->lock);
    if (!keep)
        erg_store_close(store);
}

int erg_api_lock_writer(struct erg_api *api, struct erg_store **out, struct erg_err *err)
{
    pthread_mutex_lock(&api->write_lock);
    struct erg_file_identity now = identity_of(api->options.store_path);
    if (api->writer &&
        (now.device != api->writer_file.device || now.inode != api->writer_file.inode)) {
        erg_store_close(api->writer);
        api->writer = NULL;
    }
    int rc = api->writer ? 0
                         : erg_store_open(&api->writer, api->options.store_path, ERG_STORE_WRITE,
                                          NULL, err);
    if (rc) {
        pthread_mutex_unlock(&api->write_lock);
        return rc;
    }
    api->writer_file = identity_of(api->options.store_path);
    *out = api->writer;
    return 0;
}

void erg_api_unlock_writer(struct erg_api *api)
{
    pthread_mutex_unlock(&api->write_lock);
}

/* --- life --------------------------------------------------------------------------------------*/

int erg_api_open(struct erg_api **out, const struct erg_api_options *options, struct erg_err *err)
{
    struct erg_store *writer = NULL;
    struct erg_api *api = erg_calloc(1, sizeof *api);
    if (!api)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    api->options = *options;
    pthread_mutex_init(&api->lock, NULL);
    pthread_mutex_init(&api->write_lock, NULL);
    erg_sums_cache_init(&api->sums);
    erg_sources_init(&api->sources);
    erg_counts_init(&api->counts);
    int rc = erg_api_lock_writer(api, &writer, err);
    if (rc == 0) {
        rc = erg_counts_start(&api->counts, writer, err);
        erg_api_unlock_writer(api);
    }
    if (rc)
        erg_api_close(api);
    else
        *out = api;
    return rc;
}

void erg_api_close(struct erg_api *api)
{
    if (!api)
        return;
    for (size_t i = 0; i < api->idle_count; i++)
        erg_store_close(api->idle[i]);
    erg_store_close(api->writer);
    erg_sums_cache_deinit(&api->sums);
    erg_sources_deinit(&api->sources);
    erg_counts_deinit(&api->counts);
    pthread_mutex_destroy(&api->lock);
    pthread_mutex_destroy(&api->write_lock);
    free(api);
}

/* --- requests ----------------------------------------------------------------------------------*/

bool erg_api_owns(const char *path)
{
    char id[160], allow[64];
    return strncmp(path, "/api/", 5) == 0 || erg_route_find(ERG_GET, path, id, allow);
}

/* "application/json", with parameters or without. */
static bool is_json(const char *content_type)
{
    static const char json[] = "application/json";
    size_t len = strlen(json);
    if (strncasecmp(content_type, json, len) != 0)
        return false;
    const char *rest = content_type + len;
    rest += strspn(rest, " \t");
    return *rest == '\0' || *rest == ';';
}

static int no_route(struct erg_exchange *x, const char *allow)
{
    if (*allow)
        return erg_exchange_not_allowed(x, allow);
    return erg_exchange_problem(x, 404, "not_found", "there is no such path",
                                "GET /openapi.json lists all of them");
}

static void answer(struct erg_call *call)
{
    struct erg_err err = {0};
    const struct erg_request *request = &call->x->request;
    int rc = erg_params_parse(&call->params, call->route->params, request->query, &err);
    bool asked_well = rc == 0;
    if (rc == 0)
        rc = call->route->handle(call, &err);
    if (rc == 0 || rc == ERG_GONE)
        return;
    if (!err.code)
        erg_fail(&err, rc, "%s", erg_code_text(rc));
    if (rc == ERG_INVALID && asked_well && call->route->takes_body && !call->x->status)
        erg_exchange_problem(call->x, 400, "invalid_body", err.text, NULL);
    else
        erg_exchange_fail(call->x, &err);
}

void erg_api_handle(void *user, struct erg_exchange *x)
{
    struct erg_api *api = user;
    struct erg_call call = {.api = api, .options = &api->options, .x = x};
    char allow[64];
    call.route = erg_route_find(x->request.method, x->request.path, call.id, allow);
    if (!call.route) {
        no_route(x, allow);
        return;
    }
    if ((call.route->takes_body || x->request.body_len) && !is_json(x->request.content_type)) {
        erg_exchange_problem(x, 415, "unsupported_media_type", "the body must be application/json",
                             "send it with Content-Type: application/json");
        return;
    }
    answer(&call);
    erg_call_deinit(&call);
}
