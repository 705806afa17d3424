/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "base/limits.h"
#include "base/mem.h"
#include "power/gauge.h"
#include "power/gpu_metrics.h"
#include "power/hwmon_tree.h"
#include "power/sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * AMD GPUs. The energy accumulator of "gpu_metrics" where its unit is documented, else the power
 * of the hwmon device: power1_average, or power1_input where a board has only that.
 *
 * An APU's sensor shows the whole package, the CPU included, as RAPL's package counter does. So it
 * measures "cpu", and is not used beside RAPL.
 */
enum { MAX_CARDS = 64, DEFAULT_INTERVAL_MS = 50, MAX_CARD_W = 4000, TEXT_BYTES = 64 };

#define NS_PER_MS         INT64_C(1000000)
#define AVERAGE_PERIOD_NS (50 * NS_PER_MS) /* seen on RDNA; the doctor measures it */
#define COUNTER_PERIOD_NS (1 * NS_PER_MS)
#define MAX_GAP_NS        (1000 * NS_PER_MS)

struct card {
    struct erg_hwmon hwmon;
    bool apu;
    const char *sensor;     /* "energy_accumulator", "power1_average", "power1_input" */
    int metrics_fd;         /* ≥ 0: the accumulator is read */
    struct erg_tally tally; /* of the accumulator */
    struct erg_gauge gauge;
    uint64_t restarts, restarts_told;
};

struct erg_power_source {
    const struct erg_root *root;
    struct card cards[MAX_CARDS];
    uint32_t count;
    char detail[200], warning[160];
};

