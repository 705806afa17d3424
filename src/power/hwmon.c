/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "base/mem.h"
#include "power/gauge.h"
#include "power/hwmon_rules.h"
#include "power/hwmon_tree.h"
#include "power/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Sensors of the kernel's hardware monitoring that power/hwmon_rules.c knows: Intel GPUs, ACPI
 * power meters, power supplies and others.
 */
enum { MAX_SENSORS = 64, DEFAULT_INTERVAL_MS = 100, PATH_BYTES = 256, TEXT_BYTES = 128 };

#define NS_PER_MS  INT64_C(1000000)
#define MIN_GAP_NS (1000 * NS_PER_MS)

struct sensor {
    const struct erg_hwmon_rule *rule;
    struct erg_gauge gauge;
    char pci[32];
    int64_t update_period_ns;
    bool was_reset; /* not told yet */
};

struct erg_power_source {
    struct sensor sensors[MAX_SENSORS];
    uint32_t count;
    char detail[200], warning[160];
};

static bool exists(const struct erg_root *root, const struct erg_hwmon *device, const char *file)
{
    char path[PATH_BYTES], full[2048];
    erg_hwmon_path(root, device, file, path, sizeof path);
    return erg_root_path(root, path, full, sizeof full, NULL) == 0 && access(full, F_OK) == 0;
}

static bool matches(const struct erg_hwmon_rule *rule, const struct erg_root *root,
                    const struct erg_hwmon *device, int number)
{
    char file[64], tag[TEXT_BYTES];
    if (strcmp(rule->driver, device->name) != 0 || number < rule->first || number > rule->last)
        return false;
    if (rule->unless && exists(root, device, rule->unless))
        return false;
    if (!rule->tag)
        return true;
    snprintf(file, sizeof file, "%s%d_%s", rule->stem, number, rule->tag_suffix);
    return erg_hwmon_text(root, device, file, tag, sizeof tag) &&
           strncmp(tag, rule->tag, strlen(rule->tag)) == 0;
}

/* An ACPI meter says over what time it averages. */
static int64_t update_period_ns(const struct erg_hwmon_rule *rule, const struct erg_root *root,
                                const struct erg_hwmon *device, int number)
{
    char file[64], path[PATH_BYTES];
    int64_t ms;
    snprintf(file, sizeof file, "%s%d_%s_interval", rule->stem, number, rule->suffix);
    erg_hwmon_path(root, device, file, path, sizeof path);
    bool known = erg_root_read_i64(root, path, &ms, NULL) == 0 && ms > 0 && ms <= 3600 * 1000;
    return known ? ms * NS_PER_MS : rule->update_period_ns;
}

static int open_sensor(struct sensor *sensor, const struct erg_hwmon_rule *rule,
                       const struct erg_root *root, const struct erg_hwmon *device, int number,
                       struct erg_err *err)
{
    char file[64], path[PATH_BYTES];
    int64_t value;
    snprintf(file, sizeof file, "%s%d_%s", rule->stem, number, rule->suffix);
    erg_hwmon_path(root, device, file, path, sizeof path);
    *sensor = (struct sensor){
        .rule = rule,
        .update_period_ns = update_period_ns(rule, root, device, number),
    };
    snprintf(sensor->pci, sizeof sensor->pci, "%s", device->pci);
    bool counter = rule->quantity == ERG_QUANTITY_ENERGY;
    int rc = counter ? erg_gauge_open_counter(&sensor->gauge, root, path, rule->max_w, err)
                     : erg_gauge_open_power(&sensor->gauge, root, path, NULL, 1, err);
    if (rc)
        return rc;
    rc = erg_gauge_read_i64(sensor->gauge.fd, &value, err);
    if (rc) {
        erg_err_prefix(err, "'%s'", path);
        erg_gauge_deinit(&sensor->gauge);
    }
    return rc;
}

struct search {
    const struct erg_root *root;
    struct erg_power_source *source;
    struct erg_err why; /* of the first sensor that is there and cannot be read */
};

/* The sensors of one rule; of the rows before it none may have taken the sensor. */
static void apply_rule(struct search *search, const struct erg_hwmon_rule *rule,
                       const struct erg_hwmon *device)
{
    struct erg_power_source *source = search->source;
    for (int number = rule->first; number <= rule->last && source->count < MAX_SENSORS; number++) {
        char file[64];
        const struct erg_hwmon_rule *earlier = erg_hwmon_rules;
        struct erg_err err;
        snprintf(file, sizeof file, "%s%d_%s", rule->stem, number, rule->suffix);
        if (!exists(search->root, device, file)) {
            if (rule->first == rule->last)
                return;
            continue;
        }
        while (earlier < rule && !matches(earlier, search->root, device, number))
            earlier++;
        if (earlier < rule || rule->skip || !matches(rule, search->root, device, number))
            continue;
        int rc =
            open_sensor(&source->sensors[source->count], rule, search->root, device, number, &err);
        if (rc == 0)
            source->count++;
        else if (!search->why.code)
            search->why = err;
    }
}

static void describe_sensors(struct erg_power_source *source)
{
    size_t at = 0;
    int n = 0;
    for (uint32_t i = 0; i < source->count && at < sizeof source->detail; i++) {
        const struct sensor *sensor = &source->sensors[i];
        n = snprintf(source->detail + at, sizeof source->detail - at, "%s%s%s%s", i ? ", " : "",
                     sensor->rule->what, *sensor->pci ? " " : "", sensor->pci);
        at += n > 0 ? (size_t)n : 0;
    }
}

