/* SPDX-License-Identifier: MIT */
#include "power/set.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Often enough that no counter wraps unseen; short and small energies say nothing. */
#define CHECK_PERIOD_NS INT64_C(10000000000)
#define SHORTEST_NS     INT64_C(1000000000)
#define SMALLEST_NJ     1e8
#define TOLERANCE_RATIO 0.05

static void take(struct erg_power_tally *tally, int64_t t_ns,
                 const struct erg_channel_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (values[i].status)
            return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!tally->started)
            tally->first_nj[i] = values[i].value;
        tally->last_nj[i] = values[i].value;
    }
    if (!tally->started)
        tally->first_ns = t_ns;
    tally->last_ns = t_ns;
    tally->started = true;
}

void erg_power_check_reading(struct erg_power *power, struct erg_power_member *member, int64_t t_ns,
                             const struct erg_channel_value *values)
{
    struct erg_power_check *check = member->check;
    struct erg_channel_value own[ERG_MAX_CHANNELS];
    if (check->dead || (t_ns < check->due_ns && !atomic_load(&power->stop)))
        return;
    check->due_ns = t_ns + CHECK_PERIOD_NS;
    memset(own, 0, check->own_count * sizeof *own);
    int64_t now_ns = erg_clock_now_ns(power->clock);
    int rc = check->driver->read(check->source, &now_ns, own, NULL);
    check->dead = rc < 0;
    if (rc == 0) {
        take(&check->own, now_ns, own, check->own_count);
        take(&check->checked, t_ns, values, member->own_count);
    }
}

static double used_nj(const struct erg_power_tally *tally, uint32_t i)
{
    return (double)tally->last_nj[i] - (double)tally->first_nj[i];
}

/* Energies of the hardware `measures` by either; false when one of them does not have it. */
static bool sum_up(const struct erg_power *power, const struct erg_power_member *member,
                   const char *measures, double *out_own, double *out_checked)
{
    const struct erg_power_check *check = member->check;
    bool has_own = false, has_checked = false;
    *out_own = *out_checked = 0;
    for (uint32_t i = 0; i < check->own_count; i++) {
        if (!check->alive[i] || strcmp(check->channels[i].measures, measures) != 0)
            continue;
        *out_own += used_nj(&check->own, i);
        has_own = true;
    }
    for (uint32_t i = 0; i < member->own_count; i++) {
        if (member->channels[i] == ERG_CHANNEL_DROPPED ||
            strcmp(power->channels[member->channels[i]].measures, measures) != 0)
            continue;
        *out_checked += used_nj(&check->checked, i);
        has_checked = true;
    }
    return has_own && has_checked;
}

void erg_power_check_conclude(struct erg_power *power, struct erg_power_member *member)
{
    const struct erg_power_check *check = member->check;
    if (check->dead || !check->own.started || !check->checked.started ||
        check->own.last_ns - check->own.first_ns < SHORTEST_NS)
        return;
    for (uint32_t i = 0; i < check->own_count; i++) {
        const char *measures = check->channels[i].measures;
        double own, checked;
        bool seen = false;
        for (uint32_t k = 0; k < i && !seen; k++)
            seen = strcmp(check->channels[k].measures, measures) == 0;
        if (seen || !sum_up(power, member, measures, &own, &checked))
            continue;
        double most = fmax(own, checked), apart = fabs(own - checked);
        if (most < SMALLEST_NJ || apart <= TOLERANCE_RATIO * most)
            continue;
        char text[300];
        snprintf(text, sizeof text,
                 "power sources '%s' and '%s' disagree about '%s': %.1f J against %.1f J",
                 member->driver->name, check->driver->name, measures, checked / 1e9, own / 1e9);
        erg_power_deliver_warning(power, text);
    }
}
