/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_CPU_MODELS_H
#define ERG_POWER_CPU_MODELS_H

#include <stdbool.h>
#include <stdint.h>

/* What the visible CPUs are thought to draw together. */
struct erg_cpu_power {
    char model[64]; /* as the machine names it */
    bool matched;   /* found in the table; else the default per logical CPU */
    bool shared;    /* a part of the processor: a virtual machine */
    int cpus;
    int64_t idle_mw, full_mw;
};

/* From the text of /proc/cpuinfo and the number of logical CPUs. Never fails. */
void erg_cpu_power_find(const char *cpuinfo, int cpus, struct erg_cpu_power *out);

extern const char erg_cpu_models_date[]; /* "2026-11" */

#endif
