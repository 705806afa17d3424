/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_RUN_H
#define ERG_CLI_RUN_H

#include "cli/run_options.h"

/* Exit status of a run that took place, with a message unless it is complete and stored. */
int erg_run_status(const struct erg_cli *cli, const struct erg_run_result *result);

/* Exit status and message of a run that could not be started. */
int erg_run_refused(const struct erg_cli *cli, const struct erg_run_result *result,
                    const struct erg_err *err);

/*
 * `ergon run --repeat`: the runs of `run`, one after the other on the warm engine, as one
 * experiment; prints them and their means.
 */
int erg_run_repeatedly(const struct erg_cli *cli, struct erg_session *session,
                       const struct erg_run_options *run);

#endif
