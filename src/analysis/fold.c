/* SPDX-License-Identifier: MIT */
#include "analysis/fold.h"

#include "base/mem.h"
#include "store/deep.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_ROWS = 1 << 22 };

void erg_fold_deinit(struct erg_fold *fold)
{
    free(fold->rows);
    *fold = (struct erg_fold){0};
}

static struct erg_fold_row key_of(const struct erg_rollup_row *part, unsigned keys)
{
    bool unprofiled = part->component == ERG_ROLLUP_UNPROFILED;
    return (struct erg_fold_row){
        .phase = keys & ERG_BY_PHASE ? part->phase : ERG_PHASES,
        .layer = keys & ERG_BY_LAYER ? part->layer : -2,
        .component = keys & ERG_BY_COMPONENT ? part->component : 0,
        .operation = keys & ERG_BY_OPERATION ? part->operation : 0,
        .unprofiled = unprofiled,
        .mean = NAN,
        .std = NAN,
        .max = NAN,
        .sparsity = NAN,
        .kill_ratio = {NAN, 0},
        .variance_ratio = {NAN, 0},
        .attention_entropy = {NAN, 0},
        .max_attention_weight = {NAN, 0},
        .attention_sparsity = {NAN, 0},
    };
}

/* Whether a row stands before another one's phase and layer. */
static bool is_before(const struct erg_fold_row *a, const struct erg_fold_row *b)
{
    return a->phase < b->phase || (a->phase == b->phase && a->layer < b->layer);
}

/* The table is nearly in the order of its parts, so what is looked for is mostly near the end; as
 * long as it is quite in that order, it cannot be before a row of an earlier layer. */
static struct erg_fold_row *find(struct erg_fold *fold, const struct erg_fold_row *key)
{
    for (size_t i = fold->count; i > 0; i--) {
        struct erg_fold_row *row = &fold->rows[i - 1];
        if (!fold->unordered && is_before(row, key))
            return NULL;
        if (row->phase == key->phase && row->layer == key->layer &&
            row->component == key->component && row->operation == key->operation &&
            row->unprofiled == key->unprofiled)
            return row;
    }
    return NULL;
}

/* Average of two averages over `a` and `b` things; NaN counts for nothing. */
static double merge_mean(double x, int64_t a, double y, int64_t b)
{
    if (isnan(x))
        return y;
    return isnan(y) ? x : (x * (double)a + y * (double)b) / (double)(a + b);
}

static void merge_statistics(struct erg_fold_row *sum, const struct erg_rollup_row *part)
{
    int64_t a = sum->statistics, b = part->statistics;
    sum->mean = merge_mean(sum->mean, a, part->mean, b);
    sum->std = sqrt(merge_mean(sum->std * sum->std, a, part->std * part->std, b));
    sum->sparsity = merge_mean(sum->sparsity, a, part->sparsity, b);
    sum->max = fmax(sum->max, part->max);
    sum->statistics += b;
}

static void merge_deep(struct erg_fold_row *sum, const struct erg_rollup_row *part,
                       enum erg_extra_kind kind)
{
    if (kind == ERG_EXTRA_KILL_RATIO)
        erg_average_merge(&sum->kill_ratio, &part->extra);
    if (kind == ERG_EXTRA_VARIANCE_RATIO)
        erg_average_merge(&sum->variance_ratio, &part->extra);
    erg_average_merge(&sum->attention_entropy, &part->attention_entropy);
    erg_average_merge(&sum->max_attention_weight, &part->max_attention_weight);
    erg_average_merge(&sum->attention_sparsity, &part->attention_sparsity);
}

static const char *name_of(erg_names names, void *user, uint16_t id)
{
    const char *name = id && id != ERG_ROLLUP_UNPROFILED ? names(user, id) : "";
    return name ? name : "";
}

static int add_part(struct erg_fold *out, const struct erg_rollup_row *part, unsigned keys,
                    erg_names names, void *user)
{
    struct erg_fold_row key = key_of(part, keys);
    struct erg_fold_row *sum = find(out, &key);
    if (!sum) {
        void *rows = out->rows;
        int rc = erg_grow(&rows, &out->capacity, out->count + 1, sizeof *out->rows, MAX_ROWS);
        out->rows = rows;
        if (rc)
            return rc;
        if (out->count && is_before(&key, &out->rows[out->count - 1]))
            out->unordered = true;
        sum = &out->rows[out->count++];
        *sum = key;
    }
    sum->duration_ns += part->duration_ns;
    sum->count += part->count;
    sum->flops += part->flops;
    sum->bytes += part->bytes;
    erg_energy_add(&sum->energy, &part->energy);
    if (part->is_result || keys & ERG_BY_OPERATION)
        merge_statistics(sum, part);
    if (part->extra.count || part->attention_entropy.count)
        merge_deep(sum, part,
                   erg_extra_kind(name_of(names, user, part->component),
                                  name_of(names, user, part->operation)));
    return 0;
}

int erg_fold_add(struct erg_fold *out, const struct erg_rollup_row *rows, size_t count,
                 unsigned keys, uint32_t phase, erg_names names, void *user)
{
    for (size_t i = 0; i < count; i++) {
        int rc = 0;
        if (phase == ERG_PHASES || rows[i].phase == phase)
            rc = add_part(out, &rows[i], keys, names, user);
        if (rc)
            return rc;
    }
    return 0;
}

struct erg_fold_scale erg_fold_scale(const struct erg_rollup_row *rows, size_t count,
                                     uint32_t phase)
{
    struct erg_fold_scale scale = {1, 1, 0};
    double nj = 0, ns = 0, rest_nj = 0, rest_ns = 0;
    for (size_t i = 0; i < count; i++) {
        const struct erg_rollup_row *row = &rows[i];
        bool unprofiled = row->component == ERG_ROLLUP_UNPROFILED;
        if (row->phase != phase)
            continue;
        *(unprofiled ? &rest_nj : &nj) += (double)erg_energy_total_nj(&row->energy);
        *(unprofiled ? &rest_ns : &ns) += (double)row->duration_ns;
        scale.unprofiled += unprofiled ? row->count : 0;
    }
    if (scale.unprofiled && ns > 0) {
        scale.time_scale = (ns + rest_ns) / ns;
        scale.energy_scale = nj > 0 ? (nj + rest_nj) / nj : 1;
    }
    return scale;
}
