/* SPDX-License-Identifier: MIT */
/*
 * What mode deep says that passes cost, against the closed formulas of their architectures
 * (docs/engine.md, "What an operation costs"), and that its operations are the nodes that standard
 * mode has in their components.
 */
#include "engine/engine_client.h"
#include "model/blueprint.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PROMPT = 40, TOKENS = 2, PADDING = 256, F16_BYTES = 2, FLOAT_BYTES = 4 };

static const char pattern[] = "/tmp/ergon-costs-XXXXXX";
static char model_path[sizeof(pattern)];

#define SHAPE "layers=3,embedding=256,heads=8,feed_forward=512,vocab=600"

static const char *const specs[] = {
    "synth:llama:f16:" SHAPE ",kv_heads=8",
    "synth:llama:q4_0:" SHAPE ",kv_heads=2",
    "synth:llama:q4_k:" SHAPE ",kv_heads=2",
    "synth:llama:q8_0:" SHAPE ",kv_heads=2,experts=6,experts_used=2",
    "synth:llama-fused:q8_0:" SHAPE ",kv_heads=4",
    "synth:mistral:q8_0:" SHAPE ",kv_heads=1",
    "synth:qwen2:q8_0:" SHAPE ",kv_heads=2",
    "synth:qwen2moe:q8_0:" SHAPE ",kv_heads=2,experts=8,experts_used=3,expert_feed_forward=128",
    "synth:qwen3:q8_0:" SHAPE ",kv_heads=4",
    "synth:qwen3moe:q4_0:" SHAPE ",kv_heads=4,experts=8,experts_used=3,expert_feed_forward=128",
    "synth:phi2:q8_0:" SHAPE ",kv_heads=8",
    "synth:phi3:q8_0:" SHAPE ",kv_heads=2",
    "synth:phimoe:q8_0:" SHAPE ",kv_heads=4,experts=6,experts_used=2",
    "synth:gemma:q8_0:" SHAPE ",kv_heads=1",
    "synth:gemma2:q8_0:" SHAPE ",kv_heads=4",
    "synth:gemma3:q8_0:" SHAPE ",kv_heads=4",
};

static int setup(void **state)
{
    static struct engine engine;
    snprintf(model_path, sizeof(model_path), "%s", pattern);
    int fd = mkstemp(model_path);
    assert_true(fd >= 0);
    close(fd);
    engine_start(&engine);
    *state = &engine;
    return 0;
}

static int teardown(void **state)
{
    unlink(model_path);
    return engine_stop(*state);
}

static void make(struct engine *engine, const char *spec, struct erg_blueprint *out)
{
    struct seen seen;
    struct erg_err err;
    if (erg_blueprint_parse(spec, out, &err) != 0) {
        fail_msg("%s", err.text);
    }
    engine_send(engine, "{\"cmd\":\"synth\",\"out\":\"%s\",\"model\":\"%s\"}", model_path, spec);
    engine_collect(engine, &seen);
    if (!seen.answered) {
        fail_msg("synth: %s", seen.reason);
    }
    seen_deinit(&seen);
    engine_load(engine, model_path);
}

/* A pass, and the dimensions it has in the terms of the formulas. */
struct terms {
    const struct erg_shape *s;
    unsigned parts;
    bool phi2, biases, scales_q, caps, flash;
    double rows, last_rows; /* positions; those left in the last layer behind its attention */
    double keys;            /* of the cache, padded */
    double cells;           /* that are visible: (query, key) pairs */
    double q, kv;           /* widths of Q, and of K or V */
};

static bool has(const struct terms *t, enum erg_part part)
{
    return (t->parts & (unsigned)part) != 0;
}

static struct terms terms_of(const struct erg_blueprint *blueprint,
                             const struct erg_pass_head *pass, bool flash)
{
    const struct erg_shape *s = &blueprint->shape;
    const char *name = blueprint->architecture->name;
    double first = pass->position, n = pass->n_tokens;
    bool gemma = strncmp(name, "gemma", 5) == 0;
    return (struct terms){
        .s = s,
        .parts = blueprint->architecture->parts,
        .phi2 = strcmp(name, "phi2") == 0,
        .biases = strcmp(name, "phi2") == 0 || strcmp(name, "phimoe") == 0,
        .scales_q = gemma || strncmp(name, "phi", 3) == 0,
        .caps = has(&(struct terms){.parts = blueprint->architecture->parts}, ERG_PART_SOFTCAPS),
        .flash = flash,
        .rows = n,
        .last_rows = 1,
        .keys = ceil((first + n) / PADDING) * PADDING,
        .cells = n * first + n * (n + 1) / 2,
        .q = s->heads * s->head_size,
        .kv = s->kv_heads * s->head_size,
    };
}

/* A norm with its scale (and shift) of one row. */
static double norm_flops(const struct terms *t, double width)
{
    return (t->biases ? 6 : 5) * width;
}

