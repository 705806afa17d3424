/* SPDX-License-Identifier: MIT */
#include "cli/rows.h"

#include "base/mem.h"
#include "stream/taxonomy.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 1 << 23 };

void erg_row_init(struct erg_row *row)
{
    *row = (struct erg_row){
        .layer = ERG_NO_NUMBER,
        .index = ERG_NO_NUMBER,
        .position = ERG_NO_NUMBER,
        .duration_ns = ERG_NO_NUMBER,
        .by_time_nj = ERG_NO_NUMBER,
        .by_activity_nj = ERG_NO_NUMBER,
        .count = ERG_NO_NUMBER,
        .mean = NAN,
        .std = NAN,
        .max = NAN,
        .sparsity = NAN,
        .kill_ratio = {NAN, 0},
        .variance_ratio = {NAN, 0},
        .attention_entropy = {NAN, 0},
        .max_attention_weight = {NAN, 0},
        .attention_sparsity = {NAN, 0},
        .energy_scale = 1,
        .time_scale = 1,
    };
}

int erg_rows_add(struct erg_rows *rows, const struct erg_row *row)
{
    void *items = rows->items;
    int rc = erg_grow(&items, &rows->capacity, rows->count + 1, sizeof *rows->items, MAX_ROWS);
    rows->items = items;
    if (!rc)
        rows->items[rows->count++] = *row;
    return rc;
}

const char *erg_rows_keep(struct erg_rows *rows, const char *text, size_t len)
{
    void *texts = rows->texts;
    int rc = erg_grow(&texts, &rows->text_capacity, rows->text_count + 1, sizeof(char *), MAX_ROWS);
    rows->texts = texts;
    char *copy = rc ? NULL : erg_strndup(text, len);
    if (copy)
        rows->texts[rows->text_count++] = copy;
    return copy;
}

void erg_rows_deinit(struct erg_rows *rows)
{
    for (size_t i = 0; i < rows->text_count; i++)
        free(rows->texts[i]);
    free(rows->texts);
    free(rows->items);
    *rows = (struct erg_rows){0};
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static const char *name_of(erg_names names, void *user, uint16_t id)
{
    if (id == ERG_ROLLUP_UNPROFILED)
        return ERG_NOT_PROFILED;
    const char *name = id ? names(user, id) : "unattributed";
    return name ? name : "?";
}

static int add_folded(struct erg_rows *rows, const struct erg_fold_row *part, unsigned keys,
                      erg_names names, void *user)
{
    struct erg_row row;
    erg_row_init(&row);
    if (keys & ERG_BY_PHASE)
        row.phase = erg_phase_name(part->phase);
    if (keys & ERG_BY_LAYER)
        row.layer = part->layer;
    if (keys & ERG_BY_COMPONENT)
        row.name = name_of(names, user, part->component);
    row.name_len = row.name ? strlen(row.name) : 0;
    if (keys & ERG_BY_OPERATION)
        row.operation = part->operation ? name_of(names, user, part->operation) : "";
    row.unprofiled = part->unprofiled;
    row.duration_ns = part->duration_ns;
    row.count = part->count;
    row.energy = part->energy;
    row.flops = part->flops;
    row.bytes = part->bytes;
    row.mean = part->mean;
    row.std = part->std;
    row.max = part->max;
    row.sparsity = part->sparsity;
    row.statistics = part->statistics;
    row.kill_ratio = part->kill_ratio;
    row.variance_ratio = part->variance_ratio;
    row.attention_entropy = part->attention_entropy;
    row.max_attention_weight = part->max_attention_weight;
    row.attention_sparsity = part->attention_sparsity;
    return erg_rows_add(rows, &row);
}

int erg_rows_from_rollup(struct erg_rows *rows, struct erg_rollup *rollup, unsigned keys,
                         uint32_t phase, erg_names names, void *user)
{
    size_t count;
    struct erg_fold fold = {0};
    const struct erg_rollup_row *parts = erg_rollup_rows(rollup, &count);
    int rc = erg_fold_add(&fold, parts, count, keys, phase, names, user);
    for (size_t i = 0; i < fold.count && !rc; i++)
        rc = add_folded(rows, &fold.rows[i], keys, names, user);
    erg_fold_deinit(&fold);
    return rc;
}

double erg_row_value(const struct erg_row *row, enum erg_metric metric)
{
    bool timed = row->duration_ns != ERG_NO_NUMBER;
    bool known = erg_energy_known(&row->energy);
    double nj = (double)erg_energy_total_nj(&row->energy);
    switch (metric) {
    case ERG_METRIC_ENERGY:
        return known ? nj * row->energy_scale / 1e6 : NAN;
    case ERG_METRIC_TIME:
        return timed ? (double)row->duration_ns * row->time_scale / 1e6 : NAN;
    case ERG_METRIC_POWER:
        return known && timed && row->duration_ns ? nj / (double)row->duration_ns * 1e3 : NAN;
    case ERG_METRIC_COUNT:
        return row->count == ERG_NO_NUMBER ? NAN : (double)row->count;
    case ERG_METRIC_FLOPS:
        return row->flops > 0 ? row->flops * row->time_scale : NAN;
    case ERG_METRIC_BYTES:
        return row->bytes > 0 ? row->bytes * row->time_scale : NAN;
    case ERG_METRIC_MEAN:
        return row->mean;
    case ERG_METRIC_STD:
        return row->std;
    case ERG_METRIC_MAX:
        return row->max;
    case ERG_METRIC_SPARSITY:
        return row->sparsity;
    case ERG_METRIC_KILL_RATIO:
        return row->kill_ratio.mean;
    case ERG_METRIC_VARIANCE_RATIO:
        return row->variance_ratio.mean;
    case ERG_METRIC_ATTENTION_ENTROPY:
        return row->attention_entropy.mean;
    case ERG_METRIC_ATTENTION_WEIGHT:
        return row->max_attention_weight.mean;
    case ERG_METRIC_ATTENTION_SPARSITY:
        return row->attention_sparsity.mean;
    }
    return NAN;
}

/* Sums over the other rows of the phase of an unprofiled one. */
static void sum_profiled(const struct erg_rows *rows, const struct erg_row *unprofiled,
                         double *out_nj, double *out_ns)
{
    *out_nj = *out_ns = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct erg_row *row = &rows->items[i];
        if (row->unprofiled || !same_text(row->phase, unprofiled->phase))
            continue;
        *out_nj += (double)erg_energy_total_nj(&row->energy);
        *out_ns += (double)row->duration_ns;
    }
}

