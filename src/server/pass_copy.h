/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_PASS_COPY_H
#define ERG_SERVER_PASS_COPY_H

#include "store/extra.h"

/*
 * A pass kept for later: what its detail rows need, and the names of its spans. Room is kept from
 * one pass to the next. Zero-initialised.
 */
struct erg_pass_copy {
    struct erg_pass_row row;
    struct erg_span *spans;
    float *values[ERG_VALUE_COLUMNS]; /* room for all; in `row` those that the pass has */
    struct erg_routing_row *routing;  /* which spans have it, without what was routed */
    size_t span_capacity, value_capacity[ERG_VALUE_COLUMNS], routing_capacity;
    char **names; /* by id */
    size_t name_capacity;
};

/* NOMEM leaves a pass without spans. */
int erg_pass_copy(struct erg_pass_copy *copy, const struct erg_extra_source *pass);

/* The copy as a source of rows, its values in stored precision; borrowed from it. */
struct erg_extra_source erg_pass_copy_view(struct erg_pass_copy *copy);

/* Forget the names: another run has others. */
void erg_pass_copy_clear(struct erg_pass_copy *copy);
void erg_pass_copy_deinit(struct erg_pass_copy *copy);

#endif
