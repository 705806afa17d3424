/* SPDX-License-Identifier: MIT */
#ifndef ERG_STREAM_READER_H
#define ERG_STREAM_READER_H

#include "base/err.h"
#include "stream/counters.h"
#include "stream/format.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Reader of an event stream, the same over a live socket and over a file: feed it bytes as they
 * come, take events until it wants more. Its input is hostile until proven valid (format.h,
 * VALIDITY); whatever it returns has been checked, name ids included.
 */
struct erg_reader;

struct erg_text_view {
    const char *bytes; /* not NUL-terminated */
    size_t len;
};

/* A pass; columns that are absent are NULL. */
struct erg_pass_view {
    struct erg_pass_head head;
    const int16_t *layer;
    const uint16_t *component;
    const uint16_t *operation; /* NULL = all 0 */
    const uint64_t *duration_ns;
    const float *flops, *bytes, *mean, *std, *max, *sparsity, *extra;
};

/* Arrays of head.heads. */
struct erg_attention_view {
    struct erg_attention_head head;
    const float *entropy, *max_weight, *sparsity;
};

/* Arrays [head.tokens][head.used]. */
struct erg_routing_view {
    struct erg_routing_head head;
    const uint16_t *expert;
    const float *weight;
};

struct erg_memory_view {
    uint64_t model_bytes, kv_cache_bytes, compute_bytes, peak_rss_bytes;
};

struct erg_reading_view {
    int64_t t_before_ns, t_after_ns;
    enum erg_reading_kind kind;
    uint32_t count;
    const struct erg_channel_value *values;
};

/*
 * One record. `t_ns` is its time where it has one, else 0. Pointers are borrowed until the next
 * call of erg_reader_next() or erg_reader_feed().
 */
struct erg_event {
    enum erg_record_type type;
    int64_t t_ns;
    int64_t t1_ns;             /* IDLE: its end */
    uint32_t phase;            /* SECTION_*: enum erg_phase */
    uint32_t name;             /* SECTION_*, NAME: name id */
    uint32_t level_or_status;  /* LOG: enum erg_log_level, RUN_END: enum erg_end_status */
    int64_t wall_ns;           /* RECORDING */
    uint64_t count;            /* DROPPED */
    struct erg_text_view text; /* NAME, RUN_BEGIN, TOKEN, LOG, RUN_END, RECORDING*, POWER … */
    struct erg_pass_view pass;
    struct erg_attention_view attention;
    struct erg_routing_view routing;
    struct erg_token_head token;
    struct erg_memory_view memory;
    struct erg_progress progress;
    struct erg_reading_view reading;
    struct erg_host_sample host;
    struct erg_counters_head counters;
    const void *record; /* the whole record as it came, header and padding included */
    size_t record_bytes;
};

int erg_reader_new(struct erg_reader **out, struct erg_err *err);
void erg_reader_free(struct erg_reader *reader);

/* Append bytes of the stream. NOMEM, or LIMIT when a record is announced beyond the ceiling. */
int erg_reader_feed(struct erg_reader *reader, const void *bytes, size_t len, struct erg_err *err);

/*
 * The next event: 1 and *out filled; 0 when more bytes are needed; CORRUPT (or UNSUPPORTED for
 * another major version) when the stream is not valid from erg_reader_offset() on, which stays so.
 * Records of unknown type are skipped.
 */
int erg_reader_next(struct erg_reader *reader, struct erg_event *out, struct erg_err *err);

/* Position in the stream of the first byte that has not been returned as part of an event. */
uint64_t erg_reader_offset(const struct erg_reader *reader);

/* Bytes fed but not yet returned: at the end of a file, more than 0 means it is torn. */
size_t erg_reader_pending(const struct erg_reader *reader);

/* Records of unknown type skipped so far. */
uint64_t erg_reader_skipped(const struct erg_reader *reader);

/* Text of a name id ("" for 0); borrowed for the life of the reader. NULL when not bound. */
const char *erg_reader_name(const struct erg_reader *reader, uint32_t id);

#endif
