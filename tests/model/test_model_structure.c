/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "model/structure.h"

/* Tensors of one block as the architectures name them. */
static struct erg_model_structure of(const char *const *names, size_t count)
{
    static const uint64_t square[2] = {64, 64};
    struct erg_model_structure structure = {0};
    for (size_t i = 0; i < count; i++)
        erg_structure_add(&structure, names[i], square);
    return structure;
}

static void test_llama(void **state)
{
    (void)state;
    static const char *const names[] = {"token_embd.weight",     "blk.0.attn_norm.weight",
                                        "blk.0.attn_q.weight",   "blk.0.ffn_up.weight",
                                        "blk.0.ffn_gate.weight", "blk.0.ffn_down.weight",
                                        "output.weight"};
    struct erg_model_structure s = of(names, ERG_COUNT(names));
    assert_string_equal(erg_structure_norm(&s), "RMSNorm");
    assert_string_equal(erg_structure_mlp(&s), "gated");
    assert_true(s.output);
    assert_false(s.qkv_fused || s.qkv_bias || s.qk_norm || s.experts || s.post_norms);
}

static void test_phi2(void **state)
{
    (void)state;
    static const char *const names[] = {"blk.0.attn_norm.weight", "blk.0.attn_norm.bias",
                                        "blk.0.attn_qkv.weight",  "blk.0.attn_qkv.bias",
                                        "blk.0.ffn_up.weight",    "blk.0.ffn_down.weight"};
    struct erg_model_structure s = of(names, ERG_COUNT(names));
    assert_string_equal(erg_structure_norm(&s), "LayerNorm");
    assert_string_equal(erg_structure_mlp(&s), "plain");
    assert_true(s.qkv_fused && s.qkv_bias && !s.output);
}

/* phi3 has gate and up in one tensor, twice as wide as what down takes. */
static void test_fused_gate_and_up(void **state)
{
    (void)state;
    static const uint64_t up[2] = {64, 256}, down[2] = {128, 64};
    struct erg_model_structure s = {0};
    erg_structure_add(&s, "blk.3.ffn_down.weight", down);
    assert_string_equal(erg_structure_mlp(&s), "");
    erg_structure_add(&s, "blk.3.ffn_up.weight", up);
    assert_string_equal(erg_structure_mlp(&s), "gated, gate and up fused");
}

static void test_experts_and_gemma(void **state)
{
    (void)state;
    static const char *const moe[] = {"blk.1.ffn_gate_inp.weight", "blk.1.ffn_gate_exps.weight",
                                      "blk.1.ffn_up_exps.weight", "blk.1.ffn_up_shexp.weight",
                                      "blk.1.attn_q_norm.weight"};
    static const char *const gemma[] = {"blk.0.post_ffw_norm.weight"};
    struct erg_model_structure s = of(moe, ERG_COUNT(moe));
    assert_true(s.experts && s.shared_experts && s.qk_norm);
    assert_string_equal(erg_structure_mlp(&s), "gated");
    assert_string_equal(erg_structure_norm(&s), "");
    s = of(gemma, ERG_COUNT(gemma));
    assert_true(s.post_norms);
}

static void test_heads(void **state)
{
    (void)state;
    assert_string_equal(erg_structure_attention(32, 32), "multi-head");
    assert_string_equal(erg_structure_attention(32, 8), "grouped-query");
    assert_string_equal(erg_structure_attention(32, 1), "multi-query");
    assert_string_equal(erg_structure_attention(0, 0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_llama),
        cmocka_unit_test(test_phi2),
        cmocka_unit_test(test_fused_gate_and_up),
        cmocka_unit_test(test_experts_and_gemma),
        cmocka_unit_test(test_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
