/* SPDX-License-Identifier: MIT */
#include "engine/llama/model.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/system.h"
#include "engine/llama/image.h"
#include "engine/llama/model_file.h"
#include "engine/llama/precheck.h"
#include "engine/llama/synth.h"
#include "ergon/probe.h"

#include <ggml-backend.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int erg_engine_start(struct erg_err *err)
{
    const char *backends = getenv("ERGON_GGML_BACKENDS");
    if (backends && backends[0] != '\0') {
        ggml_backend_load_all_from_path(backends);
    } else {
        ggml_backend_load_all();
    }
    if (ggml_backend_dev_count() == 0) {
        return erg_fail(err, ERG_NOT_FOUND, "no ggml back end in '%s'",
                        backends ? backends : "ggml's own folder");
    }
    llama_backend_init();
    return 0;
}

void erg_model_free(struct erg_model *model)
{
    llama_model_free(model->llama);
    free(model->path);
    free(model->device);
    memset(model, 0, sizeof(*model));
}

/* A specification always means the same model. */
static bool is_unchanged(const struct erg_model *model, const char *path)
{
    struct stat info;
    return erg_is_synth_spec(path) ||
           (stat(path, &info) == 0 && erg_system_modified_ns(&info) == model->file_changed_ns);
}

static bool is_loaded(const struct erg_model *model, const struct erg_load_command *command)
{
    return model->llama && strcmp(model->path, command->model) == 0 &&
           is_unchanged(model, command->model) && strcmp(model->device, command->device) == 0 &&
           model->gpu_layers == command->gpu_layers && model->mmap == command->mmap;
}

static bool is_gpu(ggml_backend_dev_t device)
{
    enum ggml_backend_dev_type type = ggml_backend_dev_type(device);
    return type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

static bool has_gpu(void)
{
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        if (is_gpu(ggml_backend_dev_get(i))) {
            return true;
        }
    }
    return false;
}

/* The devices to use, NULL-terminated; for "gpu" libllama chooses. */
static int choose_devices(const struct erg_load_command *command, struct llama_model_params *params,
                          ggml_backend_dev_t devices[2], bool *out_on_cpu, struct erg_err *err)
{
    devices[0] = devices[1] = NULL;
    params->n_gpu_layers = command->gpu_layers;
    *out_on_cpu = strcmp(command->device, "cpu") == 0;
    if (*out_on_cpu) {
        params->n_gpu_layers = 0;
        params->devices = devices;
        return 0;
    }
    if (strcmp(command->device, "gpu") == 0) {
        if (!has_gpu()) {
            return erg_fail(err, ERG_NOT_FOUND,
                            "no GPU that ggml can use (its back ends are in 'ergon doctor'; "
                            "GGML_BACKEND_PATH names one more)");
        }
        return 0;
    }
    devices[0] = ggml_backend_dev_by_name(command->device);
    if (!devices[0]) {
        return erg_fail(err, ERG_NOT_FOUND, "no device '%s'", command->device);
    }
    params->devices = devices;
    *out_on_cpu = ggml_backend_dev_type(devices[0]) == GGML_BACKEND_DEVICE_TYPE_CPU;
    if (*out_on_cpu) {
        devices[0] = NULL;
    }
    return 0;
}

static int check_loaded(const struct llama_model *llama, struct erg_err *err)
{
    if (!llama_model_has_decoder(llama) || llama_model_has_encoder(llama)) {
        return erg_fail(err, ERG_UNSUPPORTED, "only decoder models can generate text");
    }
    if (llama_model_is_diffusion(llama)) {
        return erg_fail(err, ERG_UNSUPPORTED, "diffusion models are not supported");
    }
    return 0;
}

static int remember(struct erg_model *model, const struct erg_load_command *command,
                    const char *file, struct erg_err *err)
{
    struct stat info;
    model->path = erg_strdup(command->model);
    model->device = erg_strdup(command->device);
    model->gpu_layers = command->gpu_layers;
    model->mmap = command->mmap;
    model->vocab = llama_model_get_vocab(model->llama);
    if (stat(file, &info) == 0) {
        model->file_bytes = (uint64_t)info.st_size;
        model->file_changed_ns = erg_system_modified_ns(&info);
    }
    if (!model->path || !model->device) {
        return erg_fail(err, ERG_NOMEM, "cannot load the model: out of memory");
    }
    return check_loaded(model->llama, err);
}

