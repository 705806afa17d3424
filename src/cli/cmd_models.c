/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/num.h"
#include "cli/listing.h"
#include "cli/units.h"
#include "model/blueprint.h"

#include <stdlib.h>
#include <string.h>

static void add_model(struct erg_listing *table, const struct erg_model_entry *entry)
{
    struct erg_model_info info;
    struct erg_err err = {0};
    char a[ERG_UNIT_BYTES];
    bool sound = erg_gguf_read(entry->path, &info, &err) == 0;
    erg_listing_cell(table, entry->name);
    erg_listing_cell(table, sound ? info.architecture : "damaged");
    erg_listing_cell(table, sound ? erg_show_count((double)info.parameters, a) : "–");
    erg_listing_cell(table, sound ? info.quantization : "–");
    erg_listing_cell(table, sound ? erg_show_count((double)info.layers, a) : "–");
    erg_listing_cell(table, sound ? erg_show_count((double)info.context_length, a) : "–");
    erg_format_bytes((uint64_t)entry->file_bytes, a, sizeof a);
    erg_listing_cell(table, a);
    erg_listing_cell(table, entry->path);
}

static int print_table(struct erg_cli *cli, const struct erg_model_list *list)
{
    static const char *const headings[] = {"model",  "architecture", "parameters", "type",
                                           "layers", "context",      "size",       "path"};
    static const bool right[] = {false, false, true, false, true, true, true, false};
    struct erg_listing table = {0};
    struct erg_buf text = {0};
    for (size_t c = 0; c < sizeof right / sizeof right[0]; c++)
        erg_listing_column(&table, headings[c], right[c]);
    for (size_t i = 0; i < list->count; i++)
        add_model(&table, &list->entries[i]);
    erg_listing_write(&table, 0, &text);
    int status = erg_cli_put(cli, &text);
    erg_listing_deinit(&table);
    erg_buf_deinit(&text);
    return status;
}

static int print_json(struct erg_cli *cli, const struct erg_model_list *list)
{
    struct erg_jsonw w;
    struct erg_buf scratch = {0};
    erg_cli_json_begin(&w, &scratch);
    erg_jsonw_arr_begin(&w);
    for (size_t i = 0; i < list->count; i++)
        erg_model_entry_write(&list->entries[i], &w);
    erg_jsonw_arr_end(&w);
    int status = erg_cli_json_end(cli, &w);
    erg_buf_deinit(&scratch);
    return status;
}

static int list_models(struct erg_cli *cli, const struct erg_model_dirs *dirs)
{
    struct erg_model_list list;
    struct erg_err err = {0};
    if (erg_model_discover(dirs, &list, &err))
        return erg_cli_fail(cli, &err);
    int status = ERG_EXIT_OK;
    if (cli->globals.json)
        status = print_json(cli, &list);
    else if (list.count)
        status = print_table(cli, &list);
    for (size_t i = 0; i < dirs->count && !list.count; i++)
        erg_cli_note(cli, "no GGUF file in '%s'", dirs->path[i]);
    erg_model_list_deinit(&list);
    return status;
}

static void put_number(struct erg_buf *text, const char *label, int64_t value)
{
    char a[ERG_UNIT_BYTES];
    if (value > 0)
        erg_buf_printf(text, "%-16s%s\n", label, erg_show_count((double)value, a));
}

/* How a block is built: what is there, and "unknown" for what the tensors do not tell. */
static void put_structure(struct erg_buf *text, const struct erg_model_info *info)
{
    const struct erg_model_structure *s = &info->structure;
    const char *attention = erg_structure_attention(info->heads, info->kv_heads);
    const char *norm = erg_structure_norm(s), *mlp = erg_structure_mlp(s);
    erg_buf_printf(text, "%-16s%s%s%s%s\n", "attention", *attention ? attention : "unknown",
                   s->qkv_fused ? ", QKV fused" : "", s->qkv_bias ? ", biases" : "",
                   s->qk_norm ? ", Q and K normalised" : "");
    erg_buf_printf(text, "%-16s%s%s\n", "norm", *norm ? norm : "unknown",
                   s->post_norms ? ", also behind attention and MLP" : "");
    erg_buf_printf(text, "%-16s%s%s%s\n", "MLP", *mlp ? mlp : "unknown",
                   s->experts ? ", experts with a router" : "",
                   s->shared_experts ? " and shared ones" : "");
    erg_buf_printf(text, "%-16s%s\n", "LM head", s->output ? "its own" : "the embedding again");
}

