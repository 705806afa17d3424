/* SPDX-License-Identifier: MIT */
#include "server/http_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/system.h"
#include "base/utf8.h"
#include "server/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * What libwebsockets is asked for: the loop over all descriptors and timers, and WebSockets. It
 * gets HTTP connections as bare descriptors, which conn.c reads and writes. A request to become a
 * WebSocket has been checked like any other; the library is then handed the socket together with a
 * request of our own making. So its HTTP parser, which is lenient, never sees a byte of a client's.
 */
enum {
    SLOTS = 2 * ERG_MAX_HTTP_CONNECTIONS, /* connections that are to be closed fill some */
    ACCEPTS_AT_ONCE = 16,
    ADOPTED_MAX = 64,
    FRAMES_AT_ONCE = 16,
    TICK_MS = 50,
    PAUSE_MS = 100,
    NO_TIME_FOR_MORE = 1013,
    GOING_AWAY = 1001,
    DESCRIPTORS_MAX = SLOTS + (int)ERG_MAX_WEBSOCKETS + 64,
    RATE_WINDOW_S = 10,
};

#define NS_PER_MS INT64_C(1000000)
#define FAR_NS    (INT64_C(3600000) * NS_PER_MS)

/* A socket on its way from one of our connections to the library. */
struct upgrade {
    lws_sorted_usec_list_t sul;
    struct erg_http *http;
    struct upgrade *next;
    int fd;
    struct erg_buf text; /* the request, and what the client has sent behind its own */
};

/* One WebSocket client; the library keeps it. */
struct ws_client {
    void *client; /* of the handler */
    struct erg_buf in, out;
    int close_code; /* to be closed with; 0 = open */
    int64_t window_ns;
    unsigned messages; /* in that window */
};

struct erg_http {
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct erg_http_options options;
    struct erg_http_times times;
    struct erg_conn_env env;
    lws_retry_bo_t pings;
    int port;
    struct lws *listeners[ERG_LISTENERS_MAX];
    struct lws *conns[SLOTS];
    struct lws *clients[ERG_MAX_WEBSOCKETS];
    size_t client_count;
    struct upgrade *upgrades;
    lws_sorted_usec_list_t tick;
    bool ticks, is_closing;
    int is_stopped; /* atomic */
    pthread_mutex_t mutex;
    int adopted[ADOPTED_MAX]; /* under the mutex */
    size_t adopted_count;
};

static struct erg_http *http_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

static int64_t now_ns(void)
{
    return erg_clock_now_ns(erg_clock_system());
}

