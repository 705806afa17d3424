/* SPDX-License-Identifier: MIT */
#include "stream/sample.h"

#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct engine {
    pid_t pid;
    int fd;
    struct erg_reader *reader;
    struct erg_buf dump;
    int rc; /* of the last erg_reader_next() */
    uint64_t counts[64], dropped;
};

static void start(struct engine *engine, const char *script)
{
    char path[] = "/tmp/ergon-script-XXXXXX", number[16];
    int fds[2], file = mkstemp(path);
    assert_int_equal(write(file, script, strlen(script)), (ssize_t)strlen(script));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *engine = (struct engine){.fd = fds[0]};
    assert_int_equal(erg_reader_new(&engine->reader, NULL), 0);
    snprintf(number, sizeof number, "%d", fds[1]);
    engine->pid = fork();
    if (engine->pid == 0) {
        close(fds[0]);
        setenv("ERGON_PROBE_FD", number, 1);
        setenv("ERGON_FAKE_SCRIPT", path, 1);
        execl(FAKE_ENGINE, "ergon-fake-engine", (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    /* the preamble says that the script has been read */
    assert_int_equal(poll(&(struct pollfd){.fd = engine->fd, .events = POLLIN}, 1, 30000), 1);
    unlink(path);
    close(file);
}

static void command(struct engine *engine, const char *json)
{
    uint32_t len = (uint32_t)strlen(json);
    assert_int_equal(send(engine->fd, &len, 4, MSG_NOSIGNAL), 4);
    assert_int_equal(send(engine->fd, json, len, MSG_NOSIGNAL), len);
}

/* Take events until one of `type` has come, or the stream ends. */
static void take_until(struct engine *engine, int type)
{
    char bytes[4096];
    uint64_t before = type ? engine->counts[type] : 0;
    ssize_t n = 1;
    while (engine->rc >= 0 && n > 0 && (!type || engine->counts[type] == before)) {
        struct erg_event event;
        while ((engine->rc = erg_reader_next(engine->reader, &event, NULL)) == 1) {
            engine->counts[event.type]++;
            engine->dropped += event.count;
            sample_dump(engine->reader, &event, &engine->dump);
            if ((int)event.type == type)
                return;
        }
        n = engine->rc < 0 ? 0 : read(engine->fd, bytes, sizeof bytes);
        if (n > 0)
            erg_reader_feed(engine->reader, bytes, (size_t)n, NULL);
    }
}

/* Close, wait for the engine's end and return its wait status. */
static int finish(struct engine *engine)
{
    int status = -1;
    close(engine->fd);
    assert_int_equal(waitpid(engine->pid, &status, 0), engine->pid);
    erg_reader_free(engine->reader);
    erg_buf_deinit(&engine->dump);
    return status;
}

static const char complete_run[] = "# a run\n"
                                   "run_begin {\"model\":{}}\n"
                                   "section pre_inference tokenization 2ms\n"
                                   "pass prefill tokens=8 layers=2 duration=5ms stats\n"
                                   "token 12 \"a \\\"b\\\" \\x41\\n\"\n"
                                   "memory 1 2 3 4\n"
                                   "progress decode 1 2 3 4 5\n"
                                   "repeat 3\n"
                                   " repeat 2\n"
                                   "  pass decode layers=1 duration=10us gap=4us flags=1\n"
                                   "  token 7 \"x\"\n"
                                   " end\n"
                                   "end\n"
                                   "repeat 0\n repeat 2\n end\n log error never\nend\n"
                                   "log warning it is warm\n"
                                   "section post_inference cleanup 500us\n"
                                   "run_end complete\n";

static void test_runs_are_served(void **state)
{
    (void)state;
    struct engine engine;
    start(&engine, complete_run);
    command(&engine, "{\"cmd\":\"load\",\"model\":\"x\"}");
    take_until(&engine, ERG_REC_LOG); /* "loaded" */
    for (uint64_t i = 1; i <= 2; i++) {
        command(&engine, "{\"cmd\": \"run\"}");
        take_until(&engine, ERG_REC_RUN_END);
        assert_int_equal(engine.counts[ERG_REC_RUN_END], i);
        assert_int_equal(engine.counts[ERG_REC_PASS], 7 * i);
        assert_int_equal(engine.counts[ERG_REC_TOKEN], 7 * i);
        assert_int_equal(engine.counts[ERG_REC_LOG], 1 + i);
        assert_int_equal(engine.counts[ERG_REC_SECTION_END], 2 * i);
    }
    assert_non_null(strstr(engine.dump.data, "\"612022622220410a\" pos=0 id=12"));
    assert_non_null(strstr(engine.dump.data, "n=8 pos=0 flags=0 spans=34"));
    assert_non_null(strstr(engine.dump.data, "n=1 pos=13 flags=1 spans=19 (-1 embedding/ 315 "));
    command(&engine, "{\"cmd\":\"quit\"}");
    take_until(&engine, 0);
    assert_int_equal(engine.rc, 0);
    assert_int_equal(finish(&engine), 0);
}

static void test_cancel_ends_the_run(void **state)
{
    (void)state;
    struct engine engine;
    start(&engine, "run_begin\nrealtime on\npass decode duration=60s\nrun_end\n");
    command(&engine, "{\"cmd\":\"run\"}");
    take_until(&engine, ERG_REC_RUN_BEGIN);
    command(&engine, "{\"cmd\":\"cancel\"}");
    take_until(&engine, ERG_REC_RUN_END);
    assert_non_null(strstr(engine.dump.data, "level=1"));
    assert_int_equal(finish(&engine), 0);
}

/* How each misbehaviour ends: wait status, code of the reader, whether the stream is torn. */
static void test_misbehaviour(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        int signal, status, rc;
        bool torn;
    } cases[] = {
        {"run_begin\ncrash SIGKILL\n", SIGKILL, 0, 0, false},
        {"run_begin\ncrash SIGSEGV\n", SIGSEGV, 0, 0, false},
        {"run_begin\nexit 3\n", 0, 3, 0, false},
        {"run_begin\ntruncate 17 log info text\n", 0, 0, 0, true},
        {"run_begin\ngarbage 100\nexit 0\n", 0, 0, ERG_CORRUPT, true},
        {"run_begin\nnonsense\n", 0, 2, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct engine engine;
        start(&engine, cases[i].script);
        command(&engine, "{\"cmd\":\"run\"}");
        take_until(&engine, 0);
        assert_int_equal(engine.counts[ERG_REC_RUN_BEGIN], 1);
        assert_int_equal(engine.counts[ERG_REC_RUN_END], 0);
        assert_int_equal(engine.rc, cases[i].rc);
        assert_int_equal(erg_reader_pending(engine.reader) > 0, cases[i].torn);
        int status = finish(&engine);
        if (cases[i].signal)
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == cases[i].signal);
        else
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == cases[i].status);
    }
}

/* Nobody reads during the flood: what did not fit is counted, the end arrives. */
static void test_flood_is_counted(void **state)
{
    (void)state;
    struct engine engine;
    start(&engine, "run_begin\nflood 300000\nrun_end\n");
    command(&engine, "{\"cmd\":\"run\"}");
    take_until(&engine, ERG_REC_RUN_END);
    assert_int_equal(engine.counts[ERG_REC_LOG] + engine.dropped, 300000);
    assert_int_equal(finish(&engine), 0);
}

static void test_stall_ends_with_the_recorder(void **state)
{
    (void)state;
    struct engine engine;
    start(&engine, "run_begin\nstall\nrun_end\n");
    command(&engine, "{\"cmd\":\"run\"}");
    take_until(&engine, ERG_REC_RUN_BEGIN);
    command(&engine, "{\"cmd\":\"quit\"}");
    assert_int_equal(waitpid(engine.pid, NULL, WNOHANG), 0);
    assert_int_equal(finish(&engine), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_are_served),
        cmocka_unit_test(test_cancel_ends_the_run),
        cmocka_unit_test(test_misbehaviour),
        cmocka_unit_test(test_flood_is_counted),
        cmocka_unit_test(test_stall_ends_with_the_recorder),
    };
    return cmocka_run_group_tests_name("stream_fake_engine", tests, NULL, NULL);
}
