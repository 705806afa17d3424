/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_LLAMA_IMAGE_H
#define ERG_ENGINE_LLAMA_IMAGE_H

#include <stddef.h>

/*
 * What follows `mark` in the path of the first library of this process that holds it; "" when none
 * does. One file per system.
 */
void erg_image_find(const char *mark, char *out, size_t out_bytes);

#endif
