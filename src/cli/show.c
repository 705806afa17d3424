/* SPDX-License-Identifier: MIT */
#include "cli/show.h"

#include "cli/listing.h"
#include "cli/rows.h"
#include "cli/units.h"
#include "stream/taxonomy.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A table: how its rows are found, and what names them. */
struct view {
    const char *by;
    const char *name_key; /* JSON */
    unsigned keys;        /* roll-up; 0 = not one */
    int (*load)(struct erg_rows *rows, struct erg_store *store, const char *id,
                const json_t *summary, struct erg_err *err);
};

struct loading {
    struct erg_rows *rows;
    struct erg_err *err;
};

static int keep_row(struct loading *load, struct erg_row *row, const char *name, size_t len)
{
    row->name = erg_rows_keep(load->rows, name, len);
    row->name_len = len;
    return row->name ? erg_rows_add(load->rows, row) : ERG_NOMEM;
}

static int add_section(void *user, const struct erg_section_row *section)
{
    struct erg_row row;
    erg_row_init(&row);
    row.phase = erg_phase_name(section->phase);
    row.duration_ns = section->duration_ns;
    row.energy = section->energy;
    row.grade = erg_grade_name(section->grade);
    return keep_row(user, &row, section->name, strlen(section->name));
}

static int load_sections(struct erg_rows *rows, struct erg_store *store, const char *id,
                         const json_t *summary, struct erg_err *err)
{
    struct loading load = {rows, err};
    (void)summary;
    return erg_store_sections(store, id, add_section, &load, err);
}

static int add_token(void *user, const struct erg_token_row *token)
{
    struct erg_row row;
    erg_row_init(&row);
    row.phase = erg_phase_name(token->phase);
    row.index = token->index;
    row.position = token->position;
    row.duration_ns = token->duration_ns;
    row.energy = token->energy;
    row.grade = erg_grade_name(token->grade);
    return keep_row(user, &row, token->text ? token->text : "", token->text_len);
}

static int load_tokens(struct erg_rows *rows, struct erg_store *store, const char *id,
                       const json_t *summary, struct erg_err *err)
{
    struct loading load = {rows, err};
    (void)summary;
    return erg_store_tokens(store, id, add_token, &load, err);
}

/* Energies of a summary: millijoules with six decimals, so the nanojoules are exact. */
static struct erg_energy energy_of(const json_t *by_domain)
{
    struct erg_energy energy = {0};
    for (int d = 0; d < ERG_DOMAINS; d++) {
        double mj = erg_json_number(by_domain, erg_domain_name((enum erg_domain)d));
        if (!isfinite(mj) || fabs(mj) > 9e12)
            continue;
        energy.nj[d] = llround(mj * 1e6);
        energy.present |= 1u << d;
    }
    return energy;
}

static int64_t ns_of(const json_t *object, const char *key)
{
    double ms = erg_json_number(object, key);
    return isfinite(ms) && fabs(ms) < 9e12 ? llround(ms * 1e6) : ERG_NO_NUMBER;
}

static int load_phases(struct erg_rows *rows, struct erg_store *store, const char *id,
                       const json_t *summary, struct erg_err *err)
{
    size_t i;
    const json_t *phase;
    (void)store;
    (void)id;
    json_array_foreach(json_object_get(summary, "phases"), i, phase)
    {
        struct erg_row row;
        double tokens = erg_json_number(phase, "tokens");
        erg_row_init(&row);
        row.phase = erg_json_text(phase, "phase");
        row.duration_ns = ns_of(phase, "duration_ms");
        row.energy = energy_of(json_object_get(phase, "energy_by_domain_mj"));
        row.grade = erg_json_text(phase, "grade");
        row.count = tokens > 0 ? (int64_t)tokens : ERG_NO_NUMBER;
        int rc = erg_rows_add(rows, &row);
        if (rc)
            return erg_fail(err, rc, "cannot list the phases: %s", erg_code_text(rc));
    }
    return 0;
}

