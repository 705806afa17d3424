/* SPDX-License-Identifier: MIT */
#include "engine/llama/synth.h"

#include "base/limits.h"
#include "base/mem.h"

#include <errno.h>
#include <ggml.h>
#include <llama.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POOL_BYTES = 16 << 20, TENSORS_PER_LAYER = 20, TENSORS_OUTSIDE = 5, ALIGNMENT = 32 };
static const float SIGMA = 0.02f; /* spread of trained weights */

static const struct weight_type {
    const char *name;
    enum ggml_type type;
    enum llama_ftype ftype;
} weight_types[] = {{"f32", GGML_TYPE_F32, LLAMA_FTYPE_ALL_F32},
                    {"f16", GGML_TYPE_F16, LLAMA_FTYPE_MOSTLY_F16},
                    {"q8_0", GGML_TYPE_Q8_0, LLAMA_FTYPE_MOSTLY_Q8_0},
                    {"q4_0", GGML_TYPE_Q4_0, LLAMA_FTYPE_MOSTLY_Q4_0},
                    {"q4_k", GGML_TYPE_Q4_K, LLAMA_FTYPE_MOSTLY_Q4_K_S}};

/* What a layer is made of, besides attn_norm, attn_output and ffn_down. */
enum part {
    SPLIT_QKV = 1,    /* Q, K and V have a matrix each, else one together */
    QKV_BIAS = 2,     /* of these only */
    ALL_BIASES = 4,   /* everywhere, norms included */
    QK_NORM = 8,      /* per head */
    GATE = 16,        /* ffn_gate beside ffn_up */
    DOUBLE_UP = 32,   /* gate and up in one matrix */
    FFN_NORM = 64,    /* else the MLP works beside attention, on the same input */
    POST_NORMS = 128, /* after attention and MLP */
    OWN_HEAD = 256,   /* else tied to the embedding */
    EXPERTS = 512,    /* may have them in place of the MLP */
    ONLY_MOE = 1024,  /* cannot be without */
    SHARED = 2048,    /* an expert of each token beside those that are chosen */
};

enum { LLAMA = SPLIT_QKV | GATE | FFN_NORM | OWN_HEAD, MOE = EXPERTS | ONLY_MOE };

static const struct architecture {
    const char *name; /* as asked for */
    const char *arch; /* as written: libllama has no name of its own for some */
    unsigned parts;
} architectures[] = {
    {"llama", "llama", LLAMA | EXPERTS},
    {"llama-fused", "llama", (LLAMA & ~SPLIT_QKV) | EXPERTS},
    {"mistral", "llama", LLAMA | EXPERTS},
    {"qwen2", "qwen2", LLAMA | QKV_BIAS},
    {"qwen2moe", "qwen2moe", LLAMA | QKV_BIAS | MOE | SHARED},
    {"qwen3", "qwen3", LLAMA | QK_NORM},
    {"qwen3moe", "qwen3moe", LLAMA | QK_NORM | MOE},
    {"phi2", "phi2", ALL_BIASES | OWN_HEAD},
    {"phi3", "phi3", DOUBLE_UP | FFN_NORM | OWN_HEAD},
    {"gemma", "gemma", SPLIT_QKV | GATE | FFN_NORM},
    {"gemma2", "gemma2", SPLIT_QKV | GATE | FFN_NORM | POST_NORMS},
    {"gemma3", "gemma3", SPLIT_QKV | GATE | FFN_NORM | POST_NORMS | QK_NORM},
};
enum { ARCHITECTURES = sizeof(architectures) / sizeof(*architectures) };

/* Quantised rows of one width; matrices are cut out of them. */
struct pool {
    int64_t width, rows;
    char *bytes;
};

struct synth {
    const struct erg_synth_command *command;
    const struct weight_type *type;
    const struct architecture *architecture;
    struct gguf_context *gguf;
    struct ggml_context *ggml; /* descriptions only */
    FILE *file;
    struct pool pools[2]; /* inputs of width `embedding` and `feed_forward` */
    uint64_t state;       /* of the random numbers */
};

static uint64_t next_random(struct synth *s)
{
    s->state ^= s->state >> 12;
    s->state ^= s->state << 25;
    s->state ^= s->state >> 27;
    return s->state * UINT64_C(0x2545F4914F6CDD1D);
}

