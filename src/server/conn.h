/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_CONN_H
#define ERG_SERVER_CONN_H

#include "base/clock.h"
#include "server/guard.h"
#include "server/jobs.h"

/*
 * One HTTP connection, from its first byte to its close or its becoming a WebSocket. It reads and
 * writes its socket itself, which never blocks; who calls it (http.c) waits for what it wants:
 *
 *   receiving ──► answering ──► receiving the next one, or lingering
 *
 * Lingering: everything has been sent and the socket is closed for writing; what the client still
 * sends is thrown away for a moment, since closing at once would destroy the end of the answer.
 */

/* How long things may take; tests shorten them. */
struct erg_http_times {
    int64_t receive_ns; /* a request, from its first byte to its last */
    int64_t idle_ns;    /* between requests */
    int64_t stall_ns;   /* an answer of which the client takes nothing */
    int64_t linger_ns;
    uint16_t ping_s, hangup_s; /* WebSockets: a ping, and the end when no pong has come */
};

extern const struct erg_http_times erg_http_times_default;

/* What all connections share. */
struct erg_conn_env {
    struct erg_guard guard;
    const struct erg_http_times *times;
    struct erg_jobs *jobs;
    size_t websocket_count; /* open ones, kept by http.c */
    void *user;             /* of the callbacks, which may be NULL (http.h) */
    bool (*is_open)(void *user, const char *path);
    void (*log)(void *user, const char *line);
};

enum erg_conn_state {
    ERG_CONN_HEAD,
    ERG_CONN_BODY,
    ERG_CONN_ANSWER,
    ERG_CONN_LINGER,
    ERG_CONN_UPGRADE, /* the end: make a WebSocket of it */
    ERG_CONN_CLOSED,  /* the end: close the socket */
};

struct erg_conn {
    struct erg_conn_env *env;
    int fd; /* not closed here */
    enum erg_conn_state state;
    bool wants_read, wants_write;
    int64_t deadline_ns; /* INT64_MAX = none */
    int64_t begin_ns;    /* of the connection */
    char peer[64];

    bool is_last;   /* no request after this one, set from outside */
    bool has_ended; /* the client does not send any more */
    bool has_moved; /* something has been sent since the last look */
    struct erg_buf in;
    struct erg_head_scan scan;
    struct erg_head head; /* of the request whose body is awaited */
    char *text;           /* what it points into */
    struct erg_buf body;
    size_t body_bytes; /* to come */
    size_t thrown_away_bytes;
    struct erg_job *job;
    char websocket_key[25];
};

/* `fd` does not block; NULL when memory is short. */
struct erg_conn *erg_conn_new(struct erg_conn_env *env, int fd);
void erg_conn_free(struct erg_conn *conn);

/* Something can be read, or written (or there is something to write); the deadline has come. */
void erg_conn_on_readable(struct erg_conn *conn);
void erg_conn_on_writable(struct erg_conn *conn);
void erg_conn_on_deadline(struct erg_conn *conn);

#endif
