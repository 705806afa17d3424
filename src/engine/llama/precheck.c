/* SPDX-License-Identifier: MIT */
#include "engine/llama/precheck.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <gguf.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BLOCKS = 512, MAX_COUNT = 1 << 20 };

static int check_header(const char *path, struct erg_err *err)
{
    ERG_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return erg_fail_errno(err, errno, "cannot open model '%s'", path);
    }
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return erg_fail_errno(err, errno, "cannot read model '%s'", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return erg_fail(err, ERG_INVALID, "model '%s' is %s, not a GGUF file", path,
                        S_ISDIR(info.st_mode) ? "a directory" : "not a regular file");
    }
    struct {
        char magic[4];
        uint32_t version;
        uint64_t tensors, pairs;
    } head;
    if (read(fd, &head, sizeof(head)) != (ssize_t)sizeof(head) ||
        memcmp(head.magic, "GGUF", 4) != 0) {
        return erg_fail(err, ERG_CORRUPT, "'%s' is not a GGUF file", path);
    }
    if (head.version < 2 || head.version > 3) {
        return erg_fail(err, ERG_UNSUPPORTED, "'%s' is GGUF version %" PRIu32 ", not 2 or 3", path,
                        head.version);
    }
    /* a tensor takes at least 32 bytes of the file, a pair 13 */
    uint64_t room = (uint64_t)info.st_size;
    if (head.tensors > MAX_COUNT || head.pairs > MAX_COUNT || head.tensors * 32 > room ||
        head.pairs * 13 > room) {
        return erg_fail(err, ERG_CORRUPT,
                        "'%s' claims %" PRIu64 " tensors and %" PRIu64
                        " keys, more than it can hold",
                        path, head.tensors, head.pairs);
    }
    return 0;
}

struct metadata {
    struct gguf_context *gguf;
    const char *arch;
    struct erg_err *err;
};

/* Index of "ARCH.key", or of "key" when it has the prefix already; -1 when absent. */
static int64_t find(const struct metadata *m, const char *key, bool of_arch)
{
    char full[256];
    snprintf(full, sizeof(full), "%s%s%s", of_arch ? m->arch : "", of_arch ? "." : "", key);
    return gguf_find_key(m->gguf, full);
}

/* An integer of the architecture; `fallback` when absent or an array per layer. */
static int64_t arch_int(const struct metadata *m, const char *key, int64_t fallback)
{
    int64_t id = find(m, key, true);
    if (id < 0) {
        return fallback;
    }
    switch (gguf_get_kv_type(m->gguf, id)) {
    case GGUF_TYPE_UINT8:
        return gguf_get_val_u8(m->gguf, id);
    case GGUF_TYPE_UINT16:
        return gguf_get_val_u16(m->gguf, id);
    case GGUF_TYPE_UINT32:
        return gguf_get_val_u32(m->gguf, id);
    case GGUF_TYPE_INT32:
        return gguf_get_val_i32(m->gguf, id);
    case GGUF_TYPE_UINT64:
        return (int64_t)gguf_get_val_u64(m->gguf, id);
    case GGUF_TYPE_INT64:
        return gguf_get_val_i64(m->gguf, id);
    default:
        return fallback;
    }
}

static int bad(const struct metadata *m, const char *what)
{
    return erg_fail(m->err, ERG_CORRUPT, "model metadata is wrong: %s", what);
}

static int check_shape(const struct metadata *m)
{
    int64_t blocks = arch_int(m, "block_count", 1);
    int64_t width = arch_int(m, "embedding_length", 0);
    int64_t heads = arch_int(m, "attention.head_count", 0);
    int64_t kv_heads = arch_int(m, "attention.head_count_kv", heads);
    if (blocks < 1 || blocks > MAX_BLOCKS) {
        return bad(m, "block_count is not between 1 and 512");
    }
    if (heads < 0 || width < 0 || kv_heads < 0) {
        return bad(m, "a negative size");
    }
    if (heads > 0 && kv_heads > 0 && heads % kv_heads != 0) {
        return bad(m, "head_count is not a multiple of head_count_kv");
    }
    int64_t head_size = arch_int(m, "attention.key_length", heads > 0 ? width / heads : 0);
    int64_t rotated = arch_int(m, "rope.dimension_count", head_size);
    if (find(m, "attention.key_length", true) < 0 && heads > 0 && width % heads != 0) {
        return bad(m, "embedding_length is not a multiple of head_count");
    }
    if (head_size % 2 != 0) {
        return bad(m, "the size of a head is odd");
    }
    if (head_size > 0 && rotated > head_size) {
        return bad(m, "rope.dimension_count is above the size of a head");
    }
    int64_t experts = arch_int(m, "expert_count", 0);
    int64_t used = arch_int(m, "expert_used_count", 0);
    if (experts < 0 || used < 0 || used > experts || (experts > 0 && used == 0)) {
        return bad(m, "expert_used_count does not fit expert_count");
    }
    return 0;
}

