/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_TRACE_PLAN_H
#define ERG_EXPORT_TRACE_PLAN_H

#include "export/facts.h"

/*
 * What a phase, or the run, has beside its children: known before the first of them is written, so
 * that it can be spread over the gaps between them as they come.
 */
struct erg_whole {
    bool seen;
    int64_t t0_ns, t1_ns;
    struct erg_energy energy, rest; /* rest: not of its children */
    int64_t gap_ns, passed_ns;      /* between its children; of these handed out */
    struct erg_energy given;        /* of the rest handed out */
};

struct erg_trace_plan {
    struct erg_whole phases[ERG_PHASES], run;
};

int erg_trace_plan_make(struct erg_trace_plan *out, const struct erg_export_request *request,
                        const struct erg_facts *facts, struct erg_err *err);

/*
 * The share that a gap of that length has of the rest. The shares of all gaps add up to it, domain
 * by domain, unless there is no gap: then erg_whole_left() is all of it.
 */
struct erg_energy erg_whole_share(struct erg_whole *whole, int64_t length_ns);
struct erg_energy erg_whole_left(const struct erg_whole *whole);

bool erg_energy_is_zero(const struct erg_energy *energy);

#endif
