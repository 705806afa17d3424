/* SPDX-License-Identifier: MIT */
#include "export/erg_counters.h"

#include "stream/taxonomy.h"
#include "stream/writer.h"

#include <jansson.h>
#include <string.h>

static const json_t *counters_of(const struct erg_plan *plan, uint32_t phase)
{
    const json_t *list = json_object_get(plan->facts->summary, "phases");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(item, "phase"));
        if (name && strcmp(name, erg_phase_name(phase)) == 0)
            return json_object_get(item, "counters");
    }
    return NULL;
}

/* Add what was counted in a phase; what it did not count is not known from here on. */
static void add(struct erg_counters_head *sum, const json_t *counters)
{
    static const char *const keys[ERG_COUNTS] = {"instructions", "cycles", "cache_misses"};
    for (int i = 0; i < ERG_COUNTS; i++) {
        const json_t *value = json_object_get(counters, keys[i]);
        if (json_is_integer(value) && json_integer_value(value) >= 0)
            sum->count[i] += (uint64_t)json_integer_value(value);
    }
}

static uint32_t known_in(const json_t *counters)
{
    static const char *const keys[ERG_COUNTS] = {"instructions", "cycles", "cache_misses"};
    uint32_t known = 0;
    for (int i = 0; i < ERG_COUNTS; i++)
        known |= json_is_integer(json_object_get(counters, keys[i])) ? 1u << i : 0;
    return known;
}

static void put(const struct erg_counters_head *sum, uint32_t known, int64_t t_ns,
                const char *reason, struct erg_buf *out)
{
    struct erg_counters_head head = {.t_ns = t_ns, .known = known};
    for (int i = 0; i < ERG_COUNTS; i++)
        head.count[i] = known >> i & 1 ? sum->count[i] : 0;
    erg_write_counters(out, &head, reason);
}

void erg_counters_put(const struct erg_plan *plan, const int64_t t0_ns[ERG_PHASES],
                      const int64_t t1_ns[ERG_PHASES], struct erg_buf *out)
{
    const json_t *profiler = json_object_get(plan->facts->summary, "profiler");
    const char *reason = json_string_value(json_object_get(profiler, "counters_reason"));
    struct erg_counters_head sum = {0};
    uint32_t any = 0;
    for (uint32_t phase = 0; phase < ERG_PHASES; phase++)
        any |= known_in(counters_of(plan, phase));
    if (reason)
        put(&sum, 0, plan->base_ns - (plan->base_ns > 0), reason, out);
    for (uint32_t phase = 0; phase < ERG_PHASES; phase++) {
        const json_t *counters = counters_of(plan, phase);
        uint32_t known = known_in(counters);
        int64_t t0 = plan->base_ns + t0_ns[phase], t1 = plan->base_ns + t1_ns[phase];
        if (!any || !t1_ns[phase])
            continue;
        /* A phase that counted nothing lies around a reading that failed. */
        put(&sum, known, known ? t0 : t0 + (t1 - t0) / 2, "", out);
        add(&sum, counters);
        if (known)
            put(&sum, known, t1, "", out);
    }
}
