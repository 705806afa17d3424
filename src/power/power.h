/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_POWER_H
#define ERG_POWER_POWER_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/perf.h"
#include "base/root.h"
#include "energy/timeline.h"
#include "stream/format.h"

#include <sys/types.h>

/*
 * Power: from a specification ("auto", "none", "rapl,nvml", "replay:FILE", "synthetic:SPEC") to a
 * stream of readings. The set of sources that a run uses is one `struct erg_power`.
 */
struct erg_power;

struct erg_power_options {
    const char *spec;            /* NULL = "auto" */
    int64_t interval_ns;         /* 0 = the shortest default of the chosen sources */
    const struct erg_root *root; /* --sysroot; borrowed for the life of the set */
    const struct erg_clock *clock;
    bool allow_files; /* replay: may be named (command line yes, HTTP no) */
    int64_t seed;     /* of synthetic misbehaviour */
    pid_t engine_pid; /* whose CPU time an estimate counts exactly; 0 = none */
    int64_t cpu_idle_mw,
        cpu_full_mw;             /* of an estimate, instead of the table's; full 0 = not given */
    const struct erg_perf *perf; /* NULL = the kernel's */
};

/* "IDLE:FULL" in watts, decimal: 0 ≤ idle ≤ full ≤ 100 000, full > 0. INVALID otherwise. */
int erg_power_parse_watts(const char *text, int64_t *out_idle_mw, int64_t *out_full_mw,
                          struct erg_err *err);

/*
 * One reading of all channels of one source, or of what is derived from several. Called from the
 * sampling threads, one at a time, or from whoever calls erg_power_read_exact(). `values` is
 * borrowed for the call.
 */
typedef void (*erg_power_on_reading)(void *user, int64_t t_before_ns, int64_t t_after_ns,
                                     enum erg_reading_kind kind,
                                     const struct erg_channel_value *values, uint32_t count);

/* Something a user should know (a source died, …); one line. Called as on_reading. */
typedef void (*erg_power_on_warning)(void *user, const char *text);

/*
 * Open every source of the specification. A *named* source that is not usable is an error (DENIED,
 * NOT_FOUND, UNSUPPORTED; exit status 3 for the command line, which sees *out_unusable set); a word
 * that is no source or a malformed argument is INVALID. "auto" never fails: with nothing ready it
 * is an empty set and a warning.
 */
int erg_power_open(struct erg_power **out, const struct erg_power_options *options,
                   bool *out_unusable, struct erg_err *err);
void erg_power_close(struct erg_power *power); /* stops the sampling threads */

/* Channels in the order of erg_channel_value.channel; borrowed. May be 0 ("none"). */
uint32_t erg_power_channels(const struct erg_power *power, const struct erg_channel **out_channels);

/* {"sources":[{"name","detail","grade"…}],"channels":[…],"interval_ms":…}: the POWER record; its
 * channels have every field of struct erg_channel under its name. A source that only checks another
 * has the other's name in "checks". */
int erg_power_describe(const struct erg_power *power, struct erg_buf *out_json,
                       struct erg_err *err);

int64_t erg_power_interval_ns(const struct erg_power *power);

/* True when some source needs to be polled (so that there are sampling threads). */
bool erg_power_is_polled(const struct erg_power *power);

/* True when there are sources and every one gives E(t) exactly at any instant (replay, well-behaved
 * synthetic). */
bool erg_power_is_exact(const struct erg_power *power);

/*
 * Start sampling: polled sources on threads of their own, at absolute deadlines that all of them
 * share; a source that is slow, or says so, has a thread to itself. `t_zero_ns` is
 * time 0 of replayed and synthetic sources, to be corrected by erg_power_set_zero() when the run
 * begins; INT64_MAX = not known yet, the power at time 0 is held until it is. Warnings of open are
 * delivered here. Once per set.
 */
int erg_power_start(struct erg_power *power, int64_t t_zero_ns, erg_power_on_reading on_reading,
                    erg_power_on_warning on_warning, void *user, struct erg_err *err);

/* Move time 0 of exact and synthetic sources to the start of the first section. */
void erg_power_set_zero(struct erg_power *power, int64_t t_zero_ns);

/* Ask for an extra reading of the cheap polled sources as soon as possible (a phase edge). */
void erg_power_poke(struct erg_power *power);

/* Readings of the exact sources at `t_ns` (any instant), delivered through on_reading. */
void erg_power_read_exact(struct erg_power *power, int64_t t_ns, enum erg_reading_kind kind);

/* Stop the threads after one last reading each; nothing is delivered after it returns. */
void erg_power_stop(struct erg_power *power);

/* --- what `ergon doctor` prints --------------------------------------------------------------- */

enum erg_power_state { ERG_POWER_READY, ERG_POWER_ABSENT, ERG_POWER_DENIED, ERG_POWER_BROKEN };

struct erg_power_probe {
    const char *name;    /* driver */
    const char *summary; /* "CPU package energy counters (Intel, AMD) in /sys/class/powercap" */
    enum erg_power_state state;
    char reason[200]; /* why it is not ready, or what it found */
    char remedy[200]; /* what to do about it; "" when there is nothing */
};

/* Probe automatic driver `i`; false when there are no more. In order of preference. */
bool erg_power_probe(size_t i, const struct erg_root *root, struct erg_power_probe *out);
const char *erg_power_state_name(enum erg_power_state state);

#endif
