/* SPDX-License-Identifier: MIT */
#include "engine/llama/classify.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LEN(table) (sizeof(table) / sizeof((table)[0]))

/* How the operation of a node that reads a weight is called. */
enum weight_kind {
    MATMUL, /* "matmul", "bias" for the ADD */
    NORM,   /* "scale_shift" */
    FIXED,  /* the name in the table */
    PLAIN,  /* ggml's own name */
};

struct weight_rule {
    const char *weight; /* without "blk.N." and ".weight"; a trailing '*' matches any rest */
    enum erg_component component;
    enum weight_kind kind;
    const char *operation;
};

#define C(name) ERG_COMPONENT_##name

/* First match wins. */
static const struct weight_rule weight_rules[] = {
    {"token_embd_norm", C(embedding), NORM, NULL},
    {"position_embd", C(embedding), FIXED, "position"},
    {"token_types", C(embedding), FIXED, "token_type"},
    {"output_norm", C(final_norm), NORM, NULL},
    {"output", C(lm_head), MATMUL, NULL},
    {"attn_norm", C(input_layernorm), NORM, NULL},
    {"attn_norm_2", C(input_layernorm), NORM, NULL},
    {"attn_q", C(q_proj), MATMUL, NULL},
    {"attn_k", C(k_proj), MATMUL, NULL},
    {"attn_v", C(v_proj), MATMUL, NULL},
    {"attn_qkv", C(qkv_proj), MATMUL, NULL},
    {"attn_q_norm", C(qk_norm), NORM, NULL},
    {"attn_k_norm", C(qk_norm), NORM, NULL},
    {"attn_q_a", C(q_proj), MATMUL, NULL},
    {"attn_q_a_norm", C(q_proj), NORM, NULL},
    {"attn_q_b", C(q_proj), MATMUL, NULL},
    {"attn_kv_a_mqa", C(k_proj), MATMUL, NULL},
    {"attn_kv_a_norm", C(k_proj), NORM, NULL},
    {"attn_kv_b", C(k_proj), MATMUL, NULL},
    {"attn_k_b", C(k_proj), MATMUL, NULL},
    {"attn_v_b", C(v_proj), MATMUL, NULL},
    {"attn_output", C(o_proj), MATMUL, NULL},
    {"attn_output_norm", C(post_attention_norm), NORM, NULL},
    {"attn_sub_norm", C(post_attention_norm), NORM, NULL},
    {"post_attention_norm", C(post_attention_norm), NORM, NULL},
    {"attn_gate", C(attn_gate), MATMUL, NULL},
    {"ffn_norm", C(post_attention_layernorm), NORM, NULL},
    {"ffn_norm_exps", C(post_attention_layernorm), NORM, NULL},
    {"pre_ffw_norm_2", C(post_attention_layernorm), NORM, NULL},
    {"post_ffw_norm*", C(post_ffw_norm), NORM, NULL},
    {"ffn_sub_norm", C(post_ffw_norm), NORM, NULL},
    {"layer_output_norm", C(post_ffw_norm), NORM, NULL},
    {"ffn_gate", C(gate_proj), MATMUL, NULL},
    {"ffn_up", C(up_proj), MATMUL, NULL},
    {"ffn_down", C(down_proj), MATMUL, NULL},
    {"ffn_gate_inp", C(router), FIXED, "logits"},
    {"exp_probs_b", C(router), FIXED, "probs"},
    {"ffn_gate_exps", C(experts), FIXED, "gate"},
    {"ffn_up_exps", C(experts), FIXED, "up"},
    {"ffn_gate_up_exps", C(experts), FIXED, "gate_up"},
    {"ffn_down_exps", C(experts), FIXED, "down"},
    {"ffn_gate_shexp", C(shared_expert), FIXED, "gate"},
    {"ffn_up_shexp", C(shared_expert), FIXED, "up"},
    {"ffn_down_shexp", C(shared_expert), FIXED, "down"},
    {"ffn_gate_inp_shexp", C(shared_expert), FIXED, "gate_scale"},
    {"rope_freqs", C(rope), FIXED, "rope"},
    {"rope_factors*", C(rope), FIXED, "rope"},
    {"ssm_*", C(recurrent), PLAIN, NULL},
    {"shortconv.*", C(recurrent), PLAIN, NULL},
    {"time_mix_*", C(recurrent), PLAIN, NULL},
    {"channel_mix_*", C(recurrent), PLAIN, NULL},
    {"nextn.*", C(mtp), PLAIN, NULL},
};

