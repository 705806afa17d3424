/* SPDX-License-Identifier: MIT */
#include "power/power.h"

#include "base/jsonw.h"
#include "base/mem.h"
#include "power/set.h"
#include "power/spec.h"

#include <stdlib.h>
#include <string.h>

#define FALLBACK_INTERVAL_NS INT64_C(100000000)

/* --- opening ---------------------------------------------------------------------------------- */

static void warn(struct erg_power *power, const char *before, const char *name, const char *after)
{
    struct erg_buf text;
    if (power->warning_count == ERG_MAX_WARNINGS)
        return;
    erg_buf_init(&text);
    erg_buf_printf(&text, "%s%s%s", before, name, after);
    char *line = erg_buf_take(&text);
    if (line)
        power->warnings[power->warning_count++] = line;
}

static bool covered(const struct erg_power *power, enum erg_domain domain)
{
    for (size_t i = 0; i < power->channel_count; i++) {
        if (power->channels[i].domain == domain)
            return true;
    }
    return false;
}

/*
 * Take a source's channels into the set, except those of domains that a source before it covers:
 * two sensors of one domain would count its energy twice.
 */
static int adopt(struct erg_power *power, struct erg_power_member *member,
                 const struct erg_channel *channels, struct erg_err *err)
{
    bool taken[ERG_DOMAINS];
    for (int d = 0; d < ERG_DOMAINS; d++)
        taken[d] = covered(power, (enum erg_domain)d);
    member->channels = erg_calloc(member->own_count, sizeof *member->channels);
    if (!member->channels)
        return erg_fail(err, ERG_NOMEM, "cannot keep power channels: out of memory");
    size_t kept = 0;
    for (uint32_t i = 0; i < member->own_count; i++) {
        member->channels[i] = ERG_CHANNEL_DROPPED;
        if (taken[channels[i].domain])
            continue;
        void *items = power->channels;
        int rc = erg_grow(&items, &power->channel_capacity, power->channel_count + 1,
                          sizeof *power->channels, ERG_MAX_CHANNELS);
        if (rc)
            return erg_fail(err, rc, "cannot keep power channels: %s", erg_code_text(rc));
        power->channels = items;
        member->channels[i] = (uint32_t)power->channel_count;
        power->channels[power->channel_count++] = channels[i];
        kept++;
    }
    if (kept == 0)
        warn(power, "power source '", member->driver->name,
             "' adds nothing: other sources measure its domains");
    return 0;
}

static int add_source(struct erg_power *power, const struct erg_power_driver *driver,
                      const char *argument, const struct erg_power_options *options,
                      struct erg_err *err)
{
    void *items = power->members;
    int rc = erg_grow(&items, &power->member_capacity, power->member_count + 1,
                      sizeof *power->members, ERG_MAX_SOURCES);
    if (rc)
        return erg_fail(err, rc, "cannot keep power sources: %s", erg_code_text(rc));
    power->members = items;
    ERG_AUTO_FREE struct erg_channel *channels = erg_calloc(ERG_MAX_CHANNELS, sizeof *channels);
    if (!channels)
        return erg_fail(err, ERG_NOMEM, "cannot open '%s': out of memory", driver->name);
    struct erg_power_member member = {.driver = driver};
    rc = driver->open(options, argument, &member.source, channels, &member.own_count, &member.exact,
                      err);
    if (rc)
        return rc;
    size_t channels_before = power->channel_count;
    rc = adopt(power, &member, channels, err);
    if (rc) {
        power->channel_count = channels_before;
        driver->close(member.source);
        free(member.channels);
        return rc;
    }
    power->members[power->member_count++] = member;
    return 0;
}

static void open_automatic(struct erg_power *power, const struct erg_power_driver *const *table,
                           const struct erg_power_options *options)
{
    for (size_t i = 0; table[i]; i++) {
        struct erg_power_probe probe = {.name = table[i]->name};
        struct erg_err err = {0};
        if (!table[i]->automatic)
            continue;
        table[i]->probe(options->root, &probe);
        if (probe.state == ERG_POWER_READY && add_source(power, table[i], NULL, options, &err))
            warn(power, "", err.text, "");
    }
    if (power->channel_count == 0)
        warn(power, "no power source is ready: energy is not available (see 'ergon doctor')", "",
             "");
}

