/* SPDX-License-Identifier: MIT */
#include "power/cpufreq.h"

#include "base/mem.h"
#include "base/num.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CPUS     "/sys/devices/system/cpu"
#define POLICIES CPUS "/cpufreq"
#define KHZ_MAX  INT64_C(100000000)

static int64_t read_khz(const struct erg_root *root, const char *path)
{
    int64_t khz;
    if (erg_root_read_i64(root, path, &khz, NULL) || khz <= 0 || khz > KHZ_MAX)
        return 0;
    return khz;
}

/* The clock that design power stands for; 0 when nothing says. */
static int64_t find_base_khz(const struct erg_root *root, const char *policy)
{
    char path[200], driver[32];
    snprintf(path, sizeof path, POLICIES "/%.40s/base_frequency", policy);
    int64_t khz = read_khz(root, path);
    if (khz)
        return khz;
    snprintf(path, sizeof path, CPUS "/cpu%.10s/acpi_cppc/nominal_freq", policy + strlen("policy"));
    khz = read_khz(root, path) * 1000; /* told in MHz */
    if (khz)
        return khz;
    /* Without boost the highest clock is the base. */
    snprintf(path, sizeof path, POLICIES "/%.40s/scaling_driver", policy);
    if (erg_root_read_text(root, path, driver, sizeof driver, NULL) ||
        strcmp(driver, "cpufreq-dt") != 0)
        return 0;
    snprintf(path, sizeof path, POLICIES "/%.40s/cpuinfo_max_freq", policy);
    return read_khz(root, path);
}

void erg_cpufreq_open(struct erg_cpufreq *freq, const struct erg_root *root)
{
    char **names;
    size_t count;
    *freq = (struct erg_cpufreq){0};
    if (erg_root_list(root, POLICIES, &names, &count, NULL))
        return;
    for (size_t i = 0; i < count && freq->count < ERG_CPUFREQ_MAX; i++) {
        char path[200];
        int fd;
        if (strncmp(names[i], "policy", 6) != 0)
            continue;
        int64_t base_khz = find_base_khz(root, names[i]);
        snprintf(path, sizeof path, POLICIES "/%.40s/scaling_cur_freq", names[i]);
        if (base_khz <= 0 || erg_root_open(root, path, &fd, NULL))
            continue;
        freq->policies[freq->count].fd = fd;
        freq->policies[freq->count++].base_khz = base_khz;
    }
    erg_root_free_names(names, count);
}

void erg_cpufreq_close(struct erg_cpufreq *freq)
{
    for (int i = 0; i < freq->count; i++)
        erg_cleanup_fd(&freq->policies[i].fd);
    freq->count = 0;
}

int erg_cpufreq_power(const struct erg_cpufreq *freq)
{
    int64_t sum = 0;
    int known = 0;
    for (int i = 0; i < freq->count; i++) {
        char text[24];
        int64_t khz, base_khz = freq->policies[i].base_khz;
        ssize_t n = pread(freq->policies[i].fd, text, sizeof text - 1, 0);
        if (n <= 0)
            continue;
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        if (erg_parse_i64(text, 1, KHZ_MAX, &khz, NULL))
            continue;
        khz = khz > base_khz ? base_khz : khz;
        sum += ERG_CPUFREQ_FULL * khz / base_khz * khz / base_khz;
        known++;
    }
    return known ? (int)(sum / known) : ERG_CPUFREQ_FULL;
}
