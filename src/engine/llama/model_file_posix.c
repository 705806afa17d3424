/* SPDX-License-Identifier: MIT */
#include "engine/llama/model_file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* It is a file on a disk, which has room for what memory has not. */
int erg_memory_file_open(struct erg_memory_file *file, int64_t bytes, struct erg_err *err)
{
    (void)bytes;
    *file = (struct erg_memory_file){.path = "/tmp/ergon-synth-XXXXXX"};
    file->fd = mkstemp(file->path);
    if (file->fd < 0) {
        return erg_fail_errno(err, errno, "cannot make a file in '/tmp'");
    }
    fcntl(file->fd, F_SETFD, FD_CLOEXEC);
    file->named = true;
    return 0;
}

void erg_memory_file_close(struct erg_memory_file *file)
{
    if (file->named) {
        unlink(file->path);
    }
    erg_cleanup_fd(&file->fd);
    *file = (struct erg_memory_file){.fd = -1};
}

int erg_unnamed_file_open(const char *folder)
{
    (void)folder;
    return -1;
}

int erg_unnamed_file_link(int fd, const char *path)
{
    (void)fd;
    (void)path;
    errno = ENOSYS;
    return -1;
}