static double attention_flops(const struct terms *t)
{
    const struct erg_shape *s = t->s;
    double e = s->embedding, d = s->head_size, heads = s->heads;
    double projections = 2 * e * (t->q + 2 * t->kv) + 2 * t->q * e;
    double small = norm_flops(t, e) + 3 * (t->q + t->kv);
    small += has(t, ERG_PART_QK_NORM) ? 5 * (t->q + t->kv) : 0;
    small += t->scales_q ? t->q : 0;
    small += t->biases || has(t, ERG_PART_QKV_BIAS) ? t->q + 2 * t->kv : 0;
    small += t->biases ? e : 0;
    double per_cell = 2 * heads * 2 * d + (t->caps ? 7 + 5 : 5) * heads;
    double cells = t->flash ? t->cells : t->rows * t->keys;
    return t->rows * (projections + small) + cells * per_cell;
}

static double expert_flops(const struct terms *t)
{
    const struct erg_shape *s = t->s;
    double e = s->embedding, used = s->experts_used, shared = s->shared_feed_forward;
    double f = s->expert_feed_forward ? s->expert_feed_forward : s->feed_forward;
    double router = 2 * e * s->experts + 5 * s->experts;
    double experts = used * (6 * e * f + 6 * f) + e * used + e * (used - 1);
    return router + experts + (shared > 0 ? 6 * e * shared + 6 * shared + 2 * e + 2 * e : 0);
}

/* From behind the attention to the end of a layer, of one row. */
static double mlp_flops(const struct terms *t)
{
    const struct erg_shape *s = t->s;
    double e = s->embedding, f = s->feed_forward;
    double residuals = 2 * e, norms = has(t, ERG_PART_FFN_NORM) ? norm_flops(t, e) : 0;
    norms += has(t, ERG_PART_POST_NORMS) ? 2 * norm_flops(t, e) : 0;
    if (s->experts > 0) {
        return residuals + norms + expert_flops(t);
    }
    if (t->phi2) {
        return residuals + norms + 4 * e * f + 5 * f + f + e;
    }
    return residuals + norms + 6 * e * f + 6 * f;
}

static double pass_flops(const struct terms *t)
{
    const struct erg_shape *s = t->s;
    double e = s->embedding, layers = s->layers;
    double mlp_rows = t->rows * (layers - 1) + t->last_rows;
    double head = norm_flops(t, e) + 2 * e * s->vocab + (t->caps ? 7 * s->vocab : 0);
    return layers * attention_flops(t) + mlp_rows * mlp_flops(t) + t->last_rows * head;
}

struct weights {
    const struct erg_blueprint *blueprint;
    double bytes;
};

/* Bytes of a tensor that generating one token reads. */
static int add_weight(void *user, const struct erg_tensor_plan *tensor)
{
    struct weights *w = user;
    const struct erg_shape *s = &w->blueprint->shape;
    double bytes = (double)erg_tensor_plan_bytes(tensor);
    bool embedding = strcmp(tensor->name, "token_embd.weight") == 0;
    if (strstr(tensor->name, "_exps.")) {
        bytes *= (double)s->experts_used / s->experts;
    } else if (embedding && !s->tied) {
        bytes /= s->vocab;
    } else if (embedding) {
        bytes += bytes / s->vocab;
    }
    w->bytes += bytes;
    return 0;
}

/* Operands and results, of one position; with fused norms, whose halves are one. */
static double activation_bytes(const struct terms *t)
{
    const struct erg_shape *s = t->s;
    double e = s->embedding, heads = s->heads;
    double f = s->expert_feed_forward ? s->expert_feed_forward : s->feed_forward;
    double used = s->experts > 0 ? s->experts_used : 1;
    double projections =
        has(t, ERG_PART_SPLIT_QKV) ? 3 * e + t->q + 2 * t->kv : e + t->q + 2 * t->kv;
    double values = 2 * e + projections + 2 * (t->q + t->kv) + 2 * t->kv + 2 * t->q;
    values += 2 * t->q + heads * t->keys * 4 + t->keys; /* Q, scores, weights, mask */
    values += t->q + e;                                 /* output */
    values += 6 * e + 2 * e;                            /* residuals, norm */
    values += used * (2 * (e + f) + 3 * f + f + e);     /* MLP */
    values += s->experts > 0 ? 2 * e * used + 3 * e * (used - 1) : 0;
    values += s->shared_feed_forward > 0 ? 2 * e + 6 * s->shared_feed_forward + 5 * e : 0;
    values += has(t, ERG_PART_QK_NORM) ? 2 * (t->q + t->kv) : 0;
    values += t->scales_q ? 2 * t->q : 0;
    values += t->caps ? 6 * heads * t->keys : 0;
    values += has(t, ERG_PART_POST_NORMS) ? 4 * e : 0;
    return FLOAT_BYTES * (s->layers * values + 3 * e + s->vocab);
}

