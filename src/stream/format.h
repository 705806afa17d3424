/* SPDX-License-Identifier: MIT */
#ifndef ERG_STREAM_FORMAT_H
#define ERG_STREAM_FORMAT_H

#include "stream/check.h"
#include "stream/details.h"

/*
 * The event stream: what an engine writes to its socket, what a .erg recording holds, byte for
 * byte. This header, with those it includes, is the whole definition; docs/event-stream.md explains
 * it to people.
 *
 * LAYOUT. A stream is a preamble and a sequence of records. Everything is little-endian; every
 * record starts at a multiple of 8 bytes from the start of the stream.
 *
 *   preamble  16 bytes   magic[8]  u16 major  u16 minor  u32 zero
 *   record    header 16 bytes   u32 payload_bytes  u16 type  u16 zero  u64 check
 *             payload, padded with zero bytes to a multiple of 8
 *
 * UNITS. Times are int64 nanoseconds of CLOCK_MONOTONIC (CLOCK_UPTIME_RAW on macOS), durations
 * uint64 nanoseconds, energies int64 nanojoules, powers int64 microwatts, sizes bytes.
 *
 * VALIDITY. A record is valid when it is complete, its length is at most ERG_MAX_RECORD_BYTES, its
 * padding is zero, its check (erg_format_check) agrees and its payload obeys the rules at its type.
 * The valid prefix of a stream *is* the stream: a reader stops at the first other one, says where.
 *
 * VERSIONS. A reader refuses another major version. Within a major version new record types may
 * appear (skipped and counted), payloads without a variable part may grow at the end (the excess is
 * ignored), a pass may have more flags and (behind the known ones) columns. Meanings never change.
 *
 * CRASHES. A producer that dies leaves a truncated last record, or no RUN_END. Both mean: what came
 * before holds, the run did not finish. There is no trailer that a crash could lose.
 *
 * NAMES. Components, operations and sections are interned: NAME binds an id to a text before its
 * first use; an id is bound once. Id 0 is never bound and means "none".
 */

/* As PNG's: shows text-mode damage at once. */
#define ERG_FORMAT_MAGIC "\211ERG\r\n\032\n"

enum {
    ERG_FORMAT_MAJOR = 1,
    ERG_FORMAT_MINOR = 0,
    ERG_PREAMBLE_BYTES = 16,
    ERG_RECORD_HEADER_BYTES = 16,
    ERG_MAX_LOG_BYTES = 1 << 16, /* text of LOG and RUN_END; other ceilings: base/limits.h */
};

/* Payloads, fields in order without gaps; `text` runs to the end of the payload. */
enum erg_record_type {
    /* u32 id (1…ERG_MAX_NAMES-1), u32 zero, text (1…ERG_MAX_NAME_BYTES of UTF-8 without NUL) */
    ERG_REC_NAME = 1,
    /* i64 t, text: JSON object {engine:{…}, model:{…}, settings:{…}, prompt_tokens:n} */
    ERG_REC_RUN_BEGIN = 2,
    /* i64 t, u32 phase (PRE_INFERENCE or POST_INFERENCE), u32 name. Not nested. */
    ERG_REC_SECTION_BEGIN = 3,
    ERG_REC_SECTION_END = 4,
    /* struct erg_pass_head, then the columns named in its mask, see below */
    ERG_REC_PASS = 5,
    /* struct erg_token_head, text: any bytes (may be part of a character). Follows its pass. */
    ERG_REC_TOKEN = 6,
    /* i64 t, u64 model_bytes, u64 kv_cache_bytes, u64 compute_bytes, u64 peak_rss_bytes */
    ERG_REC_MEMORY = 7,
    /* struct erg_progress: at most ten a second, so that a long pass is live */
    ERG_REC_PROGRESS = 8,
    /* i64 t, u32 level (enum erg_log_level), u32 zero, text */
    ERG_REC_LOG = 9,
    /* i64 t, u32 status (enum erg_end_status), u32 zero, text: reason, empty when complete */
    ERG_REC_RUN_END = 10,
    /* u64 count: records the producer could not deliver since the last such record */
    ERG_REC_DROPPED = 11,
    /* struct erg_attention_head, then f32 × heads each, padded to 8: entropy, max_weight, sparsity,
     * finite or NaN. Of a span of the latest PASS of the run, at most one for each span, before
     * the last token of that pass. */
    ERG_REC_ATTENTION = 12,
    /* struct erg_routing_head, then, padded to 8 each, u16 expert [tokens][used], below `experts`,
     * and f32 weight [tokens][used], finite or NaN. Of a span and at a place as ATTENTION. */
    ERG_REC_ROUTING = 13,

    /* From here on by the recorder only: i64 t, i64 wall_ns (the same instant since 1970), text:
     * JSON, what no other record says of the run (id, settings, machine, power specification …) */
    ERG_REC_RECORDING = 32,
    /* text: JSON {sources:[…], channels:[…]}: channel i of READING is channels[i] */
    ERG_REC_POWER = 33,
    /* i64 t_before, i64 t_after, u32 kind (erg_reading_kind), u32 count, erg_channel_value … */
    ERG_REC_READING = 34,
    ERG_REC_HOST = 35,          /* struct erg_host_sample */
    ERG_REC_RECORDING_END = 36, /* i64 t, text: JSON {status, failure, conditions} */
    ERG_REC_IDLE = 37,          /* i64 t0, i64 t1: the engine stood ready, nothing ran */
    ERG_REC_COUNTERS = 38,      /* struct erg_counters_head (counters.h), text: why not all */
};

