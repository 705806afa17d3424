/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_TEST_H
#define ERG_TESTS_TEST_H

/* What every unit test includes: cmocka and what it needs, in the order it needs it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ERG_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* xorshift64*: small, deterministic, good enough to vary tests. The state must not be 0. */
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* Uniform enough in [0, n); n ≥ 1. */
static inline uint64_t test_below(uint64_t *state, uint64_t n)
{
    return test_random(state) % n;
}

#endif
