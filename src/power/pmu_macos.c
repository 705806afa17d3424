/* SPDX-License-Identifier: MIT */
#include "power/pmu.h"

/* Counters of other processes are for Apple's own tools. */
static int open_counter(void *user, pid_t pid, enum erg_count what, int *out_fd,
                        struct erg_err *err)
{
    (void)user, (void)pid, (void)what, (void)out_fd;
    return erg_fail(err, ERG_UNSUPPORTED, "not offered by this system");
}

static int read_counter(void *user, int fd, struct erg_pmu_value *out)
{
    (void)user, (void)fd, (void)out;
    return ERG_UNSUPPORTED;
}

static void close_counter(void *user, int fd)
{
    (void)user, (void)fd;
}

const struct erg_pmu *erg_pmu_system(void)
{
    static const struct erg_pmu system = {
        .open = open_counter, .read = read_counter, .close = close_counter};
    return &system;
}
