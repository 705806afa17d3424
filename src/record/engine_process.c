/* SPDX-License-Identifier: MIT */
#include "record/engine_process.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/root.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the flag does not exist, erg_system_socketpair() has set an option in its place. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

extern char **environ;

/* Descriptor number of the socket in the engine: the first behind stdin, stdout and stderr. */
enum { ENGINE_FD = 3, STOP_POLL_MS = 10, CHUNK_BYTES = 65536, STDERR_CHUNKS = 32 };

/*
 * While events keep coming they are fetched after rests, rather than each by a wake-up, which costs
 * the engine's threads more than the events themselves. A rest lasts until about one chunk is
 * there, at most MOST_REST_MS; without events for QUIET_MS the engine is waited for again.
 */
enum { FIRST_REST_MS = 5, MOST_REST_MS = 100, QUIET_MS = 1000 };

/* What the engine writes during a rest must find room in the kernel, where it outlives the engine.
 */
enum { SOCKET_BYTES = 1 << 20 };

/* In the child, after fork: async-signal-safe calls only. Never returns. */
static void become_engine(const char *program, char *const envp[], int socket_fd, int stderr_fd,
                          int report_fd)
{
    int null_fd = erg_open_file("/dev/null", O_RDWR, 0);
    char *const argv[] = {(char *)program, NULL};
    sigset_t none;
    struct sigaction normal = {.sa_handler = SIG_DFL};
    /* What the thread that starts an engine has blocked, and ignores, is its own business. */
    sigemptyset(&none);
    sigaction(SIGPIPE, &normal, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* A terminal's Ctrl-C is for the recorder, which ends the run in good order. */
    setpgid(0, 0);
    int report = fcntl(report_fd, F_DUPFD_CLOEXEC, 16);
    int socket = fcntl(socket_fd, F_DUPFD, 16);
    int error = fcntl(stderr_fd, F_DUPFD, 16);
    if (null_fd >= 0 && report >= 0 && socket >= 0 && error >= 0 && dup2(null_fd, 0) >= 0 &&
        dup2(null_fd, 1) >= 0 && dup2(error, 2) >= 0 && dup2(socket, ENGINE_FD) >= 0) {
        close(socket);
        close(error);
        execve(program, argv, envp);
    }
    int reason = errno;
    ssize_t ignored = write(report >= 0 ? report : report_fd, &reason, sizeof reason);
    (void)ignored;
    _exit(127);
}

static void wait_for_end(pid_t pid, int *out_status)
{
    while (waitpid(pid, out_status, 0) < 0 && errno == EINTR)
        ;
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

/* Our environment with ERGON_PROBE_FD in it; the strings are borrowed. NULL when memory is short.
 */
static char **engine_environment(void)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **envp = erg_calloc(count + 2, sizeof *envp);
    if (!envp)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], "ERGON_PROBE_FD=", 15) != 0)
            envp[kept++] = environ[i];
    }
    envp[kept] = (char *)"ERGON_PROBE_FD=3";
    return envp;
}

static int start_process(struct erg_engine *engine, const char *program, int sockets[2],
                         int errors[2], int report[2], struct erg_err *err)
{
    ERG_AUTO_FREE char **envp = engine_environment();
    if (!envp)
        return erg_fail(err, ERG_NOMEM, "no memory to start engine '%.128s'", program);
    if (erg_system_socketpair(sockets) || erg_system_pipe(errors) || erg_system_pipe(report))
        return erg_fail_errno(err, errno, "cannot start engine '%.128s'", program);
    setsockopt(sockets[1], SOL_SOCKET, SO_SNDBUF, &(int){SOCKET_BYTES}, sizeof(int));
    engine->pid = fork();
    if (engine->pid == 0)
        become_engine(program, envp, sockets[1], errors[1], report[1]);
    if (engine->pid < 0)
        return erg_fail_errno(err, errno, "cannot start engine '%.128s'", program);
    close(report[1]);
    report[1] = -1;
    int reason = wait_for_exec(report[0]);
    if (reason == 0)
        return 0;
    wait_for_end(engine->pid, NULL);
    engine->pid = 0;
    return erg_fail_errno(err, reason, "cannot start engine '%.128s'", program);
}

