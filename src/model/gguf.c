/* SPDX-License-Identifier: MIT */
#include "model/gguf.h"

#include "base/mem.h"
#include "base/root.h"
#include "model/gguf_cursor.h"
#include "model/gguf_types.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * GGUF, little-endian:
 *   u32 magic "GGUF", u32 version, u64 tensors, u64 keys,
 *   keys × {string name, u32 type, value}, tensors × {string name, u32 dimensions, u64 ne[],
 *   u32 type, u64 offset}, padding to the alignment, data. A string is u64 length and bytes; an
 *   array is u32 type, u64 count and values.
 */
enum value_type { TYPE_BOOL = 7, TYPE_STRING = 8, TYPE_ARRAY = 9, TYPES = 13 };

enum {
    LEAST_KEY_BYTES = 8 + 4 + 1,            /* empty name, type, one byte */
    LEAST_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8, /* empty name, one dimension */
    MAX_DIMENSIONS = 4,
    MAX_ARRAY_DEPTH = 4,
    DEFAULT_ALIGNMENT = 32,
    MAX_ALIGNMENT = 1 << 20,
};

static const unsigned char fixed_bytes[TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

struct parser {
    struct erg_gguf_cursor cursor;
    struct erg_model_info info;
    uint64_t keys;
    uint64_t alignment;
    bool has_file_type;
    bool late_architecture;                /* keys stood before it */
    uint64_t tokens;                       /* length of the token list */
    uint64_t type_bytes[ERG_TENSOR_TYPES]; /* of all tensors of a type */
    /* The tensor that ends last. */
    uint64_t last_end;
    uint64_t last_bytes;
    char last_name[72];
    uint64_t embedding_rows; /* rows of token_embd.weight */
};

/* Counts of the model by key, after "<architecture>.". */
static const struct {
    const char *key;
    size_t offset;
} count_keys[] = {
    {"block_count", offsetof(struct erg_model_info, layers)},
    {"embedding_length", offsetof(struct erg_model_info, embedding_length)},
    {"attention.head_count", offsetof(struct erg_model_info, heads)},
    {"attention.head_count_kv", offsetof(struct erg_model_info, kv_heads)},
    {"feed_forward_length", offsetof(struct erg_model_info, feed_forward_length)},
    {"expert_count", offsetof(struct erg_model_info, experts)},
    {"expert_used_count", offsetof(struct erg_model_info, experts_used)},
    {"context_length", offsetof(struct erg_model_info, context_length)},
    {"vocab_size", offsetof(struct erg_model_info, vocab_size)},
};

static int64_t *find_count(struct erg_model_info *info, const char *key)
{
    size_t len = strlen(info->architecture);
    if (!len || strncmp(key, info->architecture, len) != 0 || key[len] != '.')
        return NULL;
    for (size_t i = 0; i < sizeof count_keys / sizeof count_keys[0]; i++) {
        if (strcmp(key + len + 1, count_keys[i].key) == 0)
            return (int64_t *)((char *)info + count_keys[i].offset);
    }
    return NULL;
}

/* One value of fixed size as an integer; texts, reals and negative numbers give 0. */
static int read_integer(struct erg_gguf_cursor *cursor, uint32_t type, int64_t *out,
                        struct erg_err *err)
{
    unsigned char raw[8] = {0};
    uint64_t bits = 0;
    int rc = erg_gguf_bytes(cursor, raw, fixed_bytes[type], err);
    if (rc)
        return rc;
    memcpy(&bits, raw, sizeof bits);
    bool is_integer = type <= 5 || type == 10 || type == 11;
    bool is_signed = type == 1 || type == 3 || type == 5 || type == 11;
    bool negative = is_signed && bits >> (fixed_bytes[type] * 8 - 1);
    *out = is_integer && !negative && bits <= INT64_MAX ? (int64_t)bits : 0;
    return 0;
}

static int bad_type(uint32_t type, struct erg_err *err)
{
    return erg_fail(err, ERG_CORRUPT,
                    "is damaged: a metadata value has type %" PRIu32 ", which does not exist",
                    type);
}

static int skip_array(struct erg_gguf_cursor *cursor, int depth, struct erg_err *err);

static int skip_value(struct erg_gguf_cursor *cursor, uint32_t type, int depth, struct erg_err *err)
{
    uint64_t len;
    if (type >= TYPES)
        return bad_type(type, err);
    if (type == TYPE_ARRAY)
        return skip_array(cursor, depth + 1, err);
    if (type != TYPE_STRING)
        return erg_gguf_skip(cursor, fixed_bytes[type], err);
    int rc = erg_gguf_u64(cursor, &len, err);
    return rc ? rc : erg_gguf_skip(cursor, len, err);
}

/* Type and count of an array; the count is plausible for what is left of the file. */
static int array_head(struct erg_gguf_cursor *cursor, uint32_t *out_type, uint64_t *out_count,
                      struct erg_err *err)
{
    uint32_t type = 0;
    uint64_t count = 0;
    int rc = erg_gguf_u32(cursor, &type, err);
    if (!rc)
        rc = erg_gguf_u64(cursor, &count, err);
    if (rc)
        return rc;
    if (type >= TYPES)
        return bad_type(type, err);
    uint64_t least = type == TYPE_STRING ? 8 : type == TYPE_ARRAY ? 12 : fixed_bytes[type];
    if (count > erg_gguf_left(cursor) / least)
        return erg_fail(err, ERG_CORRUPT,
                        "is damaged or truncated: an array in its metadata claims %" PRIu64
                        " values, more than the file can hold",
                        count);
    *out_type = type;
    *out_count = count;
    return 0;
}

static int skip_array(struct erg_gguf_cursor *cursor, int depth, struct erg_err *err)
{
    uint32_t type;
    uint64_t count;
    int rc = array_head(cursor, &type, &count, err);
    if (rc)
        return rc;
    if (depth > MAX_ARRAY_DEPTH)
        return erg_fail(err, ERG_CORRUPT, "is damaged: arrays in its metadata nest too deep");
    if (fixed_bytes[type])
        return erg_gguf_skip(cursor, count * fixed_bytes[type], err);
    for (uint64_t i = 0; i < count && !rc; i++)
        rc = skip_value(cursor, type, depth, err);
    return rc;
}

/* A count, or the largest of an array of counts (one per layer). */
static int read_count(struct erg_gguf_cursor *cursor, uint32_t type, int64_t *out,
                      struct erg_err *err)
{
    uint64_t count;
    if (type != TYPE_ARRAY)
        return type < TYPES && fixed_bytes[type] ? read_integer(cursor, type, out, err)
                                                 : skip_value(cursor, type, 0, err);
    uint64_t start = cursor->pos;
    int rc = array_head(cursor, &type, &count, err);
    if (rc)
        return rc;
    if (!fixed_bytes[type]) {
        cursor->pos = start;
        return skip_array(cursor, 1, err);
    }
    int64_t largest = 0;
    for (uint64_t i = 0; i < count && !rc; i++) {
        int64_t value = 0;
        rc = read_integer(cursor, type, &value, err);
        largest = value > largest ? value : largest;
    }
    if (!rc)
        *out = largest;
    return rc;
}

static int read_text(struct erg_gguf_cursor *cursor, uint32_t type, char *out, size_t out_bytes,
                     struct erg_err *err)
{
    return type == TYPE_STRING ? erg_gguf_string(cursor, out, out_bytes, err)
                               : skip_value(cursor, type, 0, err);
}

static int read_alignment(struct parser *parser, uint32_t type, struct erg_err *err)
{
    int64_t value = 0;
    int rc = read_count(&parser->cursor, type, &value, err);
    if (rc)
        return rc;
    if (value < 1 || value > MAX_ALIGNMENT || (value & (value - 1)))
        return erg_fail(err, ERG_CORRUPT,
                        "is damaged: general.alignment is %" PRId64 ", not a power of two", value);
    parser->alignment = (uint64_t)value;
    return 0;
}

static int read_file_type(struct parser *parser, uint32_t type, struct erg_err *err)
{
    int64_t value = -1;
    int rc = read_count(&parser->cursor, type, &value, err);
    const char *name = value < 0 ? NULL : erg_file_type_name((uint64_t)value);
    if (rc || !name)
        return rc;
    snprintf(parser->info.quantization, sizeof parser->info.quantization, "%s", name);
    parser->has_file_type = true;
    return 0;
}

/* The token list itself is skipped: its length is the size of the vocabulary. */
static int read_vocabulary(struct parser *parser, uint32_t type, struct erg_err *err)
{
    uint32_t item;
    uint64_t count;
    if (type != TYPE_ARRAY)
        return skip_value(&parser->cursor, type, 0, err);
    uint64_t start = parser->cursor.pos;
    int rc = array_head(&parser->cursor, &item, &count, err);
    if (rc)
        return rc;
    parser->tokens = count;
    parser->cursor.pos = start;
    return skip_array(&parser->cursor, 1, err);
}

static int read_value(struct parser *parser, const char *key, uint32_t type, struct erg_err *err)
{
    struct erg_gguf_cursor *cursor = &parser->cursor;
    struct erg_model_info *info = &parser->info;
    if (strcmp(key, "general.architecture") == 0)
        return read_text(cursor, type, info->architecture, sizeof info->architecture, err);
    if (strcmp(key, "general.name") == 0)
        return read_text(cursor, type, info->name, sizeof info->name, err);
    if (strcmp(key, "general.alignment") == 0)
        return read_alignment(parser, type, err);
    if (strcmp(key, "general.file_type") == 0)
        return read_file_type(parser, type, err);
    if (strcmp(key, "tokenizer.ggml.tokens") == 0)
        return read_vocabulary(parser, type, err);
    if (strcmp(key, "split.count") == 0)
        return read_count(cursor, type, &info->split_count, err);
    if (strcmp(key, "tokenizer.chat_template") == 0)
        info->has_chat_template = true;
    if (strcmp(key, ERG_SYNTH_KEY) == 0)
        info->synthetic = true;
    int64_t *count = find_count(info, key);
    return count ? read_count(cursor, type, count, err) : skip_value(cursor, type, 0, err);
}

static int read_keys(struct parser *parser, struct erg_err *err)
{
    int rc = 0;
    for (uint64_t i = 0; i < parser->keys && !rc; i++) {
        char key[128];
        uint32_t type = 0;
        rc = erg_gguf_string(&parser->cursor, key, sizeof key, err);
        if (!rc)
            rc = erg_gguf_u32(&parser->cursor, &type, err);
        if (!rc && i && strcmp(key, "general.architecture") == 0)
            parser->late_architecture = true;
        if (!rc)
            rc = read_value(parser, key, type, err);
    }
    return rc;
}

/* Keys that stand before the architecture they begin with ask for a second look. */
static int read_metadata(struct parser *parser, struct erg_err *err)
{
    uint64_t start = parser->cursor.pos;
    parser->cursor.where = "metadata";
    int rc = read_keys(parser, err);
    if (rc)
        return rc;
    if (!parser->info.architecture[0])
        return erg_fail(err, ERG_CORRUPT, "names no architecture (general.architecture): no model");
    if (!parser->late_architecture)
        return 0;
    parser->cursor.pos = start;
    return read_keys(parser, err);
}

struct tensor {
    char name[72];
    uint32_t type;
    uint32_t dimensions;
    uint64_t ne[MAX_DIMENSIONS];
    uint64_t offset;
};

static int read_tensor(struct erg_gguf_cursor *cursor, struct tensor *out, struct erg_err *err)
{
    int rc = erg_gguf_string(cursor, out->name, sizeof out->name, err);
    if (!rc)
        rc = erg_gguf_u32(cursor, &out->dimensions, err);
    if (rc)
        return rc;
    if (out->dimensions > MAX_DIMENSIONS)
        return erg_fail(err, ERG_CORRUPT, "is damaged: tensor '%s' has %" PRIu32 " dimensions",
                        out->name, out->dimensions);
    rc = erg_gguf_bytes(cursor, out->ne, out->dimensions * sizeof out->ne[0], err);
    if (!rc)
        rc = erg_gguf_u32(cursor, &out->type, err);
    return rc ? rc : erg_gguf_u64(cursor, &out->offset, err);
}

/* Elements and bytes of a tensor; bytes are 0 when its type is not known. */
static int measure_tensor(const struct tensor *tensor, uint64_t *out_elements, uint64_t *out_bytes,
                          struct erg_err *err)
{
    uint64_t elements = 1;
    bool too_big = false;
    for (uint32_t d = 0; d < tensor->dimensions; d++)
        too_big |= __builtin_mul_overflow(elements, tensor->ne[d], &elements);
    if (too_big || elements > INT64_MAX / 8)
        return erg_fail(err, ERG_CORRUPT, "is damaged: tensor '%s' is impossibly large",
                        tensor->name);
    const struct erg_tensor_type *type = erg_tensor_type(tensor->type);
    *out_elements = elements;
    *out_bytes = 0;
    if (!type)
        return 0;
    uint64_t row = tensor->dimensions ? tensor->ne[0] : 1;
    if (row % type->block)
        return erg_fail(err, ERG_CORRUPT,
                        "is damaged: rows of tensor '%s' have %" PRIu64
                        " elements, not a multiple of %s's %" PRIu32,
                        tensor->name, row, type->name, type->block);
    if (__builtin_mul_overflow(elements / type->block, (uint64_t)type->block_bytes, out_bytes) ||
        *out_bytes > INT64_MAX)
        return erg_fail(err, ERG_CORRUPT, "is damaged: tensor '%s' is impossibly large",
                        tensor->name);
    return 0;
}

static int add_tensor(struct parser *parser, const struct tensor *tensor, struct erg_err *err)
{
    uint64_t elements, bytes, end;
    int rc = measure_tensor(tensor, &elements, &bytes, err);
    if (rc)
        return rc;
    if (tensor->offset % parser->alignment || __builtin_add_overflow(tensor->offset, bytes, &end) ||
        end > INT64_MAX)
        return erg_fail(err, ERG_CORRUPT,
                        "is damaged: tensor '%s' lies at %" PRIu64
                        ", which is not a place for a tensor",
                        tensor->name, tensor->offset);
    if (end >= parser->last_end) {
        parser->last_end = end;
        parser->last_bytes = bytes;
        snprintf(parser->last_name, sizeof parser->last_name, "%s", tensor->name);
    }
    if (erg_tensor_type(tensor->type))
        parser->type_bytes[tensor->type] += bytes;
    erg_structure_add(&parser->info.structure, tensor->name, tensor->ne);
    if (strcmp(tensor->name, "token_embd.weight") == 0 && tensor->dimensions == 2)
        parser->embedding_rows = tensor->ne[1];
    if (__builtin_add_overflow(parser->info.parameters, (int64_t)elements,
                               &parser->info.parameters) ||
        __builtin_add_overflow(parser->info.tensor_bytes, (int64_t)bytes,
                               &parser->info.tensor_bytes))
        return erg_fail(err, ERG_CORRUPT, "is damaged: its tensors are impossibly large");
    return 0;
}

static int check_data(const struct parser *parser, struct erg_err *err)
{
    uint64_t table_end = parser->cursor.pos;
    uint64_t data = (table_end + parser->alignment - 1) / parser->alignment * parser->alignment;
    uint64_t size = parser->cursor.size;
    if (!parser->info.tensor_count || (data <= size && parser->last_end <= size - data))
        return 0;
    return erg_fail(err, ERG_CORRUPT,
                    "is truncated: tensor '%s' needs %" PRIu64 " bytes up to %" PRIu64
                    ", the file has %" PRIu64,
                    parser->last_name, parser->last_bytes, data + parser->last_end, size);
}

static int read_tensors(struct parser *parser, struct erg_err *err)
{
    parser->cursor.where = "tensor table";
    for (int64_t i = 0; i < parser->info.tensor_count; i++) {
        struct tensor tensor = {0};
        int rc = read_tensor(&parser->cursor, &tensor, err);
        if (!rc)
            rc = add_tensor(parser, &tensor, err);
        if (rc)
            return rc;
    }
    return check_data(parser, err);
}

static int refuse_magic(const unsigned char *magic, struct erg_err *err)
{
    if (memcmp(magic, "vers", 4) == 0)
        return erg_fail(err, ERG_CORRUPT,
                        "is no model but a Git LFS pointer to one (try 'git lfs pull')");
    return erg_fail(err, ERG_CORRUPT, "is not a GGUF file");
}

static int read_header(struct parser *parser, struct erg_err *err)
{
    struct erg_gguf_cursor *cursor = &parser->cursor;
    unsigned char magic[4];
    uint32_t version = 0;
    uint64_t tensors = 0;
    if (cursor->size < 4)
        return erg_fail(err, ERG_CORRUPT, cursor->size ? "is not a GGUF file" : "is empty");
    int rc = erg_gguf_bytes(cursor, magic, sizeof magic, err);
    if (rc)
        return rc;
    if (memcmp(magic, "GGUF", 4) != 0)
        return refuse_magic(magic, err);
    rc = erg_gguf_u32(cursor, &version, err);
    if (rc)
        return rc;
    if (version && !(version & 0xFFFF))
        return erg_fail(err, ERG_UNSUPPORTED, "is a big-endian GGUF file, which is not supported");
    if (version < 2 || version > 3)
        return erg_fail(err, ERG_UNSUPPORTED,
                        "has GGUF version %" PRIu32 "; versions 2 and 3 are supported", version);
    rc = erg_gguf_u64(cursor, &tensors, err);
    if (!rc)
        rc = erg_gguf_u64(cursor, &parser->keys, err);
    if (rc)
        return rc;
    if (tensors > erg_gguf_left(cursor) / LEAST_TENSOR_BYTES ||
        parser->keys > erg_gguf_left(cursor) / LEAST_KEY_BYTES)
        return erg_fail(err, ERG_CORRUPT,
                        "is damaged or truncated: it claims %" PRIu64 " tensors and %" PRIu64
                        " keys, more than its %" PRIu64 " bytes can hold",
                        tensors, parser->keys, cursor->size);
    parser->info.tensor_count = (int64_t)tensors;
    return 0;
}

/* What the file does not say but its tensors show. */
static void complete(struct parser *parser)
{
    struct erg_model_info *info = &parser->info;
    uint32_t best = ERG_TENSOR_TYPES;
    if (parser->tokens)
        info->vocab_size = (int64_t)parser->tokens;
    else if (!info->vocab_size && parser->embedding_rows <= INT64_MAX)
        info->vocab_size = (int64_t)parser->embedding_rows;
    if (!info->kv_heads)
        info->kv_heads = info->heads;
    if (parser->has_file_type)
        return;
    for (uint32_t i = 0; i < ERG_TENSOR_TYPES; i++) {
        if (parser->type_bytes[i] &&
            (best == ERG_TENSOR_TYPES || parser->type_bytes[i] > parser->type_bytes[best]))
            best = i;
    }
    if (best < ERG_TENSOR_TYPES)
        snprintf(info->quantization, sizeof info->quantization, "%s", erg_tensor_type(best)->name);
}

static int parse(struct parser *parser, struct erg_model_info *out, struct erg_err *err)
{
    parser->alignment = DEFAULT_ALIGNMENT;
    parser->cursor.where = "header";
    parser->info.file_bytes = (int64_t)parser->cursor.size;
    int rc = read_header(parser, err);
    if (!rc)
        rc = read_metadata(parser, err);
    if (!rc)
        rc = read_tensors(parser, err);
    if (rc)
        return rc;
    parser->info.metadata_bytes = (int64_t)parser->cursor.pos;
    complete(parser);
    *out = parser->info;
    return 0;
}

static int read_memory(void *user, uint64_t offset, void *out, size_t len, struct erg_err *err)
{
    (void)err;
    memcpy(out, (const char *)user + offset, len);
    return 0;
}

int erg_gguf_parse(const void *bytes, size_t len, struct erg_model_info *out, struct erg_err *err)
{
    struct parser parser = {
        .cursor = {.read = read_memory, .user = (void *)(uintptr_t)bytes, .size = len},
    };
    return parse(&parser, out, err);
}

static int read_fd(void *user, uint64_t offset, void *out, size_t len, struct erg_err *err)
{
    int fd = *(int *)user;
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, (char *)out + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return erg_fail_errno(err, errno, "cannot be read");
        if (n == 0)
            return erg_fail(err, ERG_CORRUPT, "became shorter while it was read");
        done += (size_t)n;
    }
    return 0;
}

