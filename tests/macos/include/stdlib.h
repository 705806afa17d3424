/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_STDLIB_H
#define ERG_TESTS_MACOS_STDLIB_H

#include <sys/types.h>

void free(void *block);
char *realpath(const char *path, char *resolved);
void arc4random_buf(void *out, size_t bytes);

#endif
