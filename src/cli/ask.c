/* SPDX-License-Identifier: MIT */
#include "cli/ask.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LOOK_AGAIN_MS = 10 };

/* In a process group of its own, both outputs to `out_fd`. */
static int start(const char *program, const char *argument, int out_fd, pid_t *out_pid)
{
    const char *const argv[] = {program, argument, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    posix_spawn_file_actions_adddup2(&actions, out_fd, 2);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawn(out_pid, program, &actions, &attributes, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static int left_ms(int64_t deadline_ns)
{
    int64_t left = (deadline_ns - erg_clock_now_ns(erg_clock_system())) / 1000000;
    return left > 0 ? (int)left : 0;
}

/* The first line; false when there was no end of output in time. */
static bool read_line(int fd, int64_t deadline_ns, char *out, size_t out_bytes)
{
    size_t len = 0;
    bool line_ended = false;
    out[0] = '\0';
    for (;;) {
        char chunk[512];
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (poll(&poll_fd, 1, left_ms(deadline_ns)) <= 0 && left_ms(deadline_ns) == 0)
            return false;
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return true;
        for (ssize_t i = 0; i < n && !line_ended && len + 1 < out_bytes; i++) {
            line_ended = chunk[i] == '\n';
            if (!line_ended)
                out[len++] = (unsigned char)chunk[i] < 0x20 || chunk[i] == 0x7F ? '?' : chunk[i];
        }
        out[len] = '\0';
    }
}

/* Collect the process; false when it is still there at the deadline. */
static bool reap(pid_t pid, int64_t deadline_ns, int *out_status)
{
    const struct erg_clock *clock = erg_clock_system();
    for (;;) {
        pid_t got = waitpid(pid, out_status, WNOHANG);
        if (got > 0 || (got < 0 && errno != EINTR))
            return true;
        int64_t now = erg_clock_now_ns(clock);
        if (now >= deadline_ns)
            return false;
        clock->sleep_until_ns(clock->user, now + LOOK_AGAIN_MS * INT64_C(1000000));
    }
}

int erg_ask_program(const char *program, const char *argument, int patience_ms, char *out,
                    size_t out_bytes, struct erg_err *err)
{
    int fds[2], status = 0;
    pid_t pid;
    if (erg_system_pipe(fds))
        return erg_fail_errno(err, errno, "cannot run '%s'", program);
    int64_t deadline_ns =
        erg_clock_now_ns(erg_clock_system()) + (int64_t)patience_ms * INT64_C(1000000);
    int rc = start(program, argument, fds[1], &pid);
    close(fds[1]);
    if (rc) {
        close(fds[0]);
        return erg_fail_errno(err, rc, "cannot run '%s'", program);
    }
    bool ended = read_line(fds[0], deadline_ns, out, out_bytes) && reap(pid, deadline_ns, &status);
    close(fds[0]);
    if (!ended) {
        kill(-pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        return erg_fail(err, ERG_BUSY, "'%s %s' did not end within %d ms", program, argument,
                        patience_ms);
    }
    if (WIFSIGNALED(status))
        return erg_fail(err, ERG_IO, "'%s %s' was killed by signal %d", program, argument,
                        WTERMSIG(status));
    if (WEXITSTATUS(status) || !out[0])
        return erg_fail(err, ERG_IO, "'%s %s' %s%.120s", program, argument,
                        out[0] ? "failed: " : "printed nothing", out);
    return 0;
}
