/* SPDX-License-Identifier: MIT */
#include "server/queue.h"

#include "base/mem.h"
#include "base/system.h"
#include "record/machine.h"
#include "server/frames.h"
#include "server/ticket.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REMEMBERED = 64 };

struct erg_queue {
    struct erg_queue_options options;
    pthread_t thread;
    struct erg_run_maker *maker; /* the thread's */
    atomic_bool interrupted;

    pthread_mutex_t lock;             /* guards what follows */
    pthread_cond_t work;              /* for the thread */
    pthread_cond_t done;              /* a run has ended, or the thread has */
    struct erg_ticket *first, **last; /* ended ones that are remembered, the running one, waiting */
    size_t waiting, remembered;
    bool stopping, thread_ended;
};

/* --- tickets; all of these are called with the lock ---------------------------------------------
 */

static struct erg_ticket *find(const struct erg_queue *queue, const char *id)
{
    struct erg_ticket *ticket = queue->first;
    while (ticket && strcmp(ticket->id, id) != 0)
        ticket = ticket->next;
    return ticket;
}

static struct erg_ticket *first_in(const struct erg_queue *queue, enum erg_ticket_state state)
{
    struct erg_ticket *ticket = queue->first;
    while (ticket && ticket->state != state)
        ticket = ticket->next;
    return ticket;
}

static void unlink_ticket(struct erg_queue *queue, struct erg_ticket *ticket)
{
    struct erg_ticket **at = &queue->first;
    while (*at != ticket)
        at = &(*at)->next;
    *at = ticket->next;
    if (queue->last == &ticket->next)
        queue->last = at;
    queue->remembered -= ticket->state == ERG_TICKET_ENDED;
}

/* Forget those that have ended, are not awaited, and are stored or too many; the oldest first. */
static void forget(struct erg_queue *queue)
{
    struct erg_ticket *next;
    for (struct erg_ticket *ticket = queue->first; ticket; ticket = next) {
        next = ticket->next;
        const struct erg_run_outcome *outcome = &ticket->outcome;
        bool can_go = ticket->state == ERG_TICKET_ENDED && !ticket->awaited;
        bool is_stored = outcome->began && !outcome->store_failure;
        if (!can_go || (!is_stored && queue->remembered <= MAX_REMEMBERED))
            continue;
        unlink_ticket(queue, ticket);
        erg_ticket_free(ticket);
    }
}

static void end_ticket(struct erg_queue *queue, struct erg_ticket *ticket, const char *status)
{
    queue->waiting -= ticket->state == ERG_TICKET_WAITING;
    queue->remembered++;
    ticket->state = ERG_TICKET_ENDED;
    snprintf(ticket->outcome.status, sizeof ticket->outcome.status, "%s", status);
    erg_run_request_free(ticket->request);
    ticket->request = NULL;
    pthread_cond_broadcast(&queue->done);
}

/* --- the thread ---------------------------------------------------------------------------------
 */

static void do_next(struct erg_queue *queue, struct erg_ticket *ticket)
{
    struct erg_run_outcome outcome = {0};
    ticket->state = ERG_TICKET_RUNNING;
    queue->waiting--;
    pthread_mutex_unlock(&queue->lock);
    erg_run_maker_run(queue->maker, ticket->request, &ticket->cancelled, &queue->interrupted,
                      &outcome);
    pthread_mutex_lock(&queue->lock);
    ticket->outcome = outcome;
    end_ticket(queue, ticket, outcome.status);
    if (!ticket->awaited) {
        free(ticket->outcome.summary_json);
        ticket->outcome.summary_json = NULL;
    }
    forget(queue);
}

/* With nothing to do: until there is, or the engine has been kept long enough. */
static void wait_for_work(struct erg_queue *queue, int64_t idle_since_ns)
{
    int64_t until_ns = idle_since_ns + queue->options.warm_ns;
    if (!erg_run_maker_is_warm(queue->maker)) {
        pthread_cond_wait(&queue->work, &queue->lock);
        return;
    }
    if (erg_system_cond_wait_until(&queue->work, &queue->lock, until_ns) != ETIMEDOUT)
        return;
    pthread_mutex_unlock(&queue->lock);
    erg_run_maker_rest(queue->maker, false);
    pthread_mutex_lock(&queue->lock);
}

