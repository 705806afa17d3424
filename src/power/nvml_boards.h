/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_NVML_BOARDS_H
#define ERG_POWER_NVML_BOARDS_H

#include <stdint.h>

/*
 * How the power sensor of a generation of NVIDIA GPUs behaves, as measured on more than seventy of
 * them against external meters (Yang et al., SC'24, arXiv 2312.02741).
 */
struct erg_nvml_board {
    const char *name;
    int64_t update_period_ns; /* a new value appears this often */
    int coverage_pct;         /* share of the time that the sensor sees; 0 = not known */
};

/* `architecture` as NVML numbers it, `pci_device_id` with the vendor in its lower half. */
const struct erg_nvml_board *erg_nvml_find_board(unsigned int architecture,
                                                 unsigned int pci_device_id);

#endif
