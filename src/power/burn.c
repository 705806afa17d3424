/* SPDX-License-Identifier: MIT */
#include "power/burn.h"

#include "base/system.h"

#include <stdint.h>

enum { ROUND = 4096 };

static void *work(void *argument)
{
    struct erg_burn *burn = argument;
    volatile double sink = 0;
    double x = 1, y = 0.5;
    while (!atomic_load_explicit(&burn->stop, memory_order_relaxed)) {
        for (int i = 0; i < ROUND; i++) {
            x = x * 1.0000001 + y;
            y = y * 0.9999999 + 1e-9;
        }
        x = x > 1e12 ? 1 : x;
    }
    sink = x + y;
    (void)sink;
    return NULL;
}

static void stop(struct erg_burn *burn)
{
    atomic_store(&burn->stop, true);
    while (burn->count)
        pthread_join(burn->threads[--burn->count], NULL);
}

int erg_burn_switch(void *user, bool on, struct erg_err *err)
{
    struct erg_burn *burn = user;
    stop(burn);
    if (!on)
        return 0;
    int cpus = erg_system_allowed_cpus();
    int wanted = cpus < 1 ? 1 : cpus > ERG_MAX_BURN_THREADS ? ERG_MAX_BURN_THREADS : cpus;
    atomic_store(&burn->stop, false);
    while (burn->count < wanted) {
        int failed = pthread_create(&burn->threads[burn->count], NULL, work, burn);
        if (failed && burn->count == 0)
            return erg_fail_errno(err, failed, "cannot put load on the processors");
        if (failed)
            break;
        burn->count++;
    }
    return 0;
}
