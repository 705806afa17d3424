/* SPDX-License-Identifier: MIT */
#include "cli/run_options.h"

#include "base/num.h"
#include "cli/listing.h"
#include "power/power.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CACHE_TYPES "f32|f16|bf16|q8_0|q4_0|q4_1|iq4_nl|q5_0|q5_1"
#define FIELD(name) .offset = offsetof(struct erg_run_flags, name)

const struct erg_option erg_run_option_table[] = {
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
     .max = UINT32_MAX - 1, /* that one libllama takes for "any" */
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
     .choices = "cpu|gpu",
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
     .choices = "auto|none|estimate|replay:|synthetic:",
     .help = "power sources: auto, none, names, replay:FILE, synthetic:SPEC [auto]",
     FIELD(power)},
    {.kind = ERG_OPT_INT,
     .name = "power-interval",
     .value = "MS",
     .min = 1,
     .max = 60000,
     .help = "between two readings [what the source allows]",
     FIELD(power_interval_ms)},
    {.kind = ERG_OPT_STRING,
     .name = "cpu-watts",
     .value = "IDLE:FULL",
     .help = "what the estimate takes the CPUs to draw, in watts [by model]",
     FIELD(cpu_watts)},
    {.kind = ERG_OPT_REAL,
     .name = "idle-seconds",
     .value = "S",
     .real_max = 600,
     .help = "time the machine's rest is measured before the run [1]",
     FIELD(idle_seconds)},
    {.kind = ERG_OPT_LIST,
     .name = "profile",
     .value = "KEY=VALUE[,…]",
     .help = "finer: sample_every, layers, layer_stride, bare_every, instrument, …",
     FIELD(profile)},
    {.kind = ERG_OPT_REAL,
     .name = "overhead-budget",
     .value = "PCT",
     .real_min = 0.01,
     .real_max = 1000,
     .help = "profile so many tokens in depth that generating slows down by less",
     FIELD(overhead_budget)},
    {.kind = ERG_OPT_STRING,
     .name = "repeat",
     .value = "N|auto",
     .choices = "auto",
     .help = "repeat the run as one experiment; auto: until J/token is known to 2 %",
     FIELD(repeat)},
    {.kind = ERG_OPT_INT,
     .name = "warmup",
     .value = "N",
     .max = ERG_MAX_REPEATS,
     .help = "runs before, not stored [0]",
     FIELD(warmup)},

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
     .choices = "list|us|california|texas|eu",
     .help = "carbon and price of electricity: a region of --grid list [us]",
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

const struct erg_run_flags erg_run_flag_defaults = {
    .tokens = 128,
    .top_p = 0.95,
    .top_k = 40,
    .power = "auto",
    .idle_seconds = 1,
    .grid = "us",
    .g_per_kwh = -1,
    .usd_per_kwh = -1,
};

static int check_prompt(const struct erg_cli *cli, const struct erg_run_flags *o)
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

static int check_repeat(const struct erg_cli *cli, const struct erg_run_flags *o)
{
    int64_t count;
    if (!o->repeat)
        return o->warmup ? erg_cli_usage(cli, "--warmup goes with --repeat") : ERG_EXIT_OK;
    if (strcmp(o->repeat, "auto") != 0 &&
        erg_parse_i64(o->repeat, 1, ERG_MAX_REPEATS, &count, NULL) != 0)
        return erg_cli_usage(cli,
                             "option '--repeat' takes auto or a whole number from 1 to %d, "
                             "not '%.64s'",
                             ERG_MAX_REPEATS, o->repeat);
    if (o->lines)
        return erg_cli_usage(cli, "--repeat takes one prompt, --lines makes several");
    if (o->record)
        return erg_cli_usage(cli, "--record takes one run, --repeat makes several");
    return ERG_EXIT_OK;
}

static int choose_grid(const struct erg_cli *cli, const struct erg_run_flags *o,
                       struct erg_grid *out)
{
    if (!erg_grid_find(o->grid, out))
        return erg_cli_usage(cli, "unknown region '%.32s': 'ergon run --grid list' lists them",
                             o->grid);
    erg_grid_override(out, o->g_per_kwh, o->usd_per_kwh);
    return ERG_EXIT_OK;
}