static int load_domains(struct erg_rows *rows, struct erg_store *store, const char *id,
                        const json_t *summary, struct erg_err *err)
{
    struct erg_energy total = energy_of(json_object_get(summary, "energy_by_domain_mj"));
    (void)store;
    (void)id;
    for (int d = 0; d < ERG_DOMAINS; d++) {
        struct erg_row row;
        if (!(total.present >> d & 1))
            continue;
        erg_row_init(&row);
        row.name = erg_domain_name((enum erg_domain)d);
        row.name_len = strlen(row.name);
        row.duration_ns = ns_of(summary, "total_duration_ms");
        row.energy.nj[d] = total.nj[d];
        row.energy.present = 1u << d;
        int rc = erg_rows_add(rows, &row);
        if (rc)
            return erg_fail(err, rc, "cannot list the domains: %s", erg_code_text(rc));
    }
    return 0;
}

static const struct view views[] = {
    {"phase", "phase", 0, load_phases},
    {"section", "section", 0, load_sections},
    {"token", "text", 0, load_tokens},
    {"layer", "layer", ERG_BY_PHASE | ERG_BY_LAYER, NULL},
    {"component", "component", ERG_BY_PHASE | ERG_BY_COMPONENT, NULL},
    {"operation", "component", ERG_BY_PHASE | ERG_BY_COMPONENT | ERG_BY_OPERATION, NULL},
    {"domain", "domain", 0, load_domains},
};

static const struct view *find_view(const struct erg_show_options *o)
{
    const char *by = o->by ? o->by : o->token >= 0 || o->metric ? "component" : "section";
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        if (strcmp(views[i].by, by) == 0)
            return &views[i];
    }
    return NULL;
}

/* --- roll-ups --------------------------------------------------------------------------------- */

struct wanted {
    struct erg_rollup *rollup;
    int64_t token; /* < 0 = all passes */
    bool token_seen;
    uint32_t pass; /* of the token */
};

static int find_pass(void *user, const struct erg_token_row *row)
{
    struct wanted *wanted = user;
    if (row->index != wanted->token)
        return 0;
    wanted->token_seen = true;
    wanted->pass = row->pass;
    return 1;
}

static int add_pass(void *user, const struct erg_pass_row *row)
{
    struct wanted *wanted = user;
    if (wanted->token >= 0 && row->index != wanted->pass)
        return 0;
    return erg_rollup_add(wanted->rollup, row, NULL);
}

static const char *name_of(void *user, uint16_t id)
{
    return erg_store_name(user, id);
}

static int load_by(struct erg_rows *rows, struct erg_store *store, const char *id,
                   const struct erg_show_options *o, unsigned keys,
                   const struct erg_attribution_model *model, size_t *out_fallbacks,
                   struct erg_err *err)
{
    struct wanted wanted = {.token = o->token};
    int rc = erg_rollup_new(&wanted.rollup,
                            keys | ERG_BY_COMPONENT | ERG_BY_OPERATION | ERG_UNPROFILED_APART, err);
    if (!rc)
        erg_rollup_attribute(wanted.rollup, model);
    if (!rc && o->token >= 0)
        rc = erg_store_tokens(store, id, find_pass, &wanted, err);
    if (!rc && o->token >= 0 && !wanted.token_seen)
        rc = erg_fail(err, ERG_NOT_FOUND, "the run has no token %" PRId64 " (try --by token)",
                      o->token);
    if (!rc)
        rc = erg_store_passes(store, id, true, add_pass, &wanted, err);
    if (!rc) {
        rc = erg_rows_from_rollup(rows, wanted.rollup, keys, ERG_PHASES, name_of, store);
        if (rc)
            erg_fail(err, rc, "cannot sum up the passes: %s", erg_code_text(rc));
        erg_rows_extrapolate(rows);
        *out_fallbacks += erg_rollup_fallbacks(wanted.rollup);
    }
    erg_rollup_free(wanted.rollup);
    return rc;
}