static void kill_soon(struct lws *wsi)
{
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

static void count_websockets(struct erg_http *http)
{
    size_t count = http->client_count;
    for (const struct upgrade *u = http->upgrades; u; u = u->next)
        count++;
    http->env.websocket_count = count;
}

static void drop_upgrade(struct upgrade *upgrade)
{
    struct upgrade **link = &upgrade->http->upgrades;
    while (*link != upgrade)
        link = &(*link)->next;
    *link = upgrade->next;
    erg_buf_deinit(&upgrade->text);
    free(upgrade);
}

static void adopt_websocket(lws_sorted_usec_list_t *sul)
{
    struct upgrade *upgrade = lws_container_of(sul, struct upgrade, sul);
    struct erg_http *http = upgrade->http;
    lws_adopt_socket_vhost_readbuf(http->vhost, upgrade->fd, erg_buf_view(&upgrade->text),
                                   upgrade->text.len);
    drop_upgrade(upgrade);
    count_websockets(http);
}

/* Not from within the connection's own callback, so that the library is in no state of its own. */
static void begin_upgrade(struct erg_http *http, struct erg_conn *conn)
{
    struct upgrade *upgrade = erg_calloc(1, sizeof *upgrade);
    if (!upgrade)
        return;
    upgrade->http = http;
    erg_buf_printf(&upgrade->text,
                   "GET / HTTP/1.1\r\nHost: ergon\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
                   conn->websocket_key);
    erg_buf_append(&upgrade->text, conn->in.data, conn->in.len);
    upgrade->fd = erg_buf_status(&upgrade->text) ? -1 : fcntl(conn->fd, F_DUPFD_CLOEXEC, 0);
    upgrade->next = http->upgrades;
    http->upgrades = upgrade;
    if (upgrade->fd < 0) {
        drop_upgrade(upgrade);
        return;
    }
    count_websockets(http);
    lws_sul_schedule(http->context, 0, &upgrade->sul, adopt_websocket, 1);
}

/* Do what the connection wants; nonzero = close it. */
static int settle(struct erg_http *http, struct lws *wsi, struct erg_conn *conn)
{
    if (conn->state == ERG_CONN_UPGRADE) {
        begin_upgrade(http, conn);
        conn->state = ERG_CONN_CLOSED;
    }
    if (conn->state == ERG_CONN_CLOSED)
        return -1;
    lws_rx_flow_control(wsi, conn->wants_read);
    if (conn->wants_write)
        lws_callback_on_writable(wsi);
    /* Without a deadline too: to cancel a timer, libwebsockets 4.1 lets it ring again and again. */
    int64_t left_ns = conn->deadline_ns - now_ns();
    left_ns = left_ns > FAR_NS ? FAR_NS : left_ns;
    lws_set_timer_usecs(wsi, left_ns > 0 ? left_ns / 1000 + 1 : 1);
    return 0;
}

static void forget_connection(struct erg_http *http, struct lws *wsi)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (http->conns[i] == wsi)
            http->conns[i] = NULL;
    }
    erg_conn_free(lws_get_opaque_user_data(wsi));
    lws_set_opaque_user_data(wsi, NULL);
}

static int on_connection(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t len)
{
    (void)user, (void)in, (void)len;
    struct erg_conn *conn = lws_get_opaque_user_data(wsi);
    if (!conn)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_RAW_RX_FILE:
        erg_conn_on_readable(conn);
        break;
    case LWS_CALLBACK_RAW_WRITEABLE_FILE:
        erg_conn_on_writable(conn);
        break;
    case LWS_CALLBACK_TIMER:
        erg_conn_on_deadline(conn);
        break;
    case LWS_CALLBACK_RAW_CLOSE_FILE:
        forget_connection(http_of(wsi), wsi);
        return 0;
    default:
        return 0;
    }
    int rc = settle(http_of(wsi), wsi, conn);
    /* Behind this callback the library forgets that we have asked for the next: ask later. */
    if (rc == 0 && reason == LWS_CALLBACK_RAW_WRITEABLE_FILE && conn->wants_write)
        lws_set_timer_usecs(wsi, 1);
    return rc;
}

/*
 * A slot for one more. Beyond the limit the oldest connection whose client has not finished a
 * request makes room: sockets that idle, or feed us byte by byte, keep nobody out.
 */
static struct lws **find_slot(struct erg_http *http)
{
    struct lws **slot = NULL;
    struct erg_conn *oldest = NULL;
    struct lws *oldest_wsi = NULL;
    size_t open = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        struct lws *wsi = http->conns[i];
        struct erg_conn *conn = wsi ? lws_get_opaque_user_data(wsi) : NULL;
        if (!wsi)
            slot = &http->conns[i];
        if (!conn || conn->state == ERG_CONN_CLOSED)
            continue;
        open++;
        if (conn->state != ERG_CONN_ANSWER && (!oldest || conn->begin_ns < oldest->begin_ns)) {
            oldest = conn;
            oldest_wsi = wsi;
        }
    }
    if (open < ERG_MAX_HTTP_CONNECTIONS)
        return slot;
    if (!oldest || !slot)
        return NULL;
    oldest->state = ERG_CONN_CLOSED;
    kill_soon(oldest_wsi);
    return slot;
}

