/* SPDX-License-Identifier: MIT */
#include "store/detail.h"

#include "base/mem.h"
#include "store/detail_rows.h"
#include "store/extra.h"
#include "store/names.h"
#include "store/packed.h"

#include <sqlite3ext.h>
#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

/* Columns every detail table has, in front and behind; between them each has its own. */
enum { COL_RUN_ID, COL_TOKEN_ID, COL_LAYER, COLS_IN_FRONT };

struct kind {
    enum erg_detail_kind kind;
    const char *declaration;
    int pass_id_column; /* the first of the two behind */
};

static const struct kind kinds[] = {
    {ERG_DETAIL_LAYERS,
     "CREATE TABLE x(run_id TEXT, token_id INTEGER, layer_index INTEGER, total_time_ms REAL, "
     "attention_time_ms REAL, mlp_time_ms REAL, energy_mj REAL, activation_mean REAL, "
     "activation_std REAL, activation_max REAL, activation_sparsity REAL, "
     "pass_id INTEGER, energy_nj INTEGER)",
     11},
    {ERG_DETAIL_COMPONENTS,
     "CREATE TABLE x(run_id TEXT, token_id INTEGER, layer_index INTEGER, component_name TEXT, "
     "time_ms REAL, energy_mj REAL, activation_mean REAL, activation_std REAL, "
     "activation_max REAL, activation_sparsity REAL, pass_id INTEGER, energy_nj INTEGER)",
     10},
    {ERG_DETAIL_OPERATIONS,
     "CREATE TABLE x(run_id TEXT, token_id INTEGER, layer_index INTEGER, component_name TEXT, "
     "operation_name TEXT, time_ms REAL, energy_mj REAL, flops_estimate REAL, "
     "bytes_estimate REAL, tensor_mean REAL, tensor_std REAL, tensor_max REAL, "
     "extra_metrics TEXT, pass_id INTEGER, energy_nj INTEGER)",
     13},
};

struct table {
    sqlite3_vtab base;
    sqlite3 *db;
    const struct kind *kind;
    struct erg_names names;
};

struct cursor {
    sqlite3_vtab_cursor base;
    sqlite3_stmt *passes;
    struct erg_packed_reader packed;
    bool energy_known;
    struct erg_pass_row pass; /* the current one, and what it points to */
    struct erg_unpacked unpacked;
    struct erg_detail_row *rows;
    size_t count, next;
    int64_t rowid;
    bool eof;
};

/* Which of the constraints on run_id, token_id and pass_id are pushed down: bits of idxNum. */
enum { BY_RUN = 1, BY_TOKEN = 2, BY_PASS = 4 };

#define PASSES                                                                                     \
    "SELECT p.run_id, (SELECT min(id) FROM main.tokens WHERE pass_id = p.id), p.id, p.start_ns, "  \
    "p.end_ns, p.cpu_nj, p.gpu_nj, p.ane_nj, p.dram_nj, p.soc_nj, p.other_nj, layout, spans, "     \
    "p.id, p.flags "                                                                               \
    "FROM main.passes p JOIN main.layouts l ON l.id = p.layout_id WHERE "

static const char *const queries[] = {
    [0] = PASSES "1 ORDER BY p.id",
    [BY_RUN] = PASSES "l.run_id = ?1 ORDER BY p.id",
    [BY_TOKEN] = PASSES "p.id = (SELECT pass_id FROM main.tokens WHERE id = ?2)",
    [BY_RUN | BY_TOKEN] =
        PASSES "l.run_id = ?1 AND p.id = (SELECT pass_id FROM main.tokens WHERE id = ?2)",
    [BY_PASS] = PASSES "p.id = ?3",
    [BY_RUN | BY_PASS] = PASSES "l.run_id = ?1 AND p.id = ?3",
    [BY_TOKEN | BY_PASS] =
        PASSES "p.id = ?3 AND p.id = (SELECT pass_id FROM main.tokens WHERE id = ?2)",
    [BY_RUN | BY_TOKEN | BY_PASS] =
        PASSES "l.run_id = ?1 AND p.id = ?3 "
               "AND p.id = (SELECT pass_id FROM main.tokens WHERE id = ?2)",
};