struct name_rule {
    const char *name; /* without the layer; a trailing '*' matches any rest */
    const char *op;   /* NULL = any */
    enum erg_component component;
    const char *operation; /* NULL = ggml's name */
};

/* Nodes that read no weight. First match wins. */
static const struct name_rule name_rules[] = {
    {"embd", NULL, C(embedding), "lookup"},
    {"inp_scaled", NULL, C(embedding), "scale"},
    {"inp_embd", NULL, C(embedding), NULL},
    {"kq", NULL, C(attention), "qk_matmul"},
    {"kq_scaled*", NULL, C(attention), "softcap"},
    {"kq_tanh", NULL, C(attention), "softcap"},
    {"kq_plus_kq_b", NULL, C(attention), "bias"},
    {"kq_soft_max*", NULL, C(attention), "softmax"},
    {"kqv", NULL, C(attention), "value_matmul"},
    {"kqv_out", NULL, C(attention), "merge_heads"},
    {"kqv_mla", NULL, C(attention), "mla_decompress"},
    {"fattn_mla", NULL, C(attention), "mla_decompress"},
    {"v_cont", NULL, C(attention), "copy"},
    {"Vcur", "CONT", C(kv_append), "copy"},
    {"Qcur", "SCALE", C(rope), "scale"},
    {"Qcur_scaled", NULL, C(rope), "scale"},
    {"Qcur_attn_temp_scaled", NULL, C(rope), "scale"},
    {"Qcur_normed", NULL, C(qk_norm), NULL},
    {"Kcur_normed", NULL, C(qk_norm), NULL},
    {"Qcur*", NULL, C(q_proj), NULL},
    {"Kcur*", NULL, C(k_proj), NULL},
    {"Vcur*", NULL, C(v_proj), NULL},
    {"wqkv*", NULL, C(qkv_proj), NULL},
    {"attn_norm", NULL, C(input_layernorm), "scale_shift"},
    {"ffn_norm", NULL, C(post_attention_layernorm), "scale_shift"},
    {"attn_post_norm", NULL, C(post_attention_norm), "scale_shift"},
    {"post_attn_norm", NULL, C(post_attention_norm), "scale_shift"},
    {"ffn_post_norm", NULL, C(post_ffw_norm), "scale_shift"},
    {"result_norm", NULL, C(final_norm), "scale_shift"},
    {"sa_out", "ADD", C(attn_residual), "add"},
    {"ffn_inp", "ADD", C(attn_residual), "add"},
    {"l_out", "ADD", C(mlp_residual), "add"},
    {"ffn_moe_logits*", NULL, C(router), "logits"},
    {"ffn_moe_probs*", NULL, C(router), "probs"},
    {"ffn_moe_group_topk", NULL, C(router), "topk"},
    {"ffn_moe_argsort*", NULL, C(router), "topk"},
    {"ffn_moe_topk", NULL, C(router), "topk"},
    {"ffn_moe_weights*", NULL, C(router), "weights"},
    {"ffn_moe_slots", NULL, C(router), "slots"},
    {"ffn_moe_swiglu*", NULL, C(experts), "activation"},
    {"ffn_moe_geglu", NULL, C(experts), "activation"},
    {"ffn_moe_gelu", NULL, C(experts), "activation"},
    {"ffn_moe_silu", NULL, C(experts), "activation"},
    {"ffn_moe_relu*", NULL, C(experts), "activation"},
    {"ffn_moe_situ", NULL, C(experts), "activation"},
    {"ffn_moe_gate_up*", NULL, C(experts), "gate_up"},
    {"ffn_moe_gate*", NULL, C(experts), "gate"},
    {"ffn_moe_up*", NULL, C(experts), "up"},
    {"ffn_moe_down*", NULL, C(experts), "down"},
    {"ffn_moe_weighted", NULL, C(experts), "combine"},
    {"ffn_moe_out*", NULL, C(experts), "combine"},
    {"ffn_shexp_gate*", NULL, C(shared_expert), "gate_scale"},
    {"ffn_shexp_out", NULL, C(shared_expert), "gate_scale"},
    {"ffn_moe_shexp", NULL, C(shared_expert), NULL},
    {"result_output*", NULL, C(lm_head), NULL},
    {"mtp_*", NULL, C(mtp), NULL},
    {"linear_attn_*", NULL, C(recurrent), NULL},
    {"conv_*", NULL, C(recurrent), NULL},
    {"kda_*", NULL, C(recurrent), NULL},
};

