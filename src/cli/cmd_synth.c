/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/num.h"
#include "cli/listing.h"
#include "cli/live.h"
#include "cli/units.h"
#include "model/presets.h"
#include "record/synthesis.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct options {
    const char *output, *preset, *arch, *type, *engine;
    int64_t numbers[16]; /* as erg_blueprint_key_at() counts; -1 = not given */
    bool force, list;
};

#define FIELD(name) .offset = offsetof(struct options, name)
#define NUMBER(index, option, least, most, text)                                                   \
    {                                                                                              \
        .kind = ERG_OPT_INT, .name = option, .value = "N", .min = least, .max = most,              \
        .help = text, .offset = offsetof(struct options, numbers) + (index) * sizeof(int64_t)      \
    }

static const struct erg_option options[] = {
    {.kind = ERG_OPT_STRING,
     .letter = 'o',
     .name = "output",
     .value = "FILE",
     .help = "the GGUF file to write",
     FIELD(output)},
    {.kind = ERG_OPT_STRING,
     .name = "preset",
     .value = "NAME",
     .choices = "llama-2-7b|llama-3.1-8b|llama-3.2-1b|llama-3.2-3b|mistral-7b|"
                "mistral-7b-v0.3|mixtral-8x7b|phi-2|phi-3-mini|qwen2.5-0.5b|qwen2.5-1.5b|"
                "qwen2.5-3b|qwen2.5-7b|qwen3-0.6b|qwen3-1.7b|qwen3-4b|qwen3-8b|"
                "qwen3-30b-a3b|gemma-2-2b|gemma-2-9b|gemma-3-1b|gemma-3-4b",
     .help = "dimensions of a public model",
     FIELD(preset)},
    {.kind = ERG_OPT_FLAG, .name = "list", .help = "list the presets", FIELD(list)},
    {.kind = ERG_OPT_STRING,
     .name = "arch",
     .value = "NAME",
     .choices = "llama|llama-fused|mistral|qwen2|qwen2moe|qwen3|qwen3moe|phi2|phi3|phimoe|gemma|"
                "gemma2|gemma3",
     .help = "or an architecture, with dimensions of your own",
     FIELD(arch)},
    {.kind = ERG_OPT_CHOICE,
     .name = "type",
     .value = "TYPE",
     .choices = "f32|f16|q8_0|q4_0|q4_k",
     .help = "of the weights: f32, f16, q8_0, q4_0 or q4_k [q4_0]",
     FIELD(type)},
    {.kind = ERG_OPT_FLAG,
     .name = "force",
     .help = "replace the file if it is there",
     FIELD(force)},
    {.kind = ERG_OPT_STRING,
     .name = "engine",
     .value = "PATH",
     .help = "the engine program [ergon-llama beside this one]",
     FIELD(engine)},

    {.kind = ERG_OPT_HEADING, .help = "Dimensions, of a preset unless given:"},
    NUMBER(0, "layers", 1, 512, "blocks"),
    NUMBER(1, "embedding", 2, 1 << 16, "width"),
    NUMBER(2, "heads", 1, 1 << 12, "attention heads"),
    NUMBER(3, "kv-heads", 1, 1 << 12, "heads of keys and values [--heads]"),
    NUMBER(4, "head-size", 2, 1 << 12, "width of a head [width / heads]"),
    NUMBER(5, "feed-forward", 1, 1 << 20, "inner width of the MLP"),
    NUMBER(6, "vocab", ERG_BLUEPRINT_LEAST_VOCAB, 1 << 20, "tokens [32000]"),
    NUMBER(7, "context", 1, 1 << 22, "tokens it claims to be trained for [4096]"),
    NUMBER(8, "experts", 0, 512, "experts in place of the MLP [0]"),
    NUMBER(9, "experts-used", 1, 512, "of them for each token [2]"),
    NUMBER(10, "expert-feed-forward", 1, 1 << 20, "inner width of an expert [--feed-forward]"),
    NUMBER(11, "shared-feed-forward", 1, 1 << 20, "and of the shared expert"),
    NUMBER(12, "rope-dimensions", 2, 1 << 12, "of a head that are rotated [all]"),
    NUMBER(13, "seed", 0, INT32_MAX, "of the weights [0]"),
    {.kind = ERG_OPT_HEADING},
};

static const struct options defaults = {
    .numbers = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
};

/* --- presets ---------------------------------------------------------------------------------- */

static void describe_preset(const struct erg_preset *preset, struct erg_model_info *out)
{
    char spec[80];
    *out = (struct erg_model_info){0};
    snprintf(spec, sizeof spec, ERG_SYNTH_PREFIX "%s", preset->name);
    erg_model_read(spec, out, NULL);
}

