/* SPDX-License-Identifier: MIT */
#include "analysis/conditions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Share of the CPUs used by others above which they are in the way. */
#define BUSY_RATIO 0.1

void erg_conditions_init(struct erg_conditions *conditions)
{
    *conditions = (struct erg_conditions){"", -1, -1, -1, -1, -1, -1, -1};
}

static void update(int64_t *field, int64_t news)
{
    if (news >= 0)
        *field = news;
}

void erg_conditions_update(struct erg_conditions *conditions, const struct erg_conditions *news)
{
    if (news->governor[0])
        memcpy(conditions->governor, news->governor, sizeof conditions->governor);
    update(&conditions->clock_min_mhz, news->clock_min_mhz);
    update(&conditions->clock_max_mhz, news->clock_max_mhz);
    update(&conditions->clock_mhz, news->clock_mhz);
    update(&conditions->cpus_allowed_count, news->cpus_allowed_count);
    update(&conditions->cpus_online_count, news->cpus_online_count);
    update(&conditions->throttle_count, news->throttle_count);
    update(&conditions->on_battery, news->on_battery);
}

static void put_known(struct erg_jsonw *w, const char *key, int64_t value)
{
    if (value >= 0)
        erg_jsonw_kint(w, key, value);
    else
        erg_jsonw_knull(w, key);
}

void erg_conditions_write(const struct erg_conditions *c, struct erg_jsonw *w)
{
    erg_jsonw_kstr(w, "governor", c->governor[0] ? c->governor : NULL);
    erg_jsonw_key(w, "clocks");
    erg_jsonw_obj_begin(w);
    put_known(w, "min_mhz", c->clock_min_mhz);
    put_known(w, "max_mhz", c->clock_max_mhz);
    put_known(w, "current_mhz", c->clock_mhz);
    erg_jsonw_obj_end(w);
    put_known(w, "throttling", c->throttle_count);
    erg_jsonw_key(w, "affinity");
    erg_jsonw_obj_begin(w);
    put_known(w, "allowed", c->cpus_allowed_count);
    put_known(w, "online", c->cpus_online_count);
    erg_jsonw_obj_end(w);
    if (c->on_battery >= 0)
        erg_jsonw_kbool(w, "on_battery", c->on_battery > 0);
    else
        erg_jsonw_knull(w, "on_battery");
}

void erg_conditions_write_warnings(const struct erg_conditions *c, double others_cpu_ratio,
                                   struct erg_jsonw *w)
{
    char text[160];
    erg_jsonw_arr_begin(w);
    if (c->governor[0] && strcmp(c->governor, "performance") != 0) {
        snprintf(text, sizeof text,
                 "the CPUs' governor is '%s': clocks follow the load, which 'performance' prevents",
                 c->governor);
        erg_jsonw_str(w, text);
    }
    if (others_cpu_ratio > BUSY_RATIO) {
        snprintf(text, sizeof text, "other programs used %.0f %% of the CPUs during the run",
                 others_cpu_ratio * 100);
        erg_jsonw_str(w, text);
    }
    if (c->throttle_count > 0) {
        snprintf(text, sizeof text, "the CPUs were slowed down %" PRId64 " times for their heat",
                 c->throttle_count);
        erg_jsonw_str(w, text);
    }
    if (c->on_battery > 0)
        erg_jsonw_str(w, "the machine ran on its battery, which may limit its power");
    erg_jsonw_arr_end(w);
}