/* A node and what the rules want to know of it. */
struct subject {
    const struct erg_node_facts *facts;
    int index;
    char base[ERG_NODE_NAME_BYTES];   /* name without layer and view suffixes */
    int name_layer;                   /* of the name, or -1 */
    char weight[ERG_NODE_NAME_BYTES]; /* without "blk.N." and kind, "" = none */
    bool is_bias;
    int weight_layer;
    int cache_layer; /* -1 = touches no cache */
    char cache_kind; /* 'k', 'v', 'r' or 's' */
};

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool matches(const char *pattern, const char *text)
{
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*') {
        return strncmp(pattern, text, len - 1) == 0;
    }
    return is(pattern, text);
}

/* Leading decimal number of `text`, -1 when there is none; *out_rest is what follows it. */
static int leading_number(const char *text, const char **out_rest)
{
    int value = 0;
    const char *p = text;
    for (; isdigit((unsigned char)*p) && value < 100000; p++) {
        value = value * 10 + (*p - '0');
    }
    *out_rest = p;
    return p == text ? -1 : value;
}

static void cut_suffix(char *text, const char *suffix)
{
    size_t len = strlen(text);
    size_t cut = strlen(suffix);
    if (len > cut && is(text + len - cut, suffix)) {
        text[len - cut] = '\0';
    }
}

/* The scheduler calls its copy of a tensor "BACKEND#name#n". */
static void strip_copy(const char *name, char out[ERG_NODE_NAME_BYTES])
{
    const char *start = strchr(name, '#');
    start = start ? start + 1 : name;
    snprintf(out, ERG_NODE_NAME_BYTES, "%s", start);
    char *end = start == name ? NULL : strrchr(out, '#');
    if (end) {
        *end = '\0';
    }
}

static void parse_name(struct subject *s)
{
    strip_copy(s->facts->name, s->base);
    char *paren = strstr(s->base, " (");
    if (paren) {
        *paren = '\0';
    }
    s->name_layer = -1;
    char *dash = strrchr(s->base, '-');
    const char *rest;
    int layer = dash ? leading_number(dash + 1, &rest) : -1;
    if (layer >= 0 && *rest == '\0') {
        s->name_layer = layer;
        *dash = '\0';
    }
}

static void parse_weight(struct subject *s, const char *full)
{
    char name[ERG_NODE_NAME_BYTES];
    strip_copy(full, name);
    const char *rest = name;
    if (strncmp(name, "blk.", 4) == 0) {
        int layer = leading_number(name + 4, &rest);
        if (layer >= 0 && *rest == '.') {
            s->weight_layer = layer;
            rest++;
        } else {
            rest = name;
        }
    }
    snprintf(s->weight, sizeof(s->weight), "%s", rest);
    size_t len = strlen(s->weight);
    s->is_bias = len > 5 && is(s->weight + len - 5, ".bias");
    cut_suffix(s->weight, ".weight");
    cut_suffix(s->weight, ".bias");
    cut_suffix(s->weight, ".scale");
}