/* Four uniform numbers summed: near enough to a normal distribution. */
static float next_weight(struct synth *s)
{
    uint64_t r = next_random(s);
    float sum = (float)(r & 0xFFFF) + (float)(r >> 16 & 0xFFFF) + (float)(r >> 32 & 0xFFFF) +
                (float)(r >> 48);
    return (sum / 65536.0f - 2.0f) * 1.7320508f * SIGMA;
}

static bool has(const struct synth *s, enum part part)
{
    return (s->architecture->parts & (unsigned)part) != 0;
}

static int find_architecture(struct synth *s, struct erg_err *err)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        const char *name = architectures[i].name;
        if (strcmp(s->command->arch, name) == 0) {
            s->architecture = &architectures[i];
            return 0;
        }
        int len = snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "", name);
        used += (size_t)len < sizeof(names) - used ? (size_t)len : 0;
    }
    return erg_fail(err, ERG_UNSUPPORTED, "'%.40s' cannot be synthesised, only %s",
                    s->command->arch, names);
}

static int check_experts(const struct synth *s, struct erg_err *err)
{
    const struct erg_synth_command *c = s->command;
    if (c->experts > 0 && !has(s, EXPERTS)) {
        return erg_fail(err, ERG_UNSUPPORTED, "%s cannot be synthesised with experts", c->arch);
    }
    if (c->experts == 0 && has(s, ONLY_MOE)) {
        return erg_fail(err, ERG_INVALID, "%s cannot be without 'experts'", c->arch);
    }
    if (c->experts > 0 && c->experts_used > c->experts) {
        return erg_fail(err, ERG_INVALID, "%d of %d experts cannot be used", c->experts_used,
                        c->experts);
    }
    return 0;
}

static int check_widths(const struct synth *s, struct erg_err *err)
{
    const struct erg_synth_command *c = s->command;
    if (c->embedding % c->heads != 0 || c->embedding / c->heads % 2 != 0) {
        return erg_fail(err, ERG_INVALID, "a width of %d does not give %d heads of even size",
                        c->embedding, c->heads);
    }
    if (c->heads % c->kv_heads != 0) {
        return erg_fail(err, ERG_INVALID, "%d heads are not a multiple of %d KV heads", c->heads,
                        c->kv_heads);
    }
    int64_t block = ggml_blck_size(s->type->type);
    if (c->embedding % block != 0 || c->feed_forward % block != 0) {
        return erg_fail(err, ERG_INVALID, "widths must be multiples of %d for %s", (int)block,
                        c->type);
    }
    return 0;
}

static int check(struct synth *s, struct erg_err *err)
{
    const char *type = s->command->type;
    for (size_t i = 0; i < sizeof(weight_types) / sizeof(*weight_types) && !s->type; i++) {
        s->type = strcmp(type, weight_types[i].name) == 0 ? &weight_types[i] : NULL;
    }
    if (!s->type) {
        return erg_fail(err, ERG_INVALID, "'%s' is not one of f32, f16, q8_0, q4_0, q4_k", type);
    }
    int status = find_architecture(s, err);
    status = status ? status : check_experts(s, err);
    return status ? status : check_widths(s, err);
}

