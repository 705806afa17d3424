/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/num.h"
#include "power/joules.h"
#include "power/sources.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * RAPL by way of powercap (Linux: Documentation/power/powercap/powercap.rst). Zones
 * "intel-rapl:N" are packages, dies or psys, also of AMD's processors; "intel-rapl:N:M" are parts
 * of them. A package holds its cores and its uncore, but not the memory; psys holds all of it.
 * "intel-rapl-mmio:N" is the same package by another way and is left out.
 */
#define TREE "/sys/class/powercap"

enum { MAX_ZONES = 64, DEFAULT_INTERVAL_MS = 100, TEXT_BYTES = 32768 };

#define NS_PER_MS INT64_C(1000000)

struct zone {
    char name[64];   /* of the folder */
    char label[64];  /* "package-0", "package-0-die-1", "dram", "psys" */
    char parent[64]; /* label of the zone it belongs to; "" for top zones */
    const char *measures;
    enum erg_domain domain;
    uint64_t max_uj;
    int64_t max_power_uw; /* of the package; 0 = not known */
    int fd;
    struct erg_joules joules;
    bool told[3]; /* per event */
};

struct erg_power_source {
    struct zone zones[MAX_ZONES];
    uint32_t count;
    uint32_t inside; /* zones that are parts of others */
    bool noisy;      /* SGX */
    bool has_warning;
    char detail[200], warning[200];
};

/* --- finding zones ------------------------------------------------------------------------------
 */

static bool is_zone(const char *name)
{
    static const char prefix[] = "intel-rapl:";
    size_t len = sizeof prefix - 1;
    return strncmp(name, prefix, len) == 0 &&
           strspn(name + len, "0123456789:") == strlen(name + len) && name[len] != '\0';
}

static bool is_nested(const char *name)
{
    return strchr(strchr(name, ':') + 1, ':') != NULL;
}

static int read_file(const struct erg_root *root, const char *zone, const char *file, char *out,
                     size_t out_bytes, struct erg_err *err)
{
    char path[200];
    snprintf(path, sizeof path, TREE "/%.63s/%s", zone, file);
    return erg_root_read_text(root, path, out, out_bytes, err);
}

/* What a label means; false for what is inside something else, or not known. */
static bool classify(struct zone *zone)
{
    if (strncmp(zone->label, "package-", 8) == 0) {
        zone->domain = ERG_DOMAIN_CPU;
        zone->measures = "cpu";
    } else if (strcmp(zone->label, "dram") == 0) {
        zone->domain = ERG_DOMAIN_DRAM;
        zone->measures = "dram";
    } else if (strcmp(zone->label, "psys") == 0) {
        zone->domain = ERG_DOMAIN_SOC;
        zone->measures = "machine";
    } else {
        return false;
    }
    return true;
}

/* Name, range and limits of a zone. */
static int describe_zone(const struct erg_root *root, const char *name, struct zone *out,
                         struct erg_err *err)
{
    struct zone zone = {.fd = -1};
    char text[64];
    int64_t limit_uw;
    snprintf(zone.name, sizeof zone.name, "%.63s", name);
    int rc = read_file(root, name, "name", zone.label, sizeof zone.label, err);
    if (rc == 0)
        rc = read_file(root, name, "max_energy_range_uj", text, sizeof text, err);
    if (rc == 0 && (erg_parse_u64(text, &zone.max_uj, NULL) || zone.max_uj == 0))
        rc =
            erg_fail(err, ERG_CORRUPT, "'" TREE "/%.63s/max_energy_range_uj' holds no range", name);
    if (rc)
        return rc;
    if (read_file(root, name, "constraint_0_max_power_uw", text, sizeof text, NULL) == 0 &&
        erg_parse_i64(text, 1, INT64_MAX, &limit_uw, NULL) == 0)
        zone.max_power_uw = limit_uw;
    if (is_nested(name)) {
        char top[64];
        snprintf(top, sizeof top, "%.*s", (int)(strrchr(name, ':') - name), name);
        if (read_file(root, top, "name", zone.parent, sizeof zone.parent, NULL))
            zone.parent[0] = '\0';
    }
    *out = zone;
    return 0;
}

