/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_JOIN_H
#define ERG_RECORD_JOIN_H

#include "analysis/rollup.h"
#include "analysis/summary.h"
#include "stream/reader.h"

/*
 * The join: from the events of a recording, in their order, to the rows of a run. Engine records
 * say what happened when, readings say what it cost; an item (section, pass with its tokens, power
 * sample) becomes a row as soon as every sensor has been read past its end. The same events give
 * the same rows, live or from a file: nothing here looks at a clock.
 *
 * Conservation holds for any stream: items are clipped so that they do not overlap, and a reading
 * that would change energy already given out is ignored (and counted).
 */
struct erg_join;

/* Where rows go; every callback may be NULL. A row is borrowed for the call. */
struct erg_join_sink {
    void *user;
    void (*section)(void *user, const struct erg_section_row *row);
    void (*pass)(void *user, const struct erg_pass_row *row);
    void (*token)(void *user, const struct erg_token_row *row);
    void (*sample)(void *user, const struct erg_sample_row *row);
    void (*host)(void *user, const struct erg_host_row *row);
    void (*warning)(void *user, const char *text);
};

int erg_join_new(struct erg_join **out, const struct erg_join_sink *sink, struct erg_err *err);
void erg_join_free(struct erg_join *join);

/*
 * Take the next event. CORRUPT when it contradicts the ones before it (phases going backwards, two
 * runs in one recording …): the recording ends there. A producer may drop any record, so one whose
 * partner is missing (the end of a section that never began, a token without its pass) is only
 * counted.
 */
int erg_join_event(struct erg_join *join, const struct erg_event *event, struct erg_err *err);

/* No more events: everything that is waiting becomes rows, whether its energy is final or not. */
int erg_join_finish(struct erg_join *join, struct erg_err *err);

/* Give out the section rows of prefill and decode as they stand (sums over the passes so far). */
void erg_join_flush_sections(struct erg_join *join);

/* Start of the first section, the run's t = 0; false when it has not begun. */
bool erg_join_zero_ns(const struct erg_join *join, int64_t *out_ns);

/* How the engine ended the run: an enum erg_end_status, or -1 when it has not. */
int erg_join_end_status(const struct erg_join *join);

/* The reason the engine gave with it; NULL or "" when there is none. */
const char *erg_join_end_reason(const struct erg_join *join);

/* True once the recording's own end has been seen. */
bool erg_join_is_closed(const struct erg_join *join);

/* The recording breaks off here: its run is `interrupted`, because of `why`. NOMEM. */
int erg_join_interrupt(struct erg_join *join, const char *why, struct erg_err *err);

/* Are there items that wait for power readings of their time? */
bool erg_join_is_waiting(const struct erg_join *join);

/* Passes seen so far, rows or not. */
uint32_t erg_join_passes(const struct erg_join *join);

/*
 * The run as far as rows have been given out. Pointers are borrowed until the next event. `status`
 * and `failure` are the recording's if it has ended, else "running".
 */
void erg_join_facts(struct erg_join *join, struct erg_run_facts *out);

/* Header of the recording, parsed: id, model_name, model_path … are in erg_join_facts(). */
const char *erg_join_model_path(const struct erg_join *join);

/*
 * Sums by phase, layer, component and operation over the passes given out, handed over to the
 * caller (who frees them) once the join is finished.
 */
struct erg_rollup *erg_join_take_rollup(struct erg_join *join);
/* The same to look at; borrowed until the next event. */
void erg_join_sums(const struct erg_join *join, struct erg_run_sums *out);

/* Text of a name id of the stream; NULL when it is not bound. */
const char *erg_join_name(const struct erg_join *join, uint32_t id);

#endif