static void add_connection(struct erg_http *http, int fd)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
                               "content-length: 0\r\nconnection: close\r\n\r\n";
    struct lws **slot = find_slot(http);
    struct erg_conn *conn = slot ? erg_conn_new(&http->env, fd) : NULL;
    if (!conn) {
        ssize_t ignored = send(fd, busy, sizeof busy - 1, MSG_DONTWAIT);
        (void)ignored;
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    lws_adopt_desc_t how = {.vh = http->vhost,
                            .type = LWS_ADOPT_RAW_FILE_DESC,
                            .fd = {.filefd = fd},
                            .vh_prot_name = "connection",
                            .opaque = conn};
    *slot = lws_adopt_descriptor_vhost_via_info(&how);
    if (!*slot) {
        erg_conn_free(conn);
        close(fd);
        return;
    }
    if (settle(http, *slot, conn))
        kill_soon(*slot);
}

/* Connections that others have queued, and answers that handlers have written. */
static void look_around(struct erg_http *http)
{
    int fds[ADOPTED_MAX];
    pthread_mutex_lock(&http->mutex);
    size_t count = http->adopted_count;
    memcpy(fds, http->adopted, count * sizeof *fds);
    http->adopted_count = 0;
    pthread_mutex_unlock(&http->mutex);
    for (size_t i = 0; i < count; i++)
        add_connection(http, fds[i]);
    for (size_t i = 0; i < SLOTS; i++) {
        struct erg_conn *conn = http->conns[i] ? lws_get_opaque_user_data(http->conns[i]) : NULL;
        if (!conn || conn->state != ERG_CONN_ANSWER)
            continue;
        erg_conn_on_writable(conn);
        if (settle(http, http->conns[i], conn))
            kill_soon(http->conns[i]);
    }
}

/* Without descriptors nobody can be taken in; a while later there may be some again. */
static void pause_listening(struct lws *wsi)
{
    lws_rx_flow_control(wsi, 0);
    lws_set_timer_usecs(wsi, PAUSE_MS * LWS_US_PER_MS);
}

static void accept_some(struct erg_http *http, struct lws *wsi)
{
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        int fd = erg_system_accept(lws_get_socket_fd(wsi));
        if (fd >= 0)
            add_connection(http, fd);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_listening(wsi);
            return;
        } /* else one that was reset before it was taken */
    }
}

static int on_listener(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t len)
{
    (void)user, (void)in, (void)len;
    struct erg_http *http = http_of(wsi);
    if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED && http->vhost)
        look_around(http);
    else if (reason == LWS_CALLBACK_RAW_RX_FILE)
        accept_some(http, wsi);
    else if (reason == LWS_CALLBACK_TIMER)
        lws_rx_flow_control(wsi, 1);
    return 0;
}

static void tick(lws_sorted_usec_list_t *sul);

static void ask_for_ticks(struct erg_http *http)
{
    http->ticks = http->client_count > 0 || http->is_closing;
    if (http->ticks)
        lws_sul_schedule(http->context, 0, &http->tick, tick, TICK_MS * LWS_US_PER_MS);
}

static void tick(lws_sorted_usec_list_t *sul)
{
    struct erg_http *http = lws_container_of(sul, struct erg_http, tick);
    const struct erg_ws_handler *handler = http->options.ws;
    for (size_t i = 0; i < http->client_count; i++) {
        struct ws_client *c = lws_wsi_user(http->clients[i]);
        int code = c->client && !c->close_code ? handler->tick(c->client, now_ns()) : 0;
        if (code) { /* a second to take the code in */
            c->close_code = code;
            lws_set_timeout(http->clients[i], PENDING_TIMEOUT_USER_REASON_BASE, 1);
        }
        lws_callback_on_writable(http->clients[i]);
    }
    ask_for_ticks(http);
}

static void open_client(struct erg_http *http, struct lws *wsi, struct ws_client *c)
{
    *c = (struct ws_client){0};
    if (http->client_count < ERG_MAX_WEBSOCKETS) {
        http->clients[http->client_count++] = wsi;
        c->client = http->options.ws->open(http->options.ws->user);
    }
    if (!c->client)
        c->close_code = NO_TIME_FOR_MORE;
    count_websockets(http);
    lws_callback_on_writable(wsi);
    if (!http->ticks)
        ask_for_ticks(http);
}

