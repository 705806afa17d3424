/* SPDX-License-Identifier: MIT */
#include "analysis/rollup.h"

#include "analysis/overhead.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/deep.h"
#include "store/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows live in an array in order of appearance, found through an open-addressing index. */
struct erg_rollup {
    unsigned keys;
    struct erg_rollup_row *rows;
    uint32_t *stat_counts; /* spans with statistics behind each row */
    size_t count, capacity, stat_capacity;
    uint32_t *index; /* row number + 1, 0 = empty */
    size_t index_size;
    bool sorted;
    const struct erg_attribution_model *model; /* NULL = time */
    size_t fallbacks;
    int64_t passes[ERG_PHASES];
};

enum { MAX_ROWS = 1 << 22 };

int erg_rollup_new(struct erg_rollup **out, unsigned keys, struct erg_err *err)
{
    struct erg_rollup *rollup = erg_calloc(1, sizeof *rollup);
    if (!rollup)
        return erg_fail(err, ERG_NOMEM, "no memory for a table");
    rollup->keys = keys;
    *out = rollup;
    return 0;
}

void erg_rollup_free(struct erg_rollup *rollup)
{
    if (!rollup)
        return;
    free(rollup->rows);
    free(rollup->stat_counts);
    free(rollup->index);
    free(rollup);
}

static bool same_key(const struct erg_rollup_row *a, const struct erg_rollup_row *b)
{
    return a->phase == b->phase && a->layer == b->layer && a->component == b->component &&
           a->operation == b->operation;
}

static size_t hash_key(const struct erg_rollup_row *row)
{
    uint64_t h = (uint64_t)row->phase << 48 ^ (uint64_t)(uint16_t)row->layer << 32 ^
                 (uint64_t)row->component << 16 ^ row->operation;
    h *= UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(h ^ h >> 29);
}

static int rebuild_index(struct erg_rollup *rollup, size_t size)
{
    uint32_t *index = erg_calloc(size, sizeof *index);
    if (!index)
        return ERG_NOMEM;
    for (size_t i = 0; i < rollup->count; i++) {
        size_t slot = hash_key(&rollup->rows[i]) & (size - 1);
        while (index[slot])
            slot = (slot + 1) & (size - 1);
        index[slot] = (uint32_t)i + 1;
    }
    free(rollup->index);
    rollup->index = index;
    rollup->index_size = size;
    return 0;
}

static int append_row(struct erg_rollup *rollup, const struct erg_rollup_row *key)
{
    void *rows = rollup->rows, *counts = rollup->stat_counts;
    int rc = erg_grow(&rows, &rollup->capacity, rollup->count + 1, sizeof *rollup->rows, MAX_ROWS);
    rollup->rows = rows;
    if (rc == 0)
        rc = erg_grow(&counts, &rollup->stat_capacity, rollup->count + 1,
                      sizeof *rollup->stat_counts, MAX_ROWS);
    rollup->stat_counts = counts;
    if (rc)
        return rc;
    rollup->stat_counts[rollup->count] = 0;
    rollup->rows[rollup->count] = *key;
    rollup->count++;
    return 0;
}

/* Row of the key, made when it is new. The index stays at most half full. */
static int find_or_add(struct erg_rollup *rollup, const struct erg_rollup_row *key, size_t *out_row)
{
    int rc = 0;
    if (rollup->sorted || (rollup->count + 1) * 2 > rollup->index_size) {
        size_t size = rollup->index_size ? rollup->index_size : 64;
        while ((rollup->count + 1) * 2 > size)
            size *= 2;
        rc = rebuild_index(rollup, size);
        rollup->sorted = false;
    }
    if (rc)
        return rc;
    size_t slot = hash_key(key) & (rollup->index_size - 1);
    for (; rollup->index[slot]; slot = (slot + 1) & (rollup->index_size - 1)) {
        *out_row = rollup->index[slot] - 1;
        if (same_key(&rollup->rows[*out_row], key))
            return 0;
    }
    rc = append_row(rollup, key);
    if (rc)
        return rc;
    rollup->index[slot] = (uint32_t)rollup->count;
    *out_row = rollup->count - 1;
    return 0;
}

