/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_SERVER_RIG_H
#define ERG_TESTS_SERVER_RIG_H

#include "server/http_internal.h"

#include <pthread.h>

/*
 * A server of this process on a port of its own, with handlers that are easy to see through:
 *
 *   /echo          what came: JSON; /healthz too
 *   /bytes?N       N bytes in pieces of 10000, chunked
 *   /length?N      the same with a length
 *   /wait          answers when rig_release() has been called; counts in rig->waiting
 *   /cut           begins an answer and fails
 *   /short         promises more than it writes
 *   /silent        writes no answer at all
 *   /fields        tries to smuggle a line into a field
 *   /open          may be had without the token
 *   /ws            a WebSocket that sends messages back, and does what some of them say
 */
struct rig {
    struct erg_http *http;
    int port;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool released;
    int waiting, finished; /* handlers of /wait that have begun, that are done */
    int gone;              /* writes of handlers that found the client gone */
    int clients;           /* open WebSockets */
    char log[1 << 16];     /* lines, newest last */
    struct erg_ws_handler ws;
};

/* Times that are NULL are the usual ones; options may be NULL. */
void rig_open(struct rig *rig, const struct erg_http_options *options,
              const struct erg_http_times *times);
void rig_close(struct rig *rig);
void rig_release(struct rig *rig);
/* Wait until *counter is `value`, up to 30 s. */
void rig_await(struct rig *rig, const int *counter, int value);

#endif
