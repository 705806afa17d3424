/* SPDX-License-Identifier: MIT */
#include "record/meter.h"

#include "base/limits.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_PERIODS = 10 };

struct erg_meter {
    struct erg_power *power;
    const struct erg_clock *clock;
    int64_t period_ns, patience_ns;
    char sources[256];
    pthread_mutex_t lock; /* of what follows, which the sampling thread fills */
    struct erg_timeline *timeline;
    erg_power_on_warning on_warning;
    void *user;
};

static void on_reading(void *user, int64_t t_before_ns, int64_t t_after_ns,
                       enum erg_reading_kind kind, const struct erg_channel_value *values,
                       uint32_t count)
{
    struct erg_meter *meter = user;
    int64_t t_ns = t_before_ns + (t_after_ns - t_before_ns) / 2;
    (void)kind;
    pthread_mutex_lock(&meter->lock);
    for (uint32_t i = 0; i < count; i++) {
        if (values[i].status == (uint32_t)-ERG_OVERRUN)
            erg_timeline_break(meter->timeline, values[i].channel);
        if (values[i].status == 0)
            erg_timeline_add(meter->timeline, values[i].channel, t_ns, values[i].value, NULL);
    }
    pthread_mutex_unlock(&meter->lock);
}

static void on_warning(void *user, const char *text)
{
    struct erg_meter *meter = user;
    if (meter->on_warning)
        meter->on_warning(meter->user, text);
}

static void add_source(struct erg_meter *meter, const char *name)
{
    size_t len = strlen(meter->sources), name_len = strlen(name);
    for (const char *at = meter->sources; *at; at += strcspn(at, "+") + (strchr(at, '+') != NULL)) {
        if (strncmp(at, name, name_len) == 0 && (at[name_len] == '+' || at[name_len] == '\0'))
            return;
    }
    snprintf(meter->sources + len, sizeof meter->sources - len, "%s%s", len ? "+" : "", name);
}

static void look_at_channels(struct erg_meter *meter, const struct erg_channel *channels,
                             uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        add_source(meter, channels[i].source);
        if (channels[i].update_period_ns > meter->period_ns)
            meter->period_ns = channels[i].update_period_ns;
    }
    int64_t interval_ns = erg_power_interval_ns(meter->power);
    if (erg_power_is_polled(meter->power) && meter->period_ns < interval_ns)
        meter->period_ns = interval_ns;
    meter->patience_ns = PATIENCE_PERIODS * (meter->period_ns + interval_ns);
}

int erg_meter_open(struct erg_meter **out, const struct erg_power_options *options,
                   erg_power_on_warning warning, void *user, bool *out_unusable,
                   struct erg_err *err)
{
    struct erg_meter *meter = erg_calloc(1, sizeof *meter);
    const struct erg_channel *channels;
    if (!meter)
        return erg_fail(err, ERG_NOMEM, "cannot open power sources: out of memory");
    meter->clock = options->clock ? options->clock : erg_clock_system();
    meter->on_warning = warning;
    meter->user = user;
    pthread_mutex_init(&meter->lock, NULL);
    int rc = erg_power_open(&meter->power, options, out_unusable, err);
    uint32_t count = rc ? 0 : erg_power_channels(meter->power, &channels);
    if (rc == 0 && count == 0) {
        *out_unusable = true;
        rc = erg_fail(err, ERG_NOT_FOUND,
                      "there is no power source to measure with (see 'ergon doctor')");
    }
    if (rc == 0)
        rc = erg_timeline_new(&meter->timeline, channels, count, err);
    if (rc == 0) {
        look_at_channels(meter, channels, count);
        rc = erg_power_start(meter->power, erg_clock_now_ns(meter->clock), on_reading, on_warning,
                             meter, err);
    }
    if (rc) {
        erg_meter_close(meter);
        return rc;
    }
    *out = meter;
    return 0;
}

void erg_meter_close(struct erg_meter *meter)
{
    if (!meter)
        return;
    erg_power_close(meter->power);
    erg_timeline_free(meter->timeline);
    pthread_mutex_destroy(&meter->lock);
    free(meter);
}

int64_t erg_meter_period_ns(const struct erg_meter *meter)
{
    return meter->period_ns;
}

const char *erg_meter_sources(const struct erg_meter *meter)
{
    return meter->sources;
}

uint32_t erg_meter_channels(const struct erg_meter *meter, const struct erg_channel **out_channels)
{
    return erg_power_channels(meter->power, out_channels);
}

int64_t erg_meter_settled_ns(struct erg_meter *meter)
{
    int64_t now = erg_clock_now_ns(meter->clock);
    if (!erg_power_is_polled(meter->power))
        return now;
    pthread_mutex_lock(&meter->lock);
    int64_t settled = erg_timeline_settled_ns(meter->timeline, now, meter->patience_ns);
    pthread_mutex_unlock(&meter->lock);
    return settled;
}

bool erg_meter_has_seen(struct erg_meter *meter, int64_t t_ns)
{
    int64_t settled = erg_meter_settled_ns(meter);
    if (erg_power_is_polled(meter->power) && settled < t_ns)
        erg_power_poke(meter->power);
    return !erg_power_is_polled(meter->power) || settled >= t_ns;
}

struct erg_window erg_meter_window(struct erg_meter *meter, int64_t t0_ns, int64_t t1_ns)
{
    erg_power_read_exact(meter->power, t0_ns, ERG_READING_EDGE);
    erg_power_read_exact(meter->power, t1_ns, ERG_READING_EDGE);
    pthread_mutex_lock(&meter->lock);
    struct erg_window window = erg_timeline_window(meter->timeline, t0_ns, t1_ns);
    pthread_mutex_unlock(&meter->lock);
    return window;
}

/* Exact sources are read on a grid of the interval, of at most this many points. */
enum { PEAK_POINTS = 20000 };

double erg_meter_peak_mw(struct erg_meter *meter, int64_t t0_ns, int64_t t1_ns)
{
    struct erg_window window = erg_meter_window(meter, t0_ns, t1_ns);
    int64_t step = erg_power_interval_ns(meter->power);
    if (!erg_energy_known(&window.energy) || t1_ns <= t0_ns)
        return -1;
    if ((t1_ns - t0_ns) / PEAK_POINTS >= step)
        step = (t1_ns - t0_ns) / PEAK_POINTS + 1;
    for (int64_t t = t0_ns; erg_power_is_exact(meter->power) && t < t1_ns; t += step)
        erg_power_read_exact(meter->power, t, ERG_READING_EDGE);
    pthread_mutex_lock(&meter->lock);
    double peak = erg_timeline_peak_mw(meter->timeline, t0_ns, t1_ns, step / 2);
    pthread_mutex_unlock(&meter->lock);
    double average = (double)erg_energy_total_nj(&window.energy) / (double)(t1_ns - t0_ns) * 1e3;
    return average > peak ? average : peak;
}
