/* SPDX-License-Identifier: MIT */
#include "server/live_reader.h"
#include "server/queue_rig.h"

#include "server/live_client.h"

#include <stdatomic.h>

/*
 * Every allocation fails once, while a run is asked for, made, streamed and read: an answer or a
 * failure, no crash, nothing leaked; and of what was streamed nothing is missing without a word.
 */
void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);

static atomic_llong allowed = INT64_MAX; /* allocations until one fails */
static atomic_bool failed;

void *__wrap_erg_realloc(void *block, size_t bytes)
{
    if (atomic_fetch_sub(&allowed, 1) == 0) {
        failed = true;
        return NULL;
    }
    return __real_erg_realloc(block, bytes);
}

/* True while failing the k-th allocation of `what` still fails something. */
static bool fails_at(long long k, void (*what)(void *user), void *user)
{
    failed = false;
    allowed = k;
    what(user);
    allowed = INT64_MAX;
    return failed;
}

static const char body[] = "{\"model_name\":\"tales\",\"prompt\":\"x\",\"tags\":[\"a\"],"
                           "\"experiment_name\":\"e\",\"profiling_depth\":\"deep\"}";

static void parse_once(void *user)
{
    const struct queue_rig *rig = user;
    struct erg_run_request *request = NULL;
    struct erg_run_fault fault;
    struct erg_err err = {0};
    int rc = erg_run_request_parse(&request, &rig->rules, body, sizeof body - 1, &fault, &err);
    assert_true(rc == 0 || err.text[0] != '\0');
    erg_run_request_free(request);
}

static void test_requests(void **state)
{
    (void)state;
    struct queue_rig rig;
    queue_rig_init(&rig, "");
    long long k = 0;
    while (fails_at(k, parse_once, &rig))
        k++;
    assert_true(k > 5);
    queue_rig_deinit(&rig);
}

/* --- ring and client -----------------------------------------------------------------------------
 */

struct stream {
    struct erg_ring *ring;
    struct erg_live_stream live;
    struct erg_ws_handler handler;
    uint64_t seen;
    int events, missing;
};

static int64_t hours_ns(void *user)
{
    return *(int64_t *)user += INT64_C(3600000000000);
}

/* 40 events through a small ring, read in between; a client that is closed comes back. */
static void stream_once(void *user)
{
    struct stream *stream = user;
    static const char event[] = "{\"type\":\"event\"}", progress[] = "{\"type\":\"state\"}";
    int64_t now_ns = 0;
    const struct erg_clock clock = {.now_ns = hours_ns, .user = &now_ns};
    *stream = (struct stream){0};
    if (erg_ring_new(&stream->ring, 2000, 1, NULL))
        return;
    stream->live = (struct erg_live_stream){stream->ring, &clock};
    stream->handler = erg_live_handler(&stream->live);
    void *client = NULL;
    for (int i = 0; i < 44; i++) {
        struct erg_buf out = {0};
        int rc;
        erg_ring_put(stream->ring, ERG_FRAME_PROGRESS, progress, sizeof progress - 1);
        if (i < 40)
            erg_ring_put(stream->ring, ERG_FRAME_EVENT, event, sizeof event - 1);
        if (!client && (client = stream->handler.open(stream->handler.user))) {
            char resume[64];
            snprintf(resume, sizeof resume, "{\"since_seq\":%d}", (int)stream->seen);
            assert_int_equal(stream->handler.message(client, resume, strlen(resume)), 0);
        }
        while (client && (rc = stream->handler.next(client, hours_ns(&now_ns), &out))) {
            if (rc != 1) {
                assert_int_equal(rc, ERG_CLOSE_INTERNAL);
                stream->handler.close(client);
                client = NULL;
                break;
            }
            uint64_t seq = live_number(out.data, "seq");
            assert_true(seq > stream->seen);
            stream->events += live_is(out.data, "event");
            if (live_is(out.data, "gap"))
                stream->missing += (int)(seq - live_number(out.data, "from") + 1);
            stream->seen = seq;
            erg_buf_clear(&out);
        }
        erg_buf_deinit(&out);
    }
    assert_true(stream->events + stream->missing >= 40);
    if (client)
        stream->handler.close(client);
    erg_ring_free(stream->ring);
}

static void test_stream(void **state)
{
    (void)state;
    struct stream stream;
    long long k = 0;
    while (fails_at(k, stream_once, &stream))
        k++;
    assert_true(k > 80);
    assert_int_equal(stream.events, 40);
    assert_int_equal(stream.missing, 0);
}

/* --- a run ---------------------------------------------------------------------------------------
 */

static const char script[] = "run_begin {}\n"
                             "section pre_inference tokenization 1ms\n"
                             "pass prefill tokens=2 duration=10ms stats\n"
                             "token 5 \"x\"\ntoken 5 \"y\"\n"
                             "pass decode duration=10ms deep stats\ntoken 6 \"z\"\n"
                             "run_end\n";

static void run_once(void *user)
{
    struct queue_rig *rig = user;
    struct erg_run_request *request = NULL;
    struct erg_run_fault fault;
    struct erg_ticket *ticket = NULL;
    struct erg_run_outcome outcome = {0};
    struct erg_err err = {0};
    struct erg_buf out = {0};
    char id[40];
    int tokens = 0, gaps = 0;
    uint64_t cursor = erg_ring_newest(rig->ring);
    if (erg_run_request_parse(&request, &rig->rules, body, sizeof body - 1, &fault, &err))
        return;
    if (erg_queue_add(rig->queue, request, id, &ticket, &err)) {
        erg_run_request_free(request);
        return;
    }
    erg_queue_wait(rig->queue, ticket, &outcome);
    allowed = INT64_MAX;
    while (erg_ring_next(rig->ring, &cursor, UINT64_MAX, &out)) {
        tokens += live_is(out.data, "token_complete");
        gaps += live_is(out.data, "gap");
        erg_buf_clear(&out);
    }
    assert_true(outcome.status[0] != '\0');
    if (strcmp(outcome.status, "complete") == 0)
        assert_true(tokens == 3 || gaps > 0);
    erg_buf_deinit(&out);
    erg_run_outcome_deinit(&outcome);
}

static void test_runs(void **state)
{
    (void)state;
    struct queue_rig rig;
    queue_rig_init(&rig, script);
    rig.options.warm_ns = INT64_C(600000000000);
    queue_rig_open(&rig);
    uint64_t cursor = erg_ring_join(rig.ring);
    assert_int_equal(cursor, 0);
    /* The store's thread allocates when it likes, so a run may not come to its k-th allocation. */
    int unharmed = 0;
    for (long long k = 0; unharmed < 3; k += 1 + k / 60)
        unharmed = fails_at(k, run_once, &rig) ? 0 : unharmed + 1;
    queue_rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
