/* SPDX-License-Identifier: MIT */
#include "power/fake-nvml/fake_nvml.h"
#include "power/nvml_api.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

extern EXPORT struct fake_nvml_script fake_nvml_script;
struct fake_nvml_script fake_nvml_script = {.now_ms = -1};

enum { UINT = ERG_NVML_TYPE_UNSIGNED_INT };

static const struct {
    const char *word;
    struct fake_nvml_gpu gpu;
} models[] = {
    {"hopper",
     {"NVIDIA H200", 9, 0x233510de, 100, 1000, true, true, true, false, UINT, 0, 0, 0, false, 0,
      100}},
    {"ampere",
     {"NVIDIA GeForce RTX 3090", 7, 0x220410de, 100, 1000, true, true, true, false, UINT, 0, 0, 0,
      false, 0, 100}},
    {"a100",
     {"NVIDIA A100-SXM4-80GB", 7, 0x20b210de, 100, 1000, true, true, true, true, UINT, 0, 0, 0,
      false, 0, 100}},
    {"turing",
     {"NVIDIA GeForce RTX 2080 Ti", 6, 0x1e0710de, 100, 1000, true, false, true, false, UINT, 0, 0,
      0, false, 0, 100}},
    {"pascal",
     {"NVIDIA GeForce GTX 1080", 4, 0x1b8010de, 20, 0, false, false, true, false, UINT, 0, 0, 0,
      false, 0, 100}},
    {"mute",
     {"NVIDIA Quadro K420", 2, 0x0ff310de, 100, 0, false, false, false, false, UINT, 0, 0, 0, false,
      0, 100}},
};

static int64_t clock_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t now_ms(void)
{
    if (fake_nvml_script.now_ms >= 0)
        return fake_nvml_script.now_ms;
    return clock_ms() % 1000000; /* short, since energy is summed step by step */
}

static void add_models(const char *words)
{
    fake_nvml_script.count = 0;
    while (*words && fake_nvml_script.count < FAKE_NVML_GPUS) {
        size_t len = strcspn(words, ",");
        for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
            if (strlen(models[i].word) == len && memcmp(models[i].word, words, len) == 0)
                fake_nvml_script.gpus[fake_nvml_script.count++] = models[i].gpu;
        }
        words += len + (words[len] == ',');
    }
}

static struct fake_nvml_gpu *gpu_of(void *device)
{
    return device;
}

static int64_t steps_of(const struct fake_nvml_gpu *gpu)
{
    return now_ms() / gpu->step_ms;
}

/* --- the library's functions ------------------------------------------------------------------ */

EXPORT int nvmlInit_v2(void);
EXPORT int nvmlInit_v2(void)
{
    const char *words = getenv("FAKE_NVML");
    if (words)
        add_models(words);
    fake_nvml_script.initialised += fake_nvml_script.init_result == 0;
    return fake_nvml_script.init_result;
}

EXPORT int nvmlShutdown(void);
EXPORT int nvmlShutdown(void)
{
    fake_nvml_script.initialised--;
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetCount_v2(unsigned int *out);
EXPORT int nvmlDeviceGetCount_v2(unsigned int *out)
{
    *out = fake_nvml_script.count;
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **out);
EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **out)
{
    *out = &fake_nvml_script.gpus[index];
    return fake_nvml_script.gpus[index].energy_result == ERG_NVML_GPU_IS_LOST ? ERG_NVML_GPU_IS_LOST
                                                                              : ERG_NVML_SUCCESS;
}

EXPORT const char *nvmlErrorString(int code);
EXPORT const char *nvmlErrorString(int code)
{
    switch (code) {
    case ERG_NVML_NO_PERMISSION:
        return "Insufficient Permissions";
    case ERG_NVML_GPU_IS_LOST:
        return "GPU is lost";
    case ERG_NVML_LIBRARY_MISMATCH:
        return "Driver/library version mismatch";
    default:
        return "Unknown Error";
    }
}

#ifndef FAKE_NVML_OLD /* the library of an old driver has only what is above and PowerUsage */

