/* SPDX-License-Identifier: MIT */
#ifndef ERG_STREAM_PROBE_STATE_H
#define ERG_STREAM_PROBE_STATE_H

#include "base/limits.h"
#include "ergon/probe.h"
#include "stream/format.h"
#include "stream/probe_out.h"

enum { ERG_PROBE_ATTENTION, ERG_PROBE_ROUTING, ERG_PROBE_DETAILS };

enum { ERG_PROBE_VALUES = 7 }; /* fields of ergon_span_values, in column order from FLOPS on */

/* Everything is allocated by ergon_probe_open(); arrays of spans hold `max_spans`. */
struct ergon_probe {
    struct erg_probe_out out;

    struct erg_pass_head pass; /* being collected; n_spans counts */
    bool in_pass;
    bool overfull;        /* the pass had more spans than fit … */
    bool overfull_logged; /* … which is said once */
    uint32_t max_spans;
    uint32_t any_operation; /* not 0 when a span of the pass names one */
    uint32_t valued_from;   /* first span with values; those before hold none in `values` */
    int16_t *layer;
    uint16_t *component, *operation;
    uint64_t *duration_ns;
    float (*values)[ERG_PROBE_VALUES];

    /* What may be described: spans of the pass that has just been written, each once per kind.
     * detailed[kind][span] is the serial of the last pass of which it was. */
    uint32_t described_spans, described_tokens;
    uint32_t pass_serial;
    uint32_t *detailed[ERG_PROBE_DETAILS];

    /* name[id]; ids up to `names` are bound, up to `announced` the reader has been told */
    char (*name)[ERG_MAX_NAME_BYTES];
    uint32_t names, announced;
};

/* Bytes of the record of a pass of `n_spans` with `columns`, header and padding included. */
size_t erg_probe_pass_bytes(uint32_t n_spans, uint32_t columns);

/*
 * Write the NAME records that are due before a record of `record_bytes` in all that may refer to
 * them; false when both together do not fit: then the record was dropped and the names stay due.
 */
bool erg_probe_announce_names(ergon_probe *probe, size_t record_bytes);

/* Id of the component "unattributed", for which there is always a place. */
uint32_t erg_probe_unattributed(ergon_probe *probe);

#endif
