/* SPDX-License-Identifier: MIT */
#include "base/err.h"
#include "base/num.h"
#include "base/root.h"
#include "base/system.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

static int64_t to_ns(struct timespec ts)
{
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t erg_system_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return to_ns(ts);
}

ssize_t erg_system_program_path(char *out, size_t out_bytes)
{
    ssize_t len = readlink("/proc/self/exe", out, out_bytes - 1);
    if (len <= 0)
        return -1;
    out[len] = '\0';
    return len;
}

int erg_system_pipe(int out_fds[2])
{
    return pipe2(out_fds, O_CLOEXEC);
}

int erg_system_socketpair(int out_fds[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out_fds);
}

int erg_system_accept(int listening_fd)
{
    return accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int erg_system_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;
    int rc = pthread_condattr_init(&monotonic);
    if (rc)
        return rc;
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    rc = pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return rc;
}

int erg_system_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_ns)
{
    struct timespec until = {deadline_ns / NS_PER_S, deadline_ns % NS_PER_S};
    return pthread_cond_timedwait(cond, mutex, &until);
}

bool erg_system_random(void *out, size_t bytes)
{
    return getrandom(out, bytes, GRND_NONBLOCK) == (ssize_t)bytes;
}

void erg_system_errno_text(int sys_errno, char *out, size_t out_bytes)
{
    char text[96];
    snprintf(out, out_bytes, "%s", strerror_r(sys_errno, text, sizeof text));
}

int64_t erg_system_modified_ns(const struct stat *st)
{
    return to_ns(st->st_mtim);
}

/* The kernel's clock of the process is finer than /proc/PID/stat. */
int64_t erg_system_process_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec ts;
    if (pid <= 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
        return -1;
    return to_ns(ts);
}

uint64_t erg_system_process_rss_bytes(pid_t pid)
{
    static const struct erg_root real = {.prefix = ""};
    char path[64], text[256];
    uint64_t pages;
    if (pid <= 0)
        return 0;
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
    if (erg_root_read_text(&real, path, text, sizeof text, NULL))
        return 0;
    char *second = text + strcspn(text, " ");
    second += strspn(second, " ");
    second[strcspn(second, " ")] = '\0';
    long page = sysconf(_SC_PAGESIZE);
    return erg_parse_u64(second, &pages, NULL) ? 0 : pages * (uint64_t)(page > 0 ? page : 4096);
}

int erg_system_allowed_cpus(void)
{
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : -1;
}

void erg_system_name_process(const char *name)
{
    prctl(PR_SET_NAME, name);
}

const char *erg_system_url_opener(void)
{
    return "xdg-open";
}

void erg_system_die_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

int erg_system_text(const char *path, char *out, size_t out_bytes)
{
    (void)path, (void)out, (void)out_bytes;
    return ERG_UNSUPPORTED;
}