static int find_sensors(const struct erg_root *root, struct erg_power_source *source,
                        struct erg_err *err)
{
    ERG_AUTO_FREE struct erg_hwmon *devices = NULL;
    size_t count;
    struct search search = {.root = root, .source = source};
    int rc = erg_hwmon_list(root, &devices, &count, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++) {
        for (const struct erg_hwmon_rule *rule = erg_hwmon_rules; rule->driver; rule++) {
            if (strcmp(rule->driver, devices[i].name) == 0)
                apply_rule(&search, rule, &devices[i]);
        }
    }
    describe_sensors(source);
    if (source->count)
        return 0;
    if (!search.why.code)
        return erg_fail(err, ERG_NOT_FOUND, "no known power sensor in '/sys/class/hwmon'");
    if (err)
        *err = search.why;
    return search.why.code;
}

static void close_sensors(struct erg_power_source *source)
{
    for (uint32_t i = 0; i < source->count; i++)
        erg_gauge_deinit(&source->sensors[i].gauge);
}

static void hwmon_probe(const struct erg_root *root, struct erg_power_probe *out)
{
    struct erg_err err = {.code = ERG_NOMEM, .text = "cannot look for sensors: out of memory"};
    ERG_AUTO_FREE struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source || find_sensors(root, source, &err)) {
        erg_gauge_probe_failed(
            out, &err, err.code == ERG_DENIED ? "make the file readable for your user" : "");
        return;
    }
    close_sensors(source);
    out->state = ERG_POWER_READY;
    snprintf(out->reason, sizeof out->reason, "%s", source->detail);
}

static int count_before(const struct erg_power_source *source, uint32_t i)
{
    int before = 0;
    for (uint32_t k = 0; k < i; k++)
        before += source->sensors[k].rule->domain == source->sensors[i].rule->domain;
    return before;
}

static void fill_channel(const struct erg_power_source *source, uint32_t i, struct erg_channel *out)
{
    const struct sensor *sensor = &source->sensors[i];
    const struct erg_hwmon_rule *rule = sensor->rule;
    *out = (struct erg_channel){
        .source = "hwmon",
        .domain = rule->domain,
        .device = count_before(source, i),
        .quantity = rule->quantity,
        .update_period_ns = sensor->update_period_ns,
        .max_gap_ns = 5 * sensor->update_period_ns,
        .raw = rule->raw,
    };
    if (out->max_gap_ns < MIN_GAP_NS)
        out->max_gap_ns = MIN_GAP_NS;
    snprintf(out->name, sizeof out->name, "%s%s%s", rule->what, *sensor->pci ? " " : "",
             sensor->pci);
    if (strcmp(rule->measures, "gpu") != 0)
        snprintf(out->measures, sizeof out->measures, "%s", rule->measures);
    else if (*sensor->pci)
        snprintf(out->measures, sizeof out->measures, "gpu:%s", sensor->pci);
}

static int hwmon_open(const struct erg_power_options *options, const char *argument,
                      struct erg_power_source **out, struct erg_channel *out_channels,
                      uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    (void)argument;
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'hwmon': out of memory");
    int rc = find_sensors(options->root, source, err);
    if (rc) {
        free(source);
        return rc;
    }
    for (uint32_t i = 0; i < source->count; i++)
        fill_channel(source, i, &out_channels[i]);
    *out = source;
    *out_count = source->count;
    *out_exact = false;
    return 0;
}

static int hwmon_read(struct erg_power_source *source, int64_t *inout_t_ns,
                      struct erg_channel_value *values, struct erg_err *err)
{
    (void)err;
    for (uint32_t i = 0; i < source->count; i++) {
        struct sensor *sensor = &source->sensors[i];
        erg_gauge_read_value(&sensor->gauge, *inout_t_ns, &values[i]);
        sensor->was_reset = sensor->was_reset || values[i].status == (uint32_t)-ERG_OVERRUN;
    }
    return 0;
}

static const char *hwmon_detail(const struct erg_power_source *source)
{
    return source->detail;
}

static const char *hwmon_warning(struct erg_power_source *source)
{
    for (uint32_t i = 0; i < source->count; i++) {
        struct sensor *sensor = &source->sensors[i];
        if (!sensor->was_reset)
            continue;
        sensor->was_reset = false;
        snprintf(source->warning, sizeof source->warning,
                 "%s: the counter was reset: there is a gap in its energy", sensor->rule->what);
        return source->warning;
    }
    return NULL;
}

static void hwmon_close(struct erg_power_source *source)
{
    if (!source)
        return;
    close_sensors(source);
    free(source);
}

const struct erg_power_driver erg_power_driver_hwmon = {
    .name = "hwmon",
    .summary = "Intel GPUs, ACPI power meters and power supplies in /sys/class/hwmon",
    .default_interval_ns = DEFAULT_INTERVAL_MS * NS_PER_MS,
    .automatic = true,
    .moves_within_ns = 500 * NS_PER_MS,
    .probe = hwmon_probe,
    .open = hwmon_open,
    .read = hwmon_read,
    .detail = hwmon_detail,
    .warning = hwmon_warning,
    .close = hwmon_close,
};
