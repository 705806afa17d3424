/* SPDX-License-Identifier: MIT */
#include "power/hwmon_rules.h"

#include <stddef.h>

#define MS INT64_C(1000000)

enum { GPU_W = 2000, SOCKET_W = 2000 };

/* clang-format off */
#define INTEL_GPU(name, number, other)                                                             \
    {.driver = (name), .stem = "energy", .suffix = "input", .first = (number), .last = (number),   \
     .unless = (other), .quantity = ERG_QUANTITY_ENERGY, .domain = ERG_DOMAIN_GPU,                 \
     .measures = "gpu", .what = "Intel GPU energy", .update_period_ns = 10 * MS, .max_w = GPU_W}
#define MACHINE(name, end, numbers, tag_end, text, says, period)                                   \
    {.driver = (name), .stem = "power", .suffix = (end), .first = 1, .last = (numbers),            \
     .tag_suffix = (tag_end), .tag = (text), .quantity = ERG_QUANTITY_POWER,                       \
     .domain = ERG_DOMAIN_SOC, .raw = true, .measures = "machine", .what = (says),                 \
     .update_period_ns = (period)}
#define PART(name, text)                                                                           \
    {.driver = (name), .stem = "power", .suffix = "average", .first = 1, .last = 1,                \
     .tag_suffix = "oem_info", .tag = (text), .skip = true}

const struct erg_hwmon_rule erg_hwmon_rules[] = {
    /* Documentation/ABI/testing/sysfs-driver-intel-i915-hwmon, -xe-hwmon: xe's energy1 is the card,
     * energy2 the package on it; the devices "i915_gt0" … are parts of "i915". */
    INTEL_GPU("i915", 1, NULL),
    INTEL_GPU("xe", 1, NULL),
    INTEL_GPU("xe", 2, "energy1_input"),
    /* Documentation/hwmon/acpi_power_meter. Grace has one for the module, one for the Grace chip,
     * and two for parts of that. */
    MACHINE("power_meter", "average", 1, "oem_info", "Module Power", "module power (ACPI)",
            50 * MS),
    {.driver = "power_meter", .stem = "power", .suffix = "average", .first = 1, .last = 1,
     .tag_suffix = "oem_info", .tag = "Grace Power", .quantity = ERG_QUANTITY_POWER,
     .domain = ERG_DOMAIN_CPU, .measures = "cpu", .what = "Grace power (ACPI)",
     .update_period_ns = 50 * MS},
    PART("power_meter", "CPU Power"),
    PART("power_meter", "SysIO Power"),
    MACHINE("power_meter", "average", 1, NULL, NULL, "machine power (ACPI)", 1000 * MS),
    /* Asahi Linux: drivers/hwmon/macsmc-hwmon.c, labels from the device tree (PSTR). */
    MACHINE("macsmc_hwmon", "input", 32, "label", "Total System Power", "machine power (SMC)",
            1000 * MS),
    /* OpenPOWER (OPAL firmware). */
    MACHINE("ibmpowernv", "input", 32, "label", "System", "machine power (OPAL)", 1000 * MS),
    /* Documentation/hwmon/corsair-psu: what the power supply takes. */
    MACHINE("corsairpsu", "input", 4, "label", "power total", "power supply", 1000 * MS),
    /* Documentation/hwmon/amd_energy: cores first, then sockets. */
    {.driver = "amd_energy", .stem = "energy", .suffix = "input", .first = 1, .last = 1024,
     .tag_suffix = "label", .tag = "Esocket", .quantity = ERG_QUANTITY_ENERGY,
     .domain = ERG_DOMAIN_CPU, .measures = "cpu", .what = "AMD socket energy",
     .update_period_ns = 100 * MS, .max_w = SOCKET_W},
    /* Documentation/hwmon/fam15h_power. */
    {.driver = "fam15h_power", .stem = "power", .suffix = "input", .first = 1, .last = 1,
     .quantity = ERG_QUANTITY_POWER, .domain = ERG_DOMAIN_CPU, .measures = "cpu",
     .what = "AMD family 15h power", .update_period_ns = 10 * MS},
    {.driver = NULL},
};
/* clang-format on */
