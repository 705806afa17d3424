/* SPDX-License-Identifier: MIT */
#include "power/ioreport.h"

#include "base/mem.h"
#include "power/sources.h"
#include "power/spread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_NS INT64_C(100000000)
/* Longer than the longest batch that was reported, 2.23 s. */
#define PATIENCE_NS INT64_C(3000000000)

static const struct {
    const char *name;
    enum erg_domain domain;
    bool raw; /* whether it is part of the GPU's is not documented */
} totals[ERG_IOREPORT_TOTALS] = {
    [ERG_IOREPORT_CPU] = {"cpu", ERG_DOMAIN_CPU, false},
    [ERG_IOREPORT_GPU] = {"gpu", ERG_DOMAIN_GPU, false},
    [ERG_IOREPORT_ANE] = {"ane", ERG_DOMAIN_ANE, false},
    [ERG_IOREPORT_DRAM] = {"dram", ERG_DOMAIN_DRAM, false},
    [ERG_IOREPORT_GPU_SRAM] = {"gpu sram", ERG_DOMAIN_GPU, true},
};

struct erg_power_source {
    const struct erg_ioreport_api *api;
    void *handle;
    uint32_t numerator, denominator;
    enum erg_ioreport_total channels[ERG_IOREPORT_TOTALS];
    uint32_t channel_count;
    struct erg_spread spread;
    bool telling; /* readings of the last sample are left */
};

static int sample(struct erg_power_source *source, struct erg_ioreport_sums *out,
                  struct erg_err *err)
{
    struct erg_ioreport_item items[ERG_IOREPORT_ITEMS];
    size_t count = 0;
    int rc = source->api->sample(source->handle, items, &count, err);
    if (rc == 0)
        erg_ioreport_sum(items, count, out);
    return rc;
}

static void show(struct erg_power_source *source, const struct erg_ioreport_sums *sums,
                 int64_t now_ns)
{
    for (uint32_t i = 0; i < source->channel_count; i++) {
        enum erg_ioreport_total total = source->channels[i];
        if (!(sums->present >> total & 1))
            continue;
        int64_t published_ns = erg_ioreport_time_ns(sums->ticks[total], source->numerator,
                                                    source->denominator, now_ns);
        erg_spread_show(&source->spread, i, published_ns, sums->nj[total], now_ns);
    }
}

static void ioreport_close(struct erg_power_source *source)
{
    if (!source)
        return;
    if (source->handle)
        source->api->close(source->handle);
    free(source);
}

static void name_channels(struct erg_power_source *source, uint32_t present,
                          struct erg_channel *channels)
{
    for (int total = 0; total < ERG_IOREPORT_TOTALS; total++) {
        if (!(present >> total & 1))
            continue;
        struct erg_channel *channel = &channels[source->channel_count];
        *channel = (struct erg_channel){.domain = totals[total].domain,
                                        .quantity = ERG_QUANTITY_ENERGY,
                                        .update_period_ns = INTERVAL_NS,
                                        .raw = totals[total].raw};
        snprintf(channel->name, sizeof channel->name, "%s", totals[total].name);
        snprintf(channel->source, sizeof channel->source, "ioreport");
        if (channel->raw)
            snprintf(channel->measures, sizeof channel->measures, "%s", totals[total].name);
        source->channels[source->channel_count++] = (enum erg_ioreport_total)total;
    }
}

int erg_ioreport_open_with(const struct erg_ioreport_api *api, const struct erg_clock *clock,
                           struct erg_power_source **out, struct erg_channel *out_channels,
                           uint32_t *out_count, struct erg_err *err)
{
    struct erg_ioreport_sums first;
    if (!api)
        return erg_fail(err, ERG_NOT_FOUND, "there is no IOReport: it is a part of macOS");
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'ioreport': out of memory");
    source->api = api;
    int rc = api->open(&source->handle, err);
    if (rc == 0)
        rc = sample(source, &first, err);
    if (rc == 0 && !first.present)
        rc = erg_fail(err, ERG_UNSUPPORTED, "IOReport has no energy of this machine");
    if (rc) {
        ioreport_close(source);
        return rc;
    }
    api->timebase(&source->numerator, &source->denominator);
    name_channels(source, first.present, out_channels);
    erg_spread_init(&source->spread, source->channel_count, PATIENCE_NS);
    show(source, &first, erg_clock_now_ns(clock));
    source->telling = true;
    *out = source;
    *out_count = source->channel_count;
    return 0;
}

static int ioreport_open(const struct erg_power_options *options, const char *argument,
                         struct erg_power_source **out, struct erg_channel *out_channels,
                         uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    (void)argument;
    *out_exact = false;
    return erg_ioreport_open_with(erg_ioreport_system(), options->clock, out, out_channels,
                                  out_count, err);
}

/* A sample, then one reading after the other of it, until there is none left. */
static int ioreport_read(struct erg_power_source *source, int64_t *inout_t_ns,
                         struct erg_channel_value *values, struct erg_err *err)
{
    struct erg_ioreport_sums sums;
    if (!source->telling) {
        int rc = sample(source, &sums, err);
        if (rc)
            return rc;
        show(source, &sums, *inout_t_ns);
        source->telling = true;
    }
    if (erg_spread_next(&source->spread, inout_t_ns, values))
        return 0;
    source->telling = false;
    return ERG_POWER_NOTHING_NEW;
}

static void ioreport_probe(const struct erg_root *root, struct erg_power_probe *out)
{
    const struct erg_ioreport_api *api = erg_ioreport_system();
    struct erg_err err = {0};
    void *handle = NULL;
    (void)root;
    out->state = ERG_POWER_ABSENT;
    if (!api) {
        snprintf(out->reason, sizeof out->reason, "there is no IOReport: it is a part of macOS");
        return;
    }
    int rc = api->open(&handle, &err);
    if (rc == 0)
        api->close(handle);
    if (rc == 0)
        out->state = ERG_POWER_READY;
    else if (rc != ERG_NOT_FOUND)
        out->state = ERG_POWER_BROKEN;
    snprintf(out->reason, sizeof out->reason, "%.199s", rc ? err.text : "energy counters of macOS");
}

static const char *ioreport_detail(const struct erg_power_source *source)
{
    (void)source;
    return "IOReport energy model of macOS: estimated by the system, not for comparison between "
           "devices";
}

const struct erg_power_driver erg_power_driver_ioreport = {
    .name = "ioreport",
    .summary = "macOS: CPU, GPU, Neural Engine and DRAM energy from IOReport (no sudo)",
    .default_interval_ns = INTERVAL_NS,
    .automatic = true,
    .batches = true,
    .probe = ioreport_probe,
    .open = ioreport_open,
    .read = ioreport_read,
    .detail = ioreport_detail,
    .close = ioreport_close,
};
