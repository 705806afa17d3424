/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_SOURCES_H
#define ERG_POWER_SOURCES_H

#include "power/driver.h"

/* Every driver there is; the order of preference is in drivers.c. */
extern const struct erg_power_driver erg_power_driver_powermetrics;
extern const struct erg_power_driver erg_power_driver_ioreport;
extern const struct erg_power_driver erg_power_driver_rapl;
extern const struct erg_power_driver erg_power_driver_perf;
extern const struct erg_power_driver erg_power_driver_nvml;
extern const struct erg_power_driver erg_power_driver_amdgpu;
extern const struct erg_power_driver erg_power_driver_hwmon;
extern const struct erg_power_driver erg_power_driver_jetson;
extern const struct erg_power_driver erg_power_driver_battery;
extern const struct erg_power_driver erg_power_driver_estimate;
extern const struct erg_power_driver erg_power_driver_replay;
extern const struct erg_power_driver erg_power_driver_synthetic;

#endif
