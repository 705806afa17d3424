/* SPDX-License-Identifier: MIT */
#include "engine/llama/run_state.h"

#include "base/mem.h"
#include "engine/llama/collect.h"
#include "engine/llama/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { DEFAULT_UBATCH = 512, DEFAULT_BATCH = 2048 };

static int choose_context_size(struct erg_run *run, struct erg_err *err)
{
    const struct erg_run_command *command = run->command;
    int limit = llama_model_n_ctx_train(run->model->llama);
    int64_t wanted = (int64_t)run->prompt_count + command->tokens;
    run->n_ctx = command->ctx > 0 ? command->ctx : wanted < limit ? (int)wanted : limit;
    if (run->prompt_count > run->n_ctx) {
        return erg_fail(err, ERG_LIMIT,
                        "the prompt has %d tokens, longer than the context of %d (see --ctx)",
                        run->prompt_count, run->n_ctx);
    }
    if (command->ctx > limit) {
        char text[128];
        snprintf(text, sizeof(text), "a context of %d is more than the %d the model was made for",
                 command->ctx, limit);
        ergon_probe_log(run->probe, ERGON_WARNING, text);
    }
    return 0;
}

static int cache_type(const char *name, enum ggml_type *out, struct erg_err *err)
{
    static const enum ggml_type known[] = {GGML_TYPE_F32,  GGML_TYPE_F16,  GGML_TYPE_BF16,
                                           GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, GGML_TYPE_Q4_1,
                                           GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_IQ4_NL};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, ggml_type_name(known[i])) == 0) {
            *out = known[i];
            return 0;
        }
    }
    return erg_fail(err, ERG_INVALID, "'%s' is not a type for the KV cache (f16, f32, q8_0, …)",
                    name);
}

static int choose_instrument(struct erg_run *run, struct erg_err *err)
{
    const char *name = run->command->instrument;
    bool minimal = strcmp(run->command->mode, "minimal") == 0;
    if (!minimal && strcmp(run->command->mode, "standard") != 0 &&
        strcmp(run->command->mode, "deep") != 0) {
        return erg_fail(err, ERG_INVALID, "'%s' is not a mode", run->command->mode);
    }
    run->depth = minimal                                   ? ERG_DEPTH_TRACED
                 : strcmp(run->command->mode, "deep") == 0 ? ERG_DEPTH_DEEP
                                                           : ERG_DEPTH_STANDARD;
    if (strcmp(name, "auto") == 0) {
        run->kind = run->model->on_cpu ? ERG_INSTRUMENT_TRACE
                    : minimal          ? ERG_INSTRUMENT_NONE
                                       : ERG_INSTRUMENT_OBSERVE;
    } else if (strcmp(name, "trace") == 0) {
        if (!run->model->on_cpu) {
            return erg_fail(err, ERG_INVALID, "the instrument 'trace' times CPUs only");
        }
        run->kind = ERG_INSTRUMENT_TRACE;
    } else if (strcmp(name, "observe") == 0) {
        run->kind = ERG_INSTRUMENT_OBSERVE;
    } else if (strcmp(name, "none") == 0) {
        run->kind = ERG_INSTRUMENT_NONE;
    } else {
        return erg_fail(err, ERG_INVALID, "'%s' is not an instrument", name);
    }
    return 0;
}

/* During a pass, at most ten times a second. */
static bool on_tick(void *user, int64_t now_ns, int layer, uint32_t node, uint32_t nodes)
{
    struct erg_run *run = user;
    ergon_probe_progress(run->probe, now_ns, run->phase, layer, node, nodes, run->phase_done,
                         run->phase_total);
    run->cancelled = run->cancelled || erg_channel_cancelled(run->channel);
    return run->cancelled;
}

static bool takes_statistics(const struct erg_run *run)
{
    return run->depth >= ERG_DEPTH_STANDARD && run->kind != ERG_INSTRUMENT_NONE;
}

