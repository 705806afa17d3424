/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_SET_H
#define ERG_POWER_SET_H

#include "base/limits.h"
#include "power/driver.h"
#include "power/waiter.h"

#include <pthread.h>
#include <stdatomic.h>

/* The inside of a set of sources, shared by power.c (the set) and sampler.c (its thread). */

#define ERG_CHANNEL_DROPPED UINT32_MAX

struct erg_power_member {
    const struct erg_power_driver *driver;
    struct erg_power_source *source;
    bool exact;
    uint32_t own_count; /* channels the driver delivers */
    uint32_t *channels; /* their index in the set, or ERG_CHANNEL_DROPPED */
    /* --- the sampling thread's: */
    bool dead;
    int64_t cost_ns; /* of the last read */
};

struct erg_power {
    const struct erg_clock *clock;
    struct erg_power_member *members;
    size_t member_count, member_capacity;
    struct erg_channel *channels;
    size_t channel_count, channel_capacity;
    int64_t interval_ns;
    char *warnings[ERG_MAX_WARNINGS]; /* of open */
    size_t warning_count;
    pthread_mutex_t lock; /* held while a source is read or its zero is moved */

    erg_power_on_reading on_reading; /* NULL before start and after stop */
    erg_power_on_warning on_warning;
    void *user;

    bool running;
    pthread_t thread;
    struct erg_waiter waiter;
    atomic_bool stop, poked;
};

/* erg_power_open() with another table of drivers. */
int erg_power_open_from(const struct erg_power_driver *const *table, struct erg_power **out,
                        const struct erg_power_options *options, bool *out_unusable,
                        struct erg_err *err);

/*
 * Give a member's values their place in the set, leaving out dropped channels; returns how many
 * remain at the front of `values`.
 */
uint32_t erg_power_place(const struct erg_power_member *member, struct erg_channel_value *values);

int erg_sampler_start(struct erg_power *power, struct erg_err *err);
void erg_sampler_stop(struct erg_power *power);

#endif
