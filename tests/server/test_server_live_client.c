/* SPDX-License-Identifier: MIT */
#include "server/live_reader.h"

#include "server/live_client.h"

#include <stdio.h>

/* A client of the live stream without a socket: a test asks it as the serving thread would. */

#define MS INT64_C(1000000)

static int64_t fake_now_ns(void *user)
{
    return *(int64_t *)user;
}

struct rig {
    int64_t now_ns;
    struct erg_clock clock;
    struct erg_ring *ring;
    struct erg_live_stream stream;
    struct erg_ws_handler handler;
};

static void rig_init(struct rig *rig, size_t ring_bytes)
{
    *rig = (struct rig){.now_ns = 5000 * MS};
    rig->clock = (struct erg_clock){.now_ns = fake_now_ns, .user = &rig->now_ns};
    assert_int_equal(erg_ring_new(&rig->ring, ring_bytes, 1, NULL), 0);
    rig->stream = (struct erg_live_stream){rig->ring, &rig->clock};
    rig->handler = erg_live_handler(&rig->stream);
}

/* A client that has been there for a moment, and has said nothing. */
static void *open_client(struct rig *rig)
{
    void *client = rig->handler.open(rig->handler.user);
    assert_non_null(client);
    rig->now_ns += 100 * MS;
    return client;
}

static void put_event(struct rig *rig)
{
    static const char text[] = "{\"type\":\"event\"}";
    erg_ring_put(rig->ring, ERG_FRAME_EVENT, text, sizeof text - 1);
}

static void put_state(struct rig *rig)
{
    static const char text[] = "{\"type\":\"state\"}";
    erg_ring_put(rig->ring, ERG_FRAME_PROGRESS, text, sizeof text - 1);
}

/* Frames the client has now, at most `most`; fails when one is no event or no state. */
static int take(struct rig *rig, void *client, int most)
{
    int count = 0;
    struct erg_buf out = {0};
    while (count < most) {
        int rc = rig->handler.next(client, rig->now_ns, &out);
        if (!rc)
            break;
        assert_int_equal(rc, 1);
        assert_true(out.len > 0);
        erg_buf_clear(&out);
        count++;
    }
    erg_buf_deinit(&out);
    return count;
}

static int take_all(struct rig *rig, void *client)
{
    return take(rig, client, INT32_MAX);
}

static int send_text(struct rig *rig, void *client, const char *text)
{
    return rig->handler.message(client, text, strlen(text));
}

static void test_ten_batches_a_second(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 1 << 16);
    void *client = open_client(&rig);
    int batches = 0, frames = 0;
    /* Asked every 7 ms for ten seconds, with something new each time. */
    for (int i = 0; i < 10000 / 7; i++, rig.now_ns += 7 * MS) {
        put_event(&rig);
        int taken = take_all(&rig, client);
        batches += taken > 0;
        frames += taken;
        assert_int_equal(rig.handler.tick(client, rig.now_ns), 0);
    }
    assert_in_range(batches, 95, 101);
    assert_in_range(frames, 10000 / 7 - 20, 10000 / 7);
    rig.handler.close(client);
    erg_ring_free(rig.ring);
}

/* The first frame behind a pause does not wait. */
static void test_no_delay_after_a_pause(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 1 << 16);
    void *client = open_client(&rig);
    for (int i = 0; i < 5; i++) {
        rig.now_ns += 1000 * MS;
        assert_int_equal(take_all(&rig, client), 0);
        put_event(&rig);
        assert_int_equal(take_all(&rig, client), 1);
        put_event(&rig);
        assert_int_equal(take_all(&rig, client), 0);
        rig.now_ns += 100 * MS;
        assert_int_equal(take_all(&rig, client), 1);
    }
    rig.handler.close(client);
    erg_ring_free(rig.ring);
}

static void test_state_is_conflated(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 1 << 16);
    void *client = open_client(&rig);
    for (int i = 0; i < 50; i++)
        put_state(&rig);
    assert_int_equal(take_all(&rig, client), 1);
    rig.handler.close(client);
    erg_ring_free(rig.ring);
}

