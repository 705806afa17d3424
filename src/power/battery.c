/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "base/mem.h"
#include "energy/wide.h"
#include "power/gauge.h"
#include "power/sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The power that a machine takes from its batteries: all of it, as long as it runs on them and on
 * nothing else. On mains there is no reading. The batteries' own energy meter (energy_now) is
 * coarse but independent: what it has lost is published beside the integrated power.
 */
enum { MAX_SUPPLIES = 16, DEFAULT_INTERVAL_MS = 1000, PATH_BYTES = 256, TEXT_BYTES = 64 };

#define NS_PER_MS        INT64_C(1000000)
#define UPDATE_PERIOD_NS (5000 * NS_PER_MS) /* up to the firmware; the doctor measures it */
#define MAX_GAP_NS       (15000 * NS_PER_MS)
#define NJ_PER_UWH       INT64_C(3600000)
#define MAX_UW           INT64_C(1000000000) /* of one battery */

#define SUPPLY_FOLDER "/sys/class/power_supply"

struct battery {
    int status_fd, power_fd, current_fd, voltage_fd, energy_fd; /* -1 = none */
};

struct erg_power_source {
    struct battery batteries[MAX_SUPPLIES];
    uint32_t battery_count;
    int online_fds[MAX_SUPPLIES]; /* of mains and USB adapters */
    uint32_t adapter_count;
    char detail[200], warning[160];
    bool on_mains, told;
    /* cross-check with the batteries' energy meter */
    int64_t last_ns, last_uw; /* of the last reading; last_uw < 0 after a gap */
    int64_t integrated_nj, metered_nj;
    int64_t last_uwh; /* < 0 = none */
};

static bool read_text(int fd, char *out, size_t out_bytes)
{
    ssize_t n;
    do {
        n = pread(fd, out, out_bytes - 1, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return false;
    while (n > 0 && strchr(" \r\n", out[n - 1]))
        n--;
    out[n] = '\0';
    return true;
}

static bool supply_text(const struct erg_root *root, const char *name, const char *file, char *out)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, SUPPLY_FOLDER "/%.128s/%s", name, file);
    return erg_root_read_text(root, path, out, TEXT_BYTES, NULL) == 0;
}

static int open_file(const struct erg_root *root, const char *name, const char *file, int *out_fd,
                     struct erg_err *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, SUPPLY_FOLDER "/%.128s/%s", name, file);
    *out_fd = -1;
    return erg_root_open(root, path, out_fd, err);
}

static void close_battery(struct battery *battery)
{
    erg_cleanup_fd(&battery->status_fd);
    erg_cleanup_fd(&battery->power_fd);
    erg_cleanup_fd(&battery->current_fd);
    erg_cleanup_fd(&battery->voltage_fd);
    erg_cleanup_fd(&battery->energy_fd);
}

static int open_battery(struct battery *battery, const struct erg_root *root, const char *name,
                        struct erg_err *err)
{
    *battery = (struct battery){-1, -1, -1, -1, -1};
    int rc = open_file(root, name, "status", &battery->status_fd, err);
    if (rc == 0 && open_file(root, name, "power_now", &battery->power_fd, NULL)) {
        rc = open_file(root, name, "current_now", &battery->current_fd, err);
        if (rc == 0)
            rc = open_file(root, name, "voltage_now", &battery->voltage_fd, err);
    }
    if (rc) {
        close_battery(battery);
        if (rc == ERG_NOT_FOUND)
            rc = erg_fail(err, ERG_UNSUPPORTED, "battery '%.64s' does not show its power", name);
        return rc;
    }
    (void)open_file(root, name, "energy_now", &battery->energy_fd, NULL);
    return 0;
}

/* Takes up a supply; a battery that cannot be read leaves its reason in `why`. */
static void add_supply(struct erg_power_source *source, const struct erg_root *root,
                       const char *name, struct erg_err *why)
{
    char type[TEXT_BYTES], text[TEXT_BYTES];
    if (!supply_text(root, name, "type", type))
        return;
    if (strcmp(type, "Battery") == 0) {
        /* A mouse has a battery too: scope "Device". Empty bays are "present 0". */
        bool other = supply_text(root, name, "scope", text) && strcmp(text, "Device") == 0;
        bool empty = supply_text(root, name, "present", text) && strcmp(text, "0") == 0;
        struct battery *battery = &source->batteries[source->battery_count];
        struct erg_err err;
        if (other || empty || source->battery_count == MAX_SUPPLIES)
            return;
        if (open_battery(battery, root, name, &err) == 0)
            source->battery_count++;
        else if (!why->code)
            *why = err;
    } else if (strcmp(type, "Mains") == 0 || strcmp(type, "USB") == 0) {
        int *fd = &source->online_fds[source->adapter_count];
        if (source->adapter_count < MAX_SUPPLIES && open_file(root, name, "online", fd, NULL) == 0)
            source->adapter_count++;
    }
}

