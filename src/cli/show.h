/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_SHOW_H
#define ERG_CLI_SHOW_H

#include "cli/cli.h"
#include "cli/json.h"

/* Options of `ergon show`; NULL, 0 and a token below 0 are "not given". */
struct erg_show_options {
    const char *by, *phase, *metric;
    int64_t token, top;
};

/* Print one table of a run, as text or JSON; returns an exit status. */
int erg_show_table(struct erg_cli *cli, struct erg_store *store, const char *id,
                   const json_t *summary);

#endif
