/* SPDX-License-Identifier: MIT */
#include "engine/llama/model_file.h"

#include "base/mem.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int cannot_write(const char *out, int reason, struct erg_err *err)
{
    return erg_fail_errno(err, reason, "cannot write '%.150s'", out);
}

/* A file without a name, which disappears with the process. */
static int open_unnamed(const char *out)
{
    char folder[ERG_MAX_PATH_BYTES];
    const char *slash = strrchr(out, '/');
    size_t len = slash ? (size_t)(slash - out) : 0;
    if (len >= sizeof(folder)) {
        return -1;
    }
    snprintf(folder, sizeof(folder), "%.*s", (int)len, out);
    return erg_unnamed_file_open(!slash ? "." : len == 0 ? "/" : folder);
}

int erg_model_file_create(struct erg_model_file *file, const char *out, struct erg_err *err)
{
    *file = (struct erg_model_file){.out = out};
    if (strlen(out) >= ERG_MAX_PATH_BYTES) {
        return erg_fail(err, ERG_LIMIT, "the path of the model is too long");
    }
    file->fd = open_unnamed(out);
    if (file->fd >= 0) {
        return 0;
    }
    snprintf(file->temporary, sizeof(file->temporary), "%s.XXXXXX", out);
    file->fd = mkostemp(file->temporary, O_CLOEXEC);
    if (file->fd < 0) {
        return cannot_write(out, errno, err);
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(file->fd, 0666 & ~mask);
    return 0;
}

/* A name for a file without one; of several tries one is free. */
static int give_temporary_name(struct erg_model_file *file)
{
    for (unsigned i = 0; i < 100; i++) {
        snprintf(file->temporary, sizeof(file->temporary), "%s.%05u", file->out,
                 ((unsigned)getpid() + i) % 100000);
        if (erg_unnamed_file_link(file->fd, file->temporary) == 0) {
            return 0;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    file->temporary[0] = '\0';
    return -1;
}

int erg_model_file_finish(struct erg_model_file *file, int status, struct erg_err *err)
{
    if (status == 0 && !file->temporary[0] && give_temporary_name(file) != 0) {
        status = cannot_write(file->out, errno, err);
    }
    if (close(file->fd) != 0 && status == 0) {
        status = cannot_write(file->out, errno, err);
    }
    if (status == 0 && rename(file->temporary, file->out) != 0) {
        status = cannot_write(file->out, errno, err);
    }
    if (status != 0 && file->temporary[0]) {
        unlink(file->temporary);
    }
    return status;
}

int erg_model_file_reserve(int fd, int64_t bytes, const char *name, struct erg_err *err)
{
    struct statvfs system;
    /* The system's own place for files in memory has no size. */
    if (fstatvfs(fd, &system) == 0 && system.f_frsize > 0 && system.f_blocks > 0 &&
        system.f_bavail < (uint64_t)bytes / system.f_frsize) {
        char needed[32], there[32];
        erg_format_bytes((uint64_t)bytes, needed, sizeof(needed));
        erg_format_bytes((uint64_t)system.f_bavail * system.f_frsize, there, sizeof(there));
        return erg_fail(err, ERG_IO, "cannot write '%.100s': it takes %s, %s are free on its disk",
                        name, needed, there);
    }
    /* What is larger than a limit or the file system allows fails here and not in the middle. */
    if (ftruncate(fd, bytes) != 0) {
        return cannot_write(name, errno, err);
    }
    return 0;
}
