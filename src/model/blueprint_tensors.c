/* SPDX-License-Identifier: MIT */
#include "model/blueprint.h"

#include "model/gguf_types.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { F32 = 0, Q5_0 = 6, Q8_0 = 8, Q4_0 = 2, Q4_K = 12, Q6_K = 14, ALIGNMENT = 32 };

struct lister {
    const struct erg_blueprint *blueprint;
    erg_tensor_take take;
    void *user;
    int layer; /* -1 = outside the layers */
    int rc;    /* of the first take() that stopped */
};

static bool has(const struct lister *l, enum erg_part part)
{
    return (l->blueprint->architecture->parts & (unsigned)part) != 0;
}

static bool is_head(const struct erg_blueprint *blueprint, const char *name)
{
    return strcmp(name, blueprint->shape.tied ? "token_embd.weight" : "output.weight") == 0;
}

/* The type of a matrix with rows of `width`. */
static uint32_t matrix_type(const struct erg_blueprint *blueprint, const char *name, int64_t width)
{
    uint32_t type = blueprint->type;
    bool four_bits = type == Q4_0 || type == Q4_K;
    if (four_bits && is_head(blueprint, name))
        type = Q6_K;
    if (width % erg_tensor_type(type)->block == 0)
        return type;
    return type == Q4_K ? Q5_0 : Q8_0;
}

static void add(struct lister *l, const char *name, const char *kind, enum erg_tensor_role role,
                int64_t columns, int64_t rows, int64_t matrices)
{
    struct erg_tensor_plan plan = {.role = role, .ne = {columns, rows, matrices}};
    plan.dimensions = rows == 1 ? 1 : matrices == 1 ? 2 : 3;
    if (l->layer < 0)
        snprintf(plan.name, sizeof plan.name, "%s.%s", name, kind);
    else
        snprintf(plan.name, sizeof plan.name, "blk.%d.%s.%s", l->layer, name, kind);
    plan.type = role == ERG_TENSOR_MATRIX ? matrix_type(l->blueprint, plan.name, columns) : F32;
    if (l->rc == 0)
        l->rc = l->take(l->user, &plan);
}

static void add_matrix(struct lister *l, const char *name, int64_t columns, int64_t rows,
                       bool has_bias)
{
    add(l, name, "weight", ERG_TENSOR_MATRIX, columns, rows, 1);
    if (has_bias)
        add(l, name, "bias", ERG_TENSOR_BIAS, rows, 1, 1);
}

static void add_norm(struct lister *l, const char *name, int64_t width)
{
    add(l, name, "weight", ERG_TENSOR_NORM, width, 1, 1);
    if (has(l, ERG_PART_ALL_BIASES))
        add(l, name, "bias", ERG_TENSOR_BIAS, width, 1, 1);
}

static void add_attention(struct lister *l)
{
    const struct erg_shape *s = &l->blueprint->shape;
    int64_t width = s->embedding, head = s->head_size;
    int64_t q = head * s->heads, kv = head * s->kv_heads;
    bool biases = has(l, ERG_PART_ALL_BIASES) || has(l, ERG_PART_QKV_BIAS);
    if (has(l, ERG_PART_SPLIT_QKV)) {
        add_matrix(l, "attn_q", width, q, biases);
        add_matrix(l, "attn_k", width, kv, biases);
        add_matrix(l, "attn_v", width, kv, biases);
    } else {
        add_matrix(l, "attn_qkv", width, q + 2 * kv, biases);
    }
    if (has(l, ERG_PART_QK_NORM)) {
        add_norm(l, "attn_q_norm", head);
        add_norm(l, "attn_k_norm", head);
    }
    add_matrix(l, "attn_output", q, width, has(l, ERG_PART_ALL_BIASES));
}

static void add_experts(struct lister *l)
{
    const struct erg_shape *s = &l->blueprint->shape;
    int64_t width = s->embedding, experts = s->experts, shared = s->shared_feed_forward;
    int64_t inner = s->expert_feed_forward ? s->expert_feed_forward : s->feed_forward;
    add(l, "ffn_gate_inp", "weight", ERG_TENSOR_ROUTER, width, experts, 1);
    add(l, "ffn_gate_exps", "weight", ERG_TENSOR_MATRIX, width, inner, experts);
    add(l, "ffn_up_exps", "weight", ERG_TENSOR_MATRIX, width, inner, experts);
    add(l, "ffn_down_exps", "weight", ERG_TENSOR_MATRIX, inner, width, experts);
    if (has(l, ERG_PART_SHARED)) {
        add(l, "ffn_gate_inp_shexp", "weight", ERG_TENSOR_ROUTER, width, 1, 1);
        add_matrix(l, "ffn_gate_shexp", width, shared, false);
        add_matrix(l, "ffn_up_shexp", width, shared, false);
        add_matrix(l, "ffn_down_shexp", shared, width, false);
    }
}

