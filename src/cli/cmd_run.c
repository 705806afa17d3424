/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/mem.h"
#include "cli/live.h"
#include "cli/prompt.h"
#include "cli/report.h"
#include "cli/run.h"
#include "model/blueprint.h"

#include <stdlib.h>
#include <string.h>

/* Path of the model; a damaged file is refused here, with a better reason than the engine has. */
static int find_model(struct erg_cli *cli, const char *model, char **out_path, struct erg_err *err)
{
    struct erg_model_dirs dirs;
    struct erg_model_info info;
    ERG_AUTO_FREE char *note = NULL;
    char *path = NULL;
    int rc = erg_cli_model_dirs(cli, &dirs, err);
    if (!rc)
        rc = erg_model_resolve(&dirs, model, &path, &note, err);
    if (!rc)
        rc = erg_model_read(path, &info, err);
    if (rc) {
        free(path);
        return rc;
    }
    if (note)
        erg_cli_note(cli, "%s", note);
    *out_path = path;
    return 0;
}

/* --- what came of it -------------------------------------------------------------------------- */

static const char *name_of(void *user, uint16_t id)
{
    const struct erg_run_result *result = user;
    return id < result->name_count ? result->names[id] : NULL;
}

static int print_report(struct erg_cli *cli, struct erg_run_result *result)
{
    struct erg_err err = {0};
    struct erg_buf text = {0};
    ERG_AUTO_JSON json_t *summary = NULL;
    int rc = erg_json_load(result->summary_json, "the summary", &summary, &err);
    if (rc)
        return erg_cli_fail(cli, &err);
    struct erg_report report = {
        .summary = summary,
        .rollup = result->rollup,
        .names = name_of,
        .names_user = result,
        .top = 10,
        .term = &cli->term,
    };
    erg_buf_putc(&text, '\n');
    rc = erg_report_write(&report, &text, &err);
    int status = rc ? erg_cli_fail(cli, &err) : erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

static int print_json(struct erg_cli *cli, const struct erg_run_result *result)
{
    struct erg_buf text = {0};
    erg_buf_puts(&text, result->summary_json);
    erg_buf_putc(&text, '\n');
    int status = erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

int erg_run_status(const struct erg_cli *cli, const struct erg_run_result *result)
{
    struct erg_err err = {0};
    if (result->store_failure) {
        erg_fail(&err, ERG_IO, "%s", result->store_failure);
        erg_cli_fail(cli, &err);
    }
    if (strcmp(result->status, "cancelled") == 0) {
        erg_cli_note(cli, "cancelled: what was measured is kept");
        return ERG_EXIT_INCOMPLETE;
    }
    if (strcmp(result->status, "complete") == 0)
        return result->store_failure ? ERG_EXIT_DATA : ERG_EXIT_OK;
    erg_fail(&err, result->failure_code, "the run failed: %s",
             result->failure ? result->failure : result->status);
    erg_cli_fail(cli, &err);
    bool died = result->failure_code == ERG_GONE || result->failure_code == 0;
    return died ? ERG_EXIT_INCOMPLETE : ERG_EXIT_DATA;
}

int erg_run_refused(const struct erg_cli *cli, const struct erg_run_result *result,
                    const struct erg_err *err)
{
    int status = erg_cli_fail(cli, err);
    return result->power_unusable ? ERG_EXIT_POWER : status;
}

static int run_once(struct erg_cli *cli, struct erg_session *session,
                    const struct erg_run_options *run)
{
    struct erg_run_observer observer;
    struct erg_live live;
    struct erg_run_result result = {0};
    struct erg_err err = {0};
    erg_live_init(&live, cli, !cli->globals.json, &observer);
    int rc = erg_session_run(session, run, &observer, &result, &err);
    erg_live_end(&live);
    if (rc) {
        int status = erg_run_refused(cli, &result, &err);
        erg_run_result_deinit(&result);
        return status;
    }
    int printed = ERG_EXIT_OK;
    if (cli->globals.json)
        printed = print_json(cli, &result);
    else if (!cli->globals.quiet)
        printed = print_report(cli, &result);
    int status = erg_run_status(cli, &result);
    erg_run_result_deinit(&result);
    return status ? status : printed;
}

static int run_prompts(struct erg_cli *cli, struct erg_session *session,
                       struct erg_run_options *run, const struct erg_prompts *prompts)
{
    const struct erg_run_flags *flags = cli->options;
    if (flags->repeat) {
        run->prompt = prompts->count ? prompts->items[0] : NULL;
        return erg_run_repeatedly(cli, session, run);
    }
    if (!prompts->count)
        return run_once(cli, session, run);
    int status = ERG_EXIT_OK;
    for (size_t i = 0; i < prompts->count && !erg_live_interrupted(); i++) {
        run->prompt = prompts->items[i];
        int one = run_once(cli, session, run);
        status = one > status ? one : status;
        if (one == ERG_EXIT_USAGE || one == ERG_EXIT_POWER)
            break;
    }
    return status;
}

static int run_session(struct erg_cli *cli, struct erg_run_options *run,
                       const struct erg_prompts *prompts)
{
    const struct erg_run_flags *o = cli->options;
    struct erg_err err = {0};
    struct erg_root root;
    struct erg_session *session = NULL;
    char store[ERG_MAX_PATH_BYTES];
    int rc = erg_cli_root(cli, &root, &err);
    if (!rc && !o->no_save)
        rc = erg_cli_store_path(cli, store, sizeof store, &err);
    if (rc)
        return erg_cli_fail(cli, &err);
    run->store_path = o->no_save ? NULL : store;
    struct erg_session_options session_options = {
        .engine_path = o->engine,
        .root = &root,
        .clock = erg_clock_system(),
    };
    erg_live_catch_interrupts();
    rc = erg_session_open(&session, &session_options, &err);
    if (rc)
        return erg_cli_fail(cli, &err);
    int status = run_prompts(cli, session, run, prompts);
    erg_session_close(session);
    return status;
}

static int run(struct erg_cli *cli)
{
    const struct erg_run_flags *o = cli->options;
    struct erg_run_options run;
    struct erg_profile profile;
    struct erg_prompts prompts = {0};
    struct erg_err err = {0};
    ERG_AUTO_FREE char *path = NULL;
    if (strcmp(o->grid, "list") == 0)
        return erg_run_list_regions(cli);
    int status = erg_run_options_make(cli, o, &profile, &run);
    if (status)
        return status;
    bool from_stdin = o->prompt && strcmp(o->prompt, "-") == 0;
    int rc = 0;
    if (!o->prompt_tokens)
        rc = erg_prompts_read(&prompts, from_stdin ? NULL : o->prompt, from_stdin ? "-" : o->file,
                              o->lines, &err);
    if (!rc)
        rc = find_model(cli, o->model, &path, &err);
    run.model_path = path;
    status = rc ? erg_cli_fail(cli, &err) : run_session(cli, &run, &prompts);
    erg_prompts_deinit(&prompts);
    return status;
}

const struct erg_command erg_cmd_run = {
    .name = "run",
    .summary = "profile a prompt on a model",
    .usage = "-m MODEL -p PROMPT [options]",
    .description =
        "Run a prompt, measure the machine's power meanwhile, print the text as it is\n"
        "generated and then where the energy went.\n\n"
        "  ergon run -m tales -p \"Once upon a time\"\n"
        "  ergon run -m model.gguf -f prompts.txt --lines --tag batch --json\n"
        "  ergon run -m tales -p \"Once upon a time\" --warmup 1 --repeat auto\n"
        "  ergon run -m synth:llama-3.2-1b:q4_0 --prompt-tokens 64   (see 'ergon synth')\n\n"
        "With --repeat auto runs go on until the 95 % interval of J/token (without power:\n"
        "of tokens per second) is within 2 % of its mean and prefill and decode, over all\n"
        "runs, last ten readings of the sensor: at least 3 runs, at most 50.\n\n"
        "What profiling costs is measured in every run: about one token of 16 runs bare and\n"
        "is compared with the others. Keys of --profile: capture_activations,\n"
        "deep_profiling, power_sample_interval_ms, sample_every=N (1 of N tokens in full),\n"
        "layers=0,8,16 or layer_stride=N (statistics of these only), bare_every=N (0 = no\n"
        "comparison), sparsity_threshold, attention_sparsity_threshold, flash_attention,\n"
        "instrument=auto|trace|observe.",
    .options = erg_run_option_table,
    .options_bytes = sizeof(struct erg_run_flags),
    .defaults = &erg_run_flag_defaults,
    .run = run,
};