static int table_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                         sqlite3_vtab **out, char **message)
{
    (void)argc;
    (void)argv;
    (void)message;
    const struct kind *kind = aux;
    int rc = sqlite3_declare_vtab(db, kind->declaration);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    struct table *table = erg_calloc(1, sizeof(*table));
    if (!table)
        return SQLITE_NOMEM;
    table->db = db;
    table->kind = kind;
    *out = &table->base;
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *vtab)
{
    struct table *table = (struct table *)vtab;
    erg_names_deinit(&table->names);
    free(table);
    return SQLITE_OK;
}

static int bit_of_column(const struct kind *kind, int column)
{
    if (column == COL_RUN_ID)
        return BY_RUN;
    if (column == COL_TOKEN_ID)
        return BY_TOKEN;
    return column == kind->pass_id_column ? BY_PASS : 0;
}

/* Arguments of table_filter() stand in the order of the bits; SQLite checks every row once more. */
static int table_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    const struct kind *kind = ((struct table *)vtab)->kind;
    int places[8] = {0}, used = 0;
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *constraint = &info->aConstraint[i];
        int bit = bit_of_column(kind, constraint->iColumn);
        if (!bit || !constraint->usable || constraint->op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (bit == BY_RUN && sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY"))
            continue;
        used |= bit;
        places[bit] = i + 1;
    }
    int argument = 0;
    for (int bit = BY_RUN; bit <= BY_PASS; bit <<= 1) {
        if (used & bit)
            info->aConstraintUsage[places[bit] - 1].argvIndex = ++argument;
    }
    info->idxNum = used;
    info->estimatedCost = used & (BY_TOKEN | BY_PASS) ? 1e3 : used & BY_RUN ? 1e6 : 1e9;
    info->estimatedRows = used & (BY_TOKEN | BY_PASS) ? 500 : used & BY_RUN ? 100000 : 100000000;
    return SQLITE_OK;
}

static int table_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    struct cursor *cursor = erg_calloc(1, sizeof(*cursor));
    if (!cursor)
        return SQLITE_NOMEM;
    cursor->packed.db = ((struct table *)vtab)->db;
    *out = &cursor->base;
    return SQLITE_OK;
}

static void drop_rows(struct cursor *cursor)
{
    free(cursor->rows);
    erg_unpacked_deinit(&cursor->unpacked);
    cursor->rows = NULL;
    cursor->unpacked = (struct erg_unpacked){.spans = NULL};
    cursor->count = cursor->next = 0;
}

static int table_close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    drop_rows(cursor);
    sqlite3_finalize(cursor->passes);
    erg_packed_reader_deinit(&cursor->packed);
    free(cursor);
    return SQLITE_OK;
}

static int fail(struct table *table, int rc, const char *text)
{
    sqlite3_free(table->base.zErrMsg);
    table->base.zErrMsg = sqlite3_mprintf("%s", text);
    return rc;
}

/* Columns of the queries above. */
enum {
    IN_START = 3,
    IN_END,
    IN_DOMAINS,
    IN_LAYOUT = IN_DOMAINS + ERG_DOMAINS,
    IN_FLAGS = IN_LAYOUT + 3
};

/* Times, energies and flags of the pass the statement stands at. */
static void read_pass(sqlite3_stmt *stmt, struct erg_pass_row *pass)
{
    pass->t0_ns = sqlite3_column_int64(stmt, IN_START);
    pass->t1_ns = sqlite3_column_int64(stmt, IN_END);
    pass->flags = (uint32_t)sqlite3_column_int64(stmt, IN_FLAGS);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (sqlite3_column_type(stmt, IN_DOMAINS + d) == SQLITE_NULL)
            continue;
        pass->energy.nj[d] = sqlite3_column_int64(stmt, IN_DOMAINS + d);
        pass->energy.present |= 1u << d;
    }
}