static int load_rollup(struct erg_cli *cli, struct erg_rows *rows, struct erg_store *store,
                       const char *id, unsigned keys, const struct erg_split *split,
                       struct erg_err *err)
{
    const struct erg_show_options *o = cli->options;
    const struct erg_attribution_model *shown = erg_split_model(split);
    size_t fallbacks = 0;
    int rc = load_by(rows, store, id, o, keys, shown, &fallbacks, err);
    for (size_t i = 0; i < rows->count; i++)
        rows->items[i].split = split->shown;
    if (!rc && split->both) {
        struct erg_rows other = {0};
        rc = load_by(&other, store, id, o, keys, shown ? NULL : &split->activity, &fallbacks, err);
        if (!rc)
            erg_split_compare(split, rows, &other);
        erg_rows_deinit(&other);
    }
    erg_split_tell_fallbacks(cli, fallbacks);
    return rc;
}

/* --- output ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum erg_metric metric;
} metrics[] = {
    {"energy", ERG_METRIC_ENERGY},
    {"time", ERG_METRIC_TIME},
    {"power", ERG_METRIC_POWER},
    {"count", ERG_METRIC_COUNT},
    {"flops", ERG_METRIC_FLOPS},
    {"bytes", ERG_METRIC_BYTES},
    {"activation_mean", ERG_METRIC_MEAN},
    {"activation_std", ERG_METRIC_STD},
    {"activation_max", ERG_METRIC_MAX},
    {"activation_sparsity", ERG_METRIC_SPARSITY},
    {"activation_kill_ratio", ERG_METRIC_KILL_RATIO},
    {"variance_ratio", ERG_METRIC_VARIANCE_RATIO},
    {"attention_entropy", ERG_METRIC_ATTENTION_ENTROPY},
    {"max_attention_weight", ERG_METRIC_ATTENTION_WEIGHT},
    {"attention_sparsity", ERG_METRIC_ATTENTION_SPARSITY},
};

/* What was asked for, else energy where it is known, else time. */
static enum erg_metric choose_metric(const struct erg_show_options *o, const struct erg_rows *rows)
{
    for (size_t i = 0; o->metric && i < sizeof metrics / sizeof metrics[0]; i++) {
        if (strcmp(metrics[i].name, o->metric) == 0)
            return metrics[i].metric;
    }
    return erg_rows_have_energy(rows) ? ERG_METRIC_ENERGY : ERG_METRIC_TIME;
}

static void keep_phase(struct erg_rows *rows, const char *phase)
{
    size_t kept = 0;
    for (size_t i = 0; phase && i < rows->count; i++) {
        if (rows->items[i].phase && strcmp(rows->items[i].phase, phase) == 0)
            rows->items[kept++] = rows->items[i];
    }
    rows->count = phase ? kept : rows->count;
}

static bool compared(const struct erg_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->items[i].by_time_nj != ERG_NO_NUMBER)
            return true;
    }
    return false;
}

static double mj_of(int64_t nj)
{
    return nj == ERG_NO_NUMBER ? NAN : (double)nj / 1e6;
}

/* What both models say, and the interval between them. */
static void put_comparison(struct erg_listing *table, const struct erg_row *row)
{
    char a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES];
    double by_time = mj_of(row->by_time_nj) * row->energy_scale;
    double by_activity = mj_of(row->by_activity_nj) * row->energy_scale;
    erg_listing_cell(table, erg_show_energy(by_time, a));
    erg_listing_cell(table, erg_show_energy(by_activity, a));
    erg_listing_cellf(table, "%s – %s", erg_show_energy(fmin(by_time, by_activity), a),
                      erg_show_energy(fmax(by_time, by_activity), b));
}

/* What is known of a row beside its cost: at most one kind of it where rows are operations. */
static void put_detail(struct erg_listing *table, const struct erg_row *row)
{
    char a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES], c[ERG_UNIT_BYTES];
    if (row->attention_entropy.count)
        erg_listing_cellf(table, "entropy %s, largest %s, sparse %s",
                          erg_show_plain(row->attention_entropy.mean, a),
                          erg_show_plain(row->max_attention_weight.mean, b),
                          erg_show_ratio(row->attention_sparsity.mean, c));
    else if (row->kill_ratio.count)
        erg_listing_cellf(table, "killed %s", erg_show_ratio(row->kill_ratio.mean, a));
    else if (row->variance_ratio.count)
        erg_listing_cellf(table, "variance ratio %s", erg_show_plain(row->variance_ratio.mean, a));
    else
        erg_listing_cell(table, "");
}

