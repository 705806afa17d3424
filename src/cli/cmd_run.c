/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/mem.h"
#include "cli/live.h"
#include "cli/prompt.h"
#include "cli/report.h"
#include "model/gguf.h"
#include "record/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *model, *prompt, *file;
    bool chat, no_bos, lines, ignore_eos, no_mmap, no_save;
    int64_t tokens, ctx, batch, ubatch, threads, threads_batch, prompt_tokens;
    double temperature, top_p;
    int64_t top_k, seed;
    const char *flash_attn, *cache_type_k, *cache_type_v, *mode, *power;
    int64_t power_interval_ms;
    double idle_seconds;
    struct erg_string_list tags;
    const char *experiment, *record;
    const char *grid;
    double g_per_kwh, usd_per_kwh;
    const char *engine, *device;
    int64_t gpu_layers;
};

#define CACHE_TYPES "f32|f16|bf16|q8_0|q4_0|q4_1|iq4_nl|q5_0|q5_1"
#define FIELD(name) .offset = offsetof(struct options, name)

static const struct erg_option options[] = {
    {.kind = ERG_OPT_HEADING, .help = "What to run:"},
    {.kind = ERG_OPT_STRING,
     .letter = 'm',
     .name = "model",
     .value = "FILE|NAME",
     .help = "GGUF file, or the name of one in the models folder",
     FIELD(model)},
    {.kind = ERG_OPT_STRING,
     .letter = 'p',
     .name = "prompt",
     .value = "TEXT",
     .help = "the prompt; '-' reads it from standard input",
     FIELD(prompt)},
    {.kind = ERG_OPT_STRING,
     .letter = 'f',
     .name = "file",
     .value = "FILE",
     .help = "read the prompt from a file ('-' = standard input)",
     FIELD(file)},
    {.kind = ERG_OPT_FLAG,
     .name = "lines",
     .help = "every line of the file is a prompt of its own",
     FIELD(lines)},
    {.kind = ERG_OPT_INT,
     .name = "prompt-tokens",
     .value = "N",
     .min = 1,
     .max = ERG_MAX_TOKENS,
     .help = "a synthetic prompt of that length instead",
     FIELD(prompt_tokens)},
    {.kind = ERG_OPT_FLAG, .name = "chat", .help = "apply the model's chat template", FIELD(chat)},
    {.kind = ERG_OPT_FLAG, .name = "no-bos", .help = "no beginning-of-text token", FIELD(no_bos)},
    {.kind = ERG_OPT_INT,
     .letter = 'n',
     .name = "tokens",
     .value = "N",
     .min = 1,
     .max = ERG_MAX_TOKENS,
     .help = "tokens to generate [128]",
     FIELD(tokens)},
    {.kind = ERG_OPT_FLAG,
     .name = "ignore-eos",
     .help = "go on behind the end-of-text token",
     FIELD(ignore_eos)},

    {.kind = ERG_OPT_HEADING, .help = "How to choose tokens:"},
    {.kind = ERG_OPT_REAL,
     .name = "temp",
     .value = "X",
     .real_max = 100,
     .help = "temperature; 0 takes the likeliest token [0]",
     FIELD(temperature)},
    {.kind = ERG_OPT_INT,
     .name = "top-k",
     .value = "N",
     .max = INT32_MAX,
     .help = "among the N likeliest; 0 = all [40]",
     FIELD(top_k)},
    {.kind = ERG_OPT_REAL,
     .name = "top-p",
     .value = "X",
     .real_max = 1,
     .help = "among those that make up this probability [0.95]",
     FIELD(top_p)},
    {.kind = ERG_OPT_INT,
     .name = "seed",
     .value = "N",
     .max = UINT32_MAX,
     .help = "of the random choice [0]",
     FIELD(seed)},

    {.kind = ERG_OPT_HEADING, .help = "How to compute:"},
    {.kind = ERG_OPT_INT,
     .name = "ctx",
     .value = "N",
     .min = 1,
     .max = ERG_MAX_TOKENS,
     .help = "context size [prompt + tokens]",
     FIELD(ctx)},
    {.kind = ERG_OPT_INT,
     .name = "batch",
     .value = "N",
     .min = 1,
     .max = ERG_MAX_TOKENS,
     .help = "prompt tokens evaluated in one pass",
     FIELD(batch)},
    {.kind = ERG_OPT_INT,
     .name = "ubatch",
     .value = "N",
     .min = 1,
     .max = ERG_MAX_TOKENS,
     .help = "and in one step of the back end",
     FIELD(ubatch)},
    {.kind = ERG_OPT_INT,
     .letter = 't',
     .name = "threads",
     .value = "N",
     .min = 1,
     .max = 1024,
     .help = "CPU threads [physical cores]",
     FIELD(threads)},
    {.kind = ERG_OPT_INT,
     .name = "threads-batch",
     .value = "N",
     .min = 1,
     .max = 1024,
     .help = "CPU threads in prefill [--threads]",
     FIELD(threads_batch)},
    {.kind = ERG_OPT_CHOICE,
     .name = "flash-attn",
     .value = "on|off|auto",
     .choices = "on|off|auto",
     .help = "flash attention [auto]",
     FIELD(flash_attn)},
    {.kind = ERG_OPT_CHOICE,
     .name = "cache-type-k",
     .value = "TYPE",
     .choices = CACHE_TYPES,
     .help = "type of the key cache [f16]",
     FIELD(cache_type_k)},
    {.kind = ERG_OPT_CHOICE,
     .name = "cache-type-v",
     .value = "TYPE",
     .choices = CACHE_TYPES,
     .help = "type of the value cache [f16]",
     FIELD(cache_type_v)},
    {.kind = ERG_OPT_FLAG,
     .name = "no-mmap",
     .help = "read the model instead of mapping it",
     FIELD(no_mmap)},
    {.kind = ERG_OPT_STRING,
     .name = "device",
     .value = "cpu|gpu|NAME",
     .help = "where to compute [cpu]",
     FIELD(device)},
    {.kind = ERG_OPT_INT,
     .name = "gpu-layers",
     .value = "N",
     .max = ERG_MAX_LAYERS,
     .help = "layers computed on the GPU",
     FIELD(gpu_layers)},
    {.kind = ERG_OPT_STRING,
     .name = "engine",
     .value = "PATH",
     .help = "the engine program [ergon-llama beside this one]",
     FIELD(engine)},

    {.kind = ERG_OPT_HEADING, .help = "How to measure:"},
    {.kind = ERG_OPT_CHOICE,
     .name = "mode",
     .value = "MODE",
     .choices = "minimal|standard|deep",
     .help = "minimal, standard or deep [standard]",
     FIELD(mode)},
    {.kind = ERG_OPT_STRING,
     .name = "power",
     .value = "SPEC",
     .help = "power sources: auto, none, names, replay:FILE, synthetic:SPEC [auto]",
     FIELD(power)},
    {.kind = ERG_OPT_INT,
     .name = "power-interval",
     .value = "MS",
     .min = 1,
     .max = 60000,
     .help = "between two readings [what the source allows]",
     FIELD(power_interval_ms)},
    {.kind = ERG_OPT_REAL,
     .name = "idle-seconds",
     .value = "S",
     .real_max = 600,
     .help = "time the machine's rest is measured before the run [1]",
     FIELD(idle_seconds)},

    {.kind = ERG_OPT_HEADING, .help = "What to do with it:"},
    {.kind = ERG_OPT_LIST,
     .name = "tag",
     .value = "T",
     .max = ERG_MAX_TAGS,
     .help = "label the run; may be repeated",
     FIELD(tags)},
    {.kind = ERG_OPT_STRING,
     .name = "experiment",
     .value = "NAME",
     .help = "the experiment it belongs to",
     FIELD(experiment)},
    {.kind = ERG_OPT_FLAG, .name = "no-save", .help = "do not store the run", FIELD(no_save)},
    {.kind = ERG_OPT_STRING,
     .name = "record",
     .value = "FILE.erg",
     .help = "write the event stream to a file",
     FIELD(record)},
    {.kind = ERG_OPT_STRING,
     .name = "grid",
     .value = "REGION",
     .help = "carbon and price of electricity: us, eu, california, a country [us]",
     FIELD(grid)},
    {.kind = ERG_OPT_REAL,
     .name = "g-per-kwh",
     .value = "X",
     .real_max = 10000,
     .help = "grams of CO2 per kWh instead",
     FIELD(g_per_kwh)},
    {.kind = ERG_OPT_REAL,
     .name = "usd-per-kwh",
     .value = "X",
     .real_max = 1000,
     .help = "price per kWh instead",
     FIELD(usd_per_kwh)},
    {.kind = ERG_OPT_HEADING},
};

