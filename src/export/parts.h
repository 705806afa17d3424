/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_PARTS_H
#define ERG_EXPORT_PARTS_H

#include "store/store.h"

/*
 * A pass taken apart: what each of its spans cost, what none of them accounts for, and the order
 * that groups them by layer (first the spans outside the layers), then by component.
 */
struct erg_part {
    uint32_t span;  /* index into the pass's spans */
    uint32_t group; /* first span of the same layer and component */
    int64_t t0_ns;
    struct erg_energy energy;
};

struct erg_parts {
    struct erg_part *items;
    uint32_t count, capacity;
    int64_t rest_ns;
    struct erg_energy rest;
};

/* Take `pass` apart, in grouped order; the memory of an earlier pass is used again. NOMEM. */
int erg_parts_fill(struct erg_parts *parts, const struct erg_pass_row *pass, struct erg_err *err);
void erg_parts_deinit(struct erg_parts *parts);

/* The value of a column for a span; NaN when it is not known. */
float erg_part_value(const struct erg_pass_row *pass, enum erg_value_column column, uint32_t span);

#endif
