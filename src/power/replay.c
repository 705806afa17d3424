/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "base/mem.h"
#include "power/exact.h"
#include "power/replay_csv.h"
#include "power/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A recorded trace, linear between its rows: exact at any instant. */
struct erg_power_source {
    struct erg_replay replay;
    struct erg_exact_time time;
    char detail[128];
};

static int load(const char *path, struct erg_replay *out, struct erg_err *err)
{
    ERG_AUTO_FREE char *bytes = NULL;
    size_t len = 0;
    int rc = erg_read_file(path, ERG_MAX_REPLAY_BYTES, &bytes, &len, err);
    if (rc)
        return rc;
    rc = erg_replay_parse(bytes, len, out, err);
    if (rc)
        erg_err_prefix(err, "'%.100s'", path);
    return rc;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int replay_open(const struct erg_power_options *options, const char *argument,
                       struct erg_power_source **out, struct erg_channel *out_channels,
                       uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    if (!options->allow_files)
        return erg_fail(err, ERG_DENIED, "'replay:' reads a file, which is not allowed here");
    if (!*argument)
        return erg_fail(err, ERG_INVALID, "'replay:' needs a file: 'replay:FILE.csv'");
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'replay': out of memory");
    int rc = load(argument, &source->replay, err);
    if (rc) {
        free(source);
        return rc;
    }
    source->time = (struct erg_exact_time){erg_clock_now_ns(options->clock), ERG_ZERO_UNKNOWN};
    snprintf(source->detail, sizeof source->detail, "recorded samples, not this machine now: %.60s",
             base_name(argument));
    for (uint32_t i = 0; i < source->replay.count; i++) {
        struct erg_channel *channel = &out_channels[i];
        *channel = (struct erg_channel){.domain = source->replay.columns[i].domain,
                                        .quantity = ERG_QUANTITY_ENERGY,
                                        .synthetic = true};
        snprintf(channel->name, sizeof channel->name, "%s", erg_domain_name(channel->domain));
        snprintf(channel->source, sizeof channel->source, "replay");
    }
    *out = source;
    *out_count = source->replay.count;
    *out_exact = true;
    return 0;
}

/* Area below the trace in excess of holding its first power; the last is held behind its end. */
static erg_i128 excess(const struct erg_curve *curve, int64_t since)
{
    const struct erg_curve_point *first = &curve->points[0];
    const struct erg_curve_point *last = &curve->points[curve->count - 1];
    if (since <= first->t_ns)
        return 0;
    erg_i128 area = (erg_i128)erg_curve_area(curve, since);
    if (since > last->t_ns)
        area += erg_exact_area(last->value, since - last->t_ns);
    return area - erg_exact_area(first->value, since - first->t_ns);
}

static void replay_at(struct erg_power_source *source, int64_t t_ns,
                      struct erg_channel_value *values)
{
    int64_t since = erg_exact_since_zero_ns(&source->time, t_ns);
    for (uint32_t i = 0; i < source->replay.count; i++) {
        const struct erg_curve *curve = &source->replay.columns[i].curve;
        if (curve->quantity == ERG_QUANTITY_ENERGY)
            values[i].value = erg_curve_energy_nj(curve, since);
        else
            values[i].value = erg_exact_energy_nj(&source->time, t_ns, curve->points[0].value,
                                                  excess(curve, since));
    }
}

static void replay_set_zero(struct erg_power_source *source, int64_t t_zero_ns)
{
    source->time.zero_ns = t_zero_ns;
}

static const char *replay_detail(const struct erg_power_source *source)
{
    return source->detail;
}

static void replay_close(struct erg_power_source *source)
{
    if (!source)
        return;
    erg_replay_deinit(&source->replay);
    free(source);
}

const struct erg_power_driver erg_power_driver_replay = {
    .name = "replay",
    .summary = "recorded samples from a CSV file",
    .default_interval_ns = INT64_C(100000000),
    .takes_argument = true,
    .open = replay_open,
    .at = replay_at,
    .set_zero = replay_set_zero,
    .detail = replay_detail,
    .close = replay_close,
};
