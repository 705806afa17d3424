/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_COMPARE_INTERNAL_H
#define ERG_ANALYSIS_COMPARE_INTERNAL_H

#include "analysis/compare.h"

/* Paired comparison of tokens: compare_tokens.c. */
int erg_compare_pair_tokens(struct erg_compare *compare, struct erg_err *err);

/* What makes the groups hard to compare: compare_warnings.c. */
int erg_compare_warn(struct erg_compare *compare, struct erg_err *err);

#endif