static int open_named(struct erg_power *power, const struct erg_power_spec *spec,
                      const struct erg_power_options *options, bool *out_unusable,
                      struct erg_err *err)
{
    for (size_t i = 0; i < spec->count; i++) {
        int rc = add_source(power, spec->drivers[i], spec->argument, options, err);
        if (rc) {
            *out_unusable = rc != ERG_INVALID && rc != ERG_NOMEM;
            erg_err_prefix(err, "power source '%s'", spec->drivers[i]->name);
            return rc;
        }
    }
    return 0;
}

static int64_t shortest_interval_ns(const struct erg_power *power)
{
    int64_t shortest = INT64_MAX;
    for (size_t i = 0; i < power->member_count; i++) {
        if (power->members[i].driver->default_interval_ns < shortest)
            shortest = power->members[i].driver->default_interval_ns;
    }
    return shortest == INT64_MAX ? FALLBACK_INTERVAL_NS : shortest;
}

int erg_power_open_from(const struct erg_power_driver *const *table, struct erg_power **out,
                        const struct erg_power_options *given, bool *out_unusable,
                        struct erg_err *err)
{
    struct erg_power_options options = *given;
    static const struct erg_root real = {.prefix = ""};
    struct erg_power_spec spec;
    bool unusable = false;
    if (!options.clock)
        options.clock = erg_clock_system();
    if (!options.root)
        options.root = &real;
    int rc = erg_power_spec_parse(options.spec, table, &spec, err);
    struct erg_power *power = rc ? NULL : erg_calloc(1, sizeof *power);
    if (!rc && !power)
        rc = erg_fail(err, ERG_NOMEM, "cannot open power sources: out of memory");
    if (!rc) {
        pthread_mutex_init(&power->lock, NULL);
        power->clock = options.clock;
        if (spec.automatic)
            open_automatic(power, table, &options);
        else
            rc = open_named(power, &spec, &options, &unusable, err);
    }
    if (out_unusable)
        *out_unusable = unusable;
    if (rc) {
        erg_power_close(power);
        return rc;
    }
    power->interval_ns =
        options.interval_ns > 0 ? options.interval_ns : shortest_interval_ns(power);
    *out = power;
    return 0;
}

int erg_power_open(struct erg_power **out, const struct erg_power_options *options,
                   bool *out_unusable, struct erg_err *err)
{
    return erg_power_open_from(erg_power_drivers, out, options, out_unusable, err);
}

void erg_power_close(struct erg_power *power)
{
    if (!power)
        return;
    erg_power_stop(power);
    for (size_t i = 0; i < power->member_count; i++) {
        power->members[i].driver->close(power->members[i].source);
        free(power->members[i].channels);
    }
    for (size_t i = 0; i < power->warning_count; i++)
        free(power->warnings[i]);
    pthread_mutex_destroy(&power->lock);
    free(power->members);
    free(power->channels);
    free(power);
}

/* --- what is in it ---------------------------------------------------------------------------- */

uint32_t erg_power_channels(const struct erg_power *power, const struct erg_channel **out_channels)
{
    *out_channels = power->channels;
    return (uint32_t)power->channel_count;
}

int64_t erg_power_interval_ns(const struct erg_power *power)
{
    return power->interval_ns;
}

bool erg_power_is_polled(const struct erg_power *power)
{
    for (size_t i = 0; i < power->member_count; i++) {
        if (!power->members[i].exact)
            return true;
    }
    return false;
}

bool erg_power_is_exact(const struct erg_power *power)
{
    return power->member_count > 0 && !erg_power_is_polled(power);
}

static void describe_source(const struct erg_power *power, const struct erg_power_member *member,
                            struct erg_jsonw *w)
{
    bool estimated = false, synthetic = false;
    for (uint32_t i = 0; i < member->own_count; i++) {
        if (member->channels[i] == ERG_CHANNEL_DROPPED)
            continue;
        const struct erg_channel *channel = &power->channels[member->channels[i]];
        estimated = estimated || channel->estimated;
        synthetic = synthetic || channel->synthetic;
    }
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "name", member->driver->name);
    erg_jsonw_kstr(w, "detail", member->driver->detail(member->source));
    erg_jsonw_kstr(w, "grade",
                   erg_grade_name(estimated ? ERG_GRADE_ESTIMATED : ERG_GRADE_MEASURED));
    erg_jsonw_kbool(w, "synthetic", synthetic);
    erg_jsonw_obj_end(w);
}