static const char *name_of(void *user, uint16_t id)
{
    struct table *table = user;
    return erg_names_find(&table->names, table->db, id);
}

static int unpack_pass(struct table *table, struct cursor *cursor)
{
    struct erg_pass_row *pass = &cursor->pass;
    struct erg_err err;
    *pass = (struct erg_pass_row){.spans = NULL};
    read_pass(cursor->passes, pass);
    int status =
        erg_packed_read(&cursor->packed, cursor->passes, IN_LAYOUT, pass, &cursor->unpacked, &err);
    if (status)
        return fail(table, status == ERG_NOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT_VTAB, err.text);
    cursor->energy_known = erg_energy_known(&pass->energy);
    const struct erg_extra_source source = {pass, name_of, table};
    status = erg_detail_rows(table->kind->kind, &source, &cursor->rows, &cursor->count);
    return status ? SQLITE_NOMEM : SQLITE_OK;
}

static int table_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    struct table *table = (struct table *)base->pVtab;
    cursor->rowid++;
    if (cursor->rows && ++cursor->next < cursor->count)
        return SQLITE_OK;
    do {
        drop_rows(cursor);
        int rc = sqlite3_step(cursor->passes);
        if (rc == SQLITE_DONE) {
            cursor->eof = true;
            return SQLITE_OK;
        }
        if (rc != SQLITE_ROW)
            return fail(table, rc, sqlite3_errmsg(table->db));
        rc = unpack_pass(table, cursor);
        if (rc != SQLITE_OK)
            return rc;
    } while (cursor->count == 0);
    return SQLITE_OK;
}

static int table_filter(sqlite3_vtab_cursor *base, int used, const char *text, int argc,
                        sqlite3_value **argv)
{
    (void)text;
    struct cursor *cursor = (struct cursor *)base;
    struct table *table = (struct table *)base->pVtab;
    drop_rows(cursor);
    sqlite3_finalize(cursor->passes);
    cursor->passes = NULL;
    cursor->eof = false;
    cursor->rowid = 0;
    int rc = sqlite3_prepare_v2(table->db, queries[used], -1, &cursor->passes, NULL);
    if (rc != SQLITE_OK)
        return fail(table, rc, sqlite3_errmsg(table->db));
    int argument = 0;
    for (int bit = BY_RUN, parameter = 1; bit <= BY_PASS; bit <<= 1, parameter++) {
        if (used & bit && argument < argc)
            sqlite3_bind_value(cursor->passes, parameter, argv[argument++]);
    }
    return table_next(base);
}

static int table_eof(sqlite3_vtab_cursor *base)
{
    return ((struct cursor *)base)->eof;
}

static int table_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((struct cursor *)base)->rowid;
    return SQLITE_OK;
}

static void result_ms(sqlite3_context *context, int64_t ticks)
{
    sqlite3_result_double(context, (double)(ticks * ERG_TICK_NS) / 1e6);
}

static void result_name(sqlite3_context *context, struct table *table, uint16_t id)
{
    const char *name = erg_names_find(&table->names, table->db, id);
    sqlite3_result_text(context, name, -1, SQLITE_TRANSIENT);
}

static void result_energy_mj(sqlite3_context *context, const struct cursor *cursor)
{
    if (cursor->energy_known)
        sqlite3_result_double(context, (double)cursor->rows[cursor->next].energy_nj / 1e6);
}

/* Columns energy_mj (0) and, behind it, the four statistics of layers and components. */
static void result_energy_and_statistics(sqlite3_context *context, const struct cursor *cursor,
                                         int i)
{
    const struct erg_detail_row *row = &cursor->rows[cursor->next];
    const float statistics[] = {row->mean, row->std, row->max, row->sparsity};
    if (i == 0)
        result_energy_mj(context, cursor);
    else
        sqlite3_result_double(context, (double)statistics[i - 1]);
}

