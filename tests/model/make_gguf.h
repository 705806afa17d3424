/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MODEL_MAKE_GGUF_H
#define ERG_TESTS_MODEL_MAKE_GGUF_H

#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Writes GGUF files by hand, independently of the reader's tables. */
static inline void put_u32(struct erg_buf *buf, uint32_t value)
{
    erg_buf_append(buf, &value, 4);
}

static inline void put_u64(struct erg_buf *buf, uint64_t value)
{
    erg_buf_append(buf, &value, 8);
}

static inline void put_text(struct erg_buf *buf, const char *text)
{
    put_u64(buf, strlen(text));
    erg_buf_puts(buf, text);
}

static inline void put_header(struct erg_buf *buf, uint32_t version, uint64_t tensors,
                              uint64_t keys)
{
    erg_buf_puts(buf, "GGUF");
    put_u32(buf, version);
    put_u64(buf, tensors);
    put_u64(buf, keys);
}

static inline void put_key_u32(struct erg_buf *buf, const char *key, uint32_t value)
{
    put_text(buf, key);
    put_u32(buf, 4);
    put_u32(buf, value);
}

static inline void put_key_text(struct erg_buf *buf, const char *key, const char *value)
{
    put_text(buf, key);
    put_u32(buf, 8);
    put_text(buf, value);
}

static inline void put_tensor(struct erg_buf *buf, const char *name, uint64_t ne0, uint64_t ne1,
                              uint32_t type, uint64_t offset)
{
    put_text(buf, name);
    put_u32(buf, 2);
    put_u64(buf, ne0);
    put_u64(buf, ne1);
    put_u32(buf, type);
    put_u64(buf, offset);
}

static inline void pad_to(struct erg_buf *buf, size_t alignment)
{
    while (buf->len % alignment)
        erg_buf_putc(buf, '\0');
}

/*
 * A whole model of 3 layers: 64 × 10 embedding in Q8_0 (680 bytes) and 64 × 2 in F32 (512 bytes).
 * `file_type` < 0: not said.
 */
static inline void make_model(struct erg_buf *buf, uint32_t version, int file_type)
{
    put_header(buf, version, 2, file_type < 0 ? 9 : 10);
    put_key_text(buf, "general.architecture", "llama");
    put_key_text(buf, "general.name", "Tiny");
    put_key_u32(buf, "llama.block_count", 3);
    put_key_u32(buf, "llama.embedding_length", 64);
    put_key_u32(buf, "llama.context_length", 512);
    put_key_u32(buf, "llama.feed_forward_length", 96);
    put_text(buf, "llama.attention.head_count");
    put_u32(buf, 9); /* per layer */
    put_u32(buf, 4);
    put_u64(buf, 3);
    put_u32(buf, 2);
    put_u32(buf, 8);
    put_u32(buf, 4);
    put_text(buf, "tokenizer.ggml.tokens");
    put_u32(buf, 9);
    put_u32(buf, 8);
    put_u64(buf, 10);
    for (int i = 0; i < 10; i++)
        put_text(buf, i % 2 ? "odd" : "");
    put_key_text(buf, "tokenizer.chat_template", "{{ messages }}");
    if (file_type >= 0)
        put_key_u32(buf, "general.file_type", (uint32_t)file_type);
    put_tensor(buf, "token_embd.weight", 64, 10, 8, 0);
    put_tensor(buf, "blk.0.ffn_up.weight", 64, 2, 0, 704);
    pad_to(buf, 32);
    size_t data = buf->len;
    while (buf->len < data + 704 + 512)
        erg_buf_putc(buf, 'x');
}

#endif
