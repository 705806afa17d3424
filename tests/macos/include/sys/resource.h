/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_SYS_RESOURCE_H
#define ERG_TESTS_MACOS_SYS_RESOURCE_H

#include <sys/types.h>

typedef void *rusage_info_t;

#define RUSAGE_INFO_V2 2

struct rusage_info_v2 {
    uint8_t ri_uuid[16];
    uint64_t ri_user_time, ri_system_time;
    uint64_t ri_resident_size, ri_phys_footprint;
};

#endif
