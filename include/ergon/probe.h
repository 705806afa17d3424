/* SPDX-License-Identifier: MIT */
#ifndef ERGON_PROBE_H
#define ERGON_PROBE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The probe: how a program that runs inference reports what it does to Ergon. It runs inside the
 * measured process, so it lives by a strict law: C11, nothing but libc, no allocation after
 * ergon_probe_open(), no locks, never blocks on its reader, never aborts. When the reader is slow,
 * records wait in a buffer of fixed size; when that is full, whole records are dropped and counted
 * (the count is reported as soon as there is room); the end of a run always finds room. When the
 * reader is gone, everything becomes a no-op, without a SIGPIPE.
 *
 * A probe belongs to one thread at a time. All functions accept a NULL probe and do nothing, so a
 * program can keep its calls when it is not being profiled.
 *
 * Order of calls in a run: run_begin; sections of pre_inference; for each forward evaluation
 * pass_begin, span …, pass_end, then attention and routing of its spans, token for each token it
 * evaluated, flush; sections of post_inference; run_end. The format behind is docs/event-stream.md.
 */
typedef struct ergon_probe ergon_probe;

enum ergon_phase {
    ERGON_PRE_INFERENCE = 0,
    ERGON_PREFILL = 1,
    ERGON_DECODE = 2,
    ERGON_POST_INFERENCE = 3
};

enum ergon_status { ERGON_COMPLETE = 0, ERGON_CANCELLED = 1, ERGON_FAILED = 2 };

enum ergon_log_level { ERGON_DEBUG = 0, ERGON_INFO = 1, ERGON_WARNING = 2, ERGON_ERROR = 3 };

/* How a pass was taken; bits, 0 for none. */
enum ergon_pass_flag {
    ERGON_PASS_TRACED = 1,   /* stamps from the abort callback */
    ERGON_PASS_OBSERVED = 2, /* cut at nodes by the evaluation callback */
    ERGON_PASS_GUESSED = 4,  /* some node was classified by the fallback */
    ERGON_PASS_MISMATCH = 8, /* stamps and node list disagree: spans are phase-level only */
    ERGON_PASS_BARE = 16,    /* no statistics were taken, for comparison (overhead estimate) */
    ERGON_PASS_REUSED = 32,  /* the graph of the pass before was reused */
    ERGON_PASS_DEEP = 64,    /* statistics of every operation were taken, not only components' */
    ERGON_PASS_ROWS_SAMPLED = 128 /* statistics are of some of its positions, evenly spaced */
};

struct ergon_probe_options {
    size_t buffer_bytes; /* 0 = 8 MiB; a pass of max_spans and 64 KiB more must fit */
    uint32_t max_spans;  /* of one pass, at most 65536; 0 = 16384. The rest is unattributed. */
};

/*
 * What is known of a span besides its time; NaN or 0 where it is not (`extra`: NaN). Statistics are
 * known when one of the four is neither. What no span of a pass knows is not written.
 */
struct ergon_span_values {
    float flops;
    float bytes;
    float mean;     /* mean of |x| */
    float std;      /* standard deviation of x */
    float max;      /* maximum of |x| */
    float sparsity; /* share of |x| below the threshold */
    float extra;    /* of an activation its kill ratio, of a norm var(input) / var(output) */
};

/*
 * Open a probe on a descriptor (socket, pipe or file; borrowed, left open by close) and write the
 * stream's preamble. `options` may be NULL. NULL with errno set when memory is short or an option
 * makes no sense. Sockets and pipes are used without blocking.
 */
ergon_probe *ergon_probe_open(int fd, const struct ergon_probe_options *options);

/* As ergon_probe_open() on the descriptor that `ergon run --engine` passes in the environment
 * variable ERGON_PROBE_FD; NULL with errno ENOENT when the program was not started by Ergon. */
ergon_probe *ergon_probe_open_env(void);

/* Wait at most `timeout_ms` for the reader to take what is buffered; 0 when all is delivered, else
 * -1. The only call that waits. */
int ergon_probe_drain(ergon_probe *probe, int timeout_ms);

void ergon_probe_close(ergon_probe *probe);

