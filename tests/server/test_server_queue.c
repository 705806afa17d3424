/* SPDX-License-Identifier: MIT */
#include "server/queue_rig.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Runs one after the other on one warm engine, whatever engines and clients do. */

#define RUN "{\"model_name\":\"tales\",\"prompt\":\"x\"}"

static const char good[] = "run_begin {}\n"
                           "section pre_inference tokenization 1ms\n"
                           "pass prefill duration=10ms\ntoken 5 \"x\"\n"
                           "repeat 3\npass decode duration=10ms\ntoken 6 \"y\"\nend\n"
                           "run_end\n";

/* A run that lasts until it is ended. */
static const char endless[] = "run_begin {}\nrealtime on\n"
                              "pass prefill duration=1ms\ntoken 5 \"x\"\n"
                              "repeat 1000000\npass decode duration=5ms\ntoken 6 \"y\"\nend\n";

/* An engine that writes its process id into the file "pids" of the folder. */
static void use_counted_engine(struct queue_rig *rig, char engine[160])
{
    FILE *file;
    snprintf(engine, 160, "%s/engine", rig->folder);
    file = fopen(engine, "wb");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\necho $$ >>%s/pids\nexec " ERGON_FAKE_ENGINE "\n", rig->folder);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(engine, 0755), 0);
    rig->options.maker.engine_path = engine;
}

/* How many engines were started, and the last one's process. */
static int engines_started(const struct queue_rig *rig, pid_t *out_last)
{
    char path[160];
    int count = 0, pid;
    snprintf(path, sizeof path, "%s/pids", rig->folder);
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    while (fscanf(file, "%d", &pid) == 1) {
        *out_last = pid;
        count++;
    }
    fclose(file);
    return count;
}

static void await_end_of(pid_t pid)
{
    for (int looks = 0; looks < 12000; looks++) {
        if (kill(pid, 0) != 0)
            return;
        poll(NULL, 0, 5);
    }
    fail_msg("engine %d is still there", (int)pid);
}

/* Line of /proc/PID/status; "" where there is none. */
static void status_line(pid_t pid, const char *name, char out[200])
{
    char path[64], line[200];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "rb");
    out[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, name, strlen(name)) == 0)
            snprintf(out, 200, "%s", line);
    }
    if (file)
        fclose(file);
}

static int count_run(void *user, const struct erg_run_row *row)
{
    char *statuses = user;
    size_t len = strlen(statuses);
    snprintf(statuses + len, 400 - len, "%s ", row->status);
    return 0;
}

