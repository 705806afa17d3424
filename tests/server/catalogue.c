/* SPDX-License-Identifier: MIT */
#include "server/catalogue.h"

#include "server/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define HOST "Host: 127.0.0.1:%d\r\n"

void catalogue_is_alive(int port)
{
    assert_int_equal(ask_status(port, "GET /healthz HTTP/1.1\r\n" HOST "\r\n", port), 200);
}

/* A busy machine has not handled yet what clients that have gone asked for: 503 until then. */
static void becomes_alive(int port)
{
    const time_t deadline = time(NULL) + 30;
    int status;
    do {
        status = ask_status(port, "GET /healthz HTTP/1.1\r\n" HOST "\r\n", port);
    } while (status == 503 && time(NULL) < deadline);
    assert_int_equal(status, 200);
}

static void expect_status(const char *what, int status, int expected)
{
    if (status != expected)
        print_error("%s: status %d, expected %d\n", what, status, expected);
    assert_int_equal(status, expected);
}

void catalogue_hosts(int port)
{
    static const struct {
        const char *fields; /* %d is the port */
        int status;
    } rows[] = {
        {"Host: 127.0.0.1:%d\r\n", 200},
        {"Host: localhost:%d\r\n", 200},
        {"Host: LOCALHOST:%d\r\n", 200},
        {"Host: [::1]:%d\r\n", 200},
        {"", 400},
        {"Host:\r\n", 400},
        {"Host: 127.0.0.1:%d\r\nHost: 127.0.0.1:%d\r\n", 400},
        {"Host: evil.example\r\nHost: 127.0.0.1:%d\r\n", 400},
        {"Host: evil.example\r\n", 421},
        {"Host: evil.example:%d\r\n", 421},
        {"Host: 127.0.0.1.evil.com:%d\r\n", 421},
        {"Host: localhost.:%d\r\n", 421},
        {"Host: [::ffff:127.0.0.1]:%d\r\n", 421},
        {"Host: 0.0.0.0:%d\r\n", 421},
        {"Host: 0:%d\r\n", 421},
        {"Host: 2130706433:%d\r\n", 421},
        {"Host: 0177.0.0.1:%d\r\n", 421},
        {"Host: 127.0.0.1:1\r\n", 421},
        {"Host: 127.0.0.1\r\n", 421},
        {"Host: 127.0.0.1:%d, evil.example\r\n", 421},
        {"X-Forwarded-Host: 127.0.0.1:%d\r\nHost: evil.example\r\n", 421},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        char format[256], fields[256];
        snprintf(format, sizeof format, "%s", rows[i].fields);
        /* the port, as often as it is wanted */
        char *at;
        while ((at = strstr(format, "%d"))) {
            snprintf(fields, sizeof fields, "%.*s%d%s", (int)(at - format), format, port, at + 2);
            snprintf(format, sizeof format, "%s", fields);
        }
        expect_status(format, ask_status(port, "GET /healthz HTTP/1.1\r\n%s\r\n", format),
                      rows[i].status);
    }
    char *name = malloc(10001);
    memset(name, 'a', 10000);
    name[10000] = '\0';
    expect_status("a long Host",
                  ask_status(port, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", name), 421);
    free(name);
    expect_status(
        "another host in the target",
        ask_status(port, "GET http://evil.example/healthz HTTP/1.1\r\n" HOST "\r\n", port), 400);
}

static int write_status(int port, const char *method, const char *fields)
{
    return ask_status(port, "%s /api/profiling/run/1 HTTP/1.1\r\n" HOST "%s\r\n", method, port,
                      fields);
}

void catalogue_origins(int port, const char *ws_path)
{
    static const char *const methods[] = {"POST", "PATCH", "DELETE", "PUT", "OPTIONS"};
    static const char *const foreign[] = {
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Origin:\r\n",
        "Origin: http://127.0.0.1\r\n",
        "Origin: http://127.0.0.1:1\r\n",
        "Origin: http://localhost.evil:8000\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: none\r\n",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
    };
    for (size_t i = 0; i < ERG_COUNT(foreign); i++) {
        struct client client;
        for (size_t m = 0; m < ERG_COUNT(methods); m++)
            expect_status(foreign[i], write_status(port, methods[m], foreign[i]), 403);
        client_open(&client, port);
        assert_false(client_upgrade(&client, ws_path, port, foreign[i]));
        client_close(&client);
    }
    char own[64];
    snprintf(own, sizeof own, "Origin: http://127.0.0.1:%d\r\nSec-Fetch-Site: same-origin\r\n",
             port);
    assert_int_not_equal(write_status(port, "DELETE", own), 403);
    /* a form of another page, a script tag, and a question before a request of scripts */
    expect_status("a form",
                  ask_status(port,
                             "POST /api/profiling/generate HTTP/1.1\r\n" HOST
                             "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
                             port),
                  415);
    expect_status("a script tag",
                  ask_status(port,
                             "GET /healthz HTTP/1.1\r\n" HOST
                             "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n"
                             "Sec-Fetch-Dest: script\r\n\r\n",
                             port),
                  403);
    struct reply reply = ask(port,
                             "OPTIONS /api/profiling/runs HTTP/1.1\r\n" HOST
                             "Access-Control-Request-Method: DELETE\r\n%s\r\n",
                             port, own);
    assert_null(strstr(reply.head, "ccess-control"));
    assert_null(strstr(reply.head, "Access-Control"));
    reply_free(&reply);
}

/* Nothing outside what is served is ever found, and no spelling of '..' is followed. */
void catalogue_paths(int port)
{
    static const char *const paths[] = {
        "/../etc/passwd",
        "/..",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%252e%252e/etc/passwd",
        "/..%2fetc%2fpasswd",
        "/..%5cetc%5cpasswd",
        "/..\\etc\\passwd",
        "/assets/../../etc/passwd",
        "/assets/..%2f..%2fetc/passwd",
        "/assets/%00",
        "/index.html%00.js",
        "/%c0%ae%c0%ae/etc/passwd",
        "//etc/passwd",
        "/./etc/passwd",
        "/etc/passwd",
        "/assets",
        "/assets/",
        "/api/profiling/runs/../../etc/passwd",
        "/api/profiling/run/%2e%2e%2f1",
        "/;/healthz",
        "/healthz%20",
        "/healthz/",
        "/HEALTHZ",
        "/healthz;x",
        "/healthz%2f",
        "/healthz%3fx",
    };
    for (size_t i = 0; i < ERG_COUNT(paths); i++) {
        int status = ask_status(port, "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i], port);
        if (status != 400 && status != 404)
            print_error("%s: %d\n", paths[i], status);
        assert_true(status == 400 || status == 404);
    }
}

void catalogue_lengths(int port)
{
    static const struct {
        const char *length;
        int status;
    } rows[] = {
        {"-1", 400},
        {"+1", 400},
        {"0x2", 400},
        {"2 ", -1},
        {"2,2", 400},
        {"", 400},
        {"\t", 400},
        {"1e1", 400},
        {"00000002", 413},
        {"1048577", 413},
        {"4294967298", 413},
        {"18446744073709551618", 413},
        {"9223372036854775808", 413},
        {"99999999999999999999999999999999", 413},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        int status = ask_status(port,
                                "POST /nowhere HTTP/1.1\r\n" HOST
                                "Content-Type: application/json\r\nContent-Length: %s\r\n\r\n{}",
                                port, rows[i].length);
        if (rows[i].status > 0)
            expect_status(rows[i].length, status, rows[i].status);
        else
            assert_true(status == 404 || status == 405);
    }
}

/* Ways to make two readers see two different requests: all are answered once, and cut. */
void catalogue_smuggling(int port)
{
    static const char *const fields[] = {
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \x0b"
        "chunked\r\n",
        "Transfer-Encoding:chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "X: x\n Transfer-Encoding: chunked\r\n",
        "X: x\r\n Transfer-Encoding: chunked\r\n",
        "X: x\rTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding\r\n",
        "tRANSFER-eNCODING: CHUNKED\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4\r\nContent-Length: 4\r\n",
        "Content-Length: 4, 5\r\n",
        "Content-Length : 4\r\n",
        "Content-Length: 4\n\r\n",
        "Content_Length: 4\r\nContent-Length: 0x4\r\n",
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, "
        "HTTP2-Settings\r\n",
    };
    for (size_t i = 0; i < ERG_COUNT(fields); i++) {
        struct client client;
        char text[1024];
        snprintf(text, sizeof text,
                 "POST /healthz HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n%s\r\n"
                 "0\r\n\r\nGET /healthz?smuggled HTTP/1.1\r\n" HOST "\r\n",
                 port, fields[i], port);
        client_open(&client, port);
        client_puts(&client, text);
        struct reply reply = client_reply(&client, false);
        if (reply.status != 400 && reply.status != 501)
            print_error("%s: %d\n", fields[i], reply.status);
        assert_true(reply.status == 400 || reply.status == 501);
        assert_true(client_sees_end(&client));
        reply_free(&reply);
        client_close(&client);
    }
    catalogue_is_alive(port);
}

static void send_parts(int port, const char *head, const char *part, size_t count, int expected)
{
    struct client client;
    client_open(&client, port);
    bool sent = client_puts(&client, head);
    for (size_t i = 0; sent && i < count && client.in_len == 0; i++)
        sent = client_puts(&client, part);
    struct reply reply = client_reply(&client, false);
    expect_status(part, reply.status, expected);
    reply_free(&reply);
    client_close(&client);
}

/* Byte by byte is as good as at once; what is no HTTP, or has no end, is cut. */
void catalogue_parser(int port)
{
    struct client client;
    char text[256], long_name[1025];
    static const char *const rubbish[] = {
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /healthz\r\n",
        "GET /healthz\n\n",
        "\n",
        "\r\n\r\n\r\n",
        "\xff\xff\xff\xff\r\n\r\n",
        "GET /healthz HTTP/1.1\nHost: localhost\n\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/9.9\r\n\r\n",
    };
    snprintf(text, sizeof text, "GET /healthz HTTP/1.1\r\n" HOST "\r\n", port);
    client_open(&client, port);
    for (size_t i = 0; text[i]; i++)
        assert_true(client_send(&client, text + i, 1));
    struct reply reply = client_reply(&client, false);
    assert_int_equal(reply.status, 200);
    reply_free(&reply);
    client_close(&client);
    for (size_t i = 0; i < ERG_COUNT(rubbish); i++) {
        client_open(&client, port);
        client_puts(&client, rubbish[i]);
        client_end(&client);
        reply = client_reply(&client, false);
        assert_int_not_equal(reply.status, 200);
        assert_true(client_sees_end(&client));
        reply_free(&reply);
        client_close(&client);
    }
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    send_parts(port, "GET /", long_name, 1000, 414);
    send_parts(port, "GET / HTTP/1.1\r\nx: ", long_name, 1000, 431);
    send_parts(port, "GET / HTTP/1.1\r\n", "a:\r\n", 1000000, 431);
    send_parts(port, "GET / HTTP/1.1\r\n", "a: b\r\n", 1000000, 431);
    catalogue_is_alive(port);
}

/* Every beginning of a request with a body, and then nothing more, or a reset. */
void catalogue_truncation(int port)
{
    char text[256];
    snprintf(text, sizeof text,
             "POST /nowhere?a=b HTTP/1.1\r\n" HOST
             "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
             port);
    for (size_t len = 0; len < strlen(text); len++) {
        struct client client;
        client_open(&client, port);
        client_send(&client, text, len);
        client_end(&client);
        assert_true(client_sees_end(&client));
        client_close(&client);
        client_open(&client, port);
        client_send(&client, text, len);
        client_reset(&client);
    }
    catalogue_is_alive(port);
}

/* Hundreds of sockets that say nothing, or half of something, do not keep others out. */
void catalogue_crowds(int port)
{
    enum { CROWD = 500, ROUNDS = 200 };
    struct client *crowd = calloc(CROWD, sizeof *crowd);
    struct rlimit limit;
    assert_non_null(crowd);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2 * CROWD && limit.rlim_max >= 2 * CROWD) {
        limit.rlim_cur = 2 * CROWD;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    for (int i = 0; i < CROWD; i++) {
        client_open(&crowd[i], port);
        if (i % 2)
            client_puts(&crowd[i], "GET /healthz HTTP/1.1\r\nHost: ");
        if (i % 50 == 0)
            catalogue_is_alive(port);
    }
    for (int i = 0; i < 20; i++)
        catalogue_is_alive(port);
    for (int i = 0; i < CROWD; i++)
        client_reset(&crowd[i]);
    free(crowd);
    for (int i = 0; i < ROUNDS; i++) { /* gone before the answer */
        struct client client;
        char text[128];
        snprintf(text, sizeof text, "GET /healthz HTTP/1.1\r\n" HOST "\r\n", port);
        client_open(&client, port);
        client_puts(&client, text);
        client_reset(&client);
    }
    becomes_alive(port);
}

void catalogue_handshakes(int port, const char *ws_path)
{
    static const char key[] = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    static const struct {
        const char *fields;
        int status;
    } rows[] = {
        {"", 426},
        {"Upgrade: websocket\r\n", 426},
        {"Upgrade: websocket\r\nSec-WebSocket-Version: 12\r\n", 426},
        {"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", 400},
        {"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n", 400},
        {"Upgrade: h2c\r\nSec-WebSocket-Version: 13\r\nConnection: upgrade\r\n", 400},
        {"Upgrade: websocket2\r\nSec-WebSocket-Version: 13\r\nConnection: upgrade\r\n", 400},
        {"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: upgrade\r\n"
         "Content-Type: application/json\r\nContent-Length: 2\r\n",
         400},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++)
        expect_status(rows[i].fields,
                      ask_status(port, "GET %s HTTP/1.1\r\n" HOST "%s%s\r\n", ws_path, port, key,
                                 rows[i].fields),
                      rows[i].status);
    expect_status("no key",
                  ask_status(port,
                             "GET %s HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n"
                             "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
                             ws_path, port),
                  400);
    expect_status("POST",
                  ask_status(port,
                             "POST %s HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n%s"
                             "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
                             ws_path, port, key),
                  400);
    struct client client;
    client_open(&client, port);
    assert_false(client_upgrade(&client, "/nowhere", port, ""));
    client_close(&client);
    client_open(&client, port);
    assert_true(client_upgrade(&client, ws_path, port,
                               "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                               "Sec-WebSocket-Protocol: a, b\r\n"));
    client_close(&client);
}

static void open_websocket(struct client *client, int port, const char *ws_path)
{
    client_open(client, port);
    assert_true(client_upgrade(client, ws_path, port, ""));
}

/* Frames that end the connection, each with its code; -1 = whatever code, or none. */
void catalogue_frames(int port, const char *ws_path)
{
    static const struct {
        const char *bytes;
        size_t len;
        int code;
    } rows[] = {
        {"\x82\x81\0\0\0\0x", 7, 1003}, /* binary */
        {"\x83\x80\0\0\0\0", 6, 1002},  /* opcodes that do not exist */
        {"\x8b\x80\0\0\0\0", 6, 1002},  /* … of control frames */
        {"\xc1\x81\0\0\0\0x", 7, 1002}, /* bits of extensions */
        {"\x91\x81\0\0\0\0x", 7, 1002},
        {"\x80\x81\0\0\0\0x", 7, 1002},                       /* the rest of nothing */
        {"\x09\x80\0\0\0\0", 6, 1002},                        /* half a ping */
        {"\x89\xfe\0\x7e", 4, -1},                            /* a ping of more than 125 bytes */
        {"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10, -1}, /* more than 2^63 bytes */
        {"\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b", 14, 1002},     /* a message within a message */
        {"\x81\x81\0\0\0\0\xff", 7, 1007},                    /* no UTF-8 */
        {"\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0\x28", 14, 1007},
        {"\x88\x82\0\0\0\0\x03\xe8", 8, 1000}, /* a good-bye */
        {"\x88\x82\0\0\0\0\0\x01", 8, 1002},   /* with a code that is none */
        {"\x88\x80\0\0\0\0", 6, -1},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct client client;
        open_websocket(&client, port, ws_path);
        client_send(&client, rows[i].bytes, rows[i].len);
        int code = client_close_code(&client);
        if (rows[i].code >= 0 && code != rows[i].code)
            print_error("frame %zu: code %d, expected %d\n", i, code, rows[i].code);
        if (rows[i].code >= 0)
            assert_int_equal(code, rows[i].code);
        client_close(&client);
    }
    static const char unmasked[] = "\x81\x02{}";
    struct client client;
    open_websocket(&client, port, ws_path);
    client_send(&client, unmasked, sizeof unmasked - 1); /* libwebsockets 4.1 takes it */
    client_reset(&client);
    /* one byte more than a message may have, in one frame and in many */
    char *large = calloc(1, 65537);
    memset(large, 'x', 65537);
    open_websocket(&client, port, ws_path);
    client_frame(&client, 0x81, large, 65537);
    assert_int_equal(client_close_code(&client), 1009);
    client_close(&client);
    open_websocket(&client, port, ws_path);
    client_frame(&client, 0x01, large, 65536);
    client_frame(&client, 0x80, large, 1);
    assert_int_equal(client_close_code(&client), 1009);
    client_close(&client);
    free(large);
    /* more messages than anybody has a reason for */
    open_websocket(&client, port, ws_path);
    bool sent = true;
    for (int i = 0; i < 1000000 && sent && !client.has_ended; i++)
        sent = client_frame(&client, 0x81, "{}", 2);
    assert_true(client.has_ended || !sent || client_close_code(&client) == 1008);
    client_close(&client);
    catalogue_is_alive(port);
}