/* CLOCK_MONOTONIC (CLOCK_UPTIME_RAW on macOS) in nanoseconds: the clock of all `t_ns`. */
int64_t ergon_probe_now_ns(void);

/*
 * Intern the name of a section, component or operation: 1 to 127 bytes of UTF-8. The same text
 * gives the same id (a linear search: look names up once, outside the hot path). 0 when it is not
 * such a text or there are too many names. The name travels with the first record that follows.
 */
uint32_t ergon_probe_name(ergon_probe *probe, const char *text);

/* `json` is an object: {"engine":{…},"model":{…},"settings":{…}}. */
void ergon_probe_run_begin(ergon_probe *probe, int64_t t_ns, const char *json);
void ergon_probe_run_end(ergon_probe *probe, int64_t t_ns, enum ergon_status status,
                         const char *reason);

void ergon_probe_section_begin(ergon_probe *probe, int64_t t_ns, enum ergon_phase phase,
                               uint32_t name);
void ergon_probe_section_end(ergon_probe *probe, int64_t t_ns, enum ergon_phase phase,
                             uint32_t name);

/* A forward evaluation of `n_tokens` ≥ 1 tokens from `position` on; phase PREFILL or DECODE. */
void ergon_probe_pass_begin(ergon_probe *probe, int64_t t0_ns, enum ergon_phase phase,
                            uint32_t n_tokens, uint32_t position);

/*
 * The next span of the pass: it starts where the one before ended. `layer` -1 is outside the
 * layers; `operation` 0 means all operations of the component together. `values` may be NULL. A
 * component that was never interned becomes "unattributed", so that the spans behind keep their
 * place. Returns the span's index in the pass, or UINT32_MAX when it was not taken.
 */
uint32_t ergon_probe_span(ergon_probe *probe, int layer, uint32_t component, uint32_t operation,
                          uint64_t duration_ns, const struct ergon_span_values *values);

/* End the pass; `flags` are bits of enum ergon_pass_flag. Spans are cut where they exceed t1. */
void ergon_probe_pass_end(ergon_probe *probe, int64_t t1_ns, uint32_t flags);

/*
 * Attention statistics of a softmax span of the pass that has just ended, one of each per head:
 * entropy in nats and largest weight, means over its rows, and the share of weights below the
 * threshold. NaN where not known.
 */
void ergon_probe_attention(ergon_probe *probe, uint32_t span, uint32_t heads, const float *entropy,
                           const float *max_weight, const float *sparsity);

/*
 * Routing of a router's top-k span of the pass that has just ended: of each of `tokens` positions
 * the `used` experts chosen out of `experts`, best first, and their weights, [tokens][used];
 * `entropy` of the router's distribution (nats, mean over positions; NaN = not known).
 */
void ergon_probe_routing(ergon_probe *probe, uint32_t span, uint32_t tokens, uint32_t used,
                         uint32_t experts, float entropy, const uint16_t *expert,
                         const float *weight);

/* A token that the last pass evaluated; `bytes` need not be whole characters. */
void ergon_probe_token(ergon_probe *probe, enum ergon_phase phase, uint32_t position, int32_t id,
                       const char *bytes, size_t len);

void ergon_probe_memory(ergon_probe *probe, int64_t t_ns, uint64_t model_bytes,
                        uint64_t kv_cache_bytes, uint64_t compute_bytes, uint64_t peak_rss_bytes);

/* Where a long pass is; call it at most ten times a second. `tokens_total` 0 = not known. */
void ergon_probe_progress(ergon_probe *probe, int64_t t_ns, enum ergon_phase phase, int layer,
                          uint32_t operation, uint32_t operations, uint32_t tokens_done,
                          uint32_t tokens_total);

void ergon_probe_log(ergon_probe *probe, enum ergon_log_level level, const char *text);

/*
 * Hand everything buffered to the system with one write. pass_end and token only buffer until 64
 * KiB wait, so that passes with their tokens cost one write: call it ten times a second, say; all
 * other records are flushed by themselves.
 */
void ergon_probe_flush(ergon_probe *probe);

/* Records dropped so far: the reader was too slow, or the format does not allow them (a phase out
 * of range, a text too long …). */
uint64_t ergon_probe_dropped(const ergon_probe *probe);

#ifdef __cplusplus
}
#endif
#endif
