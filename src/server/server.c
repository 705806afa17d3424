/* SPDX-License-Identifier: MIT */
#include "server/server.h"

#include "base/mem.h"
#include "server/api.h"
#include "server/assets.h"
#include "server/http.h"
#include "server/keeper.h"
#include "server/live_client.h"
#include "server/queue.h"

#include <stdlib.h>
#include <string.h>

/* An engine is kept warm for as long as somebody may think about the next prompt. */
enum { RING_BYTES = 16 << 20, WAITING_MAX = 64, WARM_S = 300, IDLE_S = 1 };

/* Of the two seconds a server has to end: answers take so much, the engine what is left of all. */
enum { ANSWERS_MS = 1000, END_MS = 1800 };

#define NS_PER_S INT64_C(1000000000)

struct erg_server {
    struct erg_server_options options;
    struct erg_ring *ring;
    struct erg_live_stream stream;
    struct erg_ws_handler websocket;
    struct erg_queue *queue;
    struct erg_run_rules run_rules;
    struct erg_api *api;
    struct erg_keeper *keeper;
    struct erg_http *http;
};

static void handle(void *user, struct erg_exchange *x)
{
    struct erg_server *server = user;
    if (erg_api_owns(x->request.path))
        erg_api_handle(server->api, x);
    else
        erg_assets_handle(&erg_dashboard, x);
}

/* The page, which then asks for the token, and whether we are alive. */
static bool is_open(void *user, const char *path)
{
    (void)user;
    return strcmp(path, "/healthz") == 0 || erg_assets_find(&erg_dashboard, path) != NULL;
}

static void on_request(void *user, const char *line)
{
    struct erg_server *server = user;
    if (server->options.log)
        server->options.log(server->options.user, line);
}

static void on_note(void *user, const char *line)
{
    struct erg_server *server = user;
    if (server->options.note)
        server->options.note(server->options.user, line);
}

static int open_runs(struct erg_server *server, struct erg_err *err)
{
    const struct erg_server_options *o = &server->options;
    const struct erg_clock *clock = o->clock;
    uint64_t first_seq = (uint64_t)(clock->wall_ns(clock->user) / 1000); /* never given twice */
    int rc = erg_ring_new(&server->ring, RING_BYTES, first_seq, err);
    if (rc)
        return rc;
    server->stream = (struct erg_live_stream){.ring = server->ring, .clock = clock};
    server->websocket = erg_live_handler(&server->stream);
    const struct erg_queue_options options = {.maker = {.engine_path = o->engine_path,
                                                        .root = o->root,
                                                        .clock = clock,
                                                        .ring = server->ring,
                                                        .user = server,
                                                        .log = on_note},
                                              .warm_ns = WARM_S * NS_PER_S,
                                              .max_waiting = WAITING_MAX};
    server->run_rules = (struct erg_run_rules){.model_dirs = o->model_dirs,
                                               .store_path = o->store_path,
                                               .power_spec = o->power_spec,
                                               .cpu_idle_mw = o->cpu_idle_mw,
                                               .cpu_full_mw = o->cpu_full_mw,
                                               .idle_ns = IDLE_S * NS_PER_S};
    return erg_queue_open(&server->queue, &options, err);
}

static int open_api(struct erg_server *server, struct erg_err *err)
{
    const struct erg_server_options *o = &server->options;
    const struct erg_api_options options = {.store_path = o->store_path,
                                            .model_dirs = o->model_dirs,
                                            .root = o->root,
                                            .clock = o->clock,
                                            .power_spec = o->power_spec,
                                            .queue = server->queue,
                                            .run_rules = &server->run_rules};
    int rc = erg_api_open(&server->api, &options, err);
    if (rc == 0 && o->keep_ns > 0)
        rc = erg_keeper_open(&server->keeper, o->store_path, o->keep_ns, o->clock, on_note, server,
                             err);
    return rc;
}

/* First of all: a busy port is the likeliest failure, and the store is left alone then. */
static int open_http(struct erg_server *server, struct erg_err *err)
{
    const struct erg_server_options *o = &server->options;
    const struct erg_http_options options = {.host = o->host,
                                             .port = o->port,
                                             .token = o->token,
                                             .allowed_hosts = o->allowed_hosts,
                                             .allowed_host_count = o->allowed_host_count,
                                             .user = server,
                                             .handle = handle,
                                             .is_open = is_open,
                                             .ws = &server->websocket,
                                             .log = o->log ? on_request : NULL};
    return erg_http_open(&server->http, &options, err);
}

int erg_server_open(struct erg_server **out, const struct erg_server_options *options,
                    struct erg_err *err)
{
    struct erg_server *server = erg_calloc(1, sizeof *server);
    if (!server)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    server->options = *options;
    server->websocket.path = "/ws/profiling";
    int rc = open_http(server, err);
    if (rc == 0)
        rc = open_runs(server, err);
    if (rc == 0)
        rc = open_api(server, err);
    if (rc)
        erg_server_close(server);
    else
        *out = server;
    return rc;
}

int erg_server_port(const struct erg_server *server)
{
    return erg_http_port(server->http);
}

bool erg_server_has_dashboard(const struct erg_server *server)
{
    (void)server;
    return erg_dashboard.count > 0;
}

int erg_server_run(struct erg_server *server, struct erg_err *err)
{
    return erg_http_serve(server->http, err);
}

void erg_server_stop(struct erg_server *server)
{
    erg_http_stop(server->http);
}

void erg_server_close(struct erg_server *server)
{
    if (!server)
        return;
    int64_t begin_ns = erg_clock_now_ns(server->options.clock);
    if (server->queue)
        erg_queue_stop(server->queue);
    erg_keeper_close(server->keeper);
    bool busy = erg_http_close(server->http, ANSWERS_MS) != 0;
    int64_t gone_ms = (erg_clock_now_ns(server->options.clock) - begin_ns) / 1000000;
    int left_ms = gone_ms < END_MS ? (int)(END_MS - gone_ms) : 0;
    /* What a handler or the queue still uses stays; the process is about to end. */
    if (busy || !erg_queue_close(server->queue, left_ms))
        return;
    erg_api_close(server->api);
    erg_ring_free(server->ring);
    free(server);
}
