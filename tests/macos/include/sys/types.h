/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_SYS_TYPES_H
#define ERG_TESTS_MACOS_SYS_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef int32_t pid_t;
typedef uint32_t uid_t;
typedef uint16_t mode_t;
typedef int64_t off_t;
typedef long ssize_t;
typedef long time_t;
typedef int32_t suseconds_t;
typedef uint32_t socklen_t;

#endif
