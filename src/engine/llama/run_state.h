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
    bool *layers;         /* [layer_count], that statistics are taken of; NULL = all */
    int layer_count;
    struct erg_depth_control control; /* of generated tokens */
    struct erg_depth_cost last;       /* the latest of them */
    int64_t last_t0_ns;               /* 0 = there is none */
    double stamp_ns;
    enum llama_flash_attn_type flash_type; /* asked for */
    const char *flash_why;                 /* of what was chosen here; NULL = by the user */
    FILE *logits;                          /* dump_logits */

    llama_token *prompt;
    int prompt_count;
    llama_token *output; /* evaluated so far */
    int output_count;
    int n_ctx, ubatch, threads, threads_batch; /* in effect */
    int position;                              /* tokens in the context */
    int64_t pass_t1_ns;                        /* end of the latest pass */
    int64_t unsent_ns;                         /* computed since passes were handed over last */
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

/* run_profile.c: what a time stamp costs in a loop. */
double erg_run_stamp_ns(void);
/* Layers, attention and sampling as the command wants them. INVALID for a layer there is not. */
int erg_run_choose_profile(struct erg_run *run, struct erg_err *err);
/* What to say of flash attention, once it is known whether it is in use. */
bool erg_run_uses_flash(const struct erg_run *run);
void erg_run_warn_of_flash(struct erg_run *run);
/* The pass just evaluated, which began at `t0_ns`, in the books of the control. */
void erg_run_note_cost(struct erg_run *run, int64_t t0_ns, const struct erg_depth_cost *cost);
/* The members of settings that say how much is profiled. */
void erg_run_describe_profile(const struct erg_run *run, struct erg_jsonw *w);
/* The line {"profiler":{…}} at the end of a run: what was measured of the profiler itself. */
void erg_run_report_profiler(struct erg_run *run);

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