static int make_instrument(struct erg_run *run, struct erg_err *err)
{
    if (run->command->dump_tensors && run->kind != ERG_INSTRUMENT_OBSERVE) {
        return erg_fail(err, ERG_INVALID, "'dump_tensors' needs the instrument 'observe'");
    }
    struct erg_instrument_options options = {
        .kind = run->kind,
        .depth = run->depth,
        .threads = run->threads > run->threads_batch ? run->threads : run->threads_batch,
        .keep_fusion = !run->model->on_cpu,
        .sparsity_threshold = run->command->sparsity_threshold,
        .attention_sparsity_threshold = run->command->attention_sparsity_threshold,
        .layers = run->layers,
        .layer_count = run->layer_count,
        .dump_path = run->command->dump_nodes,
        .dump_tensors = run->command->dump_tensors,
        .on_tick = on_tick,
        .user = run,
    };
    return erg_instrument_new(run->probe, &options, &run->instrument, err);
}

static int make_context(struct erg_run *run, struct erg_err *err)
{
    const struct erg_run_command *command = run->command;
    struct llama_context_params params = llama_context_default_params();
    int status = cache_type(command->cache_type_k, &params.type_k, err);
    status = status ? status : cache_type(command->cache_type_v, &params.type_v, err);
    if (status != 0) {
        return status;
    }
    params.flash_attn_type = run->flash_type;
    run->ubatch = command->ubatch > 0 ? command->ubatch : DEFAULT_UBATCH;
    params.n_ctx = (uint32_t)run->n_ctx;
    params.n_ubatch = (uint32_t)run->ubatch;
    params.n_batch = (uint32_t)(command->batch > 0 ? command->batch : DEFAULT_BATCH);
    params.n_batch = params.n_batch < params.n_ubatch ? params.n_ubatch : params.n_batch;
    params.n_threads = run->threads;
    params.n_threads_batch = run->threads_batch;
    params.cb_eval = erg_instrument_eval(run->instrument);
    params.cb_eval_user_data = run->instrument;
    params.abort_callback = erg_instrument_abort(run->instrument);
    params.abort_callback_data = run->instrument;
    erg_log_forget(run->log);
    run->ctx = llama_init_from_model(run->model->llama, params);
    if (!run->ctx) {
        return erg_fail(err, ERG_NOMEM, "cannot make a context of %d tokens: %s", run->n_ctx,
                        run->log->error[0] ? run->log->error : "no reason given");
    }
    run->kv_cache_bytes = run->log->kv_cache_bytes;
    run->compute_bytes = run->log->compute_bytes;
    erg_run_warn_of_flash(run);
    return 0;
}

static void make_sampler(struct erg_run *run)
{
    const struct erg_run_command *command = run->command;
    run->sampler = llama_sampler_chain_init(llama_sampler_chain_default_params());
    if (command->temperature <= 0) {
        llama_sampler_chain_add(run->sampler, llama_sampler_init_greedy());
        return;
    }
    if (command->top_k > 0) {
        llama_sampler_chain_add(run->sampler, llama_sampler_init_top_k(command->top_k));
    }
    llama_sampler_chain_add(run->sampler, llama_sampler_init_top_p((float)command->top_p, 1));
    llama_sampler_chain_add(run->sampler, llama_sampler_init_temp((float)command->temperature));
    llama_sampler_chain_add(run->sampler, llama_sampler_init_dist(command->seed));
}

void erg_run_prepare(struct erg_run *run)
{
    const struct erg_run_command *command = run->command;
    int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    run->threads = command->threads > 0 ? command->threads : cpus > 0 ? cpus : 1;
    run->threads_batch = command->threads_batch > 0 ? command->threads_batch : run->threads;
    run->stamp_ns = erg_run_stamp_ns();
    erg_start_threads(run->threads > run->threads_batch ? run->threads : run->threads_batch);
}

int erg_run_open(struct erg_run *run, struct erg_err *err)
{
    int status = choose_context_size(run, err);
    status = status ? status : choose_instrument(run, err);
    status = status ? status : erg_run_choose_profile(run, err);
    status = status ? status : make_instrument(run, err);
    status = status ? status : make_context(run, err);
    if (status == 0) {
        make_sampler(run);
    }
    return status;
}

int erg_run_fill_batch(struct erg_run *run, struct erg_err *err)
{
    run->output = erg_calloc((size_t)run->command->tokens + 1, sizeof(*run->output));
    if (!run->output) {
        return erg_fail(err, ERG_NOMEM, "cannot start the run: out of memory");
    }
    int widest = run->prompt_count < run->ubatch ? run->prompt_count : run->ubatch;
    run->batch = llama_batch_init(widest, 0, 1);
    run->has_batch = true;
    if (run->command->dump_logits) {
        run->logits = fopen(run->command->dump_logits, "we");
    }
    return 0;
}

