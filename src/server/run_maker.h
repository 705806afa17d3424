/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_RUN_MAKER_H
#define ERG_SERVER_RUN_MAKER_H

#include "base/clock.h"
#include "base/root.h"
#include "server/feed.h"
#include "server/ring.h"
#include "server/run_request.h"

/*
 * Makes runs, one at a time, on an engine process that it keeps warm: the next run of the same
 * model finds it loaded. An engine that crashes is a run that failed, and nothing else.
 */
struct erg_run_maker;

struct erg_run_maker_options {
    const char *engine_path; /* NULL = ergon-llama beside this program */
    const struct erg_root *root;
    const struct erg_clock *clock;
    struct erg_ring *ring; /* where runs are told of */
    void *user;
    /* One line about a run that failed or is not stored, with whatever paths its reason names.
     * NULL = none. */
    void (*log)(void *user, const char *line);
};

/* Everything in `options` is borrowed. */
int erg_run_maker_new(struct erg_run_maker **out, const struct erg_run_maker_options *options,
                      struct erg_err *err);
void erg_run_maker_free(struct erg_run_maker *maker);

/* How a run ended. */
struct erg_run_outcome {
    char status[16]; /* complete failed cancelled interrupted */
    bool began;
    char *summary_json;  /* of a run that began; NULL once it has been taken */
    char *failure;       /* NULL: none; of paths only the last part is told */
    char *store_failure; /* NULL, or why the run is not in the store */
    int code;            /* enum erg_code of the failure */
    bool power_unusable; /* the power specification names a source that cannot be used */
};

void erg_run_outcome_deinit(struct erg_run_outcome *outcome);

/* Why a run that had not begun is over when the server is. */
extern const char erg_run_ended_early[];

/* Make a run; `cancelled` and `interrupted` may become true meanwhile. */
void erg_run_maker_run(struct erg_run_maker *maker, const struct erg_run_request *request,
                       const atomic_bool *cancelled, const atomic_bool *interrupted,
                       struct erg_run_outcome *out);

bool erg_run_maker_is_warm(const struct erg_run_maker *maker);
/* End the engine; at once, or as it likes, which may take it a second or two. */
void erg_run_maker_rest(struct erg_run_maker *maker, bool at_once);

/* What the run that goes on is doing, and how its power sources are read; from any thread. */
struct erg_feed_state erg_run_maker_state(const struct erg_run_maker *maker);
size_t erg_run_maker_sensors(struct erg_run_maker *maker, struct erg_sensor_state *out,
                             size_t room);

#endif
