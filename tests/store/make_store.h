/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MAKE_STORE_H
#define ERG_TESTS_MAKE_STORE_H

#include "store/rows.h"
#include "store/writer.h"

#include <stdint.h>

/*
 * Stores for tests: deterministic, written through the writer. Link ergon_make_store.
 *
 * make_store() writes two runs:
 *   MAKE_STORE_DEEP     complete, deep, 2 layers of 2 heads; a prefill pass of 3 tokens, 4 decode
 * passes; cpu and dram energy, 5 power samples, 2 host samples; tag "baseline", experiment
 * "fixture" MAKE_STORE_MINIMAL  failed, minimal, 2 layers; newer; a prefill pass of 2 tokens, 1
 * decode pass; no energy at all
 */
#define MAKE_STORE_DEEP    "0190a0b1-deep-4000-8000-000000000001"
#define MAKE_STORE_MINIMAL "0190a0b2-mini-4000-8000-000000000002"

/* Aborts the program when the store cannot be written. */
void make_store(const char *path);

/* What a generated run looks like. */
enum make_detail { MAKE_MINIMAL, MAKE_STANDARD, MAKE_DEEP };

struct make_shape {
    int layers;
    enum make_detail detail;
    double time_scale; /* of typical operation times of a small model; 1 */
    double noise;      /* standard deviation of the logarithm of times */
    double spread;     /* … of the size of a tensor's values */
    bool energy;
    /* deep: */
    bool crowded;     /* 30 operations in a layer, not 22 */
    uint32_t heads;   /* attention statistics of so many; 0 = none */
    uint32_t experts; /* a router that uses two of so many; 0 = none */
    uint64_t seed;    /* not 0, moves on */
};

/* A pass of such a run at `t0_ns`, with spans and columns; free with make_pass_free(). */
struct make_pass {
    struct erg_pass_row row;
    struct erg_span *spans;
    float *values[ERG_VALUE_COLUMNS];
    struct erg_attention_row *attention;
    struct erg_routing_row *routing;
    struct make_shape own; /* draws what only deep passes have, so that the rest stays as it is */
};

void make_pass(struct make_pass *out, struct make_shape *shape, uint32_t index, uint32_t phase,
               uint32_t position, uint32_t n_tokens, int64_t t0_ns);
void make_pass_free(struct make_pass *pass);

/* Token `i` of `n` of a pass: its equal share. */
struct erg_token_row make_token(const struct erg_pass_row *pass, uint32_t i, uint32_t index);

/* A run row of that id and status; texts are static. `summary` may be NULL. */
struct erg_run_row make_run(const char *id, const char *status, const char *summary);

/* The names of made spans, for erg_writer_open(). */
const char *make_name(void *user, uint16_t id);

#endif
