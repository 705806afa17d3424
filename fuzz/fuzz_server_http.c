/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "base/system.h"
#include "base/utf8.h"
#include "server/http_internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* then libwebsockets has switched SIGPIPE off */
#endif

/*
 * A connection to a whole server, over a socket pair. The first byte of the input says how the rest
 * is sent: as it is, cut in two, or as frames of a WebSocket that has been opened before.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What comes to a handler has passed the guard: Host is checked by asking for one of ours. */
static void handle(void *user, struct erg_exchange *x)
{
    const struct erg_request *r = &x->request;
    char piece[1000];
    (void)user;
    require(r->path[0] == '/' && erg_utf8_valid(r->path, strlen(r->path)));
    require(!strstr(r->path, "/../"));
    require(r->body_len <= ERG_MAX_REQUEST_BODY_BYTES && r->body[r->body_len] == '\0');
    if (strcmp(r->path, "/silent") == 0)
        return;
    if (strcmp(r->path, "/healthz") == 0) {
        erg_exchange_empty(x, 204);
        return;
    }
    memset(piece, 'x', sizeof piece);
    erg_exchange_begin(x, 200, "text/plain", NULL, 0);
    for (int i = 0; i < 3; i++)
        erg_exchange_write(x, piece, sizeof piece);
    if (strcmp(r->path, "/cut") == 0)
        x->is_cut = true;
}

struct echo {
    struct erg_buf text;
    bool has_text;
};

static void *open_client(void *user)
{
    (void)user;
    return calloc(1, sizeof(struct echo));
}

static int on_message(void *client, const char *text, size_t len)
{
    struct echo *echo = client;
    require(len <= ERG_MAX_WS_MESSAGE_BYTES && text[len] == '\0' && erg_utf8_valid(text, len));
    erg_buf_clear(&echo->text);
    erg_buf_append(&echo->text, text, len);
    echo->has_text = true;
    return len > 0 && text[0] == '!' ? 4000 : 0;
}

static int next_frame(void *client, int64_t now_ns, struct erg_buf *out)
{
    struct echo *echo = client;
    (void)now_ns;
    if (!echo->has_text)
        return 0;
    erg_buf_append(out, erg_buf_view(&echo->text), echo->text.len);
    echo->has_text = false;
    return 1;
}

static int on_tick(void *client, int64_t now_ns)
{
    (void)client, (void)now_ns;
    return 0;
}

static void close_client(void *client)
{
    struct echo *echo = client;
    erg_buf_deinit(&echo->text);
    free(echo);
}

static void *serve(void *http)
{
    require(erg_http_serve(http, NULL) == 0);
    return NULL;
}

static struct erg_http *server(void)
{
    static const char *const allowed[] = {"fuzz"};
    static const struct erg_ws_handler ws = {.path = "/ws",
                                             .open = open_client,
                                             .message = on_message,
                                             .next = next_frame,
                                             .tick = on_tick,
                                             .close = close_client};
    static const struct erg_http_options options = {.host = "localhost",
                                                    .allowed_hosts = allowed,
                                                    .allowed_host_count = 1,
                                                    .handle = handle,
                                                    .ws = &ws};
    static struct erg_http *http;
    pthread_t thread;
    if (!http) {
        require(erg_http_open(&http, &options, NULL) == 0);
        require(pthread_create(&thread, NULL, serve, http) == 0);
        pthread_detach(thread);
    }
    return http;
}

/* What the server has sent must be HTTP, or behind a 101 frames, and allows no other origin. */
static void check_answer(const char *text, size_t len)
{
    if (len == 0)
        return;
    require(len >= 12 && memcmp(text, "HTTP/1.1 ", 9) == 0);
    require(!strstr(text, "Access-Control") && !strstr(text, "access-control"));
    if (memcmp(text + 9, "101", 3) != 0 && memcmp(text + 9, "100", 3) != 0)
        require(strstr(text, "x-content-type-options: nosniff\r\n") != NULL);
}

/* Send everything, or as much as is taken, and read until the end. */
static void talk(int fd, const char *bytes, size_t size, size_t first)
{
    static char answer[1 << 20];
    size_t sent = 0, len = 0;
    bool reads = true;
    while (reads) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        size_t until = sent < first ? first : size;
        if (sent < size)
            poll_fd.events |= POLLOUT;
        int ready = poll(&poll_fd, 1, 20000);
        require(ready == 1 || (ready < 0 && errno == EINTR));
        if (ready < 0) /* libFuzzer's own alarm */
            continue;
        if (poll_fd.revents & POLLIN) {
            ssize_t n = recv(fd, answer + len, sizeof answer - 1 - len, MSG_DONTWAIT);
            reads = n > 0 && len + (size_t)n < sizeof answer - 1;
            len += n > 0 ? (size_t)n : 0;
        } else if (poll_fd.revents & (POLLHUP | POLLERR)) {
            reads = false;
        }
        if (reads && poll_fd.revents & POLLOUT) {
            ssize_t n = send(fd, bytes + sent, until - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            sent = n < 0 ? size : sent + (size_t)n;
            if (sent >= size)
                shutdown(fd, SHUT_WR);
        }
    }
    answer[len] = '\0';
    check_answer(answer, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char handshake[] = "GET /ws HTTP/1.1\r\nHost: fuzz\r\nConnection: Upgrade\r\n"
                                    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    int fds[2];
    struct erg_buf text = {0};
    if (size == 0)
        return 0;
    size_t head = data[0] & 2 ? sizeof handshake - 1 : 0;
    erg_buf_append(&text, handshake, head);
    erg_buf_append(&text, data + 1, size - 1);
    require(erg_system_socketpair(fds) == 0);
    if (text.len == 0)
        shutdown(fds[0], SHUT_WR);
    require(erg_http_adopt(server(), fds[1], NULL) == 0);
    talk(fds[0], erg_buf_view(&text), text.len, data[0] & 1 ? head + (size - 1) / 2 : text.len);
    close(fds[0]);
    erg_buf_deinit(&text);
    return 0;
}
