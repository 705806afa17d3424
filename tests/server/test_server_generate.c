/* SPDX-License-Identifier: MIT */
#include "server/queue_rig.h"

#include "server/api_rig.h"

#include <pthread.h>

/* Making runs through the API: what is answered, when, and by which description. */

#define API "/api/profiling"
#define RUN API "/run/{id}"
#define BODY                                                                                       \
    "{\"model_name\":\"tales\",\"prompt\":\"Once\",\"tags\":[\"t\"],\"experiment_name\":\"e\"}"
#define BODY_AT_ONCE "{\"model_name\":\"tales\",\"prompt\":\"Once\",\"wait\":false}"

static const char good[] = "run_begin {}\n"
                           "section pre_inference tokenization 1ms\n"
                           "pass prefill duration=10ms stats\ntoken 5 \"x\"\n"
                           "repeat 3\npass decode duration=10ms stats\ntoken 6 \"y\"\nend\n"
                           "run_end\n";

static const char endless[] = "run_begin {}\nrealtime on\n"
                              "pass prefill duration=1ms\ntoken 5 \"x\"\n"
                              "repeat 1000000\npass decode duration=5ms\ntoken 6 \"y\"\nend\n";

/* The API and the queue behind it. */
struct server {
    struct rig rig;
    struct queue_rig queue;
};

static void server_open(struct server *server, const char *script)
{
    rig_prepare(&server->rig);
    queue_rig_init(&server->queue, script);
    server->queue.rules.store_path = server->rig.temp.path;
    queue_rig_open(&server->queue);
    server->rig.options.queue = server->queue.queue;
    server->rig.options.run_rules = &server->queue.rules;
    rig_start(&server->rig);
}

static void server_close(struct server *server)
{
    queue_rig_deinit(&server->queue);
    rig_close(&server->rig);
}

static json_t *generate(struct server *server, const char *body, int status)
{
    return rig_ask(&server->rig, ERG_POST, API "/generate", API "/generate", body, status);
}

/* Ask for a run and do not wait; its id. */
static void begin(struct server *server, char out_id[40])
{
    json_t *accepted = generate(server, BODY_AT_ONCE, 202);
    snprintf(out_id, 40, "%s", text_at(accepted, "run_id"));
    assert_string_equal(text_at(accepted, "status"), "queued");
    json_decref(accepted);
}

static json_t *get_run(struct server *server, const char *id, int status)
{
    char target[100];
    snprintf(target, sizeof target, API "/run/%s", id);
    return rig_get(&server->rig, RUN, target, status);
}

static json_t *cancel(struct server *server, const char *id, int status)
{
    char target[100];
    snprintf(target, sizeof target, API "/run/%s/cancel", id);
    return rig_ask(&server->rig, ERG_POST, RUN "/cancel", target, NULL, status);
}

/* Until the store has the run with that status. */
static void await_status(struct server *server, const char *id, const char *status)
{
    char target[100];
    snprintf(target, sizeof target, API "/run/%s", id);
    for (int looks = 0; looks < 6000; looks++) {
        struct answer answer;
        rig_send(&server->rig, ERG_GET, target, NULL, NULL, &answer);
        json_t *run = json_loadb(answer.body.data, answer.body.len, 0, NULL);
        bool found = answer.status == 200 && strcmp(text_at(run, "status"), status) == 0;
        json_decref(run);
        answer_free(&answer);
        if (found)
            return;
        poll(NULL, 0, 10);
    }
    fail_msg("run %s does not become %s", id, status);
}

static void test_waiting(void **state)
{
    (void)state;
    struct server server;
    server_open(&server, good);
    json_t *summary = generate(&server, BODY, 200);
    assert_string_equal(text_at(summary, "status"), "complete");
    assert_string_equal(text_at(summary, "model_name"), "tales-q8_0");
    assert_string_equal(text_at(summary, "prompt"), "Once");
    assert_string_equal(text_at(summary, "mode"), "standard");
    assert_string_equal(text_at(summary, "run_id"), text_at(summary, "id"));
    assert_null(json_object_get(summary, "store_failure"));
    json_t *stored = get_run(&server, text_at(summary, "run_id"), 200);
    assert_string_equal(text_at(stored, "experiment_name"), "e");
    assert_int_equal(json_array_size(json_object_get(stored, "tokens")), 4);
    json_decref(stored);
    json_decref(summary);
    struct answer metrics;
    rig_send(&server.rig, ERG_GET, "/metrics", NULL, NULL, &metrics);
    assert_non_null(strstr(metrics.body.data, "ergon_sensor_errors_total{source=\"synthetic\"} 0"));
    answer_free(&metrics);
    server_close(&server);
}

