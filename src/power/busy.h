/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_BUSY_H
#define ERG_POWER_BUSY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * CPU time used on a machine, from two clocks of different quality. `own` is the CPU time of the
 * processes that belong to a run, known to the nanosecond but told late: the kernel brings a
 * running thread's time up to date at its tick. `machine` is the CPU time of everybody in whole
 * jiffies: good enough only over windows, each of which gives the time of all others.
 *
 * What is told is booked as soon as the CPUs could have done it, so that any stretch of time has
 * between none and all of them busy, and no CPU time is lost. The others' time of one window is
 * booked evenly over the time that the window took, from its end on.
 */
#define ERG_BUSY_WINDOW_NS INT64_C(500000000)

struct erg_busy {
    int cpus;
    int64_t jiffy_ns;
    int64_t t_ns, own_ns; /* of the last reading */
    int64_t owed_ns;      /* told, but more than the CPUs could have done until now */
    int64_t booked_ns;    /* busy CPU time since the start */

    int64_t window_t0_ns, window_own_ns, window_machine_ns; /* where the window began */
    int64_t others_ns, others_span_ns; /* booked at this rate, CPU time over time … */
    int64_t others_owed_ns;            /* … until this is used up */
    int64_t others_debt_ns;            /* what late ticks lent from the next window */
};

void erg_busy_init(struct erg_busy *busy, int cpus, int64_t jiffy_ns, int64_t t_ns, int64_t own_ns,
                   int64_t machine_ns);

/* A reading of `own` (ns since any origin, in order of time); brings `booked_ns` up to date. */
void erg_busy_add(struct erg_busy *busy, int64_t t_ns, int64_t own_ns);

/* True when the window is long enough to be ended by a reading of `machine`. */
bool erg_busy_wants_machine(const struct erg_busy *busy, int64_t t_ns);

/* End the window at the last reading of `own`; `machine_ns` since any origin. */
void erg_busy_end_window(struct erg_busy *busy, int64_t machine_ns);

#endif