static void add_preset(struct erg_listing *table, const struct erg_preset *preset)
{
    struct erg_model_info info;
    char a[ERG_UNIT_BYTES];
    describe_preset(preset, &info);
    erg_listing_cell(table, preset->name);
    erg_listing_cell(table, info.architecture);
    erg_listing_cell(table, erg_show_count((double)info.parameters, a));
    erg_listing_cellf(table, "%d", (int)info.layers);
    erg_listing_cell(table, erg_show_count((double)info.embedding_length, a));
    erg_listing_cellf(table, "%d/%d", (int)info.heads, (int)info.kv_heads);
    erg_listing_cell(table, erg_show_count((double)info.feed_forward_length, a));
    if (info.experts)
        erg_listing_cellf(table, "%d of %d", (int)info.experts_used, (int)info.experts);
    else
        erg_listing_cell(table, "–");
    erg_listing_cell(table, erg_show_count((double)info.vocab_size, a));
    erg_format_bytes((uint64_t)info.file_bytes, a, sizeof a);
    erg_listing_cell(table, a);
}

static int list_presets(const struct erg_cli *cli)
{
    static const char *const headings[] = {"preset", "architecture", "parameters", "layers",
                                           "width",  "heads/KV",     "MLP",        "experts",
                                           "vocab",  "as q4_0"};
    struct erg_listing table = {0};
    struct erg_buf text = {0};
    for (size_t c = 0; c < sizeof headings / sizeof headings[0]; c++)
        erg_listing_column(&table, headings[c], c > 1);
    for (size_t i = 0; erg_preset_at(i); i++)
        add_preset(&table, erg_preset_at(i));
    int rc = erg_listing_write(&table, 0, &text);
    text.status = text.status ? text.status : rc;
    int status = erg_cli_put(cli, &text);
    erg_listing_deinit(&table);
    erg_buf_deinit(&text);
    return status;
}

