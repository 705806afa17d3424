/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_TRACE_H
#define ERG_EXPORT_TRACE_H

#include "export/export.h"

#include <stdbool.h>

/*
 * A run as slices on tracks and counters: what the trace formats have in common. Slices of a track
 * nest; they begin and end in order of time. The leaves of the track TREE add up to the run,
 * exactly, in time and in each domain's energy: what no item accounts for is a slice
 * `unattributed`. The other tracks are further partitions of parts of it.
 *
 * Times are ns ≥ 0: t = 0 of the run is at `origin_ns`, before it lie readings of its idle
 * baseline.
 */
enum erg_trace_track {
    ERG_TRACE_TREE,     /* run, phases, sections or passes, layers, components, operations */
    ERG_TRACE_TOKENS,   /* the tokens of a pass share it */
    ERG_TRACE_SECTIONS, /* and up: one track for each section of prefill and decode */
};

enum erg_trace_kind {
    ERG_TRACE_RUN, /* its args are facts: model, engine, machine, units */
    ERG_TRACE_PHASE,
    ERG_TRACE_SECTION,
    ERG_TRACE_PASS,
    ERG_TRACE_LAYER,
    ERG_TRACE_COMPONENT,
    ERG_TRACE_OPERATION,
    ERG_TRACE_TOKEN,
    ERG_TRACE_REST, /* "unattributed", "not profiled" */
};

struct erg_trace_arg {
    const char *key;
    const char *text; /* NULL: a number; may hold zero bytes */
    size_t len;
    int64_t number;
};

struct erg_trace_slice {
    uint32_t track;
    enum erg_trace_kind kind;
    const char *name;
    int64_t t0_ns, t1_ns;
    const struct erg_energy *energy;
    bool by_domain; /* the energy of each domain is of interest too */
    const struct erg_trace_arg *args;
    size_t n_args;
};

/* Power of each domain, then in total; the same of energy since t = 0. */
enum {
    ERG_TRACE_TOTAL = ERG_DOMAINS,
    ERG_TRACE_ENERGIES,
    ERG_TRACE_COUNTERS = 2 * ERG_TRACE_ENERGIES
};

/*
 * What a format does with it. Failures are sticky in the writer and asked for with `status` once
 * in a while; calls that come after one do nothing. Strings are borrowed for the call.
 */
struct erg_trace_writer {
    void *user;
    void (*start)(void *user); /* once, first */
    /* Before its first slice: a track of ERG_TRACE_SECTIONS and up has this name. */
    void (*track)(void *user, uint32_t track, const char *name);
    void (*begin)(void *user, const struct erg_trace_slice *slice);
    void (*end)(void *user, uint32_t track, int64_t t_ns);
    /* mW, or mJ: an integer of nJ divided by 1e6. Holds until the next value. */
    void (*counter)(void *user, uint32_t counter, int64_t t_ns, double value);
    int (*status)(void *user);
};

/* Walk through the run of a request. */
int erg_trace_walk(const struct erg_export_request *request, const struct erg_trace_writer *writer,
                   struct erg_err *err);

/* "power cpu", "energy total" … and their unit. */
void erg_trace_counter_name(uint32_t counter, char *out, size_t out_bytes);
const char *erg_trace_counter_unit(uint32_t counter);

const char *erg_trace_kind_name(enum erg_trace_kind kind); /* "layer" … */

/* Key of a domain's energy beside an arg "energy_…": "cpu_mj" with that suffix. */
void erg_trace_domain_key(int domain, const char *unit, char *out, size_t out_bytes);

#endif