enum erg_phase {
    ERG_PHASE_PRE_INFERENCE = 0,
    ERG_PHASE_PREFILL = 1,
    ERG_PHASE_DECODE = 2,
    ERG_PHASE_POST_INFERENCE = 3,
    ERG_PHASES = 4,
};

enum erg_log_level { ERG_LOG_DEBUG, ERG_LOG_INFO, ERG_LOG_WARNING, ERG_LOG_ERROR };

enum erg_end_status { ERG_END_COMPLETE = 0, ERG_END_CANCELLED = 1, ERG_END_FAILED = 2 };

/* One forward evaluation, from the entry of decode to the moment its token is sampled. Its spans
 * follow one another in order of execution and tile it: span i starts where span i-1 ends, the
 * first at t0. Their sum never exceeds t1 - t0; what is missing is unattributed. */
struct erg_pass_head {
    int64_t t0_ns, t1_ns; /* t1 ≥ t0 */
    uint32_t phase;       /* ERG_PHASE_PREFILL or ERG_PHASE_DECODE */
    uint32_t n_tokens;    /* evaluated in it: ≥ 1 */
    uint32_t position;    /* of its first token in the context */
    uint32_t flags;       /* enum erg_pass_flag */
    uint32_t n_spans;     /* ≤ ERG_MAX_SPANS_PER_PASS */
    uint32_t columns;     /* enum erg_column bits; LAYER, COMPONENT, DURATION unless no spans */
};

enum erg_pass_flag {
    ERG_PASS_TRACED = 1 << 0,   /* stamps from the abort callback */
    ERG_PASS_OBSERVED = 1 << 1, /* cut at nodes by the evaluation callback */
    ERG_PASS_GUESSED = 1 << 2,  /* some node was classified by the fallback */
    ERG_PASS_MISMATCH = 1 << 3, /* stamps and node list disagree: spans are phase-level only */
    ERG_PASS_BARE = 1 << 4,     /* no statistics were taken, for comparison: "not profiled" */
    ERG_PASS_REUSED = 1 << 5,   /* the graph of the pass before was reused */
    ERG_PASS_DEEP = 1 << 6,     /* statistics of every operation were taken, not only components' */
    ERG_PASS_ROWS_SAMPLED = 1 << 7, /* statistics are of some of its positions, evenly spaced */
};

/* Columns of a pass, in bit order, each n_spans long and zero-padded to 8 bytes. */
enum erg_column {
    ERG_COL_LAYER = 1 << 0,     /* i16, -1 = outside the layers */
    ERG_COL_COMPONENT = 1 << 1, /* u16 name id, never 0 */
    ERG_COL_OPERATION = 1 << 2, /* u16 name id, 0 = all operations of the component together */
    ERG_COL_DURATION = 1 << 3,  /* u64 ns */
    ERG_COL_FLOPS = 1 << 4,     /* f32 */
    ERG_COL_BYTES = 1 << 5,     /* f32 */
    ERG_COL_MEAN = 1 << 6,      /* f32 mean of |x|; NaN where a span has no statistics */
    ERG_COL_STD = 1 << 7,       /* f32 standard deviation of x */
    ERG_COL_MAX = 1 << 8,       /* f32 maximum of |x| */
    ERG_COL_SPARSITY = 1 << 9,  /* f32 share of |x| below the threshold */
    ERG_COL_EXTRA = 1 << 10,    /* f32 kill ratio of an activation, variance ratio of a norm */
    ERG_COL_KNOWN = (1 << 11) - 1,
};

struct erg_token_head {
    uint32_t position; /* in the context */
    int32_t id;        /* vocabulary id */
    uint32_t phase;    /* PREFILL: a prompt token, DECODE: a generated one */
    uint32_t zero;
};

struct erg_progress {
    int64_t t_ns;
    uint32_t phase;
    int32_t layer;         /* of the operation being executed, -1 = none */
    uint32_t operation;    /* index of the executed node in its graph */
    uint32_t operations;   /* nodes of the graph */
    uint32_t tokens_done;  /* in this phase */
    uint32_t tokens_total; /* in this phase, 0 = not known */
};

enum erg_reading_kind {
    ERG_READING_GRID = 0, /* on the sampling interval: shown as a power sample */
    ERG_READING_EDGE = 1, /* extra, at the edge of a phase, section or pass */
};

/*
 * A channel's cumulative energy (nJ, wrap-around already undone) or power (µW). OVERRUN: readings
 * were lost, and the time until the next one is a gap.
 */
struct erg_channel_value {
    uint32_t channel;
    uint32_t status; /* 0 valid; else the read failed (-enum erg_code) and value is 0 */
    int64_t value;
};

/* State of the machine at t; ratios are of all CPUs together, NaN = not known. */
struct erg_host_sample {
    int64_t t_ns;
    double engine_cpu_ratio;  /* used by the engine process */
    double machine_cpu_ratio; /* used by everybody */
    double others_cpu_ratio;  /* used by neither the engine nor the recorder */
    uint64_t engine_rss_bytes;
    uint64_t machine_used_bytes;
    uint64_t machine_total_bytes;
};

#endif