static void *thread_main(void *user)
{
    struct erg_queue *queue = user;
    int64_t idle_since_ns = erg_system_now_ns();
    pthread_mutex_lock(&queue->lock);
    while (!queue->stopping) {
        struct erg_ticket *next = first_in(queue, ERG_TICKET_WAITING);
        if (!next) {
            wait_for_work(queue, idle_since_ns);
            continue;
        }
        do_next(queue, next);
        idle_since_ns = erg_system_now_ns();
    }
    pthread_mutex_unlock(&queue->lock);
    erg_run_maker_rest(queue->maker, true);
    pthread_mutex_lock(&queue->lock);
    queue->thread_ended = true;
    pthread_cond_broadcast(&queue->done);
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* --- life ---------------------------------------------------------------------------------------
 */

static void free_queue(struct erg_queue *queue)
{
    while (queue->first) {
        struct erg_ticket *next = queue->first->next;
        erg_ticket_free(queue->first);
        queue->first = next;
    }
    erg_run_maker_free(queue->maker);
    pthread_cond_destroy(&queue->work);
    pthread_cond_destroy(&queue->done);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

/* Signals are for the threads that wait for them. */
static int start_thread(struct erg_queue *queue, struct erg_err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&queue->thread, NULL, thread_main, queue);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure ? erg_fail_errno(err, failure, "cannot start the thread that makes runs") : 0;
}

int erg_queue_open(struct erg_queue **out, const struct erg_queue_options *options,
                   struct erg_err *err)
{
    struct erg_queue *queue = erg_calloc(1, sizeof *queue);
    if (!queue)
        return erg_fail(err, ERG_NOMEM, "no memory for the queue of runs");
    queue->options = *options;
    queue->last = &queue->first;
    pthread_mutex_init(&queue->lock, NULL);
    erg_system_cond_init(&queue->work);
    erg_system_cond_init(&queue->done);
    int rc = erg_run_maker_new(&queue->maker, &options->maker, err);
    if (rc == 0)
        rc = start_thread(queue, err);
    if (rc) {
        free_queue(queue);
        return rc;
    }
    *out = queue;
    return 0;
}

void erg_queue_stop(struct erg_queue *queue)
{
    atomic_store(&queue->interrupted, true);
    pthread_mutex_lock(&queue->lock);
    queue->stopping = true;
    for (struct erg_ticket *ticket; (ticket = first_in(queue, ERG_TICKET_WAITING));) {
        ticket->outcome.failure = erg_strdup(erg_run_ended_early);
        ticket->outcome.code = ERG_CANCELLED;
        end_ticket(queue, ticket, "interrupted");
    }
    pthread_cond_broadcast(&queue->work);
    pthread_mutex_unlock(&queue->lock);
}

bool erg_queue_close(struct erg_queue *queue, int patience_ms)
{
    if (!queue)
        return true;
    int64_t until_ns = erg_system_now_ns() + (int64_t)patience_ms * 1000000;
    erg_queue_stop(queue);
    pthread_mutex_lock(&queue->lock);
    while (!queue->thread_ended && erg_system_now_ns() < until_ns)
        erg_system_cond_wait_until(&queue->done, &queue->lock, until_ns);
    bool ended = queue->thread_ended;
    pthread_mutex_unlock(&queue->lock);
    if (!ended)
        return false;
    pthread_join(queue->thread, NULL);
    free_queue(queue);
    return true;
}

/* --- for clients --------------------------------------------------------------------------------
 */

int erg_queue_add(struct erg_queue *queue, struct erg_run_request *request, char out_id[40],
                  struct erg_ticket **out_ticket, struct erg_err *err)
{
    struct erg_ticket *ticket = erg_ticket_new(request, queue->options.maker.clock);
    if (!ticket)
        return erg_fail(err, ERG_NOMEM, "no memory for a run");
    pthread_mutex_lock(&queue->lock);
    int rc = 0;
    if (queue->stopping)
        rc = erg_fail(err, ERG_GONE, "the server is being ended");
    else if (queue->waiting >= queue->options.max_waiting)
        rc = erg_fail(err, ERG_LIMIT, "%zu runs wait already", queue->waiting);
    if (rc) {
        pthread_mutex_unlock(&queue->lock);
        erg_ticket_free(ticket);
        return rc;
    }
    do {
        erg_run_id(ticket->submitted_wall_ns, ticket->id);
    } while (find(queue, ticket->id));
    memcpy(request->id, ticket->id, sizeof request->id);
    memcpy(out_id, ticket->id, sizeof ticket->id);
    ticket->request = request;
    ticket->awaited = out_ticket != NULL;
    *queue->last = ticket;
    queue->last = &ticket->next;
    queue->waiting++;
    if (out_ticket)
        *out_ticket = ticket;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&queue->lock);
    return 0;
}

