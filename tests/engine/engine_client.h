/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_ENGINE_CLIENT_H
#define ERG_TESTS_ENGINE_CLIENT_H

#include "stream/reader.h"

#include <sys/types.h>

/*
 * A recorder in miniature for tests: starts the built engine on a socket pair, sends commands,
 * collects what comes back. Anything unexpected fails the test on the spot.
 */
struct seen_span {
    int layer;
    char component[48], operation[48];
    uint64_t duration_ns;
    float flops, bytes;
    float mean, std, max, sparsity; /* NaN or 0 where there are none */
    float extra;                    /* likewise */
};

struct seen_attention {
    uint32_t span, heads;
    float *entropy, *max_weight, *sparsity; /* [heads] */
};

struct seen_routing {
    struct erg_routing_head head;
    uint16_t *expert; /* [tokens][used] */
    float *weight;    /* likewise */
};

struct seen_pass {
    struct erg_pass_head head;
    struct seen_span *spans;
    struct seen_attention *attention;
    size_t attention_count;
    struct seen_routing *routing;
    size_t routing_count;
};

struct seen_token {
    struct erg_token_head head;
    char text[64];
};

struct seen_section {
    uint32_t phase;
    char name[48];
    int64_t t0_ns, t1_ns;
};

/* What came between a command and the next RUN_END (or "loaded", "synthesised"). */
struct seen {
    bool answered; /* the info line "loaded" or "synthesised" came */
    bool ended;    /* RUN_END came */
    uint32_t status;
    char reason[512];
    char *begin; /* JSON of RUN_BEGIN, NULL = none */
    int64_t begin_ns;
    struct seen_pass *passes;
    size_t pass_count;
    struct seen_token *tokens;
    size_t token_count;
    struct seen_section sections[16];
    size_t section_count;
    struct erg_memory_view memory;
    size_t memory_count, progress_count;
    struct erg_progress progress; /* the latest */
    char warnings[1024];          /* log lines of level WARNING and above, joined */
    char text[8192];              /* of the generated tokens */
};

struct engine {
    pid_t pid;
    int fd;
    struct erg_reader *reader;
};

void engine_start(struct engine *engine);
/* The same for another program. */
void engine_start_as(struct engine *engine, const char *program);
/* Send one JSON command, printf-like. */
void engine_send(struct engine *engine, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Collect until RUN_END, "loaded" or "synthesised"; free with seen_deinit(). */
void engine_collect(struct engine *engine, struct seen *out);
/* Take in events until `count` tokens were seen; for cutting in. */
void engine_collect_tokens(struct engine *engine, struct seen *seen, size_t count);
/* Take in events until the first progress record (or the end). */
void engine_collect_progress(struct engine *engine, struct seen *seen);
/* Close the socket and wait: the exit status, or 128 + the signal. */
int engine_stop(struct engine *engine);
void seen_deinit(struct seen *seen);

void engine_load(struct engine *engine, const char *model);
/*
 * Send "run" with these further members (", \"tokens\":5"), collect the run. On one thread and with
 * no token for comparison unless they say otherwise.
 */
void engine_run(struct engine *engine, const char *members, struct seen *out);

/* Sum of the spans of a pass. */
uint64_t seen_span_sum(const struct seen_pass *pass);

#endif