static struct erg_rollup_row make_key(const struct erg_rollup *rollup, uint32_t phase,
                                      const struct erg_span *span)
{
    bool rest = span == NULL;
    return (struct erg_rollup_row){
        .phase = rollup->keys & ERG_BY_PHASE ? phase : ERG_PHASES,
        .layer = !(rollup->keys & ERG_BY_LAYER) ? -2
                 : rest                         ? -1
                                                : span->layer,
        .component = rollup->keys & ERG_BY_COMPONENT && !rest ? span->component : 0,
        .operation = rollup->keys & ERG_BY_OPERATION && !rest ? span->operation : 0,
        .mean = NAN,
        .std = NAN,
        .max = NAN,
        .sparsity = NAN,
        .extra = {NAN, 0},
        .attention_entropy = {NAN, 0},
        .max_attention_weight = {NAN, 0},
        .attention_sparsity = {NAN, 0},
    };
}

static float value_at(const struct erg_pass_row *pass, enum erg_value_column column, size_t i)
{
    return pass->values[column] ? pass->values[column][i] : NAN;
}

/* Running average of what has been seen so far with one more value, the n-th. */
static double running_mean(double mean, double value, uint32_t n)
{
    return n == 1 ? value : mean + (value - mean) / n;
}

void erg_average_merge(struct erg_average *average, const struct erg_average *other)
{
    if (!other->count)
        return;
    int64_t count = average->count + other->count;
    average->mean = average->count ? average->mean + (other->mean - average->mean) *
                                                         (double)other->count / (double)count
                                   : other->mean;
    average->count = count;
}

void erg_average_add(struct erg_average *average, double value)
{
    if (!isnan(value))
        erg_average_merge(average, &(struct erg_average){value, 1});
}

static void add_attention(struct erg_rollup_row *row, const struct erg_attention_row *attention)
{
    uint32_t heads = attention->heads;
    erg_average_add(&row->attention_entropy, erg_known_mean(attention->entropy, heads));
    erg_average_add(&row->max_attention_weight, erg_known_mean(attention->max_weight, heads));
    erg_average_add(&row->attention_sparsity, erg_known_mean(attention->sparsity, heads));
}

static void add_values(struct erg_rollup_row *row, uint32_t *stat_count,
                       const struct erg_pass_row *pass, size_t i, bool is_result, bool by_operation)
{
    float flops = value_at(pass, ERG_VALUE_FLOPS, i), bytes = value_at(pass, ERG_VALUE_BYTES, i);
    row->flops += isnan(flops) ? 0 : flops;
    row->bytes += isnan(bytes) ? 0 : bytes;
    erg_average_add(&row->extra, (double)value_at(pass, ERG_VALUE_EXTRA, i));
    const struct erg_attention_row *attention = erg_attention_of(pass, (uint32_t)i);
    if (attention)
        add_attention(row, attention);
    float mean = value_at(pass, ERG_VALUE_MEAN, i);
    if (isnan(mean) || !(is_result || by_operation))
        return;
    row->is_result |= is_result;
    ++*stat_count;
    row->statistics = *stat_count;
    row->mean = running_mean(row->mean, mean, *stat_count);
    double std = (double)value_at(pass, ERG_VALUE_STD, i);
    row->std = sqrt(running_mean(row->std * row->std, std * std, *stat_count));
    row->sparsity = running_mean(row->sparsity, value_at(pass, ERG_VALUE_SPARSITY, i), *stat_count);
    row->max = fmax(row->max, value_at(pass, ERG_VALUE_MAX, i));
}

static int add_line(struct erg_rollup *rollup, const struct erg_pass_row *pass,
                    const struct erg_span *span, bool is_result, int64_t duration_ns,
                    const struct erg_energy *energy)
{
    struct erg_rollup_row key = make_key(rollup, pass->phase, span);
    size_t at = 0;
    int rc = find_or_add(rollup, &key, &at);
    if (rc)
        return rc;
    struct erg_rollup_row *row = &rollup->rows[at];
    row->duration_ns += duration_ns;
    erg_energy_add(&row->energy, energy);
    if (span) {
        row->count++;
        add_values(row, &rollup->stat_counts[at], pass, (size_t)(span - pass->spans), is_result,
                   rollup->keys & ERG_BY_OPERATION);
    }
    return 0;
}

