/* SPDX-License-Identifier: MIT */
#include "ergon/probe.h"

#include "base/limits.h"
#include "stream/format.h"
#include "stream/probe_out.h"
#include "stream/probe_state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#ifdef __APPLE__
#define STREAM_CLOCK CLOCK_UPTIME_RAW
#else
#define STREAM_CLOCK CLOCK_MONOTONIC
#endif

_Static_assert((int)ERGON_PRE_INFERENCE == (int)ERG_PHASE_PRE_INFERENCE &&
                   (int)ERGON_PREFILL == (int)ERG_PHASE_PREFILL &&
                   (int)ERGON_DECODE == (int)ERG_PHASE_DECODE &&
                   (int)ERGON_POST_INFERENCE == (int)ERG_PHASE_POST_INFERENCE,
               "phases");
_Static_assert((int)ERGON_COMPLETE == (int)ERG_END_COMPLETE &&
                   (int)ERGON_CANCELLED == (int)ERG_END_CANCELLED &&
                   (int)ERGON_FAILED == (int)ERG_END_FAILED,
               "status");
_Static_assert((int)ERGON_DEBUG == (int)ERG_LOG_DEBUG && (int)ERGON_INFO == (int)ERG_LOG_INFO &&
                   (int)ERGON_WARNING == (int)ERG_LOG_WARNING &&
                   (int)ERGON_ERROR == (int)ERG_LOG_ERROR,
               "levels");
_Static_assert((int)ERGON_PASS_TRACED == (int)ERG_PASS_TRACED &&
                   (int)ERGON_PASS_OBSERVED == (int)ERG_PASS_OBSERVED &&
                   (int)ERGON_PASS_GUESSED == (int)ERG_PASS_GUESSED &&
                   (int)ERGON_PASS_MISMATCH == (int)ERG_PASS_MISMATCH &&
                   (int)ERGON_PASS_BARE == (int)ERG_PASS_BARE &&
                   (int)ERGON_PASS_REUSED == (int)ERG_PASS_REUSED &&
                   (int)ERGON_PASS_DEEP == (int)ERG_PASS_DEEP &&
                   (int)ERGON_PASS_ROWS_SAMPLED == (int)ERG_PASS_ROWS_SAMPLED,
               "pass flags");

enum {
    DEFAULT_BUFFER_BYTES = 8 << 20,
    MAX_BUFFER_BYTES = 1 << 30,
    DEFAULT_MAX_SPANS = 16384,
    BUFFER_MARGIN_BYTES = 64 << 10,
    MAX_REASON_BYTES = 1024, /* of RUN_END, so that it fits the reserve */
};

static void free_all(ergon_probe *probe)
{
    if (!probe)
        return;
    erg_probe_out_deinit(&probe->out);
    free(probe->layer);
    free(probe->component);
    free(probe->operation);
    free(probe->duration_ns);
    free(probe->values);
    for (int kind = 0; kind < ERG_PROBE_DETAILS; kind++)
        free(probe->detailed[kind]);
    free(probe->name);
    free(probe);
}

static int allocate(ergon_probe *probe, int fd, size_t buffer_bytes)
{
    size_t n = probe->max_spans;
    probe->layer = malloc(n * sizeof *probe->layer);
    probe->component = malloc(n * sizeof *probe->component);
    probe->operation = malloc(n * sizeof *probe->operation);
    probe->duration_ns = malloc(n * sizeof *probe->duration_ns);
    probe->values = malloc(n * sizeof *probe->values);
    probe->name = malloc(ERG_MAX_NAMES * sizeof *probe->name);
    for (int kind = 0; kind < ERG_PROBE_DETAILS; kind++) {
        probe->detailed[kind] = calloc(n, sizeof *probe->detailed[kind]);
        if (!probe->detailed[kind])
            return ENOMEM;
    }
    if (!probe->layer || !probe->component || !probe->operation || !probe->duration_ns ||
        !probe->values || !probe->name)
        return ENOMEM;
    return erg_probe_out_init(&probe->out, fd, buffer_bytes);
}

