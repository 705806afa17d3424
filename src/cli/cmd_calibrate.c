/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/num.h"
#include "cli/listing.h"
#include "cli/live.h"
#include "cli/units.h"
#include "record/calibrate.h"
#include "store/calibrations.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES = 4096, NAME_BYTES = 100 };

struct options {
    const char *model, *operation, *component, *power, *engine;
    double ci_pct, max_seconds;
    int64_t threads;
    bool list, no_save;
};

#define FIELD(name) .offset = offsetof(struct options, name)

static const struct erg_option options[] = {
    {.kind = ERG_OPT_STRING,
     .letter = 'm',
     .name = "model",
     .value = "FILE|NAME",
     .help = "the model whose operations are repeated [tales]",
     FIELD(model)},
    {.kind = ERG_OPT_STRING,
     .name = "operation",
     .value = "NAME",
     .help = "only this operation, as matmul or q_proj/matmul",
     FIELD(operation)},
    {.kind = ERG_OPT_STRING,
     .name = "component",
     .value = "NAME",
     .help = "only the operations of this component",
     FIELD(component)},
    {.kind = ERG_OPT_REAL,
     .name = "ci",
     .value = "PCT",
     .real_min = 0.01,
     .real_max = 100,
     .help = "until the 95 % interval of an operation's net energy is within PCT of it [5]",
     FIELD(ci_pct)},
    {.kind = ERG_OPT_REAL,
     .name = "max-seconds",
     .value = "S",
     .real_min = 0.1,
     .real_max = 1e6,
     .help = "or S seconds are over, for all operations together [120]",
     FIELD(max_seconds)},
    {.kind = ERG_OPT_INT,
     .letter = 't',
     .name = "threads",
     .value = "N",
     .min = 1,
     .max = 512,
     .help = "CPU threads [as a run]",
     FIELD(threads)},
    {.kind = ERG_OPT_STRING,
     .name = "power",
     .value = "SPEC",
     .help = "power sources, as of 'ergon run' [auto]",
     FIELD(power)},
    {.kind = ERG_OPT_FLAG, .name = "no-save", .help = "do not keep it", FIELD(no_save)},
    {.kind = ERG_OPT_FLAG,
     .name = "list",
     .help = "the calibrations that are kept, newest first",
     FIELD(list)},
    {.kind = ERG_OPT_STRING,
     .name = "engine",
     .value = "PATH",
     .help = "the engine program [ergon-llama beside this one]",
     FIELD(engine)},
    {.kind = ERG_OPT_HEADING},
};

static const struct options defaults = {.ci_pct = 5, .max_seconds = 120};

/* --- which operations ------------------------------------------------------------------------- */

/* Add to a list of candidates unless it is there. */
static void add_name(const char **names, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(names[i], name) == 0)
            return;
    }
    if (*count < MAX_NAMES)
        names[(*count)++] = name;
}