int erg_gguf_read(const char *path, struct erg_model_info *out, struct erg_err *err)
{
    struct stat st;
    ERG_AUTO_FD int fd = erg_open_file(path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0 || fstat(fd, &st) < 0)
        return erg_fail_errno(err, errno, "cannot open model '%s'", path);
    if (!S_ISREG(st.st_mode))
        return erg_fail(err, ERG_INVALID, "model '%s' is not a file", path);
    struct parser parser = {
        .cursor = {.read = read_fd, .user = &fd, .size = (uint64_t)st.st_size},
    };
    int rc = parse(&parser, out, err);
    if (rc && err) {
        struct erg_err why = *err;
        erg_fail(err, rc, "model '%s' %s", path, why.text);
        err->sys_errno = why.sys_errno;
    }
    return rc;
}

static void write_structure(struct erg_jsonw *w, const struct erg_model_info *info)
{
    const struct erg_model_structure *s = &info->structure;
    erg_jsonw_key(w, "structure");
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "norm", erg_structure_norm(s));
    erg_jsonw_kstr(w, "attention", erg_structure_attention(info->heads, info->kv_heads));
    erg_jsonw_kbool(w, "qkv_fused", s->qkv_fused);
    erg_jsonw_kbool(w, "qkv_bias", s->qkv_bias);
    erg_jsonw_kbool(w, "qk_norm", s->qk_norm);
    erg_jsonw_kbool(w, "post_norms", s->post_norms);
    erg_jsonw_kstr(w, "mlp", erg_structure_mlp(s));
    erg_jsonw_kbool(w, "experts", s->experts);
    erg_jsonw_kbool(w, "shared_experts", s->shared_experts);
    erg_jsonw_kbool(w, "tied_embeddings", !s->output);
    erg_jsonw_obj_end(w);
}

