/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_TEMP_STORE_H
#define ERG_TESTS_TEMP_STORE_H

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A path for a store in a folder of its own; temp_store_remove() takes both away. */
struct temp_store {
    char folder[64];
    char path[128];
};

static inline struct temp_store temp_store_new(void)
{
    struct temp_store temp = {.folder = "/tmp/ergon-store-XXXXXX"};
    assert_non_null(mkdtemp(temp.folder));
    snprintf(temp.path, sizeof(temp.path), "%s/ergon.db", temp.folder);
    return temp;
}

static inline void temp_store_remove(const struct temp_store *temp)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ERG_COUNT(suffixes); i++) {
        char path[160];
        snprintf(path, sizeof(path), "%s%s", temp->path, suffixes[i]);
        unlink(path);
    }
    rmdir(temp->folder);
}

#endif
