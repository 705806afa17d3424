/* SPDX-License-Identifier: MIT */
#include "record/conditions.h"

#include "base/num.h"
#include "base/system.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CPU_FOLDER   "/sys/devices/system/cpu"
#define POWER_FOLDER "/sys/class/power_supply"

/* "FOLDER/NAME/FILE" as text; false when it cannot be read. */
static bool read_text(const struct erg_root *root, const char *folder, const char *name,
                      const char *file, char *out, size_t out_bytes)
{
    char path[256];
    int len = snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    return len > 0 && (size_t)len < sizeof path &&
           erg_root_read_text(root, path, out, out_bytes, NULL) == 0;
}

/* The same as a number ≥ 0; -1 when there is none. */
static int64_t read_number(const struct erg_root *root, const char *folder, const char *name,
                           const char *file)
{
    char text[32];
    int64_t value;
    if (!read_text(root, folder, name, file, text, sizeof text) ||
        erg_parse_i64(text, 0, INT64_MAX, &value, NULL))
        return -1;
    return value;
}

/* Clocks and governor of one policy: CPUs that share a clock. */
static void read_policy(const struct erg_root *root, const char *policy, struct erg_conditions *out,
                        int64_t *clock_sum_khz, int64_t *clocks)
{
    static const char folder[] = CPU_FOLDER "/cpufreq";
    char governor[sizeof out->governor];
    int64_t low = read_number(root, folder, policy, "scaling_min_freq");
    int64_t high = read_number(root, folder, policy, "scaling_max_freq");
    int64_t now = read_number(root, folder, policy, "scaling_cur_freq");
    if (low >= 0 && (out->clock_min_mhz < 0 || low / 1000 < out->clock_min_mhz))
        out->clock_min_mhz = low / 1000;
    if (high >= 0 && high / 1000 > out->clock_max_mhz)
        out->clock_max_mhz = high / 1000;
    if (now >= 0 && now < INT64_C(1000000000)) {
        *clock_sum_khz += now;
        (*clocks)++;
    }
    if (!read_text(root, folder, policy, "scaling_governor", governor, sizeof governor) ||
        !governor[0])
        return;
    if (out->governor[0] && strcmp(out->governor, governor) != 0)
        snprintf(governor, sizeof governor, "mixed");
    memcpy(out->governor, governor, strlen(governor) + 1);
}

static void read_clocks(const struct erg_root *root, struct erg_conditions *out)
{
    char **names;
    size_t count;
    int64_t sum = 0, clocks = 0;
    if (erg_root_list(root, CPU_FOLDER "/cpufreq", &names, &count, NULL))
        return;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], "policy", 6) == 0)
            read_policy(root, names[i], out, &sum, &clocks);
    }
    erg_root_free_names(names, count);
    if (clocks)
        out->clock_mhz = sum / clocks / 1000;
}

/* Each core's own count; the package's, which every CPU repeats, once. */
static void read_throttling(const struct erg_root *root, struct erg_conditions *out)
{
    char **names;
    size_t count;
    int64_t cores = -1, package = -1;
    if (erg_root_list(root, CPU_FOLDER, &names, &count, NULL))
        return;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], "cpu", 3) != 0 || !isdigit((unsigned char)names[i][3]))
            continue;
        int64_t core =
            read_number(root, CPU_FOLDER, names[i], "thermal_throttle/core_throttle_count");
        int64_t whole =
            read_number(root, CPU_FOLDER, names[i], "thermal_throttle/package_throttle_count");
        if (core >= 0)
            cores = cores < 0 ? core : erg_add_sat_i64(cores, core);
        package = whole > package ? whole : package;
    }
    erg_root_free_names(names, count);
    if (cores >= 0 || package >= 0)
        out->throttle_count = erg_add_sat_i64(cores > 0 ? cores : 0, package > 0 ? package : 0);
}

/* CPUs in a list such as "0-3,8"; -1 when it is none. */
static int64_t count_cpus(const char *list)
{
    int64_t count = 0;
    while (*list) {
        char range[48];
        size_t len = strcspn(list, ",");
        int64_t first, last;
        if (len >= sizeof range)
            return -1;
        memcpy(range, list, len);
        range[len] = '\0';
        char *dash = strchr(range, '-');
        if (dash)
            *dash = '\0';
        if (erg_parse_i64(range, 0, 1 << 20, &first, NULL))
            return -1;
        last = first;
        if (dash && erg_parse_i64(dash + 1, first, 1 << 20, &last, NULL))
            return -1;
        count += last - first + 1;
        list += len + (list[len] == ',');
    }
    return count ? count : -1;
}

static void read_affinity(const struct erg_root *root, struct erg_conditions *out)
{
    char list[1024];
    out->cpus_allowed_count = erg_system_allowed_cpus();
    if (erg_root_read_text(root, CPU_FOLDER "/online", list, sizeof list, NULL) == 0)
        out->cpus_online_count = count_cpus(list);
}

/* On battery: no mains that is online, and a battery that is being emptied. */
static void read_battery(const struct erg_root *root, struct erg_conditions *out)
{
    char **names, type[32], state[32];
    size_t count;
    bool mains = false, discharging = false;
    if (erg_root_list(root, POWER_FOLDER, &names, &count, NULL))
        return;
    for (size_t i = 0; i < count; i++) {
        if (!read_text(root, POWER_FOLDER, names[i], "type", type, sizeof type))
            continue;
        /* A mouse has a battery too: its scope is the device. */
        if (read_text(root, POWER_FOLDER, names[i], "scope", state, sizeof state) &&
            strcmp(state, "Device") == 0)
            continue;
        out->on_battery = out->on_battery < 0 ? 0 : out->on_battery;
        mains |= (strcmp(type, "Mains") == 0 || strcmp(type, "USB") == 0) &&
                 read_number(root, POWER_FOLDER, names[i], "online") == 1;
        discharging |= strcmp(type, "Battery") == 0 &&
                       read_text(root, POWER_FOLDER, names[i], "status", state, sizeof state) &&
                       strcmp(state, "Discharging") == 0;
    }
    erg_root_free_names(names, count);
    if (discharging && !mains)
        out->on_battery = 1;
}

void erg_conditions_read(const struct erg_root *root, struct erg_conditions *out)
{
    erg_conditions_init(out);
    read_clocks(root, out);
    read_throttling(root, out);
    read_affinity(root, out);
    read_battery(root, out);
}
