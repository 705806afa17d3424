/* SPDX-License-Identifier: MIT */
#include "model/blueprint.h"

#include "base/nearest.h"
#include "model/gguf_types.h"

#include <stdio.h>
#include <string.h>

/* Ids of enum ggml_type and enum llama_ftype. */
static const struct {
    const char *name;
    uint32_t type, file_type;
} types[] = {{"f32", 0, 0}, {"f16", 1, 1}, {"q8_0", 8, 7}, {"q4_0", 2, 2}, {"q4_k", 12, 14}};
enum { TYPES = sizeof types / sizeof types[0] };

#define LLAMA                                                                                      \
    (ERG_PART_SPLIT_QKV | ERG_PART_GATE | ERG_PART_FFN_NORM | ERG_PART_OWN_HEAD |                  \
     ERG_PART_FREE_HEADS)
#define QWEN2 ((LLAMA & ~ERG_PART_FREE_HEADS) | ERG_PART_QKV_BIAS)
#define MOE   (ERG_PART_EXPERTS | ERG_PART_ONLY_MOE)
#define GEMMA (ERG_PART_SPLIT_QKV | ERG_PART_GATE | ERG_PART_FFN_NORM | ERG_PART_FREE_HEADS)

static const struct erg_architecture architectures[] = {
    {"llama", "llama", LLAMA | ERG_PART_EXPERTS},
    {"llama-fused", "llama", (LLAMA & ~ERG_PART_SPLIT_QKV) | ERG_PART_EXPERTS},
    {"mistral", "llama", LLAMA | ERG_PART_EXPERTS},
    {"qwen2", "qwen2", QWEN2},
    {"qwen2moe", "qwen2moe",
     QWEN2 | MOE | ERG_PART_SHARED | ERG_PART_EXPERT_WIDTH | ERG_PART_NEEDS_HEAD},
    {"qwen3", "qwen3", LLAMA | ERG_PART_QK_NORM},
    {"qwen3moe", "qwen3moe", LLAMA | ERG_PART_QK_NORM | MOE | ERG_PART_EXPERT_WIDTH},
    {"phi2", "phi2",
     ERG_PART_ALL_BIASES | ERG_PART_OWN_HEAD | ERG_PART_NEEDS_HEAD | ERG_PART_LAYER_NORM},
    {"phi3", "phi3", ERG_PART_DOUBLE_UP | ERG_PART_FFN_NORM | ERG_PART_OWN_HEAD},
    {"phimoe", "phimoe",
     ERG_PART_SPLIT_QKV | ERG_PART_ALL_BIASES | ERG_PART_FFN_NORM | ERG_PART_OWN_HEAD |
         ERG_PART_NEEDS_HEAD | MOE},
    {"gemma", "gemma", GEMMA},
    {"gemma2", "gemma2", GEMMA | ERG_PART_POST_NORMS | ERG_PART_SOFTCAPS},
    {"gemma3", "gemma3", GEMMA | ERG_PART_POST_NORMS | ERG_PART_QK_NORM},
};
enum { ARCHITECTURES = sizeof architectures / sizeof architectures[0] };

#define SHAPE(field) offsetof(struct erg_blueprint, shape.field)
static const struct erg_blueprint_key keys[] = {
    {"layers", SHAPE(layers), 1, 512},
    {"embedding", SHAPE(embedding), 2, 1 << 16},
    {"heads", SHAPE(heads), 1, 1 << 12},
    {"kv_heads", SHAPE(kv_heads), 1, 1 << 12},
    {"head_size", SHAPE(head_size), 2, 1 << 12},
    {"feed_forward", SHAPE(feed_forward), 1, 1 << 20},
    {"vocab", SHAPE(vocab), ERG_BLUEPRINT_LEAST_VOCAB, 1 << 20},
    {"context", SHAPE(context), 1, 1 << 22},
    {"experts", SHAPE(experts), 0, 512},
    {"experts_used", SHAPE(experts_used), 1, 512},
    {"expert_feed_forward", SHAPE(expert_feed_forward), 1, 1 << 20},
    {"shared_feed_forward", SHAPE(shared_feed_forward), 1, 1 << 20},
    {"rope_dimensions", SHAPE(rope_dimensions), 2, 1 << 12},
    {"seed", offsetof(struct erg_blueprint, seed), 0, INT32_MAX},
};
enum { KEYS = sizeof keys / sizeof keys[0] };

