/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "server/client.h"
#include "server/rig.h"

#include "base/system.h"

#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOST "Host: 127.0.0.1:%d\r\n"

static json_t *echo_of(const struct reply *reply)
{
    assert_int_equal(reply->status, 200);
    assert_true(reply->is_whole);
    json_t *json = json_loadb(reply->body, reply->body_len, 0, NULL);
    assert_non_null(json);
    return json;
}

static const char *text_at(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text ? text : "";
}

/* What a handler sees of a request, and that every answer carries what protects it. */
static void test_request(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL, NULL);
    struct reply reply = ask(rig.port,
                             "POST /echo?a=1%%26;b+c HTTP/1.1\r\n" HOST
                             "Content-Type: application/json; charset=utf-8\r\n"
                             "Content-Length: 7\r\n\r\n{\"a\":1}",
                             rig.port);
    json_t *echo = echo_of(&reply);
    assert_string_equal(text_at(echo, "method"), "POST");
    assert_string_equal(text_at(echo, "path"), "/echo");
    assert_string_equal(text_at(echo, "query"), "a=1%26;b+c");
    assert_string_equal(text_at(echo, "content_type"), "application/json; charset=utf-8");
    assert_string_equal(text_at(echo, "body"), "{\"a\":1}");
    json_decref(echo);
    assert_string_equal(reply_field(&reply, "x-content-type-options"), "nosniff");
    assert_string_equal(reply_field(&reply, "referrer-policy"), "no-referrer");
    assert_string_equal(reply_field(&reply, "cross-origin-resource-policy"), "same-origin");
    assert_string_equal(reply_field(&reply, "cross-origin-opener-policy"),
                        "same-origin-allow-popups");
    assert_string_equal(reply_field(&reply, "cache-control"), "no-store");
    assert_non_null(strstr(reply_field(&reply, "content-security-policy"), "default-src 'none'"));
    assert_non_null(reply_field(&reply, "date"));
    assert_null(strstr(reply.head, "ccess-control"));
    reply_free(&reply);
    rig_close(&rig);
}

/* One connection, many requests, with bodies and without, one after the other and all at once. */
static void test_keep_alive(void **state)
{
    (void)state;
    struct rig rig;
    struct client client;
    char text[512];
    rig_open(&rig, NULL, NULL);
    client_open(&client, rig.port);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "GET /echo?%d HTTP/1.1\r\n" HOST "\r\n", i, rig.port);
        client_puts(&client, text);
        struct reply reply = client_reply(&client, false);
        json_t *echo = echo_of(&reply);
        char query[16];
        snprintf(query, sizeof query, "%d", i);
        assert_string_equal(text_at(echo, "query"), query);
        json_decref(echo);
        reply_free(&reply);
    }
    client_close(&client);
    rig_close(&rig);
}

static void test_pipelining(void **state)
{
    (void)state;
    enum { REQUESTS = 1000 };
    struct rig rig;
    struct client client;
    rig_open(&rig, NULL, NULL);
    client_open(&client, rig.port);
    for (int i = 0; i < REQUESTS; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "POST /echo?%d HTTP/1.1\r\n" HOST
                 "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
                 i, rig.port);
        assert_true(client_puts(&client, text));
    }
    for (int i = 0; i < REQUESTS; i++) {
        char query[16];
        struct reply reply = client_reply(&client, false);
        json_t *echo = echo_of(&reply);
        snprintf(query, sizeof query, "%d", i);
        assert_string_equal(text_at(echo, "query"), query);
        json_decref(echo);
        reply_free(&reply);
    }
    client_close(&client);
    rig_close(&rig);
}

/* A large answer comes whole, in chunks, with a length, and by the end of the connection. */
static void test_large_answers(void **state)
{
    (void)state;
    struct rig rig;
    const size_t size = 5000000;
    static const struct {
        const char *path, *version;
        bool chunked;
    } rows[] = {{"/bytes", "1.1", true}, {"/length", "1.1", false}, {"/bytes", "1.0", false}};
    rig_open(&rig, NULL, NULL);
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct reply reply = ask(rig.port, "GET %s?%zu HTTP/%s\r\n" HOST "\r\n", rows[i].path, size,
                                 rows[i].version, rig.port);
        assert_int_equal(reply.status, 200);
        assert_true(reply.is_whole);
        assert_int_equal(reply.body_len, size);
        assert_int_equal(reply_field(&reply, "transfer-encoding") != NULL, rows[i].chunked);
        reply_free(&reply);
    }
    rig_close(&rig);
}

