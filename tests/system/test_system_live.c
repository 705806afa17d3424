/* SPDX-License-Identifier: MIT */
#include "system/serve_program.h"

#include "server/client.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs through `ergon serve` with the real engine: made, watched, cancelled, crashed, interrupted.
 */

#define API  "/api/profiling"
#define BODY "\"model_name\":\"tales\",\"prompt\":\"Once upon a time\",\"temperature\":0"

/* The answer to POST /generate with these members; its status in *out_status. */
static json_t *generate(const struct server *server, const char *members, int *out_status)
{
    struct reply reply = ask(server->port,
                             "POST " API "/generate HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n{%s}",
                             server->port, strlen(members) + 2, members);
    json_t *json = json_loadb(reply.body, reply.body_len, 0, NULL);
    *out_status = reply.status;
    assert_non_null(json);
    reply_free(&reply);
    return json;
}

/* A run whose id is told at once. */
static void begin(const struct server *server, const char *members, char out_id[64])
{
    char all[512];
    int status;
    snprintf(all, sizeof all, "%s,\"wait\":false", members);
    json_t *accepted = generate(server, all, &status);
    assert_int_equal(status, 202);
    snprintf(out_id, 64, "%s", text_at(accepted, "run_id"));
    json_decref(accepted);
}

static json_t *get(const struct server *server, const char *path, int *out_status)
{
    struct reply reply =
        ask(server->port, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", path, server->port);
    json_t *json = json_loadb(reply.body, reply.body_len, 0, NULL);
    *out_status = reply.status;
    reply_free(&reply);
    return json;
}

/* Wait until GET /run/{id} says so, up to 120 s. */
static void await_status(const struct server *server, const char *id, const char *wanted)
{
    char path[128];
    snprintf(path, sizeof path, API "/run/%s", id);
    for (int looks = 0; looks < 6000; looks++) {
        int status;
        json_t *run = get(server, path, &status);
        bool found = status == 200 && strcmp(text_at(run, "status"), wanted) == 0;
        json_decref(run);
        if (found)
            return;
        poll(NULL, 0, 20);
    }
    fail_msg("run %s does not become %s", id, wanted);
}

/* The engine: the only process whose parent is the server; 0 = there is none. */
static pid_t engine_of(const struct server *server)
{
    DIR *processes = opendir("/proc");
    pid_t found = 0;
    assert_non_null(processes);
    for (struct dirent *entry; (entry = readdir(processes));) {
        char path[300], line[512] = "";
        int pid, parent = 0;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *file = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? fopen(path, "rb") : NULL;
        if (!file)
            continue;
        char *got = fgets(line, sizeof line, file);
        const char *behind = strrchr(line, ')');
        fclose(file);
        if (got && behind && sscanf(line, "%d", &pid) == 1 &&
            sscanf(behind, ") %*c %d", &parent) == 1 && parent == server->pid)
            found = pid;
    }
    closedir(processes);
    return found;
}

/* Until a process has ended; whoever inherits it may take its time to ask how. */
static void await_end_of(pid_t pid)
{
    for (int looks = 0; looks < 6000; looks++) {
        char path[64], line[512] = "", state = 'Z';
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        FILE *file = fopen(path, "rb");
        const char *behind = file && fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
        if (behind)
            state = behind[2];
        if (file)
            fclose(file);
        if (state == 'Z' || state == 'X')
            return;
        poll(NULL, 0, 10);
    }
    fail_msg("engine %d is still there", (int)pid);
}

/* Descriptors of the engine that are sockets: the one it was given, and no client's. */
static int sockets_of(pid_t pid)
{
    char path[320], target[256];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *fds = opendir(path);
    assert_non_null(fds);
    for (struct dirent *entry; (entry = readdir(fds));) {
        snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)pid, entry->d_name);
        ssize_t len = readlink(path, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        count += strncmp(target, "socket:", 7) == 0;
    }
    closedir(fds);
    return count;
}

/* --- watching
 * ------------------------------------------------------------------------------------- */

static void watch(const struct server *server, struct client *client)
{
    client_open(client, server->port);
    assert_true(client_upgrade(client, "/ws/profiling", server->port, ""));
}

static json_t *next_frame(struct client *client)
{
    for (;;) {
        struct frame frame = client_next_frame(client);
        json_t *json = NULL;
        if (frame.first_byte == 0x81)
            json = json_loadb(frame.payload, frame.len, JSON_REJECT_DUPLICATES, NULL);
        else
            assert_int_equal(frame.first_byte, 0x89); /* a ping */
        free(frame.payload);
        if (json)
            return json;
    }
}

static bool is(const json_t *frame, const char *type)
{
    return strcmp(text_at(frame, "type"), type) == 0;
}

static void await_token(struct client *client)
{
    for (bool found = false; !found;) {
        json_t *frame = next_frame(client);
        found = is(frame, "token_complete") && strcmp(text_at(frame, "phase"), "decode") == 0;
        json_decref(frame);
    }
}

