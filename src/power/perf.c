/* SPDX-License-Identifier: MIT */
#include "power/perf.h"

#include "base/mem.h"
#include "base/num.h"
#include "energy/wide.h"
#include "power/sources.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * RAPL by way of perf: the device "power" (Linux: arch/x86/events/rapl.c). Its counters have 64
 * bits, the kernel undoes the wrap-around. Each is opened on one CPU of every package or die, which
 * `cpumask` lists; psys is the machine's and is opened once. Cores and the uncore are parts of the
 * package and left out.
 */
#define DEVICE "/sys/bus/event_source/devices/power"

enum { MAX_CPUS = 64, MAX_EVENTS = 3 * MAX_CPUS, DEFAULT_INTERVAL_MS = 100 };

#define NS_PER_MS INT64_C(1000000)

static const struct kind {
    const char *event, *label, *measures;
    enum erg_domain domain;
} kinds[] = {
    {"energy-pkg", "package", "cpu", ERG_DOMAIN_CPU},
    {"energy-ram", "dram", "dram", ERG_DOMAIN_DRAM},
    {"energy-psys", "psys", "machine", ERG_DOMAIN_SOC},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

struct event {
    const struct kind *kind;
    int device;
    double scale_j;
    int handle;
};

struct erg_power_source {
    const struct erg_perf *perf;
    struct event events[MAX_EVENTS];
    uint32_t count;
    char detail[200];
};

/* --- texts of the kernel ------------------------------------------------------------------------
 */

/* A decimal number at *p, which is moved behind it; -1 when there is none. */
static int next_cpu(const char **p)
{
    char digits[12];
    int64_t value;
    size_t len = strspn(*p, "0123456789");
    if (len == 0 || len >= sizeof digits)
        return -1;
    memcpy(digits, *p, len);
    digits[len] = '\0';
    *p += len;
    return erg_parse_i64(digits, 0, 1 << 20, &value, NULL) ? -1 : (int)value;
}

int erg_cpu_list_parse(const char *text, int *out_cpus, int max)
{
    int count = 0;
    for (const char *p = text;;) {
        int first = next_cpu(&p), last = first;
        if (first >= 0 && *p == '-') {
            p++;
            last = next_cpu(&p);
        }
        if (first < 0 || last < first)
            return ERG_CORRUPT;
        for (int cpu = first; cpu <= last && count < max; cpu++)
            out_cpus[count++] = cpu;
        if (*p == '\0')
            return count;
        if (*p++ != ',')
            return ERG_CORRUPT;
    }
}

int64_t erg_perf_energy_nj(uint64_t counted, double scale_j)
{
    int exponent;
    double fraction = frexp(scale_j, &exponent);
    int shift = 1 - exponent; /* scale = 2^-shift */
    if (fraction == 0.5 && shift >= 0 && shift < 96) {
        erg_u128 nj = (erg_u128)counted * 1000000000u >> shift;
        return nj > INT64_MAX ? INT64_MAX : (int64_t)nj;
    }
    long double nj = (long double)counted * (long double)scale_j * 1e9L;
    return nj >= (long double)INT64_MAX ? INT64_MAX : (int64_t)nj;
}

/* "event=0x02" */
static bool parse_config(const char *text, uint64_t *out)
{
    static const char key[] = "event=0x";
    uint64_t value = 0;
    const char *p = text + sizeof key - 1;
    if (strncmp(text, key, sizeof key - 1) != 0 || *p == '\0' || strlen(p) > 16)
        return false;
    for (; *p; p++) {
        const char *digits = "0123456789abcdef", *at = strchr(digits, *p | 0x20);
        if (!at)
            return false;
        value = value << 4 | (uint64_t)(at - digits);
    }
    *out = value;
    return true;
}

/* Configuration and scale of an event; NOT_FOUND when the processor has no such counter. */
static int describe_event(const struct erg_root *root, const struct kind *kind,
                          uint64_t *out_config, double *out_scale_j, struct erg_err *err)
{
    char path[200], text[64], unit[32];
    snprintf(path, sizeof path, DEVICE "/events/%s", kind->event);
    int rc = erg_root_read_text(root, path, text, sizeof text, err);
    if (rc)
        return rc;
    bool good = parse_config(text, out_config);
    snprintf(path, sizeof path, DEVICE "/events/%s.scale", kind->event);
    good = good && erg_root_read_text(root, path, text, sizeof text, NULL) == 0 &&
           erg_parse_double(text, 1e-15, 1, out_scale_j, NULL) == 0;
    snprintf(path, sizeof path, DEVICE "/events/%s.unit", kind->event);
    good = good && erg_root_read_text(root, path, unit, sizeof unit, NULL) == 0 &&
           strcmp(unit, "Joules") == 0;
    return good ? 0
                : erg_fail(err, ERG_CORRUPT, "'" DEVICE "/events/%s' makes no sense", kind->event);
}

/* --- finding counters ---------------------------------------------------------------------------
 */

static void perf_close(struct erg_power_source *source)
{
    for (uint32_t i = 0; source && i < source->count; i++)
        source->perf->close(source->perf->user, source->events[i].handle);
    free(source);
}

/* Open one kind on every CPU that stands for a package. */
static int open_kind(struct erg_power_source *source, const struct erg_root *root, uint32_t type,
                     const struct kind *kind, const int *cpus, int cpu_count, struct erg_err *err)
{
    uint64_t config;
    double scale_j;
    uint32_t before = source->count;
    int rc = describe_event(root, kind, &config, &scale_j, err);
    if (kind->domain == ERG_DOMAIN_SOC)
        cpu_count = 1;
    for (int i = 0; i < cpu_count && rc == 0; i++) {
        struct erg_perf_event event = {.type = type, .config = config, .pid = -1, .cpu = cpus[i]};
        struct event *out = &source->events[source->count];
        *out = (struct event){.kind = kind, .device = i, .scale_j = scale_j};
        rc = source->perf->open(source->perf->user, &event, &out->handle, err);
        if (rc == 0)
            source->count++;
    }
    /* Some packages of several would be less than the machine: all or nothing. */
    while (rc && source->count > before) {
        source->count--;
        source->perf->close(source->perf->user, source->events[source->count].handle);
    }
    return rc;
}

/* What keeps every kind from being used, worst first: a refusal is what a user can change. */
static int open_kinds(struct erg_power_source *source, const struct erg_root *root,
                      struct erg_err *err)
{
    char text[256];
    int64_t type;
    int cpus[MAX_CPUS];
    int rc = erg_root_read_i64(root, DEVICE "/type", &type, err);
    if (rc)
        return rc;
    rc = erg_root_read_text(root, DEVICE "/cpumask", text, sizeof text, err);
    if (rc)
        return rc;
    int cpu_count = erg_cpu_list_parse(text, cpus, MAX_CPUS);
    if (cpu_count <= 0 || type < 0 || type > UINT32_MAX)
        return erg_fail(err, ERG_CORRUPT, "'" DEVICE "' makes no sense");
    struct erg_err first = {0};
    for (int k = 0; k < KINDS; k++) {
        struct erg_err why = {0};
        rc = open_kind(source, root, (uint32_t)type, &kinds[k], cpus, cpu_count, &why);
        if (rc && (!first.code || first.code == ERG_NOT_FOUND || rc == ERG_DENIED))
            first = why;
    }
    if (source->count)
        return 0;
    return erg_fail(err, first.code, "%.255s", first.text);
}

static void name_event(const struct event *event, char *out, size_t out_bytes)
{
    if (event->kind->domain == ERG_DOMAIN_SOC)
        snprintf(out, out_bytes, "%s", event->kind->label);
    else
        snprintf(out, out_bytes, "%s-%d", event->kind->label, event->device);
}

static void put_detail(struct erg_power_source *source)
{
    size_t len = 0;
    for (uint32_t i = 0; i < source->count && len < sizeof source->detail; i++) {
        char name[32];
        name_event(&source->events[i], name, sizeof name);
        len += (size_t)snprintf(source->detail + len, sizeof source->detail - len, "%s%s",
                                i ? ", " : "", name);
    }
}

static int find(const struct erg_root *root, const struct erg_perf *perf,
                struct erg_power_source **out, struct erg_err *err)
{
    /* The counters of a recorded machine are not those of this kernel. */
    if (!perf && root->prefix[0])
        return erg_fail(err, ERG_NOT_FOUND, "a recorded machine has no perf counters");
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'perf': out of memory");
    source->perf = perf ? perf : erg_perf_system();
    int rc = open_kinds(source, root, err);
    if (rc) {
        perf_close(source);
        return rc;
    }
    put_detail(source);
    *out = source;
    return 0;
}

/* --- the driver ---------------------------------------------------------------------------------
 */

void erg_power_perf_probe(const struct erg_root *root, const struct erg_perf *perf,
                          struct erg_power_probe *out)
{
    struct erg_power_source *source = NULL;
    struct erg_err err = {0};
    int64_t paranoid = 2;
    int rc = find(root, perf, &source, &err);
    out->state = ERG_POWER_READY;
    snprintf(out->reason, sizeof out->reason, "%.199s", rc ? err.text : source->detail);
    perf_close(source);
    if (rc == ERG_NOT_FOUND) {
        out->state = ERG_POWER_ABSENT;
        snprintf(out->remedy, sizeof out->remedy,
                 "on a real Intel or AMD machine: sudo modprobe rapl (virtual machines and "
                 "containers have no counters)");
    } else if (rc == ERG_DENIED) {
        erg_root_read_i64(root, "/proc/sys/kernel/perf_event_paranoid", &paranoid, NULL);
        out->state = ERG_POWER_DENIED;
        snprintf(out->reason, sizeof out->reason,
                 "perf_event_paranoid is %d: counters of the whole machine need CAP_PERFMON",
                 (int)paranoid);
        snprintf(out->remedy, sizeof out->remedy,
                 "sudo setcap cap_perfmon+ep on ergon's program, or until the next start: sudo "
                 "sysctl kernel.perf_event_paranoid=0");
    } else if (rc) {
        out->state = ERG_POWER_BROKEN;
        snprintf(out->remedy, sizeof out->remedy, "use 'rapl' instead");
    }
}

static void perf_probe(const struct erg_root *root, struct erg_power_probe *out)
{
    erg_power_perf_probe(root, NULL, out);
}

static int perf_open(const struct erg_power_options *options, const char *argument,
                     struct erg_power_source **out, struct erg_channel *out_channels,
                     uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    struct erg_power_source *source;
    (void)argument;
    int rc = find(options->root, options->perf, &source, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < source->count; i++) {
        const struct event *event = &source->events[i];
        out_channels[i] = (struct erg_channel){
            .source = "perf",
            .domain = event->kind->domain,
            .device = event->device,
            .quantity = ERG_QUANTITY_ENERGY,
            .update_period_ns = NS_PER_MS,
            .raw = event->kind->domain == ERG_DOMAIN_SOC,
        };
        name_event(event, out_channels[i].name, sizeof out_channels[i].name);
        snprintf(out_channels[i].measures, sizeof out_channels[i].measures, "%s",
                 event->kind->measures);
    }
    *out = source;
    *out_count = source->count;
    *out_exact = false;
    return 0;
}

static int perf_read(struct erg_power_source *source, int64_t *inout_t_ns,
                     struct erg_channel_value *values, struct erg_err *err)
{
    (void)inout_t_ns, (void)err;
    for (uint32_t i = 0; i < source->count; i++) {
        const struct event *event = &source->events[i];
        uint64_t counted;
        int rc = source->perf->read(source->perf->user, event->handle, &counted, NULL);
        if (rc)
            values[i].status = (uint32_t)-rc;
        else
            values[i].value = erg_perf_energy_nj(counted, event->scale_j);
    }
    return 0;
}

static const char *perf_detail(const struct erg_power_source *source)
{
    return source->detail;
}

const struct erg_power_driver erg_power_driver_perf = {
    .name = "perf",
    .summary = "processor's energy counters (Intel, AMD) by way of perf_event_open",
    .default_interval_ns = DEFAULT_INTERVAL_MS * NS_PER_MS,
    .automatic = true,
    .probe = perf_probe,
    .open = perf_open,
    .read = perf_read,
    .detail = perf_detail,
    .close = perf_close,
    .moves_within_ns = 100 * NS_PER_MS,
    .family = "rapl",
};
