/* SPDX-License-Identifier: MIT */
#include "power/set.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A source that is waited for until its counters move is read this often. */
#define LIVENESS_STEP_NS     INT64_C(2000000)
#define FALLBACK_INTERVAL_NS INT64_C(100000000)
#define REST_PATIENCE_NS     INT64_C(1000000000)

static const char machine[] = "machine";

/* An opened source that is not in the set yet. */
struct candidate {
    struct erg_power_member member;
    struct erg_channel *channels; /* member.own_count of them are filled */
    bool *alive;
    int64_t cost_ns; /* of its cheapest read; INT64_MAX = not known */
};

static void drop(struct candidate *candidate)
{
    if (candidate->member.source)
        candidate->member.driver->close(candidate->member.source);
    free(candidate->member.channels);
    free(candidate->channels);
    free(candidate->alive);
    *candidate = (struct candidate){0};
}

void erg_power_check_free(struct erg_power_check *check)
{
    if (!check)
        return;
    check->driver->close(check->source);
    free(check->channels);
    free(check->alive);
    free(check);
}

void erg_power_warn_later(struct erg_power *power, const char *fmt, ...)
{
    char text[400];
    va_list args;
    if (power->warning_count == ERG_MAX_WARNINGS)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    char *line = erg_strdup(text);
    if (line)
        power->warnings[power->warning_count++] = line;
}

/* --- is it alive? ----------------------------------------------------------------------------- */

/* Read once; true when all counters have moved away from what `first` holds. */
static int look(struct candidate *candidate, const struct erg_clock *clock, bool begins,
                struct erg_channel_value *first, bool *out_all, struct erg_err *err)
{
    struct erg_channel_value values[ERG_MAX_CHANNELS];
    uint32_t count = candidate->member.own_count;
    memset(values, 0, count * sizeof *values);
    int64_t before = erg_clock_now_ns(clock), t_ns = before;
    int rc = candidate->member.driver->read(candidate->member.source, &t_ns, values, err);
    int64_t cost = erg_clock_now_ns(clock) - before;
    if (rc < 0)
        return rc;
    candidate->cost_ns = cost < candidate->cost_ns ? cost : candidate->cost_ns;
    *out_all = true;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        if (candidate->channels[i].quantity == ERG_QUANTITY_POWER)
            candidate->alive[i] = true;
        if (begins || first[i].status)
            first[i] = values[i];
        else if (values[i].status == 0 && values[i].value != first[i].value)
            candidate->alive[i] = true;
        *out_all = *out_all && candidate->alive[i];
    }
    if (rc == ERG_POWER_NOTHING_NEW)
        *out_all = false;
    return 0;
}

/* Which counters move. */
static int check_pulse(struct candidate *candidate, const struct erg_clock *clock,
                       struct erg_err *err)
{
    const struct erg_power_driver *driver = candidate->member.driver;
    struct erg_channel_value first[ERG_MAX_CHANNELS];
    bool all = false;
    int64_t now = erg_clock_now_ns(clock), deadline = now + driver->moves_within_ns;
    for (uint32_t i = 0; i < candidate->member.own_count; i++)
        first[i] = (struct erg_channel_value){.status = (uint32_t)-ERG_IO};
    if (driver->moves_within_ns <= 0 || candidate->member.exact) {
        memset(candidate->alive, true, candidate->member.own_count);
        return 0;
    }
    int rc = look(candidate, clock, true, first, &all, err);
    while (rc == 0 && !all && now < deadline) {
        clock->sleep_until_ns(clock->user, now + LIVENESS_STEP_NS);
        rc = look(candidate, clock, false, first, &all, err);
        now = erg_clock_now_ns(clock);
    }
    return rc;
}

static int open_candidate(const struct erg_power_driver *driver, const char *argument,
                          const struct erg_power_options *options, struct candidate *out,
                          struct erg_err *err)
{
    struct candidate c = {.member = {.driver = driver}, .cost_ns = INT64_MAX};
    c.channels = erg_calloc(ERG_MAX_CHANNELS, sizeof *c.channels);
    c.alive = erg_calloc(ERG_MAX_CHANNELS, sizeof *c.alive);
    c.member.channels = erg_calloc(ERG_MAX_CHANNELS, sizeof *c.member.channels);
    if (!c.channels || !c.alive || !c.member.channels) {
        drop(&c);
        return erg_fail(err, ERG_NOMEM, "cannot open '%s': out of memory", driver->name);
    }
    int rc = driver->open(options, argument, &c.member.source, c.channels, &c.member.own_count,
                          &c.member.exact, err);
    if (rc)
        c.member.source = NULL;
    if (rc == 0)
        rc = check_pulse(&c, options->clock, err);
    if (rc) {
        drop(&c);
        return rc;
    }
    for (uint32_t i = 0; i < c.member.own_count; i++) {
        c.member.channels[i] = ERG_CHANNEL_DROPPED;
        if (strcmp(c.channels[i].measures, machine) == 0)
            c.channels[i].raw = true; /* it contains everything else, whatever it says */
    }
    *out = c;
    return 0;
}