int erg_engine_start(struct erg_engine *engine, const char *program, struct erg_err *err)
{
    *engine = (struct erg_engine){.fd = -1, .stderr_fd = -1};
    int sockets[2] = {-1, -1}, errors[2] = {-1, -1}, report[2] = {-1, -1};
    int rc = erg_reader_new(&engine->reader, err);
    if (rc == 0)
        rc = start_process(engine, program, sockets, errors, report, err);
    int *ends[] = {&sockets[1], &errors[1], &report[0], &report[1]};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        erg_cleanup_fd(ends[i]);
    engine->fd = sockets[0];
    engine->stderr_fd = errors[0];
    if (rc)
        erg_engine_stop(engine, 0);
    else
        fcntl(engine->stderr_fd, F_SETFL, O_NONBLOCK);
    return rc;
}

/* Wait for the process to end by itself; true when it has. */
static bool reap(struct erg_engine *engine, int patience_ms, int *out_status)
{
    for (int waited = 0;; waited += STOP_POLL_MS) {
        pid_t pid = waitpid(engine->pid, out_status, WNOHANG);
        if (pid == engine->pid || (pid < 0 && errno != EINTR))
            return true;
        if (waited >= patience_ms)
            return false;
        poll(NULL, 0, STOP_POLL_MS);
    }
}

void erg_engine_stop(struct erg_engine *engine, int patience_ms)
{
    if (engine->pid > 0) {
        int status = 0;
        if (engine->fd >= 0) {
            erg_engine_send(engine, "{\"cmd\":\"quit\"}", NULL);
            shutdown(engine->fd, SHUT_WR);
        }
        if (!reap(engine, patience_ms, &status)) {
            kill(-engine->pid, SIGKILL); /* with what it has started: it may be a wrapper */
            wait_for_end(engine->pid, &status);
        }
    }
    erg_cleanup_fd(&engine->fd);
    erg_cleanup_fd(&engine->stderr_fd);
    erg_reader_free(engine->reader);
    *engine = (struct erg_engine){.fd = -1, .stderr_fd = -1};
}

bool erg_engine_listens(const struct erg_engine *engine)
{
    struct pollfd poll_fd = {.fd = engine->fd};
    return !engine->ended && poll(&poll_fd, 1, 0) >= 0 && !(poll_fd.revents & (POLLHUP | POLLERR));
}

/* The socket is full, or the kernel is short of memory for it just now. */
static bool is_full(int failure)
{
    return failure == EAGAIN || failure == EWOULDBLOCK || failure == ENOBUFS || failure == ENOMEM;
}

/*
 * Everything, or GONE when the other end is closed, IO for another failure, or BUSY when it does
 * not read within 10 s.
 */
static int send_all(int fd, const char *bytes, size_t len)
{
    int looks = 10000 / STOP_POLL_MS;
    while (len) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
            continue;
        }
        struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
            return ERG_GONE;
        if (!is_full(errno) && errno != EINTR)
            return ERG_IO;
        if (looks-- == 0)
            return ERG_BUSY;
        /* A socket that has room for some bytes may not have it for all. */
        if (errno != EINTR && poll(&poll_fd, 1, STOP_POLL_MS) > 0)
            poll(NULL, 0, 1);
    }
    return 0;
}

int erg_engine_send(struct erg_engine *engine, const char *json, struct erg_err *err)
{
    uint32_t len = (uint32_t)strlen(json);
    engine->rest_ms = 0; /* the answer is waited for */
    int rc = send_all(engine->fd, (const char *)&len, sizeof len);
    if (rc == 0)
        rc = send_all(engine->fd, json, len);
    return rc ? erg_fail(err, rc, "the engine does not take commands any more") : 0;
}

/*
 * Keep the last line the engine has written to stderr. It takes twice what a pipe holds and no
 * more, for an engine may write faster than anybody reads.
 */
