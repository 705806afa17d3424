/* SPDX-License-Identifier: MIT */
#include "server/live_reader.h"
#include "server/queue_rig.h"

#include "server/client.h"
#include "server/live_client.h"

#include <pthread.h>
#include <stdatomic.h>

/* The live stream over real sockets: runs of the scripted engine, and clients of every temper. */

#define RUN "{\"model_name\":\"tales\",\"prompt\":\"x\"}"

enum { TOKENS = 400 };

static const char script[] = "run_begin {}\n"
                             "section pre_inference tokenization 1ms\n"
                             "pass prefill tokens=2 duration=10ms stats\n"
                             "token 5 \"x\"\ntoken 6 \"\\n\"\n"
                             "repeat 398\npass decode duration=1ms stats\ntoken 7 \"y\"\nend\n"
                             "run_end\n";

/* Slow enough that somebody can come and go meanwhile. */
static const char slow_script[] = "run_begin {}\nrealtime on\n"
                                  "pass prefill tokens=2 duration=10ms stats\n"
                                  "token 5 \"x\"\ntoken 6 \"\\n\"\n"
                                  "repeat 398\npass decode duration=2ms stats\ntoken 7 \"y\"\nend\n"
                                  "run_end\n";

/* A server with nothing but the stream, in which time may pass faster. */
struct live {
    struct queue_rig queue;
    struct erg_live_stream stream;
    struct erg_ws_handler inner, handler;
    atomic_int speed, open, too_slow;
    struct erg_http *http;
    pthread_t thread;
};

static void *on_open(void *user)
{
    struct live *live = user;
    atomic_fetch_add(&live->open, 1);
    return live->inner.open(live->inner.user);
}

/* One rig at a time: the callbacks of a client do not say which. */
static struct live *current;

static int on_message(void *client, const char *text, size_t len)
{
    return current->inner.message(client, text, len);
}

static int on_next(void *client, int64_t now_ns, struct erg_buf *out)
{
    return current->inner.next(client, now_ns * atomic_load(&current->speed), out);
}

static int on_tick(void *client, int64_t now_ns)
{
    int rc = current->inner.tick(client, now_ns * atomic_load(&current->speed));
    atomic_fetch_add(&current->too_slow, rc == ERG_CLOSE_TOO_SLOW);
    return rc;
}

static void on_close(void *client)
{
    atomic_fetch_sub(&current->open, 1);
    current->inner.close(client);
}

static void answer_nothing(void *user, struct erg_exchange *x)
{
    (void)user;
    erg_exchange_empty(x, 404);
}

static void *serve(void *user)
{
    assert_int_equal(erg_http_serve(user, NULL), 0);
    return NULL;
}

static void live_open(struct live *live, const char *text, size_t ring_bytes)
{
    memset(live, 0, sizeof *live);
    current = live;
    atomic_init(&live->speed, 1);
    queue_rig_init(&live->queue, text);
    erg_ring_free(live->queue.ring);
    assert_int_equal(erg_ring_new(&live->queue.ring, ring_bytes, 1, NULL), 0);
    live->queue.options.maker.ring = live->queue.ring;
    queue_rig_open(&live->queue);
    live->stream = (struct erg_live_stream){live->queue.ring, erg_clock_system()};
    live->inner = erg_live_handler(&live->stream);
    live->handler = (struct erg_ws_handler){.path = live->inner.path,
                                            .user = live,
                                            .open = on_open,
                                            .message = on_message,
                                            .next = on_next,
                                            .tick = on_tick,
                                            .close = on_close};
    struct erg_http_options options = {
        .host = "127.0.0.1", .handle = answer_nothing, .ws = &live->handler};
    assert_int_equal(erg_http_open(&live->http, &options, NULL), 0);
    assert_int_equal(pthread_create(&live->thread, NULL, serve, live->http), 0);
}

static void live_close(struct live *live)
{
    erg_http_stop(live->http);
    pthread_join(live->thread, NULL);
    assert_int_equal(erg_http_close(live->http, 5000), 0);
    queue_rig_deinit(&live->queue);
}

static void await(const atomic_int *counter, int value)
{
    for (int looks = 0; looks < 6000; looks++) {
        if (atomic_load(counter) == value)
            return;
        poll(NULL, 0, 10);
    }
    fail_msg("%d is not %d", atomic_load(counter), value);
}

static void watch(struct live *live, struct client *client)
{
    int before = atomic_load(&live->open);
    client_open(client, erg_http_port(live->http));
    assert_true(client_upgrade(client, "/ws/profiling", erg_http_port(live->http), ""));
    await(&live->open, before + 1);
}

static void send_text(struct client *client, const char *text)
{
    assert_true(client_frame(client, 0x81, text, strlen(text)));
}

