/* SPDX-License-Identifier: MIT */
#include "engine/llama/image.h"

#include <mach-o/dyld.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void erg_image_find(const char *mark, char *out, size_t out_bytes)
{
    out[0] = '\0';
    for (uint32_t i = 0; i < _dyld_image_count() && !out[0]; i++) {
        const char *path = _dyld_get_image_name(i);
        const char *at = path ? strstr(path, mark) : NULL;
        if (at)
            snprintf(out, out_bytes, "%s", at + strlen(mark));
    }
}
