/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_API_H
#define ERG_SERVER_API_H

#include "base/clock.h"
#include "base/err.h"
#include "base/root.h"
#include "model/discover.h"
#include "server/exchange.h"

#include <stdbool.h>

/*
 * The API: from an exchange to its answer. Routes are in routes.c, what they answer in
 * openapi.json; the rows are read and written as JSON by export/view*.c.
 *
 * Any number of threads may be in erg_api_handle() at once. Each request has a store of its own,
 * opened to read; what changes runs goes through one that is opened to write, one at a time.
 */
struct erg_api;

struct erg_queue;
struct erg_run_rules;

struct erg_api_options {
    const char *store_path; /* made when it is not there */
    const struct erg_model_dirs *model_dirs;
    const struct erg_root *root;
    const struct erg_clock *clock;
    const char *power_spec;                /* of runs that do not say; NULL = auto */
    struct erg_queue *queue;               /* of runs; NULL: none can be made here */
    const struct erg_run_rules *run_rules; /* of what is put into it */
};

/* Everything in `options` is borrowed. Errors are those of the store. */
int erg_api_open(struct erg_api **out, const struct erg_api_options *options, struct erg_err *err);
void erg_api_close(struct erg_api *api);

/* Whether a path is the API's, and not a file of the dashboard. */
bool erg_api_owns(const char *path);

/* Answer one request; `api` is a struct erg_api. For erg_http_options.handle. */
void erg_api_handle(void *api, struct erg_exchange *x);

#endif
