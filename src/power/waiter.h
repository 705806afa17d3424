/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_WAITER_H
#define ERG_POWER_WAITER_H

#include "base/clock.h"
#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>

/*
 * Sleeping until a deadline that another thread can cut short. With the machine's clock that is a
 * condition variable; with an injected clock it is the clock's own sleep, which a test ends.
 */
struct erg_waiter {
    const struct erg_clock *clock;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool woken;
};

int erg_waiter_init(struct erg_waiter *waiter, const struct erg_clock *clock, struct erg_err *err);
void erg_waiter_deinit(struct erg_waiter *waiter);

/* End the wait that is under way, or else the next one. Any thread. */
void erg_waiter_wake(struct erg_waiter *waiter);

/* Return at the deadline, when woken, or early for no reason. */
void erg_waiter_wait_until(struct erg_waiter *waiter, int64_t deadline_ns);

#endif
