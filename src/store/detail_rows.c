/* SPDX-License-Identifier: MIT */
#include "store/detail_rows.h"

#include "base/err.h"
#include "base/mem.h"
#include "store/pass.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdlib.h>

static float value_at(const struct erg_pass_row *pass, enum erg_value_column column, uint32_t i)
{
    return pass->values[column] ? pass->values[column][i] : NAN;
}

/* The energy of each span, all domains together. */
static int split_energy(const struct erg_pass_row *pass, int64_t *out_nj)
{
    ERG_AUTO_FREE struct erg_energy *parts = NULL;
    struct erg_energy rest;
    int rc = erg_pass_attribute(pass, &parts, &rest);
    for (uint32_t i = 0; rc == 0 && i < pass->n_spans; i++)
        out_nj[i] = erg_energy_total_nj(&parts[i]);
    return rc;
}

/* A pass whose spans are summed into rows. */
struct grouping {
    const struct erg_pass_row *pass;
    const int64_t *energy_nj; /* of each span … */
    const bool *results;      /* … and whether statistics of components are of it */
    const struct erg_extra_source *source;
};

/* Rows that spans are summed into hold sums of statistics until finish_row(). */
static void add_span(struct erg_detail_row *row, const struct grouping *grouping, uint32_t i,
                     enum erg_component_group group, unsigned counts[3])
{
    const struct erg_pass_row *pass = grouping->pass;
    uint32_t ticks = pass->spans[i].ticks;
    row->ticks += ticks;
    row->attention_ticks += group == ERG_GROUP_ATTENTION ? ticks : 0;
    row->mlp_ticks += group == ERG_GROUP_MLP ? ticks : 0;
    row->energy_nj += grouping->energy_nj[i];
    if (!grouping->results[i])
        return;
    float mean = value_at(pass, ERG_VALUE_MEAN, i), std = value_at(pass, ERG_VALUE_STD, i);
    float sparsity = value_at(pass, ERG_VALUE_SPARSITY, i);
    row->max = fmaxf(row->max, value_at(pass, ERG_VALUE_MAX, i));
    if (!isnan(mean)) {
        row->mean += mean;
        counts[0]++;
    }
    if (!isnan(std)) {
        row->std += std * std;
        counts[1]++;
    }
    if (!isnan(sparsity)) {
        row->sparsity += sparsity;
        counts[2]++;
    }
}

static void finish_row(struct erg_detail_row *row, const unsigned counts[3])
{
    row->mean = counts[0] ? row->mean / (float)counts[0] : NAN;
    row->std = counts[1] ? sqrtf(row->std / (float)counts[1]) : NAN;
    row->sparsity = counts[2] ? row->sparsity / (float)counts[2] : NAN;
}

/* Spans sorted by what makes them one row, then by place. */
struct key {
    int16_t layer;
    uint16_t component;
    uint32_t span;
};

static int by_key(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    if (a->layer != b->layer)
        return a->layer < b->layer ? -1 : 1;
    if (a->component != b->component)
        return a->component < b->component ? -1 : 1;
    return (a->span > b->span) - (a->span < b->span);
}

static int by_first(const void *left, const void *right)
{
    const struct erg_detail_row *a = left, *b = right;
    return (a->first > b->first) - (a->first < b->first);
}

static size_t make_keys(enum erg_detail_kind kind, const struct erg_pass_row *pass,
                        struct key *keys)
{
    size_t count = 0;
    for (uint32_t i = 0; i < pass->n_spans; i++) {
        const struct erg_span *span = &pass->spans[i];
        if (kind == ERG_DETAIL_LAYERS && span->layer < 0)
            continue;
        keys[count++] = (struct key){
            .layer = span->layer,
            .component = kind == ERG_DETAIL_LAYERS ? 0 : span->component,
            .span = i,
        };
    }
    qsort(keys, count, sizeof(*keys), by_key);
    return count;
}

static enum erg_component_group group_of(const struct grouping *grouping, uint16_t component)
{
    const char *name = grouping->source->name(grouping->source->user, component);
    return name ? erg_component_group(erg_component_find(name)) : ERG_GROUP_OTHER;
}

static size_t group_spans(enum erg_detail_kind kind, const struct grouping *grouping,
                          struct key *keys, struct erg_detail_row *rows)
{
    size_t count = make_keys(kind, grouping->pass, keys), filled = 0;
    for (size_t i = 0; i < count;) {
        struct erg_detail_row row = {
            .layer = keys[i].layer,
            .component = keys[i].component,
            .first = keys[i].span,
            .max = NAN,
        };
        unsigned counts[3] = {0};
        size_t begin = i;
        for (; i < count && keys[i].layer == keys[begin].layer &&
               keys[i].component == keys[begin].component;
             i++) {
            uint32_t span = keys[i].span;
            enum erg_component_group group =
                kind == ERG_DETAIL_LAYERS
                    ? group_of(grouping, grouping->pass->spans[span].component)
                    : ERG_GROUP_OTHER;
            add_span(&row, grouping, span, group, counts);
        }
        finish_row(&row, counts);
        rows[filled++] = row;
    }
    qsort(rows, filled, sizeof(*rows), by_first);
    return filled;
}

static size_t single_spans(const struct grouping *grouping, struct erg_detail_row *rows)
{
    const struct erg_pass_row *pass = grouping->pass;
    size_t filled = 0;
    for (uint32_t i = 0; i < pass->n_spans; i++) {
        const struct erg_span *span = &pass->spans[i];
        if (span->operation == 0)
            continue;
        rows[filled++] = (struct erg_detail_row){
            .layer = span->layer,
            .component = span->component,
            .operation = span->operation,
            .first = i,
            .ticks = span->ticks,
            .energy_nj = grouping->energy_nj[i],
            .flops = value_at(pass, ERG_VALUE_FLOPS, i),
            .bytes = value_at(pass, ERG_VALUE_BYTES, i),
            .mean = value_at(pass, ERG_VALUE_MEAN, i),
            .std = value_at(pass, ERG_VALUE_STD, i),
            .max = value_at(pass, ERG_VALUE_MAX, i),
            .sparsity = value_at(pass, ERG_VALUE_SPARSITY, i),
        };
    }
    return filled;
}

int erg_detail_rows(enum erg_detail_kind kind, const struct erg_extra_source *source,
                    struct erg_detail_row **out_rows, size_t *out_count)
{
    const struct erg_pass_row *pass = source->pass;
    ERG_AUTO_FREE int64_t *energy_nj = erg_calloc(pass->n_spans, sizeof(*energy_nj));
    ERG_AUTO_FREE struct key *keys = erg_calloc(pass->n_spans, sizeof(*keys));
    struct erg_detail_row *rows = erg_calloc(pass->n_spans, sizeof(*rows));
    ERG_AUTO_FREE bool *results = erg_calloc(pass->n_spans, sizeof(*results));
    if (!energy_nj || !keys || !rows || !results || split_energy(pass, energy_nj)) {
        free(rows);
        return ERG_NOMEM;
    }
    erg_pass_results(pass, results);
    struct grouping grouping = {pass, energy_nj, results, source};
    *out_count = kind == ERG_DETAIL_OPERATIONS ? single_spans(&grouping, rows)
                                               : group_spans(kind, &grouping, keys, rows);
    *out_rows = rows;
    return 0;
}
