/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/mem.h"
#include "cli/experts.h"
#include "cli/report.h"
#include "cli/show.h"
#include "stream/taxonomy.h"

#include <stdlib.h>
#include <string.h>

static const char by_choices[] = "phase|section|token|layer|component|operation|domain|expert";
static const char metric_choices[] =
    "energy|time|power|count|flops|bytes|activation_mean|activation_std|activation_max|"
    "activation_sparsity|activation_kill_ratio|variance_ratio|attention_entropy|"
    "max_attention_weight|attention_sparsity";

#define FIELD(name) .offset = offsetof(struct erg_show_options, name)

static const struct erg_option options[] = {
    {.kind = ERG_OPT_CHOICE,
     .name = "by",
     .value = "WHAT",
     .choices = by_choices,
     .help = "phase, section, token, layer, component, operation, domain or expert",
     FIELD(by)},
    {.kind = ERG_OPT_INT,
     .name = "token",
     .value = "N",
     .max = ERG_MAX_TOKENS,
     .help = "only the pass of token N (as numbered by --by token)",
     FIELD(token)},
    {.kind = ERG_OPT_CHOICE,
     .name = "phase",
     .value = "PHASE",
     .choices = "pre_inference|prefill|decode|post_inference",
     .help = "only this phase",
     FIELD(phase)},
    {.kind = ERG_OPT_CHOICE,
     .name = "metric",
     .value = "METRIC",
     .choices = metric_choices,
     .help = "what to sort by: energy, time, power, count, flops, bytes, activation_… or "
             "attention_…",
     FIELD(metric)},
    {.kind = ERG_OPT_CHOICE,
     .name = "attribution",
     .value = "MODEL",
     .choices = "time|activity|both",
     .help = "split energies by time, by activity (FLOPs, bytes, time), or compare both",
     FIELD(attribution)},
    {.kind = ERG_OPT_INT,
     .name = "top",
     .value = "N",
     .min = 1,
     .max = INT32_MAX,
     .help = "only the first N rows, largest first",
     FIELD(top)},
    {.kind = ERG_OPT_HEADING},
};

static const struct erg_show_options defaults = {.token = -1};

static const char *name_of(void *user, uint16_t id)
{
    return erg_store_name(user, id);
}

static int add_pass(void *user, const struct erg_pass_row *row)
{
    return erg_rollup_add(user, row, NULL);
}

static int write_report(struct erg_cli *cli, struct erg_store *store, const char *id,
                        const json_t *summary, const struct erg_split *split, struct erg_err *err,
                        struct erg_buf *out)
{
    const struct erg_show_options *o = cli->options;
    struct erg_rollup *rollup = NULL;
    int rc = erg_rollup_new(
        &rollup, ERG_BY_PHASE | ERG_BY_LAYER | ERG_BY_COMPONENT | ERG_UNPROFILED_APART, err);
    if (!rc) {
        erg_rollup_attribute(rollup, erg_split_model(split));
        rc = erg_store_passes(store, id, true, add_pass, rollup, err);
    }
    if (!rc)
        erg_split_tell_fallbacks(cli, erg_rollup_fallbacks(rollup));
    struct erg_report report = {
        .summary = summary,
        .rollup = rollup,
        .names = name_of,
        .names_user = store,
        .top = o->top ? (size_t)o->top : 10,
        .term = &cli->term,
    };
    if (!rc)
        rc = erg_report_write(&report, out, err);
    erg_rollup_free(rollup);
    return rc;
}

static int print_whole(struct erg_cli *cli, struct erg_store *store, const char *id,
                       const char *summary_json, const json_t *summary,
                       const struct erg_split *split)
{
    struct erg_err err = {0};
    struct erg_buf text = {0};
    int rc = 0;
    if (cli->globals.json) {
        erg_buf_puts(&text, summary_json);
        erg_buf_putc(&text, '\n');
    } else {
        rc = write_report(cli, store, id, summary, split, &err, &text);
    }
    int status = rc ? erg_cli_fail(cli, &err) : erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

static bool is_whole(const struct erg_show_options *o)
{
    return !o->by && o->token < 0 && !o->phase && !o->metric;
}

static int show_run(struct erg_cli *cli, struct erg_store *store)
{
    const struct erg_show_options *o = cli->options;
    struct erg_err err = {0};
    ERG_AUTO_FREE char *id = NULL;
    ERG_AUTO_FREE char *summary_json = NULL;
    ERG_AUTO_JSON json_t *summary = NULL;
    int rc = erg_store_resolve(store, cli->args[0], &id, &err);
    if (!rc)
        rc = erg_store_summary(store, id, &summary_json, &err);
    if (!rc)
        rc = erg_json_load(summary_json, "the summary", &summary, &err);
    if (!rc && o->by && strcmp(o->by, "expert") == 0)
        return erg_show_experts(cli, store, id);
    bool whole = is_whole(o);
    struct erg_split split = {0};
    if (!rc && (whole ? !cli->globals.json : erg_show_is_split(o)))
        rc = erg_split_choose(cli, store, summary_json, o->attribution, &split, &err);
    if (rc)
        return erg_cli_fail(cli, &err);
    return whole ? print_whole(cli, store, id, summary_json, summary, &split)
                 : erg_show_table(cli, store, id, summary, &split);
}

static int check_options(struct erg_cli *cli, const struct erg_show_options *o)
{
    bool inside = !o->by || strcmp(o->by, "layer") == 0 || strcmp(o->by, "component") == 0 ||
                  strcmp(o->by, "operation") == 0 || strcmp(o->by, "expert") == 0;
    if (o->token >= 0 && !inside)
        return erg_cli_usage(cli, "--token goes with --by layer, component, operation or expert");
    if (o->token >= 0 && o->phase)
        return erg_cli_usage(cli, "only one of --token and --phase can be given");
    bool both = o->attribution && strcmp(o->attribution, "both") == 0;
    bool report = is_whole(o) && !cli->globals.json && !both;
    if (o->attribution && !report && (is_whole(o) || !erg_show_is_split(o)))
        return erg_cli_usage(cli, "--attribution%s goes with --by layer, component or operation",
                             both ? " both" : "");
    if (o->phase && o->by && strcmp(o->by, "domain") == 0)
        return erg_cli_usage(cli, "--phase does not go with --by domain");
    return ERG_EXIT_OK;
}

static int run(struct erg_cli *cli)
{
    struct erg_store *store = NULL;
    struct erg_err err = {0};
    int status = check_options(cli, cli->options);
    if (status)
        return status;
    if (erg_cli_open_store(cli, ERG_STORE_READ, &store, &err))
        return erg_cli_fail(cli, &err);
    status = show_run(cli, store);
    erg_store_close(store);
    return status;
}

const struct erg_command erg_cmd_show = {
    .name = "show",
    .summary = "where the energy of a stored run went",
    .usage = "RUN [--by WHAT] [options]",
    .description =
        "Print the report of a run, or one table of it. A RUN is an id, the beginning of\n"
        "one, or 'last'.\n\n"
        "  ergon show last\n"
        "  ergon show last --by layer --phase decode\n"
        "  ergon show last --token 12 --by operation --top 10\n"
        "  ergon show last --by operation --attribution both",
    .options = options,
    .options_bytes = sizeof(struct erg_show_options),
    .defaults = &defaults,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