static int open_zone(const struct erg_root *root, struct zone *zone, struct erg_err *err)
{
    char path[200];
    snprintf(path, sizeof path, TREE "/%s/energy_uj", zone->name);
    return erg_root_open(root, path, &zone->fd, err);
}

static bool has_sgx(const struct erg_root *root)
{
    ERG_AUTO_FREE char *text = erg_calloc(1, TEXT_BYTES);
    ERG_AUTO_FD int fd = -1;
    ssize_t n;
    if (!text || erg_root_open(root, "/proc/cpuinfo", &fd, NULL))
        return false;
    size_t len = 0;
    while (len < TEXT_BYTES - 1 && (n = read(fd, text + len, TEXT_BYTES - 1 - len)) > 0)
        len += (size_t)n;
    const char *flags = strstr(text, "\nflags");
    const char *found = flags ? strstr(flags + 1, " sgx") : NULL;
    return found && found < flags + 1 + strcspn(flags + 1, "\n") &&
           (found[4] == ' ' || found[4] == '\n' || found[4] == '\0');
}

static void put_detail(struct erg_power_source *source)
{
    size_t len = 0;
    for (uint32_t i = 0; i < source->count && len < sizeof source->detail; i++) {
        const struct zone *zone = &source->zones[i];
        len += (size_t)snprintf(source->detail + len, sizeof source->detail - len, "%s%s%s%s",
                                i ? ", " : "", zone->label, zone->parent[0] ? " of " : "",
                                zone->parent);
    }
    if (source->noisy && len < sizeof source->detail)
        snprintf(source->detail + len, sizeof source->detail - len,
                 "; SGX is on, so that readings have noise added");
}

/* --- the driver ---------------------------------------------------------------------------------
 */

static void rapl_close(struct erg_power_source *source)
{
    for (uint32_t i = 0; source && i < source->count; i++)
        erg_cleanup_fd(&source->zones[i].fd);
    free(source);
}

/* Zones that can be read; the first failure in `err` when none can. */
static int find_zones(const struct erg_root *root, struct erg_power_source *source,
                      struct erg_err *err)
{
    char **names;
    size_t count;
    struct erg_err first = {0};
    int rc = erg_root_list(root, TREE, &names, &count, &first);
    if (rc)
        count = 0;
    for (size_t i = 0; i < count && source->count < MAX_ZONES; i++) {
        struct zone zone = {.fd = -1};
        struct erg_err why = {0};
        if (!is_zone(names[i]))
            continue;
        int bad = describe_zone(root, names[i], &zone, &why);
        if (!bad && !classify(&zone)) {
            source->inside++;
            continue;
        }
        if (!bad)
            bad = open_zone(root, &zone, &why);
        if (bad && (!first.code || bad == ERG_DENIED))
            first = why;
        if (!bad)
            source->zones[source->count++] = zone;
    }
    if (rc == 0)
        erg_root_free_names(names, count);
    if (source->count)
        return 0;
    if (!first.code || first.code == ERG_NOT_FOUND)
        return erg_fail(err, ERG_NOT_FOUND, "there are no RAPL zones in '" TREE "'");
    return erg_fail(err, first.code, "%.255s", first.text);
}

static int rapl_find(const struct erg_root *root, struct erg_power_source **out,
                     struct erg_err *err)
{
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'rapl': out of memory");
    int rc = find_zones(root, source, err);
    if (rc) {
        rapl_close(source);
        return rc;
    }
    source->noisy = has_sgx(root);
    put_detail(source);
    *out = source;
    return 0;
}

static void rapl_probe(const struct erg_root *root, struct erg_power_probe *out)
{
    struct erg_power_source *source = NULL;
    struct erg_err err = {0};
    int rc = rapl_find(root, &source, &err);
    out->state = ERG_POWER_READY;
    if (rc == 0)
        snprintf(out->reason, sizeof out->reason, "%.199s", source->detail);
    else
        snprintf(out->reason, sizeof out->reason, "%.199s", err.text);
    rapl_close(source);
    if (rc == ERG_NOT_FOUND) {
        out->state = ERG_POWER_ABSENT;
        snprintf(out->remedy, sizeof out->remedy,
                 "on a real Intel or AMD machine: sudo modprobe intel_rapl_msr (virtual machines "
                 "and containers have no counters)");
    } else if (rc == ERG_DENIED) {
        out->state = ERG_POWER_DENIED;
        snprintf(
            out->remedy, sizeof out->remedy,
            "'ergon doctor --fix' lets your group read it for good; until the next start: sudo "
            "chmod a+r " TREE "/intel-rapl:*/energy_uj");
    } else if (rc) {
        out->state = ERG_POWER_BROKEN;
        snprintf(out->remedy, sizeof out->remedy, "see what the kernel's log says about rapl");
    }
}

