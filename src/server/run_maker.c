/* SPDX-License-Identifier: MIT */
#include "server/run_maker.h"

#include "base/mem.h"
#include "record/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char erg_run_ended_early[] = "the server was ended before the run began";

struct erg_run_maker {
    struct erg_run_maker_options options;
    struct erg_feed *feed;
    struct erg_session *session; /* NULL = no engine */
    char *session_model;
};

int erg_run_maker_new(struct erg_run_maker **out, const struct erg_run_maker_options *options,
                      struct erg_err *err)
{
    struct erg_run_maker *maker = erg_calloc(1, sizeof *maker);
    if (!maker)
        return erg_fail(err, ERG_NOMEM, "no memory for making runs");
    maker->options = *options;
    int rc = erg_feed_new(&maker->feed, options->ring, options->clock, err);
    if (rc)
        free(maker);
    else
        *out = maker;
    return rc;
}

void erg_run_maker_free(struct erg_run_maker *maker)
{
    if (!maker)
        return;
    erg_run_maker_rest(maker, true);
    erg_feed_free(maker->feed);
    free(maker);
}

bool erg_run_maker_is_warm(const struct erg_run_maker *maker)
{
    return maker->session != NULL;
}

void erg_run_maker_rest(struct erg_run_maker *maker, bool at_once)
{
    if (at_once)
        erg_session_kill(maker->session);
    else
        erg_session_close(maker->session);
    maker->session = NULL;
    free(maker->session_model);
    maker->session_model = NULL;
}

/* The engine for a model: the one there is when it is this model's, else a new one. */
static int open_session(struct erg_run_maker *maker, const char *model_path, struct erg_err *err)
{
    if (maker->session && strcmp(maker->session_model, model_path) == 0)
        return 0;
    erg_run_maker_rest(maker, false);
    struct erg_session_options options = {
        .engine_path = maker->options.engine_path,
        .root = maker->options.root,
        .clock = maker->options.clock,
    };
    maker->session_model = erg_strdup(model_path);
    if (!maker->session_model)
        return erg_fail(err, ERG_NOMEM, "no memory for a session");
    return erg_session_open(&maker->session, &options, err);
}

/* A message for clients: of each '/path/to/file' only 'file'. */
static char *without_paths(const char *text)
{
    struct erg_buf out = {0};
    for (const char *at; (at = strstr(text, "'/")); text = at) {
        size_t len = strcspn(at + 1, "'\n");
        erg_buf_append(&out, text, (size_t)(at + 1 - text));
        for (at += 1 + len; len && at[-1] != '/'; len--)
            at--;
        text = at;
        at += strcspn(at, "'\n");
        erg_buf_append(&out, text, (size_t)(at - text));
    }
    erg_buf_puts(&out, text);
    return erg_buf_take(&out);
}

/* Say to the log why a run is not what was asked for. */
static void log_outcome(const struct erg_run_maker *maker, const char *id, const char *status,
                        const char *failure, const char *store_failure)
{
    char line[600];
    if (!maker->options.log || (!failure && !store_failure))
        return;
    snprintf(line, sizeof line, "run %s is %s%s%s%s%s", id, status, failure ? ": " : "",
             failure ? failure : "", store_failure ? "; not stored: " : "",
             store_failure ? store_failure : "");
    maker->options.log(maker->options.user, line);
}

static void take_result(struct erg_run_outcome *outcome, const char *status, const char *failure,
                        struct erg_run_result *result)
{
    *outcome = (struct erg_run_outcome){
        .began = result->summary_json != NULL,
        .summary_json = result->summary_json,
        .failure = failure ? without_paths(failure) : NULL,
        .store_failure = result->store_failure ? without_paths(result->store_failure) : NULL,
        .code = result->failure_code,
        .power_unusable = result->power_unusable,
    };
    result->summary_json = NULL;
    snprintf(outcome->status, sizeof outcome->status, "%s", status);
}

void erg_run_maker_run(struct erg_run_maker *maker, const struct erg_run_request *request,
                       const atomic_bool *cancelled, const atomic_bool *interrupted,
                       struct erg_run_outcome *out)
{
    const struct erg_feed_run run = {&request->options, request->layers, cancelled, interrupted};
    struct erg_run_observer observer;
    struct erg_run_result result = {0};
    struct erg_err err = {0};
    erg_feed_begin(maker->feed, &run, &observer);
    int rc = open_session(maker, request->options.model_path, &err);
    if (rc == 0)
        rc = erg_session_run(maker->session, &request->options, &observer, &result, &err);
    const char *status = result.status, *failure = result.failure;
    if (rc) {
        result.failure_code = rc;
        status = "failed";
        failure = err.text;
    }
    if (rc == ERG_CANCELLED && atomic_load(interrupted)) {
        status = "interrupted";
        failure = erg_run_ended_early;
    } else if (rc == ERG_CANCELLED) {
        status = "cancelled";
        failure = NULL;
    }
    log_outcome(maker, request->id, status, failure, result.store_failure);
    take_result(out, status, failure, &result);
    erg_feed_end(maker->feed, out->status, out->failure, out->summary_json);
    erg_run_result_deinit(&result);
}

void erg_run_outcome_deinit(struct erg_run_outcome *outcome)
{
    free(outcome->summary_json);
    free(outcome->failure);
    free(outcome->store_failure);
    *outcome = (struct erg_run_outcome){0};
}

struct erg_feed_state erg_run_maker_state(const struct erg_run_maker *maker)
{
    return erg_feed_state(maker->feed);
}

size_t erg_run_maker_sensors(struct erg_run_maker *maker, struct erg_sensor_state *out, size_t room)
{
    return erg_feed_sensors(maker->feed, out, room);
}