static int unknown(const char *kind, const char *word, const char *const *names,
                   struct erg_err *err)
{
    const char *near = erg_nearest(word, names);
    return erg_fail(err, ERG_INVALID, "the model has no %s '%.60s'%s%s%s", kind, word,
                    near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static void full_name(const struct erg_calibrate_operation *operation, char out[NAME_BYTES])
{
    snprintf(out, NAME_BYTES, "%s/%s", operation->component, operation->operation);
}

static bool is_wanted(const struct options *o, const struct erg_calibrate_operation *operation)
{
    char full[NAME_BYTES];
    full_name(operation, full);
    return (!o->component || strcmp(o->component, operation->component) == 0) &&
           (!o->operation || strcmp(o->operation, operation->operation) == 0 ||
            strcmp(o->operation, full) == 0);
}

static int choose(void *user, struct erg_calibrate_operation *operations, size_t count,
                  struct erg_err *err)
{
    const struct erg_cli *cli = user;
    const struct options *o = cli->options;
    ERG_AUTO_FREE char *full = erg_calloc(count, NAME_BYTES);
    ERG_AUTO_FREE const char **names = erg_calloc(MAX_NAMES + 1, sizeof *names);
    ERG_AUTO_FREE const char **components = erg_calloc(MAX_NAMES + 1, sizeof *components);
    size_t name_count = 0, component_count = 0;
    bool any = false, has_component = false;
    if (!full || !names || !components)
        return erg_fail(err, ERG_NOMEM, "no memory for the operations");
    for (size_t i = 0; i < count; i++) {
        operations[i].chosen = is_wanted(o, &operations[i]);
        any |= operations[i].chosen;
        has_component |= o->component && strcmp(o->component, operations[i].component) == 0;
        full_name(&operations[i], full + i * NAME_BYTES);
        add_name(components, &component_count, operations[i].component);
        if (!o->component || strcmp(o->component, operations[i].component) == 0) {
            add_name(names, &name_count, operations[i].operation);
            add_name(names, &name_count, full + i * NAME_BYTES);
        }
    }
    if (any)
        return 0;
    return o->component && !has_component ? unknown("component", o->component, components, err)
                                          : unknown("operation", o->operation, names, err);
}

/* --- what is seen meanwhile ------------------------------------------------------------------- */

static void on_stage(void *user, const char *what)
{
    const struct erg_cli *cli = user;
    if (cli->term.err_is_terminal && !cli->globals.quiet)
        fprintf(stderr, "\r\033[K%s …", what);
}

static void on_progress(void *user, size_t done, size_t total,
                        const struct erg_calibrate_operation *now)
{
    const struct erg_cli *cli = user;
    if (cli->term.err_is_terminal && !cli->globals.quiet)
        fprintf(stderr, "\r\033[K%zu of %zu: %s %s %s", done + 1, total, now->phase, now->component,
                now->operation);
}

static void on_warning(void *user, const char *text)
{
    erg_cli_note(user, "warning: %s", text);
}

static bool on_cancelled(void *user)
{
    (void)user;
    return erg_live_interrupted();
}

/* --- the report ------------------------------------------------------------------------------- */

/* "12.3 pJ/FLOP (11.8 to 12.9)" */
static void put_cost(struct erg_buf *text, double value, double low, double high, const char *unit)
{
    char a[ERG_UNIT_BYTES], b[ERG_UNIT_BYTES], c[ERG_UNIT_BYTES];
    erg_buf_printf(text, "%s %s", erg_show_plain(value, a), unit);
    if (isfinite(low) && isfinite(high))
        erg_buf_printf(text, " (%s to %s)", erg_show_plain(low, b), erg_show_plain(high, c));
}

static void put_remark(struct erg_listing *table, const struct erg_calibrate_operation *o,
                       int64_t llc_bytes)
{
    if (o->skipped[0])
        erg_listing_cellf(table, "skipped: %s", o->skipped);
    else if (o->blocks == 0)
        erg_listing_cell(table, "not reached");
    else
        erg_listing_cellf(table, "%s%s", o->converged ? "" : "not narrow yet ",
                          o->warm && llc_bytes ? "*" : "");
}

static void put_operation(struct erg_listing *table, const struct erg_calibrate_operation *o,
                          int64_t llc_bytes)
{
    char a[ERG_UNIT_BYTES];
    double half = (o->net_nj.high - o->net_nj.low) / 2;
    bool relative = isfinite(half) && fabs(o->net_nj.mean) > half;
    erg_listing_cell(table, o->phase);
    erg_listing_cell(table, o->component);
    erg_listing_cell(table, o->operation);
    erg_listing_cell(table, erg_show_time(o->time_ns.mean / 1e6, a));
    erg_listing_cell(table, erg_show_power(o->net_w.mean * 1e3, a));
    erg_listing_cell(table, erg_show_energy(o->net_nj.mean / 1e6, a));
    if (relative)
        erg_listing_cellf(table, "±%.1f %%", half / fabs(o->net_nj.mean) * 100);
    else
        erg_listing_cell(table, o->blocks > 1 ? "about 0" : "–");
    erg_listing_cell(table, erg_show_plain(o->flops / o->time_ns.mean, a));
    erg_listing_cell(table, erg_show_plain(o->bytes / o->time_ns.mean, a));
    erg_listing_cellf(table, "%zu", o->blocks);
    put_remark(table, o, llc_bytes);
}

static int put_table(const struct erg_calibrate_result *r, struct erg_buf *text)
{
    static const struct {
        const char *heading;
        bool right;
    } columns[] = {{"phase", false},   {"component", false}, {"operation", false},
                   {"time", true},     {"net power", true},  {"net energy", true},
                   {"interval", true}, {"GFLOP/s", true},    {"GB/s", true},
                   {"blocks", true},   {"", false}};
    struct erg_listing table = {0};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        erg_listing_column(&table, columns[i].heading, columns[i].right);
    for (size_t i = 0; i < r->count; i++) {
        if (r->operations[i].chosen)
            put_operation(&table, &r->operations[i], r->llc_bytes);
    }
    int rc = erg_listing_write(&table, 0, text);
    erg_listing_deinit(&table);
    return rc;
}

static void put_fit(const struct erg_calibrate_result *r, struct erg_buf *text)
{
    const struct erg_activity_fit *fit = &r->fit;
    const struct erg_activity *a = &fit->activity, *low = &fit->low, *high = &fit->high;
    char why[256];
    if (r->has_fit) {
        erg_buf_puts(text, "Costs    ");
        put_cost(text, a->nj_per_flop * 1e3, low->nj_per_flop * 1e3, high->nj_per_flop * 1e3,
                 "pJ/FLOP");
        erg_buf_puts(text, ", ");
        put_cost(text, a->nj_per_byte * 1e3, low->nj_per_byte * 1e3, high->nj_per_byte * 1e3,
                 "pJ/byte");
        erg_buf_puts(text, ", ");
        put_cost(text, a->static_w, low->static_w, high->static_w, "J/s");
        erg_buf_printf(text,
                       "\n         fitted to %zu blocks of %zu operations and %zu phases of "
                       "runs\n",
                       fit->blocks, fit->operations, fit->runs);
        if (isfinite(fit->error_ratio))
            erg_buf_printf(text,
                           "Error    %.1f %% on operations it was not fitted on (time alone: "
                           "%.1f %%)\n",
                           fit->error_ratio * 100, fit->time_error_ratio * 100);
    }
    bool is_default = erg_activity_is_default(r->sources, r->has_fit ? fit->error_ratio : NAN, why);
    erg_buf_printf(text, "Default  %s: %s\n", is_default ? "activity" : "time", why);
}

static void put_ratio(struct erg_buf *text, const char *name, double ratio)
{
    if (isfinite(ratio))
        erg_buf_printf(text, "%s %+.1f %%, ", name, ratio * 100);
    else
        erg_buf_printf(text, "%s –, ", name);
}

/* What may have been wrong with it: heat and caches. */
static void put_bias(const struct erg_calibrate_result *r, struct erg_buf *text)
{
    size_t warm = 0, cold = 0;
    char size[32];
    for (size_t i = 0; i < r->count; i++) {
        warm += r->operations[i].blocks && r->operations[i].warm;
        cold += r->operations[i].blocks && !r->operations[i].warm;
    }
    erg_buf_puts(text, "Drift    ");
    put_ratio(text, "power", r->power_drift_ratio);
    put_ratio(text, "time", r->time_drift_ratio);
    put_ratio(text, "idle", r->idle_drift_ratio);
    erg_buf_puts(text, "from the first to the last third of the blocks\n");
    erg_format_bytes((uint64_t)r->llc_bytes, size, sizeof size);
    if (!r->llc_bytes)
        erg_buf_puts(text, "Cache    its size is not known: small operations may be too fast\n");
    else if (warm)
        erg_buf_printf(text,
                       "Cache    * %zu of %zu operations fit into the cache of %s: in a real pass "
                       "others\n         evict them, so there they cost more (a larger model shows "
                       "how much)\n",
                       warm, warm + cold, size);
}

static int print_text(const struct erg_cli *cli, const struct erg_calibrate_result *r)
{
    struct erg_buf text = {0};
    struct erg_err err = {0};
    char a[ERG_UNIT_BYTES];
    erg_buf_printf(&text, "%s on %s, %lld threads, power from '%s' (%s)\n\n", r->model_name,
                   r->machine, (long long)r->threads, r->sources, erg_grade_name(r->grade));
    int rc = put_table(r, &text);
    erg_buf_printf(&text, "\nIdle     %s, which the net figures are without\n",
                   erg_show_power(r->idle_w.mean * 1e3, a));
    put_fit(r, &text);
    put_bias(r, &text);
    if (r->unreached)
        erg_buf_printf(&text, "Time     did not suffice for %zu operations (see --max-seconds)\n",
                       r->unreached);
    if (!rc)
        rc = erg_buf_status(&text);
    if (rc)
        erg_fail(&err, rc, "cannot print the calibration: %s", erg_code_text(rc));
    int status = rc ? erg_cli_fail(cli, &err) : erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

static int print_result(const struct erg_cli *cli, const struct erg_calibrate_result *r)
{
    if (!cli->globals.json)
        return print_text(cli, r);
    struct erg_jsonw w;
    struct erg_buf scratch = {0};
    erg_cli_json_begin(&w, &scratch);
    erg_calibrate_write(r, &w);
    int status = erg_cli_json_end(cli, &w);
    erg_buf_deinit(&scratch);
    return status;
}

static int status_of(const struct erg_cli *cli, const struct erg_calibrate_result *r)
{
    struct erg_err err = {0};
    if (r->store_failure) {
        erg_fail(&err, ERG_IO, "the calibration is not kept: %s", r->store_failure);
        erg_cli_fail(cli, &err);
    }
    if (strcmp(r->status, "cancelled") == 0) {
        erg_cli_note(cli, "cancelled: what is complete is kept");
        return ERG_EXIT_INCOMPLETE;
    }
    if (strcmp(r->status, "failed") == 0) {
        erg_fail(&err, r->failure_code, "the calibration broke off: %s", r->failure);
        int status = erg_cli_fail(cli, &err);
        return r->failure_code == ERG_GONE ? ERG_EXIT_INCOMPLETE : status;
    }
    return r->store_failure ? ERG_EXIT_DATA : ERG_EXIT_OK;
}

/* --- the command ------------------------------------------------------------------------------ */

static char *name_of_model(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash && strncmp(path, "synth:", 6) != 0 ? slash + 1 : path;
    size_t len = strlen(base);
    if (len > 5 && strcmp(base + len - 5, ".gguf") == 0)
        len -= 5;
    return erg_strndup(base, len);
}

static int find_model(struct erg_cli *cli, const char *model, char **out_path, struct erg_err *err)
{
    struct erg_model_dirs dirs;
    ERG_AUTO_FREE char *note = NULL;
    int rc = erg_cli_model_dirs(cli, &dirs, err);
    if (!rc)
        rc = erg_model_resolve(&dirs, model, out_path, &note, err);
    if (!rc && note)
        erg_cli_note(cli, "%s", note);
    return rc;
}

static int calibrate(struct erg_cli *cli, struct erg_calibrate_options *run)
{
    struct erg_calibrate_observer observer = {.user = cli,
                                              .stage = on_stage,
                                              .progress = on_progress,
                                              .warning = on_warning,
                                              .cancelled = on_cancelled,
                                              .choose = choose};
    struct erg_calibrate_result result;
    struct erg_err err = {0};
    erg_live_catch_interrupts();
    int rc = erg_calibrate(run, &observer, &result, &err);
    if (cli->term.err_is_terminal && !cli->globals.quiet)
        fputs("\r\033[K", stderr);
    int status;
    if (rc) {
        status = erg_cli_fail(cli, &err);
        status = result.power_unusable ? ERG_EXIT_POWER : status;
    } else {
        int printed = print_result(cli, &result);
        status = status_of(cli, &result);
        status = status ? status : printed;
    }
    erg_calibrate_result_deinit(&result);
    return status;
}

struct list {
    bool json;
    struct erg_jsonw w;
    struct erg_listing table;
};

static void put_known(struct erg_listing *table, double value, const char *unit)
{
    char a[ERG_UNIT_BYTES];
    erg_listing_cellf(table, "%s%s%s", erg_show_plain(value, a), isnan(value) ? "" : " ",
                      isnan(value) ? "" : unit);
}

static int add_calibration(void *user, const struct erg_calibration_row *row)
{
    struct list *list = user;
    if (list->json) {
        erg_jsonw_raw(&list->w, row->report_json);
        return 0;
    }
    erg_listing_cellf(&list->table, "%.19s", row->created_at);
    erg_listing_cell(&list->table, row->model_name);
    erg_listing_cell(&list->table, row->sources);
    erg_listing_cell(&list->table, row->status);
    put_known(&list->table, row->activity.nj_per_flop * 1e3, "pJ");
    put_known(&list->table, row->activity.nj_per_byte * 1e3, "pJ");
    put_known(&list->table, row->activity.static_w, "W");
    put_known(&list->table, row->error_ratio * 100, "%");
    erg_listing_cell(&list->table, row->machine);
    return 0;
}

static int put_list(struct erg_cli *cli, struct list *list, struct erg_err *err)
{
    struct erg_buf text = {0};
    if (!list->table.count) {
        erg_cli_note(cli, "no calibrations yet");
        return ERG_EXIT_OK;
    }
    int rc = erg_listing_write(&list->table, 0, &text);
    if (rc)
        erg_fail(err, rc, "cannot print the calibrations: %s", erg_code_text(rc));
    int status = rc ? erg_cli_fail(cli, err) : erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

static int print_list(struct erg_cli *cli)
{
    static const char *const headings[] = {"created at", "model",  "power", "status", "per FLOP",
                                           "per byte",   "static", "error", "machine"};
    struct list list = {.json = cli->globals.json};
    struct erg_buf scratch = {0};
    struct erg_store *store = NULL;
    struct erg_err err = {0};
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        erg_listing_column(&list.table, headings[i], i >= 4 && i < 8);
    if (list.json) {
        erg_cli_json_begin(&list.w, &scratch);
        erg_jsonw_arr_begin(&list.w);
    }
    int rc = erg_cli_open_store(cli, ERG_STORE_READ, &store, &err);
    if (!rc)
        rc = erg_store_calibrations(store, NULL, NULL, add_calibration, &list, &err);
    erg_store_close(store);
    int status;
    if (rc) {
        status = erg_cli_fail(cli, &err);
    } else if (list.json) {
        erg_jsonw_arr_end(&list.w);
        status = erg_cli_json_end(cli, &list.w);
    } else {
        status = put_list(cli, &list, &err);
    }
    erg_listing_deinit(&list.table);
    erg_buf_deinit(&scratch);
    return status;
}

static int run(struct erg_cli *cli)
{
    const struct options *o = cli->options;
    char store[ERG_MAX_PATH_BYTES], engine[ERG_MAX_PATH_BYTES + 16];
    struct erg_err err = {0};
    struct erg_root root;
    ERG_AUTO_FREE char *path = NULL;
    ERG_AUTO_FREE char *name = NULL;
    if (o->list)
        return print_list(cli);
    snprintf(engine, sizeof engine, "%s%s", o->engine ? o->engine : cli->program_dir,
             o->engine ? "" : "/ergon-llama");
    int rc = erg_cli_root(cli, &root, &err);
    if (!rc && !o->no_save)
        rc = erg_cli_store_path(cli, store, sizeof store, &err);
    if (!rc)
        rc = find_model(cli, o->model ? o->model : "tales", &path, &err);
    if (!rc && !(name = name_of_model(path)))
        rc = erg_fail(&err, ERG_NOMEM, "out of memory");
    if (rc)
        return erg_cli_fail(cli, &err);
    struct erg_calibrate_options calibration = {
        .engine_path = engine,
        .model_path = path,
        .model_name = name,
        .power_spec = o->power,
        .power_files_allowed = true,
        .threads = o->threads,
        .ci_ratio = o->ci_pct / 100,
        .max_ns = (int64_t)(o->max_seconds * 1e9),
        .root = &root,
        .clock = erg_clock_system(),
        .store_path = o->no_save ? NULL : store,
    };
    return calibrate(cli, &calibration);
}

const struct erg_command erg_cmd_calibrate = {
    .name = "calibrate",
    .summary = "measure what single operations cost on this machine",
    .usage = "[-m MODEL] [--operation NAME | --component NAME] [options]",
    .description =
        "Repeat single operations of a model in isolation, long enough for the power\n"
        "sensors, with idle time between, and so measure the energy of a FLOP, of a byte\n"
        "and of time. 'ergon show --attribution activity' splits energies by these costs.\n\n"
        "  ergon calibrate\n"
        "  ergon calibrate -m model.gguf --component down_proj --ci 2\n"
        "  ergon calibrate --list",
    .options = options,
    .options_bytes = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
