/* SPDX-License-Identifier: MIT */
#include "engine/deep_places.h"

#define SHARED  " qwen2moe "
#define DOUBLE  " phi3 "
#define RAW     " qwen2moe " /* weights of experts are not normalised */
#define UNNAMED " phi2 gemma2 gemma3 "

/* clang-format off */
#define NORM(component, name, weight) \
    {component, "normalize_scale", "MUL", name, weight, WHAT_NORM, "! phi2 ", NULL, NULL}
#define MATMUL(component, operation, weight, only) \
    {component, operation, "MUL_MAT", NULL, weight, WHAT_OUTPUT, only, NULL, NULL}
#define EXPERTS(operation, weight) \
    {"experts", operation, "MUL_MAT_ID", NULL, weight, WHAT_OUTPUT, NULL, NULL, NULL}
#define BIAS(component, weight) \
    {component, "bias", "ADD", NULL, weight, WHAT_OUTPUT, NULL, NULL, NULL}
#define OUTPUT(component, operation, op, name, only) \
    {component, operation, op, name, NULL, WHAT_OUTPUT, only, NULL, NULL}
#define CELLS(operation, op, name, what) \
    {"attention", operation, op, name, NULL, what, NULL, NULL, NULL}
#define GATED(component, op, name, only, gate) \
    {component, "activation", op, name, NULL, WHAT_ACTIVATION, only, gate, NULL}
#define SHIFTED(component, name, bias) \
    {component, "scale_shift", "ADD", name, bias, WHAT_NORM, " phi2 phimoe ", NULL, NULL}
#define SCALED(component, name, weight) \
    {component, "normalize_scale", "MUL", name, weight, WHAT_OUTPUT, " phimoe ", NULL, NULL}
/* clang-format on */

