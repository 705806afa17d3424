/* SPDX-License-Identifier: MIT */
#ifndef ERG_MODEL_GGUF_CURSOR_H
#define ERG_MODEL_GGUF_CURSOR_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * A position in a GGUF file, read through a window. Every function checks against the file's size
 * first and reports CORRUPT with `where` ("metadata", "tensor table") when the file ends too early.
 */
struct erg_gguf_cursor {
    /* Fill `out` with `len` bytes from `offset`, both inside the file. */
    int (*read)(void *user, uint64_t offset, void *out, size_t len, struct erg_err *err);
    void *user;
    uint64_t size; /* of the file */
    uint64_t pos;
    const char *where;
    uint64_t window_at;
    size_t window_len;
    unsigned char window[16384];
};

/* Bytes from the position to the end. */
static inline uint64_t erg_gguf_left(const struct erg_gguf_cursor *cursor)
{
    return cursor->size - cursor->pos;
}

int erg_gguf_bytes(struct erg_gguf_cursor *cursor, void *out, size_t len, struct erg_err *err);
int erg_gguf_skip(struct erg_gguf_cursor *cursor, uint64_t len, struct erg_err *err);
int erg_gguf_u32(struct erg_gguf_cursor *cursor, uint32_t *out, struct erg_err *err);
int erg_gguf_u64(struct erg_gguf_cursor *cursor, uint64_t *out, struct erg_err *err);

/* A string, cut to what fits (at a character); unprintable bytes become '?'. */
int erg_gguf_string(struct erg_gguf_cursor *cursor, char *out, size_t out_bytes,
                    struct erg_err *err);

#endif
