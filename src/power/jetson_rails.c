/* SPDX-License-Identifier: MIT */
#include "power/jetson_rails.h"

#include <stddef.h>
#include <string.h>

#define INPUT(label)                                                                               \
    {                                                                                              \
        label, ERG_DOMAIN_SOC, true, "machine", " (whole board)"                                   \
    }
#define RAIL(label, domain, what)                                                                  \
    {                                                                                              \
        label, ERG_DOMAIN_##domain, false, what, ""                                                \
    }

/*
 * Labels of the boards' device trees (NVIDIA's developer guides, "power monitor"). A rail that
 * feeds the CPU together with others is the CPU's, so that no estimate of the CPU is added to it.
 * VDDQ_VDD2_1V8AO (AGX Orin) hangs on VIN_SYS_5V0, which is why it is not here.
 */
static const struct erg_jetson_rail rails[] = {
    INPUT("VDD_IN"),         /* TX2, Xavier NX, Orin NX, Orin Nano */
    INPUT("POM_5V_IN"),      /* Nano */
    RAIL("GPU", GPU, "gpu"), /* AGX Xavier */
    RAIL("CPU", CPU, "cpu"),
    RAIL("SOC", SOC, ""),
    RAIL("CV", OTHER, ""),
    RAIL("VDDRQ", DRAM, "dram"),
    RAIL("SYS5V", OTHER, ""),
    RAIL("VDD_GPU_SOC", GPU, "gpu"), /* AGX Orin */
    RAIL("VDD_CPU_CV", CPU, "cpu"),
    RAIL("VIN_SYS_5V0", OTHER, ""),
    {"VDD_CPU_GPU_CV", ERG_DOMAIN_CPU, false, "cpu", " (CPU, GPU and accelerators together)"},
    RAIL("VDD_SOC", SOC, ""),
    RAIL("VDD_SYS_GPU", GPU, "gpu"), /* TX2 */
    RAIL("VDD_SYS_SOC", SOC, ""),
    RAIL("VDD_SYS_CPU", CPU, "cpu"),
    RAIL("VDD_SYS_DDR", DRAM, "dram"),
    RAIL("POM_5V_GPU", GPU, "gpu"), /* Nano */
    RAIL("POM_5V_CPU", CPU, "cpu"),
};

const struct erg_jetson_rail *erg_jetson_find_rail(const char *label)
{
    for (size_t i = 0; i < sizeof rails / sizeof rails[0]; i++) {
        if (strcmp(rails[i].label, label) == 0)
            return &rails[i];
    }
    return NULL;
}
