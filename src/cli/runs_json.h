/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_RUNS_JSON_H
#define ERG_CLI_RUNS_JSON_H

#include "base/buf.h"

/* Append a summary for a list of runs: `prompt` and `response` cut at 200 characters. */
void erg_runs_cut_bodies(const char *summary_json, struct erg_buf *out);

#endif