/* Every frame of a run, up to its end, as an array. */
static json_t *watch_to_the_end(struct client *client)
{
    json_t *frames = json_array();
    for (bool over = false; !over;) {
        json_t *frame = next_frame(client);
        over = is(frame, "inference_complete") || is(frame, "run_failed") ||
               is(frame, "run_cancelled");
        json_array_append_new(frames, frame);
    }
    return frames;
}

static const json_t *last_of(const json_t *frames, const char *type)
{
    const json_t *found = NULL, *frame;
    size_t i;
    json_array_foreach(frames, i, frame)
    {
        if (is(frame, type))
            found = frame;
    }
    return found;
}

/* Numbers as the store has them, to the last digit that is sent. */
static void assert_same(double sent, double stored)
{
    double error = sent > stored ? sent - stored : stored - sent;
    double size = stored < 0 ? -stored : stored;
    if (error > 1e-9 + size * 1e-5)
        fail_msg("sent %.12g, stored %.12g", sent, stored);
}

static void check_tokens(sqlite3 *db, const json_t *frames)
{
    sqlite3_stmt *stmt;
    const json_t *frame;
    size_t i;
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT text, position, duration_ms, energy_mj, power_snapshot_mw "
                           "FROM tokens ORDER BY id",
                           -1, &stmt, NULL),
        SQLITE_OK);
    json_array_foreach(frames, i, frame)
    {
        if (!is(frame, "token_complete"))
            continue;
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        assert_string_equal(text_at(frame, "text"), (const char *)sqlite3_column_text(stmt, 0));
        assert_int_equal(number_at(frame, "position"), sqlite3_column_int(stmt, 1));
        assert_same(number_at(frame, "duration_ms"), sqlite3_column_double(stmt, 2));
        assert_same(number_at(frame, "energy_mj"), sqlite3_column_double(stmt, 3));
        assert_same(number_at(frame, "power_mw"), sqlite3_column_double(stmt, 4));
    }
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
}

/* The columns of a metrics frame against the rows of its token in a detail table. */
static void check_details(sqlite3 *db, const json_t *frame, const char *table,
                          const char *const *columns, size_t count)
{
    char sql[512] = "";
    sqlite3_stmt *stmt;
    size_t row = 0, len = 0;
    assert_non_null(frame);
    len = (size_t)snprintf(sql, sizeof sql, "SELECT ");
    for (size_t c = 0; c < count; c++)
        len += (size_t)snprintf(sql + len, sizeof sql - len, "%s%s", c ? ", " : "", columns[c]);
    snprintf(sql + len, sizeof sql - len,
             " FROM %s WHERE token_id = (SELECT id FROM tokens ORDER BY id LIMIT 1 OFFSET %d)",
             table, (int)number_at(frame, "token_index"));
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    for (; sqlite3_step(stmt) == SQLITE_ROW; row++) {
        for (size_t c = 0; c < count; c++) {
            const json_t *cell = json_array_get(json_object_get(frame, columns[c]), row);
            assert_non_null(cell);
            if (sqlite3_column_type(stmt, (int)c) == SQLITE_NULL)
                assert_true(json_is_null(cell));
            else if (json_is_string(cell))
                assert_string_equal(json_string_value(cell),
                                    (const char *)sqlite3_column_text(stmt, (int)c));
            else
                assert_same(json_number_value(cell), sqlite3_column_double(stmt, (int)c));
        }
    }
    sqlite3_finalize(stmt);
    assert_true(row > 0);
    assert_int_equal(row, json_array_size(json_object_get(frame, columns[0])));
}

static void test_frames_are_what_is_stored(void **state)
{
    static const char *const layers[] = {"layer_index",    "total_time_ms",  "attention_time_ms",
                                         "mlp_time_ms",    "energy_mj",      "activation_mean",
                                         "activation_std", "activation_max", "activation_sparsity"};
    static const char *const components[] = {"layer_index", "component_name",  "time_ms",
                                             "energy_mj",   "activation_mean", "activation_max"};
    static const char *const operations[] = {"layer_index",    "component_name", "operation_name",
                                             "time_ms",        "energy_mj",      "flops_estimate",
                                             "bytes_estimate", "tensor_mean",    "tensor_max"};
    (void)state;
    struct server server = start("--quiet", "--power", "synthetic:cpu=square(5W,25W,3ms)");
    struct client client;
    char id[64];
    watch(&server, &client);
    begin(&server, BODY ",\"max_length\":24,\"profiling_depth\":\"deep\"", id);
    json_t *frames = watch_to_the_end(&client);
    assert_true(is(json_array_get(frames, 0), "run_started"));
    assert_string_equal(text_at(json_array_get(frames, 0), "run_id"), id);
    assert_null(last_of(frames, "gap"));
    assert_non_null(last_of(frames, "inference_complete"));
    assert_non_null(last_of(frames, "power_sample"));
    await_status(&server, id, "complete");
    assert_int_equal(sockets_of(engine_of(&server)), 1);
    client_close(&client);
    assert_int_equal(stop(&server, SIGTERM), 0);
    sqlite3 *db = open_store("test.db");
    check_tokens(db, frames);
    check_details(db, last_of(frames, "layer_metrics"), "layer_metrics", layers, ERG_COUNT(layers));
    check_details(db, last_of(frames, "component_metrics"), "component_metrics", components,
                  ERG_COUNT(components));
    check_details(db, last_of(frames, "operation_metrics"), "deep_operation_metrics", operations,
                  ERG_COUNT(operations));
    sqlite3_close(db);
    json_decref(frames);
}