/* Through a socket that takes little at a time, which has to be waited for again and again. */
static void test_narrow_socket(void **state)
{
    (void)state;
    struct rig rig;
    struct client client;
    int fds[2];
    char text[128];
    rig_open(&rig, NULL, NULL);
    assert_int_equal(erg_system_socketpair(fds), 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int)), 0);
    client_attach(&client, fds[0]);
    assert_int_equal(erg_http_adopt(rig.http, fds[1], NULL), 0);
    snprintf(text, sizeof text, "GET /length?1000000 HTTP/1.1\r\n" HOST "\r\n", rig.port);
    client_puts(&client, text);
    struct reply reply = client_reply(&client, false);
    assert_int_equal(reply.status, 200);
    assert_true(reply.is_whole);
    assert_int_equal(reply.body_len, 1000000);
    reply_free(&reply);
    client_close(&client);
    rig_close(&rig);
}

/* Who is refused while still sending gets to the end of it, and the answer. */
static void test_refused_upload(void **state)
{
    (void)state;
    struct rig rig;
    struct client client;
    char text[256];
    static char piece[100000];
    struct erg_http_times times = erg_http_times_default;
    times.linger_ns = INT64_C(60000000000); /* for slow machines */
    rig_open(&rig, NULL, &times);
    client_open(&client, rig.port);
    snprintf(text, sizeof text,
             "POST /echo HTTP/1.1\r\n" HOST
             "Content-Type: application/json\r\nContent-Length: 1500000\r\n\r\n",
             rig.port);
    client_puts(&client, text);
    assert_true(client_receive(&client)); /* the answer is there already */
    for (int i = 0; i < 15; i++)
        assert_true(client_send(&client, piece, sizeof piece));
    struct reply reply = client_reply(&client, false);
    assert_int_equal(reply.status, 413);
    assert_true(reply.is_whole);
    reply_free(&reply);
    client_close(&client);
    rig_close(&rig);
}

/* Of HEAD everything but the body, on a connection that goes on. */
static void test_head(void **state)
{
    (void)state;
    struct rig rig;
    struct client client;
    char text[512];
    rig_open(&rig, NULL, NULL);
    client_open(&client, rig.port);
    snprintf(text, sizeof text,
             "HEAD /length?70000 HTTP/1.1\r\n" HOST "\r\nHEAD /bytes?70000 HTTP/1.1\r\n" HOST
             "\r\nGET /echo HTTP/1.1\r\n" HOST "\r\n",
             rig.port, rig.port, rig.port);
    client_puts(&client, text);
    struct reply reply = client_reply(&client, true);
    assert_string_equal(reply_field(&reply, "content-length"), "70000");
    reply_free(&reply);
    reply = client_reply(&client, true);
    assert_int_equal(reply.status, 200);
    reply_free(&reply);
    reply = client_reply(&client, false);
    json_decref(echo_of(&reply));
    reply_free(&reply);
    client_close(&client);
    rig_close(&rig);
}

/* An answer that its handler cannot finish, or does not begin, is no whole one to the client. */
static void test_unfinished(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL, NULL);
    static const char *const paths[] = {"/cut", "/short"};
    for (size_t i = 0; i < ERG_COUNT(paths); i++) {
        struct reply reply = ask(rig.port, "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i], rig.port);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, "half");
        assert_false(reply.is_whole);
        reply_free(&reply);
    }
    assert_int_equal(ask_status(rig.port, "GET /silent HTTP/1.1\r\n" HOST "\r\n", rig.port), 500);
    struct reply reply = ask(rig.port, "GET /fields HTTP/1.1\r\n" HOST "\r\n", rig.port);
    assert_int_equal(reply.status, 202);
    assert_null(reply_field(&reply, "set-cookie"));
    assert_string_equal(reply_field(&reply, "cache-control"), "max-age=9");
    reply_free(&reply);
    rig_close(&rig);
}

