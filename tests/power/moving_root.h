/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_POWER_MOVING_ROOT_H
#define ERG_TESTS_POWER_MOVING_ROOT_H

#include "base/root.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A copy of a recorded machine whose files a test may change: in place, as the kernel does. */
struct moving_root {
    struct erg_root root;
};

static inline void moving_put(const struct moving_root *moving, const char *path, const char *text)
{
    char full[1400];
    snprintf(full, sizeof full, "%s%s", moving->root.prefix, path);
    int fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, 0) || write(fd, text, strlen(text)) < 0)
        abort();
    close(fd);
}

static inline void moving_put_u64(const struct moving_root *moving, const char *path, uint64_t n)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64 "\n", n);
    moving_put(moving, path, text);
}

static inline void moving_copy(const struct moving_root *moving, const char *from, const char *path)
{
    struct erg_root source;
    char full[1400], text[65536], **names;
    size_t count;
    if (erg_root_init(&source, from, NULL))
        abort();
    snprintf(full, sizeof full, "%s%s", moving->root.prefix, path);
    if (erg_root_list(&source, *path ? path : "/", &names, &count, NULL)) {
        if (erg_root_read_text(&source, path, text, sizeof text, NULL))
            abort();
        moving_put(moving, path, text);
        return;
    }
    mkdir(full, 0755);
    for (size_t i = 0; i < count; i++) {
        char child[1000];
        snprintf(child, sizeof child, "%s/%s", path, names[i]);
        moving_copy(moving, from, child);
    }
    erg_root_free_names(names, count);
}

static inline void moving_root_init(struct moving_root *moving, const char *name)
{
    char dir[] = "/tmp/ergon-root-XXXXXX", from[200];
    if (!mkdtemp(dir) || chmod(dir, 0755) || erg_root_init(&moving->root, dir, NULL))
        abort();
    snprintf(from, sizeof from, "power/roots/%s", name);
    moving_copy(moving, from, "");
}

static inline int moving_remove(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static inline void moving_root_deinit(struct moving_root *moving)
{
    nftw(moving->root.prefix, moving_remove, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