/* The next text frame, to json_decref(). */
static json_t *next_frame(struct client *client)
{
    for (;;) {
        struct frame frame = client_next_frame(client);
        if (frame.first_byte == 0x81) {
            json_t *json = json_loadb(frame.payload, frame.len, JSON_REJECT_DUPLICATES, NULL);
            if (!json)
                fail_msg("no JSON: %s", frame.payload);
            free(frame.payload);
            return json;
        }
        free(frame.payload);
        assert_int_equal(frame.first_byte, 0x89); /* a ping */
    }
}

static const char *type_of(const json_t *frame)
{
    return json_string_value(json_object_get(frame, "type"));
}

static int64_t number(const json_t *frame, const char *key)
{
    return json_integer_value(json_object_get(frame, key));
}

/* Reading until a frame of a type, or so many tokens: each comes once and in order. */
struct reading {
    int64_t seq, next_token; /* index of the next token */
    int tokens, gaps;
    int64_t missing;
    bool may_repeat; /* at the beginning */
};

static void read_until(struct client *client, struct reading *reading, const char *type, int tokens)
{
    bool done = false;
    while (!done && (!tokens || reading->tokens < tokens)) {
        json_t *frame = next_frame(client);
        int64_t seq = number(frame, "seq");
        /* What was sent before the server had read since_seq is told apart by its number. */
        assert_true(seq > reading->seq || reading->may_repeat);
        if (seq <= reading->seq) {
            json_decref(frame);
            continue;
        }
        reading->may_repeat = false;
        reading->seq = seq;
        if (strcmp(type_of(frame), "token_complete") == 0) {
            int64_t index = number(frame, "index");
            assert_true(reading->gaps ? index >= reading->next_token
                                      : index == reading->next_token);
            reading->next_token = index + 1;
            reading->tokens++;
        } else if (strcmp(type_of(frame), "gap") == 0) {
            reading->gaps++;
            reading->missing += number(frame, "to") - number(frame, "from") + 1;
        }
        done = strcmp(type_of(frame), type) == 0;
        json_decref(frame);
    }
}

/* --- frames are rows
 * ------------------------------------------------------------------------------ */

struct against {
    struct client *client;
    int rows;
};

static int64_t micro(const json_t *frame, const char *key)
{
    return (int64_t)(json_number_value(json_object_get(frame, key)) * 1e6 + 0.5);
}

static int check_token(void *user, const struct erg_token_row *row)
{
    struct against *against = user;
    json_t *frame = next_frame(against->client);
    while (strcmp(type_of(frame), "token_complete") != 0) {
        assert_string_not_equal(type_of(frame), "gap");
        json_decref(frame);
        frame = next_frame(against->client);
    }
    assert_int_equal(number(frame, "index"), row->index);
    assert_int_equal(number(frame, "position"), row->position);
    assert_memory_equal(json_string_value(json_object_get(frame, "text")), row->text,
                        row->text_len);
    assert_int_equal(micro(frame, "duration_ms"), row->duration_ns);
    assert_int_equal(micro(frame, "energy_mj"), erg_energy_total_nj(&row->energy));
    json_decref(frame);
    against->rows++;
    return 0;
}

static void test_every_token_of_a_run(void **state)
{
    (void)state;
    struct live live;
    struct client clients[3];
    struct erg_run_outcome outcome = {0};
    struct erg_store *store = NULL;
    char id[40];
    live_open(&live, script, 1 << 22);
    for (size_t i = 0; i < ERG_COUNT(clients); i++)
        watch(&live, &clients[i]);
    queue_rig_run(&live.queue, RUN, id, &outcome);
    assert_string_equal(outcome.status, "complete");
    erg_run_outcome_deinit(&outcome);
    assert_int_equal(erg_store_open(&store, live.queue.store, ERG_STORE_READ, NULL, NULL), 0);
    for (size_t i = 0; i < ERG_COUNT(clients); i++) {
        struct against against = {&clients[i], 0};
        struct reading rest = {.next_token = TOKENS};
        assert_int_equal(erg_store_tokens(store, id, check_token, &against, NULL), 0);
        assert_int_equal(against.rows, TOKENS);
        read_until(&clients[i], &rest, "inference_complete", 0);
        client_close(&clients[i]);
    }
    erg_store_close(store);
    await(&live.open, 0);
    live_close(&live);
}

/* --- coming and going
 * ------------------------------------------------------------------------------ */

static void test_resume(void **state)
{
    (void)state;
    struct live live;
    struct client client;
    struct reading reading = {0};
    char id[40], text[64];
    live_open(&live, slow_script, 1 << 22);
    watch(&live, &client);
    assert_int_equal(queue_rig_add(&live.queue, RUN, id, NULL, NULL), 0);
    /* Away and back again, now politely, now not; never is a token lost or there twice. */
    for (int i = 0; i < 4; i++) {
        read_until(&client, &reading, "inference_complete", 20 + 60 * i);
        if (i % 2)
            client_reset(&client);
        else
            client_close(&client);
        await(&live.open, 0);
        watch(&live, &client);
        snprintf(text, sizeof text, "{\"since_seq\":%lld}", (long long)reading.seq);
        send_text(&client, text);
        reading.may_repeat = true;
    }
    read_until(&client, &reading, "inference_complete", 0);
    assert_int_equal(reading.tokens, TOKENS);
    assert_int_equal(reading.gaps, 0);
    client_close(&client);
    live_close(&live);
}

