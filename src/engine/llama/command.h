/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_COMMAND_H
#define ERG_ENGINE_COMMAND_H

#include "base/err.h"
#include "model/blueprint.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Commands from the recorder: u32 little-endian length and a JSON object on the same socket that
 * carries the event stream the other way (src/engine/README.md lists them).
 */
struct erg_channel {
    int fd; /* borrowed */
    char *bytes;
    size_t len, capacity;
    bool gone; /* the recorder closed its side */
};

void erg_channel_init(struct erg_channel *channel, int fd);
void erg_channel_deinit(struct erg_channel *channel);

/*
 * Wait at most `timeout_ms` for a command. 1 and *out (json_decref() it), 0 when none came, GONE
 * when the recorder is, CORRUPT when what it sent is not a command.
 */
int erg_channel_next(struct erg_channel *channel, int timeout_ms, json_t **out,
                     struct erg_err *err);

/*
 * Without waiting: should the run stop, because of a `cancel` (which is consumed) or because the
 * recorder is gone? Other commands stay queued.
 */
bool erg_channel_cancelled(struct erg_channel *channel);

struct erg_load_command {
    const char *model;
    int gpu_layers;
    const char *device; /* "cpu", "gpu" or the name of one */
    bool mmap;
};

struct erg_run_command {
    const char *prompt; /* NULL: prompt_tokens synthetic ones */
    size_t prompt_bytes;
    int prompt_tokens;
    bool chat, bos, ignore_eos;
    int tokens, ctx, batch, ubatch, threads, threads_batch;
    double temperature, top_p;
    int top_k;
    unsigned seed;
    const char *flash_attn; /* NULL: "auto", in mode deep "off" where that is possible */
    const char *cache_type_k, *cache_type_v, *mode, *instrument;
    const char *dump_logits; /* debugging: raw float32 rows of the sampled positions, or … */
    bool dump_all;           /* … of all positions */
    double sparsity_threshold, attention_sparsity_threshold;
    int sample_every, bare_every; /* engine/llama/depth.h */
    double overhead_budget_pct;   /* 0 = none */
    const json_t *layers;     /* numbers of those that statistics are taken of; NULL = all … */
    int layer_stride;         /* … or every so manieth */
    const char *dump_nodes;   /* debugging: facts of the nodes of each new graph */
    const char *dump_tensors; /* debugging: all tensors, with the instrument 'observe' */
};

struct erg_synth_command {
    const char *out;
    const char *model; /* the specification it was given as; NULL = by members */
    struct erg_blueprint blueprint;
};

enum { ERG_BENCH_WARMUP_PAIRS = 4 }; /* not reported */

/* A run of `run.mode` against the same without profiling or in another mode, or without profiling
 * against itself. */
struct erg_bench_command {
    struct erg_run_command run; /* with the tokens that the pairs need */
    bool prefill;               /* measured are passes over the prompt, not generated tokens */
    bool control;               /* both sides without profiling */
    const char *against;        /* the mode of the other side; NULL = without profiling */
    int pairs;
    int block; /* tokens in a row on one side */
};

/* Amplification (calibrate.h), and what may follow it. */
struct erg_calibrate_command {
    int threads, prompt_tokens;
};

struct erg_block_command {
    int operation, duration_ms;
    bool check; /* compare the results with those of the model's graph */
};

/* Fill from a command, with defaults for what is absent; texts are borrowed from `json`. INVALID
 * with the key in question. */
int erg_command_load(const json_t *json, struct erg_load_command *out, struct erg_err *err);
int erg_command_synth(const json_t *json, struct erg_synth_command *out, struct erg_err *err);
int erg_command_run(const json_t *json, struct erg_run_command *out, struct erg_err *err);
int erg_command_bench(const json_t *json, struct erg_bench_command *out, struct erg_err *err);
int erg_command_calibrate(const json_t *json, struct erg_calibrate_command *out,
                          struct erg_err *err);
int erg_command_block(const json_t *json, int operations, struct erg_block_command *out,
                      struct erg_err *err);

#endif
