/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_HWMON_TREE_H
#define ERG_POWER_HWMON_TREE_H

#include "base/root.h"

#include <stdbool.h>

/* One device of /sys/class/hwmon. */
struct erg_hwmon {
    char path[64]; /* "/sys/class/hwmon/hwmon3" */
    char name[32]; /* of its driver: "amdgpu" */
    char pci[32];  /* "0000:03:00.0"; "" when it is no PCI device */
};

/*
 * All devices in order of their number; free() them. Those without a readable name are left out.
 * NOT_FOUND when the system has no /sys/class/hwmon.
 */
int erg_hwmon_list(const struct erg_root *root, struct erg_hwmon **out, size_t *out_count,
                   struct erg_err *err);

/* Path of a device's file in `out`; of old kernels the one below "device/" if only that exists. */
void erg_hwmon_path(const struct erg_root *root, const struct erg_hwmon *device, const char *file,
                    char *out, size_t out_bytes);

/* A device's small text file; false when it cannot be read. */
bool erg_hwmon_text(const struct erg_root *root, const struct erg_hwmon *device, const char *file,
                    char *out, size_t out_bytes);

#endif
