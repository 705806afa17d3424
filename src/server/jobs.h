/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_JOBS_H
#define ERG_SERVER_JOBS_H

#include "server/answer.h"

/*
 * Requests being handled, each on a thread that does nothing else meanwhile. A job belongs to two:
 * its thread, which writes the answer, and its connection, which sends it. A connection that goes
 * leaves the thread to finish alone.
 */
struct erg_jobs;

/* `notify` comes from any job's thread: some pipe has something to be sent. */
struct erg_jobs *erg_jobs_new(size_t max_count, void (*handle)(void *user, struct erg_exchange *x),
                              void *user, void (*notify)(void *user), void *notify_user);

/* Wait until no job runs, or until the deadline: how many do. */
size_t erg_jobs_wait(struct erg_jobs *jobs, int64_t deadline_ns);
/* `notify` is not called any more. What still runs keeps what it needs. */
void erg_jobs_free(struct erg_jobs *jobs);

/* One request and its answer. */
struct erg_job {
    struct erg_jobs *jobs;
    struct erg_head head; /* points into text; zeros when there is none */
    char *text, *body;
    size_t body_len;
    struct erg_answer answer;
    int status; /* of the answer; may be read once the pipe has ended */
    int64_t begin_ns;
    int references;
    struct erg_job *next; /* in jobs.c */
};

/*
 * A job of the connection alone, with a pipe. It takes over `text` and `body`, which are free()d
 * with it; `head` may be NULL. NULL when memory is short: they are the caller's still.
 */
struct erg_job *erg_job_new(struct erg_jobs *jobs, const struct erg_head *head, char *text,
                            char *body, size_t body_len);
/* Handle it on a thread. BUSY when there are too many already; NOMEM. */
int erg_job_start(struct erg_job *job);
/* Or answer here and now, with a few bytes at most: `answer` is called at once. */
void erg_job_answer(struct erg_job *job, void (*answer)(void *user, struct erg_exchange *x),
                    void *user);
/* The connection is done with it, or has gone. */
void erg_job_release(struct erg_job *job);

#endif
