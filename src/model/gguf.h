/* SPDX-License-Identifier: MIT */
#ifndef ERG_MODEL_GGUF_H
#define ERG_MODEL_GGUF_H

#include "base/err.h"
#include "base/jsonw.h"
#include "model/structure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a GGUF file says about the model in it. Counts are 0 and texts "" where it does not say.
 * A value that differs from layer to layer (heads, feed-forward length) is the largest one.
 */
struct erg_model_info {
    char architecture[64];
    char name[128];
    char quantization[16]; /* "Q8_0", "Q4_K_M"; from the tensors when the file does not name it */
    int64_t parameters;    /* elements of all tensors */
    int64_t layers, embedding_length, heads, kv_heads, feed_forward_length;
    int64_t experts, experts_used;
    int64_t context_length; /* tokens the model was trained for */
    int64_t vocab_size;
    int64_t tensor_count;
    int64_t tensor_bytes; /* of the tensors whose type is known */
    int64_t file_bytes;
    int64_t metadata_bytes; /* header, keys and table of tensors: what stands before the data */
    int64_t split_count;    /* files the model is split into; 0 or 1 = this one only */
    bool has_chat_template;
    bool synthetic; /* made up of random weights by 'ergon synth' */
    struct erg_model_structure structure;
};

/* The key of the `synth:` specification that a synthetic model was made from. */
#define ERG_SYNTH_KEY "ergon.synthetic"

/*
 * Read the metadata of the GGUF file at `path` (versions 2 and 3). CORRUPT when it is not one, is
 * damaged, or ends before its last tensor does; UNSUPPORTED for version 1 and big-endian files.
 */
int erg_gguf_read(const char *path, struct erg_model_info *out, struct erg_err *err);

/* The same for a file in memory. */
int erg_gguf_parse(const void *bytes, size_t len, struct erg_model_info *out, struct erg_err *err);

/* The `model` object of the run summary: {path, architecture, quantization, …}. */
void erg_model_write_json(struct erg_jsonw *w, const char *path, const struct erg_model_info *info);

#endif
