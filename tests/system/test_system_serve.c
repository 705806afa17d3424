/* SPDX-License-Identifier: MIT */
#include "system/serve_program.h"

#include "server/catalogue.h"
#include "server/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* `ergon serve` as it is: what it prints, who may talk to it, how it ends. */

#define HOST    "Host: 127.0.0.1:%d\r\n"
#define WS_PATH "/ws/profiling"

static void test_start(void **state)
{
    (void)state;
    struct server server = start("--quiet");
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
    assert_string_equal(text_at(server.start, "url"), url);
    assert_string_equal(text_at(json_object_get(server.start, "store"), "path"),
                        in_folder("test.db"));
    assert_true(number_at(server.start, "models") >= 1);
    size_t i, ready = 0;
    const json_t *source;
    json_array_foreach(json_object_get(server.start, "power"), i, source)
    {
        assert_string_not_equal(text_at(source, "name"), "");
        ready += strcmp(text_at(source, "state"), "ready") == 0;
    }
    assert_true(i > 3 && ready >= 1); /* an estimate at least */
    catalogue_is_alive(server.port);
    bool dashboard = json_is_true(json_object_get(server.start, "dashboard"));
    struct reply reply = ask(server.port, "GET / HTTP/1.1\r\n" HOST "\r\n", server.port);
    assert_int_equal(reply.status, dashboard ? 200 : 404);
    assert_string_equal(reply_field(&reply, "content-type"),
                        dashboard ? "text/html; charset=utf-8" : "application/problem+json");
    assert_non_null(strstr(reply_field(&reply, "content-security-policy"), "script-src 'self'"));
    reply_free(&reply);
    assert_int_equal(stop(&server, SIGTERM), 0);
}

/* For people: the same in words, with what to do about power sources. */
static void test_text(void **state)
{
    (void)state;
    static const char *const args[] = {"serve", "--port", "0", NULL};
    char line[4096], all[16384] = "";
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    struct server server = {.pid = start_ergon(args, fds[1], -1), .start = json_null()};
    running = server.pid;
    close(fds[1]);
    do {
        read_line(fds[0], line, sizeof line);
        strncat(all, line, sizeof all - strlen(all) - 1);
    } while (!strstr(line, "Ctrl-C"));
    close(fds[0]);
    assert_non_null(strstr(all, "http://127.0.0.1:"));
    assert_non_null(strstr(all, "test.db"));
    assert_non_null(strstr(all, "Power\n"));
    assert_non_null(strstr(all, "estimate"));
    assert_int_equal(stop(&server, SIGINT), 0);
}

static void test_refusals(void **state)
{
    (void)state;
    struct server server = start("--quiet");
    char port[16];
    snprintf(port, sizeof port, "%d", server.port);
    struct output output = ergon("serve", "--port", port);
    assert_one_line_error(&output, 4, "is taken");
    free_output(&output);
    assert_int_equal(stop(&server, SIGTERM), 0);
    static const struct {
        const char *option, *value;
        int status;
        const char *says;
    } rows[] = {
        {"--host", "0.0.0.0", 2, "--token"},
        {"--host", "::", 2, "--token"},
        {"--host", "192.0.2.1", 2, "--token"},
        {"--token", "short", 2, "16"},
        {"--token", "not a token, really", 2, "letters"},
        {"--port", "65536", 2, "--port"},
        {"--keep", "soon", 2, "--keep"},
        {"--power", "nonsense", 2, "nonsense"},
        {"--power", "rapl", 3, "rapl"},
        {"--cpu-watts", "much", 2, "--cpu-watts"},
        {"--log-file", "/nowhere/at/all", 4, "/nowhere/at/all"},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        output = ergon("--sysroot", "power/roots", "serve", "--port", "0", rows[i].option,
                       rows[i].value);
        assert_one_line_error(&output, rows[i].status, rows[i].says);
        free_output(&output);
    }
}

static void test_hostile(void **state)
{
    (void)state;
    struct server server = start("--quiet");
    catalogue_hosts(server.port);
    catalogue_origins(server.port, WS_PATH);
    catalogue_paths(server.port);
    catalogue_lengths(server.port);
    catalogue_smuggling(server.port);
    catalogue_parser(server.port);
    catalogue_truncation(server.port);
    catalogue_crowds(server.port);
    catalogue_handshakes(server.port, WS_PATH);
    catalogue_frames(server.port, WS_PATH);
    assert_int_equal(stop(&server, SIGTERM), 0);
}

