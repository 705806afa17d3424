/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_TIME_H
#define ERG_TESTS_MACOS_TIME_H

#include <sys/types.h>

struct timespec {
    time_t tv_sec;
    long tv_nsec;
};

struct timeval {
    time_t tv_sec;
    suseconds_t tv_usec;
};

typedef enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 6, CLOCK_UPTIME_RAW = 8 } clockid_t;

int clock_gettime(clockid_t clock, struct timespec *out);
uint64_t clock_gettime_nsec_np(clockid_t clock);

#endif
