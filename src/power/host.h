/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_HOST_H
#define ERG_POWER_HOST_H

#include "base/root.h"
#include "stream/format.h"

#include <sys/types.h>

/*
 * CPU and memory of the engine and of the machine, as differences between calls. The machine's
 * figures come from the root's /proc/stat and /proc/meminfo; the processes' own /proc entries are
 * always the real ones.
 */
struct erg_host {
    const struct erg_root *root;
    pid_t engine_pid; /* 0 = no engine yet */
    int64_t last_t_ns;
    int64_t last_machine_busy, last_machine_total; /* jiffies */
    int64_t last_engine_ns, last_self_ns;          /* CPU time */
};

void erg_host_init(struct erg_host *host, const struct erg_root *root, pid_t engine_pid);

/* Sample at `t_ns`. Ratios are NaN at the first call and wherever they cannot be read. */
void erg_host_sample(struct erg_host *host, int64_t t_ns, struct erg_host_sample *out);

#endif
