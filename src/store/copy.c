/* SPDX-License-Identifier: MIT */
#include "store/copy.h"

#include "base/buf.h"
#include "store/detail.h"
#include "store/schema.h"
#include "store/store_priv.h"

#include <string.h>

static void close_db(sqlite3 **db)
{
    sqlite3_close_v2(*db);
}

/* The store's file as a URI that opens it for reading, the way the store itself has it open. */
static void put_uri(const struct erg_store *store, struct erg_buf *out)
{
    const char *path = sqlite3_db_filename(store->db, "main");
    erg_buf_puts(out, "file:");
    for (const char *c = path ? path : ""; *c; c++) {
        if (strchr("?#%", *c))
            erg_buf_printf(out, "%%%02X", (unsigned char)*c);
        else
            erg_buf_putc(out, *c);
    }
    erg_buf_puts(out, "?mode=ro");
    if (path && sqlite3_uri_boolean(path, "immutable", 0))
        erg_buf_puts(out, "&immutable=1");
}

static int attach(sqlite3 *db, const struct erg_store *store, struct erg_err *err)
{
    struct erg_buf uri;
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    erg_buf_init(&uri);
    put_uri(store, &uri);
    int status = erg_buf_status(&uri);
    if (status)
        erg_fail(err, status, "out of memory");
    else
        status = erg_sql_prepare(db, &stmt, "ATTACH ? AS source", err);
    if (status == 0) {
        struct erg_binder bind = erg_bind(stmt);
        erg_bind_text(&bind, uri.data);
        status = erg_sql_run(stmt, "cannot read the store", err);
    }
    erg_buf_deinit(&uri);
    return status;
}

/* Columns that can be written, separated by commas: generated ones make themselves. */
static int put_columns(sqlite3 *db, const char *table, struct erg_buf *out, struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(db, &stmt,
                                 "SELECT group_concat(name, ', ') FROM pragma_table_info(?)", err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, table);
    int rc = sqlite3_step(stmt);
    const char *columns = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (!columns)
        return erg_sql_fail(err, db, rc, "cannot copy the run");
    erg_buf_puts(out, columns);
    return 0;
}

static int copy_table(sqlite3 *db, const char *table, const char *where, const char *id,
                      struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    struct erg_buf columns, sql;
    erg_buf_init(&columns);
    erg_buf_init(&sql);
    int status = put_columns(db, table, &columns, err);
    erg_buf_printf(&sql, "INSERT INTO main.%s(%s) SELECT %s FROM source.%s WHERE %s ORDER BY rowid",
                   table, erg_buf_view(&columns), erg_buf_view(&columns), table, where);
    if (status == 0 && (erg_buf_status(&sql) || erg_buf_status(&columns)))
        status = erg_fail(err, ERG_NOMEM, "out of memory");
    if (status == 0)
        status = erg_sql_prepare(db, &stmt, sql.data, err);
    if (status == 0) {
        struct erg_binder bind = erg_bind(stmt);
        erg_bind_text(&bind, id);
        status = erg_sql_run(stmt, "cannot copy the run", err);
    }
    erg_buf_deinit(&columns);
    erg_buf_deinit(&sql);
    return status;
}

static int copy_rows(sqlite3 *db, const char *id, struct erg_err *err)
{
    static const struct {
        const char *table, *where;
    } tables[] = {
        {"profiling_runs", "id = ?"},
        {"power_samples", "run_id = ?"},
        {"host_samples", "run_id = ?"},
        {"pipeline_sections", "run_id = ?"},
        {"layouts", "run_id = ?"},
        {"names", "?1 IS NOT NULL"},
        {"passes", "run_id = ?"},
        {"pass_parts", /* the range first: the parts of other runs need not be read */
         "id BETWEEN (SELECT min(id) << 16 FROM main.passes WHERE run_id = ?1) AND "
         "(SELECT max(id) << 16 | 65535 FROM main.passes WHERE run_id = ?1) AND "
         "id >> 16 IN (SELECT id FROM main.passes)"},
        {"run_sums", "run_id = ?"},
        {"tokens", "pass_id IN (SELECT id FROM source.passes WHERE run_id = ?)"},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        int status = copy_table(db, tables[i].table, tables[i].where, id, err);
        if (status == 0 && i == 0 && sqlite3_changes(db) == 0)
            status = erg_fail(err, ERG_NOT_FOUND, "there is no run '%s'", id);
        if (status)
            return status;
    }
    return 0;
}

/* An ordinary table takes the place of the eponymous one it is filled from. */
static const char detail_tables[] =
    "CREATE TABLE main.layer_metrics AS SELECT * FROM layer_metrics;"
    "CREATE TABLE main.component_metrics AS SELECT * FROM component_metrics;"
    "CREATE TABLE main.deep_operation_metrics AS SELECT * FROM deep_operation_metrics;";

int erg_store_copy_run(struct erg_store *store, const char *id, const char *path,
                       struct erg_err *err)
{
    __attribute__((cleanup(close_db))) sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(
        path, &db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
    if (rc != SQLITE_OK)
        return erg_sql_fail(err, db, rc, "cannot make a database");
    /* Nobody else sees the file yet, and a torn one is thrown away. */
    int status = erg_sql_exec(db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", err);
    if (status == 0)
        status = erg_schema_migrate(db, erg_migrations, erg_migration_count, err);
    if (status == 0)
        status = attach(db, store, err);
    if (status == 0)
        status = erg_sql_exec(db, "BEGIN", err);
    if (status == 0)
        status = copy_rows(db, id, err);
    if (status == 0)
        status = erg_sql_exec(db, "COMMIT; DETACH source", err);
    if (status == 0 && (rc = erg_detail_register(db)) != SQLITE_OK)
        status = erg_sql_fail(err, db, rc, "cannot read the passes");
    if (status == 0)
        status = erg_sql_exec(db, detail_tables, err);
    return status;
}
