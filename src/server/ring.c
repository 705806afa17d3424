/* SPDX-License-Identifier: MIT */
#include "server/ring.h"

#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* How long after the last reader has left frames are still made, for one that comes back. */
#define LINGER_NS INT64_C(30000000000)

enum { LARGEST_PART = 4 };

/* The lock is held for looking up and for the list of entries; texts are made, copied and freed
 * outside. */
struct frame {
    struct frame *next; /* of those that leave the ring together */
    atomic_int users;   /* the ring, and those who are copying it */
    size_t len;
    char text[];
};

/* One event; or, with `frame` NULL, the numbers `from` … `to` that nobody has written. */
struct entry {
    uint64_t from, to;
    struct frame *frame;
};

struct state {
    uint64_t seq;
    struct frame *frame; /* NULL = none */
};

struct erg_ring {
    size_t max_bytes;
    uint64_t first_seq;
    atomic_int readers;
    _Atomic int64_t linger_until_ns;

    pthread_mutex_t lock; /* guards what follows */
    struct entry *entries;
    size_t capacity, first, count; /* a power of two; entry i is at (first + i) % capacity */
    size_t bytes;
    uint64_t next_seq;
    uint64_t lost_to; /* everything up to here has left the ring */
    struct state state[ERG_FRAME_KINDS];
    uint64_t run_seq; /* first number of the run that goes on; 0 = none does */
};

int erg_ring_new(struct erg_ring **out, size_t max_bytes, uint64_t first_seq, struct erg_err *err)
{
    struct erg_ring *ring = erg_calloc(1, sizeof *ring);
    assert(first_seq >= 1);
    if (!ring)
        return erg_fail(err, ERG_NOMEM, "no memory for the live stream");
    pthread_mutex_init(&ring->lock, NULL);
    ring->max_bytes = max_bytes;
    ring->first_seq = ring->next_seq = first_seq;
    ring->lost_to = first_seq - 1;
    atomic_init(&ring->linger_until_ns, INT64_MIN);
    *out = ring;
    return 0;
}

static void release(struct frame *frame)
{
    if (frame && atomic_fetch_sub(&frame->users, 1) == 1)
        free(frame);
}

static void release_all(struct frame *frame)
{
    while (frame) {
        struct frame *next = frame->next;
        release(frame);
        frame = next;
    }
}

static struct entry *entry_at(const struct erg_ring *ring, size_t i)
{
    return &ring->entries[(ring->first + i) & (ring->capacity - 1)];
}

void erg_ring_free(struct erg_ring *ring)
{
    if (!ring)
        return;
    for (size_t i = 0; i < ring->count; i++)
        release(entry_at(ring, i)->frame);
    for (size_t k = 0; k < ERG_FRAME_KINDS; k++)
        release(ring->state[k].frame);
    pthread_mutex_destroy(&ring->lock);
    free(ring->entries);
    free(ring);
}

/* --- writing; functions without a lock of their own are called with it --------------------------
 */

static size_t frame_bytes(const struct frame *frame)
{
    return frame ? sizeof *frame + frame->len : 0;
}

/* The oldest entry leaves the ring; its frame goes to the list `gone`. */
static void drop_oldest(struct erg_ring *ring, struct frame **gone)
{
    struct entry oldest = *entry_at(ring, 0);
    ring->lost_to = oldest.to;
    ring->bytes -= sizeof oldest + frame_bytes(oldest.frame);
    ring->first = (ring->first + 1) & (ring->capacity - 1);
    ring->count--;
    if (oldest.frame) {
        oldest.frame->next = *gone;
        *gone = oldest.frame;
    }
}

