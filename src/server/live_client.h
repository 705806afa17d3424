/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_LIVE_CLIENT_H
#define ERG_SERVER_LIVE_CLIENT_H

#include "base/clock.h"
#include "server/http.h"
#include "server/ring.h"

/*
 * A client of the live stream: one text frame per event, in at most ten batches a second. A batch
 * is what the ring has when it begins: every event, and of state the newest. A client whose socket
 * takes nothing for 10 s is cut off with ERG_CLOSE_TOO_SLOW.
 */
enum {
    ERG_CLOSE_POLICY = 1008,   /* it sent something else than {"since_seq": N} */
    ERG_CLOSE_INTERNAL = 1011, /* no memory for a frame */
    ERG_CLOSE_TOO_SLOW = 4008, /* it does not read */
};

struct erg_live_stream {
    struct erg_ring *ring;
    const struct erg_clock *clock;
};

/* The WebSocket of the live stream; `stream` is borrowed. */
struct erg_ws_handler erg_live_handler(struct erg_live_stream *stream);

#endif
