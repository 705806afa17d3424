/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_SYSTEM_SERVE_PROGRAM_H
#define ERG_TESTS_SYSTEM_SERVE_PROGRAM_H

#include "system/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A running `ergon serve`. */
struct server {
    pid_t pid;
    int port;
    json_t *start; /* what it prints with --json */
};

/* One that is left by a test that fails, and the teardown that ends it. */
static pid_t running;

static inline int kill_left(void **state)
{
    (void)state;
    if (running > 0) {
        kill(running, SIGKILL);
        waitpid(running, NULL, 0);
        running = 0;
    }
    return 0;
}

/* A line of a pipe, waited for up to 60 s. */
static inline void read_line(int fd, char *out, size_t room)
{
    size_t len = 0;
    do {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&poll_fd, 1, 60000), 1);
        ssize_t n = read(fd, out + len, 1);
        assert_int_equal(n, 1);
        len++;
        assert_true(len < room);
    } while (out[len - 1] != '\n');
    out[len] = '\0';
}

static inline struct server start_args(const char *const *args)
{
    static char line[65536];
    const char *all[32] = {"serve", "--port", "0", "--json"};
    struct server server = {0};
    int fds[2];
    for (size_t i = 0; args[i]; i++)
        all[4 + i] = args[i];
    assert_int_equal(pipe(fds), 0);
    fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    server.pid = running = start_ergon(all, fds[1], -1);
    close(fds[1]);
    read_line(fds[0], line, sizeof line);
    close(fds[0]);
    server.start = json_loads(line, 0, NULL);
    assert_non_null(server.start);
    server.port = (int)number_at(server.start, "port");
    return server;
}
#define start(...) start_args((const char *const[]){__VA_ARGS__, NULL})

static inline int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Its exit status; how long it took is printed, and must not be many times the two seconds. */
static inline int stop(struct server *server, int signal_number)
{
    int status, waited = 0;
    int64_t begin = now_ms();
    kill(server->pid, signal_number);
    while (waitpid(server->pid, &status, WNOHANG) == 0) {
        assert_true(waited++ < 2000);
        poll(NULL, 0, 10);
    }
    running = 0;
    print_message("ended in %d ms\n", (int)(now_ms() - begin));
    json_decref(server->start);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static inline const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

#endif
