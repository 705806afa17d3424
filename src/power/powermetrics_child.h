/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_POWERMETRICS_CHILD_H
#define ERG_POWER_POWERMETRICS_CHILD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A program that runs beside us and writes to a pipe: started without a shell, read without
 * waiting, ended and reaped with its group. If this process is killed, the program's next write
 * fails, and so it ends as well.
 */
struct erg_child {
    pid_t pid;       /* 0 = none */
    int fd, text_fd; /* its standard output and error, non-blocking; -1 = closed */
    char words[200]; /* the last line of its standard error that says something */
    char line[200];  /* of the line under way */
    size_t line_len;
};

/* NOT_FOUND or DENIED when there is no such program that can be run, else IO. */
int erg_child_start(struct erg_child *child, char *const argv[], struct erg_err *err);

/* Bytes of its output; 0 = none just now, -1 = it has closed it. */
ssize_t erg_child_read(struct erg_child *child, char *out, size_t out_bytes);

/* Sleep until it has written, closed its output, or `timeout_ns` have passed. */
void erg_child_wait(struct erg_child *child, int64_t timeout_ns);

/*
 * Close its pipes (its words are kept), give it `grace_ms` to end by itself, end it, and wait for
 * that up to `patience_ms` in all. How it ended, in words (out_bytes may be 0).
 */
void erg_child_stop(struct erg_child *child, int grace_ms, int patience_ms, char *out_end,
                    size_t out_bytes);

#endif
