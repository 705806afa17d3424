/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_BRIEF_H
#define ERG_EXPORT_BRIEF_H

#include "base/buf.h"

/* Append a summary for a list of runs: `prompt` and `response` cut at 200 characters. */
void erg_summary_brief(const char *summary_json, struct erg_buf *out);

#endif
