/* SPDX-License-Identifier: MIT */
#include "store/make_store.h"

#include "stream/taxonomy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_OPERATION = 100 };

static const char *const operations[] = {
    "matmul",     "bias",         "rope",        "write_k", "qk_matmul",
    "softmax",    "value_matmul", "merge_heads", "add",     "normalize_scale",
    "activation", "lookup",       "topk",
};

enum operation {
    MATMUL = FIRST_OPERATION,
    BIAS,
    ROPE,
    WRITE_K,
    QK_MATMUL,
    SOFTMAX,
    VALUE_MATMUL,
    MERGE_HEADS,
    ADD,
    NORMALIZE_SCALE,
    ACTIVATION,
    LOOKUP,
    TOPK,
};

const char *make_name(void *user, uint16_t id)
{
    (void)user;
    if (id < ERG_COMPONENTS)
        return erg_component_name((enum erg_component)id);
    size_t i = (size_t)id - FIRST_OPERATION;
    return id >= FIRST_OPERATION && i < sizeof(operations) / sizeof(operations[0]) ? operations[i]
                                                                                   : NULL;
}

/* Typical time of an operation in a decode pass of a small model, and size of its output. */
struct typical {
    uint16_t component, operation;
    double us, magnitude;
};

#define C(name) ERG_COMPONENT_##name

static const struct typical layer_components[] = {
    {C(input_layernorm), 0, 3, 0.7},
    {C(q_proj), 0, 60, 1.2},
    {C(k_proj), 0, 20, 2},
    {C(v_proj), 0, 20, 0.4},
    {C(rope), 0, 4, 1.2},
    {C(rope), 0, 3, 2},
    {C(kv_append), 0, 3, 0},
    {C(attention), 0, 25, 0.2},
    {C(o_proj), 0, 60, 0.1},
    {C(attn_residual), 0, 2, 1},
    {C(post_attention_layernorm), 0, 3, 0.5},
    {C(gate_proj), 0, 150, 0.8},
    {C(up_proj), 0, 150, 0.3},
    {C(activation), 0, 8, 0.06},
    {C(down_proj), 0, 150, 0.15},
    {C(mlp_residual), 0, 2, 1.1},
};

static const struct typical layer_operations[] = {
    {C(input_layernorm), NORMALIZE_SCALE, 3, 0.7},
    {C(q_proj), MATMUL, 60, 1.2},
    {C(q_proj), BIAS, 2, 1.2},
    {C(k_proj), MATMUL, 20, 2},
    {C(k_proj), BIAS, 2, 2},
    {C(v_proj), MATMUL, 20, 0.4},
    {C(v_proj), BIAS, 2, 0.4},
    {C(rope), ROPE, 4, 1.2},
    {C(rope), ROPE, 3, 2},
    {C(kv_append), WRITE_K, 3, 0},
    {C(attention), QK_MATMUL, 9, 3},
    {C(attention), SOFTMAX, 5, 0.01},
    {C(attention), VALUE_MATMUL, 9, 0.2},
    {C(attention), MERGE_HEADS, 2, 0.2},
    {C(o_proj), MATMUL, 60, 0.1},
    {C(attn_residual), ADD, 2, 1},
    {C(post_attention_layernorm), NORMALIZE_SCALE, 3, 0.5},
    {C(gate_proj), MATMUL, 150, 0.8},
    {C(up_proj), MATMUL, 150, 0.3},
    {C(activation), ACTIVATION, 8, 0.06},
    {C(down_proj), MATMUL, 150, 0.15},
    {C(mlp_residual), ADD, 2, 1.1},
};

/* What some architectures have besides. */
static const struct typical more_operations[] = {
    {C(qk_norm), NORMALIZE_SCALE, 2, 1},
    {C(qk_norm), NORMALIZE_SCALE, 2, 1},
    {C(o_proj), BIAS, 2, 0.1},
    {C(post_attention_norm), NORMALIZE_SCALE, 3, 0.6},
    {C(gate_proj), BIAS, 2, 0.8},
    {C(up_proj), BIAS, 2, 0.3},
    {C(post_ffw_norm), NORMALIZE_SCALE, 3, 0.4},
    {C(down_proj), BIAS, 2, 0.15},
};

static const struct typical router_operations[] = {
    {C(router), MATMUL, 4, 1.3},
    {C(router), SOFTMAX, 2, 0.1},
    {C(router), TOPK, 2, 0},
};

