/* SPDX-License-Identifier: MIT */
#include "store/make_store.h"
#include "store/temp_store.h"
#include "store/writer_priv.h"

#include <signal.h>
#include <sys/wait.h>

/* The writer when things go wrong, and what it has promised by then. */
static const struct erg_writer_options by_hand = {.commit_interval_ns = INT64_MAX / 4,
                                                  .busy_ms = 20};
static const struct erg_writer_options at_once = {.commit_interval_ns = 0, .busy_ms = 10000};

struct session {
    struct erg_writer *writer;
    struct erg_run_row run;
    struct make_shape shape;
    uint32_t passes;
    char summary[64];
};

static void begin(struct session *session, const char *path, const char *id,
                  const struct erg_writer_options *options)
{
    *session = (struct session){
        .run = make_run(id, "running", NULL),
        .shape = {.layers = 4,
                  .detail = MAKE_STANDARD,
                  .time_scale = 1,
                  .noise = 0.2,
                  .spread = 0.3,
                  .energy = true,
                  .seed = 21},
    };
    assert_int_equal(
        erg_writer_open_with(&session->writer, path, &session->run, make_name, NULL, options, NULL),
        0);
}

/* Another pass with its token, not yet counted in the run's row. */
static void add_pass(struct session *session)
{
    struct make_pass pass;
    uint32_t i = session->passes++;
    session->shape.layers = 3 + i % 3;
    make_pass(&pass, &session->shape, i, ERG_PHASE_DECODE, i, 1, (int64_t)i * 100000000);
    struct erg_token_row token = make_token(&pass.row, 0, i);
    erg_writer_pass(session->writer, &pass.row);
    erg_writer_token(session->writer, &token);
    make_pass_free(&pass);
}

/* The run's row, counting what was added so far. */
static void count(struct session *session)
{
    session->run.output_tokens = session->passes;
    snprintf(session->summary, sizeof(session->summary), "{\"output_tokens\":%u}", session->passes);
    session->run.summary_json = session->summary;
    erg_writer_run(session->writer, &session->run);
}

static int64_t ask(const char *path, const char *sql)
{
    struct erg_store *store;
    assert_int_equal(erg_store_open(&store, path, ERG_STORE_READ, NULL, NULL), 0);
    int64_t answer = erg_sql_int(store->db, sql, -1);
    erg_store_close(store);
    return answer;
}

/* Counts runs whose rows are not those they count, and rows that belong to nothing. */
static const char contradictions[] =
    "SELECT (SELECT count(*) FROM profiling_runs r WHERE output_tokens <> (SELECT count(*) FROM "
    "tokens WHERE run_id = r.id) OR output_tokens <> (SELECT count(*) FROM passes WHERE run_id = "
    "r.id) OR output_tokens IS NOT json_extract(summary_json, '$.output_tokens')) + "
    "(SELECT count(*) FROM tokens WHERE pass_id NOT IN (SELECT id FROM passes)) + "
    "(SELECT count(*) FROM passes WHERE layout_id NOT IN (SELECT id FROM layouts))";

static void a_commit_ends_where_the_run_was_counted(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct session session;
    begin(&session, temp.path, "one-run", &at_once);
    for (int i = 0; i < 50; i++) {
        add_pass(&session);
        add_pass(&session);
        count(&session);
        add_pass(&session); /* not counted until the next round */
        if (i % 10 == 0 && ask(temp.path, "SELECT output_tokens FROM profiling_runs") > 0)
            assert_int_equal(ask(temp.path, contradictions), 0);
    }
    count(&session);
    assert_int_equal(erg_writer_finish(session.writer, NULL), 0);
    assert_int_equal(ask(temp.path, contradictions), 0);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM tokens"), 150);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM layouts"), 3);
    temp_store_remove(&temp);
}

static void nothing_is_written_before_its_time(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct session session;
    begin(&session, temp.path, "one-run", &by_hand);
    add_pass(&session);
    count(&session);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM tokens"), 0);
    assert_int_equal(erg_writer_flush(session.writer, NULL), 0);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM tokens"), 1);
    assert_int_equal(erg_writer_finish(session.writer, NULL), 0);
    temp_store_remove(&temp);
}

static void a_label_given_while_the_run_goes_on_stays(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct session session;
    struct erg_store *store;
    begin(&session, temp.path, "one-run", &by_hand);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_WRITE, NULL, NULL), 0);
    assert_int_equal(erg_store_label(store, "one-run", "[\"kept\"]", "kept too", NULL), 0);
    erg_store_close(store);
    add_pass(&session);
    count(&session);
    assert_int_equal(erg_writer_finish(session.writer, NULL), 0);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM profiling_runs WHERE tags = '[\"kept\"]' "
                                    "AND experiment_name = 'kept too'"),
                     1);
    temp_store_remove(&temp);
}

