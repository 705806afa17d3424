/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_FAKE_NVML_H
#define ERG_TESTS_FAKE_NVML_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What the fake NVML library does. A test that has opened the library changes `fake_nvml_script`,
 * which it finds by that name; for a program, FAKE_NVML="hopper,turing" names its GPUs when it is
 * initialised (see fake_nvml.c for the names), which then use 100 W and more by the real clock.
 *
 * Power is constant for `step_ms` and changes from step to step; the energy counter and the power
 * values show what was at the end of the last whole step.
 */
enum { FAKE_NVML_GPUS = 4 };

struct fake_nvml_gpu {
    const char *name;
    unsigned int architecture, pci_device_id;
    int64_t step_ms;
    uint64_t counter_base_mj; /* the counter at time 0 */
    bool has_counter, has_fields, has_usage, mig;
    unsigned int field_type;         /* valueType of power fields */
    unsigned long long throttle;     /* reasons */
    int energy_result, power_result; /* return codes from now on */
    bool zero;                       /* counter and power show 0 */
    int64_t reset_ms;                /* > 0: the counter began again at 0 then */
    int64_t power_pct;               /* of the true power that the power values show */
};

struct fake_nvml_script {
    int init_result;
    unsigned int count;
    struct fake_nvml_gpu gpus[FAKE_NVML_GPUS];
    int64_t now_ms; /* < 0: the real clock since initialisation */
    unsigned int energy_calls, initialised;
    void (*on_energy)(void *user); /* during every call for the counter; or NULL */
    void *user;
};

/* Power (mW) in step `k`. */
static inline uint64_t fake_nvml_power_mw(int64_t k)
{
    return 100000 + (uint64_t)(k * 7919 % 97) * 1000;
}

/* Energy (mJ) of the first `steps` whole steps. */
static inline uint64_t fake_nvml_energy_mj(const struct fake_nvml_gpu *gpu, int64_t steps)
{
    uint64_t sum = 0;
    for (int64_t k = 0; k < steps; k++)
        sum += fake_nvml_power_mw(k) * (uint64_t)gpu->step_ms / 1000;
    return sum;
}

#endif
