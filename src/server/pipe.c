/* SPDX-License-Identifier: MIT */
#include "server/pipe.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct erg_pipe {
    pthread_mutex_t mutex;
    pthread_cond_t has_room;
    char *bytes;
    size_t capacity, max_bytes;
    size_t begin, end; /* what is under way */
    bool has_ended, is_whole;
    bool reader_left;
    bool reader_waits; /* it has found nothing, and wants to be told */
    void (*notify)(void *user);
    void *user;
};

struct erg_pipe *erg_pipe_new(size_t max_bytes, void (*notify)(void *user), void *user)
{
    struct erg_pipe *pipe = erg_calloc(1, sizeof *pipe);
    if (!pipe)
        return NULL;
    pthread_mutex_init(&pipe->mutex, NULL);
    pthread_cond_init(&pipe->has_room, NULL);
    pipe->max_bytes = max_bytes;
    pipe->notify = notify;
    pipe->user = user;
    pipe->reader_waits = true;
    return pipe;
}

void erg_pipe_free(struct erg_pipe *pipe)
{
    if (!pipe)
        return;
    pthread_cond_destroy(&pipe->has_room);
    pthread_mutex_destroy(&pipe->mutex);
    free(pipe->bytes);
    free(pipe);
}

/* Put as much as there is room for behind what is under way; what does not fit is left. */
static int append(struct erg_pipe *pipe, const char **bytes, size_t *len)
{
    size_t held = pipe->end - pipe->begin;
    size_t n = *len < pipe->max_bytes - held ? *len : pipe->max_bytes - held;
    if (pipe->begin && pipe->end + n > pipe->capacity) {
        memmove(pipe->bytes, pipe->bytes + pipe->begin, held);
        pipe->begin = 0;
        pipe->end = held;
    }
    void *block = pipe->bytes;
    int rc = erg_grow(&block, &pipe->capacity, pipe->end + n, 1, pipe->max_bytes);
    pipe->bytes = block;
    if (rc)
        return rc;
    memcpy(pipe->bytes + pipe->end, *bytes, n);
    pipe->end += n;
    *bytes += n;
    *len -= n;
    return 0;
}

/* With the mutex held; lets go of it while the reader is told. */
static void tell_reader(struct erg_pipe *pipe)
{
    if (!pipe->reader_waits)
        return;
    pipe->reader_waits = false;
    pthread_mutex_unlock(&pipe->mutex);
    pipe->notify(pipe->user);
    pthread_mutex_lock(&pipe->mutex);
}

int erg_pipe_write(struct erg_pipe *pipe, const void *bytes, size_t len)
{
    const char *next = bytes;
    int rc = 0;
    pthread_mutex_lock(&pipe->mutex);
    while (len && rc == 0 && !pipe->reader_left) {
        rc = append(pipe, &next, &len);
        tell_reader(pipe);
        while (len && !pipe->reader_left && pipe->end - pipe->begin == pipe->max_bytes)
            pthread_cond_wait(&pipe->has_room, &pipe->mutex);
    }
    if (rc == 0 && pipe->reader_left)
        rc = ERG_GONE;
    pthread_mutex_unlock(&pipe->mutex);
    return rc;
}

void erg_pipe_end(struct erg_pipe *pipe, bool whole)
{
    pthread_mutex_lock(&pipe->mutex);
    pipe->has_ended = true;
    pipe->is_whole = whole;
    tell_reader(pipe);
    pthread_mutex_unlock(&pipe->mutex);
}

static enum erg_pipe_state drain(struct erg_pipe *pipe, erg_pipe_take take, void *user)
{
    while (pipe->begin < pipe->end) {
        ssize_t n = take(user, pipe->bytes + pipe->begin, pipe->end - pipe->begin);
        if (n < 0)
            return ERG_PIPE_FAILED;
        if (n == 0)
            return ERG_PIPE_BLOCKED;
        pipe->begin += (size_t)n;
    }
    pipe->begin = pipe->end = 0;
    if (pipe->has_ended)
        return pipe->is_whole ? ERG_PIPE_ENDED : ERG_PIPE_CUT;
    pipe->reader_waits = true;
    return ERG_PIPE_EMPTY;
}

enum erg_pipe_state erg_pipe_drain(struct erg_pipe *pipe, erg_pipe_take take, void *user)
{
    pthread_mutex_lock(&pipe->mutex);
    enum erg_pipe_state state = drain(pipe, take, user);
    if (pipe->end - pipe->begin < pipe->max_bytes)
        pthread_cond_signal(&pipe->has_room);
    pthread_mutex_unlock(&pipe->mutex);
    return state;
}

void erg_pipe_leave(struct erg_pipe *pipe)
{
    pthread_mutex_lock(&pipe->mutex);
    pipe->reader_left = true;
    pthread_cond_signal(&pipe->has_room);
    pthread_mutex_unlock(&pipe->mutex);
}
