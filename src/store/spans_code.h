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
 * Numbers that resemble one another. A *first* one, of which nothing is known, is 6 bits n, the
 * number of its significant bits, then the number without its leading 1. A *next* one is coded by
 * what it differs from the average of those before it:
 *
 *   z = zigzag(number − mean); z >> k ones, a zero, the low k bits of z (a Rice code), where k
 *   follows the mean deviation so far; or, when z >> k is above ERG_MOST_ONES, as many ones as that
 *   and one more, then the number in 32 bits
 */
enum { ERG_MOST_ONES = 23 };

/* What is known of the numbers of one kind so far. */
struct erg_place {
    uint32_t mean, deviation, seen;
};

void erg_put_first(struct erg_bits_out *bits, uint32_t number);
void erg_put_next(struct erg_bits_out *bits, uint32_t number, const struct erg_place *before);
uint32_t erg_take_first(struct erg_bits_in *bits);
uint32_t erg_take_next(struct erg_bits_in *bits, const struct erg_place *before);

/* One more number of the kind; the last `memory` of them count for the most part. */
void erg_place_learn(struct erg_place *place, uint32_t number, uint32_t memory);

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