static void describe(struct synth *s)
{
    const struct erg_synth_command *c = s->command;
    const char *arch = s->architecture->arch;
    int expert_width = has(s, ONLY_MOE) ? c->feed_forward : 0;
    const struct {
        const char *key;
        int value;
    } numbers[] = {{"context_length", c->context},
                   {"embedding_length", c->embedding},
                   {"block_count", c->layers},
                   {"feed_forward_length", c->feed_forward},
                   {"attention.head_count", c->heads},
                   {"attention.head_count_kv", c->kv_heads},
                   {"attention.key_length", c->embedding / c->heads},
                   {"attention.value_length", c->embedding / c->heads},
                   {"rope.dimension_count", c->embedding / c->heads},
                   {"vocab_size", c->vocab},
                   {"expert_count", c->experts},
                   {"expert_used_count", c->experts > 0 ? c->experts_used : 0},
                   {"expert_feed_forward_length", expert_width},
                   {"expert_shared_feed_forward_length", has(s, SHARED) ? expert_width : 0}};
    char key[64];
    gguf_set_val_str(s->gguf, "general.architecture", arch);
    gguf_set_val_str(s->gguf, "general.name", "synthetic");
    gguf_set_val_u32(s->gguf, "general.file_type", (uint32_t)s->type->ftype);
    gguf_set_val_u32(s->gguf, "general.quantization_version", GGML_QNT_VERSION);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        snprintf(key, sizeof(key), "%s.%s", arch, numbers[i].key);
        if (numbers[i].value > 0) {
            gguf_set_val_u32(s->gguf, key, (uint32_t)numbers[i].value);
        }
    }
    snprintf(key, sizeof(key), "%s.attention.%s", arch,
             has(s, ALL_BIASES) ? "layer_norm_epsilon" : "layer_norm_rms_epsilon");
    gguf_set_val_f32(s->gguf, key, 1e-5f);
    snprintf(key, sizeof(key), "%s.rope.freq_base", arch);
    gguf_set_val_f32(s->gguf, key, 10000.0f);
}

/* `layer` -1: outside the layers. */
static void add_tensor(struct synth *s, int layer, const char *name, const char *kind,
                       enum ggml_type type, int64_t columns, int64_t rows, int64_t matrices)
{
    struct ggml_tensor *t = rows == 1 ? ggml_new_tensor_1d(s->ggml, type, columns)
                            : matrices == 1
                                ? ggml_new_tensor_2d(s->ggml, type, columns, rows)
                                : ggml_new_tensor_3d(s->ggml, type, columns, rows, matrices);
    char full[64];
    if (layer < 0) {
        snprintf(full, sizeof(full), "%s.%s", name, kind);
    } else {
        snprintf(full, sizeof(full), "blk.%d.%s.%s", layer, name, kind);
    }
    ggml_set_name(t, full);
    gguf_add_tensor(s->gguf, t);
}

static void add_matrix(struct synth *s, int layer, const char *name, int64_t columns, int64_t rows,
                       bool has_bias)
{
    add_tensor(s, layer, name, "weight", s->type->type, columns, rows, 1);
    if (has_bias) {
        add_tensor(s, layer, name, "bias", GGML_TYPE_F32, rows, 1, 1);
    }
}

static void add_norm(struct synth *s, int layer, const char *name, int64_t width)
{
    add_tensor(s, layer, name, "weight", GGML_TYPE_F32, width, 1, 1);
    if (has(s, ALL_BIASES)) {
        add_tensor(s, layer, name, "bias", GGML_TYPE_F32, width, 1, 1);
    }
}

static void add_attention(struct synth *s, int layer)
{
    const struct erg_synth_command *c = s->command;
    int64_t width = c->embedding, head = width / c->heads, kv = head * c->kv_heads;
    bool biases = has(s, ALL_BIASES) || has(s, QKV_BIAS);
    if (has(s, SPLIT_QKV)) {
        add_matrix(s, layer, "attn_q", width, width, biases);
        add_matrix(s, layer, "attn_k", width, kv, biases);
        add_matrix(s, layer, "attn_v", width, kv, biases);
    } else {
        add_matrix(s, layer, "attn_qkv", width, width + 2 * kv, biases);
    }
    if (has(s, QK_NORM)) {
        add_norm(s, layer, "attn_q_norm", head);
        add_norm(s, layer, "attn_k_norm", head);
    }
    add_matrix(s, layer, "attn_output", width, width, has(s, ALL_BIASES));
}

static void add_experts(struct synth *s, int layer)
{
    const struct erg_synth_command *c = s->command;
    int64_t width = c->embedding, inner = c->feed_forward, experts = c->experts;
    enum ggml_type type = s->type->type;
    add_tensor(s, layer, "ffn_gate_inp", "weight", GGML_TYPE_F32, width, experts, 1);
    add_tensor(s, layer, "ffn_gate_exps", "weight", type, width, inner, experts);
    add_tensor(s, layer, "ffn_up_exps", "weight", type, width, inner, experts);
    add_tensor(s, layer, "ffn_down_exps", "weight", type, inner, width, experts);
    if (has(s, SHARED)) {
        add_tensor(s, layer, "ffn_gate_inp_shexp", "weight", GGML_TYPE_F32, width, 1, 1);
        add_matrix(s, layer, "ffn_gate_shexp", width, inner, false);
        add_matrix(s, layer, "ffn_up_shexp", width, inner, false);
        add_matrix(s, layer, "ffn_down_shexp", inner, width, false);
    }
}