/* Room for one more entry of `need` bytes in all; false for want of memory. */
static bool make_room(struct erg_ring *ring, size_t need, struct frame **gone)
{
    while (ring->count && ring->bytes + need > ring->max_bytes)
        drop_oldest(ring, gone);
    if (ring->count < ring->capacity)
        return true;
    size_t capacity = ring->capacity ? ring->capacity * 2 : 64;
    struct entry *entries = erg_calloc(capacity, sizeof *entries);
    if (!entries)
        return false;
    for (size_t i = 0; i < ring->count; i++)
        entries[i] = *entry_at(ring, i);
    free(ring->entries);
    ring->entries = entries;
    ring->capacity = capacity;
    ring->first = 0;
    return true;
}

static bool append(struct erg_ring *ring, uint64_t seq, struct frame *frame, struct frame **gone)
{
    size_t need = sizeof(struct entry) + frame_bytes(frame);
    if (!make_room(ring, need, gone))
        return false;
    *entry_at(ring, ring->count++) = (struct entry){seq, seq, frame};
    ring->bytes += need;
    return true;
}

/* A number is passed: the gap at the end grows, or there is a new one. */
static void append_gap(struct erg_ring *ring, uint64_t seq, struct frame **gone)
{
    struct entry *last = ring->count ? entry_at(ring, ring->count - 1) : NULL;
    if (last && !last->frame)
        last->to = seq;
    else if (!last)
        ring->lost_to = seq;
    else if (!append(ring, seq, NULL, gone)) {
        while (ring->count)
            drop_oldest(ring, gone);
        ring->lost_to = seq;
    }
}

static struct frame *make_frame(const char *json, size_t len)
{
    struct frame *frame = erg_realloc(NULL, sizeof *frame + len);
    if (!frame)
        return NULL;
    frame->next = NULL;
    atomic_init(&frame->users, 1);
    frame->len = len;
    memcpy(frame->text, json, len);
    return frame;
}

bool erg_ring_is_watched(const struct erg_ring *ring, int64_t now_ns)
{
    return atomic_load(&ring->readers) > 0 || now_ns < atomic_load(&ring->linger_until_ns);
}

void erg_ring_put(struct erg_ring *ring, enum erg_frame_kind kind, const char *json, size_t len)
{
    struct frame *gone = NULL;
    assert(len > 2 && json[0] == '{');
    struct frame *frame = len <= ring->max_bytes / LARGEST_PART ? make_frame(json, len) : NULL;
    pthread_mutex_lock(&ring->lock);
    uint64_t seq = ring->next_seq++;
    if (kind != ERG_FRAME_EVENT && frame) {
        gone = ring->state[kind].frame;
        ring->state[kind] = (struct state){seq, frame};
    } else if (kind == ERG_FRAME_EVENT && !(frame && append(ring, seq, frame, &gone))) {
        append_gap(ring, seq, &gone);
        if (frame) {
            frame->next = gone;
            gone = frame;
        }
    }
    pthread_mutex_unlock(&ring->lock);
    release_all(gone);
}

void erg_ring_skip(struct erg_ring *ring)
{
    struct frame *gone = NULL;
    pthread_mutex_lock(&ring->lock);
    append_gap(ring, ring->next_seq++, &gone);
    pthread_mutex_unlock(&ring->lock);
    release_all(gone);
}

void erg_ring_begin_run(struct erg_ring *ring)
{
    struct frame *gone = NULL;
    pthread_mutex_lock(&ring->lock);
    ring->run_seq = ring->next_seq;
    for (size_t k = 0; k < ERG_FRAME_KINDS; k++) {
        struct frame *frame = ring->state[k].frame;
        if (!frame)
            continue;
        frame->next = gone;
        gone = frame;
        ring->state[k].frame = NULL;
    }
    pthread_mutex_unlock(&ring->lock);
    release_all(gone);
}

void erg_ring_end_run(struct erg_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->run_seq = 0;
    pthread_mutex_unlock(&ring->lock);
}

/* --- reading ---------------------------------------------------------------------------------- */