static void a_run_that_is_there_is_not_written_again(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct erg_run_row run = make_run(MAKE_STORE_DEEP, "running", NULL);
    struct erg_writer *writer = NULL;
    make_store(temp.path);
    assert_int_equal(erg_writer_open(&writer, temp.path, &run, make_name, NULL, NULL), ERG_BUSY);
    run = make_run("other", "running", "[]");
    assert_int_equal(erg_writer_open(&writer, temp.path, &run, make_name, NULL, NULL), ERG_INVALID);
    run = make_run("other", "running", "{\"a\":}");
    assert_int_equal(erg_writer_open(&writer, temp.path, &run, make_name, NULL, NULL), ERG_INVALID);
    assert_null(writer);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM profiling_runs"), 2);
    temp_store_remove(&temp);
}

static void an_abandoned_run_was_never_there(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct session session;
    make_store(temp.path);
    int64_t passes = ask(temp.path, "SELECT count(*) FROM passes");
    begin(&session, temp.path, "abandoned", &by_hand);
    add_pass(&session);
    count(&session);
    assert_int_equal(erg_writer_flush(session.writer, NULL), 0);
    add_pass(&session);
    erg_writer_abandon(session.writer);
    erg_writer_abandon(NULL);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM profiling_runs"), 2);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM passes"), passes);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM layouts"), 2);
    temp_store_remove(&temp);
}

/* Rows of the last good commit, and the first error, whatever follows. */
static void a_full_disk_keeps_what_was_committed(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct erg_writer_options full = by_hand;
    struct session session;
    struct erg_err err, first;
    full.max_pages = 30;
    begin(&session, temp.path, "one-run", &full);
    add_pass(&session);
    count(&session);
    assert_int_equal(erg_writer_flush(session.writer, NULL), 0);
    for (int i = 0; i < 2000; i++)
        add_pass(&session);
    count(&session);
    assert_int_equal(erg_writer_flush(session.writer, &first), ERG_LIMIT);
    assert_non_null(strstr(first.text, "full"));
    add_pass(&session);
    count(&session);
    assert_int_equal(erg_writer_finish(session.writer, &err), ERG_LIMIT);
    assert_string_equal(err.text, first.text);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM tokens"), 1);
    assert_int_equal(ask(temp.path, contradictions), 0);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM profiling_runs WHERE status = "
                                    "'interrupted' AND failure LIKE '%full%'"),
                     1);
    temp_store_remove(&temp);
}

static void a_store_locked_for_too_long_is_given_up(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct session session;
    struct erg_store *other;
    begin(&session, temp.path, "one-run", &by_hand);
    assert_int_equal(erg_store_open(&other, temp.path, ERG_STORE_WRITE, NULL, NULL), 0);
    assert_int_equal(erg_sql_exec(other->db, "BEGIN IMMEDIATE", NULL), 0);
    add_pass(&session);
    count(&session);
    assert_int_equal(erg_writer_flush(session.writer, NULL), ERG_BUSY);
    assert_int_equal(erg_sql_exec(other->db, "ROLLBACK", NULL), 0);
    erg_store_close(other);
    add_pass(&session);
    assert_int_equal(erg_writer_finish(session.writer, NULL), ERG_BUSY);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM tokens"), 0);
    temp_store_remove(&temp);
}

static void a_removed_store_or_run_is_noticed(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct session session;
    struct erg_store *other;
    begin(&session, temp.path, "one-run", &by_hand);
    assert_int_equal(erg_store_open(&other, temp.path, ERG_STORE_WRITE, NULL, NULL), 0);
    assert_int_equal(erg_store_delete(other, "one-run", NULL), 0);
    erg_store_close(other);
    count(&session);
    assert_int_equal(erg_writer_finish(session.writer, NULL), ERG_GONE);
    begin(&session, temp.path, "one-run", &by_hand);
    temp_store_remove(&temp);
    add_pass(&session);
    assert_int_equal(erg_writer_finish(session.writer, NULL), ERG_GONE);
}

