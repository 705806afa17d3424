/* SPDX-License-Identifier: MIT */
#include "server/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { PATIENCE_MS = 30000 };

void client_attach(struct client *client, int fd)
{
#ifdef SO_NOSIGPIPE
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
    *client = (struct client){.fd = fd, .in = calloc(1, 1)};
}

void client_open(struct client *client, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client_attach(client, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_true(client->fd >= 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof address), 0);
}

void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    free(client->in);
    *client = (struct client){.fd = -1};
}

void client_reset(struct client *client)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    client_close(client);
}

void client_end(struct client *client)
{
    shutdown(client->fd, SHUT_WR);
}

static void wait_for(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    int n;
    do {
        n = poll(&poll_fd, 1, PATIENCE_MS);
    } while (n < 0 && errno == EINTR);
    if (n != 1)
        print_error("the server is silent\n");
    assert_int_equal(n, 1);
}

bool client_receive(struct client *client)
{
    static const size_t piece = 65536;
    if (client->has_ended)
        return false;
    client->in = realloc(client->in, client->in_len + piece + 1);
    assert_non_null(client->in);
    wait_for(client->fd, POLLIN);
    ssize_t n = recv(client->fd, client->in + client->in_len, piece, MSG_DONTWAIT);
    if (n <= 0) { /* a reset is an end too */
        client->has_ended = true;
        return false;
    }
    client->in_len += (size_t)n;
    client->in[client->in_len] = '\0';
    return true;
}

