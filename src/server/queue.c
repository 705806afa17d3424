/* SPDX-License-Identifier: MIT */
#include "server/queue.h"

#include "base/mem.h"
#include "base/system.h"
#include "base/utf8.h"
#include "record/machine.h"
#include "record/session.h"
#include "server/feed.h"
#include "server/frames.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REMEMBERED = 64, SHOWN_BYTES = 200 };

static const char ended_early[] = "the server was ended before the run began";

enum state { WAITING, RUNNING, ENDED };

/* A run from when it is taken until nobody asks for it any more; also the ticket of who waits. */
struct erg_ticket {
    struct erg_ticket *next;
    struct erg_run_request *request; /* NULL once it has ended */
    char id[40];
    enum state state;
    bool awaited;
    bool stored; /* the store knows it: it need not be remembered here */
    atomic_bool cancelled;
    int64_t submitted_wall_ns;
    struct erg_run_outcome outcome; /* once it has ended */
    /* What is shown of it. */
    char *model_name, *prompt, *tags_json, *experiment;
    const char *mode;
    int64_t max_length, tokens;
};

struct erg_queue {
    struct erg_queue_options options;
    struct erg_feed *feed;
    pthread_t thread;
    atomic_bool interrupted;

    /* the thread's */
    struct erg_session *session;
    char *session_model;

    pthread_mutex_t lock;             /* guards what follows */
    pthread_cond_t work;              /* for the thread */
    pthread_cond_t done;              /* a run has ended, or the thread has */
    struct erg_ticket *first, **last; /* ended ones that are remembered, the running one, waiting */
    size_t waiting, remembered;
    bool stopping, thread_ended;
};

/* --- tickets ------------------------------------------------------------------------------------
 */

static void free_ticket(struct erg_ticket *ticket)
{
    if (!ticket)
        return;
    erg_run_outcome_deinit(&ticket->outcome);
    erg_run_request_free(ticket->request);
    free(ticket->model_name);
    free(ticket->prompt);
    free(ticket->tags_json);
    free(ticket->experiment);
    free(ticket);
}

static char *tags_json(const struct erg_run_options *options)
{
    struct erg_buf buf = {0};
    struct erg_jsonw w;
    erg_jsonw_init(&w, &buf);
    erg_jsonw_arr_begin(&w);
    for (size_t i = 0; i < options->tag_count; i++)
        erg_jsonw_str(&w, options->tags[i]);
    erg_jsonw_arr_end(&w);
    return erg_buf_take(&buf);
}

/* NULL for want of memory; the request stays the caller's until it is set. */
static struct erg_ticket *new_ticket(const struct erg_queue *queue,
                                     const struct erg_run_request *request)
{
    const struct erg_run_options *options = &request->options;
    const struct erg_clock *clock = queue->options.clock;
    struct erg_ticket *ticket = erg_calloc(1, sizeof *ticket);
    if (!ticket)
        return NULL;
    size_t shown = erg_utf8_truncate(options->prompt, strlen(options->prompt), SHOWN_BYTES);
    ticket->submitted_wall_ns = clock->wall_ns(clock->user);
    ticket->model_name = erg_strdup(options->model_name);
    ticket->prompt = erg_strndup(options->prompt, shown);
    ticket->tags_json = tags_json(options);
    ticket->experiment = options->experiment ? erg_strdup(options->experiment) : NULL;
    ticket->mode = options->mode;
    ticket->max_length = options->tokens;
    atomic_init(&ticket->cancelled, false);
    if (!ticket->model_name || !ticket->prompt || !ticket->tags_json ||
        (options->experiment && !ticket->experiment)) {
        free_ticket(ticket);
        return NULL;
    }
    return ticket;
}

/* The functions from here to the thread are called with the lock. */

static struct erg_ticket *find(const struct erg_queue *queue, const char *id)
{
    struct erg_ticket *ticket = queue->first;
    while (ticket && strcmp(ticket->id, id) != 0)
        ticket = ticket->next;
    return ticket;
}

static struct erg_ticket *first_in(const struct erg_queue *queue, enum state state)
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
    queue->remembered -= ticket->state == ENDED;
}

