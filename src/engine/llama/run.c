/* SPDX-License-Identifier: MIT */
#include "engine/llama/run.h"

#include "base/mem.h"
#include "engine/llama/prompt.h"
#include "engine/llama/run_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Often enough to watch a run; each flush is a system call, which takes as long as a small layer.
 */
enum { PIECE_BYTES = 4096, FLUSH_NS = 100 * 1000 * 1000 };

/* llama_decode()'s answers that are not failures of its own */
enum { DECODED = 0, NO_KV_SLOT = 1, ABORTED = 2 };

static void section(struct erg_run *run, enum ergon_phase phase, const char *name, int64_t t0_ns,
                    int64_t t1_ns)
{
    uint32_t id = ergon_probe_name(run->probe, name);
    ergon_probe_section_begin(run->probe, t0_ns, phase, id);
    ergon_probe_section_end(run->probe, t1_ns, phase, id);
}

void erg_run_set_token(struct erg_run *run, int i, llama_token token, bool wants_logits)
{
    struct llama_batch *batch = &run->batch;
    batch->token[i] = token;
    batch->pos[i] = run->position + i;
    batch->n_seq_id[i] = 1;
    batch->seq_id[i][0] = 0;
    batch->logits[i] = wants_logits || run->command->dump_all;
    batch->n_tokens = i + 1;
}

static void dump_logits(struct erg_run *run, int count, bool sampled)
{
    if (!run->logits || (!sampled && !run->command->dump_all)) {
        return;
    }
    size_t width = (size_t)llama_vocab_n_tokens(run->model->vocab);
    for (int i = run->command->dump_all ? 0 : count - 1; i < count; i++) {
        const float *row = llama_get_logits_ith(run->ctx, i);
        if (row) {
            fwrite(row, sizeof(*row), width, run->logits);
        }
    }
}

static int explain(const struct erg_run *run, int rc, struct erg_err *err)
{
    if (rc == ABORTED || run->cancelled) {
        return erg_fail(err, ERG_CANCELLED, "cancelled");
    }
    if (rc == NO_KV_SLOT) {
        return erg_fail(err, ERG_LIMIT, "no room in the KV cache for %d more tokens",
                        run->batch.n_tokens);
    }
    return erg_fail(err, ERG_IO, "decoding failed: %s",
                    run->log->error[0] ? run->log->error : "no reason given");
}

static void report_tokens(struct erg_run *run)
{
    char piece[PIECE_BYTES];
    for (int i = 0; i < run->batch.n_tokens; i++) {
        llama_token token = run->batch.token[i];
        int len = erg_token_text(run->model->vocab, token, piece, PIECE_BYTES);
        if (run->phase == ERGON_DECODE && llama_vocab_is_eog(run->model->vocab, token)) {
            /* The end of a text that is gone on behind: the next text begins a new paragraph. */
            len = snprintf(piece, PIECE_BYTES, "\n\n");
        }
        ergon_probe_token(run->probe, run->phase, (uint32_t)(run->position + i), token, piece,
                          (size_t)len);
    }
}

/*
 * Evaluate the batch; with `out_next`, sample the token that follows it. Everything but the two
 * calls being measured happens after the pass has ended.
 */
static int evaluate(struct erg_run *run, llama_token *out_next, struct erg_err *err)
{
    struct erg_pass_times times = {.phase = run->phase,
                                   .n_tokens = (uint32_t)run->batch.n_tokens,
                                   .position = (uint32_t)run->position};
    struct erg_depth_choice choice = {run->depth, false};
    if (run->phase == ERGON_DECODE) {
        choice = erg_depth_next(&run->control);
    }
    times.bare = choice.bare;
    times.t0_ns = ergon_probe_now_ns();
    erg_instrument_begin(run->instrument, times.t0_ns, choice.depth);
    int rc = llama_decode(run->ctx, run->batch);
    if (rc != DECODED || run->cancelled) {
        return explain(run, rc, err);
    }
    if (out_next) {
        llama_synchronize(run->ctx); /* GPUs compute asynchronously */
    }
    times.t1_ns = times.returned_ns = ergon_probe_now_ns();
    if (out_next) {
        *out_next = llama_sampler_sample(run->sampler, run->ctx, -1);
        times.t1_ns = ergon_probe_now_ns();
    }
    run->pass_t1_ns = times.t1_ns;
    int reused = llama_perf_context(run->ctx).n_reused;
    times.reused = reused > run->reused;
    run->reused = reused;
    erg_instrument_end(run->instrument, &times);
    report_tokens(run);
    run->unsent_ns += times.t1_ns - times.t0_ns;
    if (run->unsent_ns >= FLUSH_NS) {
        ergon_probe_flush(run->probe);
        run->unsent_ns = 0;
    }
    struct erg_depth_cost cost = {.depth = choice.depth,
                                  .report_ns = ergon_probe_now_ns() - times.t1_ns,
                                  .stamps = erg_instrument_stamps(run->instrument),
                                  .stamp_ns = erg_instrument_stamp_ns(run->instrument),
                                  .reused = times.reused};
    erg_run_note_cost(run, times.t0_ns, &cost);
    dump_logits(run, run->batch.n_tokens, out_next != NULL);
    run->position += run->batch.n_tokens;
    run->phase_done += (uint32_t)run->batch.n_tokens;
    return 0;
}

