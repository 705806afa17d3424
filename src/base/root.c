/* SPDX-License-Identifier: MIT */
#include "base/root.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_NAMES = 65536 };

int erg_root_init(struct erg_root *root, const char *dir, struct erg_err *err)
{
    size_t len = dir ? strlen(dir) : 0;
    while (len && dir[len - 1] == '/')
        len--;
    if (len >= sizeof root->prefix)
        return erg_fail(err, ERG_LIMIT, "path of the root is too long");
    struct stat st;
    if (len && stat(dir, &st))
        return erg_fail_errno(err, errno, "cannot use '%.128s' as the root", dir);
    if (len && !S_ISDIR(st.st_mode))
        return erg_fail(err, ERG_NOT_FOUND, "'%.128s' is not a directory", dir);
    if (len)
        memcpy(root->prefix, dir, len);
    root->prefix[len] = '\0';
    return 0;
}

static int has_parent_component(const char *path)
{
    for (const char *p = path; (p = strstr(p, "..")); p += 2) {
        if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
            return 1;
    }
    return 0;
}

int erg_root_path(const struct erg_root *root, const char *path, char *out, size_t out_bytes,
                  struct erg_err *err)
{
    if (path[0] != '/' || has_parent_component(path))
        return erg_fail(err, ERG_INVALID, "'%.128s' is not an absolute path", path);
    int len = snprintf(out, out_bytes, "%s%s", root->prefix, path);
    if (len < 0 || (size_t)len >= out_bytes)
        return erg_fail(err, ERG_LIMIT, "path '%.128s' is too long", path);
    return 0;
}

int erg_open_file(const char *path, int flags, mode_t mode)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

int erg_root_open(const struct erg_root *root, const char *path, int *out_fd, struct erg_err *err)
{
    char full[2048];
    int rc = erg_root_path(root, path, full, sizeof full, err);
    if (rc)
        return rc;
    int fd = erg_open_file(full, O_RDONLY, 0);
    if (fd < 0)
        return erg_fail_errno(err, errno, "cannot read '%.128s'", path);
    *out_fd = fd;
    return 0;
}

int erg_root_read_text(const struct erg_root *root, const char *path, char *out, size_t out_bytes,
                       struct erg_err *err)
{
    ERG_AUTO_FD int fd = -1;
    if (!root->prefix[0] && erg_system_text(path, out, out_bytes) == 0)
        return 0;
    int rc = erg_root_open(root, path, &fd, err);
    if (rc)
        return rc;
    size_t len = 0;
    while (len < out_bytes) {
        ssize_t n = read(fd, out + len, out_bytes - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return erg_fail_errno(err, errno, "cannot read '%.128s'", path);
        if (n == 0)
            break;
        len += (size_t)n;
    }
    if (len == out_bytes)
        return erg_fail(err, ERG_LIMIT, "'%.128s' is longer than expected", path);
    while (len && strchr(" \t\r\n", out[len - 1]))
        len--;
    out[len] = '\0';
    return 0;
}

int erg_root_read_i64(const struct erg_root *root, const char *path, int64_t *out,
                      struct erg_err *err)
{
    char text[64];
    int rc = erg_root_read_text(root, path, text, sizeof text, err);
    if (rc)
        return rc;
    if (erg_parse_i64(text, INT64_MIN, INT64_MAX, out, NULL))
        return erg_fail(err, ERG_CORRUPT, "'%.128s' holds '%.32s' instead of a number", path, text);
    return 0;
}

static int by_version(const void *a, const void *b)
{
    return erg_compare_natural(*(char *const *)a, *(char *const *)b);
}

int erg_root_list(const struct erg_root *root, const char *path, char ***out_names,
                  size_t *out_count, struct erg_err *err)
{
    char full[2048];
    int rc = erg_root_path(root, path, full, sizeof full, err);
    if (rc)
        return rc;
    DIR *dir = opendir(full);
    if (!dir)
        return erg_fail_errno(err, errno, "cannot list '%.128s'", path);
    char **names = NULL;
    size_t count = 0, capacity = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        void *items = names;
        rc = erg_grow(&items, &capacity, count + 1, sizeof *names, MAX_NAMES);
        names = items;
        if (rc == 0 && !(names[count++] = erg_strdup(entry->d_name)))
            rc = ERG_NOMEM;
    }
    closedir(dir);
    if (rc) {
        erg_root_free_names(names, count);
        return erg_fail(err, rc, "cannot list '%.128s': %s", path, erg_code_text(rc));
    }
    if (count)
        qsort(names, count, sizeof *names, by_version);
    *out_names = names;
    *out_count = count;
    return 0;
}

void erg_root_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

int erg_read_file(const char *path, size_t max_bytes, char **out_bytes, size_t *out_len,
                  struct erg_err *err)
{
    ERG_AUTO_FD int fd = erg_open_file(path, O_RDONLY, 0);
    if (fd < 0)
        return erg_fail_errno(err, errno, "cannot read '%.128s'", path);
    char *bytes = NULL;
    size_t len = 0, capacity = 0;
    ssize_t n;
    do {
        void *items = bytes;
        int rc = erg_grow(&items, &capacity, len + 65536, 1, max_bytes + 65537);
        bytes = items;
        if (rc) {
            free(bytes);
            return erg_fail(err, rc, "cannot read '%.128s': %s", path, erg_code_text(rc));
        }
        n = read(fd, bytes + len, capacity - len - 1);
        len += n > 0 ? (size_t)n : 0;
    } while ((n > 0 || (n < 0 && errno == EINTR)) && len <= max_bytes);
    if (n < 0 || len > max_bytes) {
        int failure = errno;
        free(bytes);
        if (len > max_bytes)
            return erg_fail(err, ERG_LIMIT, "'%.128s' is larger than %zu bytes", path, max_bytes);
        return erg_fail_errno(err, failure, "cannot read '%.128s'", path);
    }
    bytes[len] = '\0';
    *out_bytes = bytes;
    *out_len = len;
    return 0;
}
