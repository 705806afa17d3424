/* SPDX-License-Identifier: MIT */
#include "base/perf.h"

#include <stddef.h>

static int open_event(void *user, const struct erg_perf_event *event, int *out_handle,
                      struct erg_err *err)
{
    (void)user, (void)event, (void)out_handle;
    return erg_fail(err, ERG_UNSUPPORTED, "this system has no perf events");
}

static int read_event(void *user, int handle, uint64_t *out_value, struct erg_err *err)
{
    (void)user, (void)handle, (void)out_value;
    return erg_fail(err, ERG_UNSUPPORTED, "this system has no perf events");
}

static void close_event(void *user, int handle)
{
    (void)user, (void)handle;
}

const struct erg_perf *erg_perf_system(void)
{
    static const struct erg_perf perf = {open_event, read_event, close_event, NULL};
    return &perf;
}
