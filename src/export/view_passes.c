/* SPDX-License-Identifier: MIT */
#include "export/view_passes.h"

#include "analysis/overhead.h"
#include "base/limits.h"
#include "base/mem.h"
#include "export/put.h"
#include "stream/taxonomy.h"

#include <stdlib.h>

int erg_view_passes_add(struct erg_view_passes *passes, const struct erg_pass_row *row,
                        int64_t first_token, struct erg_err *err)
{
    void *items = passes->items;
    int rc = erg_grow(&items, &passes->capacity, passes->count + 1, sizeof *passes->items,
                      ERG_MAX_TOKENS);
    passes->items = items;
    if (rc)
        return erg_fail(err, rc, "cannot list the passes: %s", erg_code_text(rc));
    bool profiled = !erg_pass_is_bare(row) && row->n_spans > 0;
    passes->items[passes->count++] = (struct erg_view_pass){
        .index = row->index,
        .phase = row->phase,
        .position = row->position,
        .n_tokens = row->n_tokens,
        .first_token = first_token,
        .duration_ns = row->t1_ns - row->t0_ns,
        .energy = row->energy,
        .profiled = profiled,
    };
    return 0;
}

void erg_view_passes_put(const struct erg_view_passes *passes, struct erg_jsonw *w)
{
    erg_jsonw_key(w, "passes");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < passes->count; i++) {
        const struct erg_view_pass *pass = &passes->items[i];
        erg_jsonw_obj_begin(w);
        erg_jsonw_kint(w, "pass", pass->index);
        erg_jsonw_kstr(w, "phase", erg_phase_name(pass->phase));
        erg_jsonw_kint(w, "position", pass->position);
        erg_jsonw_kint(w, "first_token", pass->first_token);
        erg_jsonw_kint(w, "tokens", pass->n_tokens);
        erg_jsonw_kmicro(w, "duration_ms", pass->duration_ns);
        erg_put_energy(w, "energy_mj", &pass->energy);
        erg_jsonw_kbool(w, "profiled", pass->profiled);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

void erg_view_passes_deinit(struct erg_view_passes *passes)
{
    free(passes->items);
    *passes = (struct erg_view_passes){0};
}