/* A client that leaves does not end what it has begun; the connection's slot is free meanwhile. */
static void test_client_leaves(void **state)
{
    (void)state;
    struct rig rig;
    struct client client;
    char text[256];
    rig_open(&rig, NULL, NULL);
    client_open(&client, rig.port);
    snprintf(text, sizeof text, "GET /wait HTTP/1.1\r\n" HOST "\r\n", rig.port);
    client_puts(&client, text);
    rig_await(&rig, &rig.waiting, 1);
    client_reset(&client);
    assert_int_equal(ask_status(rig.port, "GET /echo HTTP/1.1\r\n" HOST "\r\n", rig.port), 200);
    assert_int_equal(rig.finished, 0);
    rig_release(&rig);
    rig_await(&rig, &rig.finished, 1);

    client_open(&client, rig.port);
    snprintf(text, sizeof text, "GET /bytes?100000000 HTTP/1.1\r\n" HOST "\r\n", rig.port);
    client_puts(&client, text);
    assert_true(client_receive(&client));
    client_reset(&client);
    rig_await(&rig, &rig.gone, 1);
    rig_close(&rig);
}

/* Waiting for a handler costs nothing: what is measured may run on this machine meanwhile. */
static void test_waiting_costs_nothing(void **state)
{
    (void)state;
    struct rig rig;
    struct client client;
    char text[256];
    rig_open(&rig, NULL, NULL);
    client_open(&client, rig.port);
    snprintf(text, sizeof text, "GET /wait HTTP/1.1\r\n" HOST "\r\n", rig.port);
    client_puts(&client, text);
    rig_await(&rig, &rig.waiting, 1);
    clock_t begin = clock();
    poll(NULL, 0, 300); /* the time that is looked at */
    assert_true(clock() - begin < CLOCKS_PER_SEC / 10);
    rig_release(&rig);
    rig_await(&rig, &rig.finished, 1);
    client_close(&client);
    rig_close(&rig);
}

/* A client that has sent all it wants to, and says so, gets its answers. */
static void test_half_close(void **state)
{
    (void)state;
    struct rig rig;
    struct client client;
    char text[256];
    rig_open(&rig, NULL, NULL);
    client_open(&client, rig.port);
    snprintf(text, sizeof text,
             "GET /bytes?300000 HTTP/1.1\r\n" HOST "\r\nGET /echo HTTP/1.1\r\n" HOST "\r\n",
             rig.port, rig.port);
    client_puts(&client, text);
    client_end(&client);
    struct reply reply = client_reply(&client, false);
    assert_true(reply.is_whole);
    reply_free(&reply);
    reply = client_reply(&client, false);
    json_decref(echo_of(&reply));
    reply_free(&reply);
    assert_true(client_sees_end(&client));
    client_close(&client);
    rig_close(&rig);
}

static void test_expect(void **state)
{
    (void)state;
    struct rig rig;
    struct client client;
    char text[256];
    rig_open(&rig, NULL, NULL);
    client_open(&client, rig.port);
    snprintf(text, sizeof text,
             "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
             "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n",
             rig.port);
    client_puts(&client, text);
    struct reply reply = client_reply(&client, false);
    assert_int_equal(reply.status, 100);
    reply_free(&reply);
    client_puts(&client, "{}");
    reply = client_reply(&client, false);
    json_decref(echo_of(&reply));
    reply_free(&reply);
    client_close(&client);
    rig_close(&rig);
}

/* Handlers that are still at work when the server ends get to finish, and their answers arrive. */
static void test_close_waits(void **state)
{
    (void)state;
    struct rig rig;
    struct client client;
    char text[256];
    rig_open(&rig, NULL, NULL);
    client_open(&client, rig.port);
    snprintf(text, sizeof text, "GET /wait HTTP/1.1\r\n" HOST "\r\n", rig.port);
    client_puts(&client, text);
    rig_await(&rig, &rig.waiting, 1);
    erg_http_stop(rig.http);
    pthread_join(rig.thread, NULL);
    rig_release(&rig);
    assert_int_equal(erg_http_close(rig.http, 10000), 0);
    struct reply reply = client_reply(&client, false);
    assert_int_equal(reply.status, 204);
    reply_free(&reply);
    client_close(&client);
}

