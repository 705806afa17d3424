/* SPDX-License-Identifier: MIT */
#include "analysis/summary.h"
#include "export/view.h"

#include <string.h>

void erg_view_grid(struct erg_jsonw *w)
{
    struct erg_grid grid;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "source", erg_grid_source);
    erg_jsonw_kstr(w, "price_source", erg_grid_price_source);
    erg_jsonw_key(w, "regions");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; erg_grid_at(i, &grid); i++) {
        erg_jsonw_obj_begin(w);
        erg_grid_write(&grid, w);
        erg_jsonw_kstr(w, "code", erg_grid_code(i));
        erg_jsonw_kbool(w, "preset", grid.year == 0);
        erg_jsonw_kbool(w, "default", strcmp(grid.region, "us") == 0);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
}