static void test_messages(void **state)
{
    static const char *const wrong[] = {
        "",
        "x",
        "[]",
        "{}",
        "7",
        "{\"since_seq\":-1}",
        "null",
        "{",
        "{\"since_seq\":1.5}",
        "\"\"",
        "[1",
        "{\"since_seq\":\"1\"}",
        "{\"since_seq\":1,\"since_seq\":2}",
        "{\"since_seq\":1,\"more\":2}",
        "{\"since_seq\":99999999999999999999999}",
        "{\"since_seq\":null}",
        "\xff\xfe",
    };
    (void)state;
    struct rig rig;
    rig_init(&rig, 1 << 16);
    void *client = open_client(&rig);
    for (size_t i = 0; i < ERG_COUNT(wrong); i++)
        assert_int_equal(send_text(&rig, client, wrong[i]), ERG_CLOSE_POLICY);
    for (int i = 0; i < 5; i++)
        put_event(&rig);
    assert_int_equal(take_all(&rig, client), 5);
    rig.now_ns += 100 * MS;
    /* The first time that is what it has already; then it is what it wants. */
    assert_int_equal(send_text(&rig, client, " {\"since_seq\": 3}\n"), 0);
    assert_int_equal(take_all(&rig, client), 0);
    assert_int_equal(send_text(&rig, client, "{\"since_seq\": 3}"), 0);
    assert_int_equal(take_all(&rig, client), 2);
    rig.now_ns += 100 * MS;
    assert_int_equal(send_text(&rig, client, "{\"since_seq\":0}"), 0);
    assert_int_equal(take(&rig, client, 2), 2);
    /* Again in the middle of a batch. */
    assert_int_equal(send_text(&rig, client, "{\"since_seq\":9223372036854775807}"), 0);
    rig.now_ns += 100 * MS;
    assert_int_equal(take_all(&rig, client), 5);
    rig.handler.close(client);
    erg_ring_free(rig.ring);
}

/* A client that asks to be sent everything again and again gets it ten times a second at most. */
static void test_storm_of_resumes(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 1 << 16);
    void *client = open_client(&rig);
    int frames = 0;
    for (int i = 0; i < 10; i++)
        put_event(&rig);
    for (int i = 0; i < 1000; i++, rig.now_ns += MS) {
        assert_int_equal(send_text(&rig, client, "{\"since_seq\":0}"), 0);
        frames += take_all(&rig, client);
    }
    assert_in_range(frames, 90, 110);
    rig.handler.close(client);
    erg_ring_free(rig.ring);
}

/* Asked every 50 ms or not at all: who takes nothing for ten seconds is cut off. */
static void test_cut_off(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 1 << 16);
    int64_t begun_ns = rig.now_ns;
    void *stuck = rig.handler.open(rig.handler.user), *slow = open_client(&rig);
    int rc = 0;
    for (int i = 0; rc == 0; i++) {
        rig.now_ns += 50 * MS;
        put_event(&rig);
        rc = rig.handler.tick(stuck, rig.now_ns);
        assert_int_equal(rig.handler.tick(slow, rig.now_ns), 0);
        if (i % 190 == 0)
            take(&rig, slow, 1); /* a frame in nine seconds is reading */
    }
    assert_int_equal(rc, ERG_CLOSE_TOO_SLOW);
    assert_in_range(rig.now_ns - begun_ns, 9900 * MS, 10100 * MS);
    /* A machine that slept for an hour is no reason. */
    rig.now_ns += 3600 * 1000 * MS;
    assert_int_equal(rig.handler.tick(slow, rig.now_ns), 0);
    rig.handler.close(stuck);
    rig.handler.close(slow);
    erg_ring_free(rig.ring);
}

/* A client that comes back says so at once; it is not sent what it has, nor kept waiting. */
static void test_coming_back(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 1 << 16);
    erg_ring_begin_run(rig.ring);
    for (int i = 0; i < 10; i++)
        put_event(&rig);
    void *quick = rig.handler.open(rig.handler.user), *late = rig.handler.open(rig.handler.user);
    assert_int_equal(take_all(&rig, quick), 0);
    assert_int_equal(send_text(&rig, quick, "{\"since_seq\":8}"), 0);
    assert_int_equal(take_all(&rig, quick), 2);
    rig.now_ns += 100 * MS;
    assert_int_equal(take(&rig, late, 5), 5);
    assert_int_equal(send_text(&rig, late, "{\"since_seq\":8}"), 0);
    assert_int_equal(take_all(&rig, late), 2);
    rig.handler.close(quick);
    rig.handler.close(late);
    erg_ring_free(rig.ring);
}

