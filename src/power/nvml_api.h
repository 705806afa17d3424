/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_NVML_API_H
#define ERG_POWER_NVML_API_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The part of NVIDIA's management library (NVML) that is used, declared after its public interface,
 * and loaded while the program runs: nothing of NVIDIA's is needed to build.
 */
enum erg_nvml_return {
    ERG_NVML_SUCCESS = 0,
    ERG_NVML_UNINITIALIZED = 1,
    ERG_NVML_NOT_SUPPORTED = 3,
    ERG_NVML_NO_PERMISSION = 4,
    ERG_NVML_DRIVER_NOT_LOADED = 9,
    ERG_NVML_FUNCTION_NOT_FOUND = 13,
    ERG_NVML_GPU_IS_LOST = 15,
    ERG_NVML_RESET_REQUIRED = 16,
    ERG_NVML_LIBRARY_MISMATCH = 18,
    ERG_NVML_UNKNOWN = 999,
};

enum { /* nvmlFieldValue_t.fieldId */
       ERG_NVML_FIELD_POWER_AVERAGE = 185,
       ERG_NVML_FIELD_POWER_INSTANT = 186,
};

enum { /* nvmlValueType_t */
       ERG_NVML_TYPE_DOUBLE = 0,
       ERG_NVML_TYPE_UNSIGNED_INT = 1,
       ERG_NVML_TYPE_UNSIGNED_LONG = 2,
       ERG_NVML_TYPE_UNSIGNED_LONG_LONG = 3,
};

enum { /* bits of the clocks' throttle reasons */
       ERG_NVML_THROTTLE_POWER_CAP = 0x4,
       ERG_NVML_THROTTLE_HW_SLOWDOWN = 0x8,
       ERG_NVML_THROTTLE_SW_THERMAL = 0x20,
       ERG_NVML_THROTTLE_HW_THERMAL = 0x40,
       ERG_NVML_THROTTLE_POWER_BRAKE = 0x80,
};

struct erg_nvml_field { /* nvmlFieldValue_t */
    unsigned int field_id, scope_id;
    long long timestamp_us;
    long long latency_us;
    unsigned int value_type;
    unsigned int ret;
    union {
        double real;
        unsigned int uint;
        unsigned long ulong;
        unsigned long long ulonglong;
    } value;
};

struct erg_nvml_pci { /* nvmlPciInfo_t */
    char bus_id_legacy[16];
    unsigned int domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
};

struct erg_nvml_utilization { /* nvmlUtilization_t */
    unsigned int gpu_pct, memory_pct;
};

/* Functions behind `handle_by_index` may be missing (older libraries): NULL. */
struct erg_nvml_api {
    void *library;
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned int *out);
    int (*handle_by_index)(unsigned int index, void **out);
    const char *(*error_string)(int code);
    int (*driver_version)(char *out, unsigned int bytes);
    int (*name)(void *device, char *out, unsigned int bytes);
    int (*pci)(void *device, struct erg_nvml_pci *out);
    int (*architecture)(void *device, unsigned int *out);
    int (*mig_mode)(void *device, unsigned int *out_current, unsigned int *out_pending);
    int (*energy)(void *device, unsigned long long *out_mj);
    int (*power_usage)(void *device, unsigned int *out_mw);
    int (*fields)(void *device, int count, struct erg_nvml_field *fields);
    int (*power_limit)(void *device, unsigned int *out_mw);
    int (*power_limit_range)(void *device, unsigned int *out_min_mw, unsigned int *out_max_mw);
    int (*utilization)(void *device, struct erg_nvml_utilization *out);
    int (*clock)(void *device, unsigned int which, unsigned int *out_mhz);
    int (*temperature)(void *device, unsigned int which, unsigned int *out_degrees);
    int (*throttle_reasons)(void *device, unsigned long long *out);
};

/*
 * Load and initialise the library at `path`, NULL = where the system has it. NOT_FOUND without
 * library or driver, DENIED, or UNSUPPORTED (library and driver do not fit).
 */
int erg_nvml_load(struct erg_nvml_api *out, const char *path, struct erg_err *err);
void erg_nvml_unload(struct erg_nvml_api *api);

/* Text of one of its return codes. */
const char *erg_nvml_text(const struct erg_nvml_api *api, int code);

/* A field's value in whatever unit it has; the return code of the field, UNKNOWN for a value of a
 * type that it cannot have. */
int erg_nvml_field_value(const struct erg_nvml_field *field, uint64_t *out);

#endif
