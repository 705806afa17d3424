/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_RUN_STATE_H
#define ERG_ENGINE_RUN_STATE_H

#include "engine/llama/instrument.h"
#include "engine/llama/run.h"

#include <stdio.h>

/* What one run has open; made by run_setup.c, used by run.c. */
struct erg_run {
    ergon_probe *probe;
    struct erg_channel *channel;
    const struct erg_model *model;
    struct erg_log *log;
    const struct erg_run_command *command;

    struct llama_context *ctx;
    struct llama_sampler *sampler;
    struct llama_batch batch;
    bool has_batch;
    struct erg_instrument *instrument;
    enum erg_instrument_kind kind;
    enum erg_depth depth; /* of the mode */
    FILE *logits;         /* dump_logits */

    llama_token *prompt;
    int prompt_count;
    llama_token *output; /* evaluated so far */
    int output_count;
    int n_ctx, ubatch, threads, threads_batch; /* in effect */
    int position;                              /* tokens in the context */
    int64_t pass_t1_ns;                        /* end of the latest pass */
    int reused;                                /* llama_perf_context's count */
    uint64_t kv_cache_bytes, compute_bytes;

    enum ergon_phase phase; /* for progress */
    uint32_t phase_done, phase_total;
    bool cancelled;
};

/* What is like loading, before the run's time begins: the number of threads, and their start. */
void erg_run_prepare(struct erg_run *run);
/* Context, sampler, batch and instrument for run->prompt; the effective settings. */
int erg_run_open(struct erg_run *run, struct erg_err *err);
/* Room for the first chunk of the prompt. */
int erg_run_fill_batch(struct erg_run *run, struct erg_err *err);
void erg_run_close(struct erg_run *run);

void erg_run_set_token(struct erg_run *run, int i, llama_token token, bool wants_logits);
/*
 * The whole prompt, or one token, evaluated and reported; the token that follows. CANCELLED when
 * the recorder wishes so.
 */
int erg_run_prefill(struct erg_run *run, llama_token *out_next, struct erg_err *err);
int erg_run_decode_one(struct erg_run *run, llama_token token, llama_token *out_next,
                       struct erg_err *err);

/* RUN_BEGIN at `t_ns`. */
int erg_run_describe(struct erg_run *run, int64_t t_ns, struct erg_err *err);
void erg_run_memory(struct erg_run *run);

#endif
