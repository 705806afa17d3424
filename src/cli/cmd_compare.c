/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/mem.h"
#include "cli/compare_table.h"
#include "export/compare_runs.h"

#include <stdlib.h>
#include <string.h>

struct options {
    struct erg_string_list metrics, limits;
};

static const struct erg_option options[] = {
    {.kind = ERG_OPT_LIST,
     .name = "metric",
     .value = "KEY",
     .help = "compare this figure, in place of the usual ones; several: KEY,KEY; all = every one",
     .offset = offsetof(struct options, metrics)},
    {.kind = ERG_OPT_LIST,
     .name = "fail-if",
     .value = "LIMIT",
     .help = "exit with 1 when a group is beyond it: joules_per_token+5%, tokens_per_second-5%",
     .offset = offsetof(struct options, limits)},
    {.kind = ERG_OPT_HEADING},
};

static int select_list(struct erg_compare *compare, const char *list, struct erg_err *err)
{
    char key[64];
    for (const char *at = list;; at++) {
        size_t len = strcspn(at, ",");
        size_t kept = len < sizeof key ? len : sizeof key - 1;
        memcpy(key, at, kept);
        key[kept] = '\0';
        int rc = 0;
        if (strcmp(key, "all") == 0)
            memset(compare->selected, true, sizeof compare->selected);
        else
            rc = erg_compare_select(compare, key, err);
        at += len;
        if (rc || !*at)
            return rc;
    }
}

static int choose(struct erg_compare *compare, const struct options *o, struct erg_err *err)
{
    int rc = 0;
    if (!o->metrics.count)
        erg_compare_select_default(compare);
    for (size_t i = 0; i < o->metrics.count && !rc; i++)
        rc = select_list(compare, o->metrics.items[i], err);
    for (size_t i = 0; i < o->limits.count && !rc; i++)
        rc = erg_compare_add_gate(compare, o->limits.items[i], err);
    return rc;
}

static int read_groups(struct erg_cli *cli, struct erg_compare *compare, struct erg_err *err)
{
    struct erg_store *store = NULL;
    int rc = erg_cli_open_store(cli, ERG_STORE_READ, &store, err);
    for (size_t i = 0; i < cli->arg_count && !rc; i++)
        rc = erg_compare_add_group(compare, store, cli->args[i], err);
    if (!rc)
        rc = erg_compare_load_tokens(compare, store, err);
    erg_store_close(store);
    return rc;
}

static int print(struct erg_cli *cli, const struct erg_compare *compare)
{
    struct erg_err err = {0};
    struct erg_buf text = {0};
    int status;
    if (cli->globals.json) {
        struct erg_jsonw w;
        erg_cli_json_begin(&w, &text);
        erg_compare_write(compare, &w);
        status = erg_cli_json_end(cli, &w);
    } else {
        int rc = erg_compare_write_text(compare, &text);
        if (rc)
            erg_fail(&err, rc, "cannot print the comparison: %s", erg_code_text(rc));
        status = rc ? erg_cli_fail(cli, &err) : erg_cli_put(cli, &text);
    }
    erg_buf_deinit(&text);
    return status;
}

/* The exit status of the limits: what is not known must not pass for good. */
static int judge(struct erg_cli *cli, const struct erg_compare *compare)
{
    int status = ERG_EXIT_OK;
    for (size_t i = 0; i < compare->gate_count; i++) {
        for (size_t g = 1; g < compare->group_count; g++) {
            enum erg_compare_outcome outcome = compare->verdicts[i][g].outcome;
            if (outcome == ERG_GATE_FAIL)
                return ERG_EXIT_NEGATIVE;
            if (outcome != ERG_GATE_UNKNOWN)
                continue;
            struct erg_err err = {0};
            char text[320];
            erg_compare_verdict_text(compare, i, g, text);
            erg_fail(&err, ERG_NOT_FOUND, "%s", text);
            status = erg_cli_fail(cli, &err);
        }
    }
    return status;
}

static int run(struct erg_cli *cli)
{
    struct erg_err err = {0};
    struct erg_compare *compare = erg_calloc(1, sizeof *compare);
    if (!compare) {
        erg_fail(&err, ERG_NOMEM, "cannot compare: out of memory");
        return erg_cli_fail(cli, &err);
    }
    int status;
    if (choose(compare, cli->options, &err))
        status = erg_cli_usage(cli, "%s", err.text);
    else if (read_groups(cli, compare, &err) || erg_compare_calculate(compare, &err))
        status = erg_cli_fail(cli, &err);
    else
        status = print(cli, compare);
    if (status == ERG_EXIT_OK)
        status = judge(cli, compare);
    erg_compare_deinit(compare);
    free(compare);
    return status;
}

const struct erg_command erg_cmd_compare = {
    .name = "compare",
    .summary = "compare runs, or groups of repeated runs",
    .usage = "RUN RUN… [options]",
    .description =
        "Compare two to four runs or groups of runs in figures per token, with intervals\n"
        "and tests. A RUN is an id, the beginning of one, 'last', several as ID,ID,\n"
        "tag:NAME or experiment:NAME; the first is the baseline. Tests need several runs\n"
        "of each: 'ergon run --repeat 10 --tag NAME'. What the numbers mean: docs/compare.md.",
    .options = options,
    .options_bytes = sizeof(struct options),
    .min_args = 2,
    .max_args = ERG_COMPARE_GROUPS,
    .run = run,
};