/* A dead counter is told of; what is left when there is none. */
static int tell_dead(struct erg_power *power, const struct candidate *c, struct erg_err *err)
{
    uint32_t dead = 0;
    for (uint32_t i = 0; i < c->member.own_count; i++)
        dead += !c->alive[i];
    if (dead == 0)
        return 0;
    if (dead == c->member.own_count)
        return erg_fail(err, ERG_UNSUPPORTED, "broken: its counters do not move");
    for (uint32_t i = 0; i < c->member.own_count; i++) {
        if (!c->alive[i])
            erg_power_warn_later(power,
                                 "power source '%s': counter '%.63s' does not move: not used",
                                 c->member.driver->name, c->channels[i].name);
    }
    return 0;
}

/* --- each piece of hardware once ---------------------------------------------------------------
 */

/* Names are hierarchical: "gpu" is all that "gpu:…" may name. */
static bool contains(const char *whole, const char *part)
{
    size_t len = strlen(whole);
    return strncmp(whole, part, len) == 0 && (part[len] == '\0' || part[len] == ':');
}

bool erg_channels_overlap(const struct erg_channel *a, const struct erg_channel *b)
{
    if (a->raw != b->raw)
        return false;
    if (a->measures[0] && b->measures[0])
        return contains(a->measures, b->measures) || contains(b->measures, a->measures);
    /* Hardware without a name may be any of its domain that has one. */
    return a->domain == b->domain && (a->measures[0] || b->measures[0] || a->device == b->device);
}

/* Is it measured by one of the set's first `count` channels? */
static bool covered(const struct erg_power *power, size_t count, const struct erg_channel *channel)
{
    for (size_t i = 0; i < count; i++) {
        if (erg_channels_overlap(&power->channels[i], channel))
            return true;
    }
    return false;
}

/* A channel for the set; its index in *out. */
static int add_channel(struct erg_power *power, const struct erg_channel *channel, uint32_t *out,
                       struct erg_err *err)
{
    void *items = power->channels;
    int rc = erg_grow(&items, &power->channel_capacity, power->channel_count + 1,
                      sizeof *power->channels, ERG_MAX_CHANNELS);
    if (rc)
        return erg_fail(err, rc, "cannot keep power channels: %s", erg_code_text(rc));
    power->channels = items;
    *out = (uint32_t)power->channel_count;
    power->channels[power->channel_count++] = *channel;
    return 0;
}

/*
 * Take the channels of a candidate into the set, except those of hardware that a source before it
 * measures: two sensors of one thing would count its energy twice. Channels of one source are
 * disjoint, but for several whole machines, of which one is enough.
 */
static int place(struct erg_power *power, struct candidate *c, uint32_t *out_kept,
                 struct erg_err *err)
{
    size_t before = power->channel_count;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->member.own_count; i++) {
        const struct erg_channel *channel = &c->channels[i];
        size_t rivals = channel->raw ? power->channel_count : before;
        if (!c->alive[i] || covered(power, rivals, channel))
            continue;
        int rc = add_channel(power, channel, &c->member.channels[i], err);
        if (rc) {
            power->channel_count = before;
            return rc;
        }
        kept++;
    }
    *out_kept = kept;
    return 0;
}

static bool same_family(const struct erg_power_driver *a, const struct erg_power_driver *b)
{
    return a->family && b->family && strcmp(a->family, b->family) == 0;
}

/* A source that has nothing to add may still check another that reads the same registers. */
static bool becomes_check(struct erg_power *power, struct candidate *c)
{
    for (size_t i = 0; i < power->member_count; i++) {
        struct erg_power_member *member = &power->members[i];
        if (member->check || !same_family(member->driver, c->member.driver))
            continue;
        struct erg_power_check *check = erg_calloc(1, sizeof *check);
        if (!check)
            return false;
        check->driver = c->member.driver;
        check->source = c->member.source;
        check->own_count = c->member.own_count;
        check->channels = c->channels;
        check->alive = c->alive;
        member->check = check;
        free(c->member.channels);
        *c = (struct candidate){0};
        return true;
    }
    return false;
}

/* The candidate's way into the set, or its end; it is empty then. */
static int adopt(struct erg_power *power, struct candidate *c, bool named, struct erg_err *err)
{
    uint32_t kept = 0;
    int rc = tell_dead(power, c, err);
    if (rc == 0)
        rc = power->member_count < ERG_MAX_SOURCES
                 ? place(power, c, &kept, err)
                 : erg_fail(err, ERG_LIMIT, "more than %d power sources", ERG_MAX_SOURCES);
    if (rc == 0 && kept == 0 && becomes_check(power, c))
        return 0;
    if (rc == 0 && kept == 0 && named)
        erg_power_warn_later(power,
                             "power source '%s' adds nothing: other sources measure its domains",
                             c->member.driver->name);
    if (rc || kept == 0) {
        drop(c);
        return rc;
    }
    struct erg_power_member *member = &power->members[power->member_count++];
    *member = c->member;
    pthread_mutex_init(&member->lock, NULL);
    free(c->channels);
    free(c->alive);
    *c = (struct candidate){0};
    return 0;
}