static int check_cancelled(struct erg_run *run, struct erg_err *err)
{
    run->cancelled = run->cancelled || erg_channel_cancelled(run->channel);
    return run->cancelled ? erg_fail(err, ERG_CANCELLED, "cancelled") : 0;
}

int erg_run_prefill(struct erg_run *run, llama_token *out_next, struct erg_err *err)
{
    run->phase = ERGON_PREFILL;
    run->phase_total = (uint32_t)run->prompt_count;
    while (run->position < run->prompt_count) {
        int left = run->prompt_count - run->position;
        int width = left < run->ubatch ? left : run->ubatch;
        bool last = width == left;
        for (int i = 0; i < width; i++) {
            erg_run_set_token(run, i, run->prompt[run->position + i], last && i == width - 1);
        }
        int status = check_cancelled(run, err);
        status = status ? status : evaluate(run, last ? out_next : NULL, err);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

int erg_run_decode_one(struct erg_run *run, llama_token token, llama_token *out_next,
                       struct erg_err *err)
{
    run->phase = ERGON_DECODE;
    erg_run_set_token(run, 0, token, true);
    int status = check_cancelled(run, err);
    return status ? status : evaluate(run, out_next, err);
}

static int decode(struct erg_run *run, llama_token next, struct erg_err *err)
{
    run->phase = ERGON_DECODE;
    run->phase_done = 0;
    run->phase_total = (uint32_t)run->command->tokens;
    while (run->output_count < run->command->tokens) {
        if (!run->command->ignore_eos && llama_vocab_is_eog(run->model->vocab, next)) {
            return 0;
        }
        if (run->position >= run->n_ctx) {
            char text[96];
            snprintf(text, sizeof(text), "the context of %d tokens is full after %d generated",
                     run->n_ctx, run->output_count);
            ergon_probe_log(run->probe, ERGON_WARNING, text);
            return 0;
        }
        llama_token token = next;
        int status = erg_run_decode_one(run, token, &next, err);
        if (status != 0) {
            return status;
        }
        run->output[run->output_count++] = token;
    }
    return 0;
}

static int before(struct erg_run *run, struct erg_err *err)
{
    int64_t t0 = ergon_probe_now_ns();
    int status =
        erg_prompt_tokens(run->model->llama, run->command, &run->prompt, &run->prompt_count, err);
    int64_t t1 = ergon_probe_now_ns();
    status = status ? status : erg_run_open(run, err);
    int64_t t2 = ergon_probe_now_ns();
    status = status ? status : erg_run_fill_batch(run, err);
    int64_t t3 = ergon_probe_now_ns();
    /* Only now is known with which settings the run goes on. */
    status = status ? status : erg_run_describe(run, t0, err);
    if (status == 0) {
        section(run, ERGON_PRE_INFERENCE, "tokenization", t0, t1);
        section(run, ERGON_PRE_INFERENCE, "kv_cache_init", t1, t2);
        section(run, ERGON_PRE_INFERENCE, "tensor_transfer", t2, t3);
        erg_run_memory(run);
    }
    return status;
}

static void detokenize(struct erg_run *run)
{
    if (llama_vocab_type(run->model->vocab) == LLAMA_VOCAB_TYPE_NONE || run->output_count == 0) {
        return;
    }
    int room = run->output_count * 64 + 64;
    ERG_AUTO_FREE char *text = erg_calloc((size_t)room, 1);
    if (text) {
        llama_detokenize(run->model->vocab, run->output, run->output_count, text, room, false,
                         false);
    }
}

static void after(struct erg_run *run)
{
    int64_t t0 = ergon_probe_now_ns();
    detokenize(run);
    int64_t t1 = ergon_probe_now_ns();
    section(run, ERGON_POST_INFERENCE, "detokenization", t0, t1);
    t0 = ergon_probe_now_ns();
    llama_synchronize(run->ctx);
    if (!run->cancelled) {
        llama_get_logits_ith(run->ctx, -1);
    }
    t1 = ergon_probe_now_ns();
    section(run, ERGON_POST_INFERENCE, "tensor_transfer", t0, t1);
    t0 = ergon_probe_now_ns();
    erg_run_close(run);
    t1 = ergon_probe_now_ns();
    section(run, ERGON_POST_INFERENCE, "cleanup", t0, t1);
    erg_run_memory(run);
}

static void report_end(struct erg_run *run, int status, const struct erg_err *err)
{
    enum ergon_status end = status == 0               ? ERGON_COMPLETE
                            : status == ERG_CANCELLED ? ERGON_CANCELLED
                                                      : ERGON_FAILED;
    ergon_probe_run_end(run->probe, ergon_probe_now_ns(), end, status == 0 ? "" : err->text);
}

void erg_run(ergon_probe *probe, struct erg_channel *channel, const struct erg_model *model,
             struct erg_log *log, const struct erg_run_command *command)
{
    struct erg_err err = {0};
    struct erg_run run = {
        .probe = probe, .channel = channel, .model = model, .log = log, .command = command};
    llama_token next = LLAMA_TOKEN_NULL;
    erg_run_prepare(&run);
    int status = before(&run, &err);
    if (status == 0) {
        status = erg_run_prefill(&run, &next, &err);
        status = status ? status : decode(&run, next, &err);
        after(&run);
    }
    erg_run_close(&run);
    free(run.prompt);
    free(run.output);
    erg_run_report_profiler(&run);
    report_end(&run, status, &err);
}