const struct erg_architecture *erg_architecture_at(size_t i)
{
    return i < ARCHITECTURES ? &architectures[i] : NULL;
}

const struct erg_blueprint_key *erg_blueprint_key_at(size_t i)
{
    return i < KEYS ? &keys[i] : NULL;
}

const struct erg_blueprint_key *erg_blueprint_key_find(const char *name)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

int *erg_blueprint_number(struct erg_blueprint *blueprint, const struct erg_blueprint_key *key)
{
    return (int *)((char *)blueprint + key->offset);
}

static int unknown_architecture(const char *name, struct erg_err *err)
{
    const char *names[ARCHITECTURES + 1] = {NULL};
    char list[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        names[i] = architectures[i].name;
        int len = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
        used += (size_t)len < sizeof list - used ? (size_t)len : 0;
    }
    const char *near = erg_nearest(name, names);
    if (near)
        return erg_fail(err, ERG_INVALID, "unknown architecture '%.40s': did you mean '%s'?", name,
                        near);
    return erg_fail(err, ERG_INVALID, "unknown architecture '%.40s'; known are %s", name, list);
}

int erg_blueprint_begin(struct erg_blueprint *out, const char *architecture, struct erg_err *err)
{
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        if (strcmp(architectures[i].name, architecture) == 0) {
            *out = (struct erg_blueprint){
                .architecture = &architectures[i],
                .type = types[3].type,
                .shape = {.vocab = 32000, .context = 4096, .rope_base = 10000, .epsilon = 1e-5f}};
            return 0;
        }
    }
    return unknown_architecture(architecture, err);
}

int erg_blueprint_set_type(struct erg_blueprint *blueprint, const char *type, struct erg_err *err)
{
    for (size_t i = 0; i < TYPES; i++) {
        if (strcmp(types[i].name, type) == 0) {
            blueprint->type = types[i].type;
            return 0;
        }
    }
    return erg_fail(err, ERG_INVALID, "'%.40s' is not one of f32, f16, q8_0, q4_0, q4_k", type);
}

static size_t find_type(const struct erg_blueprint *blueprint)
{
    size_t i = 0;
    while (i < TYPES - 1 && types[i].type != blueprint->type)
        i++;
    return i;
}

const char *erg_blueprint_type(const struct erg_blueprint *blueprint)
{
    return types[find_type(blueprint)].name;
}

bool erg_blueprint_is_quantised(const struct erg_blueprint *blueprint)
{
    return erg_tensor_type(blueprint->type)->block > 1;
}

uint32_t erg_blueprint_file_type(const struct erg_blueprint *blueprint)
{
    return types[find_type(blueprint)].file_type;
}

/* --- what fits together ----------------------------------------------------------------------- */

static int check_experts(const struct erg_blueprint *blueprint, struct erg_err *err)
{
    const struct erg_shape *s = &blueprint->shape;
    const struct erg_architecture *a = blueprint->architecture;
    if (s->experts > 0 && !(a->parts & ERG_PART_EXPERTS))
        return erg_fail(err, ERG_INVALID, "%s cannot be synthesised with experts", a->name);
    if (s->experts == 0 && (a->parts & ERG_PART_ONLY_MOE))
        return erg_fail(err, ERG_INVALID, "%s cannot be without 'experts'", a->name);
    if (s->experts > 0 && s->experts_used > s->experts)
        return erg_fail(err, ERG_INVALID, "%d of %d experts cannot be used", s->experts_used,
                        s->experts);
    return 0;
}

