/* SPDX-License-Identifier: MIT */
#include "server/pass_copy.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/spans.h"

#include <stdlib.h>
#include <string.h>

static int reserve(void *items, size_t *capacity, size_t need, size_t item_bytes)
{
    void *block;
    memcpy(&block, items, sizeof block);
    int rc = erg_grow(&block, capacity, need, item_bytes, ERG_MAX_SPANS_PER_PASS);
    memcpy(items, &block, sizeof block);
    return rc;
}

static int copy_name(struct erg_pass_copy *copy, const struct erg_extra_source *pass, uint16_t id)
{
    size_t before = copy->name_capacity;
    if (id < before && copy->names[id])
        return 0;
    int rc = reserve(&copy->names, &copy->name_capacity, (size_t)id + 1, sizeof *copy->names);
    if (rc)
        return rc;
    if (copy->name_capacity > before)
        memset(copy->names + before, 0, (copy->name_capacity - before) * sizeof *copy->names);
    const char *name = pass->name(pass->user, id);
    copy->names[id] = erg_strdup(name ? name : "");
    return copy->names[id] ? 0 : ERG_NOMEM;
}

static int copy_spans(struct erg_pass_copy *copy, const struct erg_extra_source *pass)
{
    uint32_t n = pass->pass->n_spans;
    int rc = reserve(&copy->spans, &copy->span_capacity, n, sizeof *copy->spans);
    if (rc || !n)
        return rc;
    memcpy(copy->spans, pass->pass->spans, n * sizeof *copy->spans);
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        rc = copy_name(copy, pass, copy->spans[i].component);
        if (rc == 0 && copy->spans[i].operation)
            rc = copy_name(copy, pass, copy->spans[i].operation);
    }
    return rc;
}

static int copy_values(struct erg_pass_copy *copy, const struct erg_pass_row *row, int column)
{
    const float *values = row->values[column];
    copy->row.values[column] = NULL;
    if (!values)
        return 0;
    int rc =
        reserve(&copy->values[column], &copy->value_capacity[column], row->n_spans, sizeof(float));
    if (rc == 0)
        memcpy(copy->values[column], values, row->n_spans * sizeof(float));
    copy->row.values[column] = copy->values[column];
    return rc;
}

static int copy_routing(struct erg_pass_copy *copy, const struct erg_pass_row *row)
{
    int rc =
        reserve(&copy->routing, &copy->routing_capacity, row->n_routing, sizeof *copy->routing);
    for (uint32_t i = 0; i < row->n_routing && rc == 0; i++)
        copy->routing[i] = (struct erg_routing_row){.span = row->routing[i].span};
    return rc;
}

int erg_pass_copy(struct erg_pass_copy *copy, const struct erg_extra_source *pass)
{
    copy->row = *pass->pass;
    int rc = copy_spans(copy, pass);
    for (int c = 0; c < ERG_VALUE_COLUMNS && rc == 0; c++)
        rc = copy_values(copy, pass->pass, c);
    if (rc == 0)
        rc = copy_routing(copy, pass->pass);
    copy->row.spans = copy->spans;
    copy->row.routing = copy->routing;
    copy->row.attention = NULL;
    copy->row.n_attention = 0;
    if (rc)
        copy->row.n_spans = copy->row.n_routing = 0;
    return rc;
}

static const char *name_of(void *user, uint16_t id)
{
    const struct erg_pass_copy *copy = user;
    return id < copy->name_capacity ? copy->names[id] : NULL;
}

/* Most copies are replaced before anybody looks at them, so it is now that values are rounded. */
struct erg_extra_source erg_pass_copy_view(struct erg_pass_copy *copy)
{
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++) {
        for (uint32_t i = 0; copy->row.values[c] && i < copy->row.n_spans; i++)
            copy->values[c][i] = erg_spans_round_value(copy->values[c][i]);
    }
    return (struct erg_extra_source){&copy->row, name_of, copy};
}

void erg_pass_copy_clear(struct erg_pass_copy *copy)
{
    for (size_t i = 0; i < copy->name_capacity; i++) {
        free(copy->names[i]);
        copy->names[i] = NULL;
    }
    copy->row = (struct erg_pass_row){0};
}

void erg_pass_copy_deinit(struct erg_pass_copy *copy)
{
    erg_pass_copy_clear(copy);
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        free(copy->values[c]);
    free(copy->names);
    free(copy->spans);
    free(copy->routing);
    *copy = (struct erg_pass_copy){0};
}