/* --- the two ways to ask for sources ------------------------------------------------------------
 */

/* Open those of the `count` drivers that are ready; the cheapest first. Returns how many. */
static size_t open_family(struct erg_power *power, const struct erg_power_driver *const *drivers,
                          size_t count, const struct erg_power_options *options,
                          struct candidate *out)
{
    size_t opened = 0;
    for (size_t i = 0; i < count; i++) {
        struct erg_power_probe probe = {.name = drivers[i]->name};
        struct erg_err err = {0};
        struct candidate c;
        if (!drivers[i]->automatic)
            continue;
        drivers[i]->probe(options->root, &probe);
        if (probe.state != ERG_POWER_READY)
            continue;
        if (open_candidate(drivers[i], NULL, options, &c, &err)) {
            erg_power_warn_later(power, "%s", err.text);
            continue;
        }
        size_t at = opened++;
        for (; at > 0 && c.cost_ns < out[at - 1].cost_ns; at--)
            out[at] = out[at - 1];
        out[at] = c;
    }
    return opened;
}

static void select_automatic(struct erg_power *power, const struct erg_power_driver *const *table,
                             const struct erg_power_options *options)
{
    for (size_t i = 0, count; table[i]; i += count) {
        struct candidate candidates[ERG_MAX_SOURCES];
        for (count = 1; table[i + count] && count < ERG_MAX_SOURCES; count++) {
            if (!same_family(table[i], table[i + count]))
                break;
        }
        size_t opened = open_family(power, &table[i], count, options, candidates);
        for (size_t k = 0; k < opened; k++) {
            struct erg_err err = {0};
            const char *name = candidates[k].member.driver->name;
            if (adopt(power, &candidates[k], false, &err))
                erg_power_warn_later(power, "power source '%s': %s", name, err.text);
        }
    }
    if (power->channel_count == 0)
        erg_power_warn_later(
            power, "no power source is ready: energy is not available (see 'ergon doctor')");
}

static int select_named(struct erg_power *power, const struct erg_power_spec *spec,
                        const struct erg_power_options *options, bool *out_unusable,
                        struct erg_err *err)
{
    for (size_t i = 0; i < spec->count; i++) {
        struct candidate c;
        int rc = open_candidate(spec->drivers[i], spec->argument, options, &c, err);
        if (rc == 0)
            rc = adopt(power, &c, true, err);
        if (rc) {
            *out_unusable = rc != ERG_INVALID && rc != ERG_NOMEM;
            erg_err_prefix(err, "power source '%s'", spec->drivers[i]->name);
            return rc;
        }
    }
    return 0;
}

/* --- what follows from the choice --------------------------------------------------------------
 */

static int64_t shortest_interval_ns(const struct erg_power *power)
{
    int64_t shortest = INT64_MAX;
    for (size_t i = 0; i < power->member_count; i++) {
        if (power->members[i].driver->default_interval_ns < shortest)
            shortest = power->members[i].driver->default_interval_ns;
    }
    return shortest == INT64_MAX ? FALLBACK_INTERVAL_NS : shortest;
}

/* The sensor of the whole machine: the channel of what it has beyond all the others. */
static int derive_rest(struct erg_power *power, struct erg_err *err)
{
    uint32_t whole = 0, count = (uint32_t)power->channel_count;
    while (whole < count && strcmp(power->channels[whole].measures, machine) != 0)
        whole++;
    if (whole == count || !erg_power_is_polled(power))
        return 0;
    struct erg_channel rest = power->channels[whole];
    snprintf(rest.name, sizeof rest.name, "rest of %.50s", power->channels[whole].name);
    snprintf(rest.measures, sizeof rest.measures, "%s", ERG_CHANNEL_REST);
    rest.domain = ERG_DOMAIN_SOC;
    rest.device = 0;
    rest.quantity = ERG_QUANTITY_ENERGY;
    rest.raw = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct erg_channel *part = &power->channels[i];
        if (part->raw)
            continue;
        rest.estimated = rest.estimated || part->estimated;
        rest.synthetic = rest.synthetic || part->synthetic;
        if (part->update_period_ns > rest.update_period_ns)
            rest.update_period_ns = part->update_period_ns;
    }
    int64_t patience = 4 * (power->interval_ns + rest.update_period_ns);
    int rc = add_channel(power, &rest, &power->rest_channel, err);
    return rc ? rc
              : erg_rest_new(&power->rest, power->channels, count, whole,
                             patience > REST_PATIENCE_NS ? patience : REST_PATIENCE_NS, err);
}

int erg_power_select(struct erg_power *power, const struct erg_power_spec *spec,
                     const struct erg_power_driver *const *table,
                     const struct erg_power_options *options, bool *out_unusable,
                     struct erg_err *err)
{
    int rc = 0;
    if (spec->automatic)
        select_automatic(power, table, options);
    else
        rc = select_named(power, spec, options, out_unusable, err);
    if (rc)
        return rc;
    if (power->interval_ns <= 0)
        power->interval_ns = shortest_interval_ns(power);
    return derive_rest(power, err);
}