static int show_text(struct erg_cli *cli, const char *path, const struct erg_model_info *info)
{
    struct erg_buf text = {0};
    char bytes[32];
    erg_buf_printf(&text, "%-16s%s\n", "path", path);
    erg_buf_printf(&text, "%-16s%s\n", "name", info->name);
    erg_buf_printf(&text, "%-16s%s\n", "architecture", info->architecture);
    erg_buf_printf(&text, "%-16s%s\n", "type", info->quantization);
    put_number(&text, "parameters", info->parameters);
    put_number(&text, "layers", info->layers);
    put_number(&text, "width", info->embedding_length);
    put_number(&text, "heads", info->heads);
    put_number(&text, "KV heads", info->kv_heads);
    put_number(&text, "feed-forward", info->feed_forward_length);
    put_number(&text, "experts", info->experts);
    put_number(&text, "experts used", info->experts_used);
    put_number(&text, "context", info->context_length);
    put_number(&text, "vocabulary", info->vocab_size);
    put_number(&text, "tensors", info->tensor_count);
    erg_format_bytes((uint64_t)info->file_bytes, bytes, sizeof bytes);
    erg_buf_printf(&text, "%-16s%s\n", "size", bytes);
    erg_buf_printf(&text, "%-16s%s\n", "chat template", info->has_chat_template ? "yes" : "no");
    if (info->synthetic)
        erg_buf_printf(&text, "%-16s%s\n", "weights", "random: the model is synthetic");
    put_structure(&text, info);
    int status = erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

static int show_model(struct erg_cli *cli, const struct erg_model_dirs *dirs, const char *model)
{
    struct erg_model_info info;
    struct erg_err err = {0};
    ERG_AUTO_FREE char *path = NULL;
    ERG_AUTO_FREE char *note = NULL;
    int rc = erg_model_resolve(dirs, model, &path, &note, &err);
    if (!rc)
        rc = erg_model_read(path, &info, &err);
    if (rc)
        return erg_cli_fail(cli, &err);
    if (note)
        erg_cli_note(cli, "%s", note);
    if (!cli->globals.json)
        return show_text(cli, path, &info);
    struct erg_jsonw w;
    struct erg_buf scratch = {0};
    erg_cli_json_begin(&w, &scratch);
    erg_model_write_json(&w, path, &info);
    int status = erg_cli_json_end(cli, &w);
    erg_buf_deinit(&scratch);
    return status;
}

static int run(struct erg_cli *cli)
{
    struct erg_model_dirs dirs;
    struct erg_err err = {0};
    if (erg_cli_model_dirs(cli, &dirs, &err))
        return erg_cli_fail(cli, &err);
    if (!cli->arg_count)
        return list_models(cli, &dirs);
    if (strcmp(cli->args[0], "show") != 0)
        return erg_cli_usage(cli, "unknown word '%.64s': did you mean 'show'?", cli->args[0]);
    if (cli->arg_count < 2)
        return erg_cli_usage(cli, "which model? ergon models show FILE");
    return show_model(cli, &dirs, cli->args[1]);
}

const struct erg_command erg_cmd_models = {
    .name = "models",
    .summary = "list the models found, or show one",
    .usage = "[show FILE|NAME|synth:PRESET] [options]",
    .description = "List the GGUF files in the models folders, with what their metadata says; or\n"
                   "show all that is known about one.",
    .max_args = 2,
    .run = run,
};