static int read_metrics(int fd, struct erg_gpu_metrics *out, struct erg_err *err)
{
    uint8_t bytes[ERG_GPU_METRICS_BYTES];
    ssize_t n;
    do {
        n = pread(fd, bytes, sizeof bytes, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return erg_fail_errno(err, errno, "cannot read 'gpu_metrics'");
    return erg_gpu_metrics_parse(bytes, (size_t)n, out, err);
}

static void open_accumulator(struct card *card, const struct erg_root *root)
{
    char path[200];
    struct erg_gpu_metrics metrics;
    erg_hwmon_path(root, &card->hwmon, "device/gpu_metrics", path, sizeof path);
    if (erg_root_open(root, path, &card->metrics_fd, NULL))
        return;
    bool readable = read_metrics(card->metrics_fd, &metrics, NULL) == 0;
    card->apu = card->apu || (readable && metrics.apu);
    if (readable && metrics.has_energy) {
        card->sensor = "energy_accumulator";
        erg_tally_init(&card->tally, ERG_GPU_METRICS_NUMERATOR, ERG_GPU_METRICS_DENOMINATOR,
                       MAX_CARD_W);
        return;
    }
    erg_cleanup_fd(&card->metrics_fd);
    card->metrics_fd = -1;
}

static int open_power(struct card *card, const struct erg_root *root, struct erg_err *err)
{
    static const char *const files[] = {"power1_average", "power1_input"};
    int rc = ERG_NOT_FOUND;
    for (size_t i = 0; i < sizeof files / sizeof files[0] && rc; i++) {
        char path[200];
        int64_t power_uw = 0;
        struct erg_err why;
        erg_hwmon_path(root, &card->hwmon, files[i], path, sizeof path);
        int failed = erg_gauge_open_power(&card->gauge, root, path, NULL, 1, &why);
        if (failed == 0)
            failed = erg_gauge_read(&card->gauge, 0, &power_uw, &why);
        if (failed == 0 && power_uw == 0)
            failed = erg_fail(&why, ERG_UNSUPPORTED, "'%s' shows no power", path);
        if (failed == 0) {
            card->sensor = files[i];
            return 0;
        }
        erg_gauge_deinit(&card->gauge);
        if (rc == ERG_NOT_FOUND) { /* that it is not there says less than any other reason */
            rc = failed;
            if (err)
                *err = why;
        }
    }
    return rc;
}

static int open_card(struct card *card, const struct erg_root *root, const struct erg_hwmon *hwmon,
                     struct erg_err *err)
{
    char label[TEXT_BYTES];
    *card = (struct card){.hwmon = *hwmon, .metrics_fd = -1};
    erg_gauge_init(&card->gauge);
    /* Only APUs have a north bridge whose voltage is shown. */
    card->apu = erg_hwmon_text(root, hwmon, "in1_label", label, sizeof label) &&
                strcmp(label, "vddnb") == 0;
    open_accumulator(card, root);
    return card->metrics_fd >= 0 ? 0 : open_power(card, root, err);
}

static void close_cards(struct erg_power_source *source)
{
    for (uint32_t i = 0; i < source->count; i++) {
        erg_cleanup_fd(&source->cards[i].metrics_fd);
        erg_gauge_deinit(&source->cards[i].gauge);
    }
}

static void describe_cards(struct erg_power_source *source)
{
    size_t at = 0;
    int n = snprintf(source->detail, sizeof source->detail, "%u AMD GPU%s", source->count,
                     source->count == 1 ? "" : "s");
    for (uint32_t i = 0; i < source->count && n >= 0; i++) {
        const struct card *card = &source->cards[i];
        at += (size_t)n;
        if (at >= sizeof source->detail)
            return;
        n = snprintf(source->detail + at, sizeof source->detail - at, "%s %s: %s%s", i ? "," : ":",
                     card->hwmon.pci, card->sensor, card->apu ? " (APU, CPU included)" : "");
    }
}

/* Every card that shows its power; the reason of the first that does not when none does. */
static int find_cards(const struct erg_root *root, struct erg_power_source *source,
                      struct erg_err *err)
{
    ERG_AUTO_FREE struct erg_hwmon *devices = NULL;
    size_t count;
    source->root = root;
    int rc = erg_hwmon_list(root, &devices, &count, err);
    if (rc)
        return rc;
    int first = erg_fail(err, ERG_NOT_FOUND, "no AMD GPU in '/sys/class/hwmon'");
    for (size_t i = 0; i < count && source->count < MAX_CARDS; i++) {
        struct erg_err why;
        if (strcmp(devices[i].name, "amdgpu") != 0)
            continue;
        rc = open_card(&source->cards[source->count], root, &devices[i], &why);
        if (rc == 0) {
            source->count++;
        } else if (first == ERG_NOT_FOUND) {
            if (rc == ERG_NOT_FOUND)
                rc = erg_fail(&why, ERG_UNSUPPORTED, "AMD GPU %s shows neither power nor energy",
                              devices[i].pci);
            first = rc;
            if (err)
                *err = why;
        }
    }
    describe_cards(source);
    return source->count ? 0 : first;
}

static void amdgpu_probe(const struct erg_root *root, struct erg_power_probe *out)
{
    struct erg_err err = {.code = ERG_NOMEM, .text = "cannot look for AMD GPUs: out of memory"};
    ERG_AUTO_FREE struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source || find_cards(root, source, &err)) {
        erg_gauge_probe_failed(out, &err,
                               err.code == ERG_DENIED ? "make the file readable for your user"
                               : err.code == ERG_NOT_FOUND
                                   ? ""
                                   : "a newer kernel may support this board");
        return;
    }
    close_cards(source);
    out->state = ERG_POWER_READY;
    snprintf(out->reason, sizeof out->reason, "%s", source->detail);
}

static void fill_channel(const struct card *card, int gpu, struct erg_channel *out)
{
    bool counter = card->metrics_fd >= 0;
    *out = (struct erg_channel){
        .source = "amdgpu",
        .domain = card->apu ? ERG_DOMAIN_CPU : ERG_DOMAIN_GPU,
        .device = card->apu ? 0 : gpu,
        .quantity = counter ? ERG_QUANTITY_ENERGY : ERG_QUANTITY_POWER,
        .update_period_ns = counter ? COUNTER_PERIOD_NS : AVERAGE_PERIOD_NS,
        .max_gap_ns = MAX_GAP_NS,
    };
    if (card->apu) {
        snprintf(out->name, sizeof out->name, "apu package");
        snprintf(out->measures, sizeof out->measures, "cpu");
    } else {
        snprintf(out->name, sizeof out->name, "gpu%d", gpu);
        snprintf(out->measures, sizeof out->measures, "gpu:%s", card->hwmon.pci);
    }
}

static int amdgpu_open(const struct erg_power_options *options, const char *argument,
                       struct erg_power_source **out, struct erg_channel *out_channels,
                       uint32_t *out_count, bool *out_exact, struct erg_err *err)
{
    (void)argument;
    struct erg_power_source *source = erg_calloc(1, sizeof *source);
    if (!source)
        return erg_fail(err, ERG_NOMEM, "cannot open 'amdgpu': out of memory");
    int rc = find_cards(options->root, source, err);
    if (rc) {
        free(source);
        return rc;
    }
    for (uint32_t i = 0, gpus = 0; i < source->count; i++) {
        fill_channel(&source->cards[i], (int)gpus, &out_channels[i]);
        gpus += !source->cards[i].apu;
    }
    *out = source;
    *out_count = source->count;
    *out_exact = false;
    return 0;
}

static int read_energy(struct card *card, int64_t t_ns, int64_t *out_nj)
{
    struct erg_gpu_metrics metrics;
    int rc = read_metrics(card->metrics_fd, &metrics, NULL);
    if (rc || !metrics.has_energy)
        return rc ? rc : ERG_UNSUPPORTED;
    switch (erg_tally_add(&card->tally, t_ns, metrics.energy_count)) {
    case ERG_TALLY_SUSPECT:
        return ERG_BUSY;
    case ERG_TALLY_RESTARTED:
        card->restarts++;
        return ERG_OVERRUN;
    default:
        *out_nj = erg_tally_nj(&card->tally);
        return 0;
    }
}

static int read_card(struct card *card, int64_t t_ns, int64_t *out)
{
    if (card->metrics_fd >= 0)
        return read_energy(card, t_ns, out);
    int rc = erg_gauge_read(&card->gauge, t_ns, out, NULL);
    /* A GPU that runs uses power: 0 is what a sensor shows that has nothing to say. */
    return rc == 0 && *out == 0 ? ERG_UNSUPPORTED : rc;
}

static int amdgpu_read(struct erg_power_source *source, int64_t *inout_t_ns,
                       struct erg_channel_value *values, struct erg_err *err)
{
    (void)err;
    for (uint32_t i = 0; i < source->count; i++) {
        int64_t value = 0;
        int rc = read_card(&source->cards[i], *inout_t_ns, &value);
        values[i].status = (uint32_t)-rc;
        values[i].value = rc ? 0 : value;
    }
    return 0;
}

static const char *amdgpu_detail(const struct erg_power_source *source)
{
    return source->detail;
}

static void describe_number(const struct erg_power_source *source, const struct card *card,
                            const char *file, const char *key, struct erg_jsonw *w)
{
    char path[200];
    int64_t value;
    erg_hwmon_path(source->root, &card->hwmon, file, path, sizeof path);
    if (erg_root_read_i64(source->root, path, &value, NULL) == 0)
        erg_jsonw_kint(w, key, value);
}

static void amdgpu_describe(const struct erg_power_source *source, struct erg_jsonw *w)
{
    erg_jsonw_key(w, "gpus");
    erg_jsonw_arr_begin(w);
    for (uint32_t i = 0; i < source->count; i++) {
        const struct card *card = &source->cards[i];
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "pci", card->hwmon.pci);
        erg_jsonw_kstr(w, "sensor", card->sensor);
        erg_jsonw_kbool(w, "apu", card->apu);
        describe_number(source, card, "power1_cap", "power_limit_uw", w);
        describe_number(source, card, "freq1_input", "clock_hz", w);
        describe_number(source, card, "freq2_input", "memory_clock_hz", w);
        describe_number(source, card, "temp1_input", "temperature_millidegrees", w);
        describe_number(source, card, "device/gpu_busy_percent", "utilisation_pct", w);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

static const char *amdgpu_warning(struct erg_power_source *source)
{
    for (uint32_t i = 0; i < source->count; i++) {
        struct card *card = &source->cards[i];
        if (card->restarts == card->restarts_told)
            continue;
        card->restarts_told = card->restarts;
        snprintf(source->warning, sizeof source->warning,
                 "the energy counter of GPU %s was reset: there is a gap in its energy",
                 card->hwmon.pci);
        return source->warning;
    }
    return NULL;
}

static void amdgpu_close(struct erg_power_source *source)
{
    if (!source)
        return;
    close_cards(source);
    free(source);
}

const struct erg_power_driver erg_power_driver_amdgpu = {
    .name = "amdgpu",
    .summary = "AMD GPUs: power and energy from the amdgpu kernel driver",
    .default_interval_ns = DEFAULT_INTERVAL_MS * NS_PER_MS,
    .automatic = true,
    .moves_within_ns = 500 * NS_PER_MS,
    .probe = amdgpu_probe,
    .open = amdgpu_open,
    .read = amdgpu_read,
    .detail = amdgpu_detail,
    .describe = amdgpu_describe,
    .warning = amdgpu_warning,
    .close = amdgpu_close,
};
