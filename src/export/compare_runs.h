/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_COMPARE_RUNS_H
#define ERG_EXPORT_COMPARE_RUNS_H

#include "analysis/compare.h"
#include "store/store.h"

/*
 * Add a group of stored runs to a comparison: "tag:NAME", "experiment:NAME", else one run by id,
 * prefix or "last", or several as "ID,ID". Of several runs, those that are not complete are left
 * out and listed in `excluded`. NOT_FOUND when there is no complete one, UNSUPPORTED for a single
 * run that is not complete, INVALID for a run that is in a group already, LIMIT, NOMEM and what the
 * store reports.
 */
int erg_compare_add_group(struct erg_compare *compare, struct erg_store *store, const char *name,
                          struct erg_err *err);

/* Read the tokens of all groups where they can be the same: one prompt, one number of tokens. */
int erg_compare_load_tokens(struct erg_compare *compare, struct erg_store *store,
                            struct erg_err *err);

#endif
