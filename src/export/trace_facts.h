/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_TRACE_FACTS_H
#define ERG_EXPORT_TRACE_FACTS_H

#include "base/buf.h"
#include "export/facts.h"
#include "export/trace.h"

enum { ERG_TRACE_FACTS = 16 };

/* What a trace says of its run: model, engine, machine, units. Borrows from `facts`. */
size_t erg_trace_facts(const struct erg_export_request *request, const struct erg_facts *facts,
                       struct erg_trace_arg out[ERG_TRACE_FACTS]);

/* Time from one power sample to the next, as far as the summary says; 0 = not known. */
int64_t erg_trace_interval_ns(const struct erg_facts *facts);

/*
 * A token's text as the name of a slice: what cannot be seen or turns the order of what is around
 * it (control characters, direction marks, line separators) is escaped as in JSON, and a long one
 * is cut.
 */
void erg_trace_label(const char *text, size_t len, struct erg_buf *out);

#endif