/* "cache_k_l3", "cache_idx_k_l3" → kind and layer. */
static bool parse_cache(struct subject *s, const char *full)
{
    char name[ERG_NODE_NAME_BYTES];
    strip_copy(full, name);
    if (strncmp(name, "cache_", 6) != 0) {
        return false;
    }
    for (const char *p = name + 5; (p = strchr(p, '_')) != NULL; p++) {
        if (p[1] != '\0' && strchr("kvrs", p[1]) && strncmp(p + 2, "_l", 2) == 0) {
            const char *rest;
            s->cache_layer = leading_number(p + 4, &rest);
            s->cache_kind = p[1];
            return s->cache_layer >= 0;
        }
    }
    return false;
}

static void subject_init(struct subject *s, const struct erg_node_facts *facts, int index)
{
    memset(s, 0, sizeof(*s));
    s->facts = facts;
    s->index = index;
    s->weight_layer = s->cache_layer = -1;
    parse_name(s);
    for (int i = 0; i < ERG_NODE_SOURCES; i++) {
        const struct erg_node_source *src = &facts->src[i];
        if (src->is_weight && s->weight[0] == '\0') {
            parse_weight(s, src->name);
        }
        if (s->cache_layer < 0 && src->node < 0) {
            parse_cache(s, src->name);
        }
    }
    if (s->cache_layer < 0) {
        parse_cache(s, facts->name);
    }
}

static void set(struct erg_node_class *out, enum erg_component component, const char *operation)
{
    out->component = component;
    snprintf(out->operation, sizeof(out->operation), "%s", operation);
}

static void lower_case(const char *op, char out[ERG_OPERATION_BYTES])
{
    size_t i = 0;
    for (; op[i] != '\0' && i < ERG_OPERATION_BYTES - 1; i++) {
        out[i] = (char)tolower((unsigned char)op[i]);
    }
    out[i] = '\0';
}

static void set_plain(struct erg_node_class *out, enum erg_component component, const char *desc)
{
    out->component = component;
    lower_case(desc, out->operation);
}

static bool by_weight(const struct subject *s, struct erg_node_class *out)
{
    const char *op = s->facts->op;
    if (s->weight[0] == '\0') {
        return false;
    }
    if (strstr(s->weight, ".lora_")) {
        set_plain(out, C(lora), s->facts->desc);
        return true;
    }
    if (is(s->weight, "token_embd")) {
        bool lookup = is(op, "GET_ROWS");
        set(out, lookup ? C(embedding) : C(lm_head), lookup ? "lookup" : "matmul");
        return true;
    }
    for (size_t i = 0; i < LEN(weight_rules); i++) {
        const struct weight_rule *rule = &weight_rules[i];
        if (!matches(rule->weight, s->weight)) {
            continue;
        }
        if (rule->kind == FIXED) {
            set(out, rule->component, rule->operation);
        } else if (rule->kind == NORM) {
            set(out, rule->component, "scale_shift");
        } else if (rule->kind == MATMUL && strncmp(op, "MUL_MAT", 7) == 0) {
            set(out, rule->component, "matmul");
        } else if (rule->kind == MATMUL && s->is_bias) {
            set(out, rule->component, "bias");
        } else {
            set_plain(out, rule->component, s->facts->desc);
        }
        return true;
    }
    return false;
}

