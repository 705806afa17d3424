/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_VIEW_PASSES_H
#define ERG_EXPORT_VIEW_PASSES_H

#include "base/err.h"
#include "base/jsonw.h"
#include "store/rows.h"

/* The passes behind a view, for it to say. Zeroed at first. */
struct erg_view_pass {
    uint32_t index, phase, position, n_tokens;
    int64_t first_token, duration_ns;
    struct erg_energy energy;
    bool profiled;
};

struct erg_view_passes {
    struct erg_view_pass *items;
    size_t count, capacity;
};

int erg_view_passes_add(struct erg_view_passes *passes, const struct erg_pass_row *row,
                        int64_t first_token, struct erg_err *err);
/* The member "passes". */
void erg_view_passes_put(const struct erg_view_passes *passes, struct erg_jsonw *w);
void erg_view_passes_deinit(struct erg_view_passes *passes);

#endif