static char *slurp(const char *path)
{
    char *text = calloc(1, 1 << 20);
    FILE *file = fopen(path, "rb");
    assert_non_null(text);
    assert_non_null(file);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

/* Everything but the page and the sign of life asks for the token; the log does not tell it. */
static void test_token(void **state)
{
    (void)state;
    static const char *const guarded[] = {"/api/profiling/runs",
                                          "/api/profiling/models",
                                          "/metrics",
                                          "/openapi.json",
                                          "/nowhere",
                                          "/api/profiling/export/x?format=json",
                                          WS_PATH};
    struct server server = start("--quiet", "--token", "new", "--allow-host", "ergon.example",
                                 "--log-file", in_folder("log"));
    const char *url = text_at(server.start, "url"), *token = strstr(url, "#t=");
    char bearer[128];
    assert_non_null(token);
    token += 3;
    assert_int_equal(strlen(token), 32);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s\r\n", token);
    catalogue_is_alive(server.port);
    for (size_t i = 0; i < ERG_COUNT(guarded); i++) {
        int status =
            ask_status(server.port, "GET %s HTTP/1.1\r\n" HOST "\r\n", guarded[i], server.port);
        assert_true(status == 401 || (status == 426 && strcmp(guarded[i], WS_PATH) == 0));
        status = ask_status(server.port, "GET %s HTTP/1.1\r\n" HOST "%s\r\n", guarded[i],
                            server.port, bearer);
        assert_int_not_equal(status, 401);
    }
    struct client client;
    client_open(&client, server.port);
    assert_false(client_upgrade(&client, WS_PATH, server.port, ""));
    client_close(&client);
    client_open(&client, server.port);
    assert_true(client_upgrade(&client, WS_PATH, server.port, bearer));
    client_close(&client);
    assert_int_equal(
        ask_status(server.port, "GET /healthz HTTP/1.1\r\nHost: ergon.example\r\n\r\n"), 200);
    char secret[64];
    snprintf(secret, sizeof secret, "%s", token);
    assert_int_equal(stop(&server, SIGTERM), 0);
    char *log = slurp(in_folder("log"));
    struct stat st;
    assert_int_equal(stat(in_folder("log"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_null(strstr(log, secret));
    assert_non_null(strstr(log, "\"GET /metrics\" 401 "));
    assert_non_null(strstr(log, "\"GET /healthz\" 200 "));
    assert_null(strstr(log, "format=json"));
    free(log);
}

/* The token of the environment, which other users' ps does not show. */
static void test_environment(void **state)
{
    (void)state;
    setenv("ERGON_TOKEN", "from-the-environment", 1);
    struct server server = start("--quiet");
    unsetenv("ERGON_TOKEN");
    assert_non_null(strstr(text_at(server.start, "url"), "#t=from-the-environment"));
    assert_int_equal(ask_status(server.port, "GET /metrics HTTP/1.1\r\n" HOST "\r\n", server.port),
                     401);
    assert_int_equal(stop(&server, SIGHUP), 0);
}

/* The browser is opened where there is one, at the address that is printed. */
static void test_open(void **state)
{
    (void)state;
    char path[2048], old_path[1024], *opened = NULL;
    snprintf(old_path, sizeof old_path, "%s", getenv("PATH"));
    snprintf(path, sizeof path, "%s:%s", in_folder("."), old_path);
    FILE *script = fopen(in_folder("xdg-open"), "w");
    assert_non_null(script);
    fprintf(script, "#!/bin/sh\nprintf '%%s' \"$1\" >'%s.new' && mv '%s.new' '%s'\n",
            in_folder("opened"), in_folder("opened"), in_folder("opened"));
    fclose(script);
    chmod(in_folder("xdg-open"), 0700);
    setenv("PATH", path, 1);
    setenv("DISPLAY", ":0", 1);
    struct server server = start("--quiet", "--open");
    for (int waited = 0; access(in_folder("opened"), R_OK) != 0; waited++) {
        assert_true(waited < 6000);
        poll(NULL, 0, 10);
    }
    opened = slurp(in_folder("opened"));
    assert_string_equal(opened, text_at(server.start, "url"));
    free(opened);
    assert_int_equal(stop(&server, SIGTERM), 0);
    setenv("PATH", old_path, 1);
    unsetenv("DISPLAY");
}

/* A client that watches is told that it is over. */
static void test_end(void **state)
{
    (void)state;
    struct server server = start("--quiet");
    struct client client;
    client_open(&client, server.port);
    assert_true(client_upgrade(&client, WS_PATH, server.port, ""));
    kill(server.pid, SIGTERM);
    assert_int_equal(client_close_code(&client), 1001);
    client_close(&client);
    assert_int_equal(stop(&server, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_start, kill_left),
        cmocka_unit_test_teardown(test_text, kill_left),
        cmocka_unit_test_teardown(test_refusals, kill_left),
        cmocka_unit_test_teardown(test_hostile, kill_left),
        cmocka_unit_test_teardown(test_token, kill_left),
        cmocka_unit_test_teardown(test_environment, kill_left),
        cmocka_unit_test_teardown(test_open, kill_left),
        cmocka_unit_test_teardown(test_end, kill_left),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