static bool by_cache(const struct subject *s, struct erg_node_class *out)
{
    const char *op = s->facts->op;
    if (s->cache_layer < 0) {
        return false;
    }
    if (s->cache_kind == 'r' || s->cache_kind == 's') {
        set_plain(out, C(recurrent), s->facts->desc);
    } else if (is(op, "SET_ROWS") || is(op, "CPY")) {
        set(out, C(kv_append), s->cache_kind == 'k' ? "write_k" : "write_v");
    } else if (is(op, "ROPE")) {
        set(out, C(kv_append), "shift");
    } else if (is(op, "FLASH_ATTN_EXT")) {
        set(out, C(attention), "flash_attention");
    } else if (is(op, "MUL_MAT")) {
        set(out, C(attention), s->cache_kind == 'k' ? "qk_matmul" : "value_matmul");
    } else {
        set_plain(out, C(attention), s->facts->desc);
    }
    return true;
}

static bool has_source(const struct subject *s, const char *pattern)
{
    for (int i = 0; i < ERG_NODE_SOURCES; i++) {
        char name[ERG_NODE_NAME_BYTES];
        strip_copy(s->facts->src[i].name, name);
        if (matches(pattern, name)) {
            return true;
        }
    }
    return false;
}

/* Class of the i-th operand's node; NULL when it is a leaf. */
static const struct erg_node_class *source_class(const struct subject *s, int i,
                                                 const struct erg_node_class *classes)
{
    int node = s->facts->src[i].node;
    return node >= 0 && node < s->index ? &classes[node] : NULL;
}

static bool source_is(const struct subject *s, int i, const struct erg_node_class *classes,
                      enum erg_component component)
{
    const struct erg_node_class *class = source_class(s, i, classes);
    return class && class->component == component;
}

/* Operations whose meaning is clear without a name. */
static bool by_operation(const struct subject *s, const struct erg_node_class *classes,
                         struct erg_node_class *out)
{
    const char *op = s->facts->op;
    bool experts = source_is(s, 0, classes, C(experts));
    bool shared = source_is(s, 0, classes, C(shared_expert));
    if (is(op, "GET_ROWS") && (has_source(s, "out_ids") || has_source(s, "inp_out_ids"))) {
        set(out, C(output_select), "select");
    } else if (has_source(s, "attn_inp_k_rot*") || has_source(s, "attn_inp_v_rot*")) {
        set(out, C(kv_append), "rotation");
    } else if (is(op, "ROPE")) {
        set(out, C(rope), "rope");
    } else if (is(op, "FLASH_ATTN_EXT")) {
        set(out, C(attention), "flash_attention");
    } else if (is(op, "GLU")) {
        set(out, experts ? C(experts) : shared ? C(shared_expert) : C(activation), "activation");
    } else if (is(op, "SOFT_MAX") && s->facts->src[1].name[0] != '\0') {
        set(out, C(attention), "softmax");
    } else if (is(op, "SCALE") && source_is(s, 0, classes, C(lm_head)) &&
               is(source_class(s, 0, classes)->operation, "softcap")) {
        set(out, C(lm_head), "softcap");
    } else if (is(op, "ARGSORT") || is(op, "TOP_K")) {
        set(out, C(router), "topk");
    } else if (strncmp(op, "SSM_", 4) == 0 || strncmp(op, "RWKV_", 5) == 0 ||
               is(op, "GATED_DELTA_NET") || is(op, "GATED_LINEAR_ATTN")) {
        set_plain(out, C(recurrent), op);
    } else {
        return false;
    }
    return true;
}

static bool is_mlp_output(enum erg_component c)
{
    return c == C(down_proj) || c == C(experts) || c == C(shared_expert) || c == C(post_ffw_norm);
}

/* As source_class(), seeing through the selection of output rows in the last layer. */
static const struct erg_node_class *summand(const struct subject *s, int i,
                                            const struct erg_node_class *classes)
{
    const struct erg_node_facts *nodes = s->facts - s->index;
    const struct erg_node_class *class = source_class(s, i, classes);
    int node = class ? s->facts->src[i].node : -1;
    if (class && class->component == C(output_select) && nodes[node].src[0].node >= 0) {
        return &classes[nodes[node].src[0].node];
    }
    return class;
}

