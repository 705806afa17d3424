/* SPDX-License-Identifier: MIT */
#include "power/hwmon_tree.h"

#include "base/mem.h"
#include "power/gauge.h"

#include <stdio.h>
#include <unistd.h>

#define HWMON_FOLDER "/sys/class/hwmon"

enum { UEVENT_BYTES = 4096, PATH_BYTES = 256 };

void erg_hwmon_path(const struct erg_root *root, const struct erg_hwmon *device, const char *file,
                    char *out, size_t out_bytes)
{
    char full[2048];
    snprintf(out, out_bytes, "%s/%s", device->path, file);
    if (erg_root_path(root, out, full, sizeof full, NULL) == 0 && access(full, F_OK) != 0)
        snprintf(out, out_bytes, "%s/device/%s", device->path, file);
}

bool erg_hwmon_text(const struct erg_root *root, const struct erg_hwmon *device, const char *file,
                    char *out, size_t out_bytes)
{
    char path[PATH_BYTES];
    erg_hwmon_path(root, device, file, path, sizeof path);
    return erg_root_read_text(root, path, out, out_bytes, NULL) == 0;
}

static bool look_at(const struct erg_root *root, const char *entry, struct erg_hwmon *out)
{
    char uevent[UEVENT_BYTES];
    struct erg_hwmon device = {.name = ""};
    int len = snprintf(device.path, sizeof device.path, HWMON_FOLDER "/%s", entry);
    if (len < 0 || (size_t)len >= sizeof device.path ||
        !erg_hwmon_text(root, &device, "name", device.name, sizeof device.name))
        return false;
    if (erg_hwmon_text(root, &device, "device/uevent", uevent, sizeof uevent) &&
        !erg_gauge_uevent(uevent, "PCI_SLOT_NAME", device.pci, sizeof device.pci))
        device.pci[0] = '\0';
    *out = device;
    return true;
}

int erg_hwmon_list(const struct erg_root *root, struct erg_hwmon **out, size_t *out_count,
                   struct erg_err *err)
{
    char **names;
    size_t name_count, count = 0;
    int rc = erg_root_list(root, HWMON_FOLDER, &names, &name_count, err);
    if (rc)
        return rc;
    struct erg_hwmon *devices = erg_calloc(name_count, sizeof *devices);
    for (size_t i = 0; devices && i < name_count; i++)
        count += look_at(root, names[i], &devices[count]);
    erg_root_free_names(names, name_count);
    if (!devices)
        return erg_fail(err, ERG_NOMEM, "cannot list '" HWMON_FOLDER "': out of memory");
    *out = devices;
    *out_count = count;
    return 0;
}
