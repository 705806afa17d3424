/* SPDX-License-Identifier: MIT */
#ifndef ERG_MODEL_BLUEPRINT_H
#define ERG_MODEL_BLUEPRINT_H

#include "base/err.h"
#include "model/gguf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A model before it has weights: its architecture, its dimensions and the type its matrices are to
 * have, from which follow all its tensors. Nothing here writes or computes with weights.
 */

/* What a layer is made of, besides attn_norm, attn_output and ffn_down. */
enum erg_part {
    ERG_PART_SPLIT_QKV = 1,        /* Q, K and V have a matrix each, else one together */
    ERG_PART_QKV_BIAS = 2,         /* of these only */
    ERG_PART_ALL_BIASES = 4,       /* everywhere, norms included; not those of experts */
    ERG_PART_QK_NORM = 8,          /* per head */
    ERG_PART_GATE = 16,            /* ffn_gate beside ffn_up */
    ERG_PART_DOUBLE_UP = 32,       /* gate and up in one matrix */
    ERG_PART_FFN_NORM = 64,        /* else the MLP works beside attention, on the same input */
    ERG_PART_POST_NORMS = 128,     /* after attention and MLP */
    ERG_PART_OWN_HEAD = 256,       /* may have one, else tied to the embedding */
    ERG_PART_EXPERTS = 512,        /* may have them in place of the MLP */
    ERG_PART_ONLY_MOE = 1024,      /* cannot be without */
    ERG_PART_SHARED = 2048,        /* an expert of each token beside those that are chosen */
    ERG_PART_EXPERT_WIDTH = 4096,  /* a feed-forward length of its own for experts */
    ERG_PART_FREE_HEADS = 8192,    /* heads × their size may differ from the width */
    ERG_PART_NEEDS_HEAD = 16384,   /* cannot be tied */
    ERG_PART_LAYER_NORM = 1 << 15, /* the key of its epsilon says so */
    ERG_PART_SOFTCAPS = 1 << 16,   /* of attention and logits */
};

struct erg_architecture {
    const char *name; /* as asked for */
    const char *gguf; /* as written: libllama has no name of its own for some */
    unsigned parts;
};

/* NULL behind the last. */
const struct erg_architecture *erg_architecture_at(size_t i);

/* Dimensions, 0 = as the others imply or none. */
struct erg_shape {
    int layers, embedding, heads, kv_heads, head_size, feed_forward, vocab, context;
    int experts, experts_used, expert_feed_forward, shared_feed_forward;
    int rope_dimensions; /* of a head that are rotated */
    int rope_llama3;     /* factor of Llama 3's frequency scaling of 8192 positions */
    int rope_linear;     /* factor of linear scaling */
    int sliding_window;
    bool tied; /* no head of its own although it might */
    float rope_base, epsilon;
};

enum { ERG_BLUEPRINT_LEAST_VOCAB = 264 }; /* every byte, three merges, the special tokens */

struct erg_blueprint {
    const struct erg_architecture *architecture;
    const char *title; /* of a preset: "Llama 3.2 1B"; NULL = none */
    uint32_t type;     /* of matrices: a tensor type of gguf_types.h */
    int seed;
    struct erg_shape shape;
};

/* A number of a blueprint that can be given by name. */
struct erg_blueprint_key {
    const char *name;
    size_t offset; /* of an int in struct erg_blueprint */
    int min, max;
};

const struct erg_blueprint_key *erg_blueprint_key_at(size_t i); /* NULL behind the last */
const struct erg_blueprint_key *erg_blueprint_key_find(const char *name);
int *erg_blueprint_number(struct erg_blueprint *blueprint, const struct erg_blueprint_key *key);

/* Start from an architecture by name, everything else 0 but vocabulary, context and constants. */
int erg_blueprint_begin(struct erg_blueprint *out, const char *architecture, struct erg_err *err);

/* f32, f16, q8_0, q4_0 or q4_k; INVALID for others. */
int erg_blueprint_set_type(struct erg_blueprint *blueprint, const char *type, struct erg_err *err);
const char *erg_blueprint_type(const struct erg_blueprint *blueprint); /* "q4_0" */
bool erg_blueprint_is_quantised(const struct erg_blueprint *blueprint);
uint32_t erg_blueprint_file_type(const struct erg_blueprint *blueprint);

/* Fill in what the dimensions imply; INVALID with what does not fit together. */
int erg_blueprint_finish(struct erg_blueprint *blueprint, struct erg_err *err);

/*
 * `synth:PRESET[:TYPE][:KEY=VALUE,…]`, or with an architecture's name instead of a preset's and at
 * least layers, embedding, heads and feed_forward among the keys. INVALID with the nearest name for
 * an unknown one. The type is q4_0 unless it is given.
 */
#define ERG_SYNTH_PREFIX "synth:"
bool erg_is_synth_spec(const char *model);
int erg_blueprint_parse(const char *spec, struct erg_blueprint *out, struct erg_err *err);

enum erg_tensor_role {
    ERG_TENSOR_MATRIX,  /* random, of the blueprint's type or near it */
    ERG_TENSOR_NORM,    /* ones */
    ERG_TENSOR_BIAS,    /* zeros */
    ERG_TENSOR_ROUTER,  /* random, always F32 */
    ERG_TENSOR_FACTORS, /* erg_blueprint_rope_factor() */
};

struct erg_tensor_plan {
    char name[64];
    enum erg_tensor_role role;
    uint32_t type;
    int dimensions; /* 1 to 3 */
    int64_t ne[3];  /* innermost first, 1 behind the last dimension */
};

/*
 * Call `take` with every tensor, in the order of the file, until it answers other than 0, which is
 * returned. Matrices are of the blueprint's type; of 4-bit models the head (or the embedding that
 * is used as one) is Q6_K. What does not fit into blocks of 256 becomes Q5_0 (for Q4_K) or Q8_0
 * (for Q6_K). All this is as llama.cpp's quantiser does it.
 */
typedef int (*erg_tensor_take)(void *user, const struct erg_tensor_plan *tensor);
int erg_blueprint_tensors(const struct erg_blueprint *blueprint, erg_tensor_take take, void *user);

/* Bytes of a tensor's data. */
int64_t erg_tensor_plan_bytes(const struct erg_tensor_plan *tensor);

/* What rotation of dimension pair `i` is divided by with Llama 3's scaling. */
float erg_blueprint_rope_factor(const struct erg_blueprint *blueprint, int i);

/* What a file of it would say of itself; its bytes are those of the tensors alone. */
void erg_blueprint_describe(const struct erg_blueprint *blueprint, struct erg_model_info *out);

/* Matrices that could not have the blueprint's own type, the head of a 4-bit model aside. */
int erg_blueprint_misfits(const struct erg_blueprint *blueprint);

/* erg_gguf_read(), or the description of a `synth:` specification. */
int erg_model_read(const char *model, struct erg_model_info *out, struct erg_err *err);

#endif
