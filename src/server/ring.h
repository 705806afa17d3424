/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_RING_H
#define ERG_SERVER_RING_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The live stream between those who run and those who watch: one ring of finished frames, shared by
 * all. A frame has a sequence number; a reader is nothing but a cursor, so a thousand of them cost
 * no copies, and a writer never waits for one.
 *
 * Events (tokens, sections, samples of power, begin and end of runs) are kept, within the ring's
 * bytes, until newer ones need the room; a reader that comes too late for some is given a frame
 * `gap {from, to}` in their place. Of state (progress, metrics of the newest pass) there is only
 * the newest: numbers of state that was replaced are left out without a gap.
 *
 * Any thread may call any function.
 */
struct erg_ring;

enum erg_frame_kind {
    ERG_FRAME_EVENT,
    ERG_FRAME_PROGRESS, /* from here on state */
    ERG_FRAME_LAYERS,
    ERG_FRAME_COMPONENTS,
    ERG_FRAME_OPERATIONS,
    ERG_FRAME_KINDS,
};

/*
 * `first_seq` (≥ 1) numbers the first frame. A server that begins each of its lives with a greater
 * one, such as the time in microseconds, gives a number never twice: cursors of an earlier life
 * then are ancient ones.
 */
int erg_ring_new(struct erg_ring **out, size_t max_bytes, uint64_t first_seq, struct erg_err *err);
void erg_ring_free(struct erg_ring *ring);

/* --- writing ---------------------------------------------------------------------------------- */

/*
 * Is there anybody to write for: a reader, or one that left less than 30 s ago and may come back?
 * Else events are passed with erg_ring_skip(), which costs next to nothing, and state needs no
 * call.
 */
bool erg_ring_is_watched(const struct erg_ring *ring, int64_t now_ns);

/*
 * Put a frame: `json` is an object with at least one member; its member "seq" is added. What cannot
 * be kept, for want of memory or because it is greater than a quarter of the ring, is skipped.
 */
void erg_ring_put(struct erg_ring *ring, enum erg_frame_kind kind, const char *json, size_t len);

/* An event that nobody has written: a gap for whoever reads there later. */
void erg_ring_skip(struct erg_ring *ring);

/* A run begins: state of the one before is dropped, and readers that come start here. */
void erg_ring_begin_run(struct erg_ring *ring);
void erg_ring_end_run(struct erg_ring *ring);

/* --- reading ---------------------------------------------------------------------------------- */

/*
 * A reader's cursor is the number up to which it has seen everything. One comes, at the beginning
 * of the run that goes on or else at the end; and one goes.
 */
uint64_t erg_ring_join(struct erg_ring *ring);
void erg_ring_leave(struct erg_ring *ring, int64_t now_ns);

/*
 * The cursor of a reader that says it has seen everything up to `since`: 0 stands for nothing, and
 * so does a number that was not given out yet.
 */
uint64_t erg_ring_resume(struct erg_ring *ring, uint64_t since);

/* Number of the newest frame. */
uint64_t erg_ring_newest(struct erg_ring *ring);

/*
 * The next frame behind the cursor whose number is at most `until`: true, its text appended to
 * `out` and the cursor moved behind it; or a gap. False when there is none.
 */
bool erg_ring_next(struct erg_ring *ring, uint64_t *cursor, uint64_t until, struct erg_buf *out);

/* Bytes that the frames take at present, for tests and benchmarks. */
size_t erg_ring_bytes(struct erg_ring *ring);

#endif