static void test_watchers_are_counted(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 1 << 16);
    assert_false(erg_ring_is_watched(rig.ring, rig.now_ns));
    void *client = open_client(&rig);
    assert_true(erg_ring_is_watched(rig.ring, rig.now_ns));
    rig.handler.close(client);
    assert_true(erg_ring_is_watched(rig.ring, rig.now_ns));
    assert_false(erg_ring_is_watched(rig.ring, rig.now_ns + 31000 * MS));
    erg_ring_free(rig.ring);
}

/* --- any pace of writing and reading ------------------------------------------------------------
 */

enum { CLIENTS = 8, STEPS = 2000 };

/* A reader: everything up to `seen` has come, but for state. */
struct reader {
    void *client;
    uint64_t seen, events, lost;
    bool closed;
};

static void take_random(struct rig *rig, struct reader *reader, const bool *is_event,
                        uint64_t *random)
{
    struct erg_buf out = {0};
    for (uint64_t most = 1 + test_below(random, 40); most; most--) {
        erg_buf_clear(&out);
        if (rig->handler.next(reader->client, rig->now_ns, &out) != 1)
            break;
        uint64_t seq = live_number(out.data, "seq"), from = seq;
        if (live_is(out.data, "gap"))
            from = live_number(out.data, "from");
        assert_true(seq > reader->seen);
        for (uint64_t i = reader->seen + 1; i < from; i++)
            assert_false(is_event[i]); /* passed over without a word */
        reader->events += live_is(out.data, "event");
        for (uint64_t i = from; live_is(out.data, "gap") && i <= seq; i++)
            reader->lost += is_event[i];
        reader->seen = seq;
    }
    erg_buf_deinit(&out);
}

static void test_random_paces(void **state)
{
    (void)state;
    static bool is_event[STEPS * 40];
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct rig rig;
        struct reader readers[CLIENTS] = {0};
        uint64_t random = seed, events = 0;
        memset(is_event, 0, sizeof is_event);
        rig_init(&rig, 3000 + test_below(&random, 30000));
        for (int c = 0; c < CLIENTS; c++)
            readers[c].client = open_client(&rig);
        for (int step = 0; step < STEPS; step++) {
            rig.now_ns += (int64_t)test_below(&random, 60) * MS;
            for (uint64_t n = test_below(&random, 30); n; n--) {
                bool event = test_below(&random, 3) != 0;
                is_event[erg_ring_newest(rig.ring) + 1] = event;
                events += event;
                if (event)
                    put_event(&rig);
                else
                    put_state(&rig);
            }
            /* Client c is asked in one of c + 1 steps. */
            for (int c = 0; c < CLIENTS; c++) {
                if (test_below(&random, (uint64_t)c * 3 + 1) == 0)
                    take_random(&rig, &readers[c], is_event, &random);
            }
        }
        for (int c = 0; c < CLIENTS; c++) {
            for (uint64_t before = 0; readers[c].seen > before || before == 0;) {
                before = readers[c].seen;
                rig.now_ns += 200 * MS;
                for (int i = 0; i < 500; i++)
                    take_random(&rig, &readers[c], is_event, &random);
            }
            assert_int_equal(readers[c].events + readers[c].lost, events);
            assert_true(readers[c].events > 0);
            rig.handler.close(readers[c].client);
        }
        assert_true(readers[CLIENTS - 1].lost > 0);
        erg_ring_free(rig.ring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_batches_a_second), cmocka_unit_test(test_no_delay_after_a_pause),
        cmocka_unit_test(test_state_is_conflated),   cmocka_unit_test(test_messages),
        cmocka_unit_test(test_storm_of_resumes),     cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_coming_back),          cmocka_unit_test(test_watchers_are_counted),
        cmocka_unit_test(test_random_paces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
