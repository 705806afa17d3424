/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_RUN_REQUEST_H
#define ERG_SERVER_RUN_REQUEST_H

#include "model/discover.h"
#include "record/session.h"

/*
 * A run as a client asks for it: the body of POST /generate, checked member by member before
 * anything of it is used, and put into the options of a run.
 */

/* What a client cannot choose, and what is taken where it does not. Borrowed. */
struct erg_run_rules {
    const struct erg_model_dirs *model_dirs;
    const char *store_path;
    const char *power_spec; /* of runs that name no sources; any specification. NULL = auto */
    int64_t cpu_idle_mw, cpu_full_mw; /* of an estimate; full 0 = the table's */
    int64_t idle_ns;                  /* length of the idle baseline before a run */
};

struct erg_run_request {
    char id[40]; /* of the run, from erg_queue_add() */
    bool wait;   /* the client waits for the end of the run */
    int64_t layers;
    struct erg_run_options options; /* model_name included; they borrow from the request */
    struct erg_run_owned *owned;
};

/* Which member of the body is wrong; "" = the body as a whole. */
struct erg_run_fault {
    char member[64];
};

/*
 * NOT_FOUND: no such model. INVALID: a member that is not known, has the wrong type, is out of its
 * range or contradicts another. UNSUPPORTED: the model's file cannot be used. No message tells a
 * path of this machine.
 */
int erg_run_request_parse(struct erg_run_request **out, const struct erg_run_rules *rules,
                          const char *body, size_t len, struct erg_run_fault *out_fault,
                          struct erg_err *err);
void erg_run_request_free(struct erg_run_request *request);

#endif
