/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENERGY_ENERGY_H
#define ERG_ENERGY_ENERGY_H

#include <stdbool.h>
#include <stdint.h>

/* Disjoint domains: their sum is the total. `soc` is what a whole-machine sensor has left over. */
enum erg_domain {
    ERG_DOMAIN_CPU,
    ERG_DOMAIN_GPU,
    ERG_DOMAIN_ANE,
    ERG_DOMAIN_DRAM,
    ERG_DOMAIN_SOC,
    ERG_DOMAIN_OTHER,
    ERG_DOMAINS,
};

/* How an energy figure was obtained, best first. A whole is as good as its worst part. */
enum erg_grade {
    ERG_GRADE_MEASURED,     /* window of at least 10 update periods of the sensor */
    ERG_GRADE_INTERPOLATED, /* shorter than that */
    ERG_GRADE_ATTRIBUTED,   /* split from its parent by a model */
    ERG_GRADE_ESTIMATED,    /* no sensor: a power model */
    ERG_GRADE_UNAVAILABLE,
};

/* Integer nanojoules per domain. A domain that is not `present` is not known, which is not 0. */
struct erg_energy {
    int64_t nj[ERG_DOMAINS];
    uint32_t present; /* bit d: domain d is known */
};

const char *erg_domain_name(enum erg_domain domain); /* "cpu" … */
int erg_domain_find(const char *name);               /* enum erg_domain, or -1 */
const char *erg_grade_name(enum erg_grade grade);    /* "measured" … */
int erg_grade_find(const char *name);                /* enum erg_grade, or -1 */

static inline bool erg_energy_known(const struct erg_energy *energy)
{
    return energy->present != 0;
}

/* Sum of the domains that are present; 0 when none is (ask erg_energy_known() first). */
int64_t erg_energy_total_nj(const struct erg_energy *energy);

/* Add domain by domain; a domain known on one side only counts with that side. Saturates. */
void erg_energy_add(struct erg_energy *sum, const struct erg_energy *energy);

/* parent − children, over the domains the parent knows. */
struct erg_energy erg_energy_sub(const struct erg_energy *parent,
                                 const struct erg_energy *children);

#endif