static void write_preamble(struct erg_probe_out *out)
{
    unsigned char preamble[ERG_PREAMBLE_BYTES] = {0};
    uint16_t major = ERG_FORMAT_MAJOR, minor = ERG_FORMAT_MINOR;
    memcpy(preamble, ERG_FORMAT_MAGIC, 8);
    memcpy(preamble + 8, &major, 2);
    memcpy(preamble + 10, &minor, 2);
    memcpy(out->bytes, preamble, sizeof preamble);
    out->tail = sizeof preamble;
    erg_probe_out_flush(out);
}

ergon_probe *ergon_probe_open(int fd, const struct ergon_probe_options *options)
{
    struct ergon_probe_options chosen = options ? *options : (struct ergon_probe_options){0};
    if (!chosen.buffer_bytes)
        chosen.buffer_bytes = DEFAULT_BUFFER_BYTES;
    if (!chosen.max_spans)
        chosen.max_spans = DEFAULT_MAX_SPANS;
    if (chosen.max_spans > ERG_MAX_SPANS_PER_PASS || chosen.buffer_bytes > MAX_BUFFER_BYTES ||
        chosen.buffer_bytes <
            erg_probe_pass_bytes(chosen.max_spans, ERG_COL_KNOWN) + BUFFER_MARGIN_BYTES) {
        errno = EINVAL;
        return NULL;
    }
    ergon_probe *probe = calloc(1, sizeof *probe);
    if (!probe)
        return NULL;
    probe->max_spans = chosen.max_spans;
    int failure = allocate(probe, fd, chosen.buffer_bytes);
    if (failure) {
        free_all(probe);
        errno = failure;
        return NULL;
    }
    write_preamble(&probe->out);
    return probe;
}

/* A descriptor number: decimal digits only; -1 when it is not one. */
static int parse_fd(const char *text)
{
    long value = 0;
    if (!*text)
        return -1;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9')
            return -1;
        value = value * 10 + (*p - '0');
        if (value > INT_MAX / 16)
            return -1;
    }
    return (int)value;
}

