/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_BRIEF_H
#define ERG_EXPORT_BRIEF_H

#include "base/buf.h"

/* Append a summary for a list of runs: `prompt` and `response` cut at 200 characters. */
void erg_summary_brief(const char *summary_json, struct erg_buf *out);

/*
 * The text of a member of a summary, as it stands there; "null" when there is none. Borrowed.
 */
const char *erg_summary_member(const char *summary_json, const char *key, size_t *out_len);

#endif
