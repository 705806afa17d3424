/* SPDX-License-Identifier: MIT */
#include "power/nvml_device.h"

#include <stdio.h>
#include <string.h>

#define NS_PER_S   INT64_C(1000000000)
#define NS_PER_MS  INT64_C(1000000)
#define NJ_PER_MJ  1000000
#define MAX_GAP_NS NS_PER_S

enum {
    MAX_W = 10000,      /* of one GPU */
    STILL_PERIODS = 10, /* a value that stands longer than this is not old but the same */
    CLOCK_SM = 1,       /* nvmlClockType_t */
    CLOCK_MEMORY = 2,
    SENSOR_GPU = 0,
    MIN_RESIDUAL_S = 5,
};

#define THROTTLES                                                                                  \
    (ERG_NVML_THROTTLE_POWER_CAP | ERG_NVML_THROTTLE_HW_SLOWDOWN | ERG_NVML_THROTTLE_SW_THERMAL |  \
     ERG_NVML_THROTTLE_HW_THERMAL | ERG_NVML_THROTTLE_POWER_BRAKE)

/* --- reading one sensor ----------------------------------------------------------------------- */

static int read_energy(const struct erg_nvml_device *device, uint64_t *out_mj)
{
    unsigned long long mj = 0;
    if (!device->api->energy)
        return ERG_NVML_FUNCTION_NOT_FOUND;
    int ret = device->api->energy(device->handle, &mj);
    *out_mj = mj;
    return ret;
}

/* *out_us: the value's own time stamp, 0 when it has none. */
static int read_power(const struct erg_nvml_device *device, enum erg_nvml_power power,
                      uint64_t *out_mw, long long *out_us)
{
    *out_us = 0;
    if (power == ERG_NVML_POWER_USAGE) {
        unsigned int mw = 0;
        if (!device->api->power_usage)
            return ERG_NVML_FUNCTION_NOT_FOUND;
        int ret = device->api->power_usage(device->handle, &mw);
        *out_mw = mw;
        return ret;
    }
    if (power == ERG_NVML_POWER_NONE || !device->api->fields)
        return ERG_NVML_FUNCTION_NOT_FOUND;
    struct erg_nvml_field field = {
        .field_id = power == ERG_NVML_POWER_INSTANT ? ERG_NVML_FIELD_POWER_INSTANT
                                                    : ERG_NVML_FIELD_POWER_AVERAGE,
        .ret = ERG_NVML_UNKNOWN,
    };
    int ret = device->api->fields(device->handle, 1, &field);
    if (ret != ERG_NVML_SUCCESS)
        return ret;
    *out_us = field.timestamp_us;
    return erg_nvml_field_value(&field, out_mw);
}

/* --- what it is ------------------------------------------------------------------------------- */

static void identify(struct erg_nvml_device *device)
{
    const struct erg_nvml_api *api = device->api;
    struct erg_nvml_pci pci;
    unsigned int architecture = 0, current = 0, pending = 0;
    memset(&pci, 0, sizeof pci);
    if (!api->name || api->name(device->handle, device->name, sizeof device->name))
        snprintf(device->name, sizeof device->name, "NVIDIA GPU");
    device->name[sizeof device->name - 1] = '\0';
    /* As the kernel writes it: "0000:01:00.0". */
    if (api->pci && api->pci(device->handle, &pci) == ERG_NVML_SUCCESS)
        snprintf(device->pci, sizeof device->pci, "%04x:%02x:%02x.0", pci.domain, pci.bus,
                 pci.device);
    if (!api->architecture || api->architecture(device->handle, &architecture))
        architecture = 0;
    device->board = erg_nvml_find_board(architecture, pci.pci_device_id);
    device->mig = api->mig_mode &&
                  api->mig_mode(device->handle, &current, &pending) == ERG_NVML_SUCCESS &&
                  current == 1;
}

static enum erg_nvml_power find_power(const struct erg_nvml_device *device)
{
    static const enum erg_nvml_power ways[] = {ERG_NVML_POWER_INSTANT, ERG_NVML_POWER_AVERAGE,
                                               ERG_NVML_POWER_USAGE};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        uint64_t mw = 0;
        long long us;
        if (read_power(device, ways[i], &mw, &us) == ERG_NVML_SUCCESS && mw > 0)
            return ways[i];
    }
    return ERG_NVML_POWER_NONE;
}