const struct place deep_places[] = {
    MATMUL("lm_head", "matmul", "token_embd.weight", NULL), /* of tied weights */
    MATMUL("lm_head", "matmul", "output.weight", NULL),
    BIAS("lm_head", "output.bias"),
    OUTPUT("lm_head", "softcap", "SCALE", "result_output", " gemma2 "),
    {"embedding", "lookup", "GET_ROWS", NULL, "token_embd.weight", WHAT_OUTPUT, NULL, NULL, NULL},
    OUTPUT("embedding", "scale", "SCALE", "inp_scaled", NULL),
    OUTPUT("embedding", "scale", "MUL", "inp_scaled", NULL),
    NORM("input_layernorm", "attn_norm-%d", "blk.%d.attn_norm.weight"),
    OUTPUT("input_layernorm", "normalize", "NORM", "norm-%d", NULL),
    SHIFTED("input_layernorm", "attn_norm-%d", "blk.%d.attn_norm.bias"),
    NORM("post_attention_layernorm", "ffn_norm-%d", "blk.%d.ffn_norm.weight"),
    NORM("post_attention_norm", NULL, "blk.%d.post_attention_norm.weight"),
    NORM("post_ffw_norm", NULL, "blk.%d.post_ffw_norm.weight"),
    NORM("qk_norm", NULL, "blk.%d.attn_q_norm.weight"),
    NORM("qk_norm", NULL, "blk.%d.attn_k_norm.weight"),
    NORM("final_norm", "result_norm", "output_norm.weight"),
    OUTPUT("final_norm", "normalize", "NORM", "norm", NULL),
    SCALED("input_layernorm", "norm_w-%d", "blk.%d.attn_norm.weight"),
    SCALED("post_attention_layernorm", "norm_w-%d", "blk.%d.ffn_norm.weight"),
    SHIFTED("post_attention_layernorm", "ffn_norm-%d", "blk.%d.ffn_norm.bias"),
    SCALED("final_norm", "norm_w", "output_norm.weight"),
    SHIFTED("final_norm", "result_norm", "output_norm.bias"),
    MATMUL("q_proj", "matmul", "blk.%d.attn_q.weight", NULL),
    MATMUL("k_proj", "matmul", "blk.%d.attn_k.weight", NULL),
    MATMUL("v_proj", "matmul", "blk.%d.attn_v.weight", NULL),
    MATMUL("qkv_proj", "matmul", "blk.%d.attn_qkv.weight", NULL),
    MATMUL("o_proj", "matmul", "blk.%d.attn_output.weight", NULL),
    MATMUL("gate_proj", "matmul", "blk.%d.ffn_gate.weight", NULL),
    MATMUL("up_proj", "matmul", "blk.%d.ffn_up.weight", "!" DOUBLE),
    MATMUL("gate_up_proj", "matmul", "blk.%d.ffn_up.weight", DOUBLE),
    MATMUL("down_proj", "matmul", "blk.%d.ffn_down.weight", NULL),
    BIAS("q_proj", "blk.%d.attn_q.bias"),
    BIAS("k_proj", "blk.%d.attn_k.bias"),
    BIAS("v_proj", "blk.%d.attn_v.bias"),
    BIAS("qkv_proj", "blk.%d.attn_qkv.bias"),
    BIAS("o_proj", "blk.%d.attn_output.bias"),
    BIAS("up_proj", "blk.%d.ffn_up.bias"),
    BIAS("down_proj", "blk.%d.ffn_down.bias"),
    OUTPUT("rope", "rope", "ROPE", "Qcur-%d", NULL),
    OUTPUT("rope", "rope", "ROPE", "Kcur-%d", NULL),
    OUTPUT("rope", "scale", "SCALE", "Qcur_scaled-%d", NULL),
    OUTPUT("rope", "scale", "SCALE", "Qcur-%d", NULL),
    {"rope", "scale", "SCALE", "node_", NULL, WHAT_OUTPUT, UNNAMED, NULL, NULL},
    CELLS("qk_matmul", "MUL_MAT", "kq-%d", WHAT_SCORES),
    CELLS("softcap", "SCALE", "kq_scaled_2-%d", WHAT_SCORES),
    {"attention", "flash_attention", "FLASH_ATTN_EXT", "node_", NULL, WHAT_OUTPUT, NULL, NULL,
     NULL},
    CELLS("softmax", "SOFT_MAX", "kq_soft_max-%d", WHAT_SOFTMAX),
    CELLS("value_matmul", "MUL_MAT", "kqv-%d", WHAT_VALUES),
    CELLS("merge_heads", "CONT", "kqv_out-%d", WHAT_OUTPUT),
    OUTPUT("attn_residual", "add", "ADD", "ffn_inp-%d", NULL),
    OUTPUT("attn_residual", "add", "ADD", "sa_out-%d", NULL),
    OUTPUT("attn_residual", "add", "ADD", "node_", DOUBLE "phimoe "),
    GATED("activation", "GLU", "ffn_swiglu-%d", "!" SHARED DOUBLE, "blk.%d.ffn_gate.weight"),
    GATED("activation", "GLU", "ffn_swiglu-%d", DOUBLE, "blk.%d.ffn_up.weight"),
    GATED("activation", "GLU", "ffn_geglu-%d", NULL, "blk.%d.ffn_gate.weight"),
    GATED("activation", "UNARY", "ffn_gelu-%d", NULL, "blk.%d.ffn_up.bias"),
    OUTPUT("mlp_residual", "add", "ADD", "l_out-%d", NULL),
    /* both additions are one span but for the last layer, where rows are selected between them */
    {"mlp_residual", "add", "ADD", "node_", NULL, WHAT_OUTPUT, " phi2 ", NULL, "GET_ROWS"},
    MATMUL("router", "logits", "blk.%d.ffn_gate_inp.weight", NULL),
    OUTPUT("router", "probs", "SOFT_MAX", "ffn_moe_probs-%d", NULL),
    OUTPUT("router", "weights", "DIV", "ffn_moe_weights_norm-%d", NULL),
    OUTPUT("router", "weights", "GET_ROWS", "ffn_moe_weights-%d", RAW),
    EXPERTS("gate", "blk.%d.ffn_gate_exps.weight"),
    EXPERTS("up", "blk.%d.ffn_up_exps.weight"),
    GATED("experts", "GLU", "ffn_moe_swiglu-%d", NULL, "blk.%d.ffn_gate_exps.weight"),
    EXPERTS("down", "blk.%d.ffn_down_exps.weight"),
    OUTPUT("experts", "combine", "ADD", "ffn_moe_out-%d", NULL),
    OUTPUT("experts", "combine", "ADD", "ffn_out-%d", SHARED),
    MATMUL("shared_expert", "gate", "blk.%d.ffn_gate_shexp.weight", NULL),
    MATMUL("shared_expert", "up", "blk.%d.ffn_up_shexp.weight", NULL),
    GATED("shared_expert", "GLU", "ffn_swiglu-%d", SHARED, "blk.%d.ffn_gate_shexp.weight"),
    MATMUL("shared_expert", "down", "blk.%d.ffn_down_shexp.weight", NULL),
    OUTPUT("shared_expert", "gate_scale", "MUL", "ffn_shexp_out-%d", NULL),
    {0},
};
