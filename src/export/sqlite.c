/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "export/formats.h"
#include "export/out.h"
#include "store/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A database has to be built in a file; it is gone when the export is, however it ends. */
struct temporary {
    char path[512];
};

static void remove_file(struct temporary *file)
{
    if (file->path[0])
        unlink(file->path);
}

static int make_file(struct temporary *out, int *out_fd, struct erg_err *err)
{
    const char *dir = getenv("TMPDIR");
    struct temporary file;
    int len =
        snprintf(file.path, sizeof file.path, "%s/ergon-export-XXXXXX", dir && *dir ? dir : "/tmp");
    if (len < 0 || (size_t)len >= sizeof file.path)
        return erg_fail(err, ERG_LIMIT, "the name of the temporary folder is too long");
    int fd = mkostemp(file.path, O_CLOEXEC);
    if (fd < 0)
        return erg_fail_errno(err, errno, "cannot make '%.200s'", file.path);
    *out = file;
    *out_fd = fd;
    return 0;
}

static int send_file(const struct erg_export_request *request, int fd, struct erg_err *err)
{
    char chunk[65536];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        int rc = request->sink(request->user, chunk, (size_t)n);
        if (rc)
            return erg_out_fail(err, rc);
    }
    return n < 0 ? erg_fail_errno(err, errno, "cannot read the temporary file") : 0;
}

static int write_sqlite(const struct erg_export_request *request, struct erg_err *err)
{
    __attribute__((cleanup(remove_file))) struct temporary file = {""};
    ERG_AUTO_FD int fd = -1;
    int rc = make_file(&file, &fd, err);
    if (rc == 0)
        rc = erg_store_copy_run(request->store, request->run_id, file.path, err);
    return rc ? rc : send_file(request, fd, err);
}

const struct erg_exporter erg_export_sqlite = {
    .name = "sqlite",
    .summary = "SQLite database of this run, the detail tables written out",
    .media_type = "application/vnd.sqlite3",
    .extension = "sqlite",
    .write = write_sqlite,
};
