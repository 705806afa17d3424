/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include "base/err.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *erg_calloc(size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    size_t bytes = count * size;
    void *block = erg_realloc(NULL, bytes);
    if (block)
        memset(block, 0, bytes ? bytes : 1);
    return block;
}

char *erg_strndup(const char *text, size_t len)
{
    char *copy = erg_realloc(NULL, len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *erg_strdup(const char *text)
{
    return erg_strndup(text, strlen(text));
}

int erg_grow(void **items, size_t *capacity, size_t need, size_t item_bytes, size_t max_items)
{
    if (need <= *capacity)
        return 0;
    if (need > max_items || max_items > SIZE_MAX / item_bytes)
        return ERG_LIMIT;
    size_t wanted = *capacity ? *capacity : 16;
    while (wanted < need)
        wanted = wanted > max_items / 2 ? max_items : wanted * 2;
    if (wanted > max_items)
        wanted = max_items;
    void *block = erg_realloc(*items, wanted * item_bytes);
    if (!block)
        return ERG_NOMEM;
    *items = block;
    *capacity = wanted;
    return 0;
}

void erg_cleanup_free(void *pointer_to_block)
{
    free(*(void **)pointer_to_block);
}

void erg_cleanup_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

void erg_cleanup_file(FILE **file)
{
    if (*file)
        fclose(*file);
}
