/* SPDX-License-Identifier: MIT */
#ifndef ERG_STREAM_CHECK_H
#define ERG_STREAM_CHECK_H

#include <stdint.h>
#include <string.h>

/* Padding and check value of a record; part of format.h, which is where to look first. */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the event stream is read and written in place: little-endian machines only"
#endif

static inline uint32_t erg_format_padded(uint32_t bytes)
{
    return (bytes + 7u) & ~7u;
}

/* Check value of a record: each step is a bijection of the running value for a given word and of
 * the word for a given running value, so that any change confined to 8 aligned bytes is found for
 * certain, others but for 2^-64. `padded` is a multiple of 8. */
static inline uint64_t erg_format_check(uint16_t type, uint32_t payload_bytes, const void *payload,
                                        uint32_t padded)
{
    uint64_t h = UINT64_C(0x9E3779B97F4A7C15) ^ ((uint64_t)type << 32 | payload_bytes);
    const unsigned char *p = payload;
    for (uint32_t i = 0; i < padded; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        h = (h ^ word) * UINT64_C(0xD6E8FEB86659FD93);
        h ^= h >> 32;
    }
    return h * UINT64_C(0xD6E8FEB86659FD93);
}

#endif