void erg_rows_extrapolate(struct erg_rows *rows)
{
    for (size_t u = 0; u < rows->count; u++) {
        struct erg_row *unprofiled = &rows->items[u];
        double nj, ns;
        if (!unprofiled->unprofiled)
            continue;
        sum_profiled(rows, unprofiled, &nj, &ns);
        if (!(ns > 0))
            continue;
        unprofiled->replaced = true;
        for (size_t i = 0; i < rows->count; i++) {
            struct erg_row *row = &rows->items[i];
            if (row->unprofiled || !same_text(row->phase, unprofiled->phase))
                continue;
            double rest_nj = (double)erg_energy_total_nj(&unprofiled->energy);
            row->extrapolated = true;
            row->energy_scale = nj > 0 ? (nj + rest_nj) / nj : 1;
            row->time_scale = (ns + (double)unprofiled->duration_ns) / ns;
        }
    }
}

void erg_rows_footnote(const struct erg_rows *rows, struct erg_buf *out)
{
    int64_t passes = 0;
    for (size_t i = 0; i < rows->count; i++)
        passes += rows->items[i].replaced ? rows->items[i].count : 0;
    if (passes)
        erg_buf_printf(out,
                       "~ extrapolated from the passes that were profiled: %" PRId64 " %s not\n",
                       passes, passes == 1 ? "was" : "were");
}

void erg_rows_keep_top(struct erg_rows *rows, size_t top)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct erg_row *row = &rows->items[i];
        if (row->replaced || top > 0)
            rows->items[kept++] = *row;
        top -= !row->replaced && top > 0;
    }
    rows->count = kept;
}

bool erg_rows_have_energy(const struct erg_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (erg_energy_known(&rows->items[i].energy))
            return true;
    }
    return false;
}

struct sort_key {
    double value;
    size_t at;
};

static int compare_keys(const void *a, const void *b)
{
    const struct sort_key *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    return x->at < y->at ? -1 : 1;
}

void erg_rows_sort(struct erg_rows *rows, enum erg_metric metric)
{
    ERG_AUTO_FREE struct sort_key *keys = erg_calloc(rows->count, sizeof *keys);
    struct erg_row *sorted = erg_calloc(rows->count, sizeof *sorted);
    if (!keys || !sorted || !rows->count) {
        free(sorted);
        return;
    }
    for (size_t i = 0; i < rows->count; i++) {
        double value = erg_row_value(&rows->items[i], metric);
        keys[i] = (struct sort_key){isnan(value) ? -INFINITY : value, i};
    }
    qsort(keys, rows->count, sizeof *keys, compare_keys);
    for (size_t i = 0; i < rows->count; i++)
        sorted[i] = rows->items[keys[i].at];
    free(rows->items);
    rows->items = sorted;
    rows->capacity = rows->count;
}

