/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "base/mem.h"
#include "power/fix.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_USER = 32, MAX_FIX_BYTES = 65536 };

/* What every tool that makes users accepts; nothing that sudoers would read as more than a name. */
static int check_user(const char *user, struct erg_err *err)
{
    size_t len = strlen(user);
    bool good = len > 0 && len <= MAX_USER && (isalpha((unsigned char)user[0]) || user[0] == '_');
    for (size_t i = 0; i < len && good; i++)
        good = isalnum((unsigned char)user[i]) || (i && strchr("_-.", user[i]));
    if (!good || strcasecmp(user, "ALL") == 0)
        return erg_fail(err, ERG_INVALID, "'%.40s' is no name of a user", user);
    return 0;
}

/* `text` with the user's name in it; free() it. */
static char *with_user(const char *text, const char *user)
{
    struct erg_buf out = {0};
    const char *at = strstr(text, "%s");
    if (!at)
        return erg_strdup(text);
    erg_buf_append(&out, text, (size_t)(at - text));
    erg_buf_puts(&out, user);
    erg_buf_puts(&out, at + 2);
    char *made = erg_buf_take(&out);
    erg_buf_deinit(&out);
    return made;
}

/* The folder of the file, as a descriptor, without following a link below the root. */
static int open_folder(const struct erg_fix *fix, const struct erg_root *root, int *out_fd,
                       const char **out_name, struct erg_err *err)
{
    ERG_AUTO_FD int fd =
        erg_open_file(root->prefix[0] ? root->prefix : "/", O_RDONLY | O_DIRECTORY, 0);
    const char *at = fix->path + 1;
    while (fd >= 0 && strchr(at, '/')) {
        char part[64];
        size_t len = strcspn(at, "/");
        snprintf(part, sizeof part, "%.*s", (int)len, at);
        int next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int failure = errno;
        close(fd);
        fd = next;
        errno = failure;
        at += len + 1;
    }
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return erg_fail(err, ERG_INVALID, "cannot write '%s': a link is on the way there",
                        fix->path);
    if (fd < 0)
        return erg_fail_errno(err, errno, "cannot open the folder of '%s'", fix->path);
    *out_name = at;
    *out_fd = fd;
    fd = -1;
    return 0;
}

/* What the file holds; *out_text NULL when there is none. */
static int read_ours(const struct erg_fix *fix, int folder, const char *name, char **out_text,
                     struct erg_err *err)
{
    struct stat st;
    *out_text = NULL;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : erg_fail_errno(err, errno, "cannot look at '%s'", fix->path);
    if (!S_ISREG(st.st_mode))
        return erg_fail(err, ERG_INVALID, "'%s' is no file (a link?): left alone", fix->path);
    ERG_AUTO_FD int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return erg_fail_errno(err, errno, "cannot read '%s'", fix->path);
    ERG_AUTO_FREE char *text = erg_calloc(1, MAX_FIX_BYTES + 1);
    if (!text)
        return erg_fail(err, ERG_NOMEM, "cannot read '%s': out of memory", fix->path);
    ssize_t n = pread(fd, text, MAX_FIX_BYTES, 0);
    if (n < 0)
        return erg_fail_errno(err, errno, "cannot read '%s'", fix->path);
    if (strncmp(text, erg_fix_mark, strlen(erg_fix_mark)) != 0)
        return erg_fail(err, ERG_BUSY, "'%s' is not ours (its first line is not): left alone",
                        fix->path);
    *out_text = text;
    text = NULL;
    return 0;
}

/* A remedy in its place: folder, name, what is there and what shall be. */
struct place {
    int folder;
    const char *name;
    char *old_text, *new_text;
};

static void place_deinit(struct place *place)
{
    erg_cleanup_fd(&place->folder);
    free(place->old_text);
    free(place->new_text);
}

static int find_place(const struct erg_fix *fix, const struct erg_root *root, const char *user,
                      struct place *out, struct erg_err *err)
{
    *out = (struct place){.folder = -1};
    int rc = check_user(user, err);
    if (rc == 0)
        rc = open_folder(fix, root, &out->folder, &out->name, err);
    if (rc == 0)
        rc = read_ours(fix, out->folder, out->name, &out->old_text, err);
    if (rc == 0 && !(out->new_text = with_user(fix->text, user)))
        rc = erg_fail(err, ERG_NOMEM, "out of memory");
    if (rc)
        place_deinit(out);
    return rc;
}

int erg_fix_look(const struct erg_fix *fix, const struct erg_root *root, const char *user,
                 enum erg_fix_state *out, struct erg_err *err)
{
    struct place place;
    int rc = find_place(fix, root, user, &place, err);
    if (rc)
        return rc;
    *out = !place.old_text                               ? ERG_FIX_ABSENT
           : strcmp(place.old_text, place.new_text) == 0 ? ERG_FIX_PRESENT
                                                         : ERG_FIX_OUTDATED;
    place_deinit(&place);
    return 0;
}

/* --- what would change ------------------------------------------------------------------------ */

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; text && *text; text++)
        lines += *text == '\n';
    return lines;
}

