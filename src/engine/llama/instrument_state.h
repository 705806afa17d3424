/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_INSTRUMENT_STATE_H
#define ERG_ENGINE_INSTRUMENT_STATE_H

#include "engine/llama/collect.h"
#include "engine/llama/graph.h"
#include "engine/llama/instrument.h"
#include "engine/llama/keep.h"
#include "engine/llama/schedule.h"
#include "engine/llama/stamp_clock.h"

/* What an instrument has open; filled by instrument.c while a pass runs, told by report.c after. */

/* End of an executed stretch of nodes: in trace one node (or fused pair), in observe one cut. */
struct erg_stamp {
    int64_t t_ns;         /* where the next stretch begins */
    uint32_t profiler_ns; /* spent on statistics before that */
    uint32_t nodes_done;  /* observe: executed nodes up to here */
};

/* A tensor read at its own stamp, to be looked at once more at the next, when it is complete. */
struct erg_check {
    const uint32_t *words; /* NULL = there is none */
    size_t count;
    uint32_t sum;
};

struct erg_instrument {
    /* What each stamp needs is one cache line: behind every node it comes from far away. */
    enum erg_depth depth; /* of this pass */
    bool stopped;
    bool stamps_lost;
    uint32_t stamp_count, stamp_capacity;
    struct erg_stamp *stamps;
    int64_t next_tick_ns;
    struct erg_stamp_clock clock;

    void *block; /* the memory this lies in */
    ergon_probe *probe;
    struct erg_instrument_options options;
    struct erg_graph graph;
    struct erg_collect collect;
    struct erg_schedule_watch watch;
    struct erg_keep keep;
    FILE *dump;

    double stamp_price_ns; /* in the latest pass */
    int64_t t0_ns;
    int64_t asked_ns;   /* the last ask before the first node ran */
    int64_t learned_ns; /* spent on learning its graph before that */
    size_t asks;        /* of this pass, no-ops included */
    size_t first_batch; /* asks before the first node ran, in the pass before */
    bool warned_mismatch;

    bool watched;     /* graphs are learned before they run */
    bool reads_cut;   /* statistics are taken where the graph is cut next */
    size_t known;     /* nodes of this pass, from the first on, that were there before */
    size_t executed;  /* trace: nodes of this pass computed so far */
    int checks_left;  /* passes in which what is read at its own stamp is looked at again */
    bool has_checked; /* in this pass */
    struct erg_check check;
    bool pairs_known; /* trace: it is known whether … */
    bool pairs;       /* … a norm and its MUL give one stamp together */

    uint32_t graph_prepare, output, sampling, profiler, unattributed, gate_up_proj;
};

/* reading.c: what to read of a node (bits of enum erg_what) at the depth of the pass, … */
unsigned erg_instrument_what(const struct erg_instrument *instrument, size_t node);
/* … whether to cut behind the node because only there it can be read, … */
bool erg_instrument_reads_here(const struct erg_instrument *instrument, size_t node);
/* … and do so: behind a cut, or at a stamp, at `now_ns`. When that was done, or `now_ns`. */
int64_t erg_instrument_read_at_cut(struct erg_instrument *instrument, int64_t now_ns);
int64_t erg_instrument_read_at_stamp(struct erg_instrument *instrument, int64_t now_ns);

/* report.c */
void erg_instrument_report(struct erg_instrument *instrument, const struct erg_pass_times *times);

bool erg_instrument_is_gate_or_up(uint8_t component);

#endif
