/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_INTERN_H
#define ERG_EXPORT_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts numbered 1, 2, … in the order in which they were first met. Zero-initialised. */
struct erg_intern {
    char **slots; /* open addressing; beside each its number */
    uint32_t *numbers;
    size_t size;
    uint32_t count;
};

/*
 * The number of `text`, and whether it is new. 0 when there are as many as a run may have names and
 * layers: the caller then writes the text in full. NOMEM.
 */
int erg_intern(struct erg_intern *intern, const char *text, uint32_t *out_number, bool *out_new);
void erg_intern_deinit(struct erg_intern *intern);

#endif