static void close_supplies(struct erg_power_source *source)
{
    for (uint32_t i = 0; i < source->battery_count; i++)
        close_battery(&source->batteries[i]);
    for (uint32_t i = 0; i < source->adapter_count; i++)
        erg_cleanup_fd(&source->online_fds[i]);
}

static int find_supplies(const struct erg_root *root, struct erg_power_source *source,
                         struct erg_err *err)
{
    char **names;
    size_t count;
    struct erg_err why = {0};
    int rc = erg_root_list(root, SUPPLY_FOLDER, &names, &count, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++)
        add_supply(source, root, names[i], &why);
    erg_root_free_names(names, count);
    source->last_uw = source->last_uwh = -1;
    if (source->battery_count && !why.code)
        return 0;
    close_supplies(source);
    /* One of two batteries is not the machine. */
    if (!why.code)
        return erg_fail(err, ERG_NOT_FOUND, "no battery in '" SUPPLY_FOLDER "'");
    if (err)
        *err = why;
    return why.code;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool on_adapter(const struct erg_power_source *source)
{
    for (uint32_t i = 0; i < source->adapter_count; i++) {
        int64_t online;
        if (erg_gauge_read_i64(source->online_fds[i], &online, NULL) == 0 && online > 0)
            return true;
    }
    return false;
}

/* What a battery gives; its sign is up to the firmware, so only its status tells the direction. */
static int read_power(const struct battery *battery, int64_t *out_uw, struct erg_err *err)
{
    int64_t power = 0, current = 0, voltage = 0;
    int rc;
    if (battery->power_fd >= 0) {
        rc = erg_gauge_read_i64(battery->power_fd, &power, err);
    } else {
        rc = erg_gauge_read_i64(battery->current_fd, &current, err);
        if (rc == 0)
            rc = erg_gauge_read_i64(battery->voltage_fd, &voltage, err);
        if (rc == 0 && __builtin_mul_overflow(current, voltage, &power))
            power = INT64_MAX;
        power /= 1000000; /* µA × µV = 10⁻¹² W */
    }
    if (rc)
        return rc;
    if (power > MAX_UW || power < -MAX_UW)
        return erg_fail(err, ERG_CORRUPT, "the battery shows an impossible power");
    *out_uw = power < 0 ? -power : power;
    return 0;
}

/* Power of all batteries together. UNSUPPORTED while the machine does not live on them alone. */
static int read_all(const struct erg_power_source *source, int64_t *out_uw, struct erg_err *err)
{
    int64_t sum_uw = 0;
    bool discharging = false;
    if (on_adapter(source))
        return erg_fail(err, ERG_UNSUPPORTED,
                        "on mains: a battery measures the machine only "
                        "while it runs on it");
    for (uint32_t i = 0; i < source->battery_count; i++) {
        char status[TEXT_BYTES];
        int64_t power_uw;
        if (!read_text(source->batteries[i].status_fd, status, sizeof status))
            return erg_fail(err, ERG_IO, "cannot read the status of the battery");
        if (strcmp(status, "Charging") == 0)
            return erg_fail(err, ERG_UNSUPPORTED, "on mains: the battery is being charged");
        if (strcmp(status, "Discharging") != 0)
            continue;
        int rc = read_power(&source->batteries[i], &power_uw, err);
        if (rc)
            return rc;
        discharging = true;
        sum_uw += power_uw;
    }
    if (!discharging)
        return erg_fail(err, ERG_UNSUPPORTED, "on mains: no battery is discharging");
    if (sum_uw == 0)
        return erg_fail(err, ERG_BUSY, "the battery does not show its power (yet)");
    *out_uw = sum_uw;
    return 0;
}

static int64_t read_uwh(const struct erg_power_source *source)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < source->battery_count; i++) {
        int64_t uwh;
        if (source->batteries[i].energy_fd < 0 ||
            erg_gauge_read_i64(source->batteries[i].energy_fd, &uwh, NULL) || uwh < 0 ||
            uwh > MAX_UW * 1000)
            return -1;
        sum += uwh;
    }
    return sum;
}

