/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "base/num.h"
#include "fake.h"

#include <math.h>
#include <string.h>

/* Operations of a layer, in order. */
static const struct {
    const char *component, *operation;
} operations[] = {
    {"input_layernorm", "normalize_scale"},
    {"q_proj", "matmul"},
    {"k_proj", "matmul"},
    {"v_proj", "matmul"},
    {"rope", "rope"},
    {"kv_append", "write_k"},
    {"attention", "qk_matmul"},
    {"attention", "softmax"},
    {"attention", "value_matmul"},
    {"o_proj", "matmul"},
    {"attn_residual", "add"},
    {"post_attention_layernorm", "normalize_scale"},
    {"router", "topk"},
    {"gate_proj", "matmul"},
    {"up_proj", "matmul"},
    {"activation", "activation"},
    {"down_proj", "matmul"},
    {"mlp_residual", "add"},
};

enum { OPERATIONS = sizeof operations / sizeof operations[0], MAX_NUMBERS = 4096 };

uint32_t fake_deep_spans(uint32_t layers)
{
    return layers * OPERATIONS;
}

static float extra_of(const char *operation, uint32_t layer)
{
    if (!strcmp(operation, "activation"))
        return 0.25f + 0.125f * (float)(layer % 4);
    return !strcmp(operation, "normalize_scale") ? 1.5f * (float)(layer + 1) : NAN;
}

void fake_put_deep_spans(struct fake_engine *engine, uint32_t layers, uint64_t each_ns)
{
    engine->deep_layers = layers;
    for (uint32_t layer = 0; layer < layers; layer++) {
        for (int i = 0; i < OPERATIONS; i++) {
            uint32_t component = ergon_probe_name(engine->probe, operations[i].component);
            uint32_t operation = ergon_probe_name(engine->probe, operations[i].operation);
            struct ergon_span_values values = {
                1000, 2000, 0.5f, 1, 4, 0.125f, extra_of(operations[i].operation, layer)};
            uint32_t span =
                ergon_probe_span(engine->probe, (int)layer, component, operation, each_ns, &values);
            if (layer == 0)
                engine->first_deep_span = i == 0 ? span : engine->first_deep_span;
        }
    }
}

/* Span of an operation in a layer of the last pass. */
static uint32_t span_of(const struct fake_engine *engine, uint32_t layer, const char *operation)
{
    uint32_t i = 0;
    while (strcmp(operations[i].operation, operation) != 0)
        i++;
    return engine->first_deep_span + layer * OPERATIONS + i;
}

static int parse_numbers(const char *p, int64_t *out, int count, struct erg_err *err)
{
    char word[64];
    for (int i = 0; i < count; i++) {
        word[0] = '\0';
        fake_next_word(&p, word, sizeof word);
        if (erg_parse_i64(word, 1, MAX_NUMBERS, &out[i], err))
            return ERG_INVALID;
    }
    return 0;
}

int fake_do_attention(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    float entropy[MAX_NUMBERS], max_weight[MAX_NUMBERS], sparsity[MAX_NUMBERS];
    int64_t heads;
    if (parse_numbers(p, &heads, 1, err))
        return ERG_INVALID;
    for (uint32_t layer = 0; layer < engine->deep_layers; layer++) {
        for (int64_t h = 0; h < heads; h++) {
            float at = (float)(layer + 1) / (float)(h + 2);
            entropy[h] = at;
            max_weight[h] = expf(-at);
            sparsity[h] = h % 5 == 4 ? NAN : 1 - expf(-at);
        }
        ergon_probe_attention(engine->probe, span_of(engine, layer, "softmax"), (uint32_t)heads,
                              entropy, max_weight, sparsity);
    }
    ergon_probe_flush(engine->probe);
    return 0;
}

int fake_do_routing(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    uint16_t expert[MAX_NUMBERS];
    float weight[MAX_NUMBERS];
    int64_t v[3];
    if (parse_numbers(p, v, 3, err))
        return ERG_INVALID;
    int64_t tokens = v[0], used = v[1], experts = v[2];
    if (tokens * used > MAX_NUMBERS)
        return erg_fail(err, ERG_INVALID, "too many");
    for (uint32_t layer = 0; layer < engine->deep_layers; layer++) {
        for (int64_t i = 0; i < tokens * used; i++) {
            expert[i] = (uint16_t)((i * 3 + layer) % experts);
            weight[i] = 1 / (float)(1 + i % used);
        }
        ergon_probe_routing(engine->probe, span_of(engine, layer, "topk"), (uint32_t)tokens,
                            (uint32_t)used, (uint32_t)experts, 0.5f * (float)(layer + 1), expert,
                            weight);
    }
    ergon_probe_flush(engine->probe);
    return 0;
}