static void test_not_waiting(void **state)
{
    (void)state;
    struct server server;
    struct answer answer;
    char field[256];
    server_open(&server, good);
    rig_send(&server.rig, ERG_POST, API "/generate", "application/json", BODY_AT_ONCE, &answer);
    assert_int_equal(answer.status, 202);
    json_t *accepted = json_loadb(answer.body.data, answer.body.len, 0, NULL);
    const char *id = text_at(accepted, "run_id");
    assert_string_equal(answer_field(&answer, "cache-control", field), "no-store");
    assert_string_equal(strrchr(answer_field(&answer, "location", field), '/') + 1, id);
    await_status(&server, id, "complete");
    json_decref(accepted);
    answer_free(&answer);
    server_close(&server);
}

static void test_queue_and_cancel(void **state)
{
    (void)state;
    struct server server;
    char running[40], waiting[40];
    server_open(&server, endless);
    begin(&server, running);
    begin(&server, waiting);
    await_status(&server, running, "running"); /* from the store */
    json_t *queue = rig_get(&server.rig, API "/queue", API "/queue", 200);
    json_t *runs = json_object_get(queue, "runs");
    assert_int_equal(json_array_size(runs), 2);
    assert_string_equal(text_at(json_array_get(runs, 0), "run_id"), running);
    assert_string_equal(text_at(json_array_get(runs, 1), "status"), "queued");
    json_decref(queue);
    json_t *ticket = get_run(&server, waiting, 202);
    assert_string_equal(text_at(ticket, "status"), "queued");
    json_decref(ticket);

    json_t *answer = cancel(&server, waiting, 202);
    assert_string_equal(text_at(answer, "status"), "cancelled");
    json_decref(answer);
    ticket = get_run(&server, waiting, 202);
    assert_string_equal(text_at(ticket, "status"), "cancelled");
    json_decref(ticket);
    json_decref(cancel(&server, waiting, 409));

    answer = cancel(&server, running, 202);
    assert_string_equal(text_at(answer, "status"), "cancelling");
    json_decref(answer);
    await_status(&server, running, "cancelled");
    json_decref(cancel(&server, running, 409));
    json_decref(cancel(&server, "20000101-000000-000000", 404));
    server_close(&server);
}

/* A waiting answer is that of the run, whoever cancels it. */
static void *cancel_soon(void *user)
{
    struct server *server = user;
    const char *status;
    char id[40];
    queue_rig_await_tokens(&server->queue, id);
    erg_queue_cancel(server->queue.queue, id, &status, NULL);
    return NULL;
}

static void test_cancelled_while_waiting(void **state)
{
    (void)state;
    struct server server;
    pthread_t thread;
    server_open(&server, endless);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &server), 0);
    json_t *summary = generate(&server, BODY, 200);
    pthread_join(thread, NULL);
    assert_string_equal(text_at(summary, "status"), "cancelled");
    assert_true(number_at(summary, "output_tokens") >= 1);
    json_decref(summary);
    server_close(&server);
}

static void test_failures_name_the_run(void **state)
{
    static const struct {
        const char *script, *code, *detail;
        int status;
        bool stored;
    } rows[] = {
        {"run_begin {}\npass prefill\ntoken 5 \"x\"\ncrash SIGSEGV\n", "run_failed", "signal 11",
         500, true},
        {"crash SIGABRT\n", "run_failed", "signal 6", 500, false},
        {"run_begin {}\nrun_end failed the prompt is too long\n", "run_failed",
         "the prompt is too long", 422, false},
        {"run_begin {}\npass prefill\ntoken 5 \"x\"\nrun_end failed out of luck\n", "run_failed",
         "out of luck", 500, true},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct server server;
        server_open(&server, rows[i].script);
        json_t *problem = generate(&server, BODY, rows[i].status);
        assert_string_equal(text_at(problem, "code"), rows[i].code);
        assert_non_null(strstr(text_at(problem, "detail"), rows[i].detail));
        json_t *run = get_run(&server, text_at(problem, "run_id"), rows[i].stored ? 200 : 202);
        assert_string_equal(text_at(run, "status"), "failed");
        assert_non_null(strstr(text_at(run, "failure"), rows[i].detail));
        json_decref(run);
        json_decref(problem);
        /* And the server goes on, where the engine did not. */
        queue_rig_script(&server.queue, good);
        if (strstr(rows[i].script, "crash"))
            json_decref(generate(&server, BODY, 200));
        server_close(&server);
    }
}