/* Load `file`, which is the model of the command or what was made for it. */
static int load_file(struct erg_model *model, const struct erg_load_command *command,
                     const char *file, bool mmap, struct erg_log *log, struct erg_err *err)
{
    int64_t t0 = ergon_probe_now_ns();
    struct llama_model_params params = llama_model_default_params();
    ggml_backend_dev_t devices[2];
    bool on_cpu;
    int status = erg_precheck_model(file, err);
    status = status ? status : choose_devices(command, &params, devices, &on_cpu, err);
    if (status != 0) {
        return status;
    }
    params.load_mode = mmap ? LLAMA_LOAD_MODE_AUTO : LLAMA_LOAD_MODE_NONE;
    erg_log_forget(log);
    model->llama = llama_model_load_from_file(file, params);
    if (!model->llama) {
        return erg_fail(err, ERG_CORRUPT, "cannot load '%.100s': %s", command->model,
                        log->error[0] ? log->error : "no reason given");
    }
    model->on_cpu = on_cpu;
    status = remember(model, command, file, err);
    if (status != 0) {
        erg_model_free(model);
        return status;
    }
    model->load_t0_ns = t0;
    model->load_t1_ns = ergon_probe_now_ns();
    return 0;
}

/*
 * ggml copies quantised matrices into an order of its own. Read instead of mapped, they are not in
 * memory twice once the file is closed; floats are used where they are.
 */
static int load_synthetic(struct erg_model *model, const struct erg_load_command *command,
                          struct erg_channel *channel, struct erg_log *log, struct erg_err *err)
{
    struct erg_blueprint blueprint;
    struct erg_memory_file file;
    struct erg_synthesis synthesis = {
        .blueprint = &blueprint, .spec = command->model, .channel = channel};
    struct erg_model_info info;
    int status = erg_blueprint_parse(command->model, &blueprint, err);
    if (status != 0) {
        return status;
    }
    erg_blueprint_describe(&blueprint, &info);
    bool mmap = command->mmap && !erg_blueprint_is_quantised(&blueprint);
    status = erg_memory_file_open(&file, info.file_bytes * (mmap ? 1 : 2), err);
    if (status != 0) {
        return status;
    }
    status = erg_synthesize_into(&synthesis, file.fd, command->model, err);
    status = status ? status : load_file(model, command, file.path, mmap, log, err);
    erg_memory_file_close(&file);
    return status;
}

int erg_model_load(struct erg_model *model, const struct erg_load_command *command,
                   struct erg_channel *channel, struct erg_log *log, struct erg_err *err)
{
    if (is_loaded(model, command)) {
        model->load_t0_ns = model->load_t1_ns = ergon_probe_now_ns();
        model->warm = true;
        return 0;
    }
    erg_model_free(model);
    return erg_is_synth_spec(command->model)
               ? load_synthetic(model, command, channel, log, err)
               : load_file(model, command, command->model, command->mmap, log, err);
}

bool erg_model_is_synthetic(const struct erg_model *model)
{
    char text[8];
    return llama_model_meta_val_str(model->llama, ERG_SYNTH_KEY, text, sizeof(text)) >= 0;
}

/* A number of the architecture's metadata; 0 when absent, the first of an array per layer. */
static int64_t arch_number(const struct erg_model *model, const char *arch, const char *key)
{
    char full[192], text[64];
    int64_t value = 0;
    snprintf(full, sizeof(full), "%s.%s", arch, key);
    if (llama_model_meta_val_str(model->llama, full, text, sizeof(text)) <= 0) {
        return 0;
    }
    char *digits = text[0] == '[' ? text + 1 : text;
    digits[strspn(digits, "0123456789")] = '\0';
    return erg_parse_i64(digits, 0, INT64_MAX, &value, NULL) == 0 ? value : 0;
}

static void describe_text(const struct erg_model *model, struct erg_jsonw *w, const char *name,
                          const char *key)
{
    char text[256];
    bool known = llama_model_meta_val_str(model->llama, key, text, sizeof(text)) > 0;
    erg_jsonw_kstr(w, name, known ? text : NULL);
}

