/* SPDX-License-Identifier: MIT */
#include "store/calibrations.h"

#include "store/store_priv.h"

static int insert_row(sqlite3 *db, const struct erg_calibration_row *row, struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(
        db, &stmt,
        "INSERT INTO calibrations(created_at, created_at_utc, machine, sources, model_name, "
        "threads, status, nj_per_flop, nj_per_byte, static_w, error_ratio, time_error_ratio, "
        "report_json) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, row->created_at);
    erg_bind_text(&bind, row->created_at_utc);
    erg_bind_text(&bind, row->machine);
    erg_bind_text(&bind, row->sources);
    erg_bind_text(&bind, row->model_name);
    erg_bind_int(&bind, row->threads);
    erg_bind_text(&bind, row->status);
    erg_bind_real(&bind, row->activity.nj_per_flop);
    erg_bind_real(&bind, row->activity.nj_per_byte);
    erg_bind_real(&bind, row->activity.static_w);
    erg_bind_real(&bind, row->error_ratio);
    erg_bind_real(&bind, row->time_error_ratio);
    erg_bind_text(&bind, row->report_json);
    return erg_sql_run(stmt, "cannot store the calibration", err);
}

static int insert_blocks(sqlite3 *db, const struct erg_calibration_block *blocks, size_t count,
                         struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int64_t id = sqlite3_last_insert_rowid(db);
    int status = erg_sql_prepare(
        db, &stmt,
        "INSERT INTO calibration_blocks(calibration_id, phase_code, component_name, "
        "operation_name, duration_ns, repetitions, flops, bytes, energy_nj, idle_nj) "
        "VALUES (?,?,?,?,?,?,?,?,?,?)",
        err);
    for (size_t i = 0; i < count && status == 0; i++) {
        struct erg_binder bind = erg_bind(stmt);
        erg_bind_int(&bind, id);
        erg_bind_int(&bind, blocks[i].phase);
        erg_bind_text(&bind, blocks[i].component);
        erg_bind_text(&bind, blocks[i].operation);
        erg_bind_int(&bind, blocks[i].duration_ns);
        erg_bind_int(&bind, blocks[i].repetitions);
        erg_bind_real(&bind, blocks[i].flops);
        erg_bind_real(&bind, blocks[i].bytes);
        erg_bind_int(&bind, blocks[i].energy_nj);
        erg_bind_int(&bind, blocks[i].idle_nj);
        status = erg_sql_run(stmt, "cannot store the calibration", err);
    }
    return status;
}

int erg_store_add_calibration(struct erg_store *store, const struct erg_calibration_row *row,
                              const struct erg_calibration_block *blocks, size_t count,
                              struct erg_err *err)
{
    int status = erg_sql_exec(store->db, "BEGIN IMMEDIATE", err);
    if (status)
        return status;
    status = insert_row(store->db, row, err);
    if (status == 0)
        status = insert_blocks(store->db, blocks, count, err);
    if (status == 0)
        status = erg_sql_exec(store->db, "COMMIT", err);
    if (status)
        erg_sql_exec(store->db, "ROLLBACK", NULL);
    return status;
}

/* Prepare a query with machine and sources as its parameters. */
static int prepare(struct erg_store *store, const char *sql, const char *machine,
                   const char *sources, sqlite3_stmt **out, struct erg_err *err)
{
    int status = erg_sql_prepare(store->db, out, sql, err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(*out);
    erg_bind_text(&bind, machine);
    erg_bind_text(&bind, sources);
    return 0;
}

int erg_store_calibrations(struct erg_store *store, const char *machine, const char *sources,
                           erg_calibration_visitor visit, void *user, struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = prepare(store,
                         "SELECT id, created_at, created_at_utc, machine, sources, model_name, "
                         "threads, status, nj_per_flop, nj_per_byte, static_w, error_ratio, "
                         "time_error_ratio, report_json FROM calibrations "
                         "WHERE (?1 IS NULL OR machine = ?1) AND (?2 IS NULL OR sources = ?2) "
                         "ORDER BY id DESC",
                         machine, sources, &stmt, err);
    while (status == 0) {
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_DONE)
            break;
        if (rc != SQLITE_ROW)
            return erg_sql_fail(err, store->db, rc, "cannot read the calibrations");
        struct erg_row_cursor col = {.stmt = stmt};
        struct erg_calibration_row row = {.id = erg_col_int(&col)};
        row.created_at = erg_col_text(&col);
        row.created_at_utc = erg_col_text(&col);
        row.machine = erg_col_text(&col);
        row.sources = erg_col_text(&col);
        row.model_name = erg_col_text(&col);
        row.threads = erg_col_int(&col);
        row.status = erg_col_text(&col);
        row.activity.nj_per_flop = erg_col_real(&col);
        row.activity.nj_per_byte = erg_col_real(&col);
        row.activity.static_w = erg_col_real(&col);
        row.error_ratio = erg_col_real(&col);
        row.time_error_ratio = erg_col_real(&col);
        row.report_json = erg_col_text(&col);
        if (!row.created_at || !row.created_at_utc || !row.machine || !row.sources ||
            !row.model_name || !row.status || !row.report_json)
            return erg_fail(err, ERG_NOMEM, "out of memory");
        status = visit(user, &row);
    }
    return status > 0 ? 0 : status;
}

int erg_store_calibration_blocks(struct erg_store *store, const char *machine, const char *sources,
                                 erg_block_visitor visit, void *user, struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = prepare(store,
                         "SELECT calibration_id, model_name, phase_code, component_name, "
                         "operation_name, duration_ns, repetitions, flops, bytes, energy_nj, "
                         "idle_nj FROM calibrations c JOIN calibration_blocks b "
                         "ON b.calibration_id = c.id WHERE machine = ?1 AND sources = ?2 "
                         "ORDER BY c.id DESC, b.id",
                         machine, sources, &stmt, err);
    while (status == 0) {
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_DONE)
            break;
        if (rc != SQLITE_ROW)
            return erg_sql_fail(err, store->db, rc, "cannot read the calibrations");
        struct erg_row_cursor col = {.stmt = stmt};
        struct erg_calibration_block block = {.calibration = erg_col_int(&col)};
        block.model_name = erg_col_text(&col);
        block.phase = (uint32_t)erg_col_int(&col);
        block.component = erg_col_text(&col);
        block.operation = erg_col_text(&col);
        block.duration_ns = erg_col_int(&col);
        block.repetitions = erg_col_int(&col);
        block.flops = erg_col_real(&col);
        block.bytes = erg_col_real(&col);
        block.energy_nj = erg_col_int(&col);
        block.idle_nj = erg_col_int(&col);
        if (!block.model_name || !block.component || !block.operation)
            return erg_fail(err, ERG_NOMEM, "out of memory");
        status = visit(user, &block);
    }
    return status > 0 ? 0 : status;
}