static void describe_channel(const struct erg_channel *channel, struct erg_jsonw *w)
{
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "name", channel->name);
    erg_jsonw_kstr(w, "source", channel->source);
    erg_jsonw_kstr(w, "domain", erg_domain_name(channel->domain));
    erg_jsonw_kint(w, "device", channel->device);
    erg_jsonw_kstr(w, "quantity", channel->quantity == ERG_QUANTITY_POWER ? "power" : "energy");
    erg_jsonw_kint(w, "update_period_ns", channel->update_period_ns);
    erg_jsonw_kint(w, "max_gap_ns", channel->max_gap_ns);
    erg_jsonw_kbool(w, "estimated", channel->estimated);
    erg_jsonw_kbool(w, "synthetic", channel->synthetic);
    erg_jsonw_obj_end(w);
}

int erg_power_describe(const struct erg_power *power, struct erg_buf *out_json, struct erg_err *err)
{
    struct erg_jsonw w;
    erg_jsonw_init(&w, out_json);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_key(&w, "sources");
    erg_jsonw_arr_begin(&w);
    for (size_t i = 0; i < power->member_count; i++)
        describe_source(power, &power->members[i], &w);
    erg_jsonw_arr_end(&w);
    erg_jsonw_key(&w, "channels");
    erg_jsonw_arr_begin(&w);
    for (size_t i = 0; i < power->channel_count; i++)
        describe_channel(&power->channels[i], &w);
    erg_jsonw_arr_end(&w);
    erg_jsonw_kmicro(&w, "interval_ms", power->interval_ns);
    erg_jsonw_obj_end(&w);
    int rc = erg_jsonw_finish(&w);
    if (rc)
        return erg_fail(err, rc, "cannot describe the power sources: %s", erg_code_text(rc));
    return 0;
}

/* --- reading it ------------------------------------------------------------------------------- */

uint32_t erg_power_place(const struct erg_power_member *member, struct erg_channel_value *values)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < member->own_count; i++) {
        if (member->channels[i] == ERG_CHANNEL_DROPPED)
            continue;
        values[kept] = values[i];
        values[kept++].channel = member->channels[i];
    }
    return kept;
}

int erg_power_start(struct erg_power *power, int64_t t_zero_ns, erg_power_on_reading on_reading,
                    erg_power_on_warning on_warning, void *user, struct erg_err *err)
{
    erg_power_set_zero(power, t_zero_ns);
    power->on_reading = on_reading;
    power->on_warning = on_warning;
    power->user = user;
    for (size_t i = 0; i < power->warning_count && on_warning; i++)
        on_warning(user, power->warnings[i]);
    return erg_power_is_polled(power) ? erg_sampler_start(power, err) : 0;
}

void erg_power_set_zero(struct erg_power *power, int64_t t_zero_ns)
{
    pthread_mutex_lock(&power->lock);
    for (size_t i = 0; i < power->member_count; i++) {
        if (power->members[i].driver->set_zero)
            power->members[i].driver->set_zero(power->members[i].source, t_zero_ns);
    }
    pthread_mutex_unlock(&power->lock);
}

void erg_power_poke(struct erg_power *power)
{
    if (!power->running)
        return;
    atomic_store(&power->poked, true);
    erg_waiter_wake(&power->waiter);
}

void erg_power_read_exact(struct erg_power *power, int64_t t_ns, enum erg_reading_kind kind)
{
    for (size_t i = 0; i < power->member_count && power->on_reading; i++) {
        struct erg_power_member *member = &power->members[i];
        struct erg_channel_value values[ERG_MAX_CHANNELS];
        if (!member->exact)
            continue;
        memset(values, 0, member->own_count * sizeof *values);
        pthread_mutex_lock(&power->lock);
        member->driver->at(member->source, t_ns, values);
        pthread_mutex_unlock(&power->lock);
        uint32_t count = erg_power_place(member, values);
        power->on_reading(power->user, t_ns, t_ns, kind, values, count);
    }
}

void erg_power_stop(struct erg_power *power)
{
    erg_sampler_stop(power);
    power->on_reading = NULL;
    power->on_warning = NULL;
}

/* --- doctor ----------------------------------------------------------------------------------- */

bool erg_power_probe(size_t i, const struct erg_root *root, struct erg_power_probe *out)
{
    for (size_t d = 0; erg_power_drivers[d]; d++) {
        const struct erg_power_driver *driver = erg_power_drivers[d];
        if (!driver->automatic || i-- > 0)
            continue;
        *out = (struct erg_power_probe){.name = driver->name, .summary = driver->summary};
        driver->probe(root, out);
        return true;
    }
    return false;
}

const char *erg_power_state_name(enum erg_power_state state)
{
    static const char *const names[] = {"ready", "absent", "denied", "broken"};
    return (unsigned)state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}
