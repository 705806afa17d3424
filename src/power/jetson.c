/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "power/gauge.h"
#include "power/jetson_rails.h"
#include "power/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * NVIDIA Jetson: the INA3221 monitors of the board's supply rails. Since JetPack 5 the kernel's own
 * driver (hwmon, voltage and current), before it NVIDIA's (iio, power in mW). Each chip has three
 * inputs; the hwmon channels above them are shunt voltages and their sum.
 */
enum { RAILS_PER_CHIP = 3, MAX_RAILS = 32, DEFAULT_INTERVAL_MS = 100, PATH_BYTES = 320 };

#define NS_PER_MS  INT64_C(1000000)
#define MAX_GAP_NS (1000 * NS_PER_MS)

#define MODERN_FOLDER "/sys/bus/i2c/drivers/ina3221"
#define OLD_FOLDER    "/sys/bus/i2c/drivers/ina3221x"

struct rail {
    char label[32];
    const struct erg_jetson_rail *kind;
    struct erg_gauge gauge;
    int64_t update_period_ns;
};

struct erg_power_source {
    struct rail rails[MAX_RAILS];
    uint32_t count;
    char detail[200];
};

struct search {
    const struct erg_root *root;
    struct erg_power_source *source;
    struct erg_err why; /* of the first rail that is there and cannot be read */
};

static bool read_label(struct search *search, const char *path, char *out, size_t out_bytes)
{
    struct erg_err err;
    int rc = erg_root_read_text(search->root, path, out, out_bytes, &err);
    if (rc && rc != ERG_NOT_FOUND && !search->why.code)
        search->why = err;
    return rc == 0;
}

/* Keep a rail whose gauge is open, if it is one that counts and shows something. */
static void keep(struct search *search, struct rail *rail, int rc, struct erg_err *err)
{
    int64_t ignored;
    if (rc == 0)
        rc = erg_gauge_read(&rail->gauge, 0, &ignored, err);
    if (rc == 0) {
        search->source->rails[search->source->count++] = *rail;
        return;
    }
    erg_gauge_deinit(&rail->gauge);
    erg_err_prefix(err, "rail '%s'", rail->label);
    if (!search->why.code)
        search->why = *err;
}

static void look_at_modern(struct search *search, const char *folder)
{
    char label[PATH_BYTES], voltage[PATH_BYTES], current[PATH_BYTES], path[PATH_BYTES];
    int64_t interval_ms;
    snprintf(path, sizeof path, "%.200s/update_interval", folder);
    if (erg_root_read_i64(search->root, path, &interval_ms, NULL) || interval_ms <= 0 ||
        interval_ms > 10000)
        interval_ms = 10;
    for (int n = 1; n <= RAILS_PER_CHIP && search->source->count < MAX_RAILS; n++) {
        struct rail rail = {.update_period_ns = interval_ms * NS_PER_MS};
        struct erg_err err;
        snprintf(label, sizeof label, "%.200s/in%d_label", folder, n);
        snprintf(voltage, sizeof voltage, "%.200s/in%d_input", folder, n);
        snprintf(current, sizeof current, "%.200s/curr%d_input", folder, n);
        if (!read_label(search, label, rail.label, sizeof rail.label))
            continue;
        rail.kind = erg_jetson_find_rail(rail.label);
        if (!rail.kind)
            continue;
        /* mV × mA = µW */
        int rc = erg_gauge_open_power(&rail.gauge, search->root, voltage, current, 1, &err);
        keep(search, &rail, rc, &err);
    }
}

static void look_at_old(struct search *search, const char *folder)
{
    char label[PATH_BYTES], power[PATH_BYTES];
    for (int n = 0; n < RAILS_PER_CHIP && search->source->count < MAX_RAILS; n++) {
        struct rail rail = {.update_period_ns = 10 * NS_PER_MS};
        struct erg_err err;
        snprintf(label, sizeof label, "%.200s/rail_name_%d", folder, n);
        snprintf(power, sizeof power, "%.200s/in_power%d_input", folder, n);
        if (!read_label(search, label, rail.label, sizeof rail.label))
            continue;
        rail.kind = erg_jetson_find_rail(rail.label);
        if (!rail.kind)
            continue;
        int rc = erg_gauge_open_power(&rail.gauge, search->root, power, NULL, 1000, &err);
        keep(search, &rail, rc, &err);
    }
}

/* Folders below `folder` whose name begins with `prefix`. */
static void for_each(struct search *search, const char *folder, const char *prefix,
                     void (*look)(struct search *search, const char *folder))
{
    char **names, path[PATH_BYTES];
    size_t count;
    struct erg_err err;
    int rc = erg_root_list(search->root, folder, &names, &count, &err);
    if (rc && rc != ERG_NOT_FOUND && !search->why.code)
        search->why = err;
    if (rc)
        return;
    for (size_t i = 0; i < count; i++) {
        int len = snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (strncmp(names[i], prefix, strlen(prefix)) == 0 && len > 0 && (size_t)len < 200)
            look(search, path);
    }
    erg_root_free_names(names, count);
}

