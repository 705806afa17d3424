/* SPDX-License-Identifier: MIT */
#include "power/waiter.h"

#include "base/system.h"

int erg_waiter_init(struct erg_waiter *waiter, const struct erg_clock *clock, struct erg_err *err)
{
    *waiter = (struct erg_waiter){.clock = clock};
    int rc = erg_system_cond_init(&waiter->cond);
    if (rc)
        return erg_fail_errno(err, rc, "cannot prepare the sampling thread");
    rc = pthread_mutex_init(&waiter->mutex, NULL);
    if (rc) {
        pthread_cond_destroy(&waiter->cond);
        return erg_fail_errno(err, rc, "cannot prepare the sampling thread");
    }
    return 0;
}

void erg_waiter_deinit(struct erg_waiter *waiter)
{
    pthread_cond_destroy(&waiter->cond);
    pthread_mutex_destroy(&waiter->mutex);
}

void erg_waiter_wake(struct erg_waiter *waiter)
{
    pthread_mutex_lock(&waiter->mutex);
    waiter->woken = true;
    pthread_cond_signal(&waiter->cond);
    pthread_mutex_unlock(&waiter->mutex);
}

void erg_waiter_wait_until(struct erg_waiter *waiter, int64_t deadline_ns)
{
    bool machine = waiter->clock->sleep_until_ns == erg_clock_system()->sleep_until_ns;
    pthread_mutex_lock(&waiter->mutex);
    int rc = 0;
    while (machine && !waiter->woken && rc == 0)
        rc = erg_system_cond_wait_until(&waiter->cond, &waiter->mutex, deadline_ns);
    bool sleep = !machine && !waiter->woken;
    waiter->woken = false;
    pthread_mutex_unlock(&waiter->mutex);
    if (sleep)
        waiter->clock->sleep_until_ns(waiter->clock->user, deadline_ns);
}
