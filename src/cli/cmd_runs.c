/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/when.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/units.h"
#include "export/brief.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *model, *tag, *experiment, *since, *until, *search, *sort;
    int64_t limit;
};

#define FIELD(name) .offset = offsetof(struct options, name)

static const struct erg_option options[] = {
    {.kind = ERG_OPT_STRING,
     .letter = 'm',
     .name = "model",
     .value = "NAME",
     .help = "of this model",
     FIELD(model)},
    {.kind = ERG_OPT_STRING, .name = "tag", .value = "T", .help = "with this tag", FIELD(tag)},
    {.kind = ERG_OPT_STRING,
     .name = "experiment",
     .value = "NAME",
     .help = "of this experiment",
     FIELD(experiment)},
    {.kind = ERG_OPT_STRING,
     .name = "since",
     .value = "WHEN",
     .help = "begun at this time or later: 2026-11-20, or 2h, 30d ago",
     FIELD(since)},
    {.kind = ERG_OPT_STRING,
     .name = "until",
     .value = "WHEN",
     .help = "begun before this time",
     FIELD(until)},
    {.kind = ERG_OPT_STRING,
     .name = "search",
     .value = "TEXT",
     .help = "with this text in prompt, response or model name",
     FIELD(search)},
    {.kind = ERG_OPT_STRING,
     .name = "sort",
     .value = "KEY",
     .help = "order; '-' in front = largest first [-created_at]",
     FIELD(sort)},
    {.kind = ERG_OPT_INT,
     .letter = 'n',
     .name = "limit",
     .value = "N",
     .min = 0,
     .max = INT32_MAX,
     .help = "at most N runs [20; with --json all]",
     FIELD(limit)},
    {.kind = ERG_OPT_HEADING},
};

static const struct options defaults = {.limit = -1};

enum { TABLE_LIMIT = 20 };

static int check_sort(struct erg_cli *cli, const char *sort)
{
    const char *const *keys = erg_store_sort_keys();
    const char *key = sort && *sort == '-' ? sort + 1 : sort;
    if (!sort)
        return ERG_EXIT_OK;
    for (size_t i = 0; keys[i]; i++) {
        if (strcmp(keys[i], key) == 0)
            return ERG_EXIT_OK;
    }
    const char *near = erg_nearest(key, keys);
    struct erg_buf list = {0};
    for (size_t i = 0; keys[i]; i++)
        erg_buf_printf(&list, "%s%s", i ? ", " : "", keys[i]);
    int status = near ? erg_cli_usage(cli, "cannot sort by '%.64s': did you mean '%s'?", key, near)
                      : erg_cli_usage(cli, "cannot sort by '%.64s'; possible are %s", key,
                                      erg_buf_view(&list));
    erg_buf_deinit(&list);
    return status;
}

/* What an energy is worth: from which sources it is. */
static void put_sources(struct erg_listing *table, const json_t *sources)
{
    struct erg_buf names = {0};
    size_t i;
    const json_t *source;
    json_array_foreach(sources, i, source)
    {
        if (json_is_string(source))
            erg_buf_printf(&names, "%s%s", names.len ? "+" : "", json_string_value(source));
    }
    erg_listing_cell(table, names.len ? erg_buf_view(&names) : "–");
    erg_buf_deinit(&names);
}

static int add_row(void *user, const struct erg_run_row *row)
{
    struct erg_listing *table = user;
    char a[ERG_UNIT_BYTES];
    ERG_AUTO_JSON json_t *summary = NULL;
    struct erg_err err;
    if (erg_json_load(row->summary_json ? row->summary_json : "{}", "a summary", &summary, &err))
        summary = json_object();
    bool known = erg_energy_known(&row->energy);
    double mj = known ? (double)erg_energy_total_nj(&row->energy) / 1e6 : NAN;
    double per_token = erg_json_number(summary, "joules_per_token");
    erg_listing_cell(table, row->id);
    erg_listing_cellf(table, "%.10s %.5s", row->created_at,
                      strlen(row->created_at) > 16 ? row->created_at + 11 : "");
    erg_listing_cell(table, row->model_name ? row->model_name : "");
    erg_listing_cell(table, row->status);
    erg_listing_cell(table, erg_show_count((double)row->output_tokens, a));
    erg_listing_cell(table, erg_show_time((double)row->duration_ns / 1e6, a));
    erg_listing_cell(table, erg_show_energy(mj, a));
    erg_listing_cell(table, erg_show_energy(per_token * 1000, a));
    put_sources(table, json_object_get(json_object_get(summary, "power"), "sources"));
    erg_listing_cell(table, row->prompt ? row->prompt : "");
    return table->status;
}

