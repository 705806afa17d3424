/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENERGY_WIDE_H
#define ERG_ENERGY_WIDE_H

#include <stdint.h>

/*
 * 128-bit integers. Products are formed unsigned: compilers check signed 128-bit products with a
 * run-time function that not every C library has.
 */
__extension__ typedef __int128 erg_i128;
__extension__ typedef unsigned __int128 erg_u128;

/* b − a for a ≤ b; the distance of any two int64 fits. */
static inline uint64_t erg_span_u64(int64_t a, int64_t b)
{
    return (uint64_t)b - (uint64_t)a;
}

#endif