uint64_t erg_ring_join(struct erg_ring *ring)
{
    atomic_fetch_add(&ring->readers, 1);
    pthread_mutex_lock(&ring->lock);
    uint64_t cursor = (ring->run_seq ? ring->run_seq : ring->next_seq) - 1;
    pthread_mutex_unlock(&ring->lock);
    return cursor;
}

void erg_ring_leave(struct erg_ring *ring, int64_t now_ns)
{
    atomic_store(&ring->linger_until_ns, now_ns + LINGER_NS);
    atomic_fetch_sub(&ring->readers, 1);
}

uint64_t erg_ring_resume(struct erg_ring *ring, uint64_t since)
{
    bool nothing = since == 0 || since > erg_ring_newest(ring);
    return nothing ? ring->first_seq - 1 : since;
}

uint64_t erg_ring_newest(struct erg_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    uint64_t newest = ring->next_seq - 1;
    pthread_mutex_unlock(&ring->lock);
    return newest;
}

/* The first entry that ends behind `seen`, NULL when there is none. */
static const struct entry *find_entry(const struct erg_ring *ring, uint64_t seen)
{
    size_t low = 0, high = ring->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry_at(ring, middle)->to > seen)
            high = middle;
        else
            low = middle + 1;
    }
    return low < ring->count ? entry_at(ring, low) : NULL;
}

/* The oldest state that is newer than `seen`, NULL when there is none. */
static const struct state *find_state(const struct erg_ring *ring, uint64_t seen)
{
    const struct state *found = NULL;
    for (size_t k = 0; k < ERG_FRAME_KINDS; k++) {
        const struct state *state = &ring->state[k];
        if (state->frame && state->seq > seen && (!found || state->seq < found->seq))
            found = state;
    }
    return found;
}

/* The event or gap behind `seen`; nothing has `to` = 0. */
static struct entry next_event(const struct erg_ring *ring, uint64_t seen)
{
    if (seen < ring->lost_to)
        return (struct entry){seen + 1, ring->lost_to, NULL};
    const struct entry *found = find_entry(ring, seen);
    struct entry next = found ? *found : (struct entry){0};
    if (found && next.from <= seen)
        next.from = seen + 1; /* of a gap that has grown */
    return next;
}

/* What a reader gets next, `to` 0: nothing. A gap may have state in its middle: it then comes in
 * parts. */
static struct entry look_up(const struct erg_ring *ring, uint64_t seen, uint64_t until)
{
    struct entry next = next_event(ring, seen);
    const struct state *state = find_state(ring, seen);
    if (state && (!next.to || state->seq <= next.from))
        next = (struct entry){state->seq, state->seq, state->frame};
    else if (state && state->seq <= next.to)
        next.to = state->seq - 1;
    if (next.from > until)
        return (struct entry){0};
    if (next.to > until)
        next.to = until;
    return next;
}

bool erg_ring_next(struct erg_ring *ring, uint64_t *cursor, uint64_t until, struct erg_buf *out)
{
    pthread_mutex_lock(&ring->lock);
    struct entry next = look_up(ring, *cursor, until);
    if (next.frame)
        atomic_fetch_add(&next.frame->users, 1);
    pthread_mutex_unlock(&ring->lock);
    if (!next.to)
        return false;
    *cursor = next.to;
    if (next.frame) {
        erg_buf_printf(out, "{\"seq\":%" PRIu64 ",", next.to);
        erg_buf_append(out, next.frame->text + 1, next.frame->len - 1);
        release(next.frame);
    } else {
        erg_buf_printf(
            out, "{\"seq\":%" PRIu64 ",\"type\":\"gap\",\"from\":%" PRIu64 ",\"to\":%" PRIu64 "}",
            next.to, next.from, next.to);
    }
    return true;
}

size_t erg_ring_bytes(struct erg_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    size_t bytes = ring->bytes;
    for (size_t k = 0; k < ERG_FRAME_KINDS; k++)
        bytes += frame_bytes(ring->state[k].frame);
    pthread_mutex_unlock(&ring->lock);
    return bytes;
}