/* --- making
 * --------------------------------------------------------------------------------------- */

static void test_warm(void **state)
{
    (void)state;
    struct server server = start("--quiet", "--power", "none");
    int status;
    json_t *cold = generate(&server, BODY ",\"max_length\":8", &status);
    assert_int_equal(status, 200);
    pid_t engine = engine_of(&server);
    json_t *warm = generate(&server, BODY ",\"max_length\":8", &status);
    assert_int_equal(status, 200);
    assert_int_equal(engine_of(&server), engine);
    assert_true(number_at(cold, "load_duration_ms") > 0);
    assert_null(json_object_get(warm, "load_duration_ms"));
    assert_string_equal(text_at(cold, "response"), text_at(warm, "response"));
    assert_int_equal(number_at(warm, "output_tokens"), 8);
    json_decref(cold);
    json_decref(warm);
    assert_int_equal(stop(&server, SIGTERM), 0);
    await_end_of(engine); /* it does not outlive the server */
}

static void test_client_that_leaves(void **state)
{
    (void)state;
    struct server server = start("--quiet", "--power", "none");
    struct client client, watcher;
    static const char body[] = "{" BODY ",\"max_length\":60}";
    char request[512];
    watch(&server, &watcher);
    client_open(&client, server.port);
    snprintf(request, sizeof request,
             "POST " API "/generate HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             server.port, sizeof body - 1, body);
    assert_true(client_puts(&client, request));
    json_t *frame = next_frame(&watcher);
    assert_true(is(frame, "run_started"));
    client_reset(&client);
    json_t *frames = watch_to_the_end(&watcher);
    assert_non_null(last_of(frames, "inference_complete"));
    json_decref(frames);
    json_decref(frame);
    client_close(&watcher);
    assert_int_equal(stop(&server, SIGTERM), 0);
}

/* Runs that last until they are ended, on the scripted engine. */
static struct server start_endless(void)
{
    FILE *script = fopen(in_folder("script"), "wb");
    assert_non_null(script);
    fputs("run_begin {}\nrealtime on\npass prefill duration=1ms\ntoken 5 \"x\"\n"
          "repeat 1000000\npass decode duration=5ms\ntoken 6 \"y\"\nend\n",
          script);
    assert_int_equal(fclose(script), 0);
    setenv("ERGON_FAKE_SCRIPT", in_folder("script"), 1);
    return start("--quiet", "--power", "none", "--engine", ERGON_FAKE_ENGINE);
}

static void cancel(const struct server *server, const char *id)
{
    int status = ask_status(server->port,
                            "POST " API "/run/%s/cancel HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                            "Content-Length: 0\r\n\r\n",
                            id, server->port);
    assert_int_equal(status, 202);
}

static void test_cancel_and_crash(void **state)
{
    (void)state;
    struct server server = start_endless();
    struct client client;
    char id[64];
    watch(&server, &client);
    for (int i = 0; i < 2; i++) {
        begin(&server, BODY, id);
        await_token(&client);
        cancel(&server, id);
        json_decref(watch_to_the_end(&client));
        await_status(&server, id, "cancelled");
        if (i)
            break;
        begin(&server, BODY, id);
        await_token(&client);
        assert_int_equal(kill(engine_of(&server), SIGKILL), 0);
        json_t *frames = watch_to_the_end(&client);
        assert_non_null(strstr(text_at(last_of(frames, "run_failed"), "failure"), "signal 9"));
        json_decref(frames);
        await_status(&server, id, "failed");
    }
    client_close(&client);
    assert_int_equal(stop(&server, SIGTERM), 0);
}

/* SIGTERM in a run: the stream closes, the run is kept, and the next server shows it. */
static void test_interrupted(void **state)
{
    (void)state;
    struct server server = start_endless();
    struct client client;
    char id[64], path[128];
    int status;
    watch(&server, &client);
    begin(&server, BODY, id);
    await_token(&client);
    pid_t engine = engine_of(&server);
    kill(server.pid, SIGTERM);
    assert_int_equal(client_close_code(&client), 1001);
    client_close(&client);
    assert_int_equal(stop(&server, 0), 0);
    await_end_of(engine);

    server = start("--quiet");
    snprintf(path, sizeof path, API "/run/%s", id);
    json_t *run = get(&server, path, &status);
    assert_int_equal(status, 200);
    assert_string_equal(text_at(run, "status"), "interrupted");
    assert_true(json_array_size(json_object_get(run, "tokens")) > 0);
    json_decref(run);
    assert_int_equal(stop(&server, SIGTERM), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_frames_are_what_is_stored, kill_left),
        cmocka_unit_test_teardown(test_warm, kill_left),
        cmocka_unit_test_teardown(test_client_that_leaves, kill_left),
        cmocka_unit_test_teardown(test_cancel_and_crash, kill_left),
        cmocka_unit_test_teardown(test_interrupted, kill_left),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