static void put_known(struct erg_jsonw *w, const char *key, double value)
{
    if (!isnan(value))
        erg_jsonw_kreal(w, key, value);
}

static void put_keys(const struct erg_row *row, const char *name_key, struct erg_jsonw *w)
{
    if (row->index != ERG_NO_NUMBER)
        erg_jsonw_kint(w, "index", row->index);
    if (row->position != ERG_NO_NUMBER)
        erg_jsonw_kint(w, "position", row->position);
    if (row->phase)
        erg_jsonw_kstr(w, "phase", row->phase);
    if (row->layer != ERG_NO_NUMBER && row->unprofiled)
        erg_jsonw_knull(w, "layer");
    else if (row->layer != ERG_NO_NUMBER)
        erg_jsonw_kint(w, "layer", row->layer);
    if (row->unprofiled)
        erg_jsonw_kbool(w, "profiled", false);
    if (row->name) {
        erg_jsonw_key(w, name_key);
        erg_jsonw_strn(w, row->name, row->name_len);
    }
    if (row->operation)
        erg_jsonw_kstr(w, "operation", row->operation);
}

static void put_energy(const struct erg_row *row, struct erg_jsonw *w)
{
    if (!erg_energy_known(&row->energy)) {
        erg_jsonw_knull(w, "energy_mj");
        return;
    }
    erg_jsonw_kmicro(w, "energy_mj", erg_energy_total_nj(&row->energy));
    erg_jsonw_key(w, "energy_by_domain_mj");
    erg_jsonw_obj_begin(w);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (row->energy.present >> d & 1)
            erg_jsonw_kmicro(w, erg_domain_name((enum erg_domain)d), row->energy.nj[d]);
    }
    erg_jsonw_obj_end(w);
}

static void put_extrapolated(const struct erg_row *row, struct erg_jsonw *w)
{
    if (!row->extrapolated)
        return;
    erg_jsonw_kbool(w, "extrapolated", true);
    erg_jsonw_kreal(w, "extrapolated_energy_mj", erg_row_value(row, ERG_METRIC_ENERGY));
    erg_jsonw_kreal(w, "extrapolated_duration_ms", erg_row_value(row, ERG_METRIC_TIME));
}

static void put_split(const struct erg_row *row, struct erg_jsonw *w)
{
    int64_t a = row->by_time_nj, b = row->by_activity_nj;
    if (row->split && erg_energy_known(&row->energy))
        erg_jsonw_kstr(w, "attribution", row->split);
    if (a == ERG_NO_NUMBER || b == ERG_NO_NUMBER)
        return;
    erg_jsonw_kmicro(w, "energy_by_time_mj", a);
    erg_jsonw_kmicro(w, "energy_by_activity_mj", b);
    erg_jsonw_kmicro(w, "energy_low_mj", a < b ? a : b);
    erg_jsonw_kmicro(w, "energy_high_mj", a < b ? b : a);
}

void erg_rows_write_json(const struct erg_rows *rows, const char *name_key, struct erg_jsonw *w)
{
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < rows->count; i++) {
        const struct erg_row *row = &rows->items[i];
        erg_jsonw_obj_begin(w);
        put_keys(row, name_key, w);
        if (row->duration_ns != ERG_NO_NUMBER)
            erg_jsonw_kmicro(w, "duration_ms", row->duration_ns);
        put_energy(row, w);
        put_split(row, w);
        put_extrapolated(row, w);
        put_known(w, "average_power_mw", erg_row_value(row, ERG_METRIC_POWER));
        if (row->grade)
            erg_jsonw_kstr(w, "grade", row->grade);
        if (row->count != ERG_NO_NUMBER)
            erg_jsonw_kint(w, "count", row->count);
        put_known(w, "flops", row->flops > 0 ? row->flops : NAN);
        put_known(w, "bytes", row->bytes > 0 ? row->bytes : NAN);
        put_known(w, "activation_mean", row->mean);
        put_known(w, "activation_std", row->std);
        put_known(w, "activation_max", row->max);
        put_known(w, "activation_sparsity", row->sparsity);
        put_known(w, "activation_kill_ratio", row->kill_ratio.mean);
        put_known(w, "variance_ratio", row->variance_ratio.mean);
        put_known(w, "attention_entropy", row->attention_entropy.mean);
        put_known(w, "max_attention_weight", row->max_attention_weight.mean);
        put_known(w, "attention_sparsity", row->attention_sparsity.mean);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}
