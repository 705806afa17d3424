/* SPDX-License-Identifier: MIT */
#include "power/capture.h"

#include "base/limits.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 20000, MAX_FILE_BYTES = 262144 };

/* Where sources look, and how deep it goes there. */
static const struct place {
    const char *path;
    int depth;
} places[] = {
    {"/proc/stat", 0},
    {"/proc/cpuinfo", 0},
    {"/proc/meminfo", 0},
    {"/proc/sys/kernel/perf_event_paranoid", 0},
    {"/sys/class/powercap", 3},
    {"/sys/bus/event_source/devices/power", 3},
    {"/sys/bus/event_source/devices/power_core", 3},
    {"/sys/class/hwmon", 3},
    {"/sys/class/power_supply", 2},
    {"/sys/bus/i2c/drivers/ina3221", 4},
    {"/sys/bus/i2c/drivers/ina3221x", 4},
    {"/sys/module/amdgpu/version", 0},
    {"/sys/devices/system/cpu", 3},
    {"/sys/devices/virtual/dmi/id/sys_vendor", 0},
    {"/sys/devices/virtual/dmi/id/product_name", 0},
};

struct capture {
    const struct erg_root *root;
    const char *folder;
    size_t count;
};

bool erg_capture_hides(const char *name)
{
    static const char *const words[] = {"serial", "uniq",     "uuid", "address", "asset_tag",
                                        "edid",   "hostname", "wwid", "hid_phys"};
    /* What leads out of a device to others, or back to itself. */
    static const char *const links[] = {"subsystem",   "driver",        "of_node",         "power",
                                        "physfn",      "firmware_node", "driver_override", "iommu",
                                        "iommu_group", "bind",          "unbind"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasestr(name, words[i]))
            return true;
    }
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        if (strcmp(name, links[i]) == 0)
            return true;
    }
    return false;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Large folders of which sources want a little: a device behind its sensor, and each CPU. */
static bool is_wanted(const char *folder, const char *name)
{
    static const char *const of_device[] = {
        "uevent", "gpu_busy_percent", "vendor",      "device", "class",
        "name",   "gpu_metrics",      "product_name"};
    static const char cpus[] = "/sys/devices/system/cpu";
    bool wanted = false;
    if (ends_with(folder, "/device")) {
        for (size_t i = 0; i < sizeof of_device / sizeof of_device[0]; i++)
            wanted |= strcmp(name, of_device[i]) == 0;
        /* Old drivers have their values there. */
        return wanted || strncmp(name, "power", 5) == 0 || strncmp(name, "energy", 6) == 0;
    }
    if (strcmp(folder, cpus) == 0)
        return strcmp(name, "online") == 0 || strcmp(name, "present") == 0 ||
               (strncmp(name, "cpu", 3) == 0 && name[3] >= '0' && name[3] <= '9');
    if (strncmp(folder, cpus, sizeof cpus - 1) == 0 && !ends_with(folder, "/cpufreq"))
        return strcmp(name, "cpufreq") == 0;
    return true;
}

void erg_capture_clean(char *text)
{
    char *to = text;
    for (char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        len += line[len] == '\n';
        char key[32];
        snprintf(key, sizeof key, "%.*s", (int)(len < 31 ? len : 31), line);
        key[strcspn(key, "\t:= ")] = '\0';
        if (!*key || !erg_capture_hides(key)) {
            memmove(to, line, len);
            to += len;
        }
        line += len;
    }
    *to = '\0';
}

static int make_folders(const struct capture *capture, const char *path, struct erg_err *err)
{
    char full[ERG_MAX_PATH_BYTES];
    int base = (int)strlen(capture->folder);
    snprintf(full, sizeof full, "%s%s", capture->folder, path);
    for (char *slash = full + base; slash; slash = strchr(slash + 1, '/')) {
        if (*slash != '/')
            break;
        *slash = '\0';
        if (mkdir(full, 0755) && errno != EEXIST)
            return erg_fail_errno(err, errno, "cannot make '%.200s'", full);
        *slash = '/';
    }
    return 0;
}

/* What cannot be read stays an unreadable file: that is what a source would find. */
static int put_file(struct capture *capture, const char *path, const char *bytes, size_t len,
                    mode_t mode, struct erg_err *err)
{
    char full[ERG_MAX_PATH_BYTES];
    int rc = make_folders(capture, path, err);
    if (rc)
        return rc;
    snprintf(full, sizeof full, "%s%s", capture->folder, path);
    ERG_AUTO_FD int fd = erg_open_file(full, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return erg_fail_errno(err, errno, "cannot write '%.200s'", full);
    if (write(fd, bytes, len) != (ssize_t)len || fchmod(fd, mode & 0444))
        return erg_fail_errno(err, errno, "cannot write '%.200s'", full);
    capture->count++;
    return 0;
}

static int copy_file(struct capture *capture, const char *path, const char *full, mode_t mode,
                     struct erg_err *err)
{
    ERG_AUTO_FREE char *bytes = NULL;
    size_t len = 0;
    if (!(mode & 0444)) /* for writing only */
        return 0;
    int rc = erg_read_file(full, MAX_FILE_BYTES, &bytes, &len, NULL);
    if (rc == ERG_NOMEM)
        return erg_fail(err, rc, "out of memory");
    if (rc)
        return put_file(capture, path, "", 0, rc == ERG_DENIED ? 0 : mode, err);
    if (!memchr(bytes, 0, len)) {
        erg_capture_clean(bytes);
        len = strlen(bytes);
    }
    return put_file(capture, path, bytes, len, mode, err);
}

static int copy(struct capture *capture, const char *path, int depth, struct erg_err *err);

static int copy_folder(struct capture *capture, const char *path, int depth, struct erg_err *err)
{
    char **names;
    size_t count;
    int rc = 0;
    if (depth <= 0 || erg_root_list(capture->root, path, &names, &count, NULL))
        return 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        char below[ERG_MAX_PATH_BYTES];
        snprintf(below, sizeof below, "%s/%s", path, names[i]);
        if (!erg_capture_hides(names[i]) && is_wanted(path, names[i]))
            rc = copy(capture, below, depth - 1, err);
    }
    erg_root_free_names(names, count);
    return rc;
}

static int copy(struct capture *capture, const char *path, int depth, struct erg_err *err)
{
    char full[ERG_MAX_PATH_BYTES];
    struct stat st;
    if (capture->count >= MAX_FILES || strlen(path) > 1000 ||
        erg_root_path(capture->root, path, full, sizeof full, NULL) || stat(full, &st))
        return 0;
    if (S_ISDIR(st.st_mode))
        return copy_folder(capture, path, depth, err);
    return S_ISREG(st.st_mode) ? copy_file(capture, path, full, st.st_mode, err) : 0;
}

int erg_capture(const struct erg_root *root, const char *folder, size_t *out_count,
                struct erg_err *err)
{
    struct capture capture = {.root = root, .folder = folder};
    int rc = 0;
    if (mkdir(folder, 0755))
        return erg_fail_errno(err, errno, "cannot make '%.128s'", folder);
    for (size_t i = 0; i < sizeof places / sizeof places[0] && rc == 0; i++)
        rc = copy(&capture, places[i].path, places[i].depth, err);
    *out_count = capture.count;
    return rc;
}
