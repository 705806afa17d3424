/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_CALL_H
#define ERG_SERVER_CALL_H

#include "base/jsonw.h"
#include "server/api.h"
#include "server/params.h"
#include "store/store.h"

/*
 * A call of a handler, inside of the server room: the exchange with what the path and the query
 * said, and the ways to answer.
 */
struct erg_route;

struct erg_call {
    struct erg_api *api;
    const struct erg_api_options *options;
    struct erg_exchange *x;
    const struct erg_route *route;
    struct erg_params params;
    char id[160];            /* what stands for {id}; "" where the route has none */
    char *run_id;            /* once erg_call_run() has found it */
    struct erg_store *store; /* once it was asked for; given back behind the handler */
    unsigned generation;     /* of its file */
    bool in_snapshot;
    char etag[24]; /* "" = none */
    struct erg_buf body;
    struct erg_jsonw w; /* writes into `body`, or to the client once the answer is streamed */
};

/* A store to read from, for the time of the call; one snapshot of it, unless the route is
 * open-ended. Borrowed. */
int erg_call_store(struct erg_call *call, struct erg_store **out, struct erg_err *err);

/* The same, and the run that {id} means: NOT_FOUND, INVALID. */
int erg_call_run(struct erg_call *call, struct erg_store **out, struct erg_err *err);

/*
 * Whether the client has the answer already (304 has then been sent): it depends on the run's row,
 * the path and the query only. Never for a run that goes on.
 */
int erg_call_is_known(struct erg_call *call, bool *out_known, struct erg_err *err);

/* Begin a JSON body in `call->w`, to be sent as a whole by erg_call_send(). */
void erg_call_begin(struct erg_call *call);
/* Send the body with its length. */
int erg_call_send(struct erg_call *call, int status, struct erg_err *err);
int erg_call_send_as(struct erg_call *call, int status, const char *media_type,
                     struct erg_err *err);
/* The same with one more field. */
int erg_call_send_with(struct erg_call *call, int status, const char *media_type,
                       const struct erg_http_field *field, struct erg_err *err);

/* Begin an answer of any length: `call->w` then writes to the client. */
int erg_call_stream(struct erg_call *call, const char *media_type,
                    const struct erg_http_field *fields, size_t count, struct erg_err *err);
int erg_call_end_stream(struct erg_call *call, struct erg_err *err);

/* The body of the request as a JSON object, to json_decref(); INVALID when it is none. */
struct json_t;
int erg_call_body(struct erg_call *call, struct json_t **out, struct erg_err *err);

/* The store opened to write, for one caller at a time; give it back with erg_call_written(). */
int erg_call_write(struct erg_call *call, struct erg_store **out, struct erg_err *err);
void erg_call_written(struct erg_call *call);

#endif
