/* SPDX-License-Identifier: MIT */
#include "power/pmu.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t config_of(enum erg_count what)
{
    switch (what) {
    case ERG_COUNT_INSTRUCTIONS:
        return PERF_COUNT_HW_INSTRUCTIONS;
    case ERG_COUNT_CYCLES:
        return PERF_COUNT_HW_CPU_CYCLES;
    default:
        return PERF_COUNT_HW_CACHE_MISSES;
    }
}

/* Each by itself: kernels before 6.13 read no groups of counters that threads inherit. */
static int open_counter(void *user, pid_t pid, enum erg_count what, int *out_fd,
                        struct erg_err *err)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof attr,
        .config = config_of(what),
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
        .inherit = 1,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    (void)user;
    long fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd >= 0) {
        *out_fd = (int)fd;
        return 0;
    }
    if (errno == EACCES || errno == EPERM)
        return erg_fail(err, ERG_DENIED, "not permitted");
    if (errno == ENOENT || errno == EOPNOTSUPP || errno == ENODEV || errno == EINVAL ||
        errno == ENOSYS)
        return erg_fail(err, ERG_UNSUPPORTED, "not offered by this machine");
    return erg_fail_errno(err, errno, "cannot be opened");
}

static int read_counter(void *user, int fd, struct erg_pmu_value *out)
{
    (void)user;
    uint64_t raw[3];
    ssize_t n;
    do {
        n = read(fd, raw, sizeof raw);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof raw)
        return ERG_IO;
    *out = (struct erg_pmu_value){raw[0], raw[1], raw[2]};
    return 0;
}

static void close_counter(void *user, int fd)
{
    (void)user;
    close(fd);
}

const struct erg_pmu *erg_pmu_system(void)
{
    static const struct erg_pmu system = {
        .open = open_counter, .read = read_counter, .close = close_counter};
    return &system;
}
