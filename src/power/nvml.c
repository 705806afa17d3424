/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "base/mem.h"
#include "power/gauge.h"
#include "power/nvml_api.h"
#include "power/nvml_device.h"
#include "power/sources.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * NVIDIA GPUs through NVML: their energy counters, or their power where a generation has no
 * counter. Calls may take milliseconds, so the source has a thread of its own.
 */
enum { MAX_GPUS = 64, DEFAULT_INTERVAL_MS = 50, TOLERANCE_PCT = 10, RESIDUAL_AFTER_S = 30 };

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define LOOK_NS   NS_PER_S /* between two questions for clocks and temperatures */

struct news { /* of one GPU, not told yet */
    uint64_t throttled;
    bool lost, reset, mig;
};

struct erg_power_source {
    struct erg_nvml_api api;
    struct erg_nvml_device gpus[MAX_GPUS];
    struct news news[MAX_GPUS];
    uint32_t count;
    int64_t look_ns; /* when the state is asked for next */
    char driver_version[80];
    char detail[600], warning[300];
    pthread_mutex_t lock; /* of the GPUs: they are described while they are read */
};

/* The library: that of the environment, or none in a recorded tree of another machine. */
static int load(struct erg_nvml_api *api, const struct erg_root *root, struct erg_err *err)
{
    const char *path = getenv("ERGON_NVML_LIBRARY");
    if (path && !*path)
        path = NULL;
    if (!path && root->prefix[0])
        return erg_fail(err, ERG_NOT_FOUND, "the tree of a machine has no NVML library");
    return erg_nvml_load(api, path, err);
}

/* All GPUs that measure something; why the first does not when none does. */
static int find_gpus(struct erg_power_source *source, struct erg_err *err)
{
    unsigned int total = 0;
    struct erg_err why = {0};
    int ret = source->api.count(&total);
    if (ret)
        return erg_fail(err, ERG_UNSUPPORTED, "NVML: %s", erg_nvml_text(&source->api, ret));
    if (total == 0)
        return erg_fail(err, ERG_NOT_FOUND, "the NVIDIA driver has no GPU");
    for (unsigned int i = 0; i < total && source->count < MAX_GPUS; i++) {
        struct erg_err reason;
        int rc = erg_nvml_device_open(&source->gpus[source->count], &source->api, (int)i, &reason);
        if (rc == 0) {
            source->news[source->count].mig = source->gpus[source->count].mig;
            source->count++;
        } else if (!why.code) {
            why = reason;
        }
    }
    if (source->count)
        return 0;
    /* A GPU that is there and says nothing is not absent. */
    if (why.code == ERG_NOT_FOUND)
        why.code = ERG_UNSUPPORTED;
    return erg_fail(err, why.code, "%s", why.text);
}

static void describe_gpus(struct erg_power_source *source)
{
    static const char *const ways[] = {"instant power", "power averaged over 1 s", "power",
                                       "nothing"};
    size_t at = 0;
    int n = snprintf(source->detail, sizeof source->detail, "%u GPU%s", source->count,
                     source->count == 1 ? "" : "s");
    for (uint32_t i = 0; i < source->count && n >= 0; i++) {
        const struct erg_nvml_device *gpu = &source->gpus[i];
        char coverage[48] = "";
        at += (size_t)n;
        if (at >= sizeof source->detail)
            return;
        if (gpu->board->coverage_pct > 0 && gpu->board->coverage_pct < 100)
            snprintf(coverage, sizeof coverage, ", its sensor sees %d %% of the time",
                     gpu->board->coverage_pct);
        n = snprintf(source->detail + at, sizeof source->detail - at,
                     "%s %s %s (%s: %s every %d ms%s%s)", i ? ";" : ":", gpu->name, gpu->pci,
                     gpu->board->name, gpu->has_counter ? "energy counter" : ways[gpu->power],
                     (int)(gpu->board->update_period_ns / NS_PER_MS), coverage,
                     gpu->mig ? ", MIG" : "");
    }
}

static int open_source(const struct erg_root *root, struct erg_power_source **out,
                       struct erg_err *err)
{
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'nvml': out of memory");
    int rc = load(&source->api, root, err);
    if (rc == 0)
        rc = find_gpus(source, err);
    if (rc) {
        erg_nvml_unload(&source->api);
        free(source);
        return rc;
    }
    const struct erg_nvml_api *api = &source->api;
    if (!api->driver_version ||
        api->driver_version(source->driver_version, sizeof source->driver_version))
        source->driver_version[0] = '\0';
    describe_gpus(source);
    source->look_ns = INT64_MIN;
    pthread_mutex_init(&source->lock, NULL);
    *out = source;
    return 0;
}

