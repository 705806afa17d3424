/* SPDX-License-Identifier: MIT */
#include "cli/run.h"

#include "base/num.h"
#include "cli/listing.h"
#include "cli/live.h"
#include "cli/repeat.h"
#include "cli/units.h"
#include "record/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The runs so far, and how they are printed. */
struct series {
    const struct erg_cli *cli;
    struct erg_session *session;
    struct erg_run_options run;
    int64_t warmup, most;
    bool until_enough;
    char first_id[40], experiment[64];
    struct erg_repeat repeat;
    size_t printed; /* runs */
    bool warned;
    struct erg_jsonw w;
    struct erg_buf scratch;
};

/* --- output: one line or one JSON object per run, as it ends ---------------------------------- */

/* A text in a column of the screen; the last one is not padded. */
static void put_column(struct erg_buf *line, const char *text, size_t columns, bool right)
{
    size_t width = erg_text_width(text, strlen(text));
    int blanks = width < columns ? (int)(columns - width) : 0;
    if (right)
        erg_buf_printf(line, "%*s%s  ", blanks, "", text);
    else
        erg_buf_printf(line, "%s%*s  ", text, blanks, "");
}

static void put_run_line(const char *number, const char *id, const char *const values[4],
                         const char *last, struct erg_buf *line)
{
    put_column(line, number, 4, true);
    put_column(line, id, 22, false);
    for (size_t i = 0; i < 4; i++)
        put_column(line, values[i], 12, true);
    erg_buf_printf(line, "%s\n", last);
}

static int print_line(struct series *series, const json_t *summary)
{
    static const char *const headings[] = {"energy", "per token", "tok/s", "first token"};
    char number[24], text[4][ERG_UNIT_BYTES];
    double per_token = erg_json_number(summary, "joules_per_token");
    const char *status = erg_json_text(summary, "status");
    bool complete = strcmp(status, "complete") == 0;
    struct erg_buf line = {0};
    snprintf(number, sizeof number, "%zu", series->printed + 1);
    const char *const values[] = {
        erg_show_energy(erg_json_number(summary, "total_energy_mj"), text[0]),
        erg_show_energy(per_token * 1000, text[1]),
        erg_show_plain(erg_json_number(summary, "tokens_per_second"), text[2]),
        erg_show_time(erg_json_number(summary, "time_to_first_token_ms"), text[3]),
    };
    if (!series->printed)
        put_run_line("run", "id", headings, "grade", &line);
    put_run_line(number, erg_json_text(summary, "id"), values,
                 complete ? erg_json_text(json_object_get(summary, "power"), "grade") : status,
                 &line);
    int rc = erg_cli_put(series->cli, &line);
    erg_buf_deinit(&line);
    return rc;
}

static int print_run(struct series *series, const char *summary_json, const json_t *summary)
{
    int status = ERG_EXIT_OK;
    if (!series->cli->globals.json) {
        status = series->cli->globals.quiet ? ERG_EXIT_OK : print_line(series, summary);
    } else {
        if (!series->printed) {
            erg_cli_json_begin(&series->w, &series->scratch);
            erg_jsonw_obj_begin(&series->w);
            erg_jsonw_kstr(&series->w, "experiment_name", series->run.experiment);
            erg_jsonw_kint(&series->w, "warmup", series->warmup);
            erg_jsonw_key(&series->w, "runs");
            erg_jsonw_arr_begin(&series->w);
        }
        erg_jsonw_raw(&series->w, summary_json);
    }
    series->printed++;
    return status;
}

static int print_end_json(struct series *series)
{
    erg_jsonw_arr_end(&series->w);
    if (series->until_enough)
        erg_jsonw_kbool(&series->w, "converged", erg_repeat_is_enough(&series->repeat));
    else
        erg_jsonw_knull(&series->w, "converged");
    erg_repeat_write_json(&series->repeat, &series->w);
    erg_jsonw_obj_end(&series->w);
    int status = erg_cli_json_end(series->cli, &series->w);
    erg_buf_deinit(&series->scratch);
    return status;
}

