/* SPDX-License-Identifier: MIT */
#include "model/structure.h"

#include <stddef.h>
#include <string.h>

/* What a tensor of a block, "blk.<n>.<name>", says by being there. */
static const struct {
    const char *name;
    size_t flag;
} signs[] = {
#define SIGN(name, field)                                                                          \
    {                                                                                              \
        name, offsetof(struct erg_model_structure, field)                                          \
    }
    SIGN("attn_norm.weight", has_norm),
    SIGN("ffn_norm.weight", has_norm),
    SIGN("attn_norm.bias", norm_has_bias),
    SIGN("ffn_norm.bias", norm_has_bias),
    SIGN("attn_qkv.weight", qkv_fused),
    SIGN("attn_qkv.bias", qkv_bias),
    SIGN("attn_q.bias", qkv_bias),
    SIGN("attn_q_norm.weight", qk_norm),
    SIGN("attn_k_norm.weight", qk_norm),
    SIGN("ffn_gate.weight", ffn_gate),
    SIGN("ffn_up.weight", ffn_up),
    SIGN("ffn_gate_inp.weight", experts),
    SIGN("ffn_gate_shexp.weight", shared_experts),
    SIGN("ffn_up_shexp.weight", shared_experts),
    SIGN("post_attention_norm.weight", post_norms),
    SIGN("post_ffw_norm.weight", post_norms),
    SIGN("ffn_gate_exps.weight", ffn_gate),
    SIGN("ffn_up_exps.weight", ffn_up),
    SIGN("ffn_gate_up_exps.weight", gate_up_fused),
#undef SIGN
};

/* "attn_q.weight" of "blk.12.attn_q.weight"; NULL for a tensor outside the blocks. */
static const char *in_block(const char *name)
{
    if (strncmp(name, "blk.", 4) != 0)
        return NULL;
    const char *dot = strchr(name + 4, '.');
    return dot ? dot + 1 : NULL;
}

void erg_structure_add(struct erg_model_structure *structure, const char *name, const uint64_t *ne)
{
    const char *part = in_block(name);
    if (!part) {
        structure->output |= strcmp(name, "output.weight") == 0;
        return;
    }
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (strcmp(part, signs[i].name) == 0)
            *(bool *)((char *)structure + signs[i].flag) = true;
    }
    if (strcmp(part, "ffn_up.weight") == 0)
        structure->up_width = ne[1];
    if (strcmp(part, "ffn_down.weight") == 0)
        structure->down_width = ne[0];
    structure->gate_up_fused |= !structure->ffn_gate && structure->down_width &&
                                structure->up_width / 2 == structure->down_width;
}

const char *erg_structure_norm(const struct erg_model_structure *structure)
{
    if (!structure->has_norm)
        return "";
    return structure->norm_has_bias ? "LayerNorm" : "RMSNorm";
}

const char *erg_structure_mlp(const struct erg_model_structure *structure)
{
    if (structure->gate_up_fused)
        return "gated, gate and up fused";
    if (structure->ffn_gate)
        return "gated";
    return structure->ffn_up ? "plain" : "";
}

const char *erg_structure_attention(int64_t heads, int64_t kv_heads)
{
    if (heads <= 0 || kv_heads <= 0)
        return "";
    if (kv_heads == heads)
        return "multi-head";
    return kv_heads == 1 ? "multi-query" : "grouped-query";
}
