/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_FEED_H
#define ERG_SERVER_FEED_H

#include "base/clock.h"
#include "record/session.h"
#include "server/ring.h"
#include "server/sensors.h"

#include <stdatomic.h>

/*
 * From a run to the ring: an observer of the run that writes frames while somebody watches, and
 * only begin, end and sections while nobody does. Tokens and sections are frames of their own;
 * samples are put together, and of metrics and progress there is the newest, ten times a second.
 *
 * One run at a time, all on the thread that makes it but erg_feed_state() and erg_feed_sensors().
 */
struct erg_feed;

/* The run; borrowed until erg_feed_end(). */
struct erg_feed_run {
    const struct erg_run_options *options; /* id, model_name and prompt included */
    int64_t layers;                        /* of the model; 0 = not known */
    /* Asked by whoever makes the run; true once it is to end. */
    const atomic_bool *cancelled, *interrupted;
};

int erg_feed_new(struct erg_feed **out, struct erg_ring *ring, const struct erg_clock *clock,
                 struct erg_err *err);
void erg_feed_free(struct erg_feed *feed);

/* A run is going to be made; `out_observer` is to be handed to it. */
void erg_feed_begin(struct erg_feed *feed, const struct erg_feed_run *run,
                    struct erg_run_observer *out_observer);

/* It has ended, with the summary (NULL: it never began) and, unless it is complete or cancelled,
 * the reason. */
void erg_feed_end(struct erg_feed *feed, const char *status, const char *failure,
                  const char *summary_json);

/* What the run is doing, in static words ("loading model"), and tokens evaluated so far. */
struct erg_feed_state {
    const char *stage;
    int64_t tokens;
};
struct erg_feed_state erg_feed_state(const struct erg_feed *feed);

/* The power sources so far, `room` at most; how many. */
size_t erg_feed_sensors(struct erg_feed *feed, struct erg_sensor_state *out, size_t room);

#endif
