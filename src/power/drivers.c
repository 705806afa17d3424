/* SPDX-License-Identifier: MIT */
#include "power/driver.h"
#include "power/sources.h"

#include <stddef.h>

const struct erg_power_driver *const erg_power_drivers[] = {
    &erg_power_driver_powermetrics,
    &erg_power_driver_ioreport,
    &erg_power_driver_rapl,
    &erg_power_driver_perf,
    &erg_power_driver_nvml,
    &erg_power_driver_amdgpu,
    &erg_power_driver_hwmon,
    &erg_power_driver_jetson,
    &erg_power_driver_battery,
    &erg_power_driver_estimate,
    &erg_power_driver_replay,
    &erg_power_driver_synthetic,
    NULL,
};