static void expect_stored(const struct queue_rig *rig, const char *statuses)
{
    struct erg_store *store = NULL;
    struct erg_run_filter filter = {.limit = -1};
    char found[400] = "";
    assert_int_equal(erg_store_open(&store, rig->store, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_runs(store, &filter, count_run, found, NULL), 0);
    erg_store_close(store);
    assert_string_equal(found, statuses);
}

static void test_runs_one_after_the_other(void **state)
{
    (void)state;
    struct queue_rig rig;
    struct erg_ticket *tickets[4];
    char ids[4][40];
    queue_rig_init(&rig, good);
    queue_rig_open(&rig);
    for (int i = 0; i < 4; i++)
        assert_int_equal(queue_rig_add(&rig, RUN, ids[i], &tickets[i], NULL), 0);
    for (int i = 0; i < 4; i++) {
        struct erg_run_outcome outcome = {0};
        erg_queue_wait(rig.queue, tickets[i], &outcome);
        assert_string_equal(outcome.status, "complete");
        assert_null(outcome.failure);
        assert_null(outcome.store_failure);
        assert_non_null(strstr(outcome.summary_json, ids[i]));
        assert_non_null(strstr(outcome.summary_json, "\"model_name\":\"tales-q8_0\""));
        erg_run_outcome_deinit(&outcome);
        assert_null(queue_rig_describe(&rig, ids[i])); /* the store has it */
        assert_false(erg_queue_has(rig.queue, ids[i]));
    }
    expect_stored(&rig, "complete complete complete complete ");
    queue_rig_deinit(&rig);
}

static void test_warm_engine(void **state)
{
    (void)state;
    struct queue_rig rig;
    struct erg_run_outcome outcome = {0};
    char engine[160], id[40];
    pid_t pid = 0, other = 0;
    siginfo_t ended;
    queue_rig_init(&rig, good);
    use_counted_engine(&rig, engine);
    queue_rig_open(&rig);
    for (int i = 0; i < 3; i++) {
        queue_rig_run(&rig, RUN, id, &outcome);
        assert_string_equal(outcome.status, "complete");
        erg_run_outcome_deinit(&outcome);
        assert_int_equal(engines_started(&rig, &pid), 1);
    }
    /* The queue's thread has all signals blocked; its engine has not. */
    char blocked[200];
    status_line(pid, "SigBlk:", blocked);
    if (blocked[0])
        assert_string_equal(blocked, "SigBlk:\t0000000000000000\n");
    /* Killed while nothing goes on: the next run has a new one and does not fail. */
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
    queue_rig_run(&rig, RUN, id, &outcome);
    assert_string_equal(outcome.status, "complete");
    erg_run_outcome_deinit(&outcome);
    assert_int_equal(engines_started(&rig, &pid), 2);
    /* Another model has another engine. */
    queue_rig_run(&rig, "{\"model_name\":\"tales-f16\",\"prompt\":\"x\"}", id, &outcome);
    assert_string_equal(outcome.status, "complete");
    erg_run_outcome_deinit(&outcome);
    assert_int_equal(engines_started(&rig, &other), 3);
    await_end_of(pid);
    queue_rig_deinit(&rig);
    await_end_of(other);
}

static void test_engine_is_ended_when_idle(void **state)
{
    (void)state;
    struct queue_rig rig;
    struct erg_run_outcome outcome = {0};
    char engine[160], id[40];
    pid_t pid = 0;
    queue_rig_init(&rig, good);
    use_counted_engine(&rig, engine);
    rig.options.warm_ns = 1000000;
    queue_rig_open(&rig);
    for (int i = 1; i < 3; i++) {
        queue_rig_run(&rig, RUN, id, &outcome);
        assert_string_equal(outcome.status, "complete");
        erg_run_outcome_deinit(&outcome);
        assert_int_equal(engines_started(&rig, &pid), i);
        await_end_of(pid);
    }
    queue_rig_deinit(&rig);
}

static void test_crash_is_a_failed_run(void **state)
{
    (void)state;
    struct queue_rig rig;
    struct erg_run_outcome outcome = {0};
    char id[40];
    queue_rig_init(&rig, "run_begin {}\npass prefill\ntoken 5 \"x\"\ncrash SIGSEGV\n");
    queue_rig_open(&rig);
    queue_rig_run(&rig, RUN, id, &outcome);
    assert_string_equal(outcome.status, "failed");
    assert_int_equal(outcome.code, ERG_GONE);
    assert_non_null(strstr(outcome.failure, "signal 11"));
    assert_non_null(outcome.summary_json);
    erg_run_outcome_deinit(&outcome);
    /* Before anything of the run was known: it is remembered here, not in the store. */
    queue_rig_script(&rig, "crash SIGABRT\n");
    queue_rig_run(&rig, RUN, id, &outcome);
    assert_string_equal(outcome.status, "failed");
    assert_null(outcome.summary_json);
    json_t *described = queue_rig_describe(&rig, id);
    assert_string_equal(json_string_value(json_object_get(described, "status")), "failed");
    assert_non_null(strstr(json_string_value(json_object_get(described, "failure")), "signal 6"));
    json_decref(described);
    erg_run_outcome_deinit(&outcome);
    /* And the next one is none the worse for it. */
    queue_rig_script(&rig, good);
    queue_rig_run(&rig, RUN, id, &outcome);
    assert_string_equal(outcome.status, "complete");
    erg_run_outcome_deinit(&outcome);
    expect_stored(&rig, "complete failed ");
    queue_rig_deinit(&rig);
}

static void note_line(void *user, const char *line)
{
    snprintf(user, 400, "%s", line);
}

static void test_engine_that_is_not_there(void **state)
{
    (void)state;
    struct queue_rig rig;
    struct erg_run_outcome outcome = {0};
    char id[40], line[400] = "";
    queue_rig_init(&rig, good);
    rig.options.maker.engine_path = "/nowhere/at/all/ergon-llama";
    rig.options.maker.log = note_line;
    rig.options.maker.user = line;
    queue_rig_open(&rig);
    queue_rig_run(&rig, RUN, id, &outcome);
    assert_string_equal(outcome.status, "failed");
    /* Clients are not told where things are; the log is. */
    assert_non_null(strstr(outcome.failure, "'ergon-llama'"));
    assert_null(strstr(outcome.failure, "nowhere"));
    assert_non_null(strstr(line, "/nowhere/at/all/ergon-llama"));
    assert_non_null(strstr(line, id));
    erg_run_outcome_deinit(&outcome);
    queue_rig_deinit(&rig);
}

static void test_run_that_cannot_be_stored(void **state)
{
    (void)state;
    struct queue_rig rig;
    struct erg_run_outcome outcome = {0};
    char id[40];
    queue_rig_init(&rig, good);
    rig.rules.store_path = rig.script; /* is no store */
    queue_rig_open(&rig);
    queue_rig_run(&rig, RUN, id, &outcome);
    assert_string_equal(outcome.status, "failed");
    assert_null(strstr(outcome.failure, rig.folder));
    erg_run_outcome_deinit(&outcome);
    queue_rig_deinit(&rig);
}

static void test_cancel(void **state)
{
    (void)state;
    struct queue_rig rig;
    struct erg_ticket *running, *waiting;
    struct erg_run_outcome outcome = {0};
    struct erg_err err = {0};
    char running_id[40], waiting_id[40];
    const char *status = NULL;
    queue_rig_init(&rig, endless);
    queue_rig_open(&rig);
    assert_int_equal(queue_rig_add(&rig, RUN, running_id, &running, NULL), 0);
    assert_int_equal(queue_rig_add(&rig, RUN, waiting_id, &waiting, NULL), 0);
    queue_rig_await_tokens(&rig, running_id);
    queue_rig_await(&rig, running_id, "running");
    queue_rig_await(&rig, waiting_id, "queued");
    json_t *described = queue_rig_describe(&rig, waiting_id);
    assert_string_equal(json_string_value(json_object_get(described, "status")), "queued");
    assert_string_equal(json_string_value(json_object_get(described, "model_name")), "tales-q8_0");
    json_decref(described);
    assert_true(erg_queue_has(rig.queue, running_id));

    assert_int_equal(erg_queue_cancel(rig.queue, waiting_id, &status, NULL), 0);
    assert_string_equal(status, "cancelled");
    erg_queue_wait(rig.queue, waiting, &outcome);
    assert_string_equal(outcome.status, "cancelled");
    assert_null(outcome.summary_json);
    erg_run_outcome_deinit(&outcome);
    assert_int_equal(erg_queue_cancel(rig.queue, waiting_id, &status, &err), ERG_INVALID);

    assert_int_equal(erg_queue_cancel(rig.queue, running_id, &status, NULL), 0);
    assert_string_equal(status, "cancelling");
    erg_queue_wait(rig.queue, running, &outcome);
    assert_string_equal(outcome.status, "cancelled");
    assert_non_null(outcome.summary_json);
    erg_run_outcome_deinit(&outcome);
    assert_int_equal(erg_queue_cancel(rig.queue, running_id, &status, &err), ERG_NOT_FOUND);
    assert_int_equal(erg_queue_cancel(rig.queue, "nobody", &status, &err), ERG_NOT_FOUND);
    expect_stored(&rig, "cancelled ");
    queue_rig_deinit(&rig);
}

static void test_bounded(void **state)
{
    (void)state;
    struct queue_rig rig;
    struct erg_err err = {0};
    char id[40], first[40];
    queue_rig_init(&rig, endless);
    queue_rig_open(&rig);
    assert_int_equal(queue_rig_add(&rig, RUN, first, NULL, NULL), 0);
    queue_rig_await(&rig, first, "running");
    for (int i = 0; i < 4; i++)
        assert_int_equal(queue_rig_add(&rig, RUN, id, NULL, NULL), 0);
    assert_int_equal(queue_rig_add(&rig, RUN, id, NULL, &err), ERG_LIMIT);
    json_t *list = queue_rig_list(&rig), *runs = json_object_get(list, "runs");
    assert_int_equal(json_array_size(runs), 5);
    assert_string_equal(json_string_value(json_object_get(json_array_get(runs, 0), "run_id")),
                        first);
    json_decref(list);
    queue_rig_deinit(&rig); /* with all of them in it */
}

static void test_stop_interrupts(void **state)
{
    (void)state;
    struct queue_rig rig;
    struct erg_ticket *running, *waiting;
    struct erg_run_outcome outcome = {0};
    struct erg_err err = {0};
    char engine[160], id[40], waiting_id[40];
    pid_t pid = 0;
    queue_rig_init(&rig, endless);
    use_counted_engine(&rig, engine);
    queue_rig_open(&rig);
    assert_int_equal(queue_rig_add(&rig, RUN, id, &running, NULL), 0);
    assert_int_equal(queue_rig_add(&rig, RUN, waiting_id, &waiting, NULL), 0);
    queue_rig_await_tokens(&rig, id);
    engines_started(&rig, &pid);
    int64_t begun_ns = erg_clock_now_ns(erg_clock_system());
    erg_queue_stop(rig.queue);
    erg_queue_wait(rig.queue, running, &outcome);
    assert_string_equal(outcome.status, "interrupted");
    erg_run_outcome_deinit(&outcome);
    erg_queue_wait(rig.queue, waiting, &outcome);
    assert_string_equal(outcome.status, "interrupted");
    assert_null(outcome.summary_json);
    erg_run_outcome_deinit(&outcome);
    /* Two seconds on a machine with time to spare; what counts is that nobody waits for the run. */
    assert_true(erg_clock_now_ns(erg_clock_system()) - begun_ns < INT64_C(8000000000));
    await_end_of(pid);
    struct erg_run_request *request = NULL;
    struct erg_run_fault fault;
    assert_int_equal(erg_run_request_parse(&request, &rig.rules, RUN, strlen(RUN), &fault, NULL),
                     0);
    assert_int_equal(erg_queue_add(rig.queue, request, id, NULL, &err), ERG_GONE);
    erg_run_request_free(request);
    expect_stored(&rig, "interrupted ");
    queue_rig_deinit(&rig);
}

/* What watches the stream sees the runs begin and end. */
static void test_stream(void **state)
{
    (void)state;
    struct queue_rig rig;
    struct erg_run_outcome outcome = {0};
    struct erg_buf frames = {0};
    char id[40];
    queue_rig_init(&rig, good);
    queue_rig_open(&rig);
    uint64_t cursor = erg_ring_join(rig.ring);
    queue_rig_run(&rig, RUN, id, &outcome);
    erg_run_outcome_deinit(&outcome);
    while (erg_ring_next(rig.ring, &cursor, UINT64_MAX, &frames))
        ;
    assert_non_null(strstr(frames.data, "\"type\":\"run_started\""));
    assert_non_null(strstr(frames.data, "\"layers\":"));
    assert_non_null(strstr(frames.data, "\"type\":\"token_complete\""));
    assert_non_null(strstr(frames.data, "\"type\":\"inference_complete\""));
    assert_null(strstr(frames.data, "\"type\":\"gap\""));
    erg_buf_deinit(&frames);
    queue_rig_deinit(&rig);
}

/* Many threads add, list, cancel and wait. */
struct crowd {
    struct queue_rig *rig;
    uint64_t random;
};

static void *be_a_client(void *user)
{
    struct crowd *crowd = user;
    for (int i = 0; i < 6; i++) {
        struct erg_ticket *ticket = NULL;
        struct erg_run_outcome outcome = {0};
        struct erg_err err = {0};
        const char *status;
        char id[40];
        int rc = queue_rig_add(crowd->rig, RUN, id, &ticket, &err);
        if (rc) {
            assert_int_equal(rc, ERG_LIMIT);
            continue;
        }
        if (test_below(&crowd->random, 2))
            erg_queue_cancel(crowd->rig->queue, id, &status, &err);
        json_decref(queue_rig_list(crowd->rig));
        json_decref(queue_rig_describe(crowd->rig, id));
        erg_queue_wait(crowd->rig->queue, ticket, &outcome);
        assert_true(strcmp(outcome.status, "complete") == 0 ||
                    strcmp(outcome.status, "cancelled") == 0);
        erg_run_outcome_deinit(&outcome);
    }
    return NULL;
}

static void test_many_clients(void **state)
{
    (void)state;
    struct queue_rig rig;
    struct crowd crowd[6];
    pthread_t threads[ERG_COUNT(crowd)];
    queue_rig_init(&rig, good);
    queue_rig_open(&rig);
    for (size_t i = 0; i < ERG_COUNT(crowd); i++) {
        crowd[i] = (struct crowd){&rig, i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, be_a_client, &crowd[i]), 0);
    }
    for (size_t i = 0; i < ERG_COUNT(crowd); i++)
        pthread_join(threads[i], NULL);
    json_t *list = queue_rig_list(&rig);
    assert_int_equal(json_array_size(json_object_get(list, "runs")), 0);
    json_decref(list);
    queue_rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_one_after_the_other),
        cmocka_unit_test(test_warm_engine),
        cmocka_unit_test(test_engine_is_ended_when_idle),
        cmocka_unit_test(test_crash_is_a_failed_run),
        cmocka_unit_test(test_engine_that_is_not_there),
        cmocka_unit_test(test_run_that_cannot_be_stored),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_stop_interrupts),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_many_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