/* Forget those that have ended, are not awaited, and are stored or too many; the oldest first. */
static void forget(struct erg_queue *queue)
{
    struct erg_ticket *next;
    for (struct erg_ticket *ticket = queue->first; ticket; ticket = next) {
        next = ticket->next;
        bool can_go = ticket->state == ENDED && !ticket->awaited;
        if (!can_go || (!ticket->stored && queue->remembered <= MAX_REMEMBERED))
            continue;
        unlink_ticket(queue, ticket);
        free_ticket(ticket);
    }
}

static void end_ticket(struct erg_queue *queue, struct erg_ticket *ticket, const char *status)
{
    queue->waiting -= ticket->state == WAITING;
    queue->remembered++;
    ticket->state = ENDED;
    snprintf(ticket->outcome.status, sizeof ticket->outcome.status, "%s", status);
    erg_run_request_free(ticket->request);
    ticket->request = NULL;
    pthread_cond_broadcast(&queue->done);
}

/* --- the thread ---------------------------------------------------------------------------------
 */

static void close_session(struct erg_queue *queue)
{
    erg_session_close(queue->session);
    queue->session = NULL;
    free(queue->session_model);
    queue->session_model = NULL;
}

/* The engine for a model: the one there is when it is this model's, else a new one. */
static int open_session(struct erg_queue *queue, const char *model_path, struct erg_err *err)
{
    if (queue->session && strcmp(queue->session_model, model_path) == 0)
        return 0;
    close_session(queue);
    struct erg_session_options options = {
        .engine_path = queue->options.engine_path,
        .root = queue->options.root,
        .clock = queue->options.clock,
    };
    queue->session_model = erg_strdup(model_path);
    if (!queue->session_model)
        return erg_fail(err, ERG_NOMEM, "no memory for a session");
    return erg_session_open(&queue->session, &options, err);
}

/* A message for clients: of each '/path/to/file' only 'file'. */
static char *without_paths(const char *text)
{
    struct erg_buf out = {0};
    for (const char *at; (at = strstr(text, "'/")); text = at) {
        size_t len = strcspn(at + 1, "'\n");
        erg_buf_append(&out, text, (size_t)(at + 1 - text));
        for (at += 1 + len; len && at[-1] != '/'; len--)
            at--;
        text = at;
        at += strcspn(at, "'\n");
        erg_buf_append(&out, text, (size_t)(at - text));
    }
    erg_buf_puts(&out, text);
    return erg_buf_take(&out);
}

/* Say to the log why a run is not what was asked for. */
static void log_outcome(const struct erg_queue *queue, const char *id, const char *status,
                        const char *failure, const char *store_failure)
{
    char line[600];
    if (!queue->options.log || (!failure && !store_failure))
        return;
    snprintf(line, sizeof line, "run %s is %s%s%s%s%s", id, status, failure ? ": " : "",
             failure ? failure : "", store_failure ? "; not stored: " : "",
             store_failure ? store_failure : "");
    queue->options.log(queue->options.user, line);
}

static void take_result(struct erg_run_outcome *outcome, const char *status, const char *failure,
                        struct erg_run_result *result)
{
    *outcome = (struct erg_run_outcome){
        .summary_json = result->summary_json,
        .failure = failure ? without_paths(failure) : NULL,
        .store_failure = result->store_failure ? without_paths(result->store_failure) : NULL,
        .code = result->failure_code,
        .power_unusable = result->power_unusable,
    };
    result->summary_json = NULL;
    snprintf(outcome->status, sizeof outcome->status, "%s", status);
}

