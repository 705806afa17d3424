/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_COMPARE_TABLE_H
#define ERG_CLI_COMPARE_TABLE_H

#include "analysis/compare.h"
#include "base/buf.h"

/* A calculated comparison for people: groups, figures, tests, limits; 0 or the first failure. */
int erg_compare_write_text(const struct erg_compare *compare, struct erg_buf *out);

#endif
