/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include "base/num.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * Pulling the plug at random moments. ERGON_KILLS sets how often (a campaign: 200); the moments
 * come from a fixed seed but meet a different state of the machine each time.
 */

static int rounds(void)
{
    const char *text = getenv("ERGON_KILLS");
    int64_t count = 12;
    if (text)
        assert_int_equal(erg_parse_i64(text, 1, 100000, &count, NULL), 0);
    return (int)count;
}

static void wait_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* The child process of `parent` (its engine); 0 when there is none yet. */
static pid_t child_of(pid_t parent)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    if (!fgets(text, sizeof text, file))
        text[0] = '\0';
    fclose(file);
    int64_t pid = 0;
    text[strcspn(text, " ")] = '\0';
    erg_parse_i64(text, 1, INT32_MAX, &pid, NULL);
    return (pid_t)pid;
}

/* A run that lasts some seconds: again and again the same context of 500 tokens. */
static pid_t start_long_run(void)
{
    static const char *const args[] = {"run",
                                       "-m",
                                       TALES,
                                       "-p",
                                       "Once upon a time",
                                       "-n",
                                       "480",
                                       "--ignore-eos",
                                       "--power",
                                       "estimate",
                                       "--power-interval",
                                       "10",
                                       "--idle-seconds",
                                       "0.02",
                                       "-t",
                                       "1",
                                       NULL};
    return start_ergon(args, -1, -1);
}

static void check_integrity(sqlite3 *db)
{
    char *text = query_text(db, "PRAGMA integrity_check");
    assert_string_equal(text, "ok|\n");
    free(text);
    assert_int_equal(query_int(db, "SELECT count(*) FROM tokens t LEFT JOIN passes p ON "
                                   "p.id=t.pass_id WHERE p.id IS NULL"),
                     0);
    assert_int_equal(query_int(db, "SELECT count(*) FROM profiling_runs r WHERE output_tokens <> "
                                   "(SELECT count(*) FROM tokens t WHERE t.run_id=r.id AND "
                                   "t.phase='decode')"),
                     0);
}

static void test_engine_is_killed(void **state)
{
    (void)state;
    uint64_t seed = 77;
    int failed = 0;
    for (int i = 0; i < rounds(); i++) {
        pid_t pid = start_long_run(), engine = 0;
        for (int k = 0; k < 2000 && !(engine = child_of(pid)); k++)
            wait_ms(1);
        assert_true(engine > 0);
        wait_ms((int)test_below(&seed, 250));
        kill(engine, SIGKILL);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_true(WEXITSTATUS(status) == 5 || WEXITSTATUS(status) == 0);
        failed += WEXITSTATUS(status) == 5;
    }
    sqlite3 *db = open_store("test.db");
    check_integrity(db);
    assert_int_equal(query_int(db, "SELECT count(*) FROM profiling_runs WHERE status NOT IN "
                                   "('failed','complete')"),
                     0);
    assert_int_equal(query_int(db, "SELECT count(*) FROM profiling_runs WHERE status='failed' AND "
                                   "failure NOT LIKE '%signal 9%'"),
                     0);
    print_message("%d of %d engines were killed in time, %d runs failed with tokens kept\n", failed,
                  rounds(),
                  (int)query_int(db, "SELECT count(*) FROM profiling_runs WHERE status='failed' "
                                     "AND output_tokens > 0"));
    assert_true(failed > 0);
    sqlite3_close(db);
}

static void test_recorder_is_killed(void **state)
{
    (void)state;
    uint64_t seed = 99;
    int killed = 0;
    for (int i = 0; i < rounds(); i++) {
        pid_t pid = start_long_run(), engine = 0;
        for (int k = 0; k < 2000 && !(engine = child_of(pid)); k++)
            wait_ms(1);
        wait_ms((int)test_below(&seed, 400));
        kill(pid, SIGKILL);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        killed += WIFSIGNALED(status);
        /* The engine must not outlive its recorder. */
        int k = 0;
        for (; k < 3000 && kill(engine, 0) == 0; k++)
            wait_ms(1);
        assert_true(k < 3000);
    }
    json_t *runs = ergon_json("runs");
    sqlite3 *db = open_store("test.db");
    check_integrity(db);
    struct output output = ergon("run", "-m", TALES, "-p", "x", "-n", "2", "--power", "none");
    assert_int_equal(output.status, 0);
    free_output(&output);
    assert_int_equal(query_int(db, "SELECT count(*) FROM profiling_runs WHERE status='running'"),
                     0);
    print_message("%d of %d recorders were killed in time, %d runs interrupted\n", killed, rounds(),
                  (int)query_int(db, "SELECT count(*) FROM profiling_runs WHERE "
                                     "status='interrupted'"));
    assert_true(killed > 0);
    sqlite3_close(db);
    json_decref(runs);
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * A killed recorder loses at most the last second: of an engine that evaluates a token every 10 ms,
 * all but about a hundred are there. The commit interval and the sensor's period add to it on
 * a busy machine, so half a second of grace is given.
 */
static void test_at_most_a_second_is_lost(void **state)
{
    (void)state;
    FILE *script = fopen(in_folder("slow.script"), "w");
    assert_non_null(script);
    fputs("run_begin {}\nsection pre_inference tokenization 1ms\nrealtime on\nrepeat 2000\n"
          "pass decode duration=10ms\ntoken 5 \"x\"\nend\nrun_end\n",
          script);
    fclose(script);
    setenv("ERGON_FAKE_SCRIPT", in_folder("slow.script"), 1);
    static const char *const args[] = {"run",
                                       "-m",
                                       TALES,
                                       "-p",
                                       "x",
                                       "--engine",
                                       ERGON_FAKE_ENGINE,
                                       "--power",
                                       "synthetic:cpu=5W",
                                       "--tag",
                                       "slow",
                                       NULL};
    pid_t pid = start_ergon(args, -1, -1);
    int64_t start = now_ms(), began = 0;
    /* The run is in the store from its begin on. */
    while (!began && now_ms() - start < 20000) {
        wait_ms(5);
        sqlite3 *db = open_store("test.db");
        if (query_int(db, "SELECT count(*) FROM profiling_runs WHERE tags LIKE '%slow%'"))
            began = now_ms();
        sqlite3_close(db);
    }
    assert_true(began > 0);
    wait_ms(2600);
    kill(pid, SIGKILL);
    int64_t lived = now_ms() - began;
    waitpid(pid, NULL, 0);
    sqlite3 *db = open_store("test.db");
    int64_t tokens = query_int(db, "SELECT count(*) FROM tokens t JOIN profiling_runs r ON "
                                   "r.id=t.run_id WHERE r.tags LIKE '%slow%'");
    print_message("killed after %d ms: %d tokens of 10 ms are kept\n", (int)lived, (int)tokens);
    assert_true(tokens * 10 >= lived - 1500);
    check_integrity(db);
    sqlite3_close(db);
}

/* Ctrl-C, a polite kill and a terminal that is closed keep the run. */
static void test_interrupt(void **state)
{
    (void)state;
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < ERG_COUNT(numbers); i++) {
        pid_t pid = start_long_run();
        for (int k = 0; k < 2000 && !child_of(pid); k++)
            wait_ms(1);
        wait_ms(60);
        kill(pid, numbers[i]);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_true(WEXITSTATUS(status) == 5 || WEXITSTATUS(status) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_is_killed),
        cmocka_unit_test(test_recorder_is_killed),
        cmocka_unit_test(test_at_most_a_second_is_lost),
        cmocka_unit_test(test_interrupt),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
