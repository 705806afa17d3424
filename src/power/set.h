/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_SET_H
#define ERG_POWER_SET_H

#include "base/limits.h"
#include "power/driver.h"
#include "power/rest.h"
#include "power/spec.h"
#include "power/waiter.h"

#include <pthread.h>
#include <stdatomic.h>

/* The inside of a set of sources, shared by power.c (the set), select.c (what belongs to it) and
 * sampler.c (its threads). */

#define ERG_CHANNEL_DROPPED UINT32_MAX

/* What one source says of some hardware, for comparison with what another says. */
struct erg_power_tally {
    int64_t first_nj[ERG_MAX_CHANNELS], last_nj[ERG_MAX_CHANNELS];
    int64_t first_ns, last_ns;
    bool started;
};

/* A source that reads the same registers as a member and only checks it. */
struct erg_power_check {
    const struct erg_power_driver *driver;
    struct erg_power_source *source;
    struct erg_channel *channels;
    uint32_t own_count;
    bool *alive; /* per channel: it moved when it was opened */
    int64_t due_ns;
    bool dead;
    struct erg_power_tally own, checked; /* of its channels, of the member's */
};

struct erg_power_member {
    const struct erg_power_driver *driver;
    struct erg_power_source *source;
    bool exact;
    uint32_t own_count;            /* channels the driver delivers */
    uint32_t *channels;            /* their index in the set, or ERG_CHANNEL_DROPPED */
    struct erg_power_check *check; /* or NULL */
    pthread_mutex_t lock;          /* held while it is read or its zero is moved */
    /* --- its sampling thread's: */
    bool dead;
    int64_t cost_ns; /* of the last read */
    int slow_reads;  /* that took more than their part of the interval, in a row */
};

/* A sampling thread and the members it reads. */
struct erg_power_lane {
    struct erg_power *power;
    struct erg_power_member *members[ERG_MAX_SOURCES];
    size_t member_count;
    int64_t due_ns; /* first deadline; those of all lanes lie whole intervals apart */
    pthread_t thread;
    struct erg_waiter waiter;
    atomic_bool poked;
};

struct erg_power {
    const struct erg_clock *clock;
    struct erg_power_member *members; /* room for ERG_MAX_SOURCES: they stay where they are */
    size_t member_count;
    struct erg_channel *channels;
    size_t channel_count, channel_capacity;
    int64_t interval_ns;
    char *warnings[ERG_MAX_WARNINGS]; /* of open */
    size_t warning_count;

    pthread_mutex_t delivery;        /* held while something is delivered */
    erg_power_on_reading on_reading; /* NULL before start and after stop */
    erg_power_on_warning on_warning;
    void *user;
    struct erg_rest *rest; /* or NULL */
    uint32_t rest_channel;

    pthread_mutex_t threads; /* of what follows, up to `stop` */
    struct erg_power_lane *lanes[ERG_MAX_SOURCES];
    size_t lane_count;
    atomic_bool stop;
};

/* erg_power_open() with another table of drivers. */
int erg_power_open_from(const struct erg_power_driver *const *table, struct erg_power **out,
                        const struct erg_power_options *options, bool *out_unusable,
                        struct erg_err *err);

/* select.c: open what the specification asks for and choose its channels. */
int erg_power_select(struct erg_power *power, const struct erg_power_spec *spec,
                     const struct erg_power_driver *const *table,
                     const struct erg_power_options *options, bool *out_unusable,
                     struct erg_err *err);
void erg_power_check_free(struct erg_power_check *check);

/* Do two channels of different sources tell of the same hardware, in part at least? */
bool erg_channels_overlap(const struct erg_channel *a, const struct erg_channel *b);

/* Keep a warning of open: printf-like. */
void erg_power_warn_later(struct erg_power *power, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Give a member's values their place in the set, leaving out dropped channels; returns how many
 * remain at the front of `values`.
 */
uint32_t erg_power_place(const struct erg_power_member *member, struct erg_channel_value *values);

/* Give out a reading and what follows from it; or a warning. Any thread. */
void erg_power_deliver(struct erg_power *power, int64_t t_before_ns, int64_t t_after_ns,
                       enum erg_reading_kind kind, const struct erg_channel_value *values,
                       uint32_t count);
void erg_power_deliver_warning(struct erg_power *power, const char *text);

/* check.c: after a read of `member`, whose values have not been placed yet. */
void erg_power_check_reading(struct erg_power *power, struct erg_power_member *member, int64_t t_ns,
                             const struct erg_channel_value *values);
/* At the end: a warning when the two disagree. */
void erg_power_check_conclude(struct erg_power *power, struct erg_power_member *member);

int erg_sampler_start(struct erg_power *power, struct erg_err *err);
void erg_sampler_stop(struct erg_power *power);
void erg_sampler_poke(struct erg_power *power);

#endif
