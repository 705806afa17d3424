/* SPDX-License-Identifier: MIT */
#include "server/conn.h"

#include "base/limits.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* then libwebsockets has switched SIGPIPE off */
#endif

#define NS_PER_S INT64_C(1000000000)

const struct erg_http_times erg_http_times_default = {
    .receive_ns = 30 * NS_PER_S,
    .idle_ns = 60 * NS_PER_S,
    .stall_ns = 120 * NS_PER_S,
    .linger_ns = 2 * NS_PER_S,
    .ping_s = 15,
    .hangup_s = 40,
};

/* CLIENT_LEFT: in the log, as other servers have it. */
enum { READ_BYTES = 16384, LINGER_BYTES = 4 << 20, CLIENT_LEFT = 499 };

static int64_t in_time(int64_t duration_ns)
{
    return erg_clock_now_ns(erg_clock_system()) + duration_ns;
}

/* "127.0.0.1"; a socket pair has no name. */
static void name_peer(struct erg_conn *conn)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getpeername(conn->fd, (struct sockaddr *)&address, &len) ||
        getnameinfo((struct sockaddr *)&address, len, conn->peer, sizeof conn->peer, NULL, 0,
                    NI_NUMERICHOST) ||
        !conn->peer[0])
        snprintf(conn->peer, sizeof conn->peer, "-");
}

struct erg_conn *erg_conn_new(struct erg_conn_env *env, int fd)
{
    struct erg_conn *conn = erg_calloc(1, sizeof *conn);
    if (!conn)
        return NULL;
    conn->env = env;
    conn->fd = fd;
    conn->wants_read = true;
    conn->begin_ns = in_time(0);
    conn->deadline_ns = in_time(env->times->receive_ns);
    name_peer(conn);
    return conn;
}

void erg_conn_free(struct erg_conn *conn)
{
    if (!conn)
        return;
    erg_job_release(conn->job);
    erg_buf_deinit(&conn->in);
    erg_buf_deinit(&conn->body);
    free(conn->text);
    free(conn);
}

static void close_now(struct erg_conn *conn)
{
    conn->state = ERG_CONN_CLOSED;
    conn->wants_read = conn->wants_write = false;
    conn->deadline_ns = INT64_MAX;
}

static void consume(struct erg_buf *buf, size_t len)
{
    buf->len -= len;
    if (len)
        memmove(buf->data, buf->data + len, buf->len);
}

/* Who asked for what, without query, and what came of it; ASCII, whatever was asked for. */
static void log_answer(const struct erg_conn *conn, int status, uint64_t bytes)
{
    const struct erg_job *job = conn->job;
    struct erg_buf line = {0};
    if (!conn->env->log)
        return;
    erg_buf_printf(&line, "%s \"%.16s ", conn->peer,
                   job->head.method_name ? job->head.method_name : "-");
    for (const char *c = job->head.path ? job->head.path : "-"; *c && line.len < 512; c++) {
        if (*c > ' ' && *c < 0x7f && *c != '"' && *c != '%')
            erg_buf_putc(&line, *c);
        else
            erg_buf_printf(&line, "%%%02X", (unsigned)(unsigned char)*c);
    }
    erg_buf_printf(&line, "\" %d %" PRIu64 " B %.1f ms", status, bytes,
                   (double)(in_time(0) - job->begin_ns) / 1e6);
    conn->env->log(conn->env->user, erg_buf_view(&line));
    erg_buf_deinit(&line);
}