static void look_at_modern_chip(struct search *search, const char *folder)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%.200s/hwmon", folder);
    for_each(search, path, "hwmon", look_at_modern);
}

static void look_at_old_chip(struct search *search, const char *folder)
{
    for_each(search, folder, "iio:device", look_at_old);
}

/* A board without an input rail has all its rails side by side; with one they are parts of it. */
static void describe_rails(struct erg_power_source *source)
{
    size_t at = 0;
    int n = snprintf(source->detail, sizeof source->detail, "INA3221 rails");
    for (uint32_t i = 0; i < source->count && n >= 0; i++) {
        at += (size_t)n;
        if (at >= sizeof source->detail)
            return;
        n = snprintf(source->detail + at, sizeof source->detail - at, "%s %s%s", i ? "," : ":",
                     source->rails[i].label, source->rails[i].kind->note);
    }
}

static void close_rails(struct erg_power_source *source)
{
    for (uint32_t i = 0; i < source->count; i++)
        erg_gauge_deinit(&source->rails[i].gauge);
}

static int find_rails(const struct erg_root *root, struct erg_power_source *source,
                      struct erg_err *err)
{
    struct search search = {.root = root, .source = source};
    for_each(&search, MODERN_FOLDER, "", look_at_modern_chip);
    if (source->count == 0)
        for_each(&search, OLD_FOLDER, "", look_at_old_chip);
    describe_rails(source);
    if (source->count && search.why.code != ERG_NOMEM)
        return 0;
    close_rails(source);
    if (!search.why.code)
        return erg_fail(err, ERG_NOT_FOUND, "no INA3221 power monitor with rails of a Jetson");
    if (err)
        *err = search.why;
    return search.why.code;
}

static void jetson_probe(const struct erg_root *root, struct erg_power_probe *out)
{
    struct erg_err err = {.code = ERG_NOMEM, .text = "cannot look for rails: out of memory"};
    ERG_AUTO_FREE struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source || find_rails(root, source, &err)) {
        erg_gauge_probe_failed(
            out, &err, err.code == ERG_DENIED ? "make the files readable for your user" : "");
        return;
    }
    close_rails(source);
    out->state = ERG_POWER_READY;
    snprintf(out->reason, sizeof out->reason, "%s", source->detail);
}

static int count_before(const struct erg_power_source *source, uint32_t i)
{
    int before = 0;
    for (uint32_t k = 0; k < i; k++)
        before += source->rails[k].kind->domain == source->rails[i].kind->domain;
    return before;
}

static int jetson_open(const struct erg_power_options *options, const char *argument,
                       struct erg_power_source **out, struct erg_channel *out_channels,
                       uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    (void)argument;
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'jetson': out of memory");
    int rc = find_rails(options->root, source, err);
    if (rc) {
        free(source);
        return rc;
    }
    for (uint32_t i = 0; i < source->count; i++) {
        const struct rail *rail = &source->rails[i];
        out_channels[i] = (struct erg_channel){
            .source = "jetson",
            .domain = rail->kind->domain,
            .device = count_before(source, i),
            .quantity = ERG_QUANTITY_POWER,
            .update_period_ns = rail->update_period_ns,
            .max_gap_ns = MAX_GAP_NS,
            .raw = rail->kind->raw,
        };
        snprintf(out_channels[i].name, sizeof out_channels[i].name, "%s", rail->label);
        snprintf(out_channels[i].measures, sizeof out_channels[i].measures, "%s",
                 rail->kind->measures);
    }
    *out = source;
    *out_count = source->count;
    *out_exact = false;
    return 0;
}

static int jetson_read(struct erg_power_source *source, int64_t *inout_t_ns,
                       struct erg_channel_value *values, struct erg_err *err)
{
    (void)err;
    for (uint32_t i = 0; i < source->count; i++)
        erg_gauge_read_value(&source->rails[i].gauge, *inout_t_ns, &values[i]);
    return 0;
}

static const char *jetson_detail(const struct erg_power_source *source)
{
    return source->detail;
}

static void jetson_close(struct erg_power_source *source)
{
    if (!source)
        return;
    close_rails(source);
    free(source);
}

const struct erg_power_driver erg_power_driver_jetson = {
    .name = "jetson",
    .summary = "NVIDIA Jetson: power monitors (INA3221) of the board's supply rails",
    .default_interval_ns = DEFAULT_INTERVAL_MS * NS_PER_MS,
    .automatic = true,
    .probe = jetson_probe,
    .open = jetson_open,
    .read = jetson_read,
    .detail = jetson_detail,
    .close = jetson_close,
};
