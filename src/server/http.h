/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_HTTP_H
#define ERG_SERVER_HTTP_H

#include "base/err.h"
#include "server/exchange.h"

#include <stdint.h>

/*
 * HTTP and WebSocket: connections in, exchanges and clients out. The facade of libwebsockets, and
 * with guard.h the place of every rule on who may talk to this server and how much: hosts, origins,
 * tokens, sizes, numbers of connections, deadlines (docs/api.md). What comes through to a handler
 * has passed all of them.
 *
 * One thread, that of erg_http_serve(), owns every socket. Requests are handled on threads of their
 * own; WebSocket clients live on the serving thread.
 */
struct erg_http;

/* One WebSocket path. All callbacks come on the serving thread and must not block. */
struct erg_ws_handler {
    const char *path; /* "/ws/profiling" */
    void *user;
    void *(*open)(void *user); /* a new client; NULL refuses it (1013, try again later) */
    /* A whole text message; 0, or the close code to end the connection with. */
    int (*message)(void *client, const char *text, size_t len);
    /*
     * Called while the client takes frames, after open(), message() and tick(): append the next
     * text frame to `out` and return 1; 0 when there is none yet; a close code (≥ 1000) to end the
     * connection.
     */
    int (*next)(void *client, int64_t now_ns, struct erg_buf *out);
    /*
     * Called about every 50 ms for each client, also for one whose socket is full: 0, or the close
     * code to end the connection with, at once even if what was written before cannot be sent. So
     * whoever has something to tell clients need not wake this thread for it.
     */
    int (*tick)(void *client, int64_t now_ns);
    void (*close)(void *client);
};

struct erg_http_options {
    const char *host;                 /* address to bind; loopback unless a token is given */
    int port;                         /* 0 = any free one */
    const char *token;                /* NULL = none asked for */
    const char *const *allowed_hosts; /* further names in Host, beside the address itself */
    size_t allowed_host_count;
    void *user;
    void (*handle)(void *user, struct erg_exchange *x); /* on a thread of the request's own */
    /* May this be had without the token? The page is, which then asks for it. NULL = nothing. */
    bool (*is_open)(void *user, const char *path);
    const struct erg_ws_handler *ws; /* NULL = none */
    /* One line about a request, without token, query or body; on the serving thread. NULL = none.
     */
    void (*log)(void *user, const char *line);
};

/*
 * Bind and listen. BUSY when the port is taken, DENIED when it may not be had, INVALID for an
 * address beyond loopback without a token.
 */
int erg_http_open(struct erg_http **out, const struct erg_http_options *options,
                  struct erg_err *err);
/*
 * Stop listening, end clients, and let handlers finish and their answers be sent, up to
 * `patience_ms`. 0, or BUSY when some handler still runs: what it uses has to stay then. Accepts
 * NULL.
 */
int erg_http_close(struct erg_http *http, int patience_ms);

int erg_http_port(const struct erg_http *http);

/* Serve until erg_http_stop(). */
int erg_http_serve(struct erg_http *http, struct erg_err *err);

/* From any thread or signal handler. */
void erg_http_stop(struct erg_http *http);

/* A connection that is already there (socket pair of a fuzzer or test); closes `fd` in the end. */
int erg_http_adopt(struct erg_http *http, int fd, struct erg_err *err);

#endif
