/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "power/counter.h"
#include "power/exact.h"
#include "power/sources.h"
#include "power/waveform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Known waveforms. Well-behaved it is exact at any instant; with misbehaviour it is a counter that
 * is polled like any other, so that the code for lost, repeated and wrapped readings runs.
 */
enum { DEFAULT_INTERVAL_MS = 100 };

struct erg_power_source {
    struct erg_synthetic_spec spec;
    struct erg_exact_time time;
    enum erg_domain domains[ERG_DOMAINS];
    uint32_t count;
    uint64_t random;
    int64_t reads; /* successful ones, for `stale` */
    int64_t held_nj[ERG_DOMAINS];
    struct erg_counter counters[ERG_DOMAINS];
    char detail[96];
};

static void describe_channel(struct erg_channel *out, enum erg_domain domain, int64_t period_ns)
{
    *out = (struct erg_channel){.domain = domain,
                                .quantity = ERG_QUANTITY_ENERGY,
                                .update_period_ns = period_ns,
                                .synthetic = true};
    snprintf(out->name, sizeof out->name, "%s", erg_domain_name(domain));
    snprintf(out->source, sizeof out->source, "synthetic");
}

static int synthetic_open(const struct erg_power_options *options, const char *argument,
                          struct erg_power_source **out, struct erg_channel *out_channels,
                          uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    struct erg_synthetic_spec spec;
    int rc = erg_synthetic_parse(argument, &spec, err);
    if (rc)
        return rc;
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'synthetic': out of memory");
    int64_t interval =
        options->interval_ns > 0 ? options->interval_ns : DEFAULT_INTERVAL_MS * INT64_C(1000000);
    int64_t period = 0;
    if (spec.misbehaves && __builtin_mul_overflow(interval, spec.stale, &period))
        period = INT64_MAX;
    source->spec = spec;
    source->random = (uint64_t)options->seed;
    source->time = (struct erg_exact_time){erg_clock_now_ns(options->clock), ERG_ZERO_UNKNOWN};
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (spec.waves[d].shape == ERG_WAVE_NONE)
            continue;
        uint32_t i = source->count++;
        source->domains[i] = (enum erg_domain)d;
        erg_counter_init(&source->counters[i], (uint64_t)spec.wrap_uj);
        describe_channel(&out_channels[i], (enum erg_domain)d, period);
    }
    snprintf(source->detail, sizeof source->detail, "simulation, not this machine: %.50s%s",
             argument, strlen(argument) > 50 ? "…" : "");
    *out = source;
    *out_count = source->count;
    *out_exact = !spec.misbehaves;
    return 0;
}

static int64_t true_energy_nj(const struct erg_power_source *source, uint32_t i, int64_t t_ns)
{
    const struct erg_waveform *wave = &source->spec.waves[source->domains[i]];
    int64_t since = erg_exact_since_zero_ns(&source->time, t_ns);
    return erg_exact_energy_nj(&source->time, t_ns, wave->first_uw,
                               erg_waveform_excess(wave, since));
}

static void synthetic_at(struct erg_power_source *source, int64_t t_ns,
                         struct erg_channel_value *values)
{
    for (uint32_t i = 0; i < source->count; i++)
        values[i].value = true_energy_nj(source, i, t_ns);
}

/* splitmix64 (Steele, Lea, Flood 2014) to a double in [0, 1). */
static double next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* Through a counter of whole µJ that wraps, and back. */
static int64_t through_counter_nj(struct erg_power_source *source, uint32_t i, int64_t nj)
{
    struct erg_counter *counter = &source->counters[i];
    uint64_t modulus = counter->max + 1, total_uj = 0;
    erg_counter_update(counter, (uint64_t)nj / 1000 % modulus, &total_uj, NULL);
    return total_uj > INT64_MAX / 1000 ? INT64_MAX : (int64_t)total_uj * 1000;
}

static int synthetic_read(struct erg_power_source *source, int64_t *inout_t_ns,
                          struct erg_channel_value *values, struct erg_err *err)
{
    const struct erg_synthetic_spec *spec = &source->spec;
    int64_t now_ns = *inout_t_ns;
    int64_t since = erg_exact_since_zero_ns(&source->time, now_ns);
    if (spec->die_ns >= 0 && since >= spec->die_ns)
        return erg_fail(err, ERG_GONE, "the synthetic source died, as it was told to");
    bool dropped = next_random(&source->random) < spec->drop_ratio;
    bool fresh = !dropped && source->reads++ % spec->stale == 0;
    for (uint32_t i = 0; i < source->count; i++) {
        if (dropped) {
            values[i].status = (uint32_t)-ERG_IO;
            continue;
        }
        if (fresh) {
            int64_t nj = true_energy_nj(source, i, now_ns);
            source->held_nj[i] = spec->wrap_uj ? through_counter_nj(source, i, nj) : nj;
        }
        values[i].value = source->held_nj[i];
    }
    return 0;
}

static void synthetic_set_zero(struct erg_power_source *source, int64_t t_zero_ns)
{
    source->time.zero_ns = t_zero_ns;
}

static const char *synthetic_detail(const struct erg_power_source *source)
{
    return source->detail;
}

static void synthetic_close(struct erg_power_source *source)
{
    free(source);
}

const struct erg_power_driver erg_power_driver_synthetic = {
    .name = "synthetic",
    .summary = "known waveforms: a simulation",
    .default_interval_ns = DEFAULT_INTERVAL_MS * INT64_C(1000000),
    .takes_argument = true,
    .open = synthetic_open,
    .read = synthetic_read,
    .at = synthetic_at,
    .set_zero = synthetic_set_zero,
    .detail = synthetic_detail,
    .close = synthetic_close,
};
