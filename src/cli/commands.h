/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_COMMANDS_H
#define ERG_CLI_COMMANDS_H

#include "cli/cli.h"

/* One per file cmd_NAME.c; commands.c lists them in the order of the help text. */
extern const struct erg_command erg_cmd_run;
extern const struct erg_command erg_cmd_serve;
extern const struct erg_command erg_cmd_runs;
extern const struct erg_command erg_cmd_show;
extern const struct erg_command erg_cmd_compare;
extern const struct erg_command erg_cmd_export;
extern const struct erg_command erg_cmd_import;
extern const struct erg_command erg_cmd_delete;
extern const struct erg_command erg_cmd_models;
extern const struct erg_command erg_cmd_synth;
extern const struct erg_command erg_cmd_calibrate;
extern const struct erg_command erg_cmd_sql;
extern const struct erg_command erg_cmd_power;
extern const struct erg_command erg_cmd_doctor;
extern const struct erg_command erg_cmd_generate;

#endif
