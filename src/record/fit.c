/* SPDX-License-Identifier: MIT */
#include "record/fit.h"

#include "base/limits.h"
#include "model/blueprint.h"
#include "record/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

/* A split model is NAME-00001-of-00003.gguf and its fellows; those that are not there are none. */
static double other_files_bytes(const char *path, const struct erg_model_info *info)
{
    static const char first[] = "-00001-of-";
    size_t len = strlen(path), tail = sizeof first - 1 + strlen("00003.gguf");
    char other[ERG_MAX_PATH_BYTES];
    double bytes = 0;
    if (info->split_count < 2 || len < tail || len >= sizeof other ||
        strncmp(path + len - tail, first, sizeof first - 1) != 0)
        return 0;
    memcpy(other, path, len + 1);
    for (int64_t i = 2; i <= info->split_count && i <= 99999; i++) {
        struct stat st;
        char number[8];
        snprintf(number, sizeof number, "-%05d", (int)i);
        memcpy(other + len - tail, number, 6);
        bytes += stat(other, &st) == 0 ? (double)st.st_size : 0;
    }
    return bytes;
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
        return (double)info->file_bytes + other_files_bytes(model, info);
    bool copied = options->no_mmap || erg_blueprint_is_quantised(&blueprint);
    return (double)info->file_bytes * (copied ? 2 : 1);
}

int erg_fit_check(const struct erg_run_options *options, const struct erg_root *root,
                  struct erg_err *err)
{
    struct erg_model_info info;
    bool on_cpu = !options->device || strcmp(options->device, "cpu") == 0;
    double memory = (double)erg_machine_usable_bytes(root);
    if (!on_cpu || memory <= 0 || erg_model_read(options->model_path, &info, NULL))
        return 0;
    double tokens = context_tokens(options, &info);
    double weights = weights_bytes(options, &info), cache = kv_bytes(options, &info, tokens);
    if (weights + cache <= memory)
        return 0;
    return erg_fail(
        err, ERG_LIMIT,
        "'%.60s' needs %.3g GiB (weights %.3g, KV cache of %.0f tokens %.3g), this "
        "%s %.3g GiB of memory (try a smaller --ctx or model)",
        options->model_path, (weights + cache) / GIB, weights / GIB, tokens, cache / GIB,
        memory < (double)erg_machine_memory_bytes(root) ? "container may use" : "machine has",
        memory / GIB);
}
