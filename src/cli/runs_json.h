/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_RUNS_JSON_H
#define ERG_CLI_RUNS_JSON_H

#include "base/jsonw.h"
#include "store/rows.h"

/*
 * The summary of a run for a list: prompt and response cut at 200 characters; status, failure, tags
 * and experiment as the columns have them. 0 or an error code.
 */
int erg_runs_put_json(struct erg_jsonw *w, const struct erg_run_row *row);

#endif