static const struct typical before[] = {{C(graph_prepare), 0, 40, 0}, {C(embedding), 0, 2, 0.02}};
static const struct typical behind[] = {
    {C(final_norm), 0, 3, 1.5},
    {C(lm_head), 0, 2500, 2.5},
    {C(output), 0, 5, 0},
    {C(sampling), 0, 60, 0},
};

static double uniform(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return (double)((*seed * UINT64_C(2685821657736338717)) >> 11) * 0x1p-53;
}

static double log_normal(struct make_shape *shape, double deviation)
{
    double radius = sqrt(-2 * log(1 - uniform(&shape->seed)));
    return exp(deviation * radius * cos(6.283185307179586 * uniform(&shape->seed)));
}

/* Kill ratio of an activation, variance ratio of a norm. */
static float extra_value(uint16_t operation, struct make_shape *shape)
{
    if (operation == ACTIVATION)
        return (float)(0.3 + 0.6 * uniform(&shape->seed));
    return operation == NORMALIZE_SCALE ? (float)(30 * log_normal(shape, 1)) : NAN;
}

/* Statistics of a tensor whose values are that large: a common scale, and ratios that vary less. */
static void add_values(struct make_pass *pass, uint32_t i, const struct typical *typical,
                       struct make_shape *shape, uint32_t n_tokens)
{
    float **values = pass->values;
    if (shape->detail >= MAKE_STANDARD) {
        double scale = typical->magnitude * log_normal(shape, shape->spread);
        if (typical->magnitude <= 0)
            scale = NAN;
        values[ERG_VALUE_MEAN][i] = (float)scale;
        values[ERG_VALUE_STD][i] = (float)(1.4 * scale * log_normal(shape, shape->spread / 5));
        values[ERG_VALUE_MAX][i] = (float)(8 * scale * log_normal(shape, shape->spread / 1.5));
        values[ERG_VALUE_SPARSITY][i] =
            (float)(0.01 / (0.05 + scale) * log_normal(shape, shape->spread / 3));
    }
    if (shape->detail == MAKE_DEEP) {
        values[ERG_VALUE_EXTRA][i] = extra_value(typical->operation, &pass->own);
        values[ERG_VALUE_FLOPS][i] = (float)(typical->us * 2e4 * n_tokens);
        values[ERG_VALUE_BYTES][i] = (float)(typical->us * 1e4);
    }
}

static void add_spans(struct make_pass *pass, struct make_shape *shape, int layer,
                      const struct typical *typical, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        uint32_t i = pass->row.n_spans++;
        double ns = typical[k].us * 1e3 * shape->time_scale * pass->row.n_tokens *
                    log_normal(shape, shape->noise);
        pass->spans[i] = (struct erg_span){
            .layer = (int16_t)layer,
            .component = typical[k].component,
            .operation = typical[k].operation,
            .ticks = (uint32_t)(ns / ERG_TICK_NS),
        };
        add_values(pass, i, &typical[k], shape, pass->row.n_tokens);
    }
}

#define ALL(array) (array), sizeof(array) / sizeof((array)[0])

static void *must(void *block)
{
    if (!block)
        abort();
    return block;
}

/* Heads differ as much as they can. */
static void add_attention(struct make_pass *pass, struct make_shape *shape, uint32_t span)
{
    float *numbers = must(calloc((size_t)shape->heads * 3, sizeof *numbers));
    for (uint32_t h = 0; h < shape->heads; h++) {
        numbers[h] = (float)(5 * uniform(&shape->seed));
        numbers[shape->heads + h] = (float)uniform(&shape->seed);
        numbers[2 * shape->heads + h] = (float)uniform(&shape->seed);
    }
    pass->attention[pass->row.n_attention++] = (struct erg_attention_row){
        span, shape->heads, numbers, numbers + shape->heads, numbers + (size_t)2 * shape->heads};
}

