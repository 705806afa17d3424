/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_MODEL_H
#define ERG_ENGINE_MODEL_H

#include "base/jsonw.h"
#include "engine/llama/command.h"
#include "engine/llama/log.h"

#include <llama.h>

/* The loaded model, kept between runs. */
struct erg_model {
    struct llama_model *llama; /* NULL = none */
    const struct llama_vocab *vocab;
    char *path;
    char *device;
    int gpu_layers;
    bool mmap;
    bool on_cpu; /* every node runs on the CPU */
    int64_t load_t0_ns, load_t1_ns;
    bool warm; /* the latest load found it in memory */
    uint64_t file_bytes;
    int64_t file_changed_ns; /* a file that was replaced is loaded anew */
};

/* Load ggml's back ends and start libllama; INVALID when there is no device at all. */
int erg_engine_start(struct erg_err *err);

/* "ergon-llama 0.1.0, llama 0.7.0, ggml 0.27.0, back ends: CPU (zen4)"; after erg_engine_start().
 */
void erg_engine_version(char *out, size_t out_bytes);

/*
 * Load, or find that the same model is loaded already. On failure no model is loaded. A `synth:`
 * specification is made in memory before; the load's times do not count that.
 */
int erg_model_load(struct erg_model *model, const struct erg_load_command *command,
                   struct erg_channel *channel, struct erg_log *log, struct erg_err *err);
/* Does it say of itself that its weights are random? */
bool erg_model_is_synthetic(const struct erg_model *model);
void erg_model_free(struct erg_model *model);

/* The members "model" and "load", and "engine" and "machine" (its GPUs), of a run's description. */
void erg_model_describe(const struct erg_model *model, struct erg_jsonw *w);
void erg_engine_describe(const struct erg_model *model, int threads, struct erg_jsonw *w);

#endif
