/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_TRACE_SPANS_H
#define ERG_EXPORT_TRACE_SPANS_H

#include "export/trace.h"

/* What lies within a pass, as slices. */
struct erg_trace_spans {
    const struct erg_trace_writer *writer;
    struct erg_store *store;
    int64_t origin_ns;
};

/*
 * The spans of a pass as layers, components and operations, in order of time, and what they leave;
 * or one slice `not profiled`. The leaves add up to the pass. NOMEM; the writer's own failures stay
 * in it.
 */
int erg_trace_spans_put(const struct erg_trace_spans *spans, const struct erg_pass_row *pass,
                        struct erg_err *err);

#endif