/* ADD of two computed tensors: MoE sums, or the residual stream. */
static bool by_sum(const struct subject *s, const struct erg_node_class *classes,
                   struct erg_node_class *out)
{
    const struct erg_node_class *a = summand(s, 0, classes);
    const struct erg_node_class *b = summand(s, 1, classes);
    if (!is(s->facts->op, "ADD") || !a || !b) {
        return false;
    }
    bool moe_a = a->component == C(experts) || a->component == C(shared_expert);
    bool moe_b = b->component == C(experts) || b->component == C(shared_expert);
    if (moe_a && moe_b) {
        set(out, C(experts), "combine");
    } else if (is_mlp_output(a->component) || is_mlp_output(b->component) ||
               a->component == C(mlp_residual)) {
        set(out, C(mlp_residual), "add");
    } else if (a->component == C(o_proj) || b->component == C(o_proj) ||
               a->component == C(post_attention_norm) || b->component == C(post_attention_norm)) {
        set(out, C(attn_residual), "add");
    } else {
        return false;
    }
    return true;
}

static bool by_name(const struct subject *s, struct erg_node_class *out)
{
    for (size_t i = 0; i < LEN(name_rules); i++) {
        const struct name_rule *rule = &name_rules[i];
        if (!matches(rule->name, s->base) || (rule->op && !is(rule->op, s->facts->op))) {
            continue;
        }
        if (rule->operation) {
            set(out, rule->component, rule->operation);
        } else {
            set_plain(out, rule->component, s->facts->desc);
        }
        return true;
    }
    return false;
}

/* A small operation on something already placed: it belongs to what it works on. */
static bool by_source(const struct subject *s, const struct erg_node_class *classes,
                      struct erg_node_class *out)
{
    const struct erg_node_class *src = source_class(s, 0, classes);
    const char *op = s->facts->op;
    if (!src) {
        return false;
    }
    if (is(op, "SCALE") && (src->component == C(rope) || src->component == C(q_proj) ||
                            src->component == C(qk_norm) || src->component == C(qkv_proj))) {
        set(out, C(rope), "scale");
    } else if (src->component == C(lm_head) && (is(op, "SCALE") || is(op, "UNARY"))) {
        set(out, C(lm_head), "softcap");
    } else if (src->component == C(embedding)) {
        set(out, C(embedding), is(op, "SCALE") || is(op, "MUL") ? "scale" : src->operation);
    } else if (is(op, "UNARY") &&
               (src->component == C(gate_proj) || src->component == C(up_proj))) {
        set(out, C(activation), "activation");
    } else if (is(op, "UNARY") && src->component == C(experts)) {
        set(out, C(experts), "activation");
    } else if (src->component == C(activation)) {
        set(out, C(activation), "activation");
    } else if (src->component == C(shared_expert) || src->component == C(router)) {
        set(out, src->component, src->operation);
    } else if (is(op, "CONT") && src->component == C(v_proj)) {
        set(out, C(kv_append), "copy");
    } else {
        return false;
    }
    return true;
}

static bool is_norm(const struct erg_node_facts *facts)
{
    return is(facts->op, "RMS_NORM") || is(facts->op, "NORM") || is(facts->op, "GROUP_NORM") ||
           is(facts->op, "L2_NORM");
}

static int source_layer(const struct subject *s, const struct erg_node_class *classes)
{
    int layer = -1;
    for (int i = 0; i < ERG_NODE_SOURCES; i++) {
        const struct erg_node_class *class = source_class(s, i, classes);
        if (class && class->layer > layer) {
            layer = class->layer;
        }
    }
    return layer;
}

