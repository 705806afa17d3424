/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdlib.h>

/* Alone in its file, so that -Wl,--wrap=erg_realloc reaches every caller in a test. */
void *erg_realloc(void *block, size_t bytes)
{
    return realloc(block, bytes ? bytes : 1);
}