static void add_routing(struct make_pass *pass, struct make_shape *shape, uint32_t span)
{
    size_t n = (size_t)pass->row.n_tokens * 2;
    uint16_t *expert = must(calloc(n, sizeof *expert));
    float *weight = must(calloc(n, sizeof *weight));
    for (size_t i = 0; i < n; i += 2) {
        expert[i] = (uint16_t)(uniform(&shape->seed) * shape->experts);
        expert[i + 1] = (uint16_t)((expert[i] + 1u) % shape->experts);
        weight[i] = (float)(0.5 + 0.5 * uniform(&shape->seed));
        weight[i + 1] = 1 - weight[i];
    }
    pass->routing[pass->row.n_routing++] = (struct erg_routing_row){
        .span = span,
        .tokens = pass->row.n_tokens,
        .used = 2,
        .experts = shape->experts,
        .entropy = (float)(log(shape->experts) * uniform(&shape->seed)),
        .expert = expert,
        .weight = weight,
    };
}

static void add_details(struct make_pass *pass, struct make_shape *shape)
{
    pass->attention = must(calloc((size_t)shape->layers, sizeof *pass->attention));
    pass->routing = must(calloc((size_t)shape->layers, sizeof *pass->routing));
    for (uint32_t i = 0; i < pass->row.n_spans && shape->detail == MAKE_DEEP; i++) {
        const struct erg_span *span = &pass->spans[i];
        if (span->operation == SOFTMAX && span->component == C(attention) && shape->heads)
            add_attention(pass, shape, i);
        if (span->operation == TOPK)
            add_routing(pass, shape, i);
    }
    pass->row.attention = pass->attention;
    pass->row.routing = pass->routing;
}

void make_pass(struct make_pass *out, struct make_shape *shape, uint32_t index, uint32_t phase,
               uint32_t position, uint32_t n_tokens, int64_t t0_ns)
{
    size_t most = (size_t)shape->layers * 33 + 6;
    *out = (struct make_pass){.spans = must(calloc(most, sizeof(struct erg_span)))};
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++) {
        bool statistics = c >= ERG_VALUE_MEAN && c <= ERG_VALUE_SPARSITY;
        if (shape->detail >= (statistics ? MAKE_STANDARD : MAKE_DEEP))
            out->values[c] = must(calloc(most, sizeof(float)));
        out->row.values[c] = out->values[c];
    }
    out->own = *shape;
    out->own.seed ^= UINT64_C(0x5DEECE66D);
    out->row.index = index;
    out->row.phase = phase;
    out->row.position = position;
    out->row.n_tokens = n_tokens;
    out->row.flags = ERG_PASS_TRACED;
    out->row.spans = out->spans;
    add_spans(out, shape, -1, ALL(before));
    for (int layer = 0; layer < shape->layers; layer++) {
        if (shape->detail == MAKE_DEEP)
            add_spans(out, shape, layer, ALL(layer_operations));
        if (shape->detail == MAKE_DEEP && shape->crowded)
            add_spans(out, shape, layer, ALL(more_operations));
        if (shape->detail == MAKE_DEEP && shape->experts)
            add_spans(out, shape, layer, ALL(router_operations));
        if (shape->detail != MAKE_DEEP)
            add_spans(out, shape, layer, ALL(layer_components));
    }
    add_spans(out, shape, -1, ALL(behind));
    add_details(out, &out->own);
    int64_t ticks = 7; /* unattributed */
    for (uint32_t i = 0; i < out->row.n_spans; i++)
        ticks += out->spans[i].ticks;
    out->row.t0_ns = t0_ns;
    out->row.t1_ns = t0_ns + ticks * ERG_TICK_NS;
    out->row.grade = shape->energy ? ERG_GRADE_MEASURED : ERG_GRADE_UNAVAILABLE;
    if (shape->energy) {
        out->row.energy.present = 1u << ERG_DOMAIN_CPU | 1u << ERG_DOMAIN_DRAM;
        out->row.energy.nj[ERG_DOMAIN_CPU] = ticks * ERG_TICK_NS * 21 + 5;
        out->row.energy.nj[ERG_DOMAIN_DRAM] = ticks * ERG_TICK_NS * 3 + 1;
    }
}

void make_pass_free(struct make_pass *pass)
{
    free(pass->spans);
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        free(pass->values[c]);
    for (uint32_t i = 0; pass->attention && i < pass->row.n_attention; i++)
        free((float *)pass->attention[i].entropy);
    for (uint32_t i = 0; pass->routing && i < pass->row.n_routing; i++) {
        free((uint16_t *)pass->routing[i].expert);
        free((float *)pass->routing[i].weight);
    }
    free(pass->attention);
    free(pass->routing);
}