int erg_nvml_device_open(struct erg_nvml_device *out, const struct erg_nvml_api *api, int index,
                         struct erg_err *err)
{
    struct erg_nvml_device device = {.api = api, .index = index};
    uint64_t mj = 0;
    int ret = api->handle_by_index((unsigned int)index, &device.handle);
    if (ret != ERG_NVML_SUCCESS)
        return erg_fail(err, ret == ERG_NVML_NO_PERMISSION ? ERG_DENIED : ERG_NOT_FOUND,
                        "GPU %d: %s", index, erg_nvml_text(api, ret));
    identify(&device);
    device.has_counter = read_energy(&device, &mj) == ERG_NVML_SUCCESS && mj > 0;
    device.power = find_power(&device);
    device.residual = (struct erg_nvml_residual){.last_mw = -1, .counter_before_nj = -1};
    device.state = (struct erg_nvml_state){-1, -1, -1, -1, -1, -1, -1, -1, 0};
    erg_tally_init(&device.tally, NJ_PER_MJ, 1, MAX_W);
    if (!device.has_counter && device.power == ERG_NVML_POWER_NONE)
        return erg_fail(err, ERG_UNSUPPORTED, "GPU %d (%.64s) shows neither energy nor power",
                        index, device.name);
    *out = device;
    return 0;
}

void erg_nvml_device_channel(const struct erg_nvml_device *device, struct erg_channel *out)
{
    bool averaged = !device->has_counter && device->power == ERG_NVML_POWER_AVERAGE;
    *out = (struct erg_channel){
        .source = "nvml",
        .domain = ERG_DOMAIN_GPU,
        .device = device->index,
        .quantity = device->has_counter ? ERG_QUANTITY_ENERGY : ERG_QUANTITY_POWER,
        .update_period_ns = averaged ? NS_PER_S : device->board->update_period_ns,
        .max_gap_ns = MAX_GAP_NS,
    };
    snprintf(out->name, sizeof out->name, "gpu%d", device->index);
    if (*device->pci)
        snprintf(out->measures, sizeof out->measures, "gpu:%s", device->pci);
}

/* --- energy, power, and how far they agree ---------------------------------------------------- */

static void break_residual(struct erg_nvml_residual *residual)
{
    residual->open_nj = 0;
    residual->counter_before_nj = -1;
    residual->last_mw = -1;
}

static void add_power(struct erg_nvml_device *device, int64_t t_ns)
{
    struct erg_nvml_residual *residual = &device->residual;
    uint64_t mw = 0;
    long long us;
    int64_t span_ns = t_ns - residual->last_ns;
    if (read_power(device, device->power, &mw, &us) || mw == 0 || mw > MAX_W * 1000) {
        break_residual(residual);
        return;
    }
    if (residual->last_mw >= 0 && span_ns > MAX_GAP_NS)
        break_residual(residual);
    if (residual->last_mw >= 0) /* mW × ns = 10⁻¹² J, two of them */
        residual->open_nj += (residual->last_mw + (int64_t)mw) * span_ns / 2000;
    residual->last_mw = (int64_t)mw;
    residual->last_ns = t_ns;
}

/* The counter has stepped: what both say of the time since its last step belongs together. */
static void close_step(struct erg_nvml_residual *residual, int64_t t_ns, int64_t counter_nj)
{
    if (residual->counter_before_nj >= 0) {
        residual->counter_nj += counter_nj - residual->counter_before_nj;
        residual->power_nj += residual->open_nj;
        residual->covered_ns += t_ns - residual->since_ns;
    }
    residual->open_nj = 0;
    residual->counter_before_nj = residual->last_mw >= 0 ? counter_nj : -1;
    residual->since_ns = t_ns;
}

bool erg_nvml_device_residual(const struct erg_nvml_device *device, double *out_ratio)
{
    const struct erg_nvml_residual *residual = &device->residual;
    if (residual->covered_ns < MIN_RESIDUAL_S * NS_PER_S || residual->counter_nj <= 0)
        return false;
    *out_ratio = (double)(residual->power_nj - residual->counter_nj) / (double)residual->counter_nj;
    return true;
}

/* Whether a value that is as it was is old (not published anew yet) or really the same. */
static bool is_old(const struct erg_nvml_device *device, int64_t t_ns)
{
    return t_ns - device->moved_ns < STILL_PERIODS * device->board->update_period_ns;
}

static int fail_status(struct erg_nvml_device *device, int ret)
{
    device->lost = device->lost || ret == ERG_NVML_GPU_IS_LOST || ret == ERG_NVML_RESET_REQUIRED;
    if (device->lost)
        return ERG_GONE;
    return ret == ERG_NVML_NO_PERMISSION ? ERG_DENIED : ERG_UNSUPPORTED;
}