static void nvml_close(struct erg_power_source *source)
{
    if (!source)
        return;
    erg_nvml_unload(&source->api);
    pthread_mutex_destroy(&source->lock);
    free(source);
}

static void nvml_probe(const struct erg_root *root, struct erg_power_probe *out)
{
    struct erg_power_source *source = NULL;
    struct erg_err err = {0};
    int rc = open_source(root, &source, &err);
    if (rc) {
        erg_gauge_probe_failed(
            out, &err,
            rc == ERG_NOT_FOUND ? "with an NVIDIA GPU: install and load NVIDIA's driver"
            : rc == ERG_DENIED  ? "make /dev/nvidia* accessible for your user"
                                : "check 'nvidia-smi'; after a driver update restart the machine");
        return;
    }
    out->state = ERG_POWER_READY;
    snprintf(out->reason, sizeof out->reason, "%.199s", source->detail);
    nvml_close(source);
}

static void look(struct erg_power_source *source, int64_t t_ns)
{
    if (t_ns < source->look_ns)
        return;
    source->look_ns = t_ns + LOOK_NS;
    for (uint32_t i = 0; i < source->count; i++) {
        uint64_t bits;
        if (erg_nvml_device_look(&source->gpus[i], &bits))
            source->news[i].throttled |= bits;
    }
}

static int nvml_open(const struct erg_power_options *options, const char *argument,
                     struct erg_power_source **out, struct erg_channel *out_channels,
                     uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    (void)argument;
    int rc = open_source(options->root, out, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < (*out)->count; i++)
        erg_nvml_device_channel(&(*out)->gpus[i], &out_channels[i]);
    *out_count = (*out)->count;
    *out_exact = false;
    look(*out, erg_clock_now_ns(options->clock)); /* so that it can be described */
    return 0;
}

static int nvml_read(struct erg_power_source *source, int64_t *inout_t_ns,
                     struct erg_channel_value *values, struct erg_err *err)
{
    uint32_t lost = 0, old = 0;
    pthread_mutex_lock(&source->lock);
    for (uint32_t i = 0; i < source->count; i++) {
        bool was_lost = source->gpus[i].lost;
        erg_nvml_device_read(&source->gpus[i], *inout_t_ns, &values[i]);
        source->news[i].lost |= source->gpus[i].lost && !was_lost;
        source->news[i].reset |= values[i].status == (uint32_t)-ERG_OVERRUN;
        old += values[i].status == (uint32_t)-ERG_BUSY;
        lost += source->gpus[i].lost;
    }
    look(source, *inout_t_ns);
    pthread_mutex_unlock(&source->lock);
    if (lost == source->count)
        return erg_fail(err, ERG_GONE,
                        "GPU %d (%s) is lost: it has fallen off the bus or needs a "
                        "reset",
                        source->gpus[0].index, source->gpus[0].pci);
    return old && old + lost == source->count ? ERG_POWER_NOTHING_NEW : 0;
}

/* --- what is said of it ----------------------------------------------------------------------- */

static const struct {
    uint64_t bit;
    const char *name, *text;
} throttles[] = {
    {ERG_NVML_THROTTLE_POWER_CAP, "power_cap", "its power limit"},
    {ERG_NVML_THROTTLE_HW_SLOWDOWN, "hardware_slowdown", "a slowdown of its hardware"},
    {ERG_NVML_THROTTLE_SW_THERMAL, "software_thermal", "its temperature (driver)"},
    {ERG_NVML_THROTTLE_HW_THERMAL, "hardware_thermal", "its temperature (hardware)"},
    {ERG_NVML_THROTTLE_POWER_BRAKE, "power_brake", "the power supply's brake"},
};