/* Book the step since the last reading, by both meters or by none. */
static void cross_check(struct erg_power_source *source, int64_t t_ns, int64_t power_uw)
{
    int64_t uwh = read_uwh(source);
    int64_t span_ns = t_ns - source->last_ns;
    if (source->last_uw >= 0 && source->last_uwh >= 0 && uwh >= 0 && span_ns > 0 &&
        span_ns <= MAX_GAP_NS) {
        erg_u128 twice = (erg_u128)(uint64_t)(source->last_uw + power_uw) * (uint64_t)span_ns;
        source->integrated_nj += (int64_t)(twice / 2000000);
        source->metered_nj += (source->last_uwh - uwh) * NJ_PER_UWH;
    }
    source->last_ns = t_ns;
    source->last_uw = power_uw;
    source->last_uwh = uwh;
}

static int battery_read(struct erg_power_source *source, int64_t *inout_t_ns,
                        struct erg_channel_value *values, struct erg_err *err)
{
    int64_t power_uw;
    (void)err;
    int rc = read_all(source, &power_uw, NULL);
    source->on_mains = rc == ERG_UNSUPPORTED;
    if (rc) {
        values[0].status = (uint32_t)-rc;
        source->last_uw = -1;
        return 0;
    }
    cross_check(source, *inout_t_ns, power_uw);
    values[0].value = power_uw;
    return 0;
}

static const char *battery_warning(struct erg_power_source *source)
{
    bool tell = source->on_mains && !source->told;
    source->told = source->on_mains;
    if (!tell)
        return NULL;
    snprintf(source->warning, sizeof source->warning,
             "the machine is on mains: its battery does not measure it meanwhile");
    return source->warning;
}

/* --- the driver ------------------------------------------------------------------------------- */

static void battery_probe(const struct erg_root *root, struct erg_power_probe *out)
{
    int64_t power_uw;
    struct erg_err err = {.code = ERG_NOMEM, .text = "cannot look for batteries: out of memory"};
    ERG_AUTO_FREE struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source || find_supplies(root, source, &err)) {
        erg_gauge_probe_failed(
            out, &err, err.code == ERG_DENIED ? "make the files readable for your user" : "");
        return;
    }
    int rc = read_all(source, &power_uw, &err);
    close_supplies(source);
    if (rc) {
        erg_gauge_probe_failed(out, &err, rc == ERG_UNSUPPORTED ? "unplug the machine" : "");
        if (rc == ERG_UNSUPPORTED)
            out->state = ERG_POWER_ABSENT;
        return;
    }
    out->state = ERG_POWER_READY;
    snprintf(out->reason, sizeof out->reason, "on battery, %.1f W for the whole machine",
             (double)power_uw / 1e6);
}

static int battery_open(const struct erg_power_options *options, const char *argument,
                        struct erg_power_source **out, struct erg_channel *out_channels,
                        uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    int64_t power_uw;
    (void)argument;
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'battery': out of memory");
    int rc = find_supplies(options->root, source, err);
    if (rc == 0) {
        rc = read_all(source, &power_uw, err);
        if (rc)
            close_supplies(source);
    }
    if (rc) {
        free(source);
        return rc;
    }
    snprintf(source->detail, sizeof source->detail, "whole machine, from %u batter%s (%s)",
             source->battery_count, source->battery_count == 1 ? "y" : "ies",
             source->batteries[0].power_fd >= 0 ? "power" : "current × voltage");
    out_channels[0] = (struct erg_channel){
        .name = "battery",
        .source = "battery",
        .domain = ERG_DOMAIN_SOC,
        .quantity = ERG_QUANTITY_POWER,
        .update_period_ns = UPDATE_PERIOD_NS,
        .max_gap_ns = MAX_GAP_NS,
        .measures = "machine",
        .raw = true,
    };
    *out = source;
    *out_count = 1;
    *out_exact = false;
    return 0;
}

static const char *battery_detail(const struct erg_power_source *source)
{
    return source->detail;
}

static void battery_describe(const struct erg_power_source *source, struct erg_jsonw *w)
{
    if (source->metered_nj <= 0)
        return;
    erg_jsonw_kmicro(w, "integrated_mj", source->integrated_nj);
    erg_jsonw_kmicro(w, "metered_mj", source->metered_nj);
    erg_jsonw_kreal(w, "residual_ratio",
                    (double)(source->integrated_nj - source->metered_nj) /
                        (double)source->metered_nj);
}

static void battery_close(struct erg_power_source *source)
{
    if (!source)
        return;
    close_supplies(source);
    free(source);
}

const struct erg_power_driver erg_power_driver_battery = {
    .name = "battery",
    .summary = "the whole machine while it runs on its battery, in /sys/class/power_supply",
    .default_interval_ns = DEFAULT_INTERVAL_MS * NS_PER_MS,
    .automatic = true,
    .probe = battery_probe,
    .open = battery_open,
    .read = battery_read,
    .detail = battery_detail,
    .describe = battery_describe,
    .warning = battery_warning,
    .close = battery_close,
};