static const struct options defaults = {
    .tokens = 128,
    .top_p = 0.95,
    .top_k = 40,
    .flash_attn = "auto",
    .mode = "standard",
    .power = "auto",
    .idle_seconds = 1,
    .grid = "us",
    .g_per_kwh = -1,
    .usd_per_kwh = -1,
};

/* --- what was asked for ----------------------------------------------------------------------- */

static int check_options(struct erg_cli *cli, const struct options *o)
{
    int sources = (o->prompt != NULL) + (o->file != NULL) + (o->prompt_tokens > 0);
    if (!o->model)
        return erg_cli_usage(cli, "no model: give one with -m FILE or -m NAME");
    if (!sources)
        return erg_cli_usage(cli, "no prompt: give one with -p TEXT, -f FILE or --prompt-tokens N");
    if (sources > 1)
        return erg_cli_usage(cli, "only one of --prompt, --file and --prompt-tokens can be given");
    if (o->lines && !o->file && !(o->prompt && strcmp(o->prompt, "-") == 0))
        return erg_cli_usage(cli, "--lines needs a file of prompts: give one with -f FILE");
    if (o->lines && o->record)
        return erg_cli_usage(cli, "--record takes one run, --lines makes several");
    return ERG_EXIT_OK;
}

static int list_regions(struct erg_cli *cli, const char *region)
{
    struct erg_buf names = {0};
    struct erg_grid grid;
    for (size_t i = 0; erg_grid_at(i, &grid); i++)
        erg_buf_printf(&names, "%s%s", i ? ", " : "", grid.region);
    int status =
        erg_cli_usage(cli, "unknown region '%.32s'; known are %s", region, erg_buf_view(&names));
    erg_buf_deinit(&names);
    return status;
}

