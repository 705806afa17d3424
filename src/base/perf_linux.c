/* SPDX-License-Identifier: MIT */
#include "base/perf.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_event(void *user, const struct erg_perf_event *event, int *out_handle,
                      struct erg_err *err)
{
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = event->type,
        .config = event->config,
    };
    (void)user;
    long fd = syscall(SYS_perf_event_open, &attr, event->pid, event->cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return erg_fail_errno(err, errno, "cannot open performance counter %u:0x%llx", event->type,
                              (unsigned long long)event->config);
    *out_handle = (int)fd;
    return 0;
}

static int read_event(void *user, int handle, uint64_t *out_value, struct erg_err *err)
{
    uint64_t value;
    (void)user;
    ssize_t n;
    do
        n = read(handle, &value, sizeof value);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return erg_fail_errno(err, errno, "cannot read a performance counter");
    /* A counter that could not be put on the hardware is at its end. */
    if (n != (ssize_t)sizeof value)
        return erg_fail(err, ERG_IO, "a performance counter does not count");
    *out_value = value;
    return 0;
}

static void close_event(void *user, int handle)
{
    (void)user;
    if (handle >= 0)
        close(handle);
}

const struct erg_perf *erg_perf_system(void)
{
    static const struct erg_perf perf = {open_event, read_event, close_event, NULL};
    return &perf;
}