static void a_token_without_its_pass_is_an_error(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct session session;
    struct erg_token_row token = {.pass = 7, .text = "x", .text_len = 1};
    begin(&session, temp.path, "one-run", &by_hand);
    add_pass(&session);
    add_pass(&session);
    token.pass = 0; /* not the last one, but there */
    erg_writer_token(session.writer, &token);
    assert_int_equal(erg_writer_flush(session.writer, NULL), 0);
    token.pass = 7;
    erg_writer_token(session.writer, &token);
    assert_int_equal(erg_writer_finish(session.writer, NULL), ERG_INVALID);
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM tokens"), 3);
    temp_store_remove(&temp);
}

static void two_writers_on_one_store_both_complete(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct session sessions[2];
    begin(&sessions[0], temp.path, "run-one", &at_once);
    begin(&sessions[1], temp.path, "run-two", &at_once);
    for (int i = 0; i < 300; i++) {
        for (int k = 0; k < 2; k++) {
            add_pass(&sessions[k]);
            if (i % 7 == k)
                count(&sessions[k]);
        }
    }
    for (int k = 0; k < 2; k++) {
        count(&sessions[k]);
        assert_int_equal(erg_writer_finish(sessions[k].writer, NULL), 0);
    }
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM tokens"), 600);
    assert_int_equal(ask(temp.path, contradictions), 0);
    temp_store_remove(&temp);
}

/* Both processes find no store, and both create it. */
static void two_processes_may_create_the_store_at_once(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    pid_t children[3];
    for (int k = 0; k < 3; k++) {
        children[k] = fork();
        if (children[k] == 0) {
            struct erg_store *store;
            _exit(erg_store_open(&store, temp.path, ERG_STORE_WRITE, NULL, NULL) ? 1 : 0);
        }
    }
    for (int k = 0; k < 3; k++) {
        int status;
        assert_int_equal(waitpid(children[k], &status, 0), children[k]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(ask(temp.path, "PRAGMA user_version"), 4);
    temp_store_remove(&temp);
}

/* A recorder that writes and counts without end, telling the pipe about each round. */
static void record_until_killed(const char *path, const char *id, int pipe_fd)
{
    struct session session;
    char *recorder = erg_store_recorder_id();
    begin(&session, path, id, &at_once);
    session.run.recorder = recorder;
    count(&session);
    assert_int_equal(erg_writer_flush(session.writer, NULL), 0);
    for (;;) {
        for (int i = 0; i < 3; i++)
            add_pass(&session);
        count(&session);
        if (write(pipe_fd, "x", 1) != 1)
            _exit(1);
    }
}

static void a_killed_recorder_leaves_a_consistent_store(void **state)
{
    (void)state;
    enum { ROUNDS = 20 };
    struct temp_store temp = temp_store_new();
    uint64_t seed = 31;
    for (int round = 0; round < ROUNDS; round++) {
        int ends[2];
        char id[16];
        snprintf(id, sizeof(id), "round-%d", round);
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            record_until_killed(temp.path, id, ends[1]);
        close(ends[1]);
        char mark;
        for (uint64_t left = 1 + test_below(&seed, 40); left > 0; left--)
            assert_int_equal(read(ends[0], &mark, 1), 1);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        close(ends[0]);
        struct erg_store *store;
        struct erg_store_health health;
        int recovered = 0;
        assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_WRITE, &recovered, NULL), 0);
        assert_int_equal(recovered, 1);
        assert_int_equal(erg_sql_int(store->db, contradictions, -1), 0);
        assert_int_equal(erg_store_health(store, &health, NULL), 0);
        assert_true(health.integrity_ok);
        assert_int_equal(health.runs, round + 1);
        erg_store_close(store);
    }
    assert_int_equal(ask(temp.path, "SELECT count(*) FROM profiling_runs WHERE status = "
                                    "'interrupted'"),
                     ROUNDS);
    assert_true(ask(temp.path, "SELECT count(*) FROM tokens") > 0);
    temp_store_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_ends_where_the_run_was_counted),
        cmocka_unit_test(nothing_is_written_before_its_time),
        cmocka_unit_test(a_label_given_while_the_run_goes_on_stays),
        cmocka_unit_test(a_run_that_is_there_is_not_written_again),
        cmocka_unit_test(an_abandoned_run_was_never_there),
        cmocka_unit_test(a_full_disk_keeps_what_was_committed),
        cmocka_unit_test(a_store_locked_for_too_long_is_given_up),
        cmocka_unit_test(a_removed_store_or_run_is_noticed),
        cmocka_unit_test(a_token_without_its_pass_is_an_error),
        cmocka_unit_test(two_writers_on_one_store_both_complete),
        cmocka_unit_test(two_processes_may_create_the_store_at_once),
        cmocka_unit_test(a_killed_recorder_leaves_a_consistent_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
