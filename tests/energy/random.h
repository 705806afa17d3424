/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_ENERGY_RANDOM_H
#define ERG_TESTS_ENERGY_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* splitmix64 (Steele, Lea, Flood 2014): a test names its seed. */
static inline uint64_t random_u64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* Uniform enough in [low, high] for tests. */
static inline int64_t random_between(uint64_t *state, int64_t low, int64_t high)
{
    uint64_t values = (uint64_t)high - (uint64_t)low + 1; /* 0: all of them */
    uint64_t offset = random_u64(state);
    return (int64_t)((uint64_t)low + (values ? offset % values : offset));
}

#endif