/* Connections that come while there are no descriptors are served when there are some again. */
static void test_no_descriptors(void **state)
{
    (void)state;
    struct rig rig;
    struct rlimit limit, none;
    struct client clients[3];
    rig_open(&rig, NULL, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)rig.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (size_t i = 0; i < ERG_COUNT(clients); i++)
        client_attach(&clients[i], socket(AF_INET, SOCK_STREAM, 0));
    int next = dup(clients[0].fd); /* all below are taken */
    assert_true(next > clients[2].fd);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = (rlim_t)next;
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (size_t i = 0; i < ERG_COUNT(clients); i++) {
        char text[128];
        assert_int_equal(connect(clients[i].fd, (struct sockaddr *)&address, sizeof address), 0);
        snprintf(text, sizeof text, "GET /echo HTTP/1.1\r\n" HOST "\r\n", rig.port);
        client_puts(&clients[i], text);
    }
    struct pollfd answered = {.fd = clients[0].fd, .events = POLLIN};
    assert_int_equal(poll(&answered, 1, 200), 0); /* long enough for a look or two */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (size_t i = 0; i < ERG_COUNT(clients); i++) {
        struct reply reply = client_reply(&clients[i], false);
        assert_int_equal(reply.status, 200);
        reply_free(&reply);
        client_close(&clients[i]);
    }
    rig_close(&rig);
}

/* One that does not finish is left behind, and says so. */
static void test_close_leaves(void **state)
{
    (void)state;
    struct rig rig;
    struct client client;
    char text[256];
    rig_open(&rig, NULL, NULL);
    client_open(&client, rig.port);
    snprintf(text, sizeof text, "GET /wait HTTP/1.1\r\n" HOST "\r\n", rig.port);
    client_puts(&client, text);
    rig_await(&rig, &rig.waiting, 1);
    erg_http_stop(rig.http);
    pthread_join(rig.thread, NULL);
    assert_int_equal(erg_http_close(rig.http, 1), ERG_BUSY);
    assert_true(client_sees_end(&client));
    client_close(&client);
    rig_release(&rig);
    rig_await(&rig, &rig.finished, 1);
}

static void test_log(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL, NULL);
    ask_status(rig.port, "GET /echo%%0?x HTTP/1.1\r\n" HOST "\r\n",
               rig.port); /* no path to tell of */
    ask_status(rig.port,
               "GET /%%e2%%80%%ae%%22?secret=1 HTTP/1.1\r\n" HOST "Cookie: secret\r\n\r\n",
               rig.port);
    rig_close(&rig);
    assert_non_null(strstr(rig.log, "127.0.0.1 \"- -\" 400 "));
    assert_non_null(strstr(rig.log, "127.0.0.1 \"GET /%E2%80%AE%22\" 404 "));
    assert_null(strstr(rig.log, "secret"));
}

static void test_ports(void **state)
{
    (void)state;
    struct rig rig;
    struct erg_http *http = NULL;
    struct erg_err err = {0};
    rig_open(&rig, NULL, NULL);
    struct erg_http_options options = {.host = "localhost", .port = rig.port};
    assert_int_equal(erg_http_open(&http, &options, &err), ERG_BUSY);
    assert_non_null(strstr(err.text, "is taken"));
    assert_null(strchr(err.text, '\n'));
    options.host = "192.0.2.1"; /* of nobody (RFC 5737) */
    options.port = 0;
    assert_int_equal(erg_http_open(&http, &options, &err), ERG_INVALID);
    assert_non_null(strstr(err.text, "--token"));
    options.token = "0123456789abcdef";
    assert_int_equal(erg_http_open(&http, &options, &err), ERG_INVALID);
    assert_non_null(strstr(err.text, "no address '192.0.2.1'"));
    options.host = "127.0.0.1";
    options.token = "short";
    assert_int_equal(erg_http_open(&http, &options, &err), ERG_INVALID);
    assert_null(http);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_large_answers),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_waiting_costs_nothing),
        cmocka_unit_test(test_expect),
        cmocka_unit_test(test_close_waits),
        cmocka_unit_test(test_close_leaves),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_narrow_socket),
        cmocka_unit_test(test_refused_upload),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_no_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