static int layer_of(const struct subject *s, const struct erg_node_class *classes, int highest,
                    enum erg_component component)
{
    switch (component) {
    case C(embedding):
    case C(final_norm):
    case C(lm_head):
        return -1;
    case C(output_select):
        return highest; /* one of its inputs is the output of the layer before */
    default:
        break;
    }
    if (s->weight_layer >= 0) {
        return s->weight_layer;
    }
    if (s->cache_layer >= 0) {
        return s->cache_layer;
    }
    return s->name_layer >= 0 ? s->name_layer : source_layer(s, classes);
}

static void classify_one(const struct subject *s, struct erg_node_class *classes, int highest)
{
    struct erg_node_class *out = &classes[s->index];
    bool known = by_weight(s, out) || by_cache(s, out) || by_operation(s, classes, out) ||
                 by_sum(s, classes, out) || by_name(s, out) || by_source(s, classes, out);
    if (!known) {
        const struct erg_node_class *src = source_class(s, 0, classes);
        set_plain(out, src ? src->component : C(unattributed), s->facts->desc);
        out->guessed = !is_norm(s->facts);
    }
    out->layer = layer_of(s, classes, highest, out->component);
}

/* A norm belongs to the weight that scales it, which comes after it. */
static void resolve_norms(const struct erg_node_facts *nodes, size_t count,
                          struct erg_node_class *classes)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_norm(&nodes[i])) {
            continue;
        }
        struct erg_node_class *out = &classes[i];
        size_t next = i + 1;
        bool found = false;
        for (; next < count && next <= i + 8 && !found; next++) {
            found = nodes[next].src[0].node == (int)i || nodes[next].src[1].node == (int)i;
        }
        if (found && is(classes[next - 1].operation, "scale_shift")) {
            out->component = classes[next - 1].component;
            out->layer = classes[next - 1].layer;
            out->guessed = false;
        } else {
            out->guessed = out->component == C(unattributed);
        }
        set(out, out->component, "normalize");
    }
}

/* phi3 and others keep gate and up in one matrix: a GLU of one operand says so. */
static void resolve_fused_up(const struct erg_node_facts *nodes, size_t count,
                             struct erg_node_class *classes)
{
    for (size_t i = 0; i < count; i++) {
        int up = nodes[i].src[0].node;
        if (is(nodes[i].op, "GLU") && nodes[i].src[1].name[0] == '\0' && up >= 0 &&
            classes[up].component == C(up_proj)) {
            classes[up].component = C(gate_up_proj);
        }
    }
}

void erg_classify(const struct erg_node_facts *nodes, size_t count, struct erg_node_class *out)
{
    int highest = -1;
    memset(out, 0, count * sizeof(*out));
    for (size_t i = 0; i < count; i++) {
        struct subject s;
        subject_init(&s, &nodes[i], (int)i);
        classify_one(&s, out, highest);
        highest = out[i].layer > highest ? out[i].layer : highest;
    }
    resolve_norms(nodes, count, out);
    resolve_fused_up(nodes, count, out);
}

/* Whether the node is one of those that lead to what the component's statistics are of. */
static bool leads_to_result(const struct erg_node_facts *node, const struct erg_node_class *class)
{
    switch (class->component) {
    case C(kv_append):
    case C(output_select):
    case C(unattributed):
        return false;
    case C(rope):
        return is(node->op, "ROPE");
    case C(router):
        return is(class->operation, "logits");
    default:
        return true;
    }
}

void erg_classify_results(const struct erg_node_facts *nodes, const struct erg_node_class *classes,
                          size_t count, bool *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = leads_to_result(&nodes[i], &classes[i]);
        for (int s = 0; s < ERG_NODE_SOURCES && out[i]; s++) {
            int from = nodes[i].src[s].node;
            if (from >= 0 && classes[from].layer == classes[i].layer &&
                classes[from].component == classes[i].component) {
                out[from] = false;
            }
        }
    }
}

bool erg_classify_fuses(const struct erg_node_facts *node, int index,
                        const struct erg_node_facts *next)
{
    return is(node->op, "RMS_NORM") && is(next->op, "MUL") &&
           (next->src[0].node == index || next->src[1].node == index);
}