static void result_of_layer(sqlite3_context *context, const struct cursor *cursor, int i)
{
    const struct erg_detail_row *row = &cursor->rows[cursor->next];
    const int64_t times[] = {row->ticks, row->attention_ticks, row->mlp_ticks};
    if (i < 3)
        result_ms(context, times[i]);
    else
        result_energy_and_statistics(context, cursor, i - 3);
}

static void result_of_component(sqlite3_context *context, struct table *table,
                                const struct cursor *cursor, int i)
{
    const struct erg_detail_row *row = &cursor->rows[cursor->next];
    if (i == 0)
        result_name(context, table, row->component);
    else if (i == 1)
        result_ms(context, row->ticks);
    else
        result_energy_and_statistics(context, cursor, i - 2);
}

static void result_extra(sqlite3_context *context, struct table *table, const struct cursor *cursor)
{
    const struct erg_extra_source source = {&cursor->pass, name_of, table};
    struct erg_buf text;
    struct erg_jsonw w;
    erg_buf_init(&text);
    erg_jsonw_init(&w, &text);
    bool any = erg_extra_write(&source, cursor->rows[cursor->next].first, &w);
    if (erg_buf_status(&text))
        sqlite3_result_error_nomem(context);
    else if (any)
        sqlite3_result_text(context, text.data, (int)text.len, SQLITE_TRANSIENT);
    erg_buf_deinit(&text);
}

static void result_of_operation(sqlite3_context *context, struct table *table,
                                const struct cursor *cursor, int i)
{
    const struct erg_detail_row *row = &cursor->rows[cursor->next];
    const float values[] = {row->flops, row->bytes, row->mean, row->std, row->max};
    const int statistics = 4, extra = 9;
    if (i < 2)
        result_name(context, table, i == 0 ? row->component : row->operation);
    else if (i == 2)
        result_ms(context, row->ticks);
    else if (i == 3)
        result_energy_mj(context, cursor);
    else if (i < extra)
        sqlite3_result_double(context, (double)values[i - statistics]);
    else
        result_extra(context, table, cursor);
}

static int table_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    struct cursor *cursor = (struct cursor *)base;
    struct table *table = (struct table *)base->pVtab;
    const struct erg_detail_row *row = &cursor->rows[cursor->next];
    int pass_id = table->kind->pass_id_column;
    if (column == COL_RUN_ID)
        sqlite3_result_value(context, sqlite3_column_value(cursor->passes, 0));
    else if (column == COL_TOKEN_ID)
        sqlite3_result_value(context, sqlite3_column_value(cursor->passes, 1));
    else if (column == COL_LAYER)
        sqlite3_result_int(context, row->layer);
    else if (column == pass_id)
        sqlite3_result_value(context, sqlite3_column_value(cursor->passes, 2));
    else if (column == pass_id + 1 && cursor->energy_known)
        sqlite3_result_int64(context, row->energy_nj);
    else if (column > pass_id)
        sqlite3_result_null(context);
    else if (table->kind->kind == ERG_DETAIL_LAYERS)
        result_of_layer(context, cursor, column - COLS_IN_FRONT);
    else if (table->kind->kind == ERG_DETAIL_COMPONENTS)
        result_of_component(context, table, cursor, column - COLS_IN_FRONT);
    else
        result_of_operation(context, table, cursor, column - COLS_IN_FRONT);
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .iVersion = 2,
    .xConnect = table_connect,
    .xBestIndex = table_best_index,
    .xDisconnect = table_disconnect,
    .xOpen = table_open,
    .xClose = table_close,
    .xFilter = table_filter,
    .xNext = table_next,
    .xEof = table_eof,
    .xColumn = table_column,
    .xRowid = table_rowid,
};

int erg_detail_register(sqlite3 *db)
{
    static const char *const names[] = {"layer_metrics", "component_metrics",
                                        "deep_operation_metrics"};
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && rc == SQLITE_OK; i++)
        rc = sqlite3_create_module_v2(db, names[i], &module, (void *)&kinds[i], NULL);
    return rc;
}