void erg_run_close(struct erg_run *run)
{
    if (run->has_batch) {
        llama_batch_free(run->batch);
    }
    if (run->logits) {
        fclose(run->logits);
    }
    llama_sampler_free(run->sampler);
    llama_free(run->ctx);
    erg_instrument_free(run->instrument);
    run->has_batch = false;
    run->logits = NULL;
    run->sampler = NULL;
    run->ctx = NULL;
    run->instrument = NULL;
    free(run->layers);
    run->layers = NULL;
}

void erg_run_memory(struct erg_run *run)
{
    struct rusage usage;
    uint64_t peak = getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
    ergon_probe_memory(run->probe, ergon_probe_now_ns(), llama_model_size(run->model->llama),
                       run->kv_cache_bytes, run->compute_bytes, peak);
}

static void describe_settings(const struct erg_run *run, struct erg_jsonw *w)
{
    static const char *const instruments[] = {"trace", "observe", "none"};
    const struct erg_run_command *command = run->command;
    erg_jsonw_key(w, "settings");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kint(w, "tokens", command->tokens);
    erg_jsonw_kint(w, "ctx", run->n_ctx);
    erg_jsonw_kint(w, "batch", (int64_t)llama_n_batch(run->ctx));
    erg_jsonw_kint(w, "ubatch", run->ubatch);
    erg_jsonw_kint(w, "threads", run->threads);
    erg_jsonw_kint(w, "threads_batch", run->threads_batch);
    erg_jsonw_kreal(w, "temperature", command->temperature);
    erg_jsonw_kint(w, "top_k", command->top_k);
    erg_jsonw_kreal(w, "top_p", command->top_p);
    erg_jsonw_kint(w, "seed", command->seed);
    erg_jsonw_kbool(w, "chat", command->chat);
    erg_jsonw_kbool(w, "bos", command->bos);
    erg_jsonw_kbool(w, "ignore_eos", command->ignore_eos);
    erg_jsonw_kbool(w, "flash_attn", erg_run_uses_flash(run));
    if (run->flash_why) {
        erg_jsonw_kstr(w, "flash_attn_why", run->flash_why);
    }
    erg_jsonw_kstr(w, "cache_type_k", command->cache_type_k);
    erg_jsonw_kstr(w, "cache_type_v", command->cache_type_v);
    erg_jsonw_kstr(w, "device", run->model->device);
    erg_jsonw_kint(w, "gpu_layers", run->model->gpu_layers);
    erg_jsonw_kbool(w, "mmap", run->model->mmap);
    erg_jsonw_kstr(w, "mode", command->mode);
    erg_jsonw_kstr(w, "instrument", instruments[run->kind]);
    erg_run_describe_profile(run, w);
    if (takes_statistics(run)) {
        int widest = run->prompt_count < run->ubatch ? run->prompt_count : run->ubatch;
        erg_jsonw_kreal(w, "sparsity_threshold", command->sparsity_threshold);
        erg_jsonw_kbool(w, "rows_sampled", widest > ERG_COLLECT_ROWS);
    }
    erg_jsonw_obj_end(w);
}

int erg_run_describe(struct erg_run *run, int64_t t_ns, struct erg_err *err)
{
    struct erg_buf buf;
    struct erg_jsonw w;
    erg_buf_init(&buf);
    erg_jsonw_init(&w, &buf);
    erg_jsonw_obj_begin(&w);
    erg_engine_describe(run->model, run->threads, &w);
    erg_model_describe(run->model, &w);
    describe_settings(run, &w);
    erg_jsonw_kint(&w, "prompt_tokens", run->prompt_count);
    erg_jsonw_obj_end(&w);
    int status = erg_jsonw_finish(&w);
    if (status == 0) {
        ergon_probe_run_begin(run->probe, t_ns, erg_buf_view(&buf));
    }
    erg_buf_deinit(&buf);
    return status ? erg_fail(err, status, "cannot describe the run") : 0;
}