/* What the server sends meanwhile is taken in, so that neither waits for the other. */
bool client_send(struct client *client, const void *bytes, size_t len)
{
    const char *next = bytes;
    while (len) {
        struct pollfd poll_fd = {.fd = client->fd, .events = POLLOUT};
        if (!client->has_ended)
            poll_fd.events |= POLLIN;
        assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
        if (poll_fd.revents & POLLIN)
            client_receive(client);
        if (!(poll_fd.revents & (POLLOUT | POLLERR | POLLHUP)))
            continue;
        ssize_t n = send(client->fd, next, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            return false;
        next += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool client_puts(struct client *client, const char *text)
{
    return client_send(client, text, strlen(text));
}

static void consume(struct client *client, size_t len)
{
    client->in_len -= len;
    memmove(client->in, client->in + len, client->in_len + 1);
}

/* The first `len` bytes of what has been received, NUL-terminated. */
static char *take(struct client *client, size_t len)
{
    char *bytes = malloc(len + 1);
    assert_non_null(bytes);
    memcpy(bytes, client->in, len);
    bytes[len] = '\0';
    consume(client, len);
    return bytes;
}

static bool has(struct client *client, size_t len)
{
    while (client->in_len < len) {
        if (!client_receive(client))
            return false;
    }
    return true;
}

/* Length of the next line with its CR LF; 0 when the connection ends before. */
static size_t line_length(struct client *client)
{
    for (;;) {
        char *end = strstr(client->in, "\r\n");
        if (end)
            return (size_t)(end - client->in) + 2;
        if (!client_receive(client))
            return 0;
    }
}

const char *reply_field(const struct reply *reply, const char *name)
{
    static char values[8][1024];
    static unsigned next;
    size_t len = strlen(name);
    for (const char *line = strstr(reply->head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        char *value = values[next++ % 8];
        const char *text = line + len + 1 + strspn(line + len + 1, " ");
        snprintf(value, sizeof values[0], "%.*s", (int)strcspn(text, "\r"), text);
        return value;
    }
    return NULL;
}

static void append(struct reply *reply, struct client *client, size_t len)
{
    reply->body = realloc(reply->body, reply->body_len + len + 1);
    assert_non_null(reply->body);
    memcpy(reply->body + reply->body_len, client->in, len);
    reply->body_len += len;
    reply->body[reply->body_len] = '\0';
    consume(client, len);
}

static void read_chunks(struct client *client, struct reply *reply)
{
    for (;;) {
        size_t line = line_length(client), size = 0;
        if (!line || sscanf(client->in, "%zx\r", &size) != 1 || !has(client, line + size + 2))
            return;
        consume(client, line);
        append(reply, client, size);
        assert_memory_equal(client->in, "\r\n", 2);
        consume(client, 2);
        if (size == 0) {
            reply->is_whole = true;
            return;
        }
    }
}

static void read_body(struct client *client, struct reply *reply)
{
    size_t len = 0;
    const char *length = reply_field(reply, "content-length");
    if (reply_field(reply, "transfer-encoding")) {
        read_chunks(client, reply);
        return;
    }
    if (length) {
        assert_int_equal(sscanf(length, "%zu", &len), 1);
        reply->is_whole = has(client, len);
        append(reply, client, reply->is_whole ? len : client->in_len);
        return;
    }
    while (client_receive(client))
        ;
    append(reply, client, client->in_len);
    reply->is_whole = true;
}

struct reply client_reply(struct client *client, bool is_head)
{
    struct reply reply = {.head = NULL};
    char *end;
    while (!(end = strstr(client->in, "\r\n\r\n"))) {
        if (!client_receive(client))
            return (struct reply){.head = calloc(1, 1), .body = calloc(1, 1)};
    }
    reply.head = take(client, (size_t)(end - client->in) + 4);
    reply.body = calloc(1, 1);
    assert_int_equal(sscanf(reply.head, "HTTP/1.1 %3d ", &reply.status), 1);
    if (is_head || reply.status < 200 || reply.status == 204 || reply.status == 304)
        reply.is_whole = true;
    else
        read_body(client, &reply);
    return reply;
}

void reply_free(struct reply *reply)
{
    free(reply->head);
    free(reply->body);
    *reply = (struct reply){0};
}

static struct reply ask_list(int port, const char *format, va_list list)
{
    struct client client;
    char *text = NULL;
    va_list copy;
    va_copy(copy, list);
    int len = vsnprintf(NULL, 0, format, copy);
    va_end(copy);
    text = malloc((size_t)len + 1);
    assert_non_null(text);
    vsnprintf(text, (size_t)len + 1, format, list);
    client_open(&client, port);
    client_puts(&client, text);
    struct reply reply = client_reply(&client, strncmp(text, "HEAD ", 5) == 0);
    client_close(&client);
    free(text);
    return reply;
}

struct reply ask(int port, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    struct reply reply = ask_list(port, format, list);
    va_end(list);
    return reply;
}

int ask_status(int port, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    struct reply reply = ask_list(port, format, list);
    va_end(list);
    int status = reply.status;
    reply_free(&reply);
    return status;
}

bool client_sees_end(struct client *client)
{
    while (client_receive(client))
        ;
    return client->in_len == 0;
}

bool client_upgrade(struct client *client, const char *path, int port, const char *fields)
{
    char text[2048];
    snprintf(text, sizeof text,
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: keep-alive, Upgrade\r\n"
             "Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
             path, port, fields);
    client_puts(client, text);
    struct reply reply = client_reply(client, false);
    bool is_open = reply.status == 101;
    if (is_open) /* the sample of RFC 6455 */
        assert_string_equal(reply_field(&reply, "sec-websocket-accept"),
                            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    reply_free(&reply);
    return is_open;
}

bool client_frame(struct client *client, int first_byte, const void *payload, size_t len)
{
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    unsigned char *frame = malloc(len + 14);
    size_t at = 0;
    assert_non_null(frame);
    frame[at++] = (unsigned char)first_byte;
    if (len < 126) {
        frame[at++] = (unsigned char)(0x80 | len);
    } else if (len < 65536) {
        frame[at++] = 0x80 | 126;
        frame[at++] = (unsigned char)(len >> 8);
        frame[at++] = (unsigned char)len;
    } else {
        frame[at++] = 0x80 | 127;
        for (int i = 7; i >= 0; i--)
            frame[at++] = (unsigned char)((uint64_t)len >> (8 * i));
    }
    memcpy(frame + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < len; i++)
        frame[at + i] = ((const unsigned char *)payload)[i] ^ mask[i % 4];
    bool sent = client_send(client, frame, at + len);
    free(frame);
    return sent;
}

struct frame client_next_frame(struct client *client)
{
    struct frame none = {.first_byte = -1};
    size_t head = 2;
    if (!has(client, 2))
        return none;
    const unsigned char *in = (const unsigned char *)client->in;
    size_t len = in[1]; /* a server does not mask */
    assert_true(len <= 127);
    head += len == 126 ? 2 : len == 127 ? 8 : 0;
    if (!has(client, head))
        return none;
    in = (const unsigned char *)client->in;
    if (head > 2)
        len = 0;
    for (size_t i = 2; i < head; i++)
        len = len << 8 | in[i];
    if (!has(client, head + len))
        return none;
    struct frame frame = {.first_byte = (unsigned char)client->in[0], .len = len};
    consume(client, head);
    frame.payload = take(client, len);
    return frame;
}

int client_close_code(struct client *client)
{
    for (;;) {
        struct frame frame = client_next_frame(client);
        int code = 0, first_byte = frame.first_byte;
        if (first_byte == 0x88 && frame.len >= 2)
            code = (unsigned char)frame.payload[0] << 8 | (unsigned char)frame.payload[1];
        free(frame.payload);
        if (first_byte < 0 || first_byte == 0x88)
            return code;
    }
}