/* Whether there is a column of those: of parts of layers, when some row has one. */
static bool detailed(const struct erg_rows *rows, const struct view *view)
{
    for (size_t i = 0; i < rows->count && view->keys & ERG_BY_COMPONENT; i++) {
        const struct erg_row *row = &rows->items[i];
        if (row->attention_entropy.count || row->kill_ratio.count || row->variance_ratio.count)
            return true;
    }
    return false;
}

static void add_columns(struct erg_listing *table, const struct erg_rows *rows,
                        const struct view *view, bool counted, enum erg_metric metric)
{
    const struct erg_row *first = &rows->items[0];
    if (first->index != ERG_NO_NUMBER) {
        erg_listing_column(table, "token", true);
        erg_listing_column(table, "position", true);
    }
    if (first->phase)
        erg_listing_column(table, "phase", false);
    if (first->layer != ERG_NO_NUMBER)
        erg_listing_column(table, "layer", false);
    if (first->name) {
        table->cut_at[table->columns] = 32;
        erg_listing_column(table, view->name_key, false);
    }
    if (first->operation)
        erg_listing_column(table, "operation", false);
    erg_listing_column(table, "share", true);
    erg_listing_column(table, "energy", true);
    if (compared(rows)) {
        erg_listing_column(table, "by time", true);
        erg_listing_column(table, "by activity", true);
        erg_listing_column(table, "interval", true);
    }
    erg_listing_column(table, "time", true);
    erg_listing_column(table, "power", true);
    if (counted)
        erg_listing_column(table, view->keys ? "spans" : "tokens", true);
    if (metric > ERG_METRIC_COUNT)
        erg_listing_column(table, metrics[metric].name, true);
    if (detailed(rows, view))
        erg_listing_column(table, "detail", false);
}

static void put_keys(struct erg_listing *table, const struct erg_row *row)
{
    if (row->index != ERG_NO_NUMBER) {
        erg_listing_cellf(table, "%" PRId64, row->index);
        erg_listing_cellf(table, "%" PRId64, row->position);
    }
    if (row->phase)
        erg_listing_cell(table, row->phase);
    if (row->layer != ERG_NO_NUMBER) {
        if (row->unprofiled)
            erg_listing_cell(table, row->name ? "" : ERG_NOT_PROFILED);
        else if (row->layer < 0)
            erg_listing_cell(table, "outside");
        else
            erg_listing_cellf(table, "%" PRId64, row->layer);
    }
    if (row->name)
        erg_listing_cell(table, row->name);
    if (row->operation)
        erg_listing_cell(table, row->operation);
}

/* Share of the whole for what adds up; of averages there is none. */
static double share_of(const struct erg_row *row, enum erg_metric metric, double whole)
{
    bool adds_up = metric != ERG_METRIC_POWER && metric < ERG_METRIC_MEAN;
    return adds_up && whole > 0 ? erg_row_value(row, metric) / whole : NAN;
}

struct layout {
    bool counted, compared, detailed;
};

static void put_row(struct erg_listing *table, const struct erg_row *row, struct layout layout,
                    enum erg_metric metric, double whole)
{
    char a[ERG_UNIT_BYTES];
    put_keys(table, row);
    erg_listing_cell(table, erg_show_ratio(share_of(row, metric, whole), a));
    const char *mark = row->extrapolated ? "~" : "";
    erg_listing_cellf(table, "%s%s", mark,
                      erg_show_energy(erg_row_value(row, ERG_METRIC_ENERGY), a));
    if (layout.compared)
        put_comparison(table, row);
    erg_listing_cellf(table, "%s%s", mark, erg_show_time(erg_row_value(row, ERG_METRIC_TIME), a));
    erg_listing_cell(table, erg_show_power(erg_row_value(row, ERG_METRIC_POWER), a));
    if (layout.counted)
        erg_listing_cell(table, erg_show_count(erg_row_value(row, ERG_METRIC_COUNT), a));
    if (metric == ERG_METRIC_FLOPS || metric == ERG_METRIC_BYTES)
        erg_listing_cell(table, erg_show_count(erg_row_value(row, metric), a));
    else if (metric > ERG_METRIC_COUNT)
        erg_listing_cell(table, erg_show_plain(erg_row_value(row, metric), a));
    if (layout.detailed)
        put_detail(table, row);
}

