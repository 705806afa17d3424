/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_ERG_PLAN_H
#define ERG_EXPORT_ERG_PLAN_H

#include "export/facts.h"

/*
 * What has to be known before a recording can be written from stored rows. Each domain becomes one
 * counter channel that is read at the edges of items, with the energies of the items between them.
 * The energy that a phase has beside its items is spread over the gaps between them. All times are
 * relative to the run's t = 0.
 */
enum { ERG_GAPS = ERG_PHASES + 1, ERG_GAP_OF_RUN = ERG_PHASES, ERG_MAX_PADS = 16 };

struct erg_domain_plan {
    bool used;
    int64_t start_ns, end_ns;             /* covered by readings */
    int64_t first_t1_ns, last_t0_ns;      /* end of the first item, start of the last one */
    int64_t hole_ns;                      /* not covered in between */
    int64_t children_nj[ERG_PHASES];      /* of the items of a phase */
    int64_t rest_nj[ERG_GAPS];            /* of the gaps in a phase, and between phases */
    int64_t gap_ns[ERG_GAPS];             /* length of those gaps */
    int64_t measured_ns, not_measured_ns; /* shortest window graded so, longest one not */
    bool estimated, exact_grade;          /* seen with grade `estimated`; with a better one */
    int64_t period_ns;
    int64_t zero_nj; /* reading at the start */

    /* samples */
    bool sampled;
    int64_t prime_ns; /* reading before the first sample, and its value */
    int64_t prime_nj;
    int64_t state_ns; /* while samples are looked at */
    int64_t chain_nj; /* energy of the samples so far */
    int64_t chain_at_zero_nj;
};

struct erg_interval {
    bool known; /* has an energy */
    int64_t t0_ns, t1_ns, nj;
};

struct erg_plan {
    const struct erg_facts *facts;
    bool has_power, has_load, has_idle, synthetic;
    bool upfront; /* samples must come before all items, see erg_power.c */
    int64_t interval_ns;
    int64_t base_ns;   /* absolute time of t = 0 */
    int64_t origin_ns; /* first reading */
    int64_t first_ns;  /* earliest time of all */
    struct erg_interval load, idle;
    struct erg_domain_plan domains[ERG_DOMAINS];
    uint32_t pads; /* channels that always read 0 */

    /* while rows are looked at */
    bool any;
    uint32_t phase;
    int64_t last_t1_ns;
    uint32_t last_present;
    int64_t loading_first_ns, loading_last_ns, idle_before_ns, idle_after_ns;
};

int erg_plan_make(struct erg_plan *out, const struct erg_export_request *request,
                  const struct erg_facts *facts, struct erg_err *err);

/* Number of channels: domains that are used, then pads. */
uint32_t erg_plan_channels(const struct erg_plan *plan);

/* The first domain that is read from the beginning; -1 when there is none. */
int erg_plan_lead(const struct erg_plan *plan);

/* --- erg_ratio.c: readings that give a power exactly -------------------------------------------
 */

/* nJ in dt_ns that are shown as `mw`; the nearest (and false) when none is. */
bool erg_ratio_used(double mw, int64_t dt_ns, int64_t *out_nj);

/* The shortest time ≥ least_ns, and the energy in it, that are shown as `mw`; false for none. */
bool erg_ratio_find(double mw, int64_t least_ns, int64_t *out_dt_ns, int64_t *out_nj);

#endif