ergon_probe *ergon_probe_open_env(void)
{
    const char *text = getenv("ERGON_PROBE_FD");
    if (!text) {
        errno = ENOENT;
        return NULL;
    }
    int fd = parse_fd(text);
    struct stat st;
    if (fd < 0) {
        errno = EINVAL;
        return NULL;
    }
    /* A child that inherited the variable but not the descriptor may have another file there. */
    if (fstat(fd, &st) || (!S_ISSOCK(st.st_mode) && !S_ISFIFO(st.st_mode))) {
        errno = EBADF;
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return ergon_probe_open(fd, NULL);
}

int ergon_probe_drain(ergon_probe *probe, int timeout_ms)
{
    return probe ? erg_probe_out_drain(&probe->out, timeout_ms) : 0;
}

void ergon_probe_close(ergon_probe *probe)
{
    ergon_probe_flush(probe);
    free_all(probe);
}

int64_t ergon_probe_now_ns(void)
{
    struct timespec now;
    clock_gettime(STREAM_CLOCK, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void ergon_probe_flush(ergon_probe *probe)
{
    if (probe)
        erg_probe_out_flush(&probe->out);
}

uint64_t ergon_probe_dropped(const ergon_probe *probe)
{
    return probe ? probe->out.dropped : 0;
}

/* Append a record of a fixed part and a text, and flush. */
static void put_flushed(ergon_probe *probe, uint16_t type, const void *fixed, size_t fixed_bytes,
                        const char *text, size_t text_bytes)
{
    unsigned char *payload =
        erg_probe_out_begin(&probe->out, type, fixed_bytes + text_bytes, type == ERG_REC_RUN_END);
    if (payload) {
        memcpy(payload, fixed, fixed_bytes);
        if (text_bytes)
            memcpy(payload + fixed_bytes, text, text_bytes);
        erg_probe_out_end(&probe->out);
    }
    erg_probe_out_flush(&probe->out);
}

void ergon_probe_run_begin(ergon_probe *probe, int64_t t_ns, const char *json)
{
    if (!probe)
        return;
    const char *text = json ? json : "{}";
    size_t len = strlen(text);
    probe->described_spans = 0;
    if (len > ERG_MAX_JSON_BYTES)
        erg_probe_out_drop(&probe->out);
    else
        put_flushed(probe, ERG_REC_RUN_BEGIN, &t_ns, sizeof t_ns, text, len);
}

struct stamped {
    int64_t t_ns;
    uint32_t first, second;
};

void ergon_probe_run_end(ergon_probe *probe, int64_t t_ns, enum ergon_status status,
                         const char *reason)
{
    if (!probe)
        return;
    size_t len = reason ? strnlen(reason, MAX_REASON_BYTES) : 0;
    uint32_t known = (uint32_t)status <= ERG_END_FAILED ? (uint32_t)status : ERG_END_FAILED;
    put_flushed(probe, ERG_REC_RUN_END, &(struct stamped){t_ns, known, 0}, sizeof(struct stamped),
                reason, len);
}

static void put_section(ergon_probe *probe, uint16_t type, int64_t t_ns, enum ergon_phase phase,
                        uint32_t name)
{
    if (!probe)
        return;
    bool allowed = phase == ERGON_PRE_INFERENCE || phase == ERGON_POST_INFERENCE;
    struct stamped section = {t_ns, (uint32_t)phase, name};
    if (!allowed || !name || name > probe->names)
        erg_probe_out_drop(&probe->out);
    else if (erg_probe_announce_names(probe, ERG_RECORD_HEADER_BYTES + sizeof section))
        put_flushed(probe, type, &section, sizeof section, NULL, 0);
}

void ergon_probe_section_begin(ergon_probe *probe, int64_t t_ns, enum ergon_phase phase,
                               uint32_t name)
{
    put_section(probe, ERG_REC_SECTION_BEGIN, t_ns, phase, name);
}

void ergon_probe_section_end(ergon_probe *probe, int64_t t_ns, enum ergon_phase phase,
                             uint32_t name)
{
    put_section(probe, ERG_REC_SECTION_END, t_ns, phase, name);
}

void ergon_probe_token(ergon_probe *probe, enum ergon_phase phase, uint32_t position, int32_t id,
                       const char *bytes, size_t len)
{
    if (!probe)
        return;
    struct erg_token_head head = {position, id, (uint32_t)phase, 0};
    if ((phase != ERGON_PREFILL && phase != ERGON_DECODE) || position >= ERG_MAX_TOKENS ||
        len > ERG_MAX_TOKEN_BYTES) {
        erg_probe_out_drop(&probe->out);
        return;
    }
    unsigned char *payload =
        erg_probe_out_begin(&probe->out, ERG_REC_TOKEN, sizeof head + len, false);
    if (!payload)
        return;
    memcpy(payload, &head, sizeof head);
    if (len)
        memcpy(payload + sizeof head, bytes, len);
    erg_probe_out_end(&probe->out);
}

void ergon_probe_memory(ergon_probe *probe, int64_t t_ns, uint64_t model_bytes,
                        uint64_t kv_cache_bytes, uint64_t compute_bytes, uint64_t peak_rss_bytes)
{
    uint64_t fields[5] = {(uint64_t)t_ns, model_bytes, kv_cache_bytes, compute_bytes,
                          peak_rss_bytes};
    if (probe)
        put_flushed(probe, ERG_REC_MEMORY, fields, sizeof fields, NULL, 0);
}

void ergon_probe_progress(ergon_probe *probe, int64_t t_ns, enum ergon_phase phase, int layer,
                          uint32_t operation, uint32_t operations, uint32_t tokens_done,
                          uint32_t tokens_total)
{
    if (!probe)
        return;
    struct erg_progress progress = {t_ns,       (uint32_t)phase, layer,       operation,
                                    operations, tokens_done,     tokens_total};
    if ((uint32_t)phase >= ERG_PHASES || layer < -1 || layer >= ERG_MAX_LAYERS ||
        tokens_done > ERG_MAX_TOKENS || tokens_total > ERG_MAX_TOKENS)
        erg_probe_out_drop(&probe->out);
    else
        put_flushed(probe, ERG_REC_PROGRESS, &progress, sizeof progress, NULL, 0);
}

void ergon_probe_log(ergon_probe *probe, enum ergon_log_level level, const char *text)
{
    if (!probe || !text)
        return;
    uint32_t known = (uint32_t)level <= ERG_LOG_ERROR ? (uint32_t)level : ERG_LOG_ERROR;
    struct stamped head = {ergon_probe_now_ns(), known, 0};
    put_flushed(probe, ERG_REC_LOG, &head, sizeof head, text, strnlen(text, ERG_MAX_LOG_BYTES));
}
