/* SPDX-License-Identifier: MIT */
#include "energy/energy.h"

#include "base/num.h"

#include <stddef.h>
#include <string.h>

static const char *const domain_names[ERG_DOMAINS] = {"cpu", "gpu", "ane", "dram", "soc", "other"};

static const char *const grade_names[] = {"measured", "interpolated", "attributed", "estimated",
                                          "unavailable"};

enum { GRADES = sizeof grade_names / sizeof grade_names[0] };

static int find(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (!strcmp(names[i], name))
            return i;
    }
    return -1;
}

const char *erg_domain_name(enum erg_domain domain)
{
    return (unsigned)domain < ERG_DOMAINS ? domain_names[domain] : "unknown";
}

int erg_domain_find(const char *name)
{
    return find(domain_names, ERG_DOMAINS, name);
}

const char *erg_grade_name(enum erg_grade grade)
{
    return (unsigned)grade < GRADES ? grade_names[grade] : "unknown";
}

int erg_grade_find(const char *name)
{
    return find(grade_names, GRADES, name);
}

static bool has(const struct erg_energy *energy, int domain)
{
    return energy->present >> domain & 1;
}

int64_t erg_energy_total_nj(const struct erg_energy *energy)
{
    int64_t total = 0;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (has(energy, d))
            total = erg_add_sat_i64(total, energy->nj[d]);
    }
    return total;
}

void erg_energy_add(struct erg_energy *sum, const struct erg_energy *energy)
{
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (!has(energy, d))
            continue;
        sum->nj[d] = has(sum, d) ? erg_add_sat_i64(sum->nj[d], energy->nj[d]) : energy->nj[d];
        sum->present |= 1u << d;
    }
}

static int64_t sub_sat(int64_t a, int64_t b)
{
    int64_t difference;
    if (!__builtin_sub_overflow(a, b, &difference))
        return difference;
    return b < 0 ? INT64_MAX : INT64_MIN;
}

struct erg_energy erg_energy_sub(const struct erg_energy *parent, const struct erg_energy *children)
{
    struct erg_energy rest = {.present = parent->present};
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (has(parent, d))
            rest.nj[d] = sub_sat(parent->nj[d], has(children, d) ? children->nj[d] : 0);
    }
    return rest;
}
