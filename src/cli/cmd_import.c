/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "record/session.h"

static int import_one(struct erg_cli *cli, const char *path, const char *store, struct erg_jsonw *w,
                      struct erg_buf *text)
{
    struct erg_run_result result = {0};
    struct erg_err err = {0};
    bool torn = false;
    int rc = erg_import(path, store, &result, &torn, &err);
    if (rc) {
        erg_run_result_deinit(&result);
        return erg_cli_fail(cli, &err);
    }
    if (torn)
        erg_cli_note(cli, "'%s' is cut off: the run is stored as far as it goes", path);
    if (w)
        erg_jsonw_raw(w, result.summary_json);
    else
        erg_buf_printf(text, "%s  %s  %s\n", result.id, result.status, path);
    erg_run_result_deinit(&result);
    return torn ? ERG_EXIT_INCOMPLETE : ERG_EXIT_OK;
}

static int run(struct erg_cli *cli)
{
    char store[ERG_MAX_PATH_BYTES];
    struct erg_err err = {0};
    struct erg_buf text = {0}, scratch = {0};
    struct erg_jsonw w;
    bool json = cli->globals.json;
    if (erg_cli_store_path(cli, store, sizeof store, &err))
        return erg_cli_fail(cli, &err);
    int status = ERG_EXIT_OK;
    if (json) {
        erg_cli_json_begin(&w, &scratch);
        erg_jsonw_arr_begin(&w);
    }
    for (size_t i = 0; i < cli->arg_count; i++) {
        int one = import_one(cli, cli->args[i], store, json ? &w : NULL, &text);
        status = one > status ? one : status;
    }
    int printed;
    if (json) {
        erg_jsonw_arr_end(&w);
        printed = erg_cli_json_end(cli, &w);
    } else {
        printed = erg_cli_put(cli, &text);
    }
    erg_buf_deinit(&text);
    erg_buf_deinit(&scratch);
    return status ? status : printed;
}

const struct erg_command erg_cmd_import = {
    .name = "import",
    .summary = "read .erg recordings into the store",
    .usage = "FILE.erg…",
    .min_args = 1,
    .max_args = 1000,
    .run = run,
};
