/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Loaded into a program with LD_PRELOAD: the k-th call that can fail does. ERGON_FAULT is "fail:K"
 * (with the errno that call most likely meets), "eintr:K" (interrupted before anything was done)
 * or "short:K" (one byte is read or written of those asked for). Calls are counted in the program
 * and in what it forks, together; programs it starts are left alone. What failed is written to the
 * file ERGON_FAULT_LOG; there is none when the program made fewer calls.
 */
enum kind { FAIL, EINTR_ONCE, SHORT_ONCE };

static enum kind kind;
static long wanted;
static const char *log_path;
static atomic_long *count; /* shared with forked children */

__attribute__((constructor)) static void begin(void)
{
    static atomic_long alone;
    const char *text = getenv("ERGON_FAULT");
    log_path = getenv("ERGON_FAULT_LOG");
    void *shared = (void *)syscall(SYS_mmap, NULL, sizeof *count, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    count = shared == MAP_FAILED ? &alone : shared;
    unsetenv("LD_PRELOAD");
    alarm(20); /* what hangs is killed, and by that is found */
    if (!text || !log_path)
        return;
    kind = *text == 'f' ? FAIL : *text == 'e' ? EINTR_ONCE : SHORT_ONCE;
    for (const char *digit = strchr(text, ':'); digit && *++digit;)
        wanted = wanted * 10 + (*digit - '0');
}

static void tell(const char *name)
{
    long fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    syscall(SYS_write, fd, name, strlen(name));
    syscall(SYS_close, fd);
}

/* Is it this call's turn? */
static int hit(const char *name, int counts)
{
    if (!wanted || !counts || atomic_fetch_add(count, 1) + 1 != wanted)
        return 0;
    tell(name);
    return 1;
}

#define REAL(name) (__extension__(__typeof__(&name)) dlsym(RTLD_NEXT, #name))

/* A call that may fail. */
#define FAILS(type, name, failure, error, parameters, arguments)                                   \
    type name parameters;                                                                          \
    type name parameters                                                                           \
    {                                                                                              \
        if (hit(#name, kind == FAIL)) {                                                            \
            errno = (error);                                                                       \
            return failure;                                                                        \
        }                                                                                          \
        return REAL(name) arguments;                                                               \
    }

/* One that may also be interrupted. */
#define WAITS(type, name, failure, error, parameters, arguments)                                   \
    type name parameters;                                                                          \
    type name parameters                                                                           \
    {                                                                                              \
        if (hit(#name, kind != SHORT_ONCE)) {                                                      \
            errno = kind == FAIL ? (error) : EINTR;                                                \
            return failure;                                                                        \
        }                                                                                          \
        return REAL(name) arguments;                                                               \
    }

/* One that moves bytes: `len` is how many. */
#define MOVES(name, error, parameters, arguments)                                                  \
    ssize_t name parameters;                                                                       \
    ssize_t name parameters                                                                        \
    {                                                                                              \
        if (hit(#name, kind != SHORT_ONCE || len > 1)) {                                           \
            if (kind == SHORT_ONCE) {                                                              \
                len = 1;                                                                           \
                return REAL(name) arguments;                                                       \
            }                                                                                      \
            errno = kind == FAIL ? (error) : EINTR;                                                \
            return -1;                                                                             \
        }                                                                                          \
        return REAL(name) arguments;                                                               \
    }

/* One that is done and only then fails, as closing does. */
#define LATE(type, name, failure, error, parameters, arguments)                                    \
    type name parameters;                                                                          \
    type name parameters                                                                           \
    {                                                                                              \
        int failed = hit(#name, kind == FAIL);                                                     \
        type result = REAL(name) arguments;                                                        \
        if (!failed)                                                                               \
            return result;                                                                         \
        errno = (error);                                                                           \
        return failure;                                                                            \
    }

#define OPENS(name)                                                                                \
    int name(const char *path, int flags, ...);                                                    \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, int) : 0;                            \
        va_end(ap);                                                                                \
        if (hit(#name, kind != SHORT_ONCE)) {                                                      \
            errno = kind == FAIL ? EMFILE : EINTR;                                                 \
            return -1;                                                                             \
        }                                                                                          \
        return REAL(name)(path, flags, mode);                                                      \
    }

#define CONTROLS(name)                                                                             \
    int name(int fd, int command, ...);                                                            \
    int name(int fd, int command, ...)                                                             \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, command);                                                                     \
        void *argument = va_arg(ap, void *);                                                       \
        va_end(ap);                                                                                \
        int unlocks = command == F_SETLK && ((struct flock *)argument)->l_type == F_UNLCK;         \
        if (hit(#name, kind == FAIL && !unlocks)) {                                                \
            errno = command == F_SETLK ? EAGAIN : EMFILE;                                          \
            return -1;                                                                             \
        }                                                                                          \
        return REAL(name)(fd, command, argument);                                                  \
    }

OPENS(open)
OPENS(open64)
CONTROLS(fcntl)
CONTROLS(fcntl64)
MOVES(read, EIO, (int fd, void *bytes, size_t len), (fd, bytes, len))
MOVES(pread, EIO, (int fd, void *bytes, size_t len, off_t at), (fd, bytes, len, at))
MOVES(pread64, EIO, (int fd, void *bytes, size_t len, off64_t at), (fd, bytes, len, at))
MOVES(write, ENOSPC, (int fd, const void *bytes, size_t len), (fd, bytes, len))
MOVES(pwrite, ENOSPC, (int fd, const void *bytes, size_t len, off_t at), (fd, bytes, len, at))
MOVES(pwrite64, ENOSPC, (int fd, const void *bytes, size_t len, off64_t at), (fd, bytes, len, at))
MOVES(recv, ECONNRESET, (int fd, void *bytes, size_t len, int flags), (fd, bytes, len, flags))
MOVES(send, ENOBUFS, (int fd, const void *bytes, size_t len, int flags), (fd, bytes, len, flags))
WAITS(int, poll, -1, ENOMEM, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))
WAITS(int, ftruncate64, -1, ENOSPC, (int fd, off64_t len), (fd, len))
WAITS(pid_t, waitpid, -1, EINTR, (pid_t pid, int *status, int options), (pid, status, options))
FAILS(int, fsync, -1, EIO, (int fd), (fd))
FAILS(int, fdatasync, -1, EIO, (int fd), (fd))
FAILS(int, fstat, -1, EIO, (int fd, struct stat *st), (fd, st))
FAILS(int, fstat64, -1, EIO, (int fd, struct stat64 *st), (fd, st))
FAILS(int, stat, -1, EIO, (const char *path, struct stat *st), (path, st))
FAILS(int, stat64, -1, EIO, (const char *path, struct stat64 *st), (path, st))
FAILS(int, lstat64, -1, EIO, (const char *path, struct stat64 *st), (path, st))
FAILS(int, statvfs, -1, EIO, (const char *path, struct statvfs *st), (path, st))
FAILS(int, access, -1, EIO, (const char *path, int mode), (path, mode))
FAILS(int, rename, -1, EIO, (const char *from, const char *to), (from, to))
FAILS(int, unlink, -1, EIO, (const char *path), (path))
FAILS(int, mkdir, -1, ENOSPC, (const char *path, mode_t mode), (path, mode))
FAILS(int, fchmod, -1, EIO, (int fd, mode_t mode), (fd, mode))
FAILS(int, mkostemp, -1, EMFILE, (char *path, int flags), (path, flags))
FAILS(int, mkstemp, -1, EMFILE, (char *path), (path))
FAILS(int, socketpair, -1, EMFILE, (int a, int b, int c, int fds[2]), (a, b, c, fds))
FAILS(int, pipe2, -1, EMFILE, (int fds[2], int flags), (fds, flags))
FAILS(int, dup2, -1, EMFILE, (int from, int to), (from, to))
FAILS(pid_t, fork, -1, EAGAIN, (void), ())
FAILS(int, execve, -1, ENOMEM, (const char *path, char *const argv[], char *const envp[]),
      (path, argv, envp))
FAILS(int, posix_spawn, EAGAIN, 0,
      (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]),
      (pid, path, actions, attributes, argv, envp))
FAILS(int, pthread_create, EAGAIN, 0,
      (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *user),
      (thread, attributes, run, user))
FAILS(void *, mmap64, MAP_FAILED, ENOMEM,
      (void *at, size_t len, int protection, int flags, int fd, off64_t offset),
      (at, len, protection, flags, fd, offset))
FAILS(ssize_t, readlink, -1, EIO, (const char *path, char *out, size_t len), (path, out, len))
FAILS(char *, realpath, NULL, EIO, (const char *path, char *out), (path, out))
FAILS(ssize_t, getrandom, -1, EAGAIN, (void *out, size_t len, unsigned flags), (out, len, flags))
FAILS(DIR *, opendir, NULL, EMFILE, (const char *path), (path))
FAILS(FILE *, fopen, NULL, EMFILE, (const char *path, const char *mode), (path, mode))
FAILS(size_t, fwrite, 0, ENOSPC, (const void *bytes, size_t size, size_t n, FILE *file),
      (bytes, size, n, file))
FAILS(int, fflush, EOF, ENOSPC, (FILE * file), (file))
FAILS(int, shutdown, -1, ENOTCONN, (int fd, int how), (fd, how))
LATE(int, close, -1, EIO, (int fd), (fd))
LATE(int, fclose, EOF, ENOSPC, (FILE * file), (file))