static int check_heads(const struct erg_blueprint *blueprint, struct erg_err *err)
{
    const struct erg_shape *s = &blueprint->shape;
    if (s->head_size == 0 || s->head_size % 2 != 0)
        return erg_fail(err, ERG_INVALID, "a width of %d does not give %d heads of even size",
                        s->embedding, s->heads);
    if (s->heads % s->kv_heads != 0)
        return erg_fail(err, ERG_INVALID, "%d heads are not a multiple of %d KV heads", s->heads,
                        s->kv_heads);
    if (!(blueprint->architecture->parts & ERG_PART_FREE_HEADS) &&
        s->heads * s->head_size != s->embedding)
        return erg_fail(err, ERG_INVALID, "%s needs heads that make up its width of %d",
                        blueprint->architecture->name, s->embedding);
    if (s->rope_dimensions > s->head_size || s->rope_dimensions % 2 != 0)
        return erg_fail(err, ERG_INVALID, "%d rotated dimensions do not fit a head of %d",
                        s->rope_dimensions, s->head_size);
    return 0;
}

/* Rows of every matrix must be whole blocks of 32, of which all quantised types can be made. */
static int check_widths(const struct erg_blueprint *blueprint, struct erg_err *err)
{
    const struct erg_shape *s = &blueprint->shape;
    const int widths[] = {s->embedding, s->feed_forward, s->heads * s->head_size,
                          s->expert_feed_forward, s->shared_feed_forward};
    uint32_t block = erg_tensor_type(blueprint->type)->block > 1 ? 32 : 1;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        if ((uint32_t)widths[i] % block != 0)
            return erg_fail(err, ERG_INVALID, "widths must be multiples of %u for %s, not %d",
                            block, erg_blueprint_type(blueprint), widths[i]);
    }
    return 0;
}

static int check_given(const struct erg_shape *s, struct erg_err *err)
{
    const struct {
        const char *name;
        int value;
    } needed[] = {{"layers", s->layers},
                  {"embedding", s->embedding},
                  {"heads", s->heads},
                  {"feed_forward", s->feed_forward}};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (needed[i].value <= 0)
            return erg_fail(err, ERG_INVALID, "an architecture's '%s' is not given",
                            needed[i].name);
    }
    return 0;
}

static void imply(struct erg_blueprint *blueprint)
{
    struct erg_shape *s = &blueprint->shape;
    unsigned parts = blueprint->architecture->parts;
    if (s->kv_heads == 0)
        s->kv_heads = s->heads;
    if (s->head_size == 0 && s->embedding % s->heads == 0)
        s->head_size = s->embedding / s->heads;
    if (s->rope_dimensions == 0)
        s->rope_dimensions = s->head_size;
    if (s->experts > 0 && s->experts_used == 0)
        s->experts_used = s->experts > 1 ? 2 : 1;
    if (s->experts == 0)
        s->experts_used = 0;
    if (!(parts & ERG_PART_EXPERT_WIDTH))
        s->expert_feed_forward = 0;
    else if (s->expert_feed_forward == 0)
        s->expert_feed_forward = s->feed_forward;
    if (!(parts & ERG_PART_SHARED))
        s->shared_feed_forward = 0;
    else if (s->shared_feed_forward == 0)
        s->shared_feed_forward = s->expert_feed_forward;
    s->tied = (s->tied || !(parts & ERG_PART_OWN_HEAD)) && !(parts & ERG_PART_NEEDS_HEAD);
}

int erg_blueprint_finish(struct erg_blueprint *blueprint, struct erg_err *err)
{
    int rc = check_given(&blueprint->shape, err);
    if (rc)
        return rc;
    imply(blueprint);
    rc = check_experts(blueprint, err);
    if (!rc)
        rc = check_heads(blueprint, err);
    return rc ? rc : check_widths(blueprint, err);
}