static int list_presets_json(const struct erg_cli *cli)
{
    struct erg_jsonw w;
    struct erg_buf scratch = {0};
    erg_cli_json_begin(&w, &scratch);
    erg_jsonw_arr_begin(&w);
    for (size_t i = 0; erg_preset_at(i); i++) {
        char spec[80];
        struct erg_model_info info;
        describe_preset(erg_preset_at(i), &info);
        snprintf(spec, sizeof spec, ERG_SYNTH_PREFIX "%s", erg_preset_at(i)->name);
        erg_jsonw_obj_begin(&w);
        erg_jsonw_kstr(&w, "preset", erg_preset_at(i)->name);
        erg_jsonw_key(&w, "model");
        erg_model_write_json(&w, spec, &info);
        erg_jsonw_obj_end(&w);
    }
    erg_jsonw_arr_end(&w);
    int status = erg_cli_json_end(cli, &w);
    erg_buf_deinit(&scratch);
    return status;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The options as the specification that means the same. */
static void write_spec(const struct options *o, struct erg_buf *out)
{
    const char *separator = ":";
    erg_buf_printf(out, ERG_SYNTH_PREFIX "%s:%s", o->preset ? o->preset : o->arch,
                   o->type ? o->type : "q4_0");
    for (size_t i = 0; erg_blueprint_key_at(i); i++) {
        if (o->numbers[i] < 0)
            continue;
        erg_buf_printf(out, "%s%s=%d", separator, erg_blueprint_key_at(i)->name,
                       (int)o->numbers[i]);
        separator = ",";
    }
}

static int check_output(const struct erg_cli *cli, const struct options *o)
{
    struct stat st;
    if (stat(o->output, &st) != 0)
        return ERG_EXIT_OK;
    if (!S_ISREG(st.st_mode))
        return erg_cli_usage(cli, "'%s' is not a file that could be replaced", o->output);
    if (!o->force)
        return erg_cli_usage(cli, "'%s' is there already: --force replaces it", o->output);
    return ERG_EXIT_OK;
}

static bool is_architecture(const char *name, struct erg_err *err)
{
    struct erg_blueprint ignored;
    return erg_blueprint_begin(&ignored, name, err) == 0;
}

static int check(const struct erg_cli *cli, const struct options *o)
{
    struct erg_err err = {0};
    if (!o->preset && !o->arch)
        return erg_cli_usage(cli, "what kind of model? --preset NAME, or --arch NAME with "
                                  "dimensions; --list lists the presets");
    if (o->preset && o->arch)
        return erg_cli_usage(cli, "only one of --preset and --arch can be given");
    if (o->preset && is_architecture(o->preset, NULL))
        return erg_cli_usage(cli, "'%s' is an architecture: --arch %s", o->preset, o->preset);
    if (o->arch && erg_preset_find(o->arch))
        return erg_cli_usage(cli, "'%s' is a preset: --preset %s", o->arch, o->arch);
    if (o->arch && !is_architecture(o->arch, &err))
        return erg_cli_usage(cli, "%s", err.text);
    if (!o->output || !*o->output)
        return erg_cli_usage(cli, "where to write it? -o FILE");
    return check_output(cli, o);
}

static void on_progress(void *user, uint32_t done, uint32_t total)
{
    const struct erg_cli *cli = user;
    if (cli->term.err_is_terminal && !cli->globals.quiet && total)
        fprintf(stderr, "\r\033[Kwriting: tensor %u of %u …", done + 1, total);
}

static bool on_cancelled(void *user)
{
    (void)user;
    return erg_live_interrupted();
}

static void clear_progress(const struct erg_cli *cli)
{
    if (cli->term.err_is_terminal && !cli->globals.quiet)
        fputs("\r\033[K", stderr);
}

static int print_result(const struct erg_cli *cli, const char *spec, const char *path)
{
    struct erg_model_info info;
    struct erg_err err = {0};
    char count[ERG_UNIT_BYTES], bytes[32];
    if (erg_gguf_read(path, &info, &err))
        return erg_cli_fail(cli, &err);
    struct erg_buf text = {0};
    int status = ERG_EXIT_OK;
    if (cli->globals.json) {
        struct erg_jsonw w;
        erg_cli_json_begin(&w, &text);
        erg_jsonw_obj_begin(&w);
        erg_jsonw_kstr(&w, "path", path);
        erg_jsonw_kstr(&w, "spec", spec);
        erg_jsonw_kint(&w, "parameters", info.parameters);
        erg_jsonw_kint(&w, "bytes", info.file_bytes);
        erg_jsonw_key(&w, "model");
        erg_model_write_json(&w, path, &info);
        erg_jsonw_obj_end(&w);
        status = erg_cli_json_end(cli, &w);
    } else if (!cli->globals.quiet) {
        erg_format_bytes((uint64_t)info.file_bytes, bytes, sizeof bytes);
        erg_buf_printf(&text, "%s: %s, %s parameters, %s, %s\n", path, info.name,
                       erg_show_count((double)info.parameters, count), info.quantization, bytes);
        status = erg_cli_put(cli, &text);
    }
    erg_buf_deinit(&text);
    return status;
}

static int write_model(struct erg_cli *cli, const struct options *o, const char *spec)
{
    struct erg_err err = {0};
    struct erg_blueprint blueprint;
    char engine[ERG_MAX_PATH_BYTES + 16];
    if (erg_blueprint_parse(spec, &blueprint, &err))
        return erg_cli_usage(cli, "%s", err.text);
    int misfits = erg_blueprint_misfits(&blueprint);
    if (misfits)
        erg_cli_note(cli, "%d matrices are q5_0: their rows are no multiple of 256", misfits);
    snprintf(engine, sizeof engine, "%s%s", o->engine ? o->engine : cli->program_dir,
             o->engine ? "" : "/ergon-llama");
    struct erg_synthesis_order order = {
        .engine_path = engine,
        .spec = spec,
        .out = o->output,
        .user = cli,
        .progress = on_progress,
        .cancelled = on_cancelled,
    };
    erg_live_catch_interrupts();
    int rc = erg_synthesis_run(&order, &err);
    clear_progress(cli);
    return rc ? erg_cli_fail(cli, &err) : print_result(cli, spec, o->output);
}

static int run(struct erg_cli *cli)
{
    const struct options *o = cli->options;
    if (o->list)
        return cli->globals.json ? list_presets_json(cli) : list_presets(cli);
    int status = check(cli, o);
    if (status)
        return status;
    struct erg_buf spec = {0};
    write_spec(o, &spec);
    status = write_model(cli, o, erg_buf_view(&spec));
    erg_buf_deinit(&spec);
    return status;
}

const struct erg_command erg_cmd_synth = {
    .name = "synth",
    .summary = "write a model of random weights in the shape of a public one",
    .usage = "-o FILE --preset NAME [options]",
    .description =
        "Write a GGUF model with random weights and a working tokenizer, so that the energy\n"
        "of an architecture can be measured without its weights. The text it generates means\n"
        "nothing. Any number of a preset can be changed.\n\n"
        "  ergon synth --list\n"
        "  ergon synth -o half.gguf --preset llama-3.2-1b --layers 8\n"
        "  ergon synth -o mine.gguf --arch llama --layers 4 --embedding 512 --heads 8 \\\n"
        "              --feed-forward 2048\n\n"
        "Without a file of its own: ergon run -m synth:llama-3.2-1b:q4_0:layers=8",
    .options = options,
    .options_bytes = sizeof(struct options),
    .defaults = &defaults,
    .run = run,
};