static int print_text(struct erg_cli *cli, const struct erg_rows *rows, const struct view *view,
                      enum erg_metric metric, double whole)
{
    struct erg_listing table = {0};
    struct erg_buf text = {0};
    if (!rows->count) {
        erg_cli_note(cli, "nothing to show");
        return ERG_EXIT_OK;
    }
    struct layout layout = {.counted = view->keys || strcmp(view->by, "phase") == 0,
                            .compared = compared(rows),
                            .detailed = detailed(rows, view)};
    add_columns(&table, rows, view, layout.counted, metric);
    for (size_t i = 0; i < rows->count; i++) {
        if (!rows->items[i].replaced)
            put_row(&table, &rows->items[i], layout, metric, whole);
    }
    int rc = erg_listing_write(&table, 0, &text);
    erg_rows_footnote(rows, &text);
    struct erg_err err = {0};
    int status = ERG_EXIT_OK;
    if (rc) {
        erg_fail(&err, rc, "cannot print the table: %s", erg_code_text(rc));
        status = erg_cli_fail(cli, &err);
    } else {
        status = erg_cli_put(cli, &text);
    }
    erg_listing_deinit(&table);
    erg_buf_deinit(&text);
    return status;
}

static int print_json(struct erg_cli *cli, const struct erg_rows *rows, const struct view *view)
{
    struct erg_jsonw w;
    struct erg_buf scratch = {0};
    erg_cli_json_begin(&w, &scratch);
    erg_rows_write_json(rows, view->name_key, &w);
    int status = erg_cli_json_end(cli, &w);
    erg_buf_deinit(&scratch);
    return status;
}

/* What shares are of: the run where rows are parts of it, else all rows together. */
static double whole_of(const struct erg_rows *rows, enum erg_metric metric,
                       const struct erg_show_options *o, const json_t *summary)
{
    double sum = 0;
    if (o->token < 0 && !o->phase && metric == ERG_METRIC_ENERGY)
        return erg_json_number(summary, "total_energy_mj");
    if (o->token < 0 && !o->phase && metric == ERG_METRIC_TIME)
        return erg_json_number(summary, "total_duration_ms");
    for (size_t i = 0; i < rows->count; i++) {
        double value = erg_row_value(&rows->items[i], metric);
        sum += isfinite(value) && !rows->items[i].replaced ? value : 0;
    }
    return sum;
}

bool erg_show_is_split(const struct erg_show_options *options)
{
    const struct view *view = find_view(options);
    return view && view->keys != 0;
}

int erg_show_table(struct erg_cli *cli, struct erg_store *store, const char *id,
                   const json_t *summary, const struct erg_split *split)
{
    const struct erg_show_options *o = cli->options;
    const struct view *view = find_view(o);
    struct erg_rows rows = {0};
    struct erg_err err = {0};
    int rc = view->keys ? load_rollup(cli, &rows, store, id, view->keys, split, &err)
                        : view->load(&rows, store, id, summary, &err);
    int status;
    if (rc) {
        if (!err.code)
            erg_fail(&err, rc, "cannot read the run: %s", erg_code_text(rc));
        status = erg_cli_fail(cli, &err);
    } else {
        keep_phase(&rows, o->phase);
        enum erg_metric metric = choose_metric(o, &rows);
        double whole = whole_of(&rows, metric, o, summary);
        bool ranked = strcmp(view->by, "component") == 0 || strcmp(view->by, "operation") == 0;
        if (o->metric || o->top || ranked)
            erg_rows_sort(&rows, metric);
        if (o->top)
            erg_rows_keep_top(&rows, (size_t)o->top);
        status = cli->globals.json ? print_json(cli, &rows, view)
                                   : print_text(cli, &rows, view, metric, whole);
    }
    erg_rows_deinit(&rows);
    return status;
}