EXPORT int nvmlSystemGetDriverVersion(char *out, unsigned int bytes);
EXPORT int nvmlSystemGetDriverVersion(char *out, unsigned int bytes)
{
    strncpy(out, "580.95.05", bytes);
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetName(void *device, char *out, unsigned int bytes);
EXPORT int nvmlDeviceGetName(void *device, char *out, unsigned int bytes)
{
    strncpy(out, gpu_of(device)->name, bytes);
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetPciInfo_v3(void *device, struct erg_nvml_pci *out);
EXPORT int nvmlDeviceGetPciInfo_v3(void *device, struct erg_nvml_pci *out)
{
    memset(out, 0, sizeof *out);
    out->bus = 0x41 + (unsigned int)(gpu_of(device) - fake_nvml_script.gpus);
    out->pci_device_id = gpu_of(device)->pci_device_id;
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetArchitecture(void *device, unsigned int *out);
EXPORT int nvmlDeviceGetArchitecture(void *device, unsigned int *out)
{
    *out = gpu_of(device)->architecture;
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetMigMode(void *device, unsigned int *out_current, unsigned int *out_pending);
EXPORT int nvmlDeviceGetMigMode(void *device, unsigned int *out_current, unsigned int *out_pending)
{
    *out_current = *out_pending = gpu_of(device)->mig;
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *out);
EXPORT int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *out)
{
    const struct fake_nvml_gpu *gpu = gpu_of(device);
    fake_nvml_script.energy_calls++;
    if (fake_nvml_script.on_energy)
        fake_nvml_script.on_energy(fake_nvml_script.user);
    if (gpu->energy_result || !gpu->has_counter)
        return gpu->energy_result ? gpu->energy_result : ERG_NVML_NOT_SUPPORTED;
    *out = gpu->counter_base_mj + fake_nvml_energy_mj(gpu, steps_of(gpu));
    if (gpu->reset_ms > 0)
        *out -= gpu->counter_base_mj + fake_nvml_energy_mj(gpu, gpu->reset_ms / gpu->step_ms);
    if (gpu->zero)
        *out = 0;
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetFieldValues(void *device, int count, struct erg_nvml_field *fields);
EXPORT int nvmlDeviceGetFieldValues(void *device, int count, struct erg_nvml_field *fields)
{
    const struct fake_nvml_gpu *gpu = gpu_of(device);
    int64_t k = steps_of(gpu);
    for (int i = 0; i < count; i++) {
        bool known = fields[i].field_id == ERG_NVML_FIELD_POWER_INSTANT && gpu->has_fields;
        fields[i].timestamp_us = INT64_C(1000000) + k * gpu->step_ms * 1000;
        fields[i].value_type = gpu->field_type;
        fields[i].ret = known ? (unsigned int)gpu->power_result : ERG_NVML_NOT_SUPPORTED;
        fields[i].value.ulonglong =
            gpu->zero ? 0 : fake_nvml_power_mw(k ? k - 1 : 0) * (uint64_t)gpu->power_pct / 100;
    }
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetUtilizationRates(void *device, struct erg_nvml_utilization *out);
EXPORT int nvmlDeviceGetUtilizationRates(void *device, struct erg_nvml_utilization *out)
{
    (void)device;
    *out = (struct erg_nvml_utilization){87, 41};
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetClockInfo(void *device, unsigned int which, unsigned int *out_mhz);
EXPORT int nvmlDeviceGetClockInfo(void *device, unsigned int which, unsigned int *out_mhz)
{
    (void)device;
    *out_mhz = which == 1 ? 1980 : 3201;
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetTemperature(void *device, unsigned int which, unsigned int *out);
EXPORT int nvmlDeviceGetTemperature(void *device, unsigned int which, unsigned int *out)
{
    (void)device;
    *out = 61 + which;
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned int *out);
EXPORT int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned int *out)
{
    (void)device;
    *out = 700000;
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetPowerManagementLimitConstraints(void *device, unsigned int *out_min,
                                                        unsigned int *out_max);
EXPORT int nvmlDeviceGetPowerManagementLimitConstraints(void *device, unsigned int *out_min,
                                                        unsigned int *out_max)
{
    (void)device;
    *out_min = 200000;
    *out_max = 700000;
    return ERG_NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *out);
EXPORT int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *out)
{
    *out = gpu_of(device)->throttle;
    return ERG_NVML_SUCCESS;
}

#endif

EXPORT int nvmlDeviceGetPowerUsage(void *device, unsigned int *out);
EXPORT int nvmlDeviceGetPowerUsage(void *device, unsigned int *out)
{
    const struct fake_nvml_gpu *gpu = gpu_of(device);
    int64_t k = steps_of(gpu);
    if (!gpu->has_usage || gpu->power_result)
        return gpu->has_usage ? gpu->power_result : ERG_NVML_NOT_SUPPORTED;
    *out = gpu->zero
               ? 0
               : (unsigned int)(fake_nvml_power_mw(k ? k - 1 : 0) * (uint64_t)gpu->power_pct / 100);
    return ERG_NVML_SUCCESS;
}