static int choose_grid(struct erg_cli *cli, const struct options *o, struct erg_grid *out)
{
    if (!erg_grid_find(o->grid, out))
        return list_regions(cli, o->grid);
    if (o->g_per_kwh >= 0) {
        memcpy(out->region, "custom", sizeof "custom");
        out->g_per_kwh = o->g_per_kwh;
    }
    if (o->usd_per_kwh >= 0)
        out->usd_per_kwh = o->usd_per_kwh;
    return ERG_EXIT_OK;
}

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
        rc = erg_gguf_read(path, &info, err);
    if (rc) {
        free(path);
        return rc;
    }
    if (note)
        erg_cli_note(cli, "%s", note);
    *out_path = path;
    return 0;
}

static struct erg_run_options run_options(const struct options *o)
{
    return (struct erg_run_options){
        .prompt_tokens = o->prompt_tokens,
        .chat = o->chat,
        .no_bos = o->no_bos,
        .ignore_eos = o->ignore_eos,
        .no_mmap = o->no_mmap,
        .tokens = o->tokens,
        .ctx = o->ctx,
        .batch = o->batch,
        .ubatch = o->ubatch,
        .threads = o->threads,
        .threads_batch = o->threads_batch,
        .temperature = o->temperature,
        .top_p = o->top_p,
        .top_k = o->top_k,
        .seed = o->seed,
        .flash_attn = o->flash_attn,
        .cache_type_k = o->cache_type_k,
        .cache_type_v = o->cache_type_v,
        .mode = o->mode,
        .device = o->device,
        .gpu_layers = o->gpu_layers,
        .power_spec = o->power,
        .power_interval_ns = o->power_interval_ms * 1000000,
        .idle_ns = (int64_t)llround(o->idle_seconds * 1e9),
        .power_files_allowed = true,
        .tags = o->tags.items,
        .tag_count = o->tags.count,
        .experiment = o->experiment,
        .record_path = o->record,
    };
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

/* Exit status of a run that took place. */
static int status_of(struct erg_cli *cli, const struct erg_run_result *result)
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
        int status = erg_cli_fail(cli, &err);
        status = result.power_unusable ? ERG_EXIT_POWER : status;
        erg_run_result_deinit(&result);
        return status;
    }
    int printed = ERG_EXIT_OK;
    if (cli->globals.json)
        printed = print_json(cli, &result);
    else if (!cli->globals.quiet)
        printed = print_report(cli, &result);
    int status = status_of(cli, &result);
    erg_run_result_deinit(&result);
    return status ? status : printed;
}

static int run_prompts(struct erg_cli *cli, struct erg_session *session,
                       struct erg_run_options *run, const struct erg_prompts *prompts)
{
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
    const struct options *o = cli->options;
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
    const struct options *o = cli->options;
    struct erg_run_options run = run_options(o);
    struct erg_prompts prompts = {0};
    struct erg_err err = {0};
    ERG_AUTO_FREE char *path = NULL;
    int status = check_options(cli, o);
    if (!status)
        status = choose_grid(cli, o, &run.grid);
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
    .description = "Run a prompt, measure the machine's power meanwhile, print the text as it is\n"
                   "generated and then where the energy went.\n\n"
                   "  ergon run -m tales -p \"Once upon a time\"\n"
                   "  ergon run -m model.gguf -f prompts.txt --lines --tag batch --json",
    .options = options,
    .options_bytes = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
