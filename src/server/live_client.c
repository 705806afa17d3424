/* SPDX-License-Identifier: MIT */
#include "server/live_client.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_NS    INT64_C(100000000)
#define PATIENCE_NS INT64_C(10000000000)

/* A tick that is later than this says that the server stood still, not that the client did. */
#define LONGEST_TICK_NS INT64_C(500000000)

struct client {
    const struct erg_live_stream *stream;
    uint64_t cursor;
    uint64_t joined; /* where it began */
    bool resumed;    /* it has said where to go on */
    bool in_batch;
    uint64_t until; /* newest number of the batch */
    int64_t next_batch_ns;
    int64_t last_tick_ns;
    int64_t stuck_ns; /* how long it has not been asked for frames */
};

static void *on_open(void *user)
{
    const struct erg_live_stream *stream = user;
    struct client *client = erg_calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->stream = stream;
    client->last_tick_ns = erg_clock_now_ns(stream->clock);
    client->next_batch_ns = client->last_tick_ns + BATCH_NS; /* it may want to say where to go on */
    client->cursor = client->joined = erg_ring_join(stream->ring);
    return client;
}

static void on_close(void *user)
{
    struct client *client = user;
    erg_ring_leave(client->stream->ring, erg_clock_now_ns(client->stream->clock));
    free(client);
}

/* {"since_seq": N} and nothing else. */
static bool parse_resume(const char *text, size_t len, uint64_t *out_since)
{
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *since = json_object_get(json, "since_seq");
    bool good = json_is_object(json) && json_object_size(json) == 1 && json_is_integer(since) &&
                json_integer_value(since) >= 0;
    if (good)
        *out_since = (uint64_t)json_integer_value(since);
    json_decref(json);
    return good;
}

static int on_message(void *user, const char *text, size_t len)
{
    struct client *client = user;
    uint64_t since;
    if (!parse_resume(text, len, &since))
        return ERG_CLOSE_POLICY;
    uint64_t cursor = erg_ring_resume(client->stream->ring, since);
    /* What it has been sent before it was heard need not come again. */
    bool is_behind = !client->resumed && cursor >= client->joined && cursor < client->cursor;
    if (!is_behind)
        client->cursor = cursor;
    if (!client->resumed)
        client->next_batch_ns = INT64_MIN;
    client->resumed = true;
    client->in_batch = false;
    return 0;
}

/* Batches begin on a grid of 100 ms, from which a tick that comes late does not lead away. */
static void begin_batch(struct client *client, int64_t now_ns)
{
    client->in_batch = true;
    if (client->next_batch_ns > now_ns - BATCH_NS)
        client->next_batch_ns += BATCH_NS;
    else
        client->next_batch_ns = now_ns + BATCH_NS;
}

static int on_next(void *user, int64_t now_ns, struct erg_buf *out)
{
    struct client *client = user;
    struct erg_ring *ring = client->stream->ring;
    client->stuck_ns = 0;
    if (!client->in_batch) {
        if (now_ns < client->next_batch_ns)
            return 0;
        client->until = erg_ring_newest(ring);
    }
    bool any = erg_ring_next(ring, &client->cursor, client->until, out);
    if (!any)
        client->in_batch = false;
    else if (!client->in_batch)
        begin_batch(client, now_ns);
    if (erg_buf_status(out))
        return ERG_CLOSE_INTERNAL; /* never without a frame that it believes to have sent */
    return any ? 1 : 0;
}

static int on_tick(void *user, int64_t now_ns)
{
    struct client *client = user;
    int64_t passed_ns = now_ns - client->last_tick_ns;
    client->last_tick_ns = now_ns;
    client->stuck_ns += passed_ns < LONGEST_TICK_NS ? passed_ns : LONGEST_TICK_NS;
    return client->stuck_ns >= PATIENCE_NS ? ERG_CLOSE_TOO_SLOW : 0;
}

struct erg_ws_handler erg_live_handler(struct erg_live_stream *stream)
{
    return (struct erg_ws_handler){
        .path = "/ws/profiling",
        .user = stream,
        .open = on_open,
        .message = on_message,
        .next = on_next,
        .tick = on_tick,
        .close = on_close,
    };
}
