/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_STDIO_H
#define ERG_TESTS_MACOS_STDIO_H

#include <stdarg.h>
#include <sys/types.h>

typedef struct __sFILE FILE;

int snprintf(char *out, size_t out_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
