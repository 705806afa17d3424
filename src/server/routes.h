/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_ROUTES_H
#define ERG_SERVER_ROUTES_H

#include "server/call.h"

/*
 * All paths of the API, in one table. A handler answers the call, or returns an error which is then
 * answered as a problem; it need not clean up what is in the call.
 */
typedef int (*erg_handler)(struct erg_call *call, struct erg_err *err);

struct erg_route {
    enum erg_method method;
    const char *pattern; /* {id} stands for one part of a path */
    erg_handler handle;
    const struct erg_param_spec *params; /* NULL = none */
    bool takes_body;                     /* JSON, and nothing else */
    bool open_ended;                     /* answers as long as it likes: no snapshot is held */
};

/* NULL behind the last. */
const struct erg_route *erg_route_at(size_t i);

/*
 * The route of a path and method; NULL when there is none. `out_allow` then says which methods the
 * path takes ("" = there is no such path), `out_id` what stands for {id}.
 */
const struct erg_route *erg_route_find(enum erg_method method, const char *path, char out_id[160],
                                       char out_allow[64]);

#endif
