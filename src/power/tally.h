/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_TALLY_H
#define ERG_POWER_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Energy from a wide counter that never wraps but does misbehave: it starts again at 0 when its
 * driver is reloaded, and shows zeros, steps back or jumps ahead for a reading or two. A reading
 * that the hardware cannot have reached since the last one is a suspect: it counts nothing until
 * the next reading confirms it, and then the counter goes on from there. What was used in between
 * is not known.
 */
struct erg_tally {
    uint64_t unit_numerator, unit_denominator; /* nJ of one step of the counter */
    uint64_t max_per_s;                        /* steps of the counter that no hardware exceeds */
    uint64_t last, suspect;
    int64_t last_ns, suspect_ns;
    uint64_t total; /* steps since the first reading */
    bool started, suspicious;
};

enum erg_tally_step {
    ERG_TALLY_MOVED,
    ERG_TALLY_SAME,      /* a valid reading, as the one before */
    ERG_TALLY_SUSPECT,   /* not counted (yet) */
    ERG_TALLY_RESTARTED, /* counts from here: readings were lost */
};

/* One step of the counter is numerator / denominator nJ; nothing uses more than max_w watts. */
void erg_tally_init(struct erg_tally *tally, uint64_t unit_numerator, uint64_t unit_denominator,
                    uint32_t max_w);

enum erg_tally_step erg_tally_add(struct erg_tally *tally, int64_t t_ns, uint64_t value);

/* Since the first reading; saturates. */
int64_t erg_tally_nj(const struct erg_tally *tally);

#endif