/* Keys and values of the cache, padded, and what is written to it. */
static double cache_bytes(const struct terms *t)
{
    return F16_BYTES * t->s->layers * 2 * t->kv * (t->keys + 1);
}

static void check_share(double got, double expected, double tolerance, const char *what)
{
    if (!(fabs(got - expected) <= tolerance * expected)) {
        fail_msg("%s: %.9g, by the formula %.9g (%+.2f %%)", what, got, expected,
                 100 * (got / expected - 1));
    }
}

static void check_costs(const struct erg_blueprint *blueprint, const struct seen_pass *pass,
                        bool flash)
{
    struct terms t = terms_of(blueprint, &pass->head, flash);
    struct weights weights = {blueprint, 0};
    double flops = 0, bytes = 0;
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        flops += (double)pass->spans[i].flops;
        bytes += (double)pass->spans[i].bytes;
    }
    erg_blueprint_tensors(blueprint, add_weight, &weights);
    check_share(flops, pass_flops(&t), 0.005, "FLOPs");
    if (pass->head.n_tokens == 1 && !flash) {
        double expected = weights.bytes + cache_bytes(&t) + activation_bytes(&t);
        check_share(bytes, expected, 0.025, "bytes");
    }
}

static bool same_place(const struct seen_span *a, const struct seen_span *b)
{
    return a->layer == b->layer && strcmp(a->component, b->component) == 0;
}

/* The same components in the same order, each cut into operations by one of them. */
static void check_components(const struct seen_pass *deep, const struct seen_pass *standard)
{
    uint32_t i = 0, operations = 0;
    for (uint32_t j = 0; j < standard->head.n_spans; j++) {
        const struct seen_span *component = &standard->spans[j];
        assert_string_equal(component->operation, "");
        if (strcmp(component->component, "profiler") == 0) {
            continue;
        }
        i += i < deep->head.n_spans && strcmp(deep->spans[i].component, "profiler") == 0;
        if (i == deep->head.n_spans || !same_place(&deep->spans[i], component)) {
            fail_msg("%s of layer %d is not in its place", component->component, component->layer);
        }
        for (; i < deep->head.n_spans && same_place(&deep->spans[i], component); i++) {
            operations += deep->spans[i].operation[0] != '\0';
        }
    }
    assert_int_equal(i, deep->head.n_spans);
    assert_true(operations > standard->head.n_spans);
    assert_int_equal(seen_span_sum(deep), deep->head.t1_ns - deep->head.t0_ns);
    assert_int_equal(seen_span_sum(standard), standard->head.t1_ns - standard->head.t0_ns);
}

static void run(struct engine *engine, const char *members, struct seen *out)
{
    char all[256];
    snprintf(all, sizeof(all), ",\"prompt_tokens\":%d,\"tokens\":%d,\"ignore_eos\":true%s", PROMPT,
             TOKENS, members);
    engine_run(engine, all, out);
    assert_string_equal(out->reason, "");
    assert_int_equal(out->pass_count, 1 + TOKENS);
}

static void costs_are_those_of_the_formulas(void **state)
{
    static const char *const ways[] = {",\"mode\":\"deep\",\"instrument\":\"trace\"",
                                       ",\"mode\":\"deep\",\"instrument\":\"observe\"",
                                       ",\"mode\":\"deep\",\"flash_attn\":\"on\""};
    for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
        struct erg_blueprint blueprint;
        print_message("%s\n", specs[i]);
        make(*state, specs[i], &blueprint);
        for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
            struct seen seen;
            run(*state, ways[w], &seen);
            for (size_t p = 0; p < seen.pass_count; p++) {
                check_costs(&blueprint, &seen.passes[p], w == 2);
            }
            seen_deinit(&seen);
        }
    }
}

static void operations_are_the_nodes_of_their_components(void **state)
{
    for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
        struct erg_blueprint blueprint;
        struct seen deep, standard;
        make(*state, specs[i], &blueprint);
        for (int threads = 1; threads <= 2; threads++) {
            char members[128];
            snprintf(members, sizeof(members), ",\"threads\":%d,\"mode\":\"deep\"", threads);
            run(*state, members, &deep);
            snprintf(members, sizeof(members),
                     ",\"threads\":%d,\"mode\":\"standard\",\"flash_attn\":\"off\"", threads);
            run(*state, members, &standard);
            for (size_t p = 0; p < deep.pass_count; p++) {
                check_components(&deep.passes[p], &standard.passes[p]);
            }
            seen_deinit(&deep);
            seen_deinit(&standard);
        }
    }
}

#define one(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        one(costs_are_those_of_the_formulas),
        one(operations_are_the_nodes_of_their_components),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
