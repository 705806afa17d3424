/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_SERVER_H
#define ERG_SERVER_SERVER_H

#include "base/clock.h"
#include "base/err.h"
#include "base/root.h"
#include "model/discover.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * All of `ergon serve`: connections, API, dashboard, live stream, the queue of runs, and the
 * clean-up of old ones.
 */
struct erg_server;

struct erg_server_options {
    const char *host; /* address to bind, "localhost" being both of the machine's own */
    int port;         /* 0 = any free one */
    const char *token;
    const char *const *allowed_hosts; /* further names in Host */
    size_t allowed_host_count;
    const char *store_path;           /* made when it is not there */
    const char *engine_path;          /* NULL = ergon-llama beside this program */
    const char *power_spec;           /* of runs that do not say; NULL = auto */
    int64_t cpu_idle_mw, cpu_full_mw; /* of an estimate; full 0 = the table's */
    int64_t keep_ns;                  /* older runs are removed; 0 = none */
    const struct erg_model_dirs *model_dirs;
    const struct erg_root *root;
    const struct erg_clock *clock;
    void *user;
    /* One line about a request, without token, query or body; NULL = none. */
    void (*log)(void *user, const char *line);
    /* One line about what somebody should know; from any thread. NULL = none. */
    void (*note)(void *user, const char *line);
};

/* Everything in `options` is borrowed. Errors are those of http.h and of the store. */
int erg_server_open(struct erg_server **out, const struct erg_server_options *options,
                    struct erg_err *err);

int erg_server_port(const struct erg_server *server);
bool erg_server_has_dashboard(const struct erg_server *server);

/* Serve until erg_server_stop(), which any thread may call. */
int erg_server_run(struct erg_server *server, struct erg_err *err);
void erg_server_stop(struct erg_server *server);

/*
 * End it within two seconds: the run that goes on is kept as `interrupted`, answers
 * that are under way are finished. Accepts NULL.
 */
void erg_server_close(struct erg_server *server);

#endif
