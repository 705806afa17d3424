/* SPDX-License-Identifier: MIT */
#include "engine/llama/model_file.h"

#include "base/mem.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* What can be had without swapping; INT64_MAX when the system does not say. */
static int64_t available_bytes(void)
{
    char line[128];
    int64_t kilobytes;
    ERG_AUTO_FILE FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "MemAvailable: %" SCNd64, &kilobytes) == 1) {
            return kilobytes * 1024;
        }
    }
    return INT64_MAX;
}

int erg_memory_file_open(struct erg_memory_file *file, int64_t bytes, struct erg_err *err)
{
    int64_t room = available_bytes();
    *file = (struct erg_memory_file){.fd = -1};
    if (bytes > room) {
        char needed[32], there[32];
        erg_format_bytes((uint64_t)bytes, needed, sizeof(needed));
        erg_format_bytes((uint64_t)room, there, sizeof(there));
        return erg_fail(err, ERG_LIMIT,
                        "loading the model takes %s of memory, %s are available (try 'ergon synth' "
                        "and its file, or fewer layers)",
                        needed, there);
    }
    file->fd = memfd_create("ergon-synth", MFD_CLOEXEC);
    if (file->fd < 0) {
        return erg_fail_errno(err, errno, "cannot make a file in memory");
    }
    snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
    return 0;
}

void erg_memory_file_close(struct erg_memory_file *file)
{
    erg_cleanup_fd(&file->fd);
    file->fd = -1;
}

int erg_unnamed_file_open(const char *folder)
{
    return open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
}

int erg_unnamed_file_link(int fd, const char *path)
{
    char self[64];
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}