/* Part i of n of a whole: the parts add up to it. */
static int64_t part(int64_t whole, uint32_t i, uint32_t n)
{
    return whole / n + (i < whole % n);
}

struct erg_token_row make_token(const struct erg_pass_row *pass, uint32_t i, uint32_t index)
{
    static const char *const words[] = {" the", " energy",  " of",
                                        " a",   " thought", " \xc3\xa9t\xc3\xa9"};
    const char *text = words[index % (sizeof(words) / sizeof(words[0]))];
    int64_t tick_share = (pass->t1_ns - pass->t0_ns) / ERG_TICK_NS / pass->n_tokens;
    struct erg_token_row row = {
        .index = index,
        .pass = pass->index,
        .phase = pass->phase,
        .position = pass->position + i,
        .id = (int32_t)(1000 + index * 37),
        .text = text,
        .text_len = strlen(text),
        .t0_ns = pass->t0_ns + i * tick_share * ERG_TICK_NS,
        .duration_ns =
            part((pass->t1_ns - pass->t0_ns) / ERG_TICK_NS, i, pass->n_tokens) * ERG_TICK_NS,
        .energy = {.present = pass->energy.present},
        .grade = pass->energy.present ? ERG_GRADE_ATTRIBUTED : ERG_GRADE_UNAVAILABLE,
    };
    for (int d = 0; d < ERG_DOMAINS; d++)
        row.energy.nj[d] = part(pass->energy.nj[d], i, pass->n_tokens);
    return row;
}

struct erg_run_row make_run(const char *id, const char *status, const char *summary)
{
    return (struct erg_run_row){
        .id = id,
        .created_at = "2026-03-01T12:00:00.000000",
        .created_at_utc = "2026-03-01T11:00:00.000000+00:00",
        .status = status,
        .model_name = "tiny-llama",
        .model_path = "/models/tiny-llama.gguf",
        .mode = "deep",
        .prompt = "Where do the joules go?",
        .response = "",
        .tags_json = "[]",
        .summary_json = summary,
    };
}

/* Passes of one run: a prefill pass of `prompt` tokens, then `decode` passes. Returns the end. */
static int64_t write_passes(struct erg_writer *writer, struct make_shape *shape, uint32_t prompt,
                            uint32_t decode, struct erg_energy *sum)
{
    int64_t t_ns = 1000000;
    uint32_t index = 0;
    for (uint32_t k = 0; k <= decode; k++) {
        struct make_pass pass;
        uint32_t n = k == 0 ? prompt : 1;
        make_pass(&pass, shape, k, k == 0 ? ERG_PHASE_PREFILL : ERG_PHASE_DECODE, index, n, t_ns);
        erg_writer_pass(writer, &pass.row);
        for (uint32_t i = 0; i < n; i++) {
            struct erg_token_row token = make_token(&pass.row, i, index++);
            erg_writer_token(writer, &token);
        }
        erg_energy_add(sum, &pass.row.energy);
        struct erg_section_row layers = {
            .phase = pass.row.phase,
            .name = "layers",
            .t0_ns = pass.row.t0_ns,
            .t1_ns = pass.row.t1_ns,
            .duration_ns = pass.row.t1_ns - pass.row.t0_ns,
            .energy = pass.row.energy,
            .grade = pass.row.grade,
        };
        erg_writer_section(writer, &layers);
        t_ns = pass.row.t1_ns + 100000;
        make_pass_free(&pass);
    }
    return t_ns;
}

static void write_samples(struct erg_writer *writer, int64_t end_ns)
{
    for (int i = -1; i < 4; i++) {
        struct erg_sample_row sample = {.t_ns = i < 0 ? -1000000 : end_ns * i / 4,
                                        .phase = i < 0 ? ERG_SAMPLE_IDLE : ERG_PHASE_DECODE,
                                        .total_mw = i < 0 ? 4000 : 24000};
        for (int d = 0; d < ERG_DOMAINS; d++)
            sample.mw[d] = NAN;
        sample.mw[ERG_DOMAIN_CPU] = sample.total_mw - 3000;
        sample.mw[ERG_DOMAIN_DRAM] = 3000;
        erg_writer_sample(writer, &sample);
    }
    for (int i = 0; i < 2; i++) {
        struct erg_host_row host = {.t_ns = end_ns * i / 2,
                                    .sample = {.t_ns = end_ns * i / 2,
                                               .engine_cpu_ratio = 0.5,
                                               .machine_cpu_ratio = 0.625,
                                               .others_cpu_ratio = NAN,
                                               .engine_rss_bytes = 123456789,
                                               .machine_used_bytes = 2000000000,
                                               .machine_total_bytes = 8000000000}};
        erg_writer_host(writer, &host);
    }
}

