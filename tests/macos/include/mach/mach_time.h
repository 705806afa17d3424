/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_MACH_MACH_TIME_H
#define ERG_TESTS_MACOS_MACH_MACH_TIME_H

#include <stdint.h>

typedef struct mach_timebase_info {
    uint32_t numer, denom;
} mach_timebase_info_data_t, *mach_timebase_info_t;

int mach_timebase_info(mach_timebase_info_t out);

#endif
