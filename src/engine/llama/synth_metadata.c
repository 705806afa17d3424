/* SPDX-License-Identifier: MIT */
#include "engine/llama/synth.h"

#include <ggml.h>
#include <stdio.h>

static void describe_general(const struct erg_blueprint *blueprint, const char *spec,
                             struct gguf_context *gguf)
{
    struct erg_model_info info;
    erg_blueprint_describe(blueprint, &info);
    gguf_set_val_str(gguf, "general.architecture", info.architecture);
    gguf_set_val_str(gguf, "general.type", "model");
    gguf_set_val_str(gguf, "general.name", info.name);
    gguf_set_val_str(gguf, "general.description", "random weights: its text is without meaning");
    gguf_set_val_u32(gguf, "general.file_type", erg_blueprint_file_type(blueprint));
    gguf_set_val_u32(gguf, "general.quantization_version", GGML_QNT_VERSION);
    gguf_set_val_str(gguf, ERG_SYNTH_KEY, spec ? spec : blueprint->architecture->name);
}

static void set_number(const struct erg_blueprint *blueprint, struct gguf_context *gguf,
                       const char *name, int value)
{
    char key[96];
    snprintf(key, sizeof(key), "%s.%s", blueprint->architecture->gguf, name);
    if (value > 0) {
        gguf_set_val_u32(gguf, key, (uint32_t)value);
    }
}

static void set_real(const struct erg_blueprint *blueprint, struct gguf_context *gguf,
                     const char *name, float value)
{
    char key[96];
    snprintf(key, sizeof(key), "%s.%s", blueprint->architecture->gguf, name);
    gguf_set_val_f32(gguf, key, value);
}

static void describe_shape(const struct erg_blueprint *blueprint, struct gguf_context *gguf)
{
    const struct erg_shape *s = &blueprint->shape;
    const struct {
        const char *key;
        int value;
    } numbers[] = {{"context_length", s->context},
                   {"embedding_length", s->embedding},
                   {"block_count", s->layers},
                   {"feed_forward_length", s->feed_forward},
                   {"attention.head_count", s->heads},
                   {"attention.head_count_kv", s->kv_heads},
                   {"attention.key_length", s->head_size},
                   {"attention.value_length", s->head_size},
                   {"attention.sliding_window", s->sliding_window},
                   {"rope.dimension_count", s->rope_dimensions},
                   {"vocab_size", s->vocab},
                   {"expert_count", s->experts},
                   {"expert_used_count", s->experts_used},
                   {"expert_feed_forward_length", s->expert_feed_forward},
                   {"expert_shared_feed_forward_length", s->shared_feed_forward}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        set_number(blueprint, gguf, numbers[i].key, numbers[i].value);
    }
}

static void describe_constants(const struct erg_blueprint *blueprint, struct gguf_context *gguf)
{
    const struct erg_shape *s = &blueprint->shape;
    unsigned parts = blueprint->architecture->parts;
    set_real(blueprint, gguf,
             parts & ERG_PART_LAYER_NORM ? "attention.layer_norm_epsilon"
                                         : "attention.layer_norm_rms_epsilon",
             s->epsilon);
    set_real(blueprint, gguf, "rope.freq_base", s->rope_base);
    if (parts & ERG_PART_SOFTCAPS) {
        set_real(blueprint, gguf, "attn_logit_softcapping", 50);
        set_real(blueprint, gguf, "final_logit_softcapping", 30);
    }
    if (s->rope_linear > 0) {
        char key[96];
        snprintf(key, sizeof(key), "%s.rope.scaling.type", blueprint->architecture->gguf);
        gguf_set_val_str(gguf, key, "linear");
        set_real(blueprint, gguf, "rope.scaling.factor", (float)s->rope_linear);
    }
}

void erg_synth_metadata(const struct erg_blueprint *blueprint, const char *spec,
                        struct gguf_context *gguf)
{
    describe_general(blueprint, spec, gguf);
    describe_shape(blueprint, gguf);
    describe_constants(blueprint, gguf);
}
