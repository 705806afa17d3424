/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_POWER_REPORT_H
#define ERG_CLI_POWER_REPORT_H

#include "base/jsonw.h"
#include "energy/timeline.h"

/* What `ergon power -- CMD` says of a command that it has measured, once or several times. */
struct erg_power_run {
    int exit_code; /* 128 + signal when one ended it */
    int64_t duration_ns;
    struct erg_window window;
    double peak_mw; /* < 0 = not known */
};

struct erg_power_report {
    const char *const *command;
    size_t command_count;
    const char *sources; /* "rapl+nvml"; "" = none */
    const struct erg_power_run *runs;
    size_t run_count; /* ≥ 1 */
    bool repeated;    /* --repeat was given */
    const char *const *warnings;
    size_t warning_count;
};

/* Exit status of the whole: the first that is not 0. */
int erg_power_report_exit_code(const struct erg_power_report *report);

void erg_power_report_text(const struct erg_power_report *report, struct erg_buf *out);
void erg_power_report_json(const struct erg_power_report *report, struct erg_buf *out);

#endif
