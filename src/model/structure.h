/* SPDX-License-Identifier: MIT */
#ifndef ERG_MODEL_STRUCTURE_H
#define ERG_MODEL_STRUCTURE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How a model's blocks are built, told from the names and shapes of its tensors alone, so that it
 * holds for architectures nobody has listed.
 */
struct erg_model_structure {
    bool has_norm, norm_has_bias; /* attn_norm or ffn_norm: with a bias it is a LayerNorm */
    bool qkv_fused;               /* attn_qkv */
    bool qkv_bias;                /* of any projection of attention's input */
    bool qk_norm;
    bool ffn_gate, ffn_up;
    bool gate_up_fused; /* ffn_up (or expert twin) twice as wide as ffn_down takes */
    bool experts, shared_experts;
    bool post_norms; /* behind attention or MLP, before the residual */
    bool output;     /* a head of its own; else the embedding is used again */
    uint64_t up_width, down_width;
};

/* Take a tensor into account; `ne` are its (at least 2) dimensions, innermost first. */
void erg_structure_add(struct erg_model_structure *structure, const char *name, const uint64_t *ne);

/* Descriptions for people and JSON. */
const char *erg_structure_norm(const struct erg_model_structure *structure); /* "RMSNorm" … */
const char *erg_structure_mlp(const struct erg_model_structure *structure);  /* "gated" … */
/* "multi-head", "grouped-query", "multi-query"; "" when the heads are not known. */
const char *erg_structure_attention(int64_t heads, int64_t kv_heads);

#endif
