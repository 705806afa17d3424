/* SPDX-License-Identifier: MIT */
#ifndef ERG_BENCH_LIVE_CLIENTS_H
#define ERG_BENCH_LIVE_CLIENTS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * WebSocket clients of the live stream, in a process of their own, so that what they cost is not
 * what the server costs. Some read, some never do.
 */
enum { LIVE_CLIENTS_MOST = 256 };

/* What they have seen; shared with the process that started them. */
struct live_counts {
    volatile int connected; /* those that are, once all are */
    volatile int64_t frames, bytes, gaps, closed;
    volatile int64_t tokens[LIVE_CLIENTS_MOST], ends[LIVE_CLIENTS_MOST];
};

struct live_clients {
    pid_t pid;
    int commands; /* a pipe */
    int count;
    struct live_counts *counts;
};

/* Before there are threads. `count` clients, of which the last `deaf` never read. */
void live_clients_start(struct live_clients *clients, int count, int deaf);
void live_clients_stop(struct live_clients *clients);

/* Connect all of them to a port, having forgotten all counts; and hang up. Both wait until it is
 * done. */
void live_clients_connect(struct live_clients *clients, int port);
void live_clients_hang_up(struct live_clients *clients);

#endif
