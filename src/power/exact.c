/* SPDX-License-Identifier: MIT */
#include "power/exact.h"

#define LEAD_NS INT64_C(10000000000000)

int64_t erg_exact_since_zero_ns(const struct erg_exact_time *time, int64_t t_ns)
{
    erg_i128 since = (erg_i128)t_ns - time->zero_ns;
    if (since > ERG_EXACT_MAX_NS)
        return ERG_EXACT_MAX_NS;
    return since < -ERG_EXACT_MAX_NS ? -ERG_EXACT_MAX_NS : (int64_t)since;
}

erg_i128 erg_exact_area(int64_t power_uw, int64_t duration_ns)
{
    uint64_t length = duration_ns < 0 ? 0 - (uint64_t)duration_ns : (uint64_t)duration_ns;
    erg_i128 area = (erg_i128)((erg_u128)(2 * (uint64_t)power_uw) * length);
    return duration_ns < 0 ? -area : area;
}

int64_t erg_exact_energy_nj(const struct erg_exact_time *time, int64_t t_ns, int64_t first_uw,
                            erg_i128 excess)
{
    erg_i128 since = (erg_i128)t_ns - time->anchor_ns + LEAD_NS;
    if (since <= 0)
        return 0;
    erg_i128 area = (erg_i128)((erg_u128)(2 * (uint64_t)first_uw) * (erg_u128)since) + excess;
    if (area <= 0)
        return 0;
    erg_u128 nj = (erg_u128)area / ERG_HALF_UWNS_PER_NJ;
    return nj > INT64_MAX ? INT64_MAX : (int64_t)nj;
}