static int print_end(struct series *series)
{
    struct erg_buf text = {0};
    if (!series->printed)
        return ERG_EXIT_OK;
    if (series->cli->globals.json)
        return print_end_json(series);
    erg_buf_putc(&text, '\n');
    int rc = erg_repeat_write_table(&series->repeat, &text);
    erg_buf_printf(&text, "\nexperiment %s\n", series->run.experiment);
    text.status = text.status ? text.status : rc;
    int status = erg_cli_put(series->cli, &text);
    erg_buf_deinit(&text);
    return status;
}

/* --- running ---------------------------------------------------------------------------------- */

/* One run; its status, or the message of why there is none. */
static int run_quietly(struct series *series, struct erg_run_result *result)
{
    struct erg_run_observer observer;
    struct erg_live live;
    struct erg_err err = {0};
    erg_live_init(&live, series->cli, false, &observer);
    /* What the first run has said need not be said again. */
    if (series->warned)
        observer.warning = NULL;
    series->warned = true;
    int rc = erg_session_run(series->session, &series->run, &observer, result, &err);
    erg_live_end(&live);
    return rc ? erg_run_refused(series->cli, result, &err) : erg_run_status(series->cli, result);
}

/* Runs that leave no trace. */
static int warm_up(struct series *series)
{
    const char *store = series->run.store_path;
    int status = ERG_EXIT_OK;
    series->run.store_path = NULL;
    for (int64_t i = 0; i < series->warmup && !status; i++) {
        struct erg_run_result result = {0};
        status = erg_live_interrupted() ? ERG_EXIT_INCOMPLETE : run_quietly(series, &result);
        erg_run_result_deinit(&result);
    }
    series->run.store_path = store;
    return status;
}

/* The experiment bears the name of its first run unless it has one. */
static void name_experiment(struct series *series)
{
    const struct erg_clock *clock = erg_clock_system();
    erg_run_id(clock->wall_ns(clock->user), series->first_id);
    series->run.id = series->first_id;
    if (series->run.experiment)
        return;
    snprintf(series->experiment, sizeof series->experiment, "repeat-%s", series->first_id);
    series->run.experiment = series->experiment;
}

static int run_one(struct series *series)
{
    struct erg_run_result result = {0};
    struct erg_err err = {0};
    ERG_AUTO_JSON json_t *summary = NULL;
    int status = run_quietly(series, &result), printed = ERG_EXIT_OK;
    series->run.id = NULL;
    if (result.summary_json) {
        if (erg_json_load(result.summary_json, "the summary", &summary, &err))
            printed = erg_cli_fail(series->cli, &err);
        else
            printed = print_run(series, result.summary_json, summary);
    }
    if (summary && strcmp(result.status, "complete") == 0)
        erg_repeat_add(&series->repeat, summary);
    erg_run_result_deinit(&result);
    return status ? status : printed;
}

static void note_doubt(const struct series *series)
{
    enum erg_repeat_metric metric = erg_repeat_deciding(&series->repeat);
    struct erg_interval interval = erg_repeat_interval(&series->repeat, metric);
    char text[ERG_UNIT_BYTES];
    if (series->until_enough && !erg_repeat_is_enough(&series->repeat))
        erg_cli_note(series->cli, "stopped after %zu runs: the mean is known to ± %s only",
                     series->repeat.runs, erg_show_ratio(erg_interval_relative(&interval), text));
}

int erg_run_repeatedly(const struct erg_cli *cli, struct erg_session *session,
                       const struct erg_run_options *run)
{
    const struct erg_run_flags *flags = cli->options;
    struct series series = {
        .cli = cli,
        .session = session,
        .run = *run,
        .warmup = flags->warmup,
        .most = ERG_REPEAT_AUTO_MOST,
        .until_enough = strcmp(flags->repeat, "auto") == 0,
    };
    if (!series.until_enough)
        erg_parse_i64(flags->repeat, 1, ERG_MAX_REPEATS, &series.most, NULL);
    int status = warm_up(&series);
    if (status)
        return status;
    name_experiment(&series);
    for (int64_t i = 0; i < series.most && !status; i++) {
        if (series.until_enough && erg_repeat_is_enough(&series.repeat))
            break;
        status = erg_live_interrupted() ? ERG_EXIT_INCOMPLETE : run_one(&series);
    }
    int printed = print_end(&series);
    if (!status)
        note_doubt(&series);
    return status ? status : printed;
}
