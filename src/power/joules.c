/* SPDX-License-Identifier: MIT */
#include "power/joules.h"

#include "base/num.h"
#include "energy/wide.h"
#include "power/counter.h"

/*
 * No processor package draws more for as long as a reading takes, and none is limited to more than
 * a few times what it is built for (limits are averages: short peaks lie above).
 */
enum { UNKNOWN_W = 1500, LEAST_W = 1000, MOST_W = 4000, PEAK = 4 };

/* Readings come with times that are not quite those of the counter. */
#define SLACK_NS INT64_C(20000000)

void erg_joules_init(struct erg_joules *joules, uint64_t max_uj, int64_t max_power_uw)
{
    int64_t most_w = UNKNOWN_W;
    if (max_power_uw > 0)
        most_w = max_power_uw / 1000000 < MOST_W / PEAK ? max_power_uw / 1000000 * PEAK : MOST_W;
    *joules = (struct erg_joules){
        .max_uj = max_uj,
        .most_w = most_w < LEAST_W ? LEAST_W : most_w,
    };
}

/* Could that be used in the time? W × ns = nJ. */
static bool plausible(const struct erg_joules *joules, uint64_t uj, int64_t elapsed_ns)
{
    erg_u128 most_nj = (erg_u128)(uint64_t)joules->most_w * (uint64_t)(elapsed_ns + SLACK_NS);
    return (erg_u128)uj * 1000 <= most_nj;
}

static void count(struct erg_joules *joules, uint64_t uj)
{
    int64_t nj = uj > (uint64_t)INT64_MAX / 1000 ? INT64_MAX : (int64_t)(uj * 1000);
    joules->total_nj = erg_add_sat_i64(joules->total_nj, nj);
}

enum erg_joules_event erg_joules_add(struct erg_joules *joules, int64_t t_ns, uint64_t uj)
{
    int64_t elapsed_ns = t_ns - joules->t_ns;
    uint64_t last = joules->last_uj;
    bool first = !joules->started;
    joules->started = true;
    joules->t_ns = t_ns;
    if (first || uj >= last) {
        count(joules, uj - last);
        joules->last_uj = uj;
        /* A whole lap may have gone unseen. */
        bool blind = !first && plausible(joules, joules->max_uj, elapsed_ns);
        return blind ? ERG_JOULES_BLIND : ERG_JOULES_FINE;
    }
    uint64_t lap = erg_counter_delta(last, uj, joules->max_uj);
    if (plausible(joules, lap, elapsed_ns)) {
        count(joules, lap);
        joules->last_uj = uj;
        return plausible(joules, joules->max_uj, elapsed_ns) ? ERG_JOULES_BLIND : ERG_JOULES_FINE;
    }
    if (plausible(joules, last - uj, 0) && uj >= last / 2)
        return ERG_JOULES_FINE; /* held until it is back */
    if (plausible(joules, uj, elapsed_ns))
        count(joules, uj);
    joules->last_uj = uj;
    return ERG_JOULES_RESET;
}
