/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_SHOW_H
#define ERG_CLI_SHOW_H

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/split.h"

/* Options of `ergon show`; NULL, 0 and a token below 0 are "not given". */
struct erg_show_options {
    const char *by, *phase, *metric;
    int64_t token, top;
    const char *attribution; /* "time", "activity", "both" */
};

/* Whether the table that was asked for is of parts of passes, whose energies are split. */
bool erg_show_is_split(const struct erg_show_options *options);

/* Print one table of a run, as text or JSON; returns an exit status. */
int erg_show_table(struct erg_cli *cli, struct erg_store *store, const char *id,
                   const json_t *summary, const struct erg_split *split);

#endif