static void close_client(struct erg_http *http, struct lws *wsi, struct ws_client *c)
{
    for (size_t i = 0; i < http->client_count; i++) {
        if (http->clients[i] != wsi)
            continue;
        http->clients[i] = http->clients[--http->client_count];
        break;
    }
    if (c->client)
        http->options.ws->close(c->client);
    erg_buf_deinit(&c->in);
    erg_buf_deinit(&c->out);
    *c = (struct ws_client){0};
    count_websockets(http);
}

/* End the connection with a code; the return value of a callback. */
static int close_with(struct lws *wsi, struct ws_client *c, int code)
{
    c->close_code = code;
    lws_close_reason(wsi, (enum lws_close_status)code, NULL, 0);
    return -1;
}

/* More messages than any client has a reason for? */
static bool is_flooding(struct ws_client *c)
{
    int64_t now = now_ns();
    if (now - c->window_ns > RATE_WINDOW_S * 1000 * NS_PER_MS) {
        c->window_ns = now;
        c->messages = 0;
    }
    return ++c->messages > ERG_MAX_WS_MESSAGES;
}

/* A piece of a message; it is handed on when it is whole. */
static int receive_frame(struct erg_http *http, struct lws *wsi, struct ws_client *c,
                         const char *bytes, size_t len)
{
    if (c->close_code)
        return 0;
    if (lws_frame_is_binary(wsi))
        return close_with(wsi, c, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE);
    if (lws_is_first_fragment(wsi))
        erg_buf_clear(&c->in);
    if (len > ERG_MAX_WS_MESSAGE_BYTES - c->in.len)
        return close_with(wsi, c, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE);
    erg_buf_append(&c->in, bytes, len);
    if (erg_buf_status(&c->in))
        return close_with(wsi, c, NO_TIME_FOR_MORE);
    if (is_flooding(c))
        return close_with(wsi, c, LWS_CLOSE_STATUS_POLICY_VIOLATION);
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
        return 0;
    if (!erg_utf8_valid(erg_buf_view(&c->in), c->in.len))
        return close_with(wsi, c, LWS_CLOSE_STATUS_INVALID_PAYLOAD);
    int code = http->options.ws->message(c->client, erg_buf_view(&c->in), c->in.len);
    erg_buf_deinit(&c->in);
    if (code)
        return close_with(wsi, c, code);
    lws_callback_on_writable(wsi);
    return 0;
}

/* The client takes frames: give it what there is, but let others have their turn. */
static int send_frames(struct erg_http *http, struct lws *wsi, struct ws_client *c)
{
    static const char room[LWS_PRE] = {0};
    if (c->close_code)
        return close_with(wsi, c, c->close_code);
    for (int i = 0; i < FRAMES_AT_ONCE; i++) {
        if (lws_send_pipe_choked(wsi))
            break;
        erg_buf_clear(&c->out);
        erg_buf_append(&c->out, room, sizeof room);
        int code = http->options.ws->next(c->client, now_ns(), &c->out);
        if (code == 0)
            return 0;
        if (code != 1 || erg_buf_status(&c->out))
            return close_with(wsi, c, code != 1 ? code : NO_TIME_FOR_MORE);
        size_t len = c->out.len - sizeof room;
        if (lws_write(wsi, (unsigned char *)c->out.data + sizeof room, len, LWS_WRITE_TEXT) < 0)
            return -1;
    }
    lws_callback_on_writable(wsi);
    return 0;
}

static int on_websocket(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                        size_t len)
{
    struct erg_http *http = http_of(wsi);
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        open_client(http, wsi, user);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return receive_frame(http, wsi, user, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return send_frames(http, wsi, user);
    case LWS_CALLBACK_CLOSED:
        close_client(http, wsi, user);
        return 0;
    case LWS_CALLBACK_HTTP: /* no request of a client's comes here */
        return -1;
    default:
        return 0;
    }
}

