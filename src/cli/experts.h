/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_EXPERTS_H
#define ERG_CLI_EXPERTS_H

#include "cli/cli.h"
#include "store/store.h"

/* Print how often each expert of a run was chosen (`ergon show --by expert`); an exit status. */
int erg_show_experts(struct erg_cli *cli, struct erg_store *store, const char *id);

#endif
