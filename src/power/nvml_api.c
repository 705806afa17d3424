/* SPDX-License-Identifier: MIT */
#include "power/nvml_api.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

struct symbol {
    const char *name, *older_name; /* the second where the first is missing; NULL = none */
    size_t at;
    bool needed;
};

#define SYMBOL(member, ...)                                                                        \
    {                                                                                              \
        __VA_ARGS__, offsetof(struct erg_nvml_api, member), false                                  \
    }
#define NEEDED(member, ...)                                                                        \
    {                                                                                              \
        __VA_ARGS__, offsetof(struct erg_nvml_api, member), true                                   \
    }

static const struct symbol symbols[] = {
    NEEDED(init, "nvmlInit_v2", "nvmlInit"),
    NEEDED(shutdown, "nvmlShutdown", NULL),
    NEEDED(count, "nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"),
    NEEDED(handle_by_index, "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"),
    SYMBOL(error_string, "nvmlErrorString", NULL),
    SYMBOL(driver_version, "nvmlSystemGetDriverVersion", NULL),
    SYMBOL(name, "nvmlDeviceGetName", NULL),
    SYMBOL(pci, "nvmlDeviceGetPciInfo_v3", NULL),
    SYMBOL(architecture, "nvmlDeviceGetArchitecture", NULL),
    SYMBOL(mig_mode, "nvmlDeviceGetMigMode", NULL),
    SYMBOL(energy, "nvmlDeviceGetTotalEnergyConsumption", NULL),
    SYMBOL(power_usage, "nvmlDeviceGetPowerUsage", NULL),
    SYMBOL(fields, "nvmlDeviceGetFieldValues", NULL),
    SYMBOL(power_limit, "nvmlDeviceGetEnforcedPowerLimit", NULL),
    SYMBOL(power_limit_range, "nvmlDeviceGetPowerManagementLimitConstraints", NULL),
    SYMBOL(utilization, "nvmlDeviceGetUtilizationRates", NULL),
    SYMBOL(clock, "nvmlDeviceGetClockInfo", NULL),
    SYMBOL(temperature, "nvmlDeviceGetTemperature", NULL),
    SYMBOL(throttle_reasons, "nvmlDeviceGetCurrentClocksEventReasons",
           "nvmlDeviceGetCurrentClocksThrottleReasons"),
};

/* The usual place, and that of Windows' subsystem for Linux. */
static const char *const places[] = {"libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"};

static void *open_library(const char *path)
{
    void *library = NULL;
    if (path)
        return dlopen(path, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof places / sizeof places[0] && !library; i++)
        library = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

static int resolve(struct erg_nvml_api *api, struct erg_err *err)
{
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        const struct symbol *symbol = &symbols[i];
        void *function = dlsym(api->library, symbol->name);
        if (!function && symbol->older_name)
            function = dlsym(api->library, symbol->older_name);
        if (!function && symbol->needed)
            return erg_fail(err, ERG_UNSUPPORTED, "the NVML library has no '%s'", symbol->name);
        /* POSIX lets a data pointer hold a function; C has no cast for it. */
        memcpy((char *)api + symbol->at, &function, sizeof function);
    }
    return 0;
}

static int initialise(struct erg_nvml_api *api, struct erg_err *err)
{
    int ret = api->init();
    switch (ret) {
    case ERG_NVML_SUCCESS:
        return 0;
    case ERG_NVML_DRIVER_NOT_LOADED:
        return erg_fail(err, ERG_NOT_FOUND, "the NVIDIA driver is not loaded");
    case ERG_NVML_NO_PERMISSION:
        return erg_fail(err, ERG_DENIED, "NVML: %s", erg_nvml_text(api, ret));
    default:
        return erg_fail(err, ERG_UNSUPPORTED, "NVML: %s", erg_nvml_text(api, ret));
    }
}

int erg_nvml_load(struct erg_nvml_api *out, const char *path, struct erg_err *err)
{
    struct erg_nvml_api api = {.library = open_library(path)};
    if (!api.library)
        return erg_fail(err, ERG_NOT_FOUND, "no NVML library ('%.150s')", path ? path : places[0]);
    int rc = resolve(&api, err);
    if (rc == 0)
        rc = initialise(&api, err);
    if (rc) {
        dlclose(api.library);
        return rc;
    }
    *out = api;
    return 0;
}

void erg_nvml_unload(struct erg_nvml_api *api)
{
    if (!api->library)
        return;
    api->shutdown();
    dlclose(api->library);
    api->library = NULL;
}

const char *erg_nvml_text(const struct erg_nvml_api *api, int code)
{
    const char *text = api->error_string ? api->error_string(code) : NULL;
    return text && *text ? text : "an error without a text";
}

int erg_nvml_field_value(const struct erg_nvml_field *field, uint64_t *out)
{
    if (field->ret != ERG_NVML_SUCCESS)
        return (int)field->ret;
    switch (field->value_type) {
    case ERG_NVML_TYPE_UNSIGNED_INT:
        *out = field->value.uint;
        return 0;
    case ERG_NVML_TYPE_UNSIGNED_LONG:
        *out = field->value.ulong;
        return 0;
    case ERG_NVML_TYPE_UNSIGNED_LONG_LONG:
        *out = field->value.ulonglong;
        return 0;
    default:
        return ERG_NVML_UNKNOWN;
    }
}
