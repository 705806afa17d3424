/* SPDX-License-Identifier: MIT */
/* What synthetic models consist of: parameter counts as published, types, the specification. */
#include "model/gguf_types.h"
#include "model/presets.h"

#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Totals as the model cards' safetensors state them; Gemma 3 4B without vision (419 816 304). */
static const struct {
    const char *preset;
    int64_t parameters;
} published[] = {
    {"llama-2-7b", 6738415616},    {"llama-3.1-8b", 8030261248},
    {"llama-3.2-1b", 1235814400},  {"llama-3.2-3b", 3212749824},
    {"mistral-7b", 7241732096},    {"mistral-7b-v0.3", 7248023552},
    {"mixtral-8x7b", 46702792704}, {"phi-2", 2779683840},
    {"phi-3-mini", 3821079552},    {"qwen2.5-0.5b", 494032768},
    {"qwen2.5-1.5b", 1543714304},  {"qwen2.5-3b", 3085938688},
    {"qwen2.5-7b", 7615616512},    {"qwen3-0.6b", 596049920},
    {"qwen3-1.7b", 1720574976},    {"qwen3-4b", 4022468096},
    {"qwen3-8b", 8190735360},      {"qwen3-30b-a3b", 30532122624},
    {"gemma-2-2b", 2614341888},    {"gemma-2-9b", 9241705984},
    {"gemma-3-1b", 999885952},     {"gemma-3-4b", 4300079472 - 419816304},
};

static void parse(const char *spec, struct erg_blueprint *out)
{
    struct erg_err err = {0};
    if (erg_blueprint_parse(spec, out, &err))
        fail_msg("%s: %s", spec, err.text);
}

static void describe(const char *spec, struct erg_model_info *out)
{
    struct erg_err err = {0};
    if (erg_model_read(spec, out, &err))
        fail_msg("%s: %s", spec, err.text);
}

/* Llama 3's rope factors stand in the file as a tensor and are no parameters. */
static int64_t factors(const struct erg_shape *shape)
{
    return shape->rope_llama3 ? shape->embedding / shape->heads / 2 : 0;
}

static void test_published_totals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(published); i++) {
        char spec[64];
        struct erg_model_info info;
        const struct erg_preset *preset = erg_preset_find(published[i].preset);
        assert_non_null(preset);
        snprintf(spec, sizeof spec, "synth:%s", published[i].preset);
        describe(spec, &info);
        if (info.parameters - factors(&preset->shape) != published[i].parameters)
            fail_msg("%s: %lld", spec, (long long)info.parameters);
    }
    assert_null(erg_preset_at(ERG_COUNT(published)));
}

struct seen {
    char names[64][64];
    uint32_t types[64];
    size_t count;
    int64_t bytes;
};

static int see(void *user, const struct erg_tensor_plan *tensor)
{
    struct seen *seen = user;
    assert_in_range(seen->count, 0, 63);
    snprintf(seen->names[seen->count], sizeof seen->names[0], "%s", tensor->name);
    seen->types[seen->count++] = tensor->type;
    seen->bytes += erg_tensor_plan_bytes(tensor);
    return 0;
}

static const char *type_of(const struct seen *seen, const char *name)
{
    for (size_t i = 0; i < seen->count; i++) {
        if (strcmp(seen->names[i], name) == 0)
            return erg_tensor_type(seen->types[i])->name;
    }
    return "absent";
}

