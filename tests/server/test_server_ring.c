/* SPDX-License-Identifier: MIT */
#include "server/live_reader.h"

#include "base/mem.h"
#include "server/ring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/*
 * The ring: what a reader gets is every event once and in order or a gap where it is missing, and
 * of state what is newest.
 */

static struct erg_ring *new_ring(size_t bytes, uint64_t first)
{
    struct erg_ring *ring = NULL;
    assert_int_equal(erg_ring_new(&ring, bytes, first, NULL), 0);
    return ring;
}

static void put(struct erg_ring *ring, enum erg_frame_kind kind, const char *text)
{
    erg_ring_put(ring, kind, text, strlen(text));
}

static void expect(struct erg_ring *ring, uint64_t *cursor, const char *text)
{
    struct erg_buf out = {0};
    bool any = erg_ring_next(ring, cursor, UINT64_MAX, &out);
    assert_string_equal(any ? erg_buf_view(&out) : "nothing", text);
    erg_buf_deinit(&out);
}

static void test_events_in_order(void **state)
{
    (void)state;
    struct erg_ring *ring = new_ring(4096, 1);
    uint64_t cursor, late;
    cursor = erg_ring_join(ring);
    expect(ring, &cursor, "nothing");
    put(ring, ERG_FRAME_EVENT, "{\"a\":1}");
    put(ring, ERG_FRAME_EVENT, "{\"b\":2}");
    expect(ring, &cursor, "{\"seq\":1,\"a\":1}");
    late = erg_ring_join(ring); /* no run goes on: from now on */
    put(ring, ERG_FRAME_EVENT, "{\"c\":3}");
    expect(ring, &cursor, "{\"seq\":2,\"b\":2}");
    expect(ring, &cursor, "{\"seq\":3,\"c\":3}");
    expect(ring, &cursor, "nothing");
    expect(ring, &late, "{\"seq\":3,\"c\":3}");
    assert_int_equal(erg_ring_newest(ring), 3);
    erg_ring_free(ring);
}

static void test_only_the_newest_state(void **state)
{
    (void)state;
    struct erg_ring *ring = new_ring(4096, 1);
    uint64_t cursor;
    cursor = erg_ring_join(ring);
    put(ring, ERG_FRAME_PROGRESS, "{\"p\":1}");
    put(ring, ERG_FRAME_LAYERS, "{\"l\":1}");
    put(ring, ERG_FRAME_EVENT, "{\"e\":1}");
    put(ring, ERG_FRAME_PROGRESS, "{\"p\":2}");
    expect(ring, &cursor, "{\"seq\":2,\"l\":1}");
    expect(ring, &cursor, "{\"seq\":3,\"e\":1}");
    expect(ring, &cursor, "{\"seq\":4,\"p\":2}");
    expect(ring, &cursor, "nothing");
    put(ring, ERG_FRAME_LAYERS, "{\"l\":2}");
    expect(ring, &cursor, "{\"seq\":5,\"l\":2}");
    erg_ring_free(ring);
}

/* A batch ends where it was decided to end. */
static void test_until(void **state)
{
    (void)state;
    struct erg_ring *ring = new_ring(4096, 1);
    uint64_t cursor;
    struct erg_buf out = {0};
    cursor = erg_ring_join(ring);
    put(ring, ERG_FRAME_EVENT, "{\"e\":1}");
    put(ring, ERG_FRAME_PROGRESS, "{\"p\":1}");
    uint64_t until = erg_ring_newest(ring);
    put(ring, ERG_FRAME_PROGRESS, "{\"p\":2}");
    put(ring, ERG_FRAME_EVENT, "{\"e\":2}");
    assert_true(erg_ring_next(ring, &cursor, until, &out));
    assert_false(erg_ring_next(ring, &cursor, until, &out));
    assert_string_equal(erg_buf_view(&out), "{\"seq\":1,\"e\":1}");
    expect(ring, &cursor, "{\"seq\":3,\"p\":2}");
    expect(ring, &cursor, "{\"seq\":4,\"e\":2}");
    erg_buf_deinit(&out);
    erg_ring_free(ring);
}

/* Who comes during a run sees it from its beginning. */
static void test_the_run_that_goes_on(void **state)
{
    (void)state;
    struct erg_ring *ring = new_ring(4096, 1);
    uint64_t cursor;
    put(ring, ERG_FRAME_PROGRESS, "{\"old\":1}");
    put(ring, ERG_FRAME_EVENT, "{\"old\":2}");
    erg_ring_begin_run(ring);
    put(ring, ERG_FRAME_EVENT, "{\"new\":1}");
    put(ring, ERG_FRAME_PROGRESS, "{\"new\":2}");
    cursor = erg_ring_join(ring);
    expect(ring, &cursor, "{\"seq\":3,\"new\":1}");
    expect(ring, &cursor, "{\"seq\":4,\"new\":2}");
    erg_ring_end_run(ring);
    cursor = erg_ring_join(ring);
    expect(ring, &cursor, "nothing");
    erg_ring_free(ring);
}