static int rapl_open(const struct erg_power_options *options, const char *argument,
                     struct erg_power_source **out, struct erg_channel *out_channels,
                     uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    struct erg_power_source *source;
    int devices[ERG_DOMAINS] = {0};
    (void)argument;
    int rc = rapl_find(options->root, &source, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < source->count; i++) {
        struct zone *zone = &source->zones[i];
        erg_joules_init(&zone->joules, zone->max_uj, zone->max_power_uw);
        out_channels[i] = (struct erg_channel){
            .source = "rapl",
            .domain = zone->domain,
            .device = devices[zone->domain]++,
            .quantity = ERG_QUANTITY_ENERGY,
            .update_period_ns = NS_PER_MS,
            .raw = strcmp(zone->measures, "machine") == 0,
        };
        snprintf(out_channels[i].name, sizeof out_channels[i].name, "%.28s%s%.28s", zone->label,
                 zone->parent[0] ? " of " : "", zone->parent);
        snprintf(out_channels[i].measures, sizeof out_channels[i].measures, "%s", zone->measures);
    }
    *out = source;
    *out_count = source->count;
    *out_exact = false;
    return 0;
}

static int read_zone(const struct zone *zone, uint64_t *out_uj)
{
    char text[32];
    ssize_t n = pread(zone->fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return ERG_IO;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (erg_parse_u64(text, out_uj, NULL) || *out_uj > zone->max_uj)
        return ERG_CORRUPT;
    return 0;
}

/* Each kind once for every counter. */
static void keep_warning(struct erg_power_source *source, struct zone *zone,
                         enum erg_joules_event event)
{
    static const char *const texts[] = {
        [ERG_JOULES_FINE] = "is fine",
        [ERG_JOULES_RESET] = "was set back: some of its energy before that is lost",
        [ERG_JOULES_BLIND] = "was unread for so long that it may have wrapped: energy may be lost",
    };
    if (zone->told[event])
        return;
    zone->told[event] = source->has_warning = true;
    snprintf(source->warning, sizeof source->warning, "counter '%s' %s", zone->label, texts[event]);
}

static int rapl_read(struct erg_power_source *source, int64_t *inout_t_ns,
                     struct erg_channel_value *values, struct erg_err *err)
{
    (void)err;
    for (uint32_t i = 0; i < source->count; i++) {
        struct zone *zone = &source->zones[i];
        uint64_t uj;
        int rc = read_zone(zone, &uj);
        if (rc) {
            values[i].status = (uint32_t)-rc;
            continue;
        }
        enum erg_joules_event event = erg_joules_add(&zone->joules, *inout_t_ns, uj);
        values[i].value = zone->joules.total_nj;
        if (event != ERG_JOULES_FINE)
            keep_warning(source, zone, event);
    }
    return 0;
}

static const char *rapl_warning(struct erg_power_source *source)
{
    bool fresh = source->has_warning;
    source->has_warning = false;
    return fresh ? source->warning : NULL;
}

static const char *rapl_detail(const struct erg_power_source *source)
{
    return source->detail;
}

static void rapl_describe(const struct erg_power_source *source, struct erg_jsonw *w)
{
    erg_jsonw_kbool(w, "sgx_noise", source->noisy);
    erg_jsonw_kint(w, "zones_inside_others", source->inside);
}

const struct erg_power_driver erg_power_driver_rapl = {
    .name = "rapl",
    .summary = "processor's energy counters (Intel, AMD) in " TREE,
    .default_interval_ns = DEFAULT_INTERVAL_MS * NS_PER_MS,
    .automatic = true,
    .probe = rapl_probe,
    .open = rapl_open,
    .read = rapl_read,
    .detail = rapl_detail,
    .describe = rapl_describe,
    .warning = rapl_warning,
    .close = rapl_close,
    .moves_within_ns = 100 * NS_PER_MS,
    .family = "rapl",
};
