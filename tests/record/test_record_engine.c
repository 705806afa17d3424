/* SPDX-License-Identifier: MIT */
/* How often an engine is listened to: a socket pair whose other end has a probe. */
#include "test.h"

#include "ergon/probe.h"
#include "record/engine_process.h"

#include <sys/socket.h>
#include <unistd.h>

enum { TEXT_BYTES = 4000, PATIENCE_MS = 5000 };

struct ends {
    struct erg_engine engine;
    ergon_probe *probe;
    int fd; /* the probe's */
};

static void begin(struct ends *ends)
{
    int fds[2], room = 1 << 20;
    struct erg_err err = {.text = ""};
    *ends = (struct ends){.engine = {.stderr_fd = -1}};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    assert_int_equal(erg_reader_new(&ends->engine.reader, &err), 0);
    ends->engine.fd = fds[0];
    ends->fd = fds[1];
    ends->probe = ergon_probe_open(fds[1], NULL);
    assert_non_null(ends->probe);
}

static void end(struct ends *ends)
{
    ergon_probe_close(ends->probe);
    close(ends->fd);
    close(ends->engine.fd);
    erg_reader_free(ends->engine.reader);
}

static void tell(struct ends *ends, int texts)
{
    static char text[TEXT_BYTES + 1];
    memset(text, 'x', TEXT_BYTES);
    for (int i = 0; i < texts; i++)
        ergon_probe_log(ends->probe, ERGON_INFO, text);
}

static int hear(struct ends *ends)
{
    struct erg_err err = {.text = ""};
    struct erg_event event;
    int heard = 0;
    assert_int_equal(erg_engine_wait(&ends->engine, PATIENCE_MS, &err), 0);
    while (erg_engine_next(&ends->engine, &event, &err) == 1)
        heard += event.type == ERG_REC_LOG;
    return heard;
}

/* A first text has been heard: what comes next is not the first thing after a silence. */
static void begin_heard(struct ends *ends)
{
    begin(ends);
    tell(ends, 1);
    hear(ends);
}

/* The first is waited for; then rests double up to 100 ms, and nothing is lost in them. */
static void rests_grow_while_little_comes(void **state)
{
    static const int rests_ms[] = {5, 10, 20, 40, 80, 100, 100};
    struct ends ends;
    (void)state;
    begin(&ends);
    for (size_t i = 0; i < ERG_COUNT(rests_ms); i++) {
        tell(&ends, 1);
        assert_int_equal(hear(&ends), 1);
        assert_int_equal(ends.engine.rest_ms, rests_ms[i]);
    }
    end(&ends);
}

/* Full chunks are taken one behind the other, and the rest gets shorter. */
static void rests_shrink_while_much_comes(void **state)
{
    struct ends ends;
    (void)state;
    begin_heard(&ends);
    ends.engine.rest_ms = 40;
    tell(&ends, 50);
    int heard = hear(&ends);
    assert_true(heard < 50 && ends.engine.has_more);
    while (heard < 50)
        heard += hear(&ends);
    assert_int_equal(ends.engine.rest_ms, 20);
    end(&ends);
}

static void an_answer_and_a_long_silence_are_waited_for(void **state)
{
    struct erg_err err = {.text = ""};
    struct ends ends;
    (void)state;
    begin_heard(&ends);
    assert_int_equal(ends.engine.rest_ms, 5);
    assert_int_equal(erg_engine_send(&ends.engine, "{}", &err), 0);
    assert_int_equal(ends.engine.rest_ms, 0);
    tell(&ends, 1);
    hear(&ends);
    ends.engine.quiet_ms = 1000;
    assert_int_equal(hear(&ends), 0);
    assert_int_equal(ends.engine.rest_ms, 0);
    end(&ends);
}

static void a_rest_is_no_longer_than_the_caller_waits(void **state)
{
    struct erg_err err = {.text = ""};
    struct ends ends;
    (void)state;
    begin_heard(&ends);
    ends.engine.rest_ms = 100;
    assert_int_equal(erg_engine_wait(&ends.engine, 3, &err), 0);
    assert_int_equal(ends.engine.quiet_ms, 3);
    end(&ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rests_grow_while_little_comes),
        cmocka_unit_test(rests_shrink_while_much_comes),
        cmocka_unit_test(an_answer_and_a_long_silence_are_waited_for),
        cmocka_unit_test(a_rest_is_no_longer_than_the_caller_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