static void add_mlp(struct synth *s, int layer)
{
    const struct erg_synth_command *c = s->command;
    int64_t width = c->embedding, inner = c->feed_forward;
    if (c->experts > 0) {
        add_experts(s, layer);
        return;
    }
    if (has(s, GATE)) {
        add_matrix(s, layer, "ffn_gate", width, inner, false);
    }
    add_matrix(s, layer, "ffn_up", width, has(s, DOUBLE_UP) ? 2 * inner : inner,
               has(s, ALL_BIASES));
    add_matrix(s, layer, "ffn_down", inner, width, has(s, ALL_BIASES));
}

static void add_layer(struct synth *s, int layer)
{
    int64_t width = s->command->embedding;
    add_norm(s, layer, "attn_norm", width);
    if (has(s, FFN_NORM)) {
        add_norm(s, layer, "ffn_norm", width);
    }
    add_attention(s, layer);
    add_mlp(s, layer);
    if (has(s, POST_NORMS)) {
        add_norm(s, layer, "post_attention_norm", width);
        add_norm(s, layer, "post_ffw_norm", width);
    }
}

static int make_metadata(struct synth *s, struct erg_err *err)
{
    const struct erg_synth_command *c = s->command;
    size_t tensors = (size_t)c->layers * TENSORS_PER_LAYER + TENSORS_OUTSIDE;
    s->gguf = gguf_init_empty();
    s->ggml = ggml_init((struct ggml_init_params){
        .mem_size = (tensors + 1) * ggml_tensor_overhead(), .no_alloc = true});
    if (!s->gguf || !s->ggml) {
        return erg_fail(err, ERG_NOMEM, "cannot describe the model: out of memory");
    }
    describe(s);
    add_matrix(s, -1, "token_embd", c->embedding, c->vocab, false);
    add_norm(s, -1, "output_norm", c->embedding);
    if (has(s, OWN_HEAD)) {
        add_matrix(s, -1, "output", c->embedding, c->vocab, has(s, ALL_BIASES));
    }
    for (int layer = 0; layer < c->layers; layer++) {
        add_layer(s, layer);
    }
    return erg_synth_vocab(s->gguf, c->vocab, err);
}

/* Matrices are cut out of a pool; what is small and always float is not. */
static bool is_pooled(const struct synth *s, const struct ggml_tensor *t)
{
    return t->ne[1] > 1 && t->type == s->type->type && !strstr(t->name, "ffn_gate_inp");
}

/* Rows of this width in the whole model. */
static int64_t rows_needed(const struct synth *s, int64_t width)
{
    int64_t rows = 0;
    for (struct ggml_tensor *t = ggml_get_first_tensor(s->ggml); t;
         t = ggml_get_next_tensor(s->ggml, t)) {
        rows += t->ne[0] == width && is_pooled(s, t) ? ggml_nrows(t) : 0;
    }
    return rows;
}

static int make_pool(struct synth *s, struct pool *pool, int64_t width, struct erg_err *err)
{
    size_t row_bytes = ggml_row_size(s->type->type, width);
    int64_t needed = rows_needed(s, width), most = (int64_t)(POOL_BYTES / row_bytes) + 1;
    pool->width = width;
    pool->rows = needed < most ? needed : most;
    pool->bytes = erg_calloc((size_t)pool->rows, row_bytes);
    ERG_AUTO_FREE float *row = erg_calloc((size_t)width, sizeof(*row));
    if (!pool->bytes || !row) {
        return erg_fail(err, ERG_NOMEM, "cannot make weights: out of memory");
    }
    for (int64_t r = 0; r < pool->rows; r++) {
        for (int64_t i = 0; i < width; i++) {
            row[i] = next_weight(s);
        }
        ggml_quantize_chunk(s->type->type, row, pool->bytes + (size_t)r * row_bytes, 0, 1, width,
                            NULL);
    }
    return 0;
}

static bool put(struct synth *s, const void *bytes, size_t len)
{
    return fwrite(bytes, 1, len, s->file) == len;
}

