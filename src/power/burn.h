/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_BURN_H
#define ERG_POWER_BURN_H

#include "base/err.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { ERG_MAX_BURN_THREADS = 64 };

/* A load to be noticed by sensors: arithmetic on every CPU that this process may use. */
struct erg_burn {
    pthread_t threads[ERG_MAX_BURN_THREADS];
    int count;
    atomic_bool stop;
};

/* Switch `user`, a zeroed struct erg_burn, on or off; what erg_character_plan wants as `load`. */
int erg_burn_switch(void *user, bool on, struct erg_err *err);

#endif