static int print_table(struct erg_cli *cli, struct erg_store *store,
                       const struct erg_run_filter *filter)
{
    static const struct {
        const char *heading;
        bool right;
        size_t cut_at;
    } columns[] = {
        {"run", false, 0},    {"begun", false, 0},   {"model", false, 16}, {"status", false, 0},
        {"tokens", true, 0},  {"time", true, 0},     {"energy", true, 0},  {"per token", true, 0},
        {"power", false, 12}, {"prompt", false, 20},
    };
    struct erg_listing table = {0};
    struct erg_buf text = {0};
    struct erg_err err = {0};
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
        table.cut_at[c] = columns[c].cut_at;
        erg_listing_column(&table, columns[c].heading, columns[c].right);
    }
    int rc = erg_store_runs(store, filter, add_row, &table, &err);
    if (!rc)
        rc = erg_listing_write(&table, 0, &text);
    int status = ERG_EXIT_OK;
    if (rc) {
        if (!err.code)
            erg_fail(&err, rc, "cannot list the runs: %s", erg_code_text(rc));
        status = erg_cli_fail(cli, &err);
    } else if (!table.count) {
        erg_cli_note(cli, "no runs (to make one: ergon run -m MODEL -p PROMPT)");
    } else {
        status = erg_cli_put(cli, &text);
    }
    if (!rc && (int64_t)(table.count / table.columns) == filter->limit)
        erg_cli_note(cli, "the first %lld; more with --limit N", (long long)filter->limit);
    erg_listing_deinit(&table);
    erg_buf_deinit(&text);
    return status;
}

static int put_summary(void *user, const struct erg_run_row *row)
{
    struct erg_jsonw *w = user;
    struct erg_buf text = {0};
    erg_summary_brief(row->summary_json ? row->summary_json : "{}", &text);
    int rc = erg_buf_status(&text);
    if (!rc)
        erg_jsonw_raw(w, erg_buf_view(&text));
    erg_buf_deinit(&text);
    return rc;
}

static int print_json(struct erg_cli *cli, struct erg_store *store,
                      const struct erg_run_filter *filter)
{
    struct erg_jsonw w;
    struct erg_buf scratch = {0};
    struct erg_err err = {0};
    erg_cli_json_begin(&w, &scratch);
    erg_jsonw_arr_begin(&w);
    int rc = erg_store_runs(store, filter, put_summary, &w, &err);
    erg_jsonw_arr_end(&w);
    int status = erg_cli_json_end(cli, &w);
    erg_buf_deinit(&scratch);
    return rc ? erg_cli_fail(cli, &err) : status;
}

static int run(struct erg_cli *cli)
{
    const struct options *o = cli->options;
    struct erg_err err = {0};
    struct erg_store *store = NULL;
    char since[40], until[40];
    int status = check_sort(cli, o->sort);
    if (status)
        return status;
    if ((o->since && erg_when_parse(o->since, erg_clock_system(), since, &err)) ||
        (o->until && erg_when_parse(o->until, erg_clock_system(), until, &err)))
        return erg_cli_usage(cli, "%s", err.text);
    struct erg_run_filter filter = {
        .model = o->model,
        .tag = o->tag,
        .experiment = o->experiment,
        .since = o->since ? since : NULL,
        .until = o->until ? until : NULL,
        .search = o->search,
        .sort = o->sort,
        .limit = o->limit >= 0 || cli->globals.json ? o->limit : TABLE_LIMIT,
    };
    int rc = erg_cli_open_store(cli, ERG_STORE_READ, &store, &err);
    if (rc)
        return erg_cli_fail(cli, &err);
    status = cli->globals.json ? print_json(cli, store, &filter) : print_table(cli, store, &filter);
    erg_store_close(store);
    return status;
}

const struct erg_command erg_cmd_runs = {
    .name = "runs",
    .summary = "list stored runs",
    .usage = "[options]",
    .options = options,
    .options_bytes = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
