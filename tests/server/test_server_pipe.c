/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "server/pipe.h"

#include <pthread.h>
#include <stdlib.h>

static long allocations_left = -1; /* -1 = no end */

void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes)
{
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    return __real_erg_realloc(block, bytes);
}

enum { ROOM = 1000 };

/* A reader that takes what it likes, and is told that there is something. */
struct reader {
    pthread_mutex_t mutex;
    pthread_cond_t told;
    int notes;
    char bytes[4096];
    size_t len, at_once; /* at most so many in one go; 0 = nothing now */
    bool fails;
};

static void note(void *user)
{
    struct reader *r = user;
    pthread_mutex_lock(&r->mutex);
    r->notes++;
    pthread_cond_signal(&r->told);
    pthread_mutex_unlock(&r->mutex);
}

static ssize_t take(void *user, const void *bytes, size_t len)
{
    struct reader *r = user;
    if (r->fails)
        return -1;
    len = len < r->at_once ? len : r->at_once;
    if (r->len + len <= sizeof r->bytes)
        memcpy(r->bytes + r->len, bytes, len);
    r->len += len;
    return (ssize_t)len;
}

static void reader_init(struct reader *r)
{
    memset(r, 0, sizeof *r);
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->told, NULL);
    r->at_once = sizeof r->bytes;
}

static void test_order(void **state)
{
    (void)state;
    struct reader r;
    reader_init(&r);
    struct erg_pipe *pipe = erg_pipe_new(ROOM, note, &r);
    assert_int_equal(erg_pipe_write(pipe, "abc", 3), 0);
    assert_int_equal(r.notes, 1);
    assert_int_equal(erg_pipe_write(pipe, "def", 3), 0);
    assert_int_equal(r.notes, 1); /* it knows already */
    r.at_once = 2;
    assert_int_equal(erg_pipe_drain(pipe, take, &r), ERG_PIPE_EMPTY);
    assert_memory_equal(r.bytes, "abcdef", 6);
    assert_int_equal(erg_pipe_write(pipe, "ghi", 3), 0);
    assert_int_equal(r.notes, 2);
    r.at_once = 0;
    assert_int_equal(erg_pipe_drain(pipe, take, &r), ERG_PIPE_BLOCKED);
    assert_int_equal(erg_pipe_write(pipe, "j", 1), 0);
    assert_int_equal(r.notes, 2); /* it waits for its client, not for us */
    erg_pipe_end(pipe, true);
    r.at_once = 100;
    assert_int_equal(erg_pipe_drain(pipe, take, &r), ERG_PIPE_ENDED);
    assert_int_equal(r.len, 10);
    assert_memory_equal(r.bytes, "abcdefghij", 10);
    erg_pipe_free(pipe);
}

static void test_ends(void **state)
{
    (void)state;
    struct reader r;
    reader_init(&r);
    struct erg_pipe *pipe = erg_pipe_new(ROOM, note, &r);
    assert_int_equal(erg_pipe_drain(pipe, take, &r), ERG_PIPE_EMPTY);
    erg_pipe_end(pipe, false);
    assert_int_equal(r.notes, 1);
    assert_int_equal(erg_pipe_drain(pipe, take, &r), ERG_PIPE_CUT);
    erg_pipe_free(pipe);
    pipe = erg_pipe_new(ROOM, note, &r);
    erg_pipe_write(pipe, "a", 1);
    r.fails = true;
    assert_int_equal(erg_pipe_drain(pipe, take, &r), ERG_PIPE_FAILED);
    erg_pipe_leave(pipe);
    assert_int_equal(erg_pipe_write(pipe, "b", 1), ERG_GONE);
    erg_pipe_free(pipe);
    erg_pipe_free(NULL);
}

/* A writer on its own thread, of more than there is room for. */
struct writer {
    struct erg_pipe *pipe;
    size_t pieces, piece_bytes;
    int result;
};

static void *write_all(void *user)
{
    struct writer *w = user;
    unsigned char piece[3000];
    size_t at = 0;
    for (size_t i = 0; i < w->pieces && w->result == 0; i++) {
        for (size_t j = 0; j < w->piece_bytes; j++)
            piece[j] = (unsigned char)(at++ * 31 >> 3);
        w->result = erg_pipe_write(w->pipe, piece, w->piece_bytes);
    }
    erg_pipe_end(w->pipe, w->result == 0);
    return NULL;
}

static void await_note(struct reader *r, int *seen)
{
    pthread_mutex_lock(&r->mutex);
    while (r->notes == *seen)
        pthread_cond_wait(&r->told, &r->mutex);
    *seen = r->notes;
    pthread_mutex_unlock(&r->mutex);
}

/* Everything arrives, in order, whatever the sizes of pieces and of what is taken in one go. */
static void test_threads(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{1, 1}, {7, 1000}, {999, 13}, {1000, 999}, {3000, 1001}};
    for (size_t i = 0; i < ERG_COUNT(sizes); i++) {
        struct reader r;
        pthread_t thread;
        enum erg_pipe_state result = ERG_PIPE_EMPTY;
        int seen = 0;
        reader_init(&r);
        struct erg_pipe *pipe = erg_pipe_new(ROOM, note, &r);
        struct writer w = {.pipe = pipe, .pieces = 100, .piece_bytes = sizes[i][0]};
        assert_int_equal(pthread_create(&thread, NULL, write_all, &w), 0);
        size_t checked = 0;
        while (result != ERG_PIPE_ENDED) {
            if (result == ERG_PIPE_EMPTY)
                await_note(&r, &seen);
            r.at_once = sizes[i][1];
            r.len = 0;
            result = erg_pipe_drain(pipe, take, &r);
            assert_true(result == ERG_PIPE_EMPTY || result == ERG_PIPE_ENDED);
            assert_true(r.len <= sizeof r.bytes);
            for (size_t j = 0; j < r.len; j++, checked++)
                assert_int_equal((unsigned char)r.bytes[j], (unsigned char)(checked * 31 >> 3));
        }
        pthread_join(thread, NULL);
        assert_int_equal(w.result, 0);
        assert_int_equal(checked, 100 * sizes[i][0]);
        erg_pipe_free(pipe);
    }
}

/* Who waits for room learns that the reader has gone. */
static void test_leaving(void **state)
{
    (void)state;
    struct reader r;
    pthread_t thread;
    int seen = 0;
    reader_init(&r);
    struct erg_pipe *pipe = erg_pipe_new(ROOM, note, &r);
    struct writer w = {.pipe = pipe, .pieces = 100, .piece_bytes = 999};
    assert_int_equal(pthread_create(&thread, NULL, write_all, &w), 0);
    await_note(&r, &seen);
    erg_pipe_leave(pipe);
    pthread_join(thread, NULL);
    assert_int_equal(w.result, ERG_GONE);
    erg_pipe_free(pipe);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct reader r;
    reader_init(&r);
    allocations_left = 0;
    assert_null(erg_pipe_new(ROOM, note, &r));
    allocations_left = 1;
    struct erg_pipe *pipe = erg_pipe_new(ROOM, note, &r);
    assert_int_equal(erg_pipe_write(pipe, "abc", 3), ERG_NOMEM);
    allocations_left = -1;
    erg_pipe_free(pipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),     cmocka_unit_test(test_ends),
        cmocka_unit_test(test_threads),   cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