void erg_queue_wait(struct erg_queue *queue, struct erg_ticket *ticket, struct erg_run_outcome *out)
{
    pthread_mutex_lock(&queue->lock);
    while (ticket->state != ERG_TICKET_ENDED)
        pthread_cond_wait(&queue->done, &queue->lock);
    *out = ticket->outcome;
    ticket->outcome.summary_json = NULL; /* the caller's now; the rest is remembered here */
    out->failure = out->failure ? erg_strdup(out->failure) : NULL;
    out->store_failure = out->store_failure ? erg_strdup(out->store_failure) : NULL;
    ticket->awaited = false;
    forget(queue);
    pthread_mutex_unlock(&queue->lock);
}

/* Tell those who watch of the end of a run that never began. */
static void tell_cancelled(struct erg_queue *queue, const char *id)
{
    struct erg_buf json = {0};
    struct erg_jsonw w;
    erg_jsonw_init(&w, &json);
    erg_frame_begin(&w, "run_cancelled", id, 0);
    erg_jsonw_obj_end(&w);
    if (erg_jsonw_finish(&w) == 0)
        erg_ring_put(queue->options.maker.ring, ERG_FRAME_EVENT, json.data, json.len);
    else
        erg_ring_skip(queue->options.maker.ring);
    erg_buf_deinit(&json);
}

int erg_queue_cancel(struct erg_queue *queue, const char *id, const char **out_status,
                     struct erg_err *err)
{
    pthread_mutex_lock(&queue->lock);
    struct erg_ticket *ticket = find(queue, id);
    enum erg_ticket_state state = ticket ? ticket->state : ERG_TICKET_ENDED;
    if (ticket && state == ERG_TICKET_WAITING) {
        ticket->outcome.code = ERG_CANCELLED;
        end_ticket(queue, ticket, "cancelled");
        forget(queue);
    } else if (ticket) {
        atomic_store(&ticket->cancelled, true);
    }
    pthread_mutex_unlock(&queue->lock);
    if (!ticket)
        return erg_fail(err, ERG_NOT_FOUND, "no run '%.64s' waits or goes on", id);
    if (state == ERG_TICKET_ENDED)
        return erg_fail(err, ERG_INVALID, "run '%.64s' has ended", id);
    if (state == ERG_TICKET_WAITING)
        tell_cancelled(queue, id);
    *out_status = state == ERG_TICKET_WAITING ? "cancelled" : "cancelling";
    return 0;
}

/* --- what is shown ------------------------------------------------------------------------------
 */

void erg_queue_write(struct erg_queue *queue, struct erg_jsonw *w)
{
    erg_jsonw_key(w, "runs");
    erg_jsonw_arr_begin(w);
    pthread_mutex_lock(&queue->lock);
    for (const struct erg_ticket *ticket = queue->first; ticket; ticket = ticket->next) {
        if (ticket->state != ERG_TICKET_ENDED)
            erg_ticket_write(ticket, erg_run_maker_state(queue->maker), w);
    }
    pthread_mutex_unlock(&queue->lock);
    erg_jsonw_arr_end(w);
}

bool erg_queue_describe(struct erg_queue *queue, const char *id, struct erg_jsonw *w)
{
    pthread_mutex_lock(&queue->lock);
    const struct erg_ticket *ticket = find(queue, id);
    if (ticket)
        erg_ticket_describe(ticket, w);
    pthread_mutex_unlock(&queue->lock);
    return ticket != NULL;
}

size_t erg_queue_sensors(struct erg_queue *queue, struct erg_sensor_state *out, size_t room)
{
    return erg_run_maker_sensors(queue->maker, out, room);
}

bool erg_queue_has(struct erg_queue *queue, const char *id)
{
    pthread_mutex_lock(&queue->lock);
    const struct erg_ticket *ticket = find(queue, id);
    bool has = ticket && ticket->state != ERG_TICKET_ENDED;
    pthread_mutex_unlock(&queue->lock);
    return has;
}