static void put_lines(char sign, const char *text, struct erg_buf *out)
{
    while (text && *text) {
        size_t len = strcspn(text, "\n");
        erg_buf_printf(out, "%c%.*s\n", sign, (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void put_commands(const char *const commands[][ERG_FIX_WORDS], const char *user,
                         struct erg_buf *out)
{
    for (size_t i = 0; i < ERG_FIX_COMMANDS && commands[i][0]; i++) {
        erg_buf_puts(out, "then:");
        for (size_t w = 0; commands[i][w]; w++)
            erg_buf_printf(out, " %s", strcmp(commands[i][w], "%s") ? commands[i][w] : user);
        erg_buf_putc(out, '\n');
    }
}

int erg_fix_show(const struct erg_fix *fix, const struct erg_root *root, const char *user,
                 bool undo, struct erg_buf *out, struct erg_err *err)
{
    struct place place;
    int rc = find_place(fix, root, user, &place, err);
    if (rc)
        return rc;
    const char *before = place.old_text, *after = undo ? NULL : place.new_text;
    size_t old_lines = count_lines(before), new_lines = count_lines(after);
    erg_buf_printf(out, "--- %s\n+++ %s\n@@ -%d,%zu +%d,%zu @@\n", before ? fix->path : "/dev/null",
                   after ? fix->path : "/dev/null", old_lines ? 1 : 0, old_lines, new_lines ? 1 : 0,
                   new_lines);
    put_lines('-', before, out);
    put_lines('+', after, out);
    if (after)
        erg_buf_printf(out, "mode: %04o root:root\n", (unsigned)fix->mode);
    put_commands(undo ? fix->undo : fix->apply, user, out);
    place_deinit(&place);
    return 0;
}

/* --- the change ------------------------------------------------------------------------------- */

static int run_commands(const char *const commands[][ERG_FIX_WORDS], const struct erg_root *root,
                        const char *user, erg_fix_run run, void *run_user, struct erg_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < ERG_FIX_COMMANDS && commands[i][0] && !root->prefix[0] && !rc; i++) {
        const char *argv[ERG_FIX_WORDS] = {NULL};
        for (size_t w = 0; w + 1 < ERG_FIX_WORDS && commands[i][w]; w++)
            argv[w] = strcmp(commands[i][w], "%s") ? commands[i][w] : user;
        rc = run(run_user, argv, err);
    }
    return rc;
}

static int write_all(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left) {
        ssize_t n = write(fd, text, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        text += n;
        left -= (size_t)n;
    }
    return 0;
}

/* Its own mode and owner before anybody can see it under its name. */
static int fill(int fd, const struct erg_fix *fix, const char *text, struct erg_err *err)
{
    if (write_all(fd, text) || fchmod(fd, fix->mode) || (geteuid() == 0 && fchown(fd, 0, 0)) ||
        fsync(fd))
        return erg_fail_errno(err, errno, "cannot write '%s'", fix->path);
    return 0;
}

static int approve(const struct erg_fix *fix, const struct erg_root *root, const char *name,
                   erg_fix_run run, void *run_user, struct erg_err *err)
{
    char full[ERG_MAX_PATH_BYTES];
    int folder_len = (int)(strrchr(fix->path, '/') - fix->path);
    if (!fix->sudoers)
        return 0;
    snprintf(full, sizeof full, "%s%.*s/%s", root->prefix, folder_len, fix->path, name);
    const char *const argv[] = {"visudo", "-c", "-f", full, NULL};
    int rc = run(run_user, argv, err);
    if (rc)
        erg_err_prefix(err, "'%s' is not installed", fix->path);
    return rc;
}

/* The name of what is not yet in place has a dot, so that neither sudo nor udev reads it. */
static int install(const struct erg_fix *fix, const struct erg_root *root, struct place *place,
                   erg_fix_run run, void *run_user, struct erg_err *err)
{
    char name[64];
    snprintf(name, sizeof name, ".ergon-%ld.tmp", (long)getpid());
    ERG_AUTO_FD int fd =
        openat(place->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return erg_fail_errno(err, errno, "cannot write '%s'", fix->path);
    int rc = fill(fd, fix, place->new_text, err);
    if (rc == 0)
        rc = approve(fix, root, name, run, run_user, err);
    if (rc == 0 && renameat(place->folder, name, place->folder, place->name))
        rc = erg_fail_errno(err, errno, "cannot write '%s'", fix->path);
    if (rc)
        unlinkat(place->folder, name, 0);
    else
        fsync(place->folder);
    return rc;
}

int erg_fix_apply(const struct erg_fix *fix, const struct erg_root *root, const char *user,
                  erg_fix_run run, void *run_user, struct erg_err *err)
{
    struct place place;
    int rc = find_place(fix, root, user, &place, err);
    if (rc)
        return rc;
    rc = install(fix, root, &place, run, run_user, err);
    place_deinit(&place);
    return rc ? rc : run_commands(fix->apply, root, user, run, run_user, err);
}

int erg_fix_undo(const struct erg_fix *fix, const struct erg_root *root, const char *user,
                 erg_fix_run run, void *run_user, struct erg_err *err)
{
    struct place place;
    int rc = find_place(fix, root, user, &place, err);
    if (rc)
        return rc;
    bool there = place.old_text != NULL;
    if (there && unlinkat(place.folder, place.name, 0))
        rc = erg_fail_errno(err, errno, "cannot remove '%s'", fix->path);
    if (there && !rc)
        fsync(place.folder);
    place_deinit(&place);
    return rc || !there ? rc : run_commands(fix->undo, root, user, run, run_user, err);
}
