/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_MEM_H
#define ERG_BASE_MEM_H

#include <stddef.h>
#include <stdio.h>

/*
 * Allocation. Every heap block of the recorder comes from erg_realloc(), so that a test can link
 * with -Wl,--wrap=erg_realloc and fail the k-th call. Blocks are released with free().
 */

/* realloc() semantics without the size-0 trap: bytes == 0 allocates one byte. NULL when full. */
void *erg_realloc(void *block, size_t bytes);

/* Zeroed block of count × size bytes; NULL when full or when the product overflows. */
void *erg_calloc(size_t count, size_t size);

/* Copy of a string (erg_strdup), or of `len` bytes with a NUL behind them (erg_strndup). */
char *erg_strdup(const char *text);
char *erg_strndup(const char *text, size_t len);

/*
 * Make room for `need` items of `item_bytes` in the array `*items` with capacity `*capacity`,
 * doubling it. Returns 0, ERG_LIMIT above `max_items`, or ERG_NOMEM; nothing changes on failure.
 */
int erg_grow(void **items, size_t *capacity, size_t need, size_t item_bytes, size_t max_items);

/* Targets of __attribute__((cleanup)): free, close and fclose that accept "nothing". */
void erg_cleanup_free(void *pointer_to_block);
void erg_cleanup_fd(int *fd);
void erg_cleanup_file(FILE **file);

#define ERG_AUTO_FREE __attribute__((cleanup(erg_cleanup_free)))
#define ERG_AUTO_FD   __attribute__((cleanup(erg_cleanup_fd)))
#define ERG_AUTO_FILE __attribute__((cleanup(erg_cleanup_file)))

#endif
