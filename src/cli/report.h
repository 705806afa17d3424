/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_REPORT_H
#define ERG_CLI_REPORT_H

#include "cli/json.h"
#include "cli/rows.h"
#include "cli/term.h"

/*
 * The report of a run: tells somebody who has never seen it, in ten seconds, where the joules went.
 * Everything comes from the summary and the roll-up by phase, layer and component.
 */
struct erg_report {
    const json_t *summary;
    struct erg_rollup *rollup; /* NULL = no component tables */
    erg_names names;
    void *names_user;
    size_t top; /* components listed by name, per phase */
    const struct erg_term *term;
};

int erg_report_write(const struct erg_report *report, struct erg_buf *out, struct erg_err *err);

/* The parts, for tables that stand alone. */
void erg_report_header(const struct erg_report *report, struct erg_buf *out);
int erg_report_phases(const struct erg_report *report, struct erg_buf *out);

#endif