void erg_model_write_json(struct erg_jsonw *w, const char *path, const struct erg_model_info *info)
{
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "path", path);
    erg_jsonw_kstr(w, "architecture", info->architecture);
    erg_jsonw_kstr(w, "name", info->name);
    erg_jsonw_kstr(w, "quantization", info->quantization);
    erg_jsonw_kint(w, "parameters", info->parameters);
    erg_jsonw_kint(w, "layers", info->layers);
    erg_jsonw_kint(w, "embedding_length", info->embedding_length);
    erg_jsonw_kint(w, "heads", info->heads);
    erg_jsonw_kint(w, "kv_heads", info->kv_heads);
    erg_jsonw_kint(w, "feed_forward_length", info->feed_forward_length);
    erg_jsonw_kint(w, "experts", info->experts);
    erg_jsonw_kint(w, "experts_used", info->experts_used);
    erg_jsonw_kint(w, "context_length", info->context_length);
    erg_jsonw_kint(w, "vocab_size", info->vocab_size);
    erg_jsonw_kint(w, "tensors", info->tensor_count);
    erg_jsonw_kint(w, "tensor_bytes", info->tensor_bytes);
    erg_jsonw_kint(w, "file_bytes", info->file_bytes);
    erg_jsonw_kbool(w, "has_chat_template", info->has_chat_template);
    erg_jsonw_kbool(w, "synthetic", info->synthetic);
    write_structure(w, info);
    erg_jsonw_obj_end(w);
}
