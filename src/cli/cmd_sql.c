/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/mem.h"
#include "base/num.h"
#include "cli/listing.h"
#include "cli/live.h"
#include "store/statement.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows on their way out: all of them in a table, or one by one as JSON. */
struct output {
    struct erg_listing table;
    struct erg_jsonw *json; /* NULL = table */
    char **keys;            /* JSON: names of the columns */
    size_t count;
    bool too_wide;
};

static int copy_names(struct output *out, const char *const *names, size_t count)
{
    out->keys = erg_calloc(count ? count : 1, sizeof(char *));
    if (!out->keys)
        return ERG_NOMEM;
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        out->keys[i] = erg_strdup(names[i]);
        if (!out->keys[i])
            return ERG_NOMEM;
    }
    return 0;
}

static int on_head(void *user, const char *const *names, size_t count)
{
    struct output *out = user;
    int rc = copy_names(out, names, count);
    if (rc || out->json)
        return rc;
    if (count > ERG_LISTING_COLUMNS) {
        out->too_wide = true;
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        out->table.cut_at[i] = 60;
        erg_listing_column(&out->table, out->keys[i], false);
    }
    return 0;
}

static void put_cell(struct output *out, const struct erg_value *value, size_t column)
{
    char text[64];
    switch (value->kind) {
    case ERG_VALUE_NULL:
        erg_listing_cell(&out->table, "");
        return;
    case ERG_VALUE_INTEGER:
        out->table.right[column] = true;
        erg_listing_cellf(&out->table, "%" PRId64, value->integer);
        return;
    case ERG_VALUE_NUMBER:
        out->table.right[column] = true;
        erg_format_double(value->number, text, sizeof text);
        erg_listing_cell(&out->table, isfinite(value->number) ? text : "inf");
        return;
    case ERG_VALUE_TEXT:
        erg_listing_cell(&out->table, value->bytes);
        return;
    case ERG_VALUE_BLOB:
        erg_listing_cellf(&out->table, "(%zu bytes)", value->len);
        return;
    }
}

static void put_hex(struct erg_jsonw *w, const struct erg_value *value)
{
    struct erg_buf text = {0};
    for (size_t i = 0; i < value->len; i++)
        erg_buf_printf(&text, "%02x", (unsigned char)value->bytes[i]);
    erg_jsonw_str(w, erg_buf_view(&text));
    erg_buf_deinit(&text);
}

static void put_json(struct erg_jsonw *w, const struct erg_value *value)
{
    switch (value->kind) {
    case ERG_VALUE_NULL:
        erg_jsonw_null(w);
        return;
    case ERG_VALUE_INTEGER:
        erg_jsonw_int(w, value->integer);
        return;
    case ERG_VALUE_NUMBER:
        erg_jsonw_real(w, value->number);
        return;
    case ERG_VALUE_TEXT:
        erg_jsonw_strn(w, value->bytes, value->len);
        return;
    case ERG_VALUE_BLOB:
        put_hex(w, value);
        return;
    }
}

static int on_row(void *user, const struct erg_value *values, size_t count)
{
    struct output *out = user;
    if (!out->json) {
        for (size_t i = 0; i < count; i++)
            put_cell(out, &values[i], i);
        return out->table.status;
    }
    erg_jsonw_obj_begin(out->json);
    for (size_t i = 0; i < count; i++) {
        erg_jsonw_key(out->json, out->keys[i]);
        put_json(out->json, &values[i]);
    }
    erg_jsonw_obj_end(out->json);
    return 0;
}

static bool on_cancelled(void *user)
{
    (void)user;
    return erg_live_interrupted();
}

static int print_table(struct erg_cli *cli, struct output *out)
{
    struct erg_buf text = {0};
    erg_listing_write(&out->table, 0, &text);
    int status = erg_cli_put(cli, &text);
    erg_buf_deinit(&text);
    return status;
}

static int run_statement(struct erg_cli *cli, struct erg_store *store)
{
    struct erg_jsonw w;
    struct erg_buf scratch = {0};
    struct output out = {.json = cli->globals.json ? &w : NULL};
    struct erg_err err = {0};
    struct erg_statement_visitor visitor = {&out, on_head, on_row, on_cancelled};
    /* Nothing is printed before the statement has proven to be one. */
    erg_cli_json_begin(&w, &scratch);
    erg_jsonw_arr_begin(&w);
    erg_live_catch_interrupts();
    int rc = erg_store_statement(store, cli->args[0], &visitor, &err);
    int status;
    if (rc)
        status = erg_cli_fail(cli, &err);
    else if (out.too_wide)
        status = erg_cli_usage(cli, "%zu columns are too many for a table: choose fewer, or --json",
                               out.count);
    else if (!out.json)
        status = print_table(cli, &out);
    else {
        erg_jsonw_arr_end(&w);
        status = erg_cli_json_end(cli, &w);
    }
    erg_listing_deinit(&out.table);
    erg_buf_deinit(&scratch);
    for (size_t i = 0; i < out.count; i++)
        free(out.keys[i]);
    free(out.keys);
    return status;
}

static int run(struct erg_cli *cli)
{
    struct erg_store *store = NULL;
    struct erg_err err = {0};
    if (erg_cli_open_store(cli, ERG_STORE_READ, &store, &err))
        return erg_cli_fail(cli, &err);
    int status = run_statement(cli, store);
    erg_store_close(store);
    return status;
}

const struct erg_command erg_cmd_sql = {
    .name = "sql",
    .summary = "ask the store in SQL",
    .usage = "\"SELECT …\"",
    .description =
        "Run one SQL statement that reads. Tables: profiling_runs, passes, tokens,\n"
        "pipeline_sections, power_samples; and of what was measured inside the passes:\n"
        "layer_metrics, component_metrics, deep_operation_metrics.\n\n"
        "  ergon sql \"SELECT model_name, avg(total_energy_mj) FROM profiling_runs GROUP BY 1\"",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