/* The first is what a socket that is handed over becomes. */
static const struct lws_protocols protocols[] = {
    {.name = "websocket",
     .callback = on_websocket,
     .per_session_data_size = sizeof(struct ws_client),
     .rx_buffer_size = 4096},
    {.name = "connection", .callback = on_connection},
    {.name = "listener", .callback = on_listener},
    {.name = NULL},
};

static int open_context(struct erg_http *http, struct erg_err *err)
{
    struct lws_context_creation_info info = {
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
        .fd_limit_per_thread = DESCRIPTORS_MAX,
        .user = http,
    };
    lws_set_log_level(0, NULL); /* it writes to stderr, even when all is well */
    http->context = lws_create_context(&info);
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.vhost_name = "ergon";
    info.protocols = protocols;
    info.retry_and_idle_policy = &http->pings;
    http->vhost = http->context ? lws_create_vhost(http->context, &info) : NULL;
    return http->vhost ? 0 : erg_fail(err, ERG_NOMEM, "cannot start libwebsockets");
}

/* From now on the library closes the listening sockets. */
static int add_listeners(struct erg_http *http, int *fds, size_t count, struct erg_err *err)
{
    for (size_t i = 0; i < count; i++) {
        lws_sock_file_fd_type fd = {.filefd = fds[i]};
        http->listeners[i] =
            lws_adopt_descriptor_vhost(http->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, "listener", NULL);
        if (!http->listeners[i])
            return erg_fail(err, ERG_NOMEM, "cannot start libwebsockets");
        fds[i] = -1;
    }
    return 0;
}

static void wake(void *user)
{
    struct erg_http *http = user;
    lws_cancel_service(http->context);
}

static int init_guard(struct erg_http *http, struct erg_err *err)
{
    static const char digits[] = "0123456789abcdef";
    const struct erg_http_options *o = &http->options;
    unsigned char random[ERG_GUARD_SECRET_CHARS / 2];
    char secret[ERG_GUARD_SECRET_CHARS + 1];
    if (!erg_system_random(random, sizeof random))
        return erg_fail(err, ERG_IO, "the system has no random numbers yet");
    for (size_t i = 0; i < sizeof random; i++) {
        secret[2 * i] = digits[random[i] >> 4];
        secret[2 * i + 1] = digits[random[i] & 15];
    }
    secret[ERG_GUARD_SECRET_CHARS] = '\0';
    int rc = erg_guard_init(&http->env.guard, o->host, http->port, o->allowed_hosts,
                            o->allowed_host_count, o->token, secret, err);
    http->env.guard.ws_path = o->ws ? o->ws->path : NULL;
    return rc;
}

static int open_server(struct erg_http *http, int *fds, size_t count, struct erg_err *err)
{
    const struct erg_http_options *o = &http->options;
    int rc = init_guard(http, err);
    if (rc)
        return rc;
    rc = open_context(http, err);
    http->env.jobs = erg_jobs_new(ERG_MAX_HTTP_CONNECTIONS, o->handle, o->user, wake, http);
    if (rc == 0 && !http->env.jobs)
        rc = erg_fail(err, ERG_NOMEM, "out of memory");
    return rc ? rc : add_listeners(http, fds, count, err);
}

int erg_http_open_with(struct erg_http **out, const struct erg_http_options *options,
                       const struct erg_http_times *times, struct erg_err *err)
{
    int fds[ERG_LISTENERS_MAX] = {-1, -1};
    size_t count = 0;
    struct erg_http *http = erg_calloc(1, sizeof *http);
    if (!http)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    pthread_mutex_init(&http->mutex, NULL);
    http->options = *options;
    http->times = *times;
    http->pings.secs_since_valid_ping = times->ping_s;
    http->pings.secs_since_valid_hangup = times->hangup_s;
    http->env.times = &http->times;
    http->env.user = options->user;
    http->env.is_open = options->is_open;
    http->env.log = options->log;
    int rc = options->token || erg_guard_is_loopback(options->host)
                 ? erg_listen(options->host, options->port, fds, &count, &http->port, err)
                 : 0; /* the guard says why not */
    if (rc == 0)
        rc = open_server(http, fds, count, err);
    for (size_t i = 0; i < count; i++)
        erg_cleanup_fd(&fds[i]);
    if (rc)
        erg_http_close(http, 0);
    else
        *out = http;
    return rc;
}