/* What nobody has written and what has left the ring is a gap, even one that has grown meanwhile.
 */
static void test_gaps(void **state)
{
    (void)state;
    struct erg_ring *ring = new_ring(1 << 16, 11);
    uint64_t cursor;
    erg_ring_begin_run(ring);
    cursor = erg_ring_join(ring);
    put(ring, ERG_FRAME_EVENT, "{\"e\":1}");
    erg_ring_skip(ring);
    erg_ring_skip(ring);
    expect(ring, &cursor, "{\"seq\":11,\"e\":1}");
    expect(ring, &cursor, "{\"seq\":13,\"type\":\"gap\",\"from\":12,\"to\":13}");
    erg_ring_skip(ring);
    expect(ring, &cursor, "{\"seq\":14,\"type\":\"gap\",\"from\":14,\"to\":14}");
    put(ring, ERG_FRAME_EVENT, "{\"e\":2}");
    expect(ring, &cursor, "{\"seq\":15,\"e\":2}");
    expect(ring, &cursor, "nothing");
    /* A frame that is too great for the ring. */
    struct erg_buf large = {0};
    erg_buf_puts(&large, "{\"large\":\"");
    for (int i = 0; i < 1 << 15; i++)
        erg_buf_putc(&large, 'x');
    erg_buf_puts(&large, "\"}");
    put(ring, ERG_FRAME_EVENT, erg_buf_view(&large));
    put(ring, ERG_FRAME_LAYERS, erg_buf_view(&large));
    expect(ring, &cursor, "{\"seq\":16,\"type\":\"gap\",\"from\":16,\"to\":16}");
    expect(ring, &cursor, "nothing");
    erg_buf_deinit(&large);
    erg_ring_free(ring);
}

static void test_eviction_is_a_gap(void **state)
{
    (void)state;
    struct erg_ring *ring = new_ring(4096, 1);
    uint64_t cursor;
    char text[64];
    cursor = erg_ring_join(ring);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "{\"number\":%d}", i);
        put(ring, ERG_FRAME_EVENT, text);
        assert_true(erg_ring_bytes(ring) <= 4096);
    }
    struct erg_buf out = {0};
    assert_true(erg_ring_next(ring, &cursor, UINT64_MAX, &out));
    uint64_t to = live_number(out.data, "to");
    assert_int_equal(live_number(out.data, "from"), 1);
    assert_true(to > 900 && to < 1000);
    for (uint64_t seq = to + 1; seq <= 1000; seq++) {
        snprintf(text, sizeof text, "{\"seq\":%d,\"number\":%d}", (int)seq, (int)seq - 1);
        expect(ring, &cursor, text);
    }
    expect(ring, &cursor, "nothing");
    erg_buf_deinit(&out);
    erg_ring_free(ring);
}

static void test_resume(void **state)
{
    (void)state;
    struct erg_ring *ring = new_ring(4096, 1000);
    uint64_t cursor;
    for (int i = 0; i < 3; i++)
        put(ring, ERG_FRAME_EVENT, "{\"e\":0}");
    cursor = erg_ring_resume(ring, 1001);
    expect(ring, &cursor, "{\"seq\":1002,\"e\":0}");
    expect(ring, &cursor, "nothing");
    cursor = erg_ring_resume(ring, 0); /* everything there is */
    expect(ring, &cursor, "{\"seq\":1000,\"e\":0}");
    cursor = erg_ring_resume(ring, 1003); /* the future: of no life of ours */
    expect(ring, &cursor, "{\"seq\":1000,\"e\":0}");
    cursor = erg_ring_resume(ring, UINT64_MAX);
    expect(ring, &cursor, "{\"seq\":1000,\"e\":0}");
    cursor = erg_ring_resume(ring, 17); /* of an earlier life */
    expect(ring, &cursor, "{\"seq\":999,\"type\":\"gap\",\"from\":18,\"to\":999}");
    expect(ring, &cursor, "{\"seq\":1000,\"e\":0}");
    erg_ring_free(ring);
}

static void test_watched(void **state)
{
    (void)state;
    const int64_t second = INT64_C(1000000000);
    struct erg_ring *ring = new_ring(4096, 1);
    assert_false(erg_ring_is_watched(ring, 0));
    erg_ring_join(ring);
    erg_ring_join(ring);
    erg_ring_leave(ring, 0);
    assert_true(erg_ring_is_watched(ring, 1000 * second));
    erg_ring_leave(ring, 1000 * second);
    assert_true(erg_ring_is_watched(ring, 1029 * second));
    assert_false(erg_ring_is_watched(ring, 1030 * second));
    erg_ring_free(ring);
}

/* --- any writers, any readers ------------------------------------------------------------------
 */

enum { READERS = 5, EVENTS = 20000 };

/* What a reader must have: every event number once, in order, or inside a gap. */
struct check {
    uint64_t seen; /* everything up to here is accounted for, but for state */
    uint64_t events;
};