static ssize_t send_some(void *user, const void *bytes, size_t len)
{
    struct erg_conn *conn = user;
    ssize_t n;
    do {
        n = send(conn->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
        conn->has_moved = true;
        return n;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -1;
}

static void linger(struct erg_conn *conn)
{
    if (conn->has_ended || shutdown(conn->fd, SHUT_WR) != 0) {
        close_now(conn);
        return;
    }
    conn->state = ERG_CONN_LINGER;
    conn->wants_read = true;
    conn->wants_write = false;
    conn->deadline_ns = in_time(conn->env->times->linger_ns);
    erg_buf_deinit(&conn->in);
}

static void finish_answer(struct erg_conn *conn)
{
    bool goes_on = conn->job->answer.keeps_alive && !conn->has_ended && !conn->is_last;
    log_answer(conn, conn->job->status, conn->job->answer.body_bytes);
    erg_job_release(conn->job);
    conn->job = NULL;
    if (!goes_on) {
        linger(conn);
        return;
    }
    conn->state = ERG_CONN_HEAD;
    conn->scan = (struct erg_head_scan){0};
    conn->wants_read = true;
    conn->wants_write = false;
    conn->deadline_ns =
        in_time(conn->in.len ? conn->env->times->receive_ns : conn->env->times->idle_ns);
}

/* Send what the handler has written so far. */
static void send_answer(struct erg_conn *conn)
{
    conn->has_moved = false;
    switch (erg_pipe_drain(conn->job->answer.pipe, send_some, conn)) {
    case ERG_PIPE_EMPTY:
        conn->wants_write = false;
        conn->deadline_ns = INT64_MAX; /* handlers take the time they take */
        break;
    case ERG_PIPE_BLOCKED:
        if (conn->has_moved || !conn->wants_write)
            conn->deadline_ns = in_time(conn->env->times->stall_ns);
        conn->wants_write = true;
        break;
    case ERG_PIPE_ENDED:
        finish_answer(conn);
        break;
    case ERG_PIPE_CUT:
        log_answer(conn, conn->job->status, conn->job->answer.body_bytes);
        close_now(conn);
        break;
    case ERG_PIPE_FAILED: /* the handler may be writing still */
        log_answer(conn, CLIENT_LEFT, 0);
        close_now(conn);
    }
}

/* Make the request the connection's job; it closes when there is no memory for it. */
static bool make_job(struct erg_conn *conn, const struct erg_head *head)
{
    size_t body_len = conn->body.len;
    char *body = body_len ? erg_buf_take(&conn->body) : NULL;
    conn->job = erg_job_new(conn->env->jobs, head, conn->text, body, body_len);
    if (!conn->job) {
        free(body);
        close_now(conn);
        return false;
    }
    conn->text = NULL;
    conn->state = ERG_CONN_ANSWER;
    conn->wants_read = false;
    conn->deadline_ns = INT64_MAX;
    return true;
}

static void answer_refusal(void *user, struct erg_exchange *x)
{
    const struct erg_refusal *refusal = user;
    erg_exchange_problem_with(x, refusal->status, &refusal->field, refusal->code, refusal->detail,
                              refusal->hint);
}

/* The end of the connection too: what follows a request that was not wanted is not looked at. */
static void refuse(struct erg_conn *conn, const struct erg_head *head, struct erg_refusal *refusal)
{
    if (!conn->job && !make_job(conn, head))
        return;
    conn->job->answer.keeps_alive = false;
    erg_job_answer(conn->job, answer_refusal, refusal);
    send_answer(conn);
}

static void answer_session(void *user, struct erg_exchange *x)
{
    const struct erg_guard *guard = user;
    char cookie[160];
    snprintf(cookie, sizeof cookie, "%s=%s; HttpOnly; SameSite=Strict; Path=/", guard->cookie_name,
             guard->secret);
    erg_exchange_begin(x, 204, NULL, &(struct erg_http_field){"set-cookie", cookie}, 1);
}

/* All of it is there. */
static void handle(struct erg_conn *conn)
{
    static const struct erg_refusal busy = {503,
                                            "busy",
                                            "too many requests are being handled",
                                            "try again later",
                                            {"retry-after", "1"}};
    if (!make_job(conn, &conn->head))
        return;
    if (erg_job_start(conn->job)) {
        struct erg_refusal refusal = busy;
        refuse(conn, NULL, &refusal);
    }
}

static void open_session(struct erg_conn *conn)
{
    if (!make_job(conn, &conn->head))
        return;
    erg_job_answer(conn->job, answer_session, &conn->env->guard);
    send_answer(conn);
}

static void upgrade(struct erg_conn *conn)
{
    struct erg_refusal refusal = {503, "busy", "too many WebSockets are open", NULL, {0}};
    if (conn->env->websocket_count >= ERG_MAX_WEBSOCKETS) {
        refuse(conn, &conn->head, &refusal);
        return;
    }
    snprintf(conn->websocket_key, sizeof conn->websocket_key, "%s", conn->head.websocket_key);
    if (!make_job(conn, &conn->head))
        return;
    log_answer(conn, 101, 0);
    close_now(conn);
    conn->state = ERG_CONN_UPGRADE;
}

/* Clients that ask before they send a body wait for this a while. */
static void encourage(struct erg_conn *conn)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (conn->head.expect && conn->in.len == 0)
        send_some(conn, text, sizeof text - 1);
}

static void begin_request(struct erg_conn *conn)
{
    const struct erg_conn_env *env = conn->env;
    struct erg_refusal refusal;
    size_t start = conn->scan.start, end = conn->scan.seen;
    conn->text = erg_strndup(conn->in.data + start, end - start);
    if (!conn->text) {
        close_now(conn);
        return;
    }
    consume(&conn->in, end);
    if (!erg_head_parse(conn->text, end - start, &conn->head, &refusal)) {
        refuse(conn, NULL, &refusal);
        return;
    }
    bool is_open = env->is_open && env->is_open(env->user, conn->head.path);
    switch (erg_guard_check(&env->guard, &conn->head, is_open, &conn->body_bytes, &refusal)) {
    case ERG_REFUSED:
        refuse(conn, &conn->head, &refusal);
        break;
    case ERG_SESSION:
        open_session(conn);
        break;
    case ERG_WEBSOCKET:
        upgrade(conn);
        break;
    case ERG_HANDLE:
        conn->state = ERG_CONN_BODY;
        erg_buf_clear(&conn->body);
        if (conn->body_bytes)
            encourage(conn);
        break;
    }
}

/* True when a whole head was there. */
static bool receive_head(struct erg_conn *conn)
{
    struct erg_refusal refusal;
    if (!erg_head_find(&conn->scan, conn->in.data, conn->in.len, &refusal))
        return false;
    if (refusal.status)
        refuse(conn, NULL, &refusal);
    else
        begin_request(conn);
    return true;
}

/* True when the whole body was there. */
static bool receive_body(struct erg_conn *conn)
{
    size_t missing = conn->body_bytes - conn->body.len;
    size_t n = conn->in.len < missing ? conn->in.len : missing;
    if (n)
        erg_buf_append(&conn->body, conn->in.data, n);
    consume(&conn->in, n);
    if (erg_buf_status(&conn->body)) {
        close_now(conn);
        return false;
    }
    if (n < missing)
        return false;
    handle(conn);
    return true;
}

static bool is_receiving(const struct erg_conn *conn)
{
    return conn->state == ERG_CONN_HEAD || conn->state == ERG_CONN_BODY;
}

/* Go through what has been received, until more is needed or an answer is under way. */
static void process(struct erg_conn *conn)
{
    bool goes_on = true;
    while (goes_on && is_receiving(conn))
        goes_on = conn->state == ERG_CONN_HEAD ? receive_head(conn) : receive_body(conn);
    if (is_receiving(conn) && conn->has_ended)
        close_now(conn);
}

/* As recv(): 0 = the client has ended, -1 = nothing there, -2 = the connection is broken. */
static ssize_t receive(struct erg_conn *conn, char *bytes, size_t len)
{
    ssize_t n;
    do {
        n = recv(conn->fd, bytes, len, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : -2;
}

static void throw_away(struct erg_conn *conn, ssize_t n)
{
    if (n > 0)
        conn->thrown_away_bytes += (size_t)n;
    if (n == 0 || conn->thrown_away_bytes > LINGER_BYTES)
        close_now(conn);
}

void erg_conn_on_readable(struct erg_conn *conn)
{
    char bytes[READ_BYTES];
    if (!conn->wants_read)
        return;
    ssize_t n = receive(conn, bytes, sizeof bytes);
    if (n == -2) {
        close_now(conn);
        return;
    }
    if (conn->state == ERG_CONN_LINGER) {
        throw_away(conn, n);
        return;
    }
    if (n == 0) {
        conn->has_ended = true;
        conn->wants_read = false;
    }
    if (n > 0) {
        if (conn->state == ERG_CONN_HEAD && conn->in.len == 0)
            conn->deadline_ns = in_time(conn->env->times->receive_ns);
        erg_buf_append(&conn->in, bytes, (size_t)n);
        if (erg_buf_status(&conn->in))
            close_now(conn);
    }
    process(conn);
}

void erg_conn_on_writable(struct erg_conn *conn)
{
    if (conn->state != ERG_CONN_ANSWER)
        return;
    send_answer(conn);
    process(conn);
}

void erg_conn_on_deadline(struct erg_conn *conn)
{
    struct erg_refusal late = {408, "timeout", "the request did not arrive in time", NULL, {0}};
    if (in_time(0) < conn->deadline_ns)
        return;
    if (is_receiving(conn) && (conn->state == ERG_CONN_BODY || conn->in.len))
        refuse(conn, conn->state == ERG_CONN_BODY ? &conn->head : NULL, &late);
    else
        close_now(conn);
}
