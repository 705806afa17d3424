/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_POW10_H
#define ERG_BASE_POW10_H

#include <stdint.h>

/*
 * Powers of ten in 128 bits: 10^k × 2^(127 − floor(log2(10^k))), rounded up, for the k that a
 * double's shortest decimal needs.
 */
enum { ERG_POW10_MIN = -292, ERG_POW10_MAX = 324 };

struct erg_pow10 {
    uint64_t high, low;
};
extern const struct erg_pow10 erg_pow10[ERG_POW10_MAX - ERG_POW10_MIN + 1];

#endif
