/* SPDX-License-Identifier: MIT */
#include "engine/llama/image.h"

#include <link.h>
#include <stdio.h>
#include <string.h>

struct search {
    const char *mark;
    char *out;
    size_t out_bytes;
};

static int look_at(struct dl_phdr_info *info, size_t size, void *user)
{
    struct search *search = user;
    const char *at = strstr(info->dlpi_name, search->mark);
    (void)size;
    if (!at)
        return 0;
    snprintf(search->out, search->out_bytes, "%s", at + strlen(search->mark));
    return 1;
}

void erg_image_find(const char *mark, char *out, size_t out_bytes)
{
    struct search search = {mark, out, out_bytes};
    out[0] = '\0';
    dl_iterate_phdr(look_at, &search);
}
