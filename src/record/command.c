/* SPDX-License-Identifier: MIT */
#include "record/command.h"

#include "base/jsonw.h"
#include "base/mem.h"
#include "record/conditions.h"
#include "record/machine.h"
#include "record/provenance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void erg_command_load(const struct erg_run_options *options, struct erg_buf *out)
{
    struct erg_jsonw w;
    erg_jsonw_init(&w, out);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "cmd", "load");
    erg_jsonw_kstr(&w, "model", options->model_path);
    erg_jsonw_kint(&w, "gpu_layers", options->gpu_layers);
    erg_jsonw_kstr(&w, "device", options->device ? options->device : "cpu");
    erg_jsonw_kbool(&w, "mmap", !options->no_mmap);
    erg_jsonw_obj_end(&w);
}

static const char *or_default(const char *text, const char *fallback)
{
    return text ? text : fallback;
}

static void write_number(struct erg_jsonw *w, const char *key, double value)
{
    if (value > 0)
        erg_jsonw_kreal(w, key, value);
}

static void write_count(struct erg_jsonw *w, const char *key, int64_t value)
{
    if (value > 0)
        erg_jsonw_kint(w, key, value);
}

static void write_profile(const struct erg_run_options *options, struct erg_jsonw *w)
{
    write_number(w, "sparsity_threshold", options->sparsity_threshold);
    write_number(w, "attention_sparsity_threshold", options->attention_sparsity_threshold);
    write_number(w, "overhead_budget_pct", options->overhead_budget_pct);
    write_count(w, "sample_every", options->sample_every);
    write_count(w, "layer_stride", options->layer_stride);
    write_count(w, "bare_every", options->bare_every);
    if (options->no_bare)
        erg_jsonw_kint(w, "bare_every", 0);
    if (!options->layer_count)
        return;
    erg_jsonw_key(w, "layers");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < options->layer_count; i++)
        erg_jsonw_int(w, options->layers[i]);
    erg_jsonw_arr_end(w);
}

void erg_command_run(const struct erg_run_options *options, struct erg_buf *out)
{
    struct erg_jsonw w;
    erg_jsonw_init(&w, out);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "cmd", "run");
    erg_jsonw_kstr(&w, "prompt", options->prompt);
    erg_jsonw_kint(&w, "prompt_tokens", options->prompt_tokens);
    erg_jsonw_kbool(&w, "chat", options->chat);
    erg_jsonw_kbool(&w, "bos", !options->no_bos);
    erg_jsonw_kint(&w, "tokens", options->tokens);
    erg_jsonw_kint(&w, "ctx", options->ctx);
    erg_jsonw_kint(&w, "batch", options->batch);
    erg_jsonw_kint(&w, "ubatch", options->ubatch);
    erg_jsonw_kint(&w, "threads", options->threads);
    erg_jsonw_kint(&w, "threads_batch", options->threads_batch);
    erg_jsonw_kreal(&w, "temperature", options->temperature);
    erg_jsonw_kint(&w, "top_k", options->top_k);
    erg_jsonw_kreal(&w, "top_p", options->top_p);
    erg_jsonw_kint(&w, "seed", options->seed);
    erg_jsonw_kbool(&w, "ignore_eos", options->ignore_eos);
    if (options->flash_attn)
        erg_jsonw_kstr(&w, "flash_attn", options->flash_attn);
    erg_jsonw_kstr(&w, "cache_type_k", or_default(options->cache_type_k, "f16"));
    erg_jsonw_kstr(&w, "cache_type_v", or_default(options->cache_type_v, "f16"));
    erg_jsonw_kstr(&w, "mode", or_default(options->mode, "standard"));
    erg_jsonw_kstr(&w, "instrument", or_default(options->instrument, "auto"));
    write_profile(options, &w);
    erg_jsonw_obj_end(&w);
}

/* Settings of the recorder; those of the engine come with RUN_BEGIN. */
static char *settings_json(const struct erg_run_options *options)
{
    struct erg_buf buf;
    struct erg_jsonw w;
    erg_buf_init(&buf);
    erg_jsonw_init(&w, &buf);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "power", or_default(options->power_spec, "auto"));
    if (options->power_interval_ns)
        erg_jsonw_kreal(&w, "power_interval_ms", (double)options->power_interval_ns / 1e6);
    erg_jsonw_kreal(&w, "idle_seconds", (double)options->idle_ns / 1e9);
    erg_jsonw_kstr(&w, "device", or_default(options->device, "cpu"));
    erg_jsonw_kint(&w, "gpu_layers", options->gpu_layers);
    erg_jsonw_obj_end(&w);
    return erg_buf_take(&buf);
}

static char *tags_json(const struct erg_run_options *options)
{
    struct erg_buf buf;
    struct erg_jsonw w;
    erg_buf_init(&buf);
    erg_jsonw_init(&w, &buf);
    erg_jsonw_arr_begin(&w);
    for (size_t i = 0; i < options->tag_count; i++)
        erg_jsonw_str(&w, options->tags[i]);
    erg_jsonw_arr_end(&w);
    return erg_buf_take(&buf);
}

/* "models/tales-q8_0.gguf" → "tales-q8_0" */
static char *name_of_model(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t len = strlen(base);
    if (len > 5 && strcmp(base + len - 5, ".gguf") == 0)
        len -= 5;
    return erg_strndup(base, len);
}

static char *copy(const char *text)
{
    return text ? erg_strdup(text) : NULL;
}

int erg_command_header(const struct erg_run_options *options, const struct erg_root *root,
                       const struct erg_clock *clock, struct erg_header *out, struct erg_err *err)
{
    char id[40], local[40], utc[40];
    struct erg_buf machine, provenance;
    erg_buf_init(&machine);
    erg_buf_init(&provenance);
    erg_machine_describe(root, &machine);
    erg_provenance_describe(options->model_path, &provenance);
    struct erg_header header = {
        .t_ns = clock->now_ns(clock->user),
        .wall_ns = clock->wall_ns(clock->user),
        .grid = options->grid,
        .prompt = copy(options->prompt),
        .prompt_len = options->prompt ? strlen(options->prompt) : 0,
        .model_path = copy(options->model_path),
        .model_name =
            options->model_name ? copy(options->model_name) : name_of_model(options->model_path),
        .mode = copy(or_default(options->mode, "standard")),
        .experiment = copy(options->experiment),
        .tags_json = tags_json(options),
        .settings_json = settings_json(options),
        .machine_json = erg_buf_take(&machine),
        .provenance_json = erg_buf_take(&provenance),
    };
    erg_conditions_read(root, &header.conditions);
    /* Of the run, and known only when it is over. */
    header.conditions.clock_mhz = header.conditions.throttle_count = -1;
    if (options->id)
        snprintf(id, sizeof id, "%s", options->id);
    else
        erg_run_id(header.wall_ns, id);
    erg_format_local_time(header.wall_ns, local);
    erg_format_utc_time(header.wall_ns, utc);
    header.id = copy(id);
    header.created_at = copy(local);
    header.created_at_utc = copy(utc);
    if (!header.id || !header.created_at || !header.created_at_utc || !header.model_name ||
        !header.model_path || !header.mode || !header.tags_json || !header.settings_json ||
        !header.machine_json || !header.provenance_json || (options->prompt && !header.prompt) ||
        (options->experiment && !header.experiment)) {
        erg_header_deinit(&header);
        return erg_fail(err, ERG_NOMEM, "no memory for the description of a run");
    }
    *out = header;
    return 0;
}