/* Make the run of a ticket, which nobody else changes meanwhile. */
static void make_run(struct erg_queue *queue, struct erg_ticket *ticket,
                     struct erg_run_outcome *outcome)
{
    const struct erg_run_request *request = ticket->request;
    const struct erg_feed_run run = {&request->options, request->layers, &ticket->cancelled,
                                     &queue->interrupted};
    struct erg_run_observer observer;
    struct erg_run_result result = {0};
    struct erg_err err = {0};
    erg_feed_begin(queue->feed, &run, &observer);
    int rc = open_session(queue, request->options.model_path, &err);
    if (rc == 0)
        rc = erg_session_run(queue->session, &request->options, &observer, &result, &err);
    const char *status = result.status, *failure = result.failure;
    if (rc) {
        result.failure_code = rc;
        status = "failed";
        failure = err.text;
    }
    if (rc == ERG_CANCELLED && atomic_load(&queue->interrupted)) {
        status = "interrupted";
        failure = ended_early;
    } else if (rc == ERG_CANCELLED) {
        status = "cancelled";
        failure = NULL;
    }
    log_outcome(queue, ticket->id, status, failure, result.store_failure);
    take_result(outcome, status, failure, &result);
    erg_feed_end(queue->feed, outcome->status, outcome->failure, outcome->summary_json);
    erg_run_result_deinit(&result);
}

static void do_next(struct erg_queue *queue, struct erg_ticket *ticket)
{
    struct erg_run_outcome outcome = {0};
    ticket->state = RUNNING;
    queue->waiting--;
    pthread_mutex_unlock(&queue->lock);
    make_run(queue, ticket, &outcome);
    pthread_mutex_lock(&queue->lock);
    ticket->outcome = outcome;
    ticket->stored = outcome.summary_json && !outcome.store_failure;
    ticket->tokens = erg_feed_state(queue->feed).tokens;
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
    if (!queue->session) {
        pthread_cond_wait(&queue->work, &queue->lock);
        return;
    }
    if (erg_system_cond_wait_until(&queue->work, &queue->lock, until_ns) != ETIMEDOUT)
        return;
    pthread_mutex_unlock(&queue->lock);
    close_session(queue);
    pthread_mutex_lock(&queue->lock);
}

static void *thread_main(void *user)
{
    struct erg_queue *queue = user;
    int64_t idle_since_ns = erg_system_now_ns();
    pthread_mutex_lock(&queue->lock);
    while (!queue->stopping) {
        struct erg_ticket *next = first_in(queue, WAITING);
        if (!next) {
            wait_for_work(queue, idle_since_ns);
            continue;
        }
        do_next(queue, next);
        idle_since_ns = erg_system_now_ns();
    }
    pthread_mutex_unlock(&queue->lock);
    close_session(queue);
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
        free_ticket(queue->first);
        queue->first = next;
    }
    erg_feed_free(queue->feed);
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
    int rc = erg_feed_new(&queue->feed, options->ring, options->clock, err);
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
    for (struct erg_ticket *ticket; (ticket = first_in(queue, WAITING));) {
        ticket->outcome.failure = erg_strdup(ended_early);
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
    struct erg_ticket *ticket = new_ticket(queue, request);
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
        free_ticket(ticket);
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
    while (ticket->state != ENDED)
        pthread_cond_wait(&queue->done, &queue->lock);
    *out = ticket->outcome;
    ticket->outcome.summary_json = ticket->outcome.store_failure = NULL; /* the caller's now */
    out->failure = out->failure ? erg_strdup(out->failure) : NULL;
    ticket->awaited = false;
    forget(queue);
    pthread_mutex_unlock(&queue->lock);
}

void erg_run_outcome_deinit(struct erg_run_outcome *outcome)
{
    free(outcome->summary_json);
    free(outcome->failure);
    free(outcome->store_failure);
    *outcome = (struct erg_run_outcome){0};
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
        erg_ring_put(queue->options.ring, ERG_FRAME_EVENT, json.data, json.len);
    else
        erg_ring_skip(queue->options.ring);
    erg_buf_deinit(&json);
}

int erg_queue_cancel(struct erg_queue *queue, const char *id, const char **out_status,
                     struct erg_err *err)
{
    pthread_mutex_lock(&queue->lock);
    struct erg_ticket *ticket = find(queue, id);
    enum state state = ticket ? ticket->state : ENDED;
    if (ticket && state == WAITING) {
        ticket->outcome.code = ERG_CANCELLED;
        end_ticket(queue, ticket, "cancelled");
        forget(queue);
    } else if (ticket) {
        atomic_store(&ticket->cancelled, true);
    }
    pthread_mutex_unlock(&queue->lock);
    if (!ticket)
        return erg_fail(err, ERG_NOT_FOUND, "no run '%.64s' waits or goes on", id);
    if (state == ENDED)
        return erg_fail(err, ERG_INVALID, "run '%.64s' has ended", id);
    if (state == WAITING)
        tell_cancelled(queue, id);
    *out_status = state == WAITING ? "cancelled" : "cancelling";
    return 0;
}

