/* SPDX-License-Identifier: MIT */
#include "record/counters.h"

#include "energy/wide.h"

#include <stdio.h>
#include <string.h>

static const char *const names[ERG_COUNTS] = {"instructions", "cycles", "cache misses"};

static void explain(struct erg_counters *counters, int rc, const struct erg_err *err)
{
    if (rc == ERG_DENIED)
        snprintf(counters->reason, sizeof counters->reason,
                 "the kernel lets nobody but root read performance counters "
                 "(see 'ergon doctor')");
    else if (rc == ERG_UNSUPPORTED)
        snprintf(counters->reason, sizeof counters->reason,
                 "this machine offers no performance counters, as most virtual ones");
    else
        snprintf(counters->reason, sizeof counters->reason, "performance counters: %.150s",
                 err->text);
}

void erg_counters_open(struct erg_counters *counters, const struct erg_pmu *pmu, pid_t pid)
{
    *counters = (struct erg_counters){.pmu = pmu};
    size_t len = 0;
    struct erg_err err = {0};
    char missing[120] = "";
    int rc = 0;
    for (int i = 0; i < ERG_COUNTS; i++) {
        int one = pmu->open(pmu->user, pid, (enum erg_count)i, &counters->fds[i], &err);
        if (one == 0) {
            counters->open |= 1u << i;
            continue;
        }
        rc = one;
        len += (size_t)snprintf(missing + len, sizeof missing - len, "%s%s", len ? ", " : "",
                                names[i]);
    }
    if (!counters->open)
        explain(counters, rc, &err);
    else if (rc)
        snprintf(counters->reason, sizeof counters->reason, "this machine does not count %s",
                 missing);
}

void erg_counters_close(struct erg_counters *counters)
{
    for (int i = 0; i < ERG_COUNTS; i++) {
        if (counters->open >> i & 1)
            counters->pmu->close(counters->pmu->user, counters->fds[i]);
    }
    counters->open = 0;
}

/* A counter that others had for part of the time is taken to have gone on as it did. */
static bool scaled(const struct erg_pmu_value *value, uint64_t *out)
{
    if (value->running_ns >= value->enabled_ns) {
        *out = value->count;
        return true;
    }
    if (value->running_ns == 0)
        return false;
    erg_u128 whole = (erg_u128)value->count * value->enabled_ns / value->running_ns;
    *out = whole > INT64_MAX ? INT64_MAX : (uint64_t)whole;
    return true;
}

void erg_counters_read(struct erg_counters *counters, int64_t t_ns, struct erg_counters_head *out)
{
    *out = (struct erg_counters_head){.t_ns = t_ns};
    for (int i = 0; i < ERG_COUNTS; i++) {
        struct erg_pmu_value value;
        uint64_t count;
        if (!(counters->open >> i & 1) ||
            counters->pmu->read(counters->pmu->user, counters->fds[i], &value) ||
            !scaled(&value, &count))
            continue;
        if (count > counters->last[i])
            counters->last[i] = count;
        out->count[i] = counters->last[i];
        out->known |= 1u << i;
    }
}
