/* SPDX-License-Identifier: MIT */
#include "server/handlers.h"

/* A server without a queue shows runs that others make. */
static int no_queue(struct erg_call *call)
{
    return erg_exchange_problem(call->x, 503, "unsupported", "this server makes no runs", NULL);
}

int erg_post_generate(struct erg_call *call, struct erg_err *err)
{
    (void)err;
    return no_queue(call);
}

int erg_post_cancel(struct erg_call *call, struct erg_err *err)
{
    (void)err;
    return no_queue(call);
}

int erg_get_queue(struct erg_call *call, struct erg_err *err)
{
    erg_call_begin(call);
    erg_jsonw_obj_begin(&call->w);
    erg_jsonw_key(&call->w, "runs");
    erg_jsonw_arr_begin(&call->w);
    erg_jsonw_arr_end(&call->w);
    erg_jsonw_obj_end(&call->w);
    return erg_call_send(call, 200, err);
}
