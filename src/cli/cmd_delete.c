/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    int64_t older_than_ns;
};

static const struct erg_option options[] = {
    {.kind = ERG_OPT_DURATION,
     .name = "older-than",
     .value = "TIME",
     .max = INT64_MAX,
     .help = "every finished run older than this: 30d, 12h",
     .offset = offsetof(struct options, older_than_ns)},
    {.kind = ERG_OPT_HEADING},
};

static const struct options defaults = {.older_than_ns = -1};

struct deleted {
    char **ids;
    size_t count;
};

static bool is_among(char *const *ids, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(ids[i], id) == 0)
            return true;
    }
    return false;
}

static int delete_named(struct erg_cli *cli, struct erg_store *store, struct deleted *deleted,
                        struct erg_err *err)
{
    /* All names are looked up before anything is removed: "last" must not move meanwhile. */
    for (size_t i = 0; i < cli->arg_count; i++) {
        int rc = erg_store_resolve(store, cli->args[i], &deleted->ids[i], err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < cli->arg_count; i++) {
        if (is_among(deleted->ids, i, deleted->ids[i]))
            continue;
        int rc = erg_store_delete(store, deleted->ids[i], err);
        if (rc)
            return rc;
        deleted->count++;
    }
    return 0;
}

static int collect(void *user, const struct erg_run_row *row)
{
    struct erg_jsonw *w = user;
    if (strcmp(row->status, "running") != 0)
        erg_jsonw_str(w, row->id);
    return 0;
}

static int delete_old(struct erg_store *store, int64_t age_ns, struct erg_jsonw *w, int *out_count,
                      struct erg_err *err)
{
    char cutoff[40];
    erg_when_ago(age_ns, erg_clock_system(), cutoff);
    struct erg_run_filter filter = {.until = cutoff, .limit = -1};
    int rc = erg_store_runs(store, &filter, collect, w, err);
    return rc ? rc : erg_store_delete_before(store, cutoff, out_count, err);
}

static int print_result(struct erg_cli *cli, struct erg_jsonw *w, int count)
{
    if (!cli->globals.json) {
        struct erg_buf text = {0};
        erg_buf_printf(&text, "%d run%s deleted\n", count, count == 1 ? "" : "s");
        int status = erg_cli_put(cli, &text);
        erg_buf_deinit(&text);
        return status;
    }
    struct erg_buf text = {0};
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
    erg_buf_puts(&text, erg_buf_view(w->buf));
    erg_buf_putc(&text, '\n');
    int status = erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

static int run_on(struct erg_cli *cli, struct erg_store *store)
{
    const struct options *o = cli->options;
    struct erg_err err = {0};
    struct erg_buf json = {0};
    struct erg_jsonw w;
    struct deleted deleted = {erg_calloc(cli->arg_count + 1, sizeof(char *)), 0};
    int count = 0, rc = deleted.ids ? 0 : erg_fail(&err, ERG_NOMEM, "out of memory");
    erg_jsonw_init(&w, &json);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_key(&w, "deleted");
    erg_jsonw_arr_begin(&w);
    if (!rc && cli->arg_count) {
        rc = delete_named(cli, store, &deleted, &err);
        count = (int)deleted.count;
        for (size_t i = 0; !rc && i < cli->arg_count; i++) {
            if (!is_among(deleted.ids, i, deleted.ids[i]))
                erg_jsonw_str(&w, deleted.ids[i]);
        }
    }
    if (!rc && o->older_than_ns >= 0) {
        int old = 0;
        rc = delete_old(store, o->older_than_ns, &w, &old, &err);
        count += old;
    }
    int status = rc ? erg_cli_fail(cli, &err) : print_result(cli, &w, count);
    for (size_t i = 0; i < cli->arg_count && deleted.ids; i++)
        free(deleted.ids[i]);
    free(deleted.ids);
    erg_buf_deinit(&json);
    return status;
}

static int run(struct erg_cli *cli)
{
    const struct options *o = cli->options;
    struct erg_store *store = NULL;
    struct erg_err err = {0};
    if (!cli->arg_count && o->older_than_ns < 0)
        return erg_cli_usage(cli, "nothing to delete: name runs, or give --older-than TIME");
    /* Deleting must not create a store that is not there. */
    int rc = erg_cli_open_store(cli, ERG_STORE_READ, &store, &err);
    erg_store_close(store);
    store = NULL;
    if (!rc)
        rc = erg_cli_open_store(cli, ERG_STORE_WRITE, &store, &err);
    if (rc)
        return erg_cli_fail(cli, &err);
    int status = run_on(cli, store);
    erg_store_close(store);
    return status;
}

const struct erg_command erg_cmd_delete = {
    .name = "delete",
    .summary = "remove runs from the store",
    .usage = "RUN… [--older-than TIME]",
    .description =
        "Remove runs and everything measured in them, at once and for good. A RUN is an\n"
        "id, the beginning of one, or 'last'.",
    .options = options,
    .options_bytes = sizeof(struct options),
    .defaults = &defaults,
    .max_args = 1000,
    .run = run,
};
