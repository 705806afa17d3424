/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_MODEL_FILE_H
#define ERG_ENGINE_MODEL_FILE_H

#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* A file that has its name only when it is whole. */
struct erg_model_file {
    int fd;
    const char *out;                        /* borrowed */
    char temporary[ERG_MAX_PATH_BYTES + 8]; /* "" while it has no name at all */
};

int erg_model_file_create(struct erg_model_file *file, const char *out, struct erg_err *err);

/* Give it its name, or with a `status` other than 0 leave nothing behind; returns the status. */
int erg_model_file_finish(struct erg_model_file *file, int status, struct erg_err *err);

/*
 * Will `bytes` find room in the file? IO at once when the file system has no room, or does not
 * allow a file of this size.
 */
int erg_model_file_reserve(int fd, int64_t bytes, const char *name, struct erg_err *err);

/* A file in memory (model_file_linux.c), elsewhere a private one (model_file_posix.c). */
struct erg_memory_file {
    int fd; /* -1 = none */
    char path[128];
    bool named; /* to be removed when it is closed */
};

/* LIMIT when `bytes` are more than the memory that can be had without swapping. */
int erg_memory_file_open(struct erg_memory_file *file, int64_t bytes, struct erg_err *err);
void erg_memory_file_close(struct erg_memory_file *file);

/* What the platform can do; model_file.c does without where it cannot. */
int erg_unnamed_file_open(const char *folder);       /* -1 = not here */
int erg_unnamed_file_link(int fd, const char *path); /* as link() answers */

#endif