int erg_http_open(struct erg_http **out, const struct erg_http_options *options,
                  struct erg_err *err)
{
    return erg_http_open_with(out, options, &erg_http_times_default, err);
}

int erg_http_port(const struct erg_http *http)
{
    return http->port;
}

int erg_http_serve(struct erg_http *http, struct erg_err *err)
{
    while (!__atomic_load_n(&http->is_stopped, __ATOMIC_ACQUIRE)) {
        if (lws_service(http->context, 0) < 0)
            return erg_fail(err, ERG_IO, "waiting for connections has failed");
    }
    return 0;
}

void erg_http_stop(struct erg_http *http)
{
    __atomic_store_n(&http->is_stopped, 1, __ATOMIC_RELEASE);
    lws_cancel_service(http->context);
}

int erg_http_adopt(struct erg_http *http, int fd, struct erg_err *err)
{
    pthread_mutex_lock(&http->mutex);
    bool has_room = http->adopted_count < ADOPTED_MAX;
    if (has_room)
        http->adopted[http->adopted_count++] = fd;
    pthread_mutex_unlock(&http->mutex);
    if (!has_room)
        return erg_fail(err, ERG_BUSY, "too many connections wait to be adopted");
    lws_cancel_service(http->context);
    return 0;
}

/* Say good-bye to everyone who is not being answered. */
static void begin_closing(struct erg_http *http)
{
    http->is_closing = true;
    for (size_t i = 0; i < ERG_LISTENERS_MAX; i++) {
        if (http->listeners[i])
            kill_soon(http->listeners[i]);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        struct erg_conn *conn = http->conns[i] ? lws_get_opaque_user_data(http->conns[i]) : NULL;
        if (conn && conn->state == ERG_CONN_ANSWER)
            conn->is_last = true;
        else if (conn)
            kill_soon(http->conns[i]);
    }
    for (size_t i = 0; i < http->client_count; i++) {
        struct ws_client *c = lws_wsi_user(http->clients[i]);
        c->close_code = GOING_AWAY;
        lws_callback_on_writable(http->clients[i]);
    }
    ask_for_ticks(http); /* so that waiting ends */
}

static bool is_busy(const struct erg_http *http)
{
    bool busy = http->client_count > 0 || erg_jobs_wait(http->env.jobs, 0) > 0;
    for (size_t i = 0; i < SLOTS; i++)
        busy |= http->conns[i] != NULL;
    return busy;
}

int erg_http_close(struct erg_http *http, int patience_ms)
{
    if (!http)
        return 0;
    size_t running = 0;
    int64_t deadline_ns = now_ns() + patience_ms * NS_PER_MS;
    if (http->vhost && patience_ms > 0)
        begin_closing(http);
    while (http->is_closing && is_busy(http) && now_ns() < deadline_ns) {
        if (lws_service(http->context, 0) < 0)
            break;
    }
    while (http->upgrades) {
        lws_sul_cancel(&http->upgrades->sul);
        close(http->upgrades->fd);
        drop_upgrade(http->upgrades);
    }
    if (http->context)
        lws_context_destroy(http->context);
    if (http->env.jobs) {
        running = erg_jobs_wait(http->env.jobs, 0);
        erg_jobs_free(http->env.jobs);
    }
    for (size_t i = 0; i < http->adopted_count; i++)
        close(http->adopted[i]);
    erg_guard_deinit(&http->env.guard);
    pthread_mutex_destroy(&http->mutex);
    free(http);
    return running ? ERG_BUSY : 0;
}
