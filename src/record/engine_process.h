/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_ENGINE_PROCESS_H
#define ERG_RECORD_ENGINE_PROCESS_H

#include "base/err.h"
#include "stream/reader.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * An engine: a child process at the other end of a socket pair, whose descriptor it finds in
 * ERGON_PROBE_FD. Commands go down as length-prefixed JSON, the event stream comes up.
 */
struct erg_engine {
    pid_t pid;
    int fd;        /* our end of the socket pair, non-blocking for reading */
    int stderr_fd; /* what the engine says on stderr: its last line explains a crash */
    struct erg_reader *reader;
    int rest_ms;        /* before the next look at the socket; 0 = it is waited at */
    int quiet_ms;       /* rested since something came */
    size_t taken_bytes; /* since the last rest */
    bool has_more;      /* the last chunk was full */
    bool ended;         /* end of file, or a stream that is not valid */
    char last_words[200];
};

int erg_engine_start(struct erg_engine *engine, const char *program, struct erg_err *err);

/* Quit politely, wait up to `patience_ms`, then kill. Accepts an engine that never started. */
void erg_engine_stop(struct erg_engine *engine, int patience_ms);

/* False when it has closed its end, as it does by ending. */
bool erg_engine_listens(const struct erg_engine *engine);

/*
 * Send one command. GONE when the engine has closed its end (what it said before can still be
 * read), BUSY when it has not read its commands for 10 s.
 */
int erg_engine_send(struct erg_engine *engine, const char *json, struct erg_err *err);

/*
 * Wait until there is something to read, or `timeout_ms`; then read it into the reader. GONE at end
 * of file (once all events have been taken). While events keep coming it looks after rests that
 * grow to 100 ms, at most `timeout_ms` each, instead of waiting at the socket: being woken by each
 * write would cost the engine tens of microseconds a token, and where all processors compute, the
 * engine is the one that makes room.
 */
int erg_engine_wait(struct erg_engine *engine, int timeout_ms, struct erg_err *err);

/*
 * The next event: 1, or 0 when there is none yet. CORRUPT when the stream is not valid: the engine
 * is then of no use any more.
 */
int erg_engine_next(struct erg_engine *engine, struct erg_event *out, struct erg_err *err);

/* After GONE: collect the process and say in words how it ended: "killed by signal 9 (Killed)". */
void erg_engine_obituary(struct erg_engine *engine, char *out, size_t out_bytes);

#endif
