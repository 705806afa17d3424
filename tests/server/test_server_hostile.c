/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "server/catalogue.h"
#include "server/client.h"
#include "server/rig.h"

#include "base/limits.h"
#include "base/system.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HOST "Host: 127.0.0.1:%d\r\n"
#define MS   INT64_C(1000000)

static struct rig rig;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&rig, NULL, NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static void test_hosts(void **state)
{
    (void)state;
    catalogue_hosts(rig.port);
}

static void test_origins(void **state)
{
    (void)state;
    catalogue_origins(rig.port, "/ws");
}

static void test_paths(void **state)
{
    (void)state;
    catalogue_paths(rig.port);
}

static void test_lengths(void **state)
{
    (void)state;
    catalogue_lengths(rig.port);
}

static void test_smuggling(void **state)
{
    (void)state;
    catalogue_smuggling(rig.port);
}

static void test_parser(void **state)
{
    (void)state;
    catalogue_parser(rig.port);
}

static void test_truncation(void **state)
{
    (void)state;
    catalogue_truncation(rig.port);
}

static void test_crowds(void **state)
{
    (void)state;
    catalogue_crowds(rig.port);
}

static void test_handshakes(void **state)
{
    (void)state;
    catalogue_handshakes(rig.port, "/ws");
}

static void test_frames(void **state)
{
    (void)state;
    catalogue_frames(rig.port, "/ws");
    rig_await(&rig, &rig.clients, 0);
}

/* A server whose patience a test can wait for. */
static void open_hasty(struct rig *hasty)
{
    struct erg_http_times times = erg_http_times_default;
    times.receive_ns = 300 * MS;
    times.idle_ns = 300 * MS;
    times.stall_ns = 300 * MS;
    times.linger_ns = 100 * MS;
    times.ping_s = 1;
    times.hangup_s = 2;
    rig_open(hasty, NULL, &times);
}

/* A byte each millisecond until the server says something; its status. */
static int trickle(int port, const char *beginning)
{
    struct client client;
    client_open(&client, port);
    client_puts(&client, beginning);
    struct pollfd poll_fd = {.fd = client.fd, .events = POLLIN};
    int count = 0;
    while (poll(&poll_fd, 1, 1) == 0 && client_puts(&client, "a"))
        count++;
    assert_true(count > 0);
    struct reply reply = client_reply(&client, false);
    int status = reply.status;
    reply_free(&reply);
    assert_true(client_sees_end(&client));
    client_close(&client);
    return status;
}

/* A request has a deadline as a whole, which bytes that trickle in do not put off. */
static void test_slow_request(void **state)
{
    (void)state;
    struct rig hasty;
    char body[256];
    open_hasty(&hasty);
    snprintf(body, sizeof body,
             "POST /echo HTTP/1.1\r\n" HOST
             "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n",
             hasty.port);
    assert_int_equal(trickle(hasty.port, "GE"), 408);
    assert_int_equal(trickle(hasty.port, "GET /echo HTTP/1.1\r\nx: "), 408);
    assert_int_equal(trickle(hasty.port, body), 408);
    rig_close(&hasty);
}

/* Connections that say nothing end without a word, before the first request and after one. */
static void test_idle(void **state)
{
    (void)state;
    struct rig hasty;
    struct client client;
    char text[128];
    open_hasty(&hasty);
    client_open(&client, hasty.port);
    assert_true(client_sees_end(&client));
    client_close(&client);
    client_open(&client, hasty.port);
    snprintf(text, sizeof text, "GET /echo HTTP/1.1\r\n" HOST "\r\n", hasty.port);
    client_puts(&client, text);
    struct reply reply = client_reply(&client, false);
    assert_int_equal(reply.status, 200);
    reply_free(&reply);
    assert_true(client_sees_end(&client));
    client_close(&client);
    rig_close(&hasty);
}

/* Who asks for much and takes nothing is cut off; the handler learns it, others do not notice. */
static void test_slow_reader(void **state)
{
    (void)state;
    enum { READERS = 10 };
    struct rig hasty;
    struct client clients[READERS];
    char text[128];
    open_hasty(&hasty);
    snprintf(text, sizeof text, "GET /bytes?1000000000 HTTP/1.1\r\n" HOST "\r\n", hasty.port);
    for (int i = 0; i < READERS; i++) {
        client_open(&clients[i], hasty.port);
        client_puts(&clients[i], text);
    }
    catalogue_is_alive(hasty.port);
    rig_await(&hasty, &hasty.gone, READERS);
    for (int i = 0; i < READERS; i++)
        client_close(&clients[i]);
    rig_close(&hasty);
}

