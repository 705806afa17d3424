/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/system.h"
#include "energy/wide.h"
#include "power/busy.h"
#include "power/cpu_models.h"
#include "power/cpufreq.h"
#include "power/procstat.h"
#include "power/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * No sensor: an estimate. Power is idle + (full − idle) × utilisation, and since utilisation is
 * itself the derivative of a counter (busy CPU time), its integral needs no sampling:
 * E(t) = idle × t + (full − idle) × busy CPU time / CPUs, whenever it is read.
 *
 * The CPU time of the engine and of this process comes from their CPU clocks, which cost less than
 * a microsecond to read; that of everybody else from /proc/stat (see busy.h). The clock of another
 * process moves at the kernel's tick while its threads run: every 1 to 10 ms (CONFIG_HZ).
 *
 * Where the kernel tells how fast the CPUs run, busy time below the base clock counts for less;
 * that is read once per window of /proc/stat, and what it says holds until the next.
 */
enum { DEFAULT_INTERVAL_MS = 100, SLOWEST_TICK_MS = 10, CPUINFO_BYTES = 16384 };

#define NS_PER_MS INT64_C(1000000)

struct erg_power_source {
    int fd; /* of erg_procstat_open() */
    struct erg_cpu_power power;
    pid_t engine_pid;
    int64_t engine_ns; /* when last read: what an engine that is gone has used */
    struct erg_busy busy;
    struct erg_cpufreq freq;
    int speed;          /* erg_cpufreq_power() of late */
    int64_t weighed_ns; /* busy.booked_ns that is in … */
    erg_u128 weighed;   /* … the sum of busy CPU time × speed */
    int64_t start_ns;
    char detail[200];
};

/* The beginning is enough: all CPUs are described alike. An unreadable file is an unknown CPU. */
static void find_power(const struct erg_root *root, int cpus, struct erg_cpu_power *out)
{
    char text[CPUINFO_BYTES];
    ERG_AUTO_FD int fd = -1;
    size_t len = 0;
    bool given = !root->prefix[0] && erg_system_text("/proc/cpuinfo", text, sizeof text) == 0;
    if (given) {
        len = strlen(text);
    } else if (erg_root_open(root, "/proc/cpuinfo", &fd, NULL) == 0) {
        ssize_t n;
        while (len < sizeof text - 1 && (n = read(fd, text + len, sizeof text - 1 - len)) > 0)
            len += (size_t)n;
    }
    text[len] = '\0';
    erg_cpu_power_find(text, cpus, out);
}

static void describe(const struct erg_cpu_power *power, bool given, char *out, size_t out_bytes)
{
    if (given) {
        snprintf(out, out_bytes,
                 "estimate, no sensor: %s, %.1f W idle to %.1f W for %d CPUs (--cpu-watts)",
                 power->model, (double)power->idle_mw / 1000, (double)power->full_mw / 1000,
                 power->cpus);
        return;
    }
    snprintf(out, out_bytes, "estimate, no sensor: %s, %.1f W idle to %.1f W for %d CPUs%s (%s %s)",
             power->model, (double)power->idle_mw / 1000, (double)power->full_mw / 1000,
             power->cpus, power->shared ? " of a virtual machine" : "",
             power->matched ? "table of design powers," : "not in the table of",
             erg_cpu_models_date);
}

static int open_stat(const struct erg_root *root, int *out_fd, struct erg_procstat *out,
                     struct erg_err *err)
{
    int fd;
    int rc = erg_procstat_open(root, &fd, err);
    if (rc)
        return rc;
    rc = erg_procstat_read(fd, out, err);
    if (rc) {
        erg_cleanup_fd(&fd);
        return rc;
    }
    *out_fd = fd;
    return 0;
}

static void estimate_probe(const struct erg_root *root, struct erg_power_probe *out)
{
    ERG_AUTO_FD int fd = -1;
    struct erg_procstat stat;
    struct erg_err err;
    int rc = open_stat(root, &fd, &stat, &err);
    if (rc) {
        out->state = rc == ERG_NOT_FOUND ? ERG_POWER_ABSENT
                     : rc == ERG_DENIED  ? ERG_POWER_DENIED
                                         : ERG_POWER_BROKEN;
        snprintf(out->reason, sizeof out->reason, "%.199s", err.text);
        snprintf(out->remedy, sizeof out->remedy, "make /proc/stat readable");
        return;
    }
    struct erg_cpu_power power;
    find_power(root, stat.cpus, &power);
    out->state = ERG_POWER_READY;
    describe(&power, false, out->reason, sizeof out->reason);
}

static int64_t self_ns(void)
{
    struct timespec ts;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts))
        return 0;
    return (int64_t)ts.tv_sec * (1000 * NS_PER_MS) + ts.tv_nsec;
}

