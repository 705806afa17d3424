/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_ROOT_H
#define ERG_BASE_ROOT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Rooted file access: every sensor read below /sys and /proc goes through a root, which is "/" or
 * the directory of --sysroot, so that a recorded machine can stand in for this one. Paths are
 * given with their leading slash ("/sys/class/hwmon"); ".." components are refused.
 */
struct erg_root {
    char prefix[1024]; /* "" for the real root, no trailing slash otherwise */
};

/* `dir` NULL or "/" is the real root. NOT_FOUND when it is not a directory. */
int erg_root_init(struct erg_root *root, const char *dir, struct erg_err *err);

/* Full path of `path` below the root. */
int erg_root_path(const struct erg_root *root, const char *path, char *out, size_t out_bytes,
                  struct erg_err *err);

/*
 * Read a small text file into `out` as a C string, trailing white space removed. LIMIT when it
 * does not fit. Where a system has no /proc, the real root still has the texts of
 * erg_system_text().
 */
int erg_root_read_text(const struct erg_root *root, const char *path, char *out, size_t out_bytes,
                       struct erg_err *err);

/* Read a file that holds one decimal number. CORRUPT when it does not. */
int erg_root_read_i64(const struct erg_root *root, const char *path, int64_t *out,
                      struct erg_err *err);

/* Open for reading (close-on-exec); the caller closes. Keep it and pread() for repeated reads. */
int erg_root_open(const struct erg_root *root, const char *path, int *out_fd, struct erg_err *err);

/*
 * Names in a directory, sorted, "." and ".." left out; free with erg_root_free_names(). Order is
 * that of erg_compare_natural(): hwmon10 follows hwmon9.
 */
int erg_root_list(const struct erg_root *root, const char *path, char ***out_names,
                  size_t *out_count, struct erg_err *err);
void erg_root_free_names(char **names, size_t count);

/* open(2), close-on-exec, begun again when a signal interrupts it; -1 and errno. */
int erg_open_file(const char *path, int flags, mode_t mode);

/* Read a whole regular file (any path, not rooted) of at most `max_bytes`; free() the result. */
int erg_read_file(const char *path, size_t max_bytes, char **out_bytes, size_t *out_len,
                  struct erg_err *err);

#endif