/* A request that waits is not one that is slow. */
static void test_waiting_is_exempt(void **state)
{
    (void)state;
    struct rig hasty;
    struct client waiting, idle;
    char text[128];
    open_hasty(&hasty);
    client_open(&waiting, hasty.port);
    snprintf(text, sizeof text, "GET /wait HTTP/1.1\r\n" HOST "\r\n", hasty.port);
    client_puts(&waiting, text);
    rig_await(&hasty, &hasty.waiting, 1);
    for (int i = 0; i < 4; i++) { /* each lasts as long as a request may */
        client_open(&idle, hasty.port);
        assert_true(client_sees_end(&idle));
        client_close(&idle);
    }
    rig_release(&hasty);
    struct reply reply = client_reply(&waiting, false);
    assert_int_equal(reply.status, 204);
    reply_free(&reply);
    client_close(&waiting);
    rig_close(&hasty);
}

/* As many requests as there are threads for them; one more is told to come back. */
static void test_many_requests(void **state)
{
    (void)state;
    struct rig full;
    struct client clients[ERG_MAX_HTTP_CONNECTIONS];
    char text[128];
    rig_open(&full, NULL, NULL);
    snprintf(text, sizeof text, "GET /wait HTTP/1.1\r\n" HOST "\r\n", full.port);
    for (size_t i = 0; i < ERG_COUNT(clients); i++) {
        client_open(&clients[i], full.port);
        client_puts(&clients[i], text);
    }
    rig_await(&full, &full.waiting, ERG_MAX_HTTP_CONNECTIONS);
    assert_int_equal(ask_status(full.port, "GET /echo HTTP/1.1\r\n" HOST "\r\n", full.port), 503);
    client_reset(&clients[0]); /* its request goes on, so there is no thread free yet */
    struct reply reply;
    do {
        reply = ask(full.port, "GET /echo HTTP/1.1\r\n" HOST "\r\n", full.port);
        assert_int_equal(reply.status, 503);
        bool has_connection = reply.body_len > 0;
        reply_free(&reply);
        if (has_connection)
            break;
    } while (true);
    rig_release(&full);
    for (size_t i = 1; i < ERG_COUNT(clients); i++) {
        reply = client_reply(&clients[i], false);
        assert_int_equal(reply.status, 204);
        reply_free(&reply);
        client_close(&clients[i]);
    }
    rig_await(&full, &full.finished, ERG_MAX_HTTP_CONNECTIONS);
    catalogue_is_alive(full.port);
    rig_close(&full);
}

static void test_many_websockets(void **state)
{
    (void)state;
    struct client clients[ERG_MAX_WEBSOCKETS], more;
    for (size_t i = 0; i < ERG_COUNT(clients); i++) {
        client_open(&clients[i], rig.port);
        assert_true(client_upgrade(&clients[i], "/ws", rig.port, ""));
    }
    rig_await(&rig, &rig.clients, ERG_MAX_WEBSOCKETS);
    client_open(&more, rig.port);
    assert_false(client_upgrade(&more, "/ws", rig.port, ""));
    client_close(&more);
    for (size_t i = 0; i < ERG_COUNT(clients); i++) {
        client_frame(&clients[i], 0x81, "hello", 5);
        struct frame frame = client_next_frame(&clients[i]);
        assert_int_equal(frame.first_byte, 0x81);
        assert_string_equal(frame.payload, "hello");
        free(frame.payload);
        client_close(&clients[i]);
    }
    rig_await(&rig, &rig.clients, 0);
    client_open(&more, rig.port);
    assert_true(client_upgrade(&more, "/ws", rig.port, ""));
    client_close(&more);
    rig_await(&rig, &rig.clients, 0);
}

/*
 * WebSockets of clients that take nothing cost one frame each, of the 160 GB on offer here, and end
 * when no pong comes. (Sanitizers keep freed memory for a while.)
 */
static void test_websockets_unread(void **state)
{
    (void)state;
    enum { READERS = 20 };
    struct rig hasty;
    struct client clients[READERS];
    open_hasty(&hasty);
    uint64_t before = erg_system_process_rss_bytes(getpid());
    for (int i = 0; i < READERS; i++) {
        client_open(&clients[i], hasty.port);
        assert_true(client_upgrade(&clients[i], "/ws", hasty.port, ""));
        client_frame(&clients[i], 0x81, "flood 1000000", 13);
    }
    catalogue_is_alive(hasty.port);
    rig_await(&hasty, &hasty.clients, READERS);
    rig_await(&hasty, &hasty.clients, 0);
    uint64_t after = erg_system_process_rss_bytes(getpid());
    assert_true(after < before + UINT64_C(400000000));
    for (int i = 0; i < READERS; i++)
        client_close(&clients[i]);
    rig_close(&hasty);
}

