/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_SPANS_CODE_H
#define ERG_STORE_SPANS_CODE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

/*
 * The building blocks of the packed formats (spans.c): variable-length integers, bit strings,
 * sections and value codes.
 */

/* Reader of outside bytes: after the first thing that does not fit, `bad` stays set. */
struct erg_bytes_in {
    const unsigned char *at, *end;
    bool bad;
};

/* LEB128, at most 32 bits. */
void erg_put_varint(struct erg_buf *out, uint32_t value);
uint32_t erg_take_varint(struct erg_bytes_in *in);

static inline uint32_t erg_zigzag(int32_t value)
{
    return ((uint32_t)value << 1) ^ (uint32_t)(value < 0 ? -1 : 0);
}

static inline int32_t erg_unzigzag(uint32_t value)
{
    return (int32_t)(value >> 1) ^ -(int32_t)(value & 1);
}

/* Bits, the lowest first. */
struct erg_bits_out {
    struct erg_buf *out;
    uint64_t held;
    unsigned count;
};

void erg_put_bits(struct erg_bits_out *bits, uint32_t value, unsigned count);
void erg_end_bits(struct erg_bits_out *bits); /* pads the last byte with zeros */

struct erg_bits_in {
    struct erg_bytes_in *in;
    uint64_t held;
    unsigned count;
};

uint32_t erg_take_bits(struct erg_bits_in *bits, unsigned count);

/*
 * A section: varint (stored length × 2 + compressed), then the bytes, as they are or as one zstd
 * frame, whichever is shorter. The reader knows the length it must have.
 */
void erg_put_section(struct erg_buf *out, ZSTD_CCtx *zstd, const void *bytes, size_t len);
void erg_take_section(struct erg_bytes_in *in, void *out_bytes, size_t len);

/* A value as 16-bit logarithmic code, and back. */
uint16_t erg_value_code(float value);
float erg_value_of_code(uint16_t code);

#endif