static void translate(const struct erg_run_flags *o, struct erg_run_options *out)
{
    *out = (struct erg_run_options){
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

/* The keys of --profile against the options that say the same. */
static int check_profile(const struct erg_cli *cli, const struct erg_run_flags *o,
                         const struct erg_profile *profile, const char *flash)
{
    if (flash && o->flash_attn && strcmp(flash, o->flash_attn) != 0)
        return erg_cli_usage(cli, "--flash-attn %s contradicts --profile flash_attention=%s",
                             o->flash_attn, profile->flash_attention);
    if (profile->power_interval_ms && o->power_interval_ms &&
        profile->power_interval_ms != o->power_interval_ms)
        return erg_cli_usage(cli, "--power-interval and --profile power_sample_interval_ms differ");
    if (o->overhead_budget > 0 && profile->bare_every == 0)
        return erg_cli_usage(cli, "--overhead-budget needs the tokens to compare with that "
                                  "--profile bare_every=0 leaves out");
    if (o->overhead_budget > 0 && profile->sample_every)
        return erg_cli_usage(cli, "only one of --overhead-budget and --profile sample_every can "
                                  "say how many tokens are profiled");
    return ERG_EXIT_OK;
}

static int apply_profile(const struct erg_cli *cli, const struct erg_run_flags *o,
                         struct erg_profile *profile, struct erg_run_options *out)
{
    struct erg_err err = {0};
    int rc = erg_profile_parse(&o->profile, profile, &err);
    if (rc)
        return erg_cli_usage(cli, "%s", err.text);
    if (erg_profile_mode(profile, o->mode, &out->mode, &err))
        return erg_cli_usage(cli, "option '--profile': %s", err.text);
    int status = check_profile(cli, o, profile, erg_profile_flash(profile));
    erg_profile_apply(profile, out);
    out->overhead_budget_pct = o->overhead_budget;
    return status;
}

int erg_run_options_make(const struct erg_cli *cli, const struct erg_run_flags *flags,
                         struct erg_profile *profile, struct erg_run_options *out)
{
    struct erg_err err = {0};
    translate(flags, out);
    int status = check_prompt(cli, flags);
    if (!status && flags->gpu_layers && (!flags->device || strcmp(flags->device, "cpu") == 0))
        status = erg_cli_usage(cli, "--gpu-layers needs a device to compute them: --device gpu, or "
                                    "the name of one");
    if (!status)
        status = check_repeat(cli, flags);
    if (!status)
        status = apply_profile(cli, flags, profile, out);
    if (!status && flags->cpu_watts &&
        erg_power_parse_watts(flags->cpu_watts, &out->cpu_idle_mw, &out->cpu_full_mw, &err))
        status = erg_cli_usage(cli, "--cpu-watts: %s", err.text);
    return status ? status : choose_grid(cli, flags, &out->grid);
}

/* --- regions ---------------------------------------------------------------------------------- */

static int print_regions_json(const struct erg_cli *cli)
{
    struct erg_buf scratch = {0};
    struct erg_jsonw w;
    struct erg_grid grid;
    erg_cli_json_begin(&w, &scratch);
    erg_jsonw_arr_begin(&w);
    for (size_t i = 0; erg_grid_at(i, &grid); i++) {
        erg_jsonw_obj_begin(&w);
        erg_grid_write(&grid, &w);
        erg_jsonw_kstr(&w, "code", erg_grid_code(i));
        erg_jsonw_obj_end(&w);
    }
    erg_jsonw_arr_end(&w);
    int status = erg_cli_json_end(cli, &w);
    erg_buf_deinit(&scratch);
    return status;
}

int erg_run_list_regions(const struct erg_cli *cli)
{
    static const char *const headings[] = {"region", "code", "g CO2/kWh", "USD/kWh", "of"};
    struct erg_listing table = {0};
    struct erg_buf text = {0};
    struct erg_grid grid;
    if (cli->globals.json)
        return print_regions_json(cli);
    for (size_t c = 0; c < sizeof headings / sizeof headings[0]; c++)
        erg_listing_column(&table, headings[c], c == 2 || c == 3);
    for (size_t i = 0; erg_grid_at(i, &grid); i++) {
        const char *code = erg_grid_code(i);
        erg_listing_cell(&table, grid.region);
        erg_listing_cell(&table, code ? code : "");
        erg_listing_cellf(&table, "%.0f", grid.g_per_kwh);
        erg_listing_cellf(&table, "%.2f", grid.usd_per_kwh);
        if (grid.year)
            erg_listing_cellf(&table, "%d", grid.year);
        else
            erg_listing_cell(&table, "preset");
    }
    int rc = erg_listing_write(&table, 0, &text);
    if (rc && !text.status)
        text.status = rc;
    int status = erg_cli_put(cli, &text);
    erg_listing_deinit(&table);
    erg_buf_deinit(&text);
    return status;
}
