/* SPDX-License-Identifier: MIT */
#include "server/jobs.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/system.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/*
 * Some systems give threads half a megabyte, which SQLite and a few path names can use up. A thread
 * waits a while for another job: beside engines that keep all processors busy, one that is woken
 * gets its turn at once, and a new one does not.
 */
enum { STACK_BYTES = 2 << 20, REST_S = 10 };

struct erg_jobs {
    pthread_mutex_t mutex;
    pthread_cond_t one_less, one_more;
    size_t max_count, running;
    size_t threads, idle;  /* idle: those that wait, less the jobs that are queued for them */
    struct erg_job *first; /* of these */
    bool is_freed;         /* the last thread frees this */
    void (*handle)(void *user, struct erg_exchange *x);
    void *user;
    void (*notify)(void *user);
    void *notify_user;
};

struct erg_jobs *erg_jobs_new(size_t max_count, void (*handle)(void *user, struct erg_exchange *x),
                              void *user, void (*notify)(void *user), void *notify_user)
{
    struct erg_jobs *jobs = erg_calloc(1, sizeof *jobs);
    if (!jobs)
        return NULL;
    pthread_mutex_init(&jobs->mutex, NULL);
    erg_system_cond_init(&jobs->one_less);
    erg_system_cond_init(&jobs->one_more);
    jobs->max_count = max_count;
    jobs->handle = handle;
    jobs->user = user;
    jobs->notify = notify;
    jobs->notify_user = notify_user;
    return jobs;
}

static void destroy(struct erg_jobs *jobs)
{
    pthread_cond_destroy(&jobs->one_less);
    pthread_cond_destroy(&jobs->one_more);
    pthread_mutex_destroy(&jobs->mutex);
    free(jobs);
}

size_t erg_jobs_wait(struct erg_jobs *jobs, int64_t deadline_ns)
{
    int rc = 0;
    pthread_mutex_lock(&jobs->mutex);
    while (jobs->running && rc == 0)
        rc = erg_system_cond_wait_until(&jobs->one_less, &jobs->mutex, deadline_ns);
    size_t running = jobs->running;
    pthread_mutex_unlock(&jobs->mutex);
    return running;
}

void erg_jobs_free(struct erg_jobs *jobs)
{
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->mutex);
    jobs->is_freed = true;
    bool is_last = jobs->threads == 0;
    pthread_cond_broadcast(&jobs->one_more);
    pthread_mutex_unlock(&jobs->mutex);
    if (is_last)
        destroy(jobs);
}

static void notify(void *user)
{
    struct erg_jobs *jobs = user;
    pthread_mutex_lock(&jobs->mutex);
    if (!jobs->is_freed)
        jobs->notify(jobs->notify_user);
    pthread_mutex_unlock(&jobs->mutex);
}

struct erg_job *erg_job_new(struct erg_jobs *jobs, const struct erg_head *head, char *text,
                            char *body, size_t body_len)
{
    struct erg_job *job = erg_calloc(1, sizeof *job);
    struct erg_pipe *pipe = erg_pipe_new(ERG_MAX_ANSWER_AHEAD_BYTES, notify, jobs);
    if (!job || !pipe) {
        free(job);
        erg_pipe_free(pipe);
        return NULL;
    }
    const struct erg_clock *clock = erg_clock_system();
    *job = (struct erg_job){.jobs = jobs,
                            .text = text,
                            .body = body,
                            .body_len = body_len,
                            .begin_ns = erg_clock_now_ns(clock),
                            .references = 1};
    if (head)
        job->head = *head;
    job->answer = (struct erg_answer){.pipe = pipe,
                                      .wall_ns = clock->wall_ns(clock->user),
                                      .is_1_1 = !head || head->is_1_1,
                                      .keeps_alive = head && head->keeps_alive,
                                      .leaves_body_out = head && head->is_head};
    return job;
}

static void drop_reference(struct erg_job *job)
{
    if (__atomic_sub_fetch(&job->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    erg_pipe_free(job->answer.pipe);
    free(job->text);
    free(job->body);
    free(job);
}

void erg_job_release(struct erg_job *job)
{
    if (!job)
        return;
    erg_pipe_leave(job->answer.pipe);
    drop_reference(job);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

void erg_job_answer(struct erg_job *job, void (*answer)(void *user, struct erg_exchange *x),
                    void *user)
{
    const struct erg_head *head = &job->head;
    const struct erg_answer_sink sink = {
        .user = &job->answer, .begin = erg_answer_begin, .write = erg_answer_write};
    struct erg_exchange x = {
        .request = {.method = head->method,
                    .path = or_empty(head->path),
                    .query = or_empty(head->query),
                    .content_type = or_empty(head->content_type),
                    .accept = or_empty(head->accept),
                    .accept_encoding = or_empty(head->accept_encoding),
                    .if_none_match = or_empty(head->if_none_match),
                    .body = or_empty(job->body),
                    .body_len = job->body_len},
        .sink = &sink,
    };
    answer(user, &x);
    if (x.status == 0)
        erg_exchange_problem(&x, 500, "internal", "the request has not been answered", NULL);
    job->status = x.status;
    erg_answer_end(&job->answer, x.is_cut);
}

/* With the mutex held: the next job of a thread that has none, NULL = it has waited long enough. */
static struct erg_job *wait_for_job(struct erg_jobs *jobs)
{
    int64_t deadline_ns = erg_system_now_ns() + REST_S * INT64_C(1000000000);
    int rc = 0;
    jobs->idle++;
    while (!jobs->first && !jobs->is_freed && rc == 0)
        rc = erg_system_cond_wait_until(&jobs->one_more, &jobs->mutex, deadline_ns);
    struct erg_job *job = jobs->first;
    if (job)
        jobs->first = job->next;
    else
        jobs->idle--;
    return job;
}

static void *run(void *user)
{
    struct erg_job *job = user;
    struct erg_jobs *jobs = job->jobs;
    while (job) {
        erg_job_answer(job, jobs->handle, jobs->user);
        drop_reference(job);
        pthread_mutex_lock(&jobs->mutex);
        jobs->running--;
        pthread_cond_broadcast(&jobs->one_less);
        job = wait_for_job(jobs);
        jobs->threads -= !job;
        bool is_last = jobs->is_freed && jobs->threads == 0;
        pthread_mutex_unlock(&jobs->mutex);
        if (is_last)
            destroy(jobs);
    }
    return NULL;
}

/* Signals are for the threads that wait for them. */
static int start_thread(void *(*function)(void *), void *user)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&thread, &attributes, function, user);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failure ? ERG_NOMEM : 0;
}

/* With the mutex held: to a thread that waits, or to a new one. */
static int hand_over(struct erg_jobs *jobs, struct erg_job *job)
{
    if (jobs->idle > 0) {
        job->next = jobs->first;
        jobs->first = job;
        jobs->idle--;
        pthread_cond_signal(&jobs->one_more);
        return 0;
    }
    int rc = start_thread(run, job);
    jobs->threads += rc == 0;
    return rc;
}

int erg_job_start(struct erg_job *job)
{
    struct erg_jobs *jobs = job->jobs;
    pthread_mutex_lock(&jobs->mutex);
    int rc = jobs->running < jobs->max_count ? 0 : ERG_BUSY;
    if (rc == 0) {
        __atomic_add_fetch(&job->references, 1, __ATOMIC_RELAXED);
        rc = hand_over(jobs, job);
        if (rc)
            __atomic_sub_fetch(&job->references, 1, __ATOMIC_RELAXED);
        jobs->running += rc == 0;
    }
    pthread_mutex_unlock(&jobs->mutex);
    return rc;
}
