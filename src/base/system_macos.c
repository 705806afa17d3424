/* SPDX-License-Identifier: MIT */
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <mach-o/dyld.h>
#include <mach/mach_time.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

int64_t erg_system_now_ns(void)
{
    return (int64_t)clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
}

ssize_t erg_system_program_path(char *out, size_t out_bytes)
{
    char found[4096];
    uint32_t found_bytes = sizeof found;
    if (_NSGetExecutablePath(found, &found_bytes))
        return -1;
    /* It is the path the program was started by, links and all. */
    char *path = realpath(found, NULL);
    size_t len = path ? strlen(path) : 0;
    bool fits = path && len < out_bytes;
    if (fits)
        memcpy(out, path, len + 1);
    free(path);
    return fits ? (ssize_t)len : -1;
}

static int close_on_exec(int fds[2])
{
    if (fcntl(fds[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(fds[1], F_SETFD, FD_CLOEXEC) == 0)
        return 0;
    int failure = errno;
    close(fds[0]);
    close(fds[1]);
    fds[0] = fds[1] = -1;
    errno = failure;
    return -1;
}

int erg_system_pipe(int out_fds[2])
{
    return pipe(out_fds) ? -1 : close_on_exec(out_fds);
}

int erg_system_socketpair(int out_fds[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, out_fds))
        return -1;
    /* In place of MSG_NOSIGNAL */
    for (int i = 0; i < 2; i++)
        setsockopt(out_fds[i], SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
    return close_on_exec(out_fds);
}

int erg_system_accept(int listening_fd)
{
    int fd = accept(listening_fd, NULL, NULL);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int erg_system_cond_init(pthread_cond_t *cond)
{
    return pthread_cond_init(cond, NULL);
}

int erg_system_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_ns)
{
    int64_t left = deadline_ns - erg_system_now_ns();
    if (left <= 0)
        return ETIMEDOUT;
    struct timespec span = {(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
    return pthread_cond_timedwait_relative_np(cond, mutex, &span);
}

bool erg_system_random(void *out, size_t bytes)
{
    arc4random_buf(out, bytes);
    return true;
}

void erg_system_errno_text(int sys_errno, char *out, size_t out_bytes)
{
    if (strerror_r(sys_errno, out, out_bytes))
        snprintf(out, out_bytes, "error %d", sys_errno);
}

int64_t erg_system_modified_ns(const struct stat *st)
{
    return (int64_t)st->st_mtimespec.tv_sec * NS_PER_S + st->st_mtimespec.tv_nsec;
}

/* The kernel counts in units of mach_absolute_time(): 1 ns on Intel, 125/3 ns on Apple's CPUs. */
static int64_t mach_ns(uint64_t ticks)
{
    mach_timebase_info_data_t base;
    if (mach_timebase_info(&base) || !base.denom)
        return -1;
    return (int64_t)(ticks / base.denom * base.numer +
                     ticks % base.denom * base.numer / base.denom);
}

static bool usage_of(pid_t pid, struct rusage_info_v2 *out)
{
    return pid > 0 && proc_pid_rusage(pid, RUSAGE_INFO_V2, (rusage_info_t *)out) == 0;
}

int64_t erg_system_process_ns(pid_t pid)
{
    struct rusage_info_v2 usage;
    return usage_of(pid, &usage) ? mach_ns(usage.ri_user_time + usage.ri_system_time) : -1;
}

uint64_t erg_system_process_rss_bytes(pid_t pid)
{
    struct rusage_info_v2 usage;
    return usage_of(pid, &usage) ? usage.ri_resident_size : 0;
}

/* There is no affinity: threads have classes of service. */
int erg_system_allowed_cpus(void)
{
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

void erg_system_name_process(const char *name)
{
    (void)name; /* the engine is started directly, and is called by its own name */
}

const char *erg_system_url_opener(void)
{
    return "open";
}

static void *wait_for_parent(void *user)
{
    pid_t parent = (pid_t)(intptr_t)user;
    struct kevent change, event;
    int queue = kqueue(), found = -1;
    EV_SET(&change, (uintptr_t)parent, EVFILT_PROC, EV_ADD | EV_ONESHOT, NOTE_EXIT, 0, NULL);
    do {
        found = kevent(queue, &change, 1, &event, 1, NULL);
    } while (found < 0 && errno == EINTR);
    /* Also when it was gone before it could be watched; a queue that fails is no reason. */
    if (found > 0 || getppid() != parent)
        kill(getpid(), SIGKILL);
    close(queue);
    return NULL;
}

/* A thread that sleeps until the parent ends: there is no signal for it. */
void erg_system_die_with_parent(void)
{
    pthread_t thread;
    sigset_t all, before;
    pid_t parent = getppid();
    if (parent <= 1)
        kill(getpid(), SIGKILL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, wait_for_parent, (void *)(intptr_t)parent) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
