/* SPDX-License-Identifier: MIT */
#include "engine/llama/run_state.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

double erg_run_stamp_ns(void)
{
    enum { READINGS = 1000 };
    int64_t t0_ns = ergon_probe_now_ns(), t1_ns = t0_ns;
    for (int i = 0; i < READINGS; i++) {
        t1_ns = ergon_probe_now_ns();
    }
    return (double)(t1_ns - t0_ns) / READINGS;
}

static int choose_layers(struct erg_run *run, struct erg_err *err)
{
    const struct erg_run_command *command = run->command;
    int count = llama_model_n_layer(run->model->llama);
    const json_t *layer;
    size_t i;
    if (!command->layers && command->layer_stride == 1) {
        return 0;
    }
    free(run->layers);
    run->layers = erg_calloc((size_t)count + 1, sizeof(*run->layers));
    run->layer_count = count;
    if (!run->layers) {
        return erg_fail(err, ERG_NOMEM, "cannot start the run: out of memory");
    }
    for (int l = 0; !command->layers && l < count; l += command->layer_stride) {
        run->layers[l] = true;
    }
    json_array_foreach(command->layers, i, layer)
    {
        int wanted = (int)json_integer_value(layer);
        if (wanted >= count) {
            return erg_fail(err, ERG_INVALID, "there is no layer %d: the model has %d, 0 to %d",
                            wanted, count, count - 1);
        }
        run->layers[wanted] = true;
    }
    return 0;
}

/* Are the values in the cache f32, f16 or bf16, not quantised? */
static bool has_plain_values(const struct erg_run *run)
{
    char first = run->command->cache_type_v[0];
    return first == 'f' || first == 'b';
}

/*
 * Attention's own statistics need the attention matrix, which flash attention never makes. What
 * the user says goes; else mode deep goes without it, unless the value cache is quantised.
 */
static int choose_flash(struct erg_run *run, struct erg_err *err)
{
    static const struct {
        const char *name;
        enum llama_flash_attn_type type;
    } known[] = {{"auto", LLAMA_FLASH_ATTN_TYPE_AUTO},
                 {"on", LLAMA_FLASH_ATTN_TYPE_ENABLED},
                 {"off", LLAMA_FLASH_ATTN_TYPE_DISABLED}};
    const char *name = run->command->flash_attn;
    bool plain = has_plain_values(run);
    if (!name && run->depth == ERG_DEPTH_DEEP) {
        name = plain ? "off" : "auto";
        run->flash_why = plain ? "off: statistics of attention need the attention matrix"
                               : "on: a quantised value cache needs it";
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name ? name : "auto", known[i].name) == 0) {
            run->flash_type = known[i].type;
            return 0;
        }
    }
    return erg_fail(err, ERG_INVALID, "flash attention is on, off or auto, not '%s'", name);
}

bool erg_run_uses_flash(const struct erg_run *run)
{
    bool chosen = run->log->flash_attention || !has_plain_values(run); /* by libllama */
    return run->flash_type == LLAMA_FLASH_ATTN_TYPE_ENABLED ||
           (run->flash_type == LLAMA_FLASH_ATTN_TYPE_AUTO && chosen);
}

void erg_run_warn_of_flash(struct erg_run *run)
{
    if (run->depth != ERG_DEPTH_DEEP || !erg_run_uses_flash(run)) {
        return;
    }
    char text[160];
    snprintf(text, sizeof(text),
             "no entropy, maximum and sparsity of attention: flash attention, which never makes "
             "the attention matrix, %s",
             run->flash_why ? "is needed by the quantised value cache" : "was asked for");
    ergon_probe_log(run->probe, ERGON_WARNING, text);
}

static void choose_sampling(struct erg_run *run)
{
    const struct erg_run_command *command = run->command;
    const struct erg_depth_options options = {
        .depth = run->kind == ERG_INSTRUMENT_NONE ? ERG_DEPTH_BARE : run->depth,
        .traces = run->kind == ERG_INSTRUMENT_TRACE,
        .sample_every = command->sample_every,
        .bare_every = command->bare_every,
        .budget_ratio = command->overhead_budget_pct / 100,
        .stamp_ns = run->stamp_ns,
        .seed = command->seed,
    };
    erg_depth_init(&run->control, &options);
    run->last_t0_ns = 0;
}

int erg_run_choose_profile(struct erg_run *run, struct erg_err *err)
{
    int status = choose_layers(run, err);
    status = status ? status : choose_flash(run, err);
    choose_sampling(run);
    return status;
}

void erg_run_note_cost(struct erg_run *run, int64_t t0_ns, const struct erg_depth_cost *cost)
{
    if (run->phase != ERGON_DECODE) {
        return;
    }
    if (run->last_t0_ns != 0) {
        run->last.interval_ns = t0_ns - run->last_t0_ns;
        erg_depth_took(&run->control, &run->last);
    }
    run->last = *cost;
    run->last_t0_ns = t0_ns;
}

void erg_run_describe_profile(const struct erg_run *run, struct erg_jsonw *w)
{
    const struct erg_run_command *command = run->command;
    bool any = run->kind != ERG_INSTRUMENT_NONE;
    erg_jsonw_kbool(w, "capture_activations", any && run->depth >= ERG_DEPTH_STANDARD);
    erg_jsonw_kbool(w, "deep_profiling", any && run->depth == ERG_DEPTH_DEEP);
    erg_jsonw_kint(w, "bare_every", command->bare_every);
    erg_jsonw_kint(w, "sample_every", command->sample_every);
    if (command->overhead_budget_pct > 0) {
        erg_jsonw_kreal(w, "overhead_budget_pct", command->overhead_budget_pct);
    }
    if (any && run->depth == ERG_DEPTH_DEEP) {
        erg_jsonw_kreal(w, "attention_sparsity_threshold", command->attention_sparsity_threshold);
    }
    if (command->layer_stride > 1 && !command->layers) {
        erg_jsonw_kint(w, "layer_stride", command->layer_stride);
    }
    if (!run->layers) {
        return;
    }
    erg_jsonw_key(w, "layers");
    erg_jsonw_arr_begin(w);
    for (int l = 0; l < run->layer_count; l++) {
        if (run->layers[l]) {
            erg_jsonw_int(w, l);
        }
    }
    erg_jsonw_arr_end(w);
}

void erg_run_report_profiler(struct erg_run *run)
{
    struct erg_buf buf;
    struct erg_jsonw w;
    erg_buf_init(&buf);
    erg_jsonw_init(&w, &buf);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_key(&w, "profiler");
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kreal(&w, "stamp_ns", erg_depth_stamp_ns(&run->control));
    erg_jsonw_kreal(&w, "tracing_pct", 100 * erg_depth_tracing_ratio(&run->control));
    erg_jsonw_obj_end(&w);
    erg_jsonw_obj_end(&w);
    if (erg_jsonw_finish(&w) == 0 && run->output_count > 0) {
        ergon_probe_log(run->probe, ERGON_INFO, erg_buf_view(&buf));
    }
    erg_buf_deinit(&buf);
}