static void read_last_words(struct erg_engine *engine)
{
    char chunk[4096];
    ssize_t n;
    for (int i = 0; i < STDERR_CHUNKS; i++) {
        if (engine->stderr_fd < 0 || (n = read(engine->stderr_fd, chunk, sizeof chunk)) <= 0)
            return;
        size_t end = (size_t)n;
        while (end && (chunk[end - 1] == '\n' || chunk[end - 1] == ' '))
            end--;
        size_t start = end;
        while (start && chunk[start - 1] != '\n')
            start--;
        if (end - start >= sizeof engine->last_words)
            end = start + sizeof engine->last_words - 1;
        if (end > start) {
            memcpy(engine->last_words, chunk + start, end - start);
            engine->last_words[end - start] = '\0';
        }
    }
}

/* After `n` bytes have come. */
static void choose_rest(struct erg_engine *engine, size_t n)
{
    engine->quiet_ms = 0;
    engine->taken_bytes += n;
    engine->has_more = n == CHUNK_BYTES;
    if (engine->has_more)
        return;
    if (engine->rest_ms == 0)
        engine->rest_ms = FIRST_REST_MS;
    else if (engine->taken_bytes >= CHUNK_BYTES)
        engine->rest_ms = engine->rest_ms > 1 ? engine->rest_ms / 2 : 1;
    else
        engine->rest_ms = 2 * engine->rest_ms < MOST_REST_MS ? 2 * engine->rest_ms : MOST_REST_MS;
}

int erg_engine_wait(struct erg_engine *engine, int timeout_ms, struct erg_err *err)
{
    if (engine->ended)
        return erg_fail(err, ERG_GONE, "the engine is gone");
    if (engine->rest_ms > 0 && !engine->has_more) {
        int rest_ms = engine->rest_ms < timeout_ms ? engine->rest_ms : timeout_ms;
        poll(NULL, 0, rest_ms);
        engine->quiet_ms += rest_ms;
        engine->taken_bytes = 0;
    }
    if (engine->rest_ms > 0)
        timeout_ms = 0;
    struct pollfd poll_fds[2] = {{.fd = engine->fd, .events = POLLIN},
                                 {.fd = engine->stderr_fd, .events = POLLIN}};
    engine->has_more = false;
    if (engine->quiet_ms >= QUIET_MS)
        engine->rest_ms = engine->quiet_ms = 0;
    if (poll(poll_fds, 2, timeout_ms) <= 0)
        return 0;
    if (poll_fds[1].revents & POLLIN) {
        read_last_words(engine);
    } else if (poll_fds[1].revents) {
        close(engine->stderr_fd);
        engine->stderr_fd = -1;
    }
    if (!(poll_fds[0].revents & (POLLIN | POLLHUP | POLLERR)))
        return 0;
    char chunk[CHUNK_BYTES];
    ssize_t n = recv(engine->fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n > 0) {
        choose_rest(engine, (size_t)n);
        return erg_reader_feed(engine->reader, chunk, (size_t)n, err);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    engine->ended = true;
    return erg_fail(err, ERG_GONE, "the engine is gone");
}

int erg_engine_next(struct erg_engine *engine, struct erg_event *out, struct erg_err *err)
{
    int rc = erg_reader_next(engine->reader, out, err);
    if (rc < 0)
        engine->ended = true;
    return rc;
}

void erg_engine_obituary(struct erg_engine *engine, char *out, size_t out_bytes)
{
    int status = 0;
    read_last_words(engine);
    if (engine->pid <= 0 || !reap(engine, 2000, &status)) {
        snprintf(out, out_bytes, "stopped talking but did not end");
        return;
    }
    engine->pid = 0;
    if (WIFSIGNALED(status))
        snprintf(out, out_bytes, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(out, out_bytes, "ended with exit status %d", WEXITSTATUS(status));
    size_t len = strlen(out);
    if (engine->last_words[0])
        snprintf(out + len, out_bytes - len, ": %s", engine->last_words);
}
