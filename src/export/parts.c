/* SPDX-License-Identifier: MIT */
#include "export/parts.h"

#include "base/limits.h"
#include "base/mem.h"
#include "store/pass.h"

#include <math.h>
#include <stdlib.h>

float erg_part_value(const struct erg_pass_row *pass, enum erg_value_column column, uint32_t span)
{
    return pass->values[column] ? pass->values[column][span] : NAN;
}

void erg_parts_deinit(struct erg_parts *parts)
{
    free(parts->items);
    *parts = (struct erg_parts){0};
}

/* What is sorted by; `group` is filled between the two rounds of sorting. */
struct key {
    int16_t layer;
    uint16_t component;
    uint32_t group, span;
};

static int by_component(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    if (x->component != y->component)
        return x->component < y->component ? -1 : 1;
    return x->span < y->span ? -1 : 1;
}

static int by_group(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->span < y->span ? -1 : 1;
}

static void order(struct key *keys, const struct erg_pass_row *pass)
{
    uint32_t n = pass->n_spans;
    for (uint32_t i = 0; i < n; i++)
        keys[i] = (struct key){pass->spans[i].layer, pass->spans[i].component, 0, i};
    qsort(keys, n, sizeof *keys, by_component);
    for (uint32_t i = 0; i < n; i++) {
        bool same =
            i && keys[i].layer == keys[i - 1].layer && keys[i].component == keys[i - 1].component;
        keys[i].group = same ? keys[i - 1].group : keys[i].span;
    }
    qsort(keys, n, sizeof *keys, by_group);
}

static int no_memory(struct erg_err *err)
{
    return erg_fail(err, ERG_NOMEM, "no memory for the operations of a pass");
}

int erg_parts_fill(struct erg_parts *parts, const struct erg_pass_row *pass, struct erg_err *err)
{
    uint32_t n = pass->n_spans;
    void *items = parts->items;
    size_t capacity = parts->capacity;
    int rc = erg_grow(&items, &capacity, n, sizeof *parts->items, ERG_MAX_SPANS_PER_PASS);
    parts->items = items;
    parts->capacity = (uint32_t)capacity;
    ERG_AUTO_FREE struct key *keys = erg_calloc(n, sizeof *keys);
    ERG_AUTO_FREE int64_t *starts = erg_calloc(n, sizeof *starts);
    ERG_AUTO_FREE struct erg_energy *energies = NULL;
    if (rc || !keys || !starts || erg_pass_attribute(pass, &energies, &parts->rest))
        return no_memory(err);
    int64_t t_ns = pass->t0_ns;
    for (uint32_t i = 0; i < n; i++) {
        starts[i] = t_ns;
        t_ns += (int64_t)pass->spans[i].ticks * ERG_TICK_NS;
    }
    parts->rest_ns = pass->t1_ns - t_ns;
    order(keys, pass);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t span = keys[i].span;
        parts->items[i] = (struct erg_part){span, keys[i].group, starts[span], energies[span]};
    }
    parts->count = n;
    return 0;
}