static void write_pre_section(struct erg_writer *writer, bool energy)
{
    struct erg_section_row tokenization = {
        .phase = ERG_PHASE_PRE_INFERENCE,
        .name = "tokenization",
        .t0_ns = 0,
        .t1_ns = 900000,
        .duration_ns = 900000,
        .grade = energy ? ERG_GRADE_INTERPOLATED : ERG_GRADE_UNAVAILABLE,
    };
    if (energy) {
        tokenization.energy.present = 1u << ERG_DOMAIN_CPU | 1u << ERG_DOMAIN_DRAM;
        tokenization.energy.nj[ERG_DOMAIN_CPU] = 18900000;
        tokenization.energy.nj[ERG_DOMAIN_DRAM] = 2700000;
    }
    erg_writer_section(writer, &tokenization);
}

static void write_run(const char *path, struct erg_run_row run, struct make_shape shape,
                      uint32_t prompt, uint32_t decode)
{
    struct erg_writer *writer;
    struct erg_err err;
    const char *status = run.status, *failure = run.failure;
    run.status = "running";
    run.failure = NULL;
    if (erg_writer_open(&writer, path, &run, make_name, NULL, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    write_pre_section(writer, shape.energy);
    int64_t end_ns = write_passes(writer, &shape, prompt, decode, &run.energy);
    if (shape.energy)
        write_samples(writer, end_ns);
    run.status = status;
    run.failure = failure;
    run.duration_ns = end_ns;
    run.input_tokens = prompt;
    run.output_tokens = decode;
    int64_t nj = erg_energy_total_nj(&run.energy);
    char energy[32] = "null", joules[32] = "null", summary[512];
    if (shape.energy) {
        snprintf(energy, sizeof(energy), "%.6f", (double)nj / 1e6);
        snprintf(joules, sizeof(joules), "%.9f", (double)nj / 1e9 / decode);
    }
    snprintf(summary, sizeof(summary),
             "{\"id\":\"%s\",\"run_id\":\"%s\",\"created_at\":\"%s\",\"status\":\"%s\","
             "\"model_name\":\"%s\",\"mode\":\"%s\",\"tags\":%s,\"input_tokens\":%u,"
             "\"output_tokens\":%u,\"total_duration_ms\":%.6f,\"total_energy_mj\":%s,"
             "\"tokens_per_second\":%d,\"joules_per_token\":%s,\"power\":%s}",
             run.id, run.id, run.created_at, status, run.model_name, run.mode, run.tags_json,
             prompt, decode, (double)end_ns / 1e6, energy, 50, joules,
             shape.energy ? "{\"sources\":[\"rapl\",\"perf\"],\"grade\":\"measured\"}"
                          : "{\"sources\":[]}");
    run.summary_json = summary;
    erg_writer_run(writer, &run);
    if (erg_writer_finish(writer, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

void make_store(const char *path)
{
    struct erg_run_row deep = make_run(MAKE_STORE_DEEP, "complete", NULL);
    deep.tags_json = "[\"baseline\"]";
    deep.experiment_name = "fixture";
    deep.response = "Into the layers.";
    write_run(path, deep,
              (struct make_shape){.layers = 2,
                                  .detail = MAKE_DEEP,
                                  .time_scale = 1,
                                  .noise = 0.1,
                                  .spread = 0.3,
                                  .energy = true,
                                  .heads = 2,
                                  .seed = 11},
              3, 4);
    struct erg_run_row minimal = make_run(MAKE_STORE_MINIMAL, "failed", NULL);
    minimal.created_at = "2026-03-02T12:00:00.000000";
    minimal.created_at_utc = "2026-03-02T11:00:00.000000+00:00";
    minimal.mode = "minimal";
    minimal.failure = "the engine died (signal 11)";
    write_run(path, minimal,
              (struct make_shape){.layers = 2,
                                  .detail = MAKE_MINIMAL,
                                  .time_scale = 1,
                                  .noise = 0.1,
                                  .spread = 0.3,
                                  .seed = 12},
              2, 1);
}
