/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_QUEUE_H
#define ERG_SERVER_QUEUE_H

#include "base/jsonw.h"
#include "server/run_maker.h"
#include "server/sensors.h"

/*
 * The queue of runs: one is made at a time, for two would share the joules of one machine. A thread
 * of its own makes them, one after the other, and keeps the engine process warm between runs of one
 * model, so that the second does not pay for loading; when nothing has been asked of it for a while
 * the engine is ended. An engine that crashes is a run that failed, and nothing else.
 *
 * Any thread may call any function; none but erg_queue_wait() and erg_queue_close() waits for a
 * run.
 */
struct erg_queue;

struct erg_queue_options {
    struct erg_run_maker_options maker;
    int64_t warm_ns;    /* how long an engine is kept when there is nothing to do */
    size_t max_waiting; /* more are refused */
};

/* Everything in `options` is borrowed. */
int erg_queue_open(struct erg_queue **out, const struct erg_queue_options *options,
                   struct erg_err *err);

/*
 * Take nothing more, end what is being done: the run that goes on is kept as `interrupted`, its
 * engine killed; runs that wait are given up. Returns at once.
 */
void erg_queue_stop(struct erg_queue *queue);

/*
 * Stop, wait until all is done, and free; false when `patience_ms` were not enough: the run is then
 * left to what the next start does with it, and the queue not freed. Nobody may be in
 * erg_queue_wait() any more. Accepts NULL.
 */
bool erg_queue_close(struct erg_queue *queue, int patience_ms);

/* A run that has been taken, for whoever waits for it. */
struct erg_ticket;

/*
 * Take a run, and the request with it, whose id is now set. With `out_ticket` the caller has to
 * call erg_queue_wait(). LIMIT: too many wait already; GONE: the server is ending; the request is
 * then still the caller's.
 */
int erg_queue_add(struct erg_queue *queue, struct erg_run_request *request, char out_id[40],
                  struct erg_ticket **out_ticket, struct erg_err *err);

/* Wait for the end of a run, and say how it was (released by the caller). Uses up the ticket. */
void erg_queue_wait(struct erg_queue *queue, struct erg_ticket *ticket,
                    struct erg_run_outcome *out);

/*
 * Cancel a run: one that waits is taken out ("cancelled"), one that goes on is told to end
 * ("cancelling"). NOT_FOUND: there is no such run here; INVALID: it has ended.
 */
int erg_queue_cancel(struct erg_queue *queue, const char *id, const char **out_status,
                     struct erg_err *err);

/* The members of the object that GET /queue answers: the run that goes on first, then in order. */
void erg_queue_write(struct erg_queue *queue, struct erg_jsonw *w);

/*
 * What is known here of a run that the store does not have: it waits, is being loaded for, or has
 * ended before it began (the last few of these are remembered). An object in the form of a summary;
 * false when the queue does not know it.
 */
bool erg_queue_describe(struct erg_queue *queue, const char *id, struct erg_jsonw *w);

/* The power sources of the runs made so far, `room` at most; how many. */
size_t erg_queue_sensors(struct erg_queue *queue, struct erg_sensor_state *out, size_t room);

/* Whether the run waits or goes on. */
bool erg_queue_has(struct erg_queue *queue, const char *id);

#endif
