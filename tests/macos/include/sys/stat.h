/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_SYS_STAT_H
#define ERG_TESTS_MACOS_SYS_STAT_H

#include <time.h>

struct stat {
    mode_t st_mode;
    off_t st_size;
    struct timespec st_mtimespec;
};

#endif
