/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_RANGES_H
#define ERG_STORE_RANGES_H

#include "store/store.h"
#include "store/sums.h"

/* Parts of a run, for those who show some of it. */

/* Tokens by index, both ends included, of one phase or (ERG_PHASES) of all. */
struct erg_token_range {
    int64_t from, to;
    uint32_t phase;
};

/* A pass with the index of its first token; -1 = it has none. */
typedef int (*erg_range_visitor)(void *user, const struct erg_pass_row *row, int64_t first_token);

/* As much of a pass as is wanted: without spans, with those and their times, with all of it. */
enum erg_passes_depth { ERG_PASSES_ROWS, ERG_PASSES_TIMES, ERG_PASSES_ALL };

/* The passes that evaluated a token of the range. */
int erg_store_passes_of(struct erg_store *store, const char *id,
                        const struct erg_token_range *range, enum erg_passes_depth depth,
                        erg_range_visitor visit, void *user, struct erg_err *err);

int erg_store_tokens_of(struct erg_store *store, const char *id,
                        const struct erg_token_range *range, erg_token_visitor visit, void *user,
                        struct erg_err *err);

/* How many tokens the run has. */
int erg_store_count_tokens(struct erg_store *store, const char *id, int64_t *out,
                           struct erg_err *err);

/* The sums of a finished run; no rows when it has none. CORRUPT when they are damaged. */
int erg_store_sums(struct erg_store *store, const char *id, struct erg_run_sums *out,
                   struct erg_err *err);

#endif
