/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MACOS_MACH_O_DYLD_H
#define ERG_TESTS_MACOS_MACH_O_DYLD_H

#include <stdint.h>

uint32_t _dyld_image_count(void);
const char *_dyld_get_image_name(uint32_t image_index);
int _NSGetExecutablePath(char *out, uint32_t *out_bytes);

#endif
