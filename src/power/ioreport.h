/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_IOREPORT_H
#define ERG_POWER_IOREPORT_H

#include "base/clock.h"
#include "power/driver.h"

/*
 * IOReport, the counters of macOS behind powermetrics: group "Energy Model", readable by anybody.
 * Here stands what is the same wherever it is compiled: which channels count, their units, their
 * times. Apple's library itself is called by ioreport_macos.c alone.
 */
enum { ERG_IOREPORT_ITEMS = 64 };

/* A channel of a sample. */
struct erg_ioreport_item {
    char name[64], unit[16]; /* "GPU Energy", "nJ  " */
    int64_t count;           /* since some origin, in its unit */
    uint64_t ticks;          /* the driver's time of it, in ticks of the machine; 0 = none */
};

/* Where the driver's time of a channel stands in its raw element (xnu's IOReportElement). */
enum { ERG_IOREPORT_TICKS_AT = 24 };
uint64_t erg_ioreport_ticks(const void *raw_element, size_t bytes);

/* Is it one of the totals, and not the part of one? Names are compared whole or at their ends. */
bool erg_ioreport_wanted(const char *name);

enum erg_ioreport_total {
    ERG_IOREPORT_CPU,
    ERG_IOREPORT_GPU,
    ERG_IOREPORT_ANE,
    ERG_IOREPORT_DRAM,
    ERG_IOREPORT_GPU_SRAM,
    ERG_IOREPORT_TOTALS,
};

struct erg_ioreport_sums {
    uint32_t present; /* bit per total */
    int64_t nj[ERG_IOREPORT_TOTALS];
    uint64_t ticks[ERG_IOREPORT_TOTALS]; /* the latest of those added up; 0 = none */
};

/*
 * Add the items up: dies together (unless there is a total of all), blanks behind units ignored,
 * unknown units left out. Sums are held at INT64_MAX.
 */
void erg_ioreport_sum(const struct erg_ioreport_item *items, size_t count,
                      struct erg_ioreport_sums *out);

/* A tick's time in ns: ticks × numerator / denominator; −1 when there is none or it is not past. */
int64_t erg_ioreport_time_ns(uint64_t ticks, uint32_t numerator, uint32_t denominator,
                             int64_t now_ns);

/* Apple's library, or what a test has in its place. */
struct erg_ioreport_api {
    int (*open)(void **out_handle, struct erg_err *err);
    int (*sample)(void *handle, struct erg_ioreport_item *items, size_t *out_count,
                  struct erg_err *err); /* at most ERG_IOREPORT_ITEMS */
    void (*timebase)(uint32_t *out_numerator, uint32_t *out_denominator);
    void (*close)(void *handle);
};

/* NULL where there is none (ioreport_none.c). */
const struct erg_ioreport_api *erg_ioreport_system(void);

/* The driver's open with another library. */
int erg_ioreport_open_with(const struct erg_ioreport_api *api, const struct erg_clock *clock,
                           struct erg_power_source **out, struct erg_channel *out_channels,
                           uint32_t *out_count, struct erg_err *err);

#endif
