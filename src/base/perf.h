/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_PERF_H
#define ERG_BASE_PERF_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * Counters of the kernel's perf_event_open(2), behind a seam so that tests can stand in for the
 * kernel. A handle is a file descriptor or whatever the stand-in makes of it, ≥ 0.
 */
struct erg_perf_event {
    uint32_t type;   /* PERF_TYPE_… or a device's */
    uint64_t config; /* what to count */
    pid_t pid;       /* -1 = everybody, and then on one CPU */
    int cpu;         /* -1 = wherever the process runs */
};

struct erg_perf {
    /* Counting begins at once. DENIED, UNSUPPORTED, NOT_FOUND, IO, LIMIT. */
    int (*open)(void *user, const struct erg_perf_event *event, int *out_handle,
                struct erg_err *err);
    int (*read)(void *user, int handle, uint64_t *out_value, struct erg_err *err);
    void (*close)(void *user, int handle); /* a negative handle is none */
    void *user;
};

/* The kernel's; UNSUPPORTED where it has none. */
const struct erg_perf *erg_perf_system(void);

#endif