void erg_model_describe(const struct erg_model *model, struct erg_jsonw *w)
{
    const struct llama_model *llama = model->llama;
    char arch[96] = "";
    llama_model_meta_val_str(llama, "general.architecture", arch, sizeof(arch));
    erg_jsonw_key(w, "model");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "path", model->path);
    describe_text(model, w, "name", "general.name");
    erg_jsonw_kstr(w, "architecture", arch);
    erg_jsonw_kstr(w, "quantization", llama_ftype_name(llama_model_ftype(llama)));
    erg_jsonw_kint(w, "parameters", (int64_t)llama_model_n_params(llama));
    erg_jsonw_kint(w, "layers", llama_model_n_layer(llama));
    erg_jsonw_kint(w, "embedding_length", llama_model_n_embd(llama));
    erg_jsonw_kint(w, "heads", llama_model_n_head(llama));
    erg_jsonw_kint(w, "kv_heads", llama_model_n_head_kv(llama));
    erg_jsonw_kint(w, "feed_forward_length", arch_number(model, arch, "feed_forward_length"));
    erg_jsonw_kint(w, "experts", arch_number(model, arch, "expert_count"));
    erg_jsonw_kint(w, "experts_used", arch_number(model, arch, "expert_used_count"));
    erg_jsonw_kint(w, "context_length", llama_model_n_ctx_train(llama));
    erg_jsonw_kint(w, "vocab_size", llama_vocab_n_tokens(model->vocab));
    erg_jsonw_kint(w, "file_bytes", (int64_t)model->file_bytes);
    erg_jsonw_kbool(w, "synthetic", erg_model_is_synthetic(model));
    erg_jsonw_obj_end(w);
    erg_jsonw_key(w, "load");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kint(w, "t0_ns", model->load_t0_ns);
    erg_jsonw_kint(w, "t1_ns", model->load_t1_ns);
    erg_jsonw_kbool(w, "warm", model->warm);
    erg_jsonw_obj_end(w);
}

/* The CPU back end is a library per CPU generation, …/libggml-cpu-haswell.so. */
static void find_variant(char *out, size_t out_bytes)
{
    erg_image_find("libggml-cpu-", out, out_bytes);
    out[strcspn(out, ".")] = '\0';
}

void erg_engine_version(char *out, size_t out_bytes)
{
    char variant[32] = "";
    find_variant(variant, sizeof variant);
    int len =
        snprintf(out, out_bytes, "ergon-llama %s, llama %s, ggml %s, back ends:", ERGON_VERSION,
                 llama_version(), ggml_version());
    for (size_t i = 0; i < ggml_backend_reg_count() && len > 0 && (size_t)len < out_bytes; i++) {
        const char *name = ggml_backend_reg_name(ggml_backend_reg_get(i));
        bool cpu = strcmp(name, "CPU") == 0 && variant[0];
        len += snprintf(out + len, out_bytes - (size_t)len, "%s %s%s%s%s", i ? "," : "", name,
                        cpu ? " (" : "", cpu ? variant : "", cpu ? ")" : "");
    }
}

static bool is_used(const struct erg_model *model, ggml_backend_dev_t device)
{
    if (ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU) {
        return true;
    }
    return !model->on_cpu && (strcmp(model->device, "gpu") == 0 ||
                              strcmp(model->device, ggml_backend_dev_name(device)) == 0);
}

/* What ggml sees, used or not; a device in software says so in its name. */
static void describe_gpus(struct erg_jsonw *w)
{
    erg_jsonw_key(w, "machine");
    erg_jsonw_obj_begin(w);
    erg_jsonw_key(w, "gpus");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t device = ggml_backend_dev_get(i);
        size_t free_bytes = 0, total_bytes = 0;
        if (!is_gpu(device)) {
            continue;
        }
        ggml_backend_dev_memory(device, &free_bytes, &total_bytes);
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "device", ggml_backend_dev_name(device));
        erg_jsonw_kstr(w, "name", ggml_backend_dev_description(device));
        erg_jsonw_kint(w, "memory_bytes", (int64_t)total_bytes);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
}

void erg_engine_describe(const struct erg_model *model, int threads, struct erg_jsonw *w)
{
    char variant[32] = "";
    const char *backend = "CPU";
    find_variant(variant, sizeof variant);
    erg_jsonw_key(w, "engine");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "name", "ergon-llama");
    erg_jsonw_kstr(w, "version", ERGON_VERSION);
    erg_jsonw_kstr(w, "llama", llama_version());
    erg_jsonw_kstr(w, "ggml", ggml_version());
    erg_jsonw_kstr(w, "ggml_variant", variant[0] ? variant : NULL);
    erg_jsonw_key(w, "devices");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t device = ggml_backend_dev_get(i);
        if (is_used(model, device)) {
            char text[256];
            snprintf(text, sizeof(text), "%s: %s", ggml_backend_dev_name(device),
                     ggml_backend_dev_description(device));
            erg_jsonw_str(w, text);
            if (ggml_backend_dev_type(device) != GGML_BACKEND_DEVICE_TYPE_CPU) {
                backend = ggml_backend_reg_name(ggml_backend_dev_backend_reg(device));
            }
        }
    }
    erg_jsonw_arr_end(w);
    erg_jsonw_kstr(w, "backend", backend);
    erg_jsonw_kint(w, "threads", threads);
    erg_jsonw_obj_end(w);
    describe_gpus(w);
}
