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

enum { POOL_BYTES = 16 << 20, TENSORS_PER_LAYER = 9, TENSORS_OUTSIDE = 3, ALIGNMENT = 32 };
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

/* Quantised rows of one width; matrices are cut out of them. */
struct pool {
    int64_t width, rows;
    char *bytes;
};

struct synth {
    const struct erg_synth_command *command;
    const struct weight_type *type;
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

static int check(struct synth *s, struct erg_err *err)
{
    const struct erg_synth_command *c = s->command;
    for (size_t i = 0; i < sizeof(weight_types) / sizeof(*weight_types) && !s->type; i++) {
        s->type = strcmp(c->type, weight_types[i].name) == 0 ? &weight_types[i] : NULL;
    }
    if (!s->type) {
        return erg_fail(err, ERG_INVALID, "'%s' is not one of f32, f16, q8_0, q4_0, q4_k", c->type);
    }
    if (strcmp(c->arch, "llama") != 0) {
        return erg_fail(err, ERG_UNSUPPORTED, "only 'llama' can be synthesised, not '%s'", c->arch);
    }
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

static void describe(struct synth *s)
{
    const struct erg_synth_command *c = s->command;
    const struct {
        const char *key;
        int value;
    } numbers[] = {{"llama.context_length", c->context},
                   {"llama.embedding_length", c->embedding},
                   {"llama.block_count", c->layers},
                   {"llama.feed_forward_length", c->feed_forward},
                   {"llama.attention.head_count", c->heads},
                   {"llama.attention.head_count_kv", c->kv_heads},
                   {"llama.rope.dimension_count", c->embedding / c->heads},
                   {"llama.vocab_size", c->vocab},
                   {"general.file_type", (int)s->type->ftype},
                   {"general.quantization_version", GGML_QNT_VERSION}};
    gguf_set_val_str(s->gguf, "general.architecture", "llama");
    gguf_set_val_str(s->gguf, "general.name", "synthetic");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        gguf_set_val_u32(s->gguf, numbers[i].key, (uint32_t)numbers[i].value);
    }
    gguf_set_val_f32(s->gguf, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    gguf_set_val_f32(s->gguf, "llama.rope.freq_base", 10000.0f);
}

static void add_matrix(struct synth *s, const char *name, int64_t columns, int64_t rows)
{
    struct ggml_tensor *t = ggml_new_tensor_2d(s->ggml, s->type->type, columns, rows);
    ggml_set_name(t, name);
    gguf_add_tensor(s->gguf, t);
}

static void add_norm(struct synth *s, const char *name)
{
    struct ggml_tensor *t = ggml_new_tensor_1d(s->ggml, GGML_TYPE_F32, s->command->embedding);
    ggml_set_name(t, name);
    gguf_add_tensor(s->gguf, t);
}

static void add_layer(struct synth *s, int layer)
{
    const struct erg_synth_command *c = s->command;
    int64_t width = c->embedding, inner = c->feed_forward;
    int64_t kv = width / c->heads * c->kv_heads;
    const struct {
        const char *name;
        int64_t columns, rows;
    } matrices[] = {{"attn_q", width, width},   {"attn_k", width, kv},
                    {"attn_v", width, kv},      {"attn_output", width, width},
                    {"ffn_gate", width, inner}, {"ffn_up", width, inner},
                    {"ffn_down", inner, width}};
    char name[64];
    snprintf(name, sizeof(name), "blk.%d.attn_norm.weight", layer);
    add_norm(s, name);
    snprintf(name, sizeof(name), "blk.%d.ffn_norm.weight", layer);
    add_norm(s, name);
    for (size_t i = 0; i < sizeof(matrices) / sizeof(*matrices); i++) {
        snprintf(name, sizeof(name), "blk.%d.%s.weight", layer, matrices[i].name);
        add_matrix(s, name, matrices[i].columns, matrices[i].rows);
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
    add_matrix(s, "token_embd.weight", c->embedding, c->vocab);
    add_norm(s, "output_norm.weight");
    add_matrix(s, "output.weight", c->embedding, c->vocab);
    for (int layer = 0; layer < c->layers; layer++) {
        add_layer(s, layer);
    }
    return erg_synth_vocab(s->gguf, c->vocab, err);
}

/* Rows of this width in the whole model. */
static int64_t rows_needed(const struct synth *s, int64_t width)
{
    int64_t rows = 0;
    for (struct ggml_tensor *t = ggml_get_first_tensor(s->ggml); t;
         t = ggml_get_next_tensor(s->ggml, t)) {
        rows += t->ne[0] == width && t->ne[1] > 1 ? t->ne[1] : 0;
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
    for (int64_t left = t->ne[1]; left > 0;) {
        int64_t rows = pool->rows - from < left ? pool->rows - from : left;
        if (!put(s, pool->bytes + (size_t)from * row_bytes, (size_t)rows * row_bytes)) {
            return false;
        }
        left -= rows;
        from = 0;
    }
    return true;
}

static bool write_norm(struct synth *s, const struct ggml_tensor *t)
{
    const float one = 1.0f;
    bool ok = true;
    for (int64_t i = 0; i < t->ne[0] && ok; i++) {
        ok = put(s, &one, sizeof(one));
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
        ok = (t->ne[1] > 1 ? write_matrix(s, t) : write_norm(s, t)) &&
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
