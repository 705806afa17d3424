/* SPDX-License-Identifier: MIT */
#include "power/characterise.h"

#include "base/limits.h"
#include "base/mem.h"
#include "power/driver.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_READS = 1 << 16, EVERY_READ_PART = 2 };

/* A domain that the processors' work must show in. */
#define RESPONSE_RATIO 1.05

/* One channel while it is read. */
struct track {
    bool seen;
    int64_t last, changed_ns;
    int64_t *gaps_ns; /* between changes */
    size_t gap_count, gap_capacity;
    struct stretch { /* idle, load */
        bool seen;
        int64_t t0_ns, t1_ns, first, last;
        double sum;
        uint32_t count;
    } stretches[2];
};

struct reading {
    const struct erg_power_driver *driver;
    struct erg_power_source *source;
    const struct erg_clock *clock;
    struct erg_character *out;
    struct track *tracks;
    int64_t *costs_ns;
    size_t cost_count, cost_capacity;
};

static int push(int64_t **items, size_t *count, size_t *capacity, int64_t value)
{
    void *grown = *items;
    if (*count == MAX_READS)
        return 0;
    int rc = erg_grow(&grown, capacity, *count + 1, sizeof **items, MAX_READS);
    *items = grown;
    if (rc == 0)
        (*items)[(*count)++] = value;
    return rc;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The value that `part` of 100 do not exceed; 0 of none. */
static int64_t percentile(int64_t *items, size_t count, size_t part)
{
    if (!count)
        return 0;
    qsort(items, count, sizeof *items, by_size);
    size_t rank = (count * part + 99) / 100;
    return items[rank ? rank - 1 : 0];
}

static int take_change(struct track *track, struct erg_trait *trait, int64_t t_ns, int64_t value)
{
    int64_t step = value > track->last ? value - track->last : track->last - value;
    int rc = 0;
    if (trait->quantum == 0 || step < trait->quantum)
        trait->quantum = step;
    if (trait->changes++)
        rc = push(&track->gaps_ns, &track->gap_count, &track->gap_capacity,
                  t_ns - track->changed_ns);
    track->changed_ns = t_ns;
    return rc;
}

static int take_value(struct reading *r, uint32_t i, int64_t t_ns, int stretch,
                      const struct erg_channel_value *value)
{
    struct track *track = &r->tracks[i];
    struct erg_trait *trait = &r->out->traits[i];
    struct stretch *part = &track->stretches[stretch];
    int rc = 0;
    trait->reads++;
    if (value->status)
        return 0;
    trait->valid++;
    if (track->seen && value->value != track->last)
        rc = take_change(track, trait, t_ns, value->value);
    if (!part->seen) {
        part->seen = true;
        part->t0_ns = t_ns;
        part->first = value->value;
    }
    part->t1_ns = t_ns;
    part->last = value->value;
    part->sum += (double)value->value;
    part->count++;
    track->seen = true;
    track->last = value->value;
    return rc;
}

/* Read once, or until there is nothing new of a source that has several readings at a time. */
static int read_source(struct reading *r, int stretch)
{
    struct erg_channel_value values[ERG_MAX_CHANNELS];
    int got, rc = 0;
    do {
        struct erg_err err = {0};
        memset(values, 0, r->out->count * sizeof *values);
        int64_t before = erg_clock_now_ns(r->clock), t_ns = before;
        got = r->driver->read(r->source, &t_ns, values, &err);
        int64_t cost = erg_clock_now_ns(r->clock) - before;
        if (got < 0) {
            r->out->dead = true;
            snprintf(r->out->reason, sizeof r->out->reason, "it opens, but fails: %.170s",
                     err.text);
            return 0;
        }
        r->out->reads++;
        rc = push(&r->costs_ns, &r->cost_count, &r->cost_capacity, cost);
        for (uint32_t i = 0; i < r->out->count && got == 0 && rc == 0; i++)
            rc = take_value(r, i, t_ns, stretch, &values[i]);
    } while (got == 0 && rc == 0 && r->driver->batches);
    return rc;
}

static int read_for(struct reading *r, int stretch, int64_t duration_ns, int64_t step_ns,
                    int64_t *out_ns)
{
    int64_t t0 = erg_clock_now_ns(r->clock), now = t0;
    int rc = 0;
    while (rc == 0 && !r->out->dead && now - t0 < duration_ns) {
        rc = read_source(r, stretch);
        int64_t next = now + step_ns;
        now = erg_clock_now_ns(r->clock);
        if (now < next)
            r->clock->sleep_until_ns(r->clock->user, next);
        now = erg_clock_now_ns(r->clock);
    }
    *out_ns = now - t0;
    return rc;
}

/* --- what it means ---------------------------------------------------------------------------- */

static double stretch_mw(const struct erg_channel *channel, const struct stretch *part)
{
    if (!part->count)
        return NAN;
    if (channel->quantity == ERG_QUANTITY_POWER)
        return part->sum / part->count / 1e3;
    int64_t ns = part->t1_ns - part->t0_ns;
    return ns > 0 ? ((double)part->last - (double)part->first) / (double)ns * 1e3 : NAN;
}

/* Work of the processors shows in all but what is measured of something else. */
static bool must_respond(const struct erg_channel *channel)
{
    return channel->domain == ERG_DOMAIN_CPU || channel->domain == ERG_DOMAIN_SOC || channel->raw;
}

static void judge(struct erg_trait *trait, struct track *track, int64_t watched_ns)
{
    const struct erg_channel *channel = &trait->channel;
    int64_t gaps = (int64_t)track->gap_count;
    trait->update_period_ns = percentile(track->gaps_ns, track->gap_count, 50);
    trait->at_every_read = gaps > 0 && trait->changes * EVERY_READ_PART > trait->valid;
    trait->idle_mw = stretch_mw(channel, &track->stretches[0]);
    trait->load_mw = stretch_mw(channel, &track->stretches[1]);
    /* What changes once a minute has not had its chance. */
    bool enough = trait->valid > 1 && channel->update_period_ns <= watched_ns / 2;
    if (trait->changes)
        trait->moves = ERG_YES;
    else if (enough)
        trait->moves = ERG_NO;
    if (isfinite(trait->idle_mw) && isfinite(trait->load_mw) && must_respond(channel) && enough)
        trait->responds = trait->load_mw > trait->idle_mw * RESPONSE_RATIO ? ERG_YES : ERG_NO;
}

static void conclude(struct reading *r)
{
    struct erg_character *out = r->out;
    uint32_t counters = 0, dead = 0;
    uint64_t reads = 0, valid = 0;
    for (uint32_t i = 0; i < out->count; i++) {
        struct erg_trait *trait = &out->traits[i];
        judge(trait, &r->tracks[i], out->idle_ns + out->load_ns);
        counters += trait->channel.quantity == ERG_QUANTITY_ENERGY;
        dead += trait->channel.quantity == ERG_QUANTITY_ENERGY && trait->moves == ERG_NO;
        reads += trait->reads;
        valid += trait->valid;
    }
    out->coverage_ratio = reads ? (double)valid / (double)reads : NAN;
    out->cost_median_ns = percentile(r->costs_ns, r->cost_count, 50);
    out->cost_p99_ns = percentile(r->costs_ns, r->cost_count, 99);
    out->broken =
        out->dead || (counters && dead == counters && counters == out->count) || (reads && !valid);
    if (out->broken && !out->dead)
        snprintf(out->reason, sizeof out->reason,
                 valid ? "it opens, but does not move: nothing counted in %.1f s, %.1f s of them "
                         "under load"
                       : "it opens, but none of its values could be read in %.1f s (%.1f s of "
                         "them under load)",
                 (double)(out->idle_ns + out->load_ns) / 1e9, (double)out->load_ns / 1e9);
}

static int watch(struct reading *r, const struct erg_character_plan *plan, struct erg_err *err)
{
    int rc = read_for(r, 0, plan->idle_ns, plan->step_ns, &r->out->idle_ns);
    int loaded = rc == 0 && plan->load ? plan->load(plan->user, true, err) : 0;
    if (rc == 0 && loaded == 0)
        rc = read_for(r, 1, plan->load_ns, plan->step_ns, &r->out->load_ns);
    if (loaded)
        return loaded;
    if (plan->load)
        plan->load(plan->user, false, NULL);
    return rc ? erg_fail(err, rc, "cannot keep readings: %s", erg_code_text(rc)) : 0;
}

static int prepare(struct reading *r, const struct erg_channel *channels, struct erg_err *err)
{
    r->out->traits = erg_calloc(r->out->count, sizeof *r->out->traits);
    r->tracks = erg_calloc(r->out->count, sizeof *r->tracks);
    if (!r->out->traits || !r->tracks)
        return erg_fail(err, ERG_NOMEM, "no memory to look at '%s'", r->driver->name);
    for (uint32_t i = 0; i < r->out->count; i++)
        r->out->traits[i] = (struct erg_trait){.channel = channels[i]};
    return 0;
}

int erg_characterise_driver(const struct erg_power_driver *driver,
                            const struct erg_power_options *options,
                            const struct erg_character_plan *plan, struct erg_character *out,
                            struct erg_err *err)
{
    ERG_AUTO_FREE struct erg_channel *channels = erg_calloc(ERG_MAX_CHANNELS, sizeof *channels);
    struct reading r = {.driver = driver, .clock = options->clock, .out = out};
    bool exact = false;
    *out = (struct erg_character){0};
    if (!channels)
        return erg_fail(err, ERG_NOMEM, "no memory to look at '%s'", driver->name);
    int rc = driver->open(options, NULL, &r.source, channels, &out->count, &exact, err);
    if (rc)
        return rc;
    if (exact || !driver->read)
        rc = erg_fail(err, ERG_UNSUPPORTED, "'%s' is not read at intervals", driver->name);
    if (rc == 0)
        rc = prepare(&r, channels, err);
    if (rc == 0)
        rc = watch(&r, plan, err);
    if (rc == 0)
        conclude(&r);
    driver->close(r.source);
    for (uint32_t i = 0; i < out->count && r.tracks; i++)
        free(r.tracks[i].gaps_ns);
    free(r.tracks);
    free(r.costs_ns);
    if (rc)
        erg_character_deinit(out);
    return rc;
}

int erg_characterise(size_t i, const struct erg_power_options *options,
                     const struct erg_character_plan *plan, struct erg_character *out,
                     struct erg_err *err)
{
    for (size_t d = 0; erg_power_drivers[d]; d++) {
        if (erg_power_drivers[d]->automatic && i-- == 0)
            return erg_characterise_driver(erg_power_drivers[d], options, plan, out, err);
    }
    return erg_fail(err, ERG_NOT_FOUND, "there is no such power source");
}

void erg_character_deinit(struct erg_character *character)
{
    free(character->traits);
    *character = (struct erg_character){0};
}