static void check_frame(struct check *check, const char *text, const bool *is_event)
{
    uint64_t seq = live_number(text, "seq"), from = seq;
    if (live_is(text, "gap")) {
        from = live_number(text, "from");
        assert_int_equal(live_number(text, "to"), seq);
    } else {
        assert_int_equal(is_event[seq], live_is(text, "event"));
        check->events += is_event[seq];
    }
    assert_true(seq > check->seen);
    for (uint64_t i = check->seen + 1; i < from; i++)
        assert_false(is_event[i]); /* passed over without a word */
    check->seen = seq;
}

static void test_random_writers_and_readers(void **state)
{
    (void)state;
    static bool is_event[EVENTS * 2 + 2];
    uint64_t quick = 0, slow = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        uint64_t random = seed;
        struct erg_ring *ring = new_ring(2000 + test_below(&random, 20000), 1);
        uint64_t cursors[READERS];
        static struct check checks[READERS];
        memset(is_event, 0, sizeof is_event);
        memset(checks, 0, sizeof checks);
        for (int r = 0; r < READERS; r++)
            cursors[r] = erg_ring_join(ring);
        for (int step = 0; step < 3000; step++) {
            unsigned what = (unsigned)test_below(&random, 10);
            if (what < 6) {
                is_event[erg_ring_newest(ring) + 1] = true;
                put(ring, ERG_FRAME_EVENT, "{\"type\":\"event\"}");
            } else if (what < 9) {
                put(ring, (enum erg_frame_kind)(1 + test_below(&random, 4)),
                    "{\"type\":\"state\"}");
            } else {
                is_event[erg_ring_newest(ring) + 1] = true;
                erg_ring_skip(ring);
            }
            /* Reader 0 keeps up, the others are slower and slower. */
            int r = (int)test_below(&random, READERS);
            if (r && test_below(&random, (uint64_t)r * 100))
                r = 0;
            uint64_t until = erg_ring_newest(ring) - test_below(&random, 2);
            struct erg_buf out = {0};
            while (erg_ring_next(ring, &cursors[r], until, &out)) {
                check_frame(&checks[r], out.data, is_event);
                erg_buf_clear(&out);
            }
            erg_buf_deinit(&out);
        }
        for (int r = 0; r < READERS; r++) {
            struct erg_buf out = {0};
            while (erg_ring_next(ring, &cursors[r], UINT64_MAX, &out)) {
                check_frame(&checks[r], out.data, is_event);
                erg_buf_clear(&out);
            }
            erg_buf_deinit(&out);
            for (uint64_t i = checks[r].seen + 1; i <= erg_ring_newest(ring); i++)
                assert_false(is_event[i]);
            assert_true(checks[r].events > 0);
        }
        quick += checks[0].events;
        slow += checks[READERS - 1].events;
        erg_ring_free(ring);
    }
    assert_true(slow < quick);
}

/* The same with threads: two write, one reads all the time, one now and then. */
struct racing {
    struct erg_ring *ring;
    atomic_int writers;
    bool slow;
    uint64_t events, missing, last;
};

static void *write_events(void *user)
{
    struct racing *racing = user;
    for (int i = 0; i < EVENTS; i++) {
        put(racing->ring, ERG_FRAME_EVENT, "{\"type\":\"event\"}");
        if (i % 4 == 0)
            put(racing->ring, ERG_FRAME_PROGRESS, "{\"type\":\"state\"}");
    }
    atomic_fetch_sub(&racing->writers, 1);
    return NULL;
}

static void read_some(struct racing *racing, uint64_t *cursor)
{
    struct erg_buf out = {0};
    while (erg_ring_next(racing->ring, cursor, UINT64_MAX, &out)) {
        uint64_t seq = live_number(out.data, "seq");
        assert_true(seq > racing->last);
        racing->last = seq;
        racing->events += live_is(out.data, "event");
        if (live_is(out.data, "gap"))
            racing->missing += seq - live_number(out.data, "from") + 1;
        erg_buf_clear(&out);
    }
    erg_buf_deinit(&out);
}

static void test_threads(void **state)
{
    (void)state;
    struct racing racing = {.ring = new_ring(1 << 14, 1)};
    uint64_t cursor;
    pthread_t threads[2];
    atomic_init(&racing.writers, 2);
    cursor = erg_ring_join(racing.ring);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_events, &racing), 0);
    while (atomic_load(&racing.writers))
        read_some(&racing, &cursor);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    read_some(&racing, &cursor);
    assert_true(racing.events <= 2 * EVENTS);
    assert_true(racing.events + racing.missing >= 2 * EVENTS);
    erg_ring_free(racing.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_in_order),
        cmocka_unit_test(test_only_the_newest_state),
        cmocka_unit_test(test_until),
        cmocka_unit_test(test_the_run_that_goes_on),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_eviction_is_a_gap),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_watched),
        cmocka_unit_test(test_random_writers_and_readers),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
