/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "server/rig.h"

#include "base/jsonw.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void bump(struct rig *rig, int *counter, int by)
{
    pthread_mutex_lock(&rig->mutex);
    *counter += by;
    pthread_cond_broadcast(&rig->changed);
    pthread_mutex_unlock(&rig->mutex);
}

static void echo(struct erg_exchange *x)
{
    static const char *const methods[] = {"GET", "POST", "PATCH", "DELETE", "other"};
    struct erg_buf buf = {0};
    struct erg_jsonw w;
    erg_jsonw_init(&w, &buf);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "method", methods[x->request.method]);
    erg_jsonw_kstr(&w, "path", x->request.path);
    erg_jsonw_kstr(&w, "query", x->request.query);
    erg_jsonw_kstr(&w, "content_type", x->request.content_type);
    erg_jsonw_key(&w, "body");
    erg_jsonw_strn(&w, x->request.body, x->request.body_len);
    erg_jsonw_obj_end(&w);
    erg_exchange_json(x, 200, &buf);
    erg_buf_deinit(&buf);
}

static void send_bytes(struct rig *rig, struct erg_exchange *x, bool with_length)
{
    char piece[10000];
    size_t left = 0;
    struct erg_http_field length = {"content-length", x->request.query};
    memset(piece, 'x', sizeof piece);
    assert_int_equal(sscanf(x->request.query, "%zu", &left), 1);
    int rc = erg_exchange_begin(x, 200, "application/octet-stream", &length, with_length ? 1 : 0);
    while (rc == 0 && left) {
        size_t n = left < sizeof piece ? left : sizeof piece;
        rc = erg_exchange_write(x, piece, n);
        left -= n;
    }
    if (rc == ERG_GONE)
        bump(rig, &rig->gone, 1);
}

static void wait_for_release(struct rig *rig, struct erg_exchange *x)
{
    bump(rig, &rig->waiting, 1);
    pthread_mutex_lock(&rig->mutex);
    while (!rig->released)
        pthread_cond_wait(&rig->changed, &rig->mutex);
    pthread_mutex_unlock(&rig->mutex);
    erg_exchange_empty(x, 204);
    bump(rig, &rig->finished, 1);
}

static void handle(void *user, struct erg_exchange *x)
{
    struct rig *rig = user;
    const char *path = x->request.path;
    const struct erg_err failure = {ERG_IO, 0, "no luck"};
    if (strcmp(path, "/echo") == 0 || strcmp(path, "/open") == 0 || strcmp(path, "/healthz") == 0) {
        echo(x);
    } else if (strcmp(path, "/bytes") == 0 || strcmp(path, "/length") == 0) {
        send_bytes(rig, x, strcmp(path, "/length") == 0);
    } else if (strcmp(path, "/wait") == 0) {
        wait_for_release(rig, x);
    } else if (strcmp(path, "/cut") == 0) {
        erg_exchange_begin(x, 200, "text/plain", NULL, 0);
        erg_exchange_write(x, "half", 4);
        erg_exchange_fail(x, &failure);
    } else if (strcmp(path, "/short") == 0) {
        erg_exchange_begin(x, 200, "text/plain", &(struct erg_http_field){"content-length", "10"},
                           1);
        erg_exchange_write(x, "half", 4);
    } else if (strcmp(path, "/fields") == 0) {
        const struct erg_http_field fields[] = {{"location", "/a\r\nset-cookie: x=1"},
                                                {"cache-control", "max-age=9"}};
        erg_exchange_begin(x, 202, NULL, fields, 2);
    } else if (strcmp(path, "/silent") != 0) {
        erg_exchange_problem(x, 404, "not_found", "nothing here", NULL);
    }
}

static bool is_open(void *user, const char *path)
{
    (void)user;
    return strcmp(path, "/open") == 0;
}

static void log_line(void *user, const char *line)
{
    struct rig *rig = user;
    pthread_mutex_lock(&rig->mutex);
    size_t len = strlen(rig->log);
    if (len + strlen(line) + 2 > sizeof rig->log)
        len = 0;
    snprintf(rig->log + len, sizeof rig->log - len, "%s\n", line);
    pthread_mutex_unlock(&rig->mutex);
}

