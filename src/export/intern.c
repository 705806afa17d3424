/* SPDX-License-Identifier: MIT */
#include "export/intern.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 256, MOST = ERG_MAX_NAMES + ERG_MAX_LAYERS };

/* Where `text` is, or would be: there is always a free slot. (FNV-1a) */
static size_t find(char *const *slots, size_t size, const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = text; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    size_t slot = (size_t)(hash ^ hash >> 32) & (size - 1);
    while (slots[slot] && strcmp(slots[slot], text) != 0)
        slot = (slot + 1) & (size - 1);
    return slot;
}

static int widen(struct erg_intern *intern)
{
    size_t size = intern->size ? 2 * intern->size : FIRST_SIZE;
    char **slots = erg_calloc(size, sizeof *slots);
    uint32_t *numbers = erg_calloc(size, sizeof *numbers);
    if (!slots || !numbers) {
        free(slots);
        free(numbers);
        return ERG_NOMEM;
    }
    for (size_t i = 0; i < intern->size; i++) {
        if (!intern->slots[i])
            continue;
        size_t slot = find(slots, size, intern->slots[i]);
        slots[slot] = intern->slots[i];
        numbers[slot] = intern->numbers[i];
    }
    free(intern->slots);
    free(intern->numbers);
    intern->slots = slots;
    intern->numbers = numbers;
    intern->size = size;
    return 0;
}

int erg_intern(struct erg_intern *intern, const char *text, uint32_t *out_number, bool *out_new)
{
    if (2 * (size_t)intern->count >= intern->size) {
        int rc = widen(intern);
        if (rc)
            return rc;
    }
    size_t slot = find(intern->slots, intern->size, text);
    bool is_new = !intern->slots[slot] && intern->count < MOST;
    if (is_new) {
        char *copy = erg_strdup(text);
        if (!copy)
            return ERG_NOMEM;
        intern->slots[slot] = copy;
        intern->numbers[slot] = ++intern->count;
    }
    *out_number = intern->numbers[slot];
    *out_new = is_new;
    return 0;
}

void erg_intern_deinit(struct erg_intern *intern)
{
    for (size_t i = 0; i < intern->size; i++)
        free(intern->slots[i]);
    free(intern->slots);
    free(intern->numbers);
    *intern = (struct erg_intern){0};
}
