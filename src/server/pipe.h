/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_PIPE_H
#define ERG_SERVER_PIPE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The bytes of one answer on their way from the handler's thread, which may wait, to the serving
 * thread, which may not. At most `max_bytes` are under way: then the writer waits, until there is
 * room again or the reader has gone.
 */
struct erg_pipe;

/* `notify` is called on the writer's thread, when the reader has found the pipe empty before and
 * there is something to be taken now: bytes, or the end. */
struct erg_pipe *erg_pipe_new(size_t max_bytes, void (*notify)(void *user), void *user);
void erg_pipe_free(struct erg_pipe *pipe);

/* Writer. 0; GONE when the reader has gone; NOMEM. */
int erg_pipe_write(struct erg_pipe *pipe, const void *bytes, size_t len);
/* Nothing more comes. `whole`: the answer is as long as was promised. */
void erg_pipe_end(struct erg_pipe *pipe, bool whole);

/* Reader. */
enum erg_pipe_state {
    ERG_PIPE_EMPTY,   /* the writer may write more */
    ERG_PIPE_BLOCKED, /* `take` did not take all */
    ERG_PIPE_ENDED,   /* everything has been taken, and the answer is whole */
    ERG_PIPE_CUT,     /* everything has been taken, but the answer is not whole */
    ERG_PIPE_FAILED,  /* `take` has failed */
};

/* Takes up to `len` bytes without blocking: the number taken, 0 = none now, -1 = failed. */
typedef ssize_t (*erg_pipe_take)(void *user, const void *bytes, size_t len);

/* Hand over what there is. */
enum erg_pipe_state erg_pipe_drain(struct erg_pipe *pipe, erg_pipe_take take, void *user);
/* The reader does not want any more: the writer learns it with its next write. */
void erg_pipe_leave(struct erg_pipe *pipe);

#endif