/* --- what is shown ------------------------------------------------------------------------------
 */

/* "queued", "loading" or "running"; how it ended. */
static const char *status_of(const struct erg_queue *queue, const struct erg_ticket *ticket)
{
    if (ticket->state == ENDED)
        return ticket->outcome.status;
    if (ticket->state == WAITING)
        return "queued";
    return strcmp(erg_feed_state(queue->feed).stage, "running") == 0 ? "running" : "loading";
}

static int64_t tokens_of(const struct erg_queue *queue, const struct erg_ticket *ticket)
{
    return ticket->state == RUNNING ? erg_feed_state(queue->feed).tokens : ticket->tokens;
}

/* What a list and a description have in common. */
static void put_ticket(const struct erg_ticket *ticket, struct erg_jsonw *w)
{
    erg_jsonw_kstr(w, "run_id", ticket->id);
    erg_jsonw_kstr(w, "model_name", ticket->model_name);
    erg_jsonw_kstr(w, "prompt", ticket->prompt);
    erg_jsonw_kstr(w, "mode", ticket->mode);
    erg_jsonw_key(w, "tags");
    erg_jsonw_raw(w, ticket->tags_json);
    erg_jsonw_kstr(w, "experiment_name", ticket->experiment);
    erg_jsonw_kint(w, "max_length", ticket->max_length);
}

void erg_queue_write(struct erg_queue *queue, struct erg_jsonw *w)
{
    erg_jsonw_key(w, "runs");
    erg_jsonw_arr_begin(w);
    pthread_mutex_lock(&queue->lock);
    for (const struct erg_ticket *ticket = queue->first; ticket; ticket = ticket->next) {
        char utc[40];
        if (ticket->state == ENDED)
            continue;
        erg_format_utc_time(ticket->submitted_wall_ns, utc);
        erg_jsonw_obj_begin(w);
        put_ticket(ticket, w);
        erg_jsonw_kstr(w, "status", status_of(queue, ticket));
        erg_jsonw_kstr(w, "submitted_at_utc", utc);
        erg_jsonw_kint(w, "tokens", tokens_of(queue, ticket));
        erg_jsonw_obj_end(w);
    }
    pthread_mutex_unlock(&queue->lock);
    erg_jsonw_arr_end(w);
}

static void put_description(const struct erg_queue *queue, const struct erg_ticket *ticket,
                            struct erg_jsonw *w)
{
    char local[40], utc[40];
    const char *status = status_of(queue, ticket);
    erg_format_local_time(ticket->submitted_wall_ns, local);
    erg_format_utc_time(ticket->submitted_wall_ns, utc);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "id", ticket->id);
    put_ticket(ticket, w);
    erg_jsonw_kstr(w, "created_at", local);
    erg_jsonw_kstr(w, "created_at_utc", utc);
    /* "loading" is a word of the queue's: to the store it runs. */
    erg_jsonw_kstr(w, "status", strcmp(status, "loading") == 0 ? "running" : status);
    erg_jsonw_kstr(w, "failure", ticket->outcome.failure);
    erg_jsonw_knull(w, "response");
    erg_jsonw_kint(w, "output_tokens", 0);
    erg_jsonw_obj_end(w);
}

bool erg_queue_describe(struct erg_queue *queue, const char *id, struct erg_jsonw *w)
{
    pthread_mutex_lock(&queue->lock);
    const struct erg_ticket *ticket = find(queue, id);
    if (ticket)
        put_description(queue, ticket, w);
    pthread_mutex_unlock(&queue->lock);
    return ticket != NULL;
}

bool erg_queue_has(struct erg_queue *queue, const char *id)
{
    pthread_mutex_lock(&queue->lock);
    const struct erg_ticket *ticket = find(queue, id);
    bool has = ticket && ticket->state != ENDED;
    pthread_mutex_unlock(&queue->lock);
    return has;
}
