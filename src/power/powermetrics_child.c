/* SPDX-License-Identifier: MIT */
#include "power/powermetrics_child.h"

#include "base/mem.h"
#include "base/root.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 5 };

/* What powermetrics says on standard error in its ordinary life. */
static bool is_noise(const char *line)
{
    return strncmp(line, "proc_pid", 8) == 0 || strstr(line, "underflow occured") ||
           line[strspn(line, " \t\r")] == '\0';
}

/* In the child, after fork: async-signal-safe calls only. Never returns. */
static void become(char *const argv[], int out_fd, int text_fd, int report_fd)
{
    sigset_t none;
    struct sigaction normal = {.sa_handler = SIG_DFL};
    sigemptyset(&none);
    sigaction(SIGPIPE, &normal, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Ctrl-C is for us: the sensor goes on until the run has been ended in good order. */
    setpgid(0, 0);
    int null_fd = erg_open_file("/dev/null", O_RDWR, 0);
    int report = fcntl(report_fd, F_DUPFD_CLOEXEC, 16);
    int out = fcntl(out_fd, F_DUPFD_CLOEXEC, 16);
    int text = fcntl(text_fd, F_DUPFD_CLOEXEC, 16);
    if (null_fd >= 0 && report >= 0 && out >= 0 && text >= 0 && dup2(null_fd, 0) >= 0 &&
        dup2(out, 1) >= 0 && dup2(text, 2) >= 0)
        execv(argv[0], argv);
    int reason = errno;
    ssize_t ignored = write(report >= 0 ? report : report_fd, &reason, sizeof reason);
    (void)ignored;
    _exit(127);
}

/* 0 once the child runs the program, else the errno that kept it from doing so. */
static int wait_for_exec(int report_fd)
{
    int reason = 0;
    ssize_t n;
    do {
        n = read(report_fd, &reason, sizeof reason);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof reason ? reason : 0;
}

int erg_child_start(struct erg_child *child, char *const argv[], struct erg_err *err)
{
    int out[2] = {-1, -1}, text[2] = {-1, -1}, report[2] = {-1, -1};
    *child = (struct erg_child){.fd = -1, .text_fd = -1};
    int reason = 0;
    if (erg_system_pipe(out) || erg_system_pipe(text) || erg_system_pipe(report))
        reason = errno;
    pid_t pid = reason ? -1 : fork();
    if (pid == 0)
        become(argv, out[1], text[1], report[1]);
    if (pid < 0 && !reason)
        reason = errno;
    int *ends[] = {&out[1], &text[1], &report[1]};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        erg_cleanup_fd(ends[i]);
    if (!reason)
        reason = wait_for_exec(report[0]);
    erg_cleanup_fd(&report[0]);
    if (reason) {
        erg_cleanup_fd(&out[0]);
        erg_cleanup_fd(&text[0]);
        while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return erg_fail_errno(err, reason, "cannot start '%.150s'", argv[0]);
    }
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(text[0], F_SETFL, O_NONBLOCK);
    *child = (struct erg_child){.pid = pid, .fd = out[0], .text_fd = text[0]};
    return 0;
}

static void take_words(struct erg_child *child, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n') {
            if (child->line_len + 1 < sizeof child->line)
                child->line[child->line_len++] =
                    bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '?';
            continue;
        }
        child->line[child->line_len] = '\0';
        if (!is_noise(child->line))
            memcpy(child->words, child->line, sizeof child->words);
        child->line_len = 0;
    }
}

/* Standard error is read whenever output is, so that the program never waits for us there. */
static void read_words(struct erg_child *child)
{
    char bytes[1024];
    for (int i = 0; i < 64 && child->text_fd >= 0; i++) {
        ssize_t n = read(child->text_fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        if (n == 0) {
            take_words(child, "\n", 1);
            erg_cleanup_fd(&child->text_fd);
            child->text_fd = -1;
            return;
        }
        take_words(child, bytes, (size_t)n);
    }
}

ssize_t erg_child_read(struct erg_child *child, char *out, size_t out_bytes)
{
    read_words(child);
    if (child->fd < 0)
        return -1;
    ssize_t n;
    do {
        n = read(child->fd, out, out_bytes);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    return n == 0 ? -1 : n;
}

void erg_child_wait(struct erg_child *child, int64_t timeout_ns)
{
    struct pollfd fds[] = {{.fd = child->fd, .events = POLLIN},
                           {.fd = child->text_fd, .events = POLLIN}};
    int64_t ms = timeout_ns / 1000000;
    poll(fds, 2, ms > 1000 ? 1000 : (int)ms);
}

static void describe_end(int status, char *out, size_t out_bytes)
{
    if (WIFSIGNALED(status))
        snprintf(out, out_bytes, "was ended by signal %d", WTERMSIG(status));
    else
        snprintf(out, out_bytes, "ended with status %d", WEXITSTATUS(status));
}

void erg_child_stop(struct erg_child *child, int grace_ms, int patience_ms, char *out_end,
                    size_t out_bytes)
{
    if (out_bytes)
        snprintf(out_end, out_bytes, "closed its output");
    if (child->pid <= 0)
        return;
    read_words(child);
    int status = 0;
    /* One that has closed its output is about to end by itself: then its status says why. */
    pid_t ended = waitpid(child->pid, &status, WNOHANG);
    erg_cleanup_fd(&child->fd);
    erg_cleanup_fd(&child->text_fd);
    child->fd = child->text_fd = -1;
    for (int waited = 0; ended == 0 || (ended < 0 && errno == EINTR); waited += LOOK_MS) {
        if (waited >= grace_ms)
            kill(-child->pid, SIGKILL); /* sudo may refuse, but its pipe is closed */
        if (waited >= patience_ms)
            break;
        poll(NULL, 0, LOOK_MS);
        ended = waitpid(child->pid, &status, WNOHANG);
    }
    if (ended == child->pid && out_bytes)
        describe_end(status, out_end, out_bytes);
    child->pid = 0;
}