static void test_types_of_tensors(void **state)
{
    static const struct {
        const char *spec, *tensor, *type;
    } rows[] = {
        {"synth:llama-3.2-1b:q4_0:layers=1", "token_embd.weight", "Q6_K"},
        {"synth:llama-3.2-1b:q4_0:layers=1", "output.weight", "absent"},
        {"synth:llama-3.2-1b:q4_0:layers=1", "rope_freqs.weight", "F32"},
        {"synth:llama-3.1-8b:q4_k:layers=1", "token_embd.weight", "Q4_K"},
        {"synth:llama-3.1-8b:q4_k:layers=1", "output.weight", "Q6_K"},
        {"synth:llama-3.1-8b:q8_0:layers=1", "output.weight", "Q8_0"},
        {"synth:llama-3.1-8b:f16:layers=1", "output.weight", "F16"},
        {"synth:llama-3.1-8b:f32:layers=1", "blk.0.ffn_down.weight", "F32"},
        {"synth:llama-3.1-8b:f16:layers=1", "blk.0.ffn_norm.weight", "F32"},
        {"synth:qwen2.5-0.5b:q4_0:layers=1", "token_embd.weight", "Q8_0"},
        {"synth:qwen2.5-0.5b:q4_0:layers=1", "blk.0.attn_q.weight", "Q4_0"},
        {"synth:qwen2.5-0.5b:q4_0:layers=1", "blk.0.attn_q.bias", "F32"},
        {"synth:qwen2.5-0.5b:q4_k:layers=1", "blk.0.attn_q.weight", "Q5_0"},
        {"synth:qwen2.5-0.5b:q4_k:layers=1", "blk.0.ffn_down.weight", "Q4_K"},
        {"synth:mixtral-8x7b:q4_0:layers=1", "blk.0.ffn_gate_inp.weight", "F32"},
        {"synth:mixtral-8x7b:q4_0:layers=1", "blk.0.ffn_up_exps.weight", "Q4_0"},
        {"synth:phi-2:q8_0:layers=1", "output.bias", "F32"},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_blueprint blueprint;
        struct seen seen = {.count = 0};
        parse(rows[i].spec, &blueprint);
        assert_int_equal(erg_blueprint_tensors(&blueprint, see, &seen), 0);
        if (strcmp(type_of(&seen, rows[i].tensor), rows[i].type) != 0)
            fail_msg("%s: %s is %s", rows[i].spec, rows[i].tensor, type_of(&seen, rows[i].tensor));
    }
}

/* In q4_k matrices with rows of 896 do not fit: all of a layer but ffn_down, not the head. */
static void test_misfits(void **state)
{
    struct erg_blueprint blueprint;
    (void)state;
    parse("synth:qwen2.5-0.5b:q4_k:layers=3", &blueprint);
    assert_int_equal(erg_blueprint_misfits(&blueprint), 3 * 6);
    parse("synth:qwen2.5-0.5b:q4_0", &blueprint);
    assert_int_equal(erg_blueprint_misfits(&blueprint), 0);
    parse("synth:llama-3.1-8b:q4_k", &blueprint);
    assert_int_equal(erg_blueprint_misfits(&blueprint), 0);
}

static void test_description(void **state)
{
    struct erg_model_info info;
    (void)state;
    describe("synth:qwen3-30b-a3b:q8_0:layers=2,vocab=512", &info);
    assert_string_equal(info.name, "Qwen 3 30B-A3B, synthetic");
    assert_string_equal(info.architecture, "qwen3moe");
    assert_string_equal(info.quantization, "Q8_0");
    assert_true(info.synthetic);
    assert_int_equal(info.layers, 2);
    assert_int_equal(info.vocab_size, 512);
    assert_int_equal(info.experts, 128);
    assert_true(info.structure.qk_norm && info.structure.experts && info.structure.output);
    assert_string_equal(erg_structure_attention(info.heads, info.kv_heads), "grouped-query");
    /* the name that libllama would look up tokens for */
    describe("synth:phi-3-mini", &info);
    assert_string_equal(info.name, "Phi 3 mini, synthetic");
    describe("synth:phi2:f16:layers=1,embedding=64,heads=4,feed_forward=128", &info);
    assert_true(info.structure.norm_has_bias);
    assert_string_equal(info.name, "synthetic");
}