/* A WebSocket client, as its handler sees it. */
struct echo_client {
    struct rig *rig;
    char *pending; /* to be sent back */
    int flood;     /* frames of 8 KiB yet to come */
    int refuses;   /* code to be closed with by tick() */
};

static void *open_client(void *user)
{
    struct rig *rig = user;
    struct echo_client *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->rig = rig;
    bump(rig, &rig->clients, 1);
    return c;
}

static int on_message(void *client, const char *text, size_t len)
{
    struct echo_client *c = client;
    int code = 0;
    if (sscanf(text, "close %d", &code) == 1)
        return code;
    if (sscanf(text, "tick %d", &c->refuses) == 1 || sscanf(text, "flood %d", &c->flood) == 1)
        return 0;
    free(c->pending);
    c->pending = malloc(len + 1);
    assert_non_null(c->pending);
    memcpy(c->pending, text, len + 1);
    return 0;
}

static int next_frame(void *client, int64_t now_ns, struct erg_buf *out)
{
    struct echo_client *c = client;
    assert_true(now_ns > 0);
    if (c->flood > 0) {
        c->flood--;
        for (int i = 0; i < 1024; i++)
            erg_buf_append(out, "12345678", 8);
        return 1;
    }
    if (!c->pending)
        return 0;
    erg_buf_puts(out, c->pending);
    free(c->pending);
    c->pending = NULL;
    return 1;
}

static int on_tick(void *client, int64_t now_ns)
{
    (void)now_ns;
    return ((struct echo_client *)client)->refuses;
}

static void close_client(void *client)
{
    struct echo_client *c = client;
    bump(c->rig, &c->rig->clients, -1);
    free(c->pending);
    free(c);
}

static void *serve(void *user)
{
    struct rig *rig = user;
    assert_int_equal(erg_http_serve(rig->http, NULL), 0);
    return NULL;
}

void rig_open(struct rig *rig, const struct erg_http_options *options,
              const struct erg_http_times *times)
{
    static const struct erg_ws_handler template = {.path = "/ws",
                                                   .open = open_client,
                                                   .message = on_message,
                                                   .next = next_frame,
                                                   .tick = on_tick,
                                                   .close = close_client};
    struct erg_http_options all = options ? *options : (struct erg_http_options){0};
    struct erg_err err = {0};
    memset(rig, 0, sizeof *rig);
    pthread_mutex_init(&rig->mutex, NULL);
    pthread_cond_init(&rig->changed, NULL);
    rig->ws = template;
    rig->ws.user = rig;
    all.host = all.host ? all.host : "localhost";
    all.user = rig;
    all.handle = handle;
    all.is_open = is_open;
    all.log = log_line;
    all.ws = &rig->ws;
    int rc = erg_http_open_with(&rig->http, &all, times ? times : &erg_http_times_default, &err);
    if (rc)
        print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
    rig->port = erg_http_port(rig->http);
    assert_int_equal(pthread_create(&rig->thread, NULL, serve, rig), 0);
}

void rig_close(struct rig *rig)
{
    erg_http_stop(rig->http);
    pthread_join(rig->thread, NULL);
    assert_int_equal(erg_http_close(rig->http, 10000), 0);
    assert_int_equal(rig->clients, 0);
    pthread_cond_destroy(&rig->changed);
    pthread_mutex_destroy(&rig->mutex);
}

void rig_release(struct rig *rig)
{
    pthread_mutex_lock(&rig->mutex);
    rig->released = true;
    pthread_cond_broadcast(&rig->changed);
    pthread_mutex_unlock(&rig->mutex);
}

void rig_await(struct rig *rig, const int *counter, int value)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 30;
    int rc = 0;
    pthread_mutex_lock(&rig->mutex);
    while (*counter != value && rc == 0)
        rc = pthread_cond_timedwait(&rig->changed, &rig->mutex, &deadline);
    pthread_mutex_unlock(&rig->mutex);
    assert_int_equal(rc, 0);
}
