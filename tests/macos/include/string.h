/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_STRING_H
#define ERG_TESTS_MACOS_STRING_H

#include <sys/types.h>

void *memcpy(void *to, const void *from, size_t bytes);
size_t strlen(const char *text);
size_t strcspn(const char *text, const char *reject);
int strcmp(const char *a, const char *b);
char *strstr(const char *text, const char *part);
int strerror_r(int error, char *out, size_t out_bytes);

#endif
