/* SPDX-License-Identifier: MIT */
#include "power/power.h"

#include "base/jsonw.h"
#include "base/mem.h"
#include "power/set.h"

#include <stdlib.h>
#include <string.h>

/* --- opening ---------------------------------------------------------------------------------- */

static struct erg_power *new_set(const struct erg_power_options *options)
{
    struct erg_power *power = erg_calloc(1, sizeof *power);
    if (!power)
        return NULL;
    power->members = erg_calloc(ERG_MAX_SOURCES, sizeof *power->members);
    if (!power->members) {
        free(power);
        return NULL;
    }
    pthread_mutex_init(&power->delivery, NULL);
    pthread_mutex_init(&power->threads, NULL);
    power->clock = options->clock;
    power->interval_ns = options->interval_ns;
    return power;
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
    struct erg_power *power = rc ? NULL : new_set(&options);
    if (!rc && !power)
        rc = erg_fail(err, ERG_NOMEM, "cannot open power sources: out of memory");
    if (!rc)
        rc = erg_power_select(power, &spec, table, &options, &unusable, err);
    if (out_unusable)
        *out_unusable = unusable;
    if (rc) {
        erg_power_close(power);
        return rc;
    }
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
        erg_power_check_free(power->members[i].check);
        pthread_mutex_destroy(&power->members[i].lock);
        free(power->members[i].channels);
    }
    for (size_t i = 0; i < power->warning_count; i++)
        free(power->warnings[i]);
    pthread_mutex_destroy(&power->delivery);
    pthread_mutex_destroy(&power->threads);
    erg_rest_free(power->rest);
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

/* A source that adds no channel. */
static void describe_check(const struct erg_power_member *member, struct erg_jsonw *w)
{
    const struct erg_power_check *check = member->check;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "name", check->driver->name);
    erg_jsonw_kstr(w, "detail", check->driver->detail(check->source));
    erg_jsonw_kstr(w, "grade", erg_grade_name(ERG_GRADE_MEASURED));
    erg_jsonw_kbool(w, "synthetic", false);
    erg_jsonw_kstr(w, "checks", member->driver->name);
    erg_jsonw_obj_end(w);
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
    if (member->driver->describe)
        member->driver->describe(member->source, w);
    erg_jsonw_obj_end(w);
    if (member->check)
        describe_check(member, w);
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
    if (channel->measures[0])
        erg_jsonw_kstr(w, "measures", channel->measures);
    if (channel->raw)
        erg_jsonw_kbool(w, "raw", true);
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

void erg_power_deliver(struct erg_power *power, int64_t t_before_ns, int64_t t_after_ns,
                       enum erg_reading_kind kind, const struct erg_channel_value *values,
                       uint32_t count)
{
    int64_t t_ns = t_before_ns + (t_after_ns - t_before_ns) / 2, nj;
    pthread_mutex_lock(&power->delivery);
    power->on_reading(power->user, t_before_ns, t_after_ns, kind, values, count);
    for (uint32_t i = 0; i < count && power->rest; i++) {
        if (values[i].status == 0)
            erg_rest_add(power->rest, values[i].channel, t_ns, values[i].value);
    }
    if (power->rest && erg_rest_take(power->rest, &t_ns, &nj)) {
        struct erg_channel_value derived = {.channel = power->rest_channel, .value = nj};
        power->on_reading(power->user, t_ns, t_ns, kind, &derived, 1);
    }
    pthread_mutex_unlock(&power->delivery);
}

void erg_power_deliver_warning(struct erg_power *power, const char *text)
{
    pthread_mutex_lock(&power->delivery);
    if (power->on_warning)
        power->on_warning(power->user, text);
    pthread_mutex_unlock(&power->delivery);
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
    for (size_t i = 0; i < power->member_count; i++) {
        struct erg_power_member *member = &power->members[i];
        if (!member->driver->set_zero)
            continue;
        pthread_mutex_lock(&member->lock);
        member->driver->set_zero(member->source, t_zero_ns);
        pthread_mutex_unlock(&member->lock);
    }
}

void erg_power_poke(struct erg_power *power)
{
    erg_sampler_poke(power);
}

void erg_power_read_exact(struct erg_power *power, int64_t t_ns, enum erg_reading_kind kind)
{
    for (size_t i = 0; i < power->member_count && power->on_reading; i++) {
        struct erg_power_member *member = &power->members[i];
        struct erg_channel_value values[ERG_MAX_CHANNELS];
        if (!member->exact)
            continue;
        memset(values, 0, member->own_count * sizeof *values);
        pthread_mutex_lock(&member->lock);
        member->driver->at(member->source, t_ns, values);
        pthread_mutex_unlock(&member->lock);
        uint32_t count = erg_power_place(member, values);
        erg_power_deliver(power, t_ns, t_ns, kind, values, count);
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
