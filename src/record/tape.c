/* SPDX-License-Identifier: MIT */
#include "record/tape.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is kept back before it is written. */
enum { WRITE_BYTES = 65536 };

struct erg_tape {
    struct erg_join *join;
    struct erg_reader *reader;
    int fd; /* -1 = no recording */
    struct erg_buf unwritten;
    char *path, *temporary_path;
    int file_errno; /* first failure to write; 0 = none */
    bool reported;
};

/* A device or a pipe is written to as it is: a file must not take its place. */
static bool is_written_in_place(const char *path, struct stat *out)
{
    return stat(path, out) == 0 && !S_ISREG(out->st_mode);
}

static int open_file(struct erg_tape *tape, const char *path, struct erg_err *err)
{
    char temporary[ERG_MAX_PATH_BYTES];
    struct stat st;
    if (is_written_in_place(path, &st)) {
        tape->fd = S_ISDIR(st.st_mode) ? -1 : erg_open_file(path, O_WRONLY, 0);
        tape->path = erg_strdup(path);
        if (tape->fd < 0)
            return erg_fail_errno(err, S_ISDIR(st.st_mode) ? EISDIR : errno,
                                  "cannot write recording '%.128s'", path);
        return tape->path ? 0 : erg_fail(err, ERG_NOMEM, "no memory for a recording");
    }
    int len = snprintf(temporary, sizeof temporary, "%s.%ld.part", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof temporary)
        return erg_fail(err, ERG_LIMIT, "the name of the recording is too long");
    tape->fd = erg_open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (tape->fd < 0)
        return erg_fail_errno(err, errno, "cannot write recording '%.128s'", path);
    tape->path = erg_strdup(path);
    tape->temporary_path = erg_strdup(temporary);
    if (tape->path && tape->temporary_path)
        return 0;
    unlink(temporary);
    return erg_fail(err, ERG_NOMEM, "no memory for a recording");
}

int erg_tape_open(struct erg_tape **out, const char *record_path, struct erg_join *join,
                  struct erg_err *err)
{
    struct erg_tape *tape = erg_calloc(1, sizeof *tape);
    if (!tape)
        return erg_fail(err, ERG_NOMEM, "no memory for a recording");
    tape->join = join;
    tape->fd = -1;
    erg_buf_init(&tape->unwritten);
    int rc = erg_reader_new(&tape->reader, err);
    if (rc == 0 && record_path)
        rc = open_file(tape, record_path, err);
    if (rc) {
        erg_tape_free(tape);
        return rc;
    }
    *out = tape;
    return 0;
}

void erg_tape_free(struct erg_tape *tape)
{
    if (!tape)
        return;
    erg_cleanup_fd(&tape->fd);
    erg_buf_deinit(&tape->unwritten);
    if (tape->temporary_path)
        unlink(tape->temporary_path);
    erg_reader_free(tape->reader);
    free(tape->path);
    free(tape->temporary_path);
    free(tape);
}

static void write_out(struct erg_tape *tape)
{
    const char *at = tape->unwritten.data;
    size_t left = tape->unwritten.len;
    if (erg_buf_status(&tape->unwritten))
        tape->file_errno = ENOMEM;
    while (left && !tape->file_errno) {
        ssize_t n = write(tape->fd, at, left);
        if (n < 0 && errno != EINTR)
            tape->file_errno = errno;
        at += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
    erg_buf_clear(&tape->unwritten);
}

int erg_tape_put(struct erg_tape *tape, const void *bytes, size_t len, struct erg_err *err)
{
    if (len && tape->fd >= 0 && !tape->file_errno) {
        erg_buf_append(&tape->unwritten, bytes, len);
        if (tape->unwritten.len >= WRITE_BYTES || erg_buf_status(&tape->unwritten))
            write_out(tape);
    }
    int rc = erg_reader_feed(tape->reader, bytes, len, err);
    struct erg_event event;
    while (rc == 0 && (rc = erg_reader_next(tape->reader, &event, err)) == 1)
        rc = erg_join_event(tape->join, &event, err);
    return rc;
}

int erg_tape_flush(struct erg_tape *tape, struct erg_err *err)
{
    if (tape->fd >= 0 && !tape->file_errno)
        write_out(tape);
    if (!tape->file_errno || tape->reported)
        return 0;
    tape->reported = true;
    return erg_fail_errno(err, tape->file_errno, "cannot write recording '%.128s'", tape->path);
}

int erg_tape_keep(struct erg_tape *tape, struct erg_err *err)
{
    if (tape->fd < 0)
        return 0;
    erg_tape_flush(tape, NULL);
    if (tape->file_errno)
        return erg_fail_errno(err, tape->file_errno, "cannot write recording '%.128s'", tape->path);
    int fd = tape->fd;
    tape->fd = -1;
    /* Some file systems say only now that they are full. */
    if (close(fd) && errno != EINTR)
        return erg_fail_errno(err, errno, "cannot write recording '%.128s'", tape->path);
    if (!tape->temporary_path)
        return 0;
    if (rename(tape->temporary_path, tape->path))
        return erg_fail_errno(err, errno, "cannot write recording '%.128s'", tape->path);
    free(tape->temporary_path);
    tape->temporary_path = NULL;
    return 0;
}

size_t erg_tape_pending(const struct erg_tape *tape)
{
    return erg_reader_pending(tape->reader);
}