/* Reference values of the formula for base 500000 and heads of 64, worked out independently. */
static void test_rope_factors(void **state)
{
    struct erg_blueprint blueprint;
    double last = 1;
    (void)state;
    parse("synth:llama-3.2-1b", &blueprint);
    assert_true(erg_blueprint_rope_factor(&blueprint, 0) == 1.0f);
    assert_true(erg_blueprint_rope_factor(&blueprint, 14) == 1.0f);
    assert_true(erg_blueprint_rope_factor(&blueprint, 18) == 32.0f);
    assert_true(erg_blueprint_rope_factor(&blueprint, 31) == 32.0f);
    for (int i = 0; i < 32; i++) {
        double factor = (double)erg_blueprint_rope_factor(&blueprint, i);
        assert_true(factor >= last);
        last = factor;
    }
    /* 2π·500000^(30/64) = 2948.3: t = (8192/2948.3 − 1)/3, 1/((1 − t)/32 + t) = 1.6513 */
    assert_true(fabs((double)erg_blueprint_rope_factor(&blueprint, 15) - 1.6513) < 1e-3);
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *spec, *says;
    } rows[] = {
        {"synth:lama-3.2-1b", "did you mean 'llama-3.2-1b'?"},
        {"synth:nothing-of-the-kind", "'ergon synth --list'"},
        {"synth:", "a word is missing"},
        {"synth::q4_0", "a word is missing"},
        {"synth:llama-3.2-1b:", "a word is missing"},
        {"synth:llama-3.2-1b:q4_0:layers=", "a word is missing"},
        {"synth:llama-3.2-1b=3", "'=' stands where"},
        {"synth:llama-3.2-1b:q5_1", "'q5_1' is not one of f32, f16, q8_0, q4_0, q4_k"},
        {"synth:llama-3.2-1b:layer=2", "unknown key 'layer': did you mean 'layers'?"},
        {"synth:llama-3.2-1b:layers=0", "'layers' takes a whole number from 1 to 512, not '0'"},
        {"synth:llama-3.2-1b:vocab=12", "'vocab' takes a whole number from 264"},
        {"synth:llama-3.2-1b:kv_heads=5", "not a multiple of 5 KV heads"},
        {"synth:llama-3.2-1b:heads=3", "does not give 3 heads of even size"},
        {"synth:llama-3.2-1b:feed_forward=1000", "multiples of 32 for q4_0, not 1000"},
        {"synth:llama-3.2-1b:rope_dimensions=66", "do not fit a head of 64"},
        {"synth:qwen2.5-0.5b:head_size=32", "make up its width of 896"},
        {"synth:qwen2.5-0.5b:experts=4", "qwen2 cannot be synthesised with experts"},
        {"synth:mixtral-8x7b:experts_used=9", "9 of 8 experts"},
        {"synth:qwen3-30b-a3b:experts=0", "cannot be without 'experts'"},
        {"synth:llama", "'layers' is not given"},
        {"synth:llama:layers=1,embedding=64,heads=4", "'feed_forward' is not given"},
        {"llama-3.2-1b", "does not begin with synth:"},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_blueprint blueprint = {.seed = 77};
        struct erg_err err = {0};
        assert_int_equal(erg_blueprint_parse(rows[i].spec, &blueprint, &err), ERG_INVALID);
        if (!strstr(err.text, rows[i].says))
            fail_msg("%s: %s", rows[i].spec, err.text);
        assert_int_equal(blueprint.seed, 77); /* untouched */
    }
}

/* Every key reaches its dimension: a changed number changes the description or the file. */
static void test_every_key_counts(void **state)
{
    struct erg_blueprint base, changed;
    (void)state;
    for (size_t i = 0; erg_blueprint_key_at(i); i++) {
        const struct erg_blueprint_key *key = erg_blueprint_key_at(i);
        char spec[160];
        parse("synth:qwen2moe:layers=4,embedding=512,heads=8,feed_forward=512,experts=8", &base);
        int value = *erg_blueprint_number(&base, key) * 2;
        value = strcmp(key->name, "seed") == 0              ? 3
                : strcmp(key->name, "rope_dimensions") == 0 ? 32
                : strcmp(key->name, "kv_heads") == 0        ? 2
                : strcmp(key->name, "head_size") == 0       ? 64
                : strcmp(key->name, "heads") == 0           ? 16
                                                            : value;
        snprintf(spec, sizeof spec,
                 "synth:qwen2moe:layers=4,embedding=512,heads=8,feed_forward=512,experts=8,%s=%d",
                 key->name, value);
        parse(spec, &changed);
        assert_int_equal(*erg_blueprint_number(&changed, key), value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_totals), cmocka_unit_test(test_types_of_tensors),
        cmocka_unit_test(test_misfits),          cmocka_unit_test(test_description),
        cmocka_unit_test(test_rope_factors),     cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_every_key_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