static int check_rope_scaling(const struct metadata *m)
{
    static const char *const known[] = {"none", "linear", "yarn", "longrope"};
    int64_t id = find(m, "rope.scaling.type", true);
    if (id < 0 || gguf_get_kv_type(m->gguf, id) != GGUF_TYPE_STRING) {
        return 0;
    }
    const char *type = gguf_get_val_str(m->gguf, id);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(type, known[i]) == 0) {
            return 0;
        }
    }
    return erg_fail(m->err, ERG_UNSUPPORTED, "rope scaling '%s' is not known", type);
}

static int check_tensor_types(const struct metadata *m)
{
    int64_t count = gguf_get_n_tensors(m->gguf);
    for (int64_t i = 0; i < count; i++) {
        const char *name = gguf_get_tensor_name(m->gguf, i);
        size_t len = strlen(name);
        if (len > 12 && strcmp(name + len - 12, "_norm.weight") == 0 &&
            gguf_get_tensor_type(m->gguf, i) != GGML_TYPE_F32) {
            return erg_fail(m->err, ERG_UNSUPPORTED, "tensor '%s' is %s, norms must be f32", name,
                            ggml_type_name(gguf_get_tensor_type(m->gguf, i)));
        }
    }
    return 0;
}

static int64_t array_of(const struct metadata *m, const char *key, enum gguf_type type)
{
    int64_t id = find(m, key, false);
    if (id < 0 || gguf_get_kv_type(m->gguf, id) != GGUF_TYPE_ARRAY ||
        gguf_get_arr_type(m->gguf, id) != type) {
        return -1;
    }
    return id;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_unique_tokens(const struct metadata *m, int64_t tokens)
{
    size_t count = gguf_get_arr_n(m->gguf, tokens);
    ERG_AUTO_FREE const char **texts = erg_calloc(count, sizeof(*texts));
    if (!texts) {
        return erg_fail(m->err, ERG_NOMEM, "cannot check the vocabulary: out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        texts[i] = gguf_get_arr_str(m->gguf, tokens, i);
    }
    qsort(texts, count, sizeof(*texts), compare_texts);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(texts[i - 1], texts[i]) == 0) {
            return erg_fail(m->err, ERG_CORRUPT, "token '%.60s' is in the vocabulary twice",
                            texts[i]);
        }
    }
    return 0;
}

/* A SentencePiece vocabulary without byte tokens throws at the first unknown character. */
static int check_byte_tokens(const struct metadata *m)
{
    int64_t model = find(m, "tokenizer.ggml.model", false);
    int64_t types = array_of(m, "tokenizer.ggml.token_type", GGUF_TYPE_INT32);
    if (model < 0 || gguf_get_kv_type(m->gguf, model) != GGUF_TYPE_STRING ||
        strcmp(gguf_get_val_str(m->gguf, model), "llama") != 0 || types < 0) {
        return 0;
    }
    enum { BYTE = 6 };
    const int32_t *type = gguf_get_arr_data(m->gguf, types);
    size_t count = gguf_get_arr_n(m->gguf, types);
    for (size_t i = 0; i < count; i++) {
        if (type[i] == BYTE) {
            return 0;
        }
    }
    return bad(m, "a SentencePiece vocabulary without byte tokens");
}

static int check_metadata(struct metadata *m)
{
    int64_t id = gguf_find_key(m->gguf, "general.architecture");
    if (id < 0 || gguf_get_kv_type(m->gguf, id) != GGUF_TYPE_STRING) {
        return bad(m, "no general.architecture");
    }
    m->arch = gguf_get_val_str(m->gguf, id);
    int64_t tokens = array_of(m, "tokenizer.ggml.tokens", GGUF_TYPE_STRING);
    int status = check_shape(m);
    status = status ? status : check_rope_scaling(m);
    status = status ? status : check_tensor_types(m);
    status = status ? status : check_byte_tokens(m);
    return status || tokens < 0 ? status : check_unique_tokens(m, tokens);
}

int erg_precheck_model(const char *path, struct erg_err *err)
{
    int status = check_header(path, err);
    if (status != 0) {
        return status;
    }
    struct metadata m = {.err = err};
    m.gguf = gguf_init_from_file(path, (struct gguf_init_params){.no_alloc = true});
    if (!m.gguf) {
        return erg_fail(err, ERG_CORRUPT, "model '%s' is damaged or truncated", path);
    }
    status = check_metadata(&m);
    gguf_free(m.gguf);
    return status;
}