static void test_power_that_is_not_there(void **state)
{
    (void)state;
    struct server server;
    server_open(&server, good);
    json_t *problem =
        generate(&server, "{\"model_name\":\"tales\",\"prompt\":\"x\",\"power\":\"jetson\"}", 422);
    assert_string_equal(text_at(problem, "code"), "power_unusable");
    assert_non_null(strstr(text_at(problem, "detail"), "jetson"));
    json_decref(problem);
    server_close(&server);
}

static void test_wrong_bodies(void **state)
{
    static const struct {
        const char *body, *parameter;
        int status;
    } rows[] = {
        {"{\"model_name\":\"tales\",\"prompt\":\"x\",\"max_length\":0}", "max_length", 400},
        {"{\"model_name\":\"tales\",\"prompt\":\"x\",\"engine\":\"sh\"}", "engine", 400},
        {"{\"model_name\":\"tales\"}", "prompt", 400},
        {"{\"model_name\":\"no such model\",\"prompt\":\"x\"}", "model_name", 404},
        {"{\"model_name\":\"/etc/passwd\",\"prompt\":\"x\"}", "model_name", 400},
        {"{\"model_name\":", NULL, 400},
        {"", NULL, 400},
    };
    (void)state;
    struct server server;
    server_open(&server, good);
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        json_t *problem = generate(&server, rows[i].body, rows[i].status);
        const json_t *parameter = json_object_get(problem, "parameter");
        if (rows[i].parameter)
            assert_string_equal(json_string_value(parameter), rows[i].parameter);
        else
            assert_null(parameter);
        assert_null(json_object_get(problem, "run_id"));
        json_decref(problem);
    }
    server_close(&server);
}

static void test_full(void **state)
{
    (void)state;
    struct server server;
    struct answer answer;
    char id[40], first[40], field[256];
    server_open(&server, endless);
    begin(&server, first);
    await_status(&server, first, "running");
    for (int i = 0; i < 4; i++)
        begin(&server, id);
    rig_send(&server.rig, ERG_POST, API "/generate", "application/json", BODY, &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body.data, "\"queue_full\""));
    assert_string_equal(answer_field(&answer, "retry-after", field), "10");
    answer_free(&answer);
    json_decref(generate(&server, BODY, 503));
    server_close(&server);
}

static void *stop_soon(void *user)
{
    struct server *server = user;
    char id[40];
    queue_rig_await_tokens(&server->queue, id);
    erg_queue_stop(server->queue.queue);
    return NULL;
}

static void test_stopped_while_waiting(void **state)
{
    (void)state;
    struct server server;
    pthread_t thread;
    server_open(&server, endless);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &server), 0);
    json_t *problem = generate(&server, BODY, 503);
    pthread_join(thread, NULL);
    assert_string_equal(text_at(problem, "code"), "interrupted");
    json_t *run = get_run(&server, text_at(problem, "run_id"), 200);
    assert_string_equal(text_at(run, "status"), "interrupted");
    json_decref(run);
    json_decref(problem);
    json_decref(generate(&server, BODY, 503)); /* nothing is taken any more */
    server_close(&server);
}

/* A store that is locked costs nobody the run, but its being stored. */
static void test_run_that_is_not_stored(void **state)
{
    (void)state;
    struct server server;
    server_open(&server, good);
    server.queue.rules.store_path = "/dev/full/ergon.db";
    json_t *problem = generate(&server, BODY, 500);
    assert_null(strstr(text_at(problem, "detail"), "/dev/full"));
    json_decref(problem);
    server_close(&server);
}

static void test_without_a_queue(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    json_decref(rig_ask(&rig, ERG_POST, API "/generate", API "/generate", BODY, 503));
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_not_waiting),
        cmocka_unit_test(test_queue_and_cancel),
        cmocka_unit_test(test_cancelled_while_waiting),
        cmocka_unit_test(test_failures_name_the_run),
        cmocka_unit_test(test_power_that_is_not_there),
        cmocka_unit_test(test_wrong_bodies),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_stopped_while_waiting),
        cmocka_unit_test(test_run_that_is_not_stored),
        cmocka_unit_test(test_without_a_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