/* CPU time of the processes that belong to the run: this one and the engine. */
static int64_t own_ns(struct erg_power_source *source)
{
    int64_t engine_ns = erg_system_process_ns(source->engine_pid);
    if (engine_ns >= 0)
        source->engine_ns = engine_ns;
    return self_ns() + source->engine_ns;
}

static int64_t machine_ns(const struct erg_procstat *stat)
{
    return stat->busy_jiffies * erg_procstat_jiffy_ns();
}

static int estimate_open(const struct erg_power_options *options, const char *argument,
                         struct erg_power_source **out, struct erg_channel *out_channels,
                         uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    (void)argument;
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'estimate': out of memory");
    struct erg_procstat stat;
    int rc = open_stat(options->root, &source->fd, &stat, err);
    if (rc) {
        free(source);
        return rc;
    }
    source->engine_pid = options->engine_pid;
    source->start_ns = erg_clock_now_ns(options->clock);
    erg_busy_init(&source->busy, stat.cpus, erg_procstat_jiffy_ns(), source->start_ns,
                  own_ns(source), machine_ns(&stat));
    find_power(options->root, stat.cpus, &source->power);
    bool given = options->cpu_full_mw > 0;
    if (given) {
        source->power.idle_mw = options->cpu_idle_mw;
        source->power.full_mw = options->cpu_full_mw;
    }
    describe(&source->power, given, source->detail, sizeof source->detail);
    erg_cpufreq_open(&source->freq, options->root);
    source->speed = erg_cpufreq_power(&source->freq);
    out_channels[0] = (struct erg_channel){
        .name = "cpu estimate",
        .source = "estimate",
        .domain = ERG_DOMAIN_CPU,
        .quantity = ERG_QUANTITY_ENERGY,
        .update_period_ns = SLOWEST_TICK_MS * NS_PER_MS,
        .measures = "cpu",
        .estimated = true,
    };
    *out = source;
    *out_count = 1;
    *out_exact = false;
    return 0;
}

static int64_t energy_nj(const struct erg_power_source *source)
{
    const struct erg_cpu_power *power = &source->power;
    int64_t elapsed = source->busy.t_ns - source->start_ns;
    erg_u128 idle = (erg_u128)(uint64_t)power->idle_mw * (uint64_t)elapsed / 1000;
    erg_u128 extra = (erg_u128)(uint64_t)(power->full_mw - power->idle_mw) * source->weighed /
                     (uint64_t)source->busy.cpus / 1000 / ERG_CPUFREQ_FULL;
    return idle + extra > INT64_MAX ? INT64_MAX : (int64_t)(idle + extra);
}

static int estimate_read(struct erg_power_source *source, int64_t *inout_t_ns,
                         struct erg_channel_value *values, struct erg_err *err)
{
    int64_t now_ns = *inout_t_ns;
    (void)err;
    erg_busy_add(&source->busy, now_ns, own_ns(source));
    source->weighed +=
        (erg_u128)(uint64_t)(source->busy.booked_ns - source->weighed_ns) * (uint64_t)source->speed;
    source->weighed_ns = source->busy.booked_ns;
    if (erg_busy_wants_machine(&source->busy, now_ns)) {
        struct erg_procstat stat;
        int rc = erg_procstat_read(source->fd, &stat, NULL);
        if (rc) {
            values[0].status = (uint32_t)-rc;
            return 0;
        }
        erg_busy_end_window(&source->busy, machine_ns(&stat));
        source->speed = erg_cpufreq_power(&source->freq);
    }
    values[0].value = energy_nj(source);
    return 0;
}

static void estimate_describe(const struct erg_power_source *source, struct erg_jsonw *w)
{
    erg_jsonw_kstr(w, "cpu_model", source->power.model);
    erg_jsonw_kint(w, "cpu_idle_mw", source->power.idle_mw);
    erg_jsonw_kint(w, "cpu_full_mw", source->power.full_mw);
    erg_jsonw_kbool(w, "clock_known", source->freq.count > 0);
}

static const char *estimate_detail(const struct erg_power_source *source)
{
    return source->detail;
}

static void estimate_close(struct erg_power_source *source)
{
    if (!source)
        return;
    erg_cleanup_fd(&source->fd);
    erg_cpufreq_close(&source->freq);
    free(source);
}

const struct erg_power_driver erg_power_driver_estimate = {
    .name = "estimate",
    .summary = "no sensor: CPU power estimated from design power and utilisation",
    .default_interval_ns = DEFAULT_INTERVAL_MS * NS_PER_MS,
    .automatic = true,
    .probe = estimate_probe,
    .open = estimate_open,
    .read = estimate_read,
    .detail = estimate_detail,
    .describe = estimate_describe,
    .close = estimate_close,
};