static void add_mlp(struct lister *l)
{
    const struct erg_shape *s = &l->blueprint->shape;
    int64_t width = s->embedding, inner = s->feed_forward;
    if (s->experts > 0) {
        add_experts(l);
        return;
    }
    if (has(l, ERG_PART_GATE))
        add_matrix(l, "ffn_gate", width, inner, false);
    add_matrix(l, "ffn_up", width, has(l, ERG_PART_DOUBLE_UP) ? 2 * inner : inner,
               has(l, ERG_PART_ALL_BIASES));
    add_matrix(l, "ffn_down", inner, width, has(l, ERG_PART_ALL_BIASES));
}

static void add_layer(struct lister *l)
{
    int64_t width = l->blueprint->shape.embedding;
    add_norm(l, "attn_norm", width);
    if (has(l, ERG_PART_FFN_NORM))
        add_norm(l, "ffn_norm", width);
    add_attention(l);
    add_mlp(l);
    if (has(l, ERG_PART_POST_NORMS)) {
        add_norm(l, "post_attention_norm", width);
        add_norm(l, "post_ffw_norm", width);
    }
}

int erg_blueprint_tensors(const struct erg_blueprint *blueprint, erg_tensor_take take, void *user)
{
    const struct erg_shape *s = &blueprint->shape;
    struct lister l = {.blueprint = blueprint, .take = take, .user = user, .layer = -1};
    add_matrix(&l, "token_embd", s->embedding, s->vocab, false);
    add_norm(&l, "output_norm", s->embedding);
    if (!s->tied)
        add_matrix(&l, "output", s->embedding, s->vocab, has(&l, ERG_PART_ALL_BIASES));
    if (s->rope_llama3)
        add(&l, "rope_freqs", "weight", ERG_TENSOR_FACTORS, s->head_size / 2, 1, 1);
    for (l.layer = 0; l.layer < s->layers && l.rc == 0; l.layer++)
        add_layer(&l);
    return l.rc;
}

int64_t erg_tensor_plan_bytes(const struct erg_tensor_plan *tensor)
{
    const struct erg_tensor_type *type = erg_tensor_type(tensor->type);
    return tensor->ne[0] / type->block * type->block_bytes * tensor->ne[1] * tensor->ne[2];
}

/* rope_type "llama3" with low_freq_factor 1 and high_freq_factor 4, trained on 8192 positions. */
float erg_blueprint_rope_factor(const struct erg_blueprint *blueprint, int i)
{
    const double low = 1, high = 4, trained = 8192;
    const struct erg_shape *s = &blueprint->shape;
    double factor = s->rope_llama3;
    double wave = 2 * 3.14159265358979323846 * pow((double)s->rope_base, 2.0 * i / s->head_size);
    if (wave < trained / high)
        return 1;
    if (wave > trained / low)
        return (float)factor;
    double smooth = (trained / wave - low) / (high - low);
    return (float)(1 / ((1 - smooth) / factor + smooth));
}

/* --- descriptions ----------------------------------------------------------------------------- */

static int describe_tensor(void *user, const struct erg_tensor_plan *tensor)
{
    struct erg_model_info *info = user;
    const uint64_t ne[] = {(uint64_t)tensor->ne[0], (uint64_t)(tensor->ne[1] * tensor->ne[2])};
    erg_structure_add(&info->structure, tensor->name, ne);
    int64_t bytes = erg_tensor_plan_bytes(tensor);
    info->tensor_count++;
    info->parameters += tensor->ne[0] * tensor->ne[1] * tensor->ne[2];
    info->tensor_bytes += bytes;
    info->file_bytes += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return 0;
}

void erg_blueprint_describe(const struct erg_blueprint *blueprint, struct erg_model_info *out)
{
    const struct erg_shape *s = &blueprint->shape;
    *out = (struct erg_model_info){
        .synthetic = true,
        .layers = s->layers,
        .embedding_length = s->embedding,
        .heads = s->heads,
        .kv_heads = s->kv_heads,
        .feed_forward_length = s->feed_forward,
        .experts = s->experts,
        .experts_used = s->experts_used,
        .context_length = s->context,
        .vocab_size = s->vocab,
        .has_chat_template = true,
    };
    /* With "phi3" in a name libllama looks for tokens that only the real vocabulary has. */
    snprintf(out->name, sizeof out->name, "%s%ssynthetic", blueprint->title ? blueprint->title : "",
             blueprint->title ? ", " : "");
    snprintf(out->architecture, sizeof out->architecture, "%s", blueprint->architecture->gguf);
    snprintf(out->quantization, sizeof out->quantization, "%s",
             erg_file_type_name(erg_blueprint_file_type(blueprint)));
    erg_blueprint_tensors(blueprint, describe_tensor, out);
}

struct misfits {
    const struct erg_blueprint *blueprint;
    int count;
};

static int count_misfit(void *user, const struct erg_tensor_plan *tensor)
{
    struct misfits *m = user;
    bool head = is_head(m->blueprint, tensor->name);
    m->count += tensor->role == ERG_TENSOR_MATRIX && !head && tensor->type != m->blueprint->type;
    return 0;
}

int erg_blueprint_misfits(const struct erg_blueprint *blueprint)
{
    struct misfits m = {.blueprint = blueprint};
    erg_blueprint_tensors(blueprint, count_misfit, &m);
    return m.count;
}
