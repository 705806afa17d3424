/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_POWER_FAKE_CLOCK_H
#define ERG_TESTS_POWER_FAKE_CLOCK_H

#include "base/clock.h"

#include <pthread.h>
#include <stdbool.h>

/*
 * A clock that stands still until a test moves it. One other thread may sleep on it: moving the
 * clock wakes it when its deadline has come and returns when it sleeps again, so that the two take
 * turns and nothing depends on timing.
 */
struct fake_clock {
    struct erg_clock clock;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int64_t now_ns, deadline_ns;
    bool sleeping, released;
};

static inline int64_t fake_now_ns(void *user)
{
    struct fake_clock *fake = user;
    pthread_mutex_lock(&fake->mutex);
    int64_t now = fake->now_ns;
    pthread_mutex_unlock(&fake->mutex);
    return now;
}

static inline void fake_sleep_until_ns(void *user, int64_t deadline_ns)
{
    struct fake_clock *fake = user;
    pthread_mutex_lock(&fake->mutex);
    if (fake->now_ns < deadline_ns && !fake->released) {
        fake->deadline_ns = deadline_ns;
        fake->sleeping = true;
        pthread_cond_broadcast(&fake->cond);
        while (fake->sleeping)
            pthread_cond_wait(&fake->cond, &fake->mutex);
    }
    pthread_mutex_unlock(&fake->mutex);
}

static inline void fake_clock_init(struct fake_clock *fake, int64_t now_ns)
{
    *fake = (struct fake_clock){
        .clock = {fake_now_ns, fake_now_ns, fake_sleep_until_ns, fake},
        .now_ns = now_ns,
    };
    pthread_mutex_init(&fake->mutex, NULL);
    pthread_cond_init(&fake->cond, NULL);
}

static inline void fake_clock_deinit(struct fake_clock *fake)
{
    pthread_cond_destroy(&fake->cond);
    pthread_mutex_destroy(&fake->mutex);
}

/* Move the clock from whatever thread, without waiting for the sleeper (a read that takes time). */
static inline void fake_clock_jump(struct fake_clock *fake, int64_t by_ns)
{
    pthread_mutex_lock(&fake->mutex);
    fake->now_ns += by_ns;
    pthread_mutex_unlock(&fake->mutex);
}

static inline void fake_clock_await_sleeper(struct fake_clock *fake)
{
    pthread_mutex_lock(&fake->mutex);
    while (!fake->sleeping)
        pthread_cond_wait(&fake->cond, &fake->mutex);
    pthread_mutex_unlock(&fake->mutex);
}

static inline void fake_clock_wake(struct fake_clock *fake, bool even_early)
{
    pthread_mutex_lock(&fake->mutex);
    if (fake->sleeping && (even_early || fake->deadline_ns <= fake->now_ns)) {
        fake->sleeping = false;
        pthread_cond_broadcast(&fake->cond);
    }
    while (!fake->sleeping)
        pthread_cond_wait(&fake->cond, &fake->mutex);
    pthread_mutex_unlock(&fake->mutex);
}

/* Move the clock to the sleeper's deadlines one after the other, and then to `t_ns`. */
static inline void fake_clock_run_to(struct fake_clock *fake, int64_t t_ns)
{
    fake_clock_await_sleeper(fake);
    while (fake->deadline_ns <= t_ns) {
        fake_clock_jump(fake, fake->deadline_ns - fake_now_ns(fake));
        fake_clock_wake(fake, false);
    }
    fake_clock_jump(fake, t_ns - fake_now_ns(fake));
}

/* Nobody sleeps on it any more: for stopping the other thread. */
static inline void fake_clock_release(struct fake_clock *fake)
{
    pthread_mutex_lock(&fake->mutex);
    fake->released = true;
    fake->sleeping = false;
    pthread_cond_broadcast(&fake->cond);
    pthread_mutex_unlock(&fake->mutex);
}

#endif