static bool write_matrix(struct synth *s, const struct ggml_tensor *t)
{
    const struct pool *pool = &s->pools[t->ne[0] == s->pools[0].width ? 0 : 1];
    size_t row_bytes = ggml_row_size(t->type, t->ne[0]);
    int64_t from = (int64_t)(next_random(s) % (uint64_t)pool->rows);
    for (int64_t left = ggml_nrows(t); left > 0;) {
        int64_t rows = pool->rows - from < left ? pool->rows - from : left;
        if (!put(s, pool->bytes + (size_t)from * row_bytes, (size_t)rows * row_bytes)) {
            return false;
        }
        left -= rows;
        from = 0;
    }
    return true;
}

/* Norms are ones, biases and routers random. */
static bool write_floats(struct synth *s, const struct ggml_tensor *t)
{
    bool is_norm = strstr(t->name, "norm.weight") != NULL;
    bool ok = true;
    for (int64_t i = 0; i < ggml_nelements(t) && ok; i++) {
        float value = is_norm ? 1.0f : next_weight(s);
        ok = put(s, &value, sizeof(value));
    }
    return ok;
}

static bool write_padding(struct synth *s, size_t written)
{
    static const char zeros[ALIGNMENT];
    size_t over = written % ALIGNMENT;
    return over == 0 || put(s, zeros, ALIGNMENT - over);
}

static int write_all(struct synth *s, struct erg_channel *channel, struct erg_err *err)
{
    size_t meta_bytes = gguf_get_meta_size(s->gguf);
    ERG_AUTO_FREE void *meta = erg_calloc(1, meta_bytes);
    if (!meta) {
        return erg_fail(err, ERG_NOMEM, "cannot write the model: out of memory");
    }
    gguf_get_meta_data(s->gguf, meta);
    bool ok = put(s, meta, meta_bytes);
    for (struct ggml_tensor *t = ggml_get_first_tensor(s->ggml); t && ok;
         t = ggml_get_next_tensor(s->ggml, t)) {
        if (erg_channel_cancelled(channel)) {
            return erg_fail(err, ERG_CANCELLED, "cancelled");
        }
        ok = (is_pooled(s, t) ? write_matrix(s, t) : write_floats(s, t)) &&
             write_padding(s, ggml_nbytes(t));
    }
    if (!ok || fflush(s->file) != 0) {
        return erg_fail_errno(err, errno, "cannot write '%.150s'", s->command->out);
    }
    return 0;
}

static int write_file(struct synth *s, struct erg_channel *channel, struct erg_err *err)
{
    char partial[ERG_MAX_PATH_BYTES];
    int len = snprintf(partial, sizeof(partial), "%s.partial", s->command->out);
    if (len >= (int)sizeof(partial)) {
        return erg_fail(err, ERG_LIMIT, "the path of the model is too long");
    }
    s->file = fopen(partial, "wbe");
    if (!s->file) {
        return erg_fail_errno(err, errno, "cannot write '%.150s'", s->command->out);
    }
    int status = write_all(s, channel, err);
    if (fclose(s->file) != 0 && status == 0) {
        status = erg_fail_errno(err, errno, "cannot write '%.150s'", s->command->out);
    }
    if (status == 0 && rename(partial, s->command->out) != 0) {
        status = erg_fail_errno(err, errno, "cannot write '%.150s'", s->command->out);
    }
    if (status != 0) {
        unlink(partial);
    }
    return status;
}

int erg_synthesize(const struct erg_synth_command *command, struct erg_channel *channel,
                   struct erg_err *err)
{
    struct synth s = {.command = command,
                      .state = UINT64_C(0x9E3779B97F4A7C15) ^ ((uint64_t)command->seed << 20)};
    int status = check(&s, err);
    status = status ? status : make_metadata(&s, err);
    status = status ? status : make_pool(&s, &s.pools[0], command->embedding, err);
    status = status ? status : make_pool(&s, &s.pools[1], command->feed_forward, err);
    status = status ? status : write_file(&s, channel, err);
    free(s.pools[0].bytes);
    free(s.pools[1].bytes);
    if (s.gguf) {
        gguf_free(s.gguf);
    }
    ggml_free(s.ggml);
    return status;
}