static int read_counter(struct erg_nvml_device *device, int64_t t_ns, int64_t *out_nj)
{
    uint64_t mj = 0;
    int ret = read_energy(device, &mj);
    if (ret)
        break_residual(&device->residual);
    if (ret)
        return fail_status(device, ret);
    if (device->power != ERG_NVML_POWER_NONE)
        add_power(device, t_ns);
    enum erg_tally_step step = erg_tally_add(&device->tally, t_ns, mj);
    if (step == ERG_TALLY_SUSPECT || step == ERG_TALLY_RESTARTED) {
        break_residual(&device->residual);
        return step == ERG_TALLY_SUSPECT ? ERG_BUSY : ERG_OVERRUN;
    }
    if (step == ERG_TALLY_SAME && is_old(device, t_ns))
        return ERG_BUSY;
    *out_nj = erg_tally_nj(&device->tally);
    if (step == ERG_TALLY_MOVED) {
        device->moved_ns = t_ns;
        close_step(&device->residual, t_ns, *out_nj);
    }
    return 0;
}

static int read_only_power(struct erg_nvml_device *device, int64_t t_ns, int64_t *out_uw)
{
    uint64_t mw = 0;
    long long us;
    int ret = read_power(device, device->power, &mw, &us);
    if (ret)
        return fail_status(device, ret);
    if (mw == 0 || mw > MAX_W * 1000) /* a GPU that answers uses power */
        return ERG_UNSUPPORTED;
    if (us && us == device->field_us && is_old(device, t_ns))
        return ERG_BUSY;
    device->field_us = us;
    device->moved_ns = t_ns;
    *out_uw = (int64_t)mw * 1000;
    return 0;
}

void erg_nvml_device_read(struct erg_nvml_device *device, int64_t t_ns,
                          struct erg_channel_value *out)
{
    int64_t value = 0;
    int rc = ERG_GONE;
    if (!device->lost)
        rc = device->has_counter ? read_counter(device, t_ns, &value)
                                 : read_only_power(device, t_ns, &value);
    out->status = (uint32_t)-rc;
    out->value = rc ? 0 : value;
}

/* --- its state -------------------------------------------------------------------------------- */

static int64_t or_absent(int ret, unsigned int value)
{
    return ret == ERG_NVML_SUCCESS ? (int64_t)value : -1;
}

static int64_t ask_clock(const struct erg_nvml_device *device, unsigned int which)
{
    unsigned int mhz = 0;
    int ret = ERG_NVML_FUNCTION_NOT_FOUND;
    if (device->api->clock)
        ret = device->api->clock(device->handle, which, &mhz);
    return or_absent(ret, mhz);
}

bool erg_nvml_device_look(struct erg_nvml_device *device, uint64_t *out_new)
{
    const struct erg_nvml_api *api = device->api;
    struct erg_nvml_utilization use = {0, 0};
    unsigned int degrees = 0, limit = 0, min = 0, max = 0;
    unsigned long long reasons = 0;
    int no = ERG_NVML_FUNCTION_NOT_FOUND;
    if (device->lost)
        return false;
    int ret = api->utilization ? api->utilization(device->handle, &use) : no;
    device->state.utilization_pct = or_absent(ret, use.gpu_pct);
    device->state.memory_utilization_pct = or_absent(ret, use.memory_pct);
    device->state.sm_clock_mhz = ask_clock(device, CLOCK_SM);
    device->state.memory_clock_mhz = ask_clock(device, CLOCK_MEMORY);
    ret = api->temperature ? api->temperature(device->handle, SENSOR_GPU, &degrees) : no;
    device->state.temperature_degrees = or_absent(ret, degrees);
    ret = api->power_limit ? api->power_limit(device->handle, &limit) : no;
    device->state.power_limit_mw = or_absent(ret, limit);
    ret = api->power_limit_range ? api->power_limit_range(device->handle, &min, &max) : no;
    device->state.power_limit_min_mw = or_absent(ret, min);
    device->state.power_limit_max_mw = or_absent(ret, max);
    if (!api->throttle_reasons || api->throttle_reasons(device->handle, &reasons))
        reasons = 0;
    device->state.throttle_reasons = reasons;
    *out_new = reasons & THROTTLES & ~device->throttled;
    device->throttled |= reasons & THROTTLES;
    return *out_new != 0;
}