static void test_who_comes_late(void **state)
{
    (void)state;
    struct live live;
    struct client early, late;
    struct reading first = {0}, second = {0};
    char id[40];
    live_open(&live, slow_script, 1 << 22);
    watch(&live, &early);
    assert_int_equal(queue_rig_add(&live.queue, RUN, id, NULL, NULL), 0);
    read_until(&early, &first, "inference_complete", 50);
    watch(&live, &late);
    json_t *frame = next_frame(&late);
    assert_string_equal(type_of(frame), "run_started");
    assert_string_equal(json_string_value(json_object_get(frame, "run_id")), id);
    json_decref(frame);
    read_until(&late, &second, "inference_complete", 0);
    read_until(&early, &first, "inference_complete", 0);
    assert_int_equal(first.tokens, TOKENS);
    assert_int_equal(second.tokens, TOKENS);
    client_close(&early);
    client_close(&late);
    live_close(&live);
}

/* The ring has room for a few tokens only: the rest is a gap, and the end comes all the same. */
static void test_gap(void **state)
{
    (void)state;
    struct live live;
    struct client client;
    struct reading reading = {0};
    struct erg_run_outcome outcome = {0};
    char id[40];
    live_open(&live, script, 100000);
    watch(&live, &client);
    client_close(&client);
    await(&live.open, 0);
    queue_rig_run(&live.queue, RUN, id, &outcome); /* written down: somebody may come back */
    erg_run_outcome_deinit(&outcome);
    watch(&live, &client);
    send_text(&client, "{\"since_seq\":0}");
    read_until(&client, &reading, "inference_complete", 0);
    assert_int_equal(reading.gaps, 1);
    assert_in_range(reading.tokens, 1, TOKENS - 1);
    assert_true(reading.tokens + reading.missing >= TOKENS);
    client_close(&client);
    live_close(&live);
}

/* --- clients that do not behave
 * --------------------------------------------------------------------- */

static void test_wrong_messages(void **state)
{
    static const char *const texts[] = {"", "hello", "{\"since_seq\":\"now\"}", "[{}]"};
    (void)state;
    struct live live;
    live_open(&live, script, 1 << 20);
    for (size_t i = 0; i < ERG_COUNT(texts); i++) {
        struct client client;
        watch(&live, &client);
        send_text(&client, texts[i]);
        assert_int_equal(client_close_code(&client), ERG_CLOSE_POLICY);
        client_close(&client);
        await(&live.open, 0);
    }
    live_close(&live);
}

/*
 * One that never reads is cut off, one that does is not, and what the first was not sent takes no
 * memory but the ring's.
 */
static void test_never_reading(void **state)
{
    (void)state;
    struct live live;
    struct client deaf, reader;
    struct reading reading = {0};
    struct erg_buf event = {0};
    live_open(&live, script, 4 << 20);
    watch(&live, &deaf);
    watch(&live, &reader);
    erg_buf_puts(&event, "{\"type\":\"event\",\"text\":\"");
    for (int i = 0; i < 60000; i++)
        erg_buf_putc(&event, 'x');
    erg_buf_puts(&event, "\"}");
    /* More than the kernel keeps for a socket: by then the first one's is full. */
    atomic_store(&live.speed, 10);
    for (int round = 0; round < 25; round++) {
        for (int i = 0; i < 40; i++) {
            erg_ring_put(live.queue.ring, ERG_FRAME_EVENT, event.data, event.len);
            assert_true(erg_ring_bytes(live.queue.ring) <= 4 << 20);
        }
        while (reading.seq < (int64_t)erg_ring_newest(live.queue.ring))
            read_until(&reader, &reading, "event", 0);
        assert_int_equal(reading.gaps, 0);
    }
    erg_buf_deinit(&event);
    atomic_store(&live.speed, 200);
    await(&live.too_slow, 1);
    await(&live.open, 1);
    erg_ring_put(live.queue.ring, ERG_FRAME_EVENT, "{\"type\":\"last\"}", 15);
    read_until(&reader, &reading, "last", 0);
    client_close(&deaf);
    client_close(&reader);
    await(&live.open, 0);
    assert_int_equal(atomic_load(&live.too_slow), 1);
    live_close(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_token_of_a_run), cmocka_unit_test(test_resume),
        cmocka_unit_test(test_who_comes_late),       cmocka_unit_test(test_gap),
        cmocka_unit_test(test_wrong_messages),       cmocka_unit_test(test_never_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