/* Who answers pings stays; a message in pieces with pings between is one message. */
static void test_websocket_life(void **state)
{
    (void)state;
    struct rig hasty;
    struct client client;
    open_hasty(&hasty);
    client_open(&client, hasty.port);
    assert_true(client_upgrade(&client, "/ws", hasty.port, ""));
    for (int pings = 0; pings < 4;) {
        struct frame frame = client_next_frame(&client);
        assert_int_equal(frame.first_byte, 0x89);
        client_frame(&client, 0x8a, frame.payload, frame.len);
        free(frame.payload);
        pings++;
    }
    client_frame(&client, 0x01, "gr\xC3", 3);
    client_frame(&client, 0x89, "ping", 4);
    client_frame(&client, 0x80, "\xBC\xC3\x9F", 3);
    bool pong = false, text = false;
    while (!pong || !text) {
        struct frame frame = client_next_frame(&client);
        assert_true(frame.first_byte >= 0);
        if (frame.first_byte == 0x8a) {
            assert_string_equal(frame.payload, "ping");
            pong = true;
        } else if (frame.first_byte == 0x81) {
            assert_string_equal(frame.payload, "gr\xC3\xBC\xC3\x9F");
            text = true;
        }
        free(frame.payload);
    }
    client_close(&client);
    rig_close(&hasty);
}

/* Codes the handler ends connections with, from a message and from a tick, and at the very end. */
static void test_websocket_codes(void **state)
{
    (void)state;
    struct rig own;
    struct client client, last;
    rig_open(&own, NULL, NULL);
    client_open(&client, own.port);
    assert_true(client_upgrade(&client, "/ws", own.port, ""));
    client_frame(&client, 0x81, "close 4001", 10);
    assert_int_equal(client_close_code(&client), 4001);
    client_close(&client);
    client_open(&client, own.port);
    assert_true(client_upgrade(&client, "/ws", own.port, ""));
    client_frame(&client, 0x81, "tick 4008", 9);
    assert_int_equal(client_close_code(&client), 4008);
    client_close(&client);
    client_open(&last, own.port);
    assert_true(client_upgrade(&last, "/ws", own.port, ""));
    rig_await(&own, &own.clients, 1);
    rig_close(&own);
    assert_int_equal(client_close_code(&last), 1001);
    client_close(&last);
}

#define TOKEN "very-secret-0123456789"

static void test_token(void **state)
{
    (void)state;
    static const struct erg_http_options options = {.token = TOKEN};
    static const char bearer[] = "Authorization: Bearer " TOKEN "\r\n";
    struct rig guarded, restarted;
    struct client client;
    char cookie[256];
    rig_open(&guarded, &options, NULL);
    int port = guarded.port;
    struct reply reply = ask(port, "GET /echo HTTP/1.1\r\n" HOST "\r\n", port);
    assert_int_equal(reply.status, 401);
    assert_string_equal(reply_field(&reply, "www-authenticate"), "Bearer");
    reply_free(&reply);
    assert_int_equal(ask_status(port, "GET /nowhere HTTP/1.1\r\n" HOST "\r\n", port), 401);
    assert_int_equal(ask_status(port, "GET /open HTTP/1.1\r\n" HOST "\r\n", port), 200);
    assert_int_equal(ask_status(port, "GET /echo?token=" TOKEN " HTTP/1.1\r\n" HOST "\r\n", port),
                     401);
    assert_int_equal(ask_status(port, "GET /echo HTTP/1.1\r\n" HOST "%s\r\n", port, bearer), 200);
    assert_int_equal(ask_status(port, "POST /session HTTP/1.1\r\n" HOST "\r\n", port), 401);
    reply = ask(port, "POST /session HTTP/1.1\r\n" HOST "%s\r\n", port, bearer);
    assert_int_equal(reply.status, 204);
    const char *set = reply_field(&reply, "set-cookie");
    assert_non_null(set);
    assert_non_null(strstr(set, "; HttpOnly; SameSite=Strict; Path=/"));
    assert_null(strstr(set, TOKEN));
    snprintf(cookie, sizeof cookie, "Cookie: %.*s\r\n", (int)strcspn(set, ";"), set);
    reply_free(&reply);
    assert_int_equal(ask_status(port, "GET /echo HTTP/1.1\r\n" HOST "%s\r\n", port, cookie), 200);
    client_open(&client, port);
    assert_false(client_upgrade(&client, "/ws", port, ""));
    client_close(&client);
    client_open(&client, port);
    assert_true(client_upgrade(&client, "/ws", port, cookie));
    client_close(&client);
    rig_close(&guarded);
    assert_null(strstr(guarded.log, TOKEN));
    assert_null(strstr(guarded.log, strchr(cookie, '=') + 1));

    struct erg_http_options again = options; /* the same name of the cookie, another start */
    again.port = port;
    rig_open(&restarted, &again, NULL);
    assert_int_equal(ask_status(port, "GET /echo HTTP/1.1\r\n" HOST "%s\r\n", port, cookie), 401);
    rig_close(&restarted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_smuggling),
        cmocka_unit_test(test_parser),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_crowds),
        cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_slow_request),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_waiting_is_exempt),
        cmocka_unit_test(test_many_requests),
        cmocka_unit_test(test_many_websockets),
        cmocka_unit_test(test_websockets_unread),
        cmocka_unit_test(test_websocket_life),
        cmocka_unit_test(test_websocket_codes),
        cmocka_unit_test(test_token),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
