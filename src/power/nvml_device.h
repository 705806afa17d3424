/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_NVML_DEVICE_H
#define ERG_POWER_NVML_DEVICE_H

#include "power/driver.h"
#include "power/nvml_api.h"
#include "power/nvml_boards.h"
#include "power/tally.h"

/* Where a GPU's power comes from, best first. */
enum erg_nvml_power {
    ERG_NVML_POWER_INSTANT,
    ERG_NVML_POWER_AVERAGE, /* over one second */
    ERG_NVML_POWER_USAGE,   /* the oldest call: either, as the generation has it */
    ERG_NVML_POWER_NONE,
};

/* What a GPU says of itself beside its energy; < 0 = does not say. */
struct erg_nvml_state {
    int64_t utilization_pct, memory_utilization_pct, sm_clock_mhz, memory_clock_mhz,
        temperature_degrees, power_limit_mw, power_limit_min_mw, power_limit_max_mw;
    uint64_t throttle_reasons;
};

/* The energy of the counter and that of integrated power over the same time. */
struct erg_nvml_residual {
    int64_t last_ns, last_mw;  /* of the last power reading; last_mw < 0 = none */
    int64_t open_nj;           /* integrated since the counter's last step */
    int64_t counter_before_nj; /* at its last step; < 0 = none */
    int64_t counter_nj, power_nj, covered_ns, since_ns;
    bool told;
};

/* One GPU. */
struct erg_nvml_device {
    const struct erg_nvml_api *api;
    void *handle;
    int index;
    char name[96], pci[32];
    const struct erg_nvml_board *board;
    bool mig, has_counter, lost;
    enum erg_nvml_power power;
    struct erg_tally tally;
    int64_t moved_ns;   /* when the sensor last had a new value */
    long long field_us; /* its own time stamp then */
    struct erg_nvml_residual residual;
    struct erg_nvml_state state;
    uint64_t throttled; /* all reasons seen so far */
};

/*
 * Look at GPU `index`: what it is and what it measures. NOT_FOUND when it cannot be reached,
 * UNSUPPORTED when it shows neither energy nor power.
 */
int erg_nvml_device_open(struct erg_nvml_device *out, const struct erg_nvml_api *api, int index,
                         struct erg_err *err);

/* Its channel: the energy counter, or power without one. */
void erg_nvml_device_channel(const struct erg_nvml_device *device, struct erg_channel *out);

/*
 * A reading at `t_ns`. Status BUSY: the sensor has no new value yet; UNSUPPORTED: it has nothing to
 * say for a moment; OVERRUN: the counter was reset; GONE: the GPU is lost, now and for ever.
 */
void erg_nvml_device_read(struct erg_nvml_device *device, int64_t t_ns,
                          struct erg_channel_value *out);

/* (integrated power − counter) / counter; false when too little was measured. */
bool erg_nvml_device_residual(const struct erg_nvml_device *device, double *out_ratio);

/* Ask it for its state; true when something new slows it down, with the bits in *out_new. */
bool erg_nvml_device_look(struct erg_nvml_device *device, uint64_t *out_new);

#endif