/* One thing about one GPU; true when something was said. */
static bool tell(struct erg_power_source *source, uint32_t i)
{
    struct erg_nvml_device *gpu = &source->gpus[i];
    struct news *news = &source->news[i];
    char *out = source->warning;
    double ratio;
    if (news->lost) {
        news->lost = false;
        snprintf(out, sizeof source->warning, "GPU %d (%s) is lost: no more readings of it",
                 gpu->index, gpu->pci);
        return true;
    }
    if (news->reset) {
        news->reset = false;
        snprintf(out, sizeof source->warning,
                 "the energy counter of GPU %d was reset: there is a gap in its energy",
                 gpu->index);
        return true;
    }
    if (news->mig) {
        news->mig = false;
        snprintf(out, sizeof source->warning,
                 "GPU %d is divided (MIG): its energy is that of all instances together",
                 gpu->index);
        return true;
    }
    for (size_t t = 0; t < sizeof throttles / sizeof throttles[0]; t++) {
        if (!(news->throttled & throttles[t].bit))
            continue;
        news->throttled &= ~throttles[t].bit;
        snprintf(out, sizeof source->warning, "GPU %d is slowed down by %s", gpu->index,
                 throttles[t].text);
        return true;
    }
    if (!gpu->residual.told && gpu->residual.covered_ns >= RESIDUAL_AFTER_S * NS_PER_S &&
        erg_nvml_device_residual(gpu, &ratio)) {
        gpu->residual.told = true; /* once, good or bad */
        if (fabs(ratio) * 100 < TOLERANCE_PCT)
            return false;
        snprintf(out, sizeof source->warning,
                 "the power of GPU %d adds up to %.0f %% %s than its energy counter", gpu->index,
                 fabs(ratio) * 100, ratio < 0 ? "less" : "more");
        return true;
    }
    return false;
}

static const char *nvml_warning(struct erg_power_source *source)
{
    bool told = false;
    pthread_mutex_lock(&source->lock);
    for (uint32_t i = 0; i < source->count && !told; i++)
        told = tell(source, i);
    pthread_mutex_unlock(&source->lock);
    return told ? source->warning : NULL;
}

static const char *nvml_detail(const struct erg_power_source *source)
{
    return source->detail;
}

static void describe_known(struct erg_jsonw *w, const char *key, int64_t value)
{
    if (value >= 0)
        erg_jsonw_kint(w, key, value);
}

static void describe_gpu(const struct erg_nvml_device *gpu, struct erg_jsonw *w)
{
    double ratio;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kint(w, "index", gpu->index);
    erg_jsonw_kstr(w, "name", gpu->name);
    erg_jsonw_kstr(w, "pci", gpu->pci);
    erg_jsonw_kstr(w, "generation", gpu->board->name);
    if (gpu->board->coverage_pct)
        erg_jsonw_kint(w, "sensor_coverage_pct", gpu->board->coverage_pct);
    erg_jsonw_kbool(w, "energy_counter", gpu->has_counter);
    erg_jsonw_kbool(w, "mig", gpu->mig);
    describe_known(w, "utilisation_pct", gpu->state.utilization_pct);
    describe_known(w, "memory_utilisation_pct", gpu->state.memory_utilization_pct);
    describe_known(w, "sm_clock_mhz", gpu->state.sm_clock_mhz);
    describe_known(w, "memory_clock_mhz", gpu->state.memory_clock_mhz);
    describe_known(w, "temperature_degrees", gpu->state.temperature_degrees);
    describe_known(w, "power_limit_mw", gpu->state.power_limit_mw);
    describe_known(w, "power_limit_min_mw", gpu->state.power_limit_min_mw);
    describe_known(w, "power_limit_max_mw", gpu->state.power_limit_max_mw);
    erg_jsonw_key(w, "throttled_by");
    erg_jsonw_arr_begin(w);
    for (size_t t = 0; t < sizeof throttles / sizeof throttles[0]; t++) {
        if (gpu->throttled & throttles[t].bit)
            erg_jsonw_str(w, throttles[t].name);
    }
    erg_jsonw_arr_end(w);
    if (erg_nvml_device_residual(gpu, &ratio))
        erg_jsonw_kreal(w, "residual_ratio", ratio);
    erg_jsonw_obj_end(w);
}

static void nvml_describe(const struct erg_power_source *source, struct erg_jsonw *w)
{
    /* The lock protects the GPUs, it is no part of what is described. */
    pthread_mutex_t *lock = (pthread_mutex_t *)&source->lock;
    pthread_mutex_lock(lock);
    if (*source->driver_version)
        erg_jsonw_kstr(w, "driver_version", source->driver_version);
    erg_jsonw_key(w, "gpus");
    erg_jsonw_arr_begin(w);
    for (uint32_t i = 0; i < source->count; i++)
        describe_gpu(&source->gpus[i], w);
    erg_jsonw_arr_end(w);
    pthread_mutex_unlock(lock);
}

const struct erg_power_driver erg_power_driver_nvml = {
    .name = "nvml",
    .summary = "NVIDIA GPUs: energy counters and power from NVIDIA's management library",
    .default_interval_ns = DEFAULT_INTERVAL_MS * NS_PER_MS,
    .automatic = true,
    .moves_within_ns = 1000 * NS_PER_MS,
    .own_thread = true,
    .probe = nvml_probe,
    .open = nvml_open,
    .read = nvml_read,
    .detail = nvml_detail,
    .describe = nvml_describe,
    .warning = nvml_warning,
    .close = nvml_close,
};
