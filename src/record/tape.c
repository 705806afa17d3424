/* SPDX-License-Identifier: MIT */
#include "record/tape.h"

#include "base/limits.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct erg_tape {
    struct erg_join *join;
    struct erg_reader *reader;
    FILE *file;
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
        tape->file = S_ISDIR(st.st_mode) ? NULL : fopen(path, "wbe");
        tape->path = erg_strdup(path);
        if (!tape->file)
            return erg_fail_errno(err, S_ISDIR(st.st_mode) ? EISDIR : errno,
                                  "cannot write recording '%.128s'", path);
        return tape->path ? 0 : erg_fail(err, ERG_NOMEM, "no memory for a recording");
    }
    int len = snprintf(temporary, sizeof temporary, "%s.%ld.part", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof temporary)
        return erg_fail(err, ERG_LIMIT, "the name of the recording is too long");
    tape->file = fopen(temporary, "wbe");
    if (!tape->file)
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
    if (tape->file)
        fclose(tape->file);
    if (tape->temporary_path)
        unlink(tape->temporary_path);
    erg_reader_free(tape->reader);
    free(tape->path);
    free(tape->temporary_path);
    free(tape);
}

int erg_tape_put(struct erg_tape *tape, const void *bytes, size_t len, struct erg_err *err)
{
    if (len && tape->file && !tape->file_errno && fwrite(bytes, 1, len, tape->file) != len)
        tape->file_errno = errno ? errno : EIO;
    int rc = erg_reader_feed(tape->reader, bytes, len, err);
    struct erg_event event;
    while (rc == 0 && (rc = erg_reader_next(tape->reader, &event, err)) == 1)
        rc = erg_join_event(tape->join, &event, err);
    return rc;
}

int erg_tape_flush(struct erg_tape *tape, struct erg_err *err)
{
    if (tape->file && !tape->file_errno && fflush(tape->file))
        tape->file_errno = errno;
    if (!tape->file_errno || tape->reported)
        return 0;
    tape->reported = true;
    return erg_fail_errno(err, tape->file_errno, "cannot write recording '%.128s'", tape->path);
}

int erg_tape_keep(struct erg_tape *tape, struct erg_err *err)
{
    if (!tape->file)
        return 0;
    erg_tape_flush(tape, NULL);
    if (tape->file_errno)
        return erg_fail_errno(err, tape->file_errno, "cannot write recording '%.128s'", tape->path);
    FILE *file = tape->file;
    tape->file = NULL;
    /* Some file systems say only now that they are full. */
    if (fclose(file))
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
