/* SPDX-License-Identifier: MIT */
#include "record/fit.h"

#include "model/blueprint.h"
#include "record/machine.h"

#include <string.h>

#define GIB ((double)(1 << 30))

/* Bytes of an element, by the names of --cache-type-k; f16 unless said otherwise. */
static double element_bytes(const char *type)
{
    static const struct {
        const char *name;
        double bytes;
    } types[] = {
        {"f32", 4},          {"f16", 2},         {"bf16", 2},
        {"q8_0", 34.0 / 32}, {"q4_0", 18. / 32}, {"q4_1", 20. / 32},
        {"q5_0", 22. / 32},  {"q5_1", 24. / 32}, {"iq4_nl", 18. / 32},
    };
    for (size_t i = 0; type && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, type) == 0)
            return types[i].bytes;
    }
    return 2;
}

/* Others have layers with a sliding window, a compressed cache or a recurrent state. */
static bool keeps_all_keys(const char *architecture)
{
    static const char *const known[] = {"llama", "qwen2",    "qwen2moe", "qwen3",  "qwen3moe",
                                        "gpt2",  "stablelm", "falcon",   "bloom",  "starcoder2",
                                        "phi2",  "mpt",      "gptneox",  "granite"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i], architecture) == 0)
            return true;
    }
    return false;
}

/* In floating point: a damaged file may claim anything. */
static double kv_bytes(const struct erg_run_options *options, const struct erg_model_info *info,
                       double tokens)
{
    if (!keeps_all_keys(info->architecture) || info->heads <= 0)
        return 0;
    double kv_heads = info->kv_heads ? (double)info->kv_heads : (double)info->heads;
    double head_size = (double)info->embedding_length / (double)info->heads;
    double element = element_bytes(options->cache_type_k) + element_bytes(options->cache_type_v);
    return (double)info->layers * kv_heads * head_size * element * tokens;
}

static double context_tokens(const struct erg_run_options *options,
                             const struct erg_model_info *info)
{
    if (options->ctx > 0)
        return (double)options->ctx;
    double wanted = (double)options->prompt_tokens + (double)options->tokens;
    double limit = (double)info->context_length;
    return limit > 0 && wanted > limit ? limit : wanted;
}

/*
 * A synthetic model is first a file in memory, and what is quantised or not to be mapped is copied
 * out of it.
 */
static double weights_bytes(const struct erg_run_options *options,
                            const struct erg_model_info *info)
{
    struct erg_blueprint blueprint;
    const char *model = options->model_path;
    if (!erg_is_synth_spec(model) || erg_blueprint_parse(model, &blueprint, NULL))
        return (double)info->file_bytes;
    bool copied = options->no_mmap || erg_blueprint_is_quantised(&blueprint);
    return (double)info->file_bytes * (copied ? 2 : 1);
}

int erg_fit_check(const struct erg_run_options *options, const struct erg_root *root,
                  struct erg_err *err)
{
    struct erg_model_info info;
    bool on_cpu = !options->device || strcmp(options->device, "cpu") == 0;
    double memory = (double)erg_machine_memory_bytes(root);
    if (!on_cpu || memory <= 0 || erg_model_read(options->model_path, &info, NULL))
        return 0;
    double tokens = context_tokens(options, &info);
    double weights = weights_bytes(options, &info), cache = kv_bytes(options, &info, tokens);
    if (weights + cache <= memory)
        return 0;
    return erg_fail(err, ERG_LIMIT,
                    "'%.60s' needs %.3g GiB (weights %.3g, KV cache of %.0f tokens %.3g), this "
                    "machine has %.3g GiB of memory (try a smaller --ctx or model)",
                    options->model_path, (weights + cache) / GIB, weights / GIB, tokens,
                    cache / GIB, memory / GIB);
}