void erg_rollup_attribute(struct erg_rollup *rollup, const struct erg_attribution_model *model)
{
    rollup->model = model;
}

size_t erg_rollup_fallbacks(const struct erg_rollup *rollup)
{
    return rollup->fallbacks;
}

/* A pass of which only the duration is known. */
static int add_unprofiled(struct erg_rollup *rollup, const struct erg_pass_row *pass)
{
    struct erg_rollup_row key = make_key(rollup, pass->phase, NULL);
    size_t at = 0;
    key.component = ERG_ROLLUP_UNPROFILED;
    int rc = find_or_add(rollup, &key, &at);
    if (rc)
        return rc;
    struct erg_rollup_row *row = &rollup->rows[at];
    row->duration_ns += pass->t1_ns - pass->t0_ns;
    row->count++;
    erg_energy_add(&row->energy, &pass->energy);
    return 0;
}

int erg_rollup_add(struct erg_rollup *rollup, const struct erg_pass_row *pass, struct erg_err *err)
{
    uint32_t n = pass->n_spans;
    ERG_AUTO_FREE struct erg_energy *parts = NULL;
    struct erg_energy rest;
    if (pass->phase < ERG_PHASES)
        rollup->passes[pass->phase]++;
    if ((rollup->keys & ERG_UNPROFILED_APART) && erg_pass_is_bare(pass)) {
        int added = add_unprofiled(rollup, pass);
        return added ? erg_fail(err, added, "no memory for a table") : 0;
    }
    ERG_AUTO_FREE bool *results = erg_calloc(n, sizeof *results);
    int rc = results ? erg_pass_attribute_by(pass, rollup->model, &parts, &rest) : ERG_NOMEM;
    if (results)
        erg_pass_results(pass, results);
    rollup->fallbacks += rollup->model && !erg_pass_has_features(pass);
    int64_t rest_ns = pass->t1_ns - pass->t0_ns - erg_pass_covered_ns(pass);
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = add_line(rollup, pass, &pass->spans[i], results[i],
                      (int64_t)pass->spans[i].ticks * ERG_TICK_NS, &parts[i]);
    if (rc == 0 && (rest_ns || erg_energy_total_nj(&rest)))
        rc = add_line(rollup, pass, NULL, false, rest_ns, &rest);
    return rc ? erg_fail(err, rc, "no memory for a table") : 0;
}

static int by_phase_and_layer(const void *a, const void *b)
{
    const struct erg_rollup_row *x = a, *y = b;
    if (x->phase != y->phase)
        return x->phase < y->phase ? -1 : 1;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return 0;
}

/* Insertion sort of runs that are nearly sorted already, stable, moving the counts along. */
static void sort_rows(struct erg_rollup *rollup)
{
    for (size_t i = 1; i < rollup->count; i++) {
        struct erg_rollup_row row = rollup->rows[i];
        uint32_t stat_count = rollup->stat_counts[i];
        size_t j = i;
        for (; j > 0 && by_phase_and_layer(&rollup->rows[j - 1], &row) > 0; j--) {
            rollup->rows[j] = rollup->rows[j - 1];
            rollup->stat_counts[j] = rollup->stat_counts[j - 1];
        }
        rollup->rows[j] = row;
        rollup->stat_counts[j] = stat_count;
    }
    rollup->sorted = true;
}

const struct erg_rollup_row *erg_rollup_rows(struct erg_rollup *rollup, size_t *out_count)
{
    if (!rollup->sorted)
        sort_rows(rollup);
    *out_count = rollup->count;
    return rollup->rows;
}

void erg_rollup_sums(struct erg_rollup *rollup, struct erg_run_sums *out)
{
    if (!rollup->sorted)
        sort_rows(rollup);
    out->rows = rollup->rows;
    out->count = rollup->count;
    memcpy(out->passes, rollup->passes, sizeof out->passes);
}
