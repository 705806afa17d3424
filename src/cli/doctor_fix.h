/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_DOCTOR_FIX_H
#define ERG_CLI_DOCTOR_FIX_H

#include "cli/cli.h"

/*
 * `ergon doctor --fix` and `--unfix`: show every change, ask (unless `yes`), make it, and look
 * again. An exit status.
 */
int erg_doctor_fix(struct erg_cli *cli, bool undo, bool yes);

#endif
