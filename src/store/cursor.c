/* SPDX-License-Identifier: MIT */
#include "store/cursor.h"

#include "base/mem.h"
#include "store/store_priv.h"

#include <stdlib.h>

struct erg_cursor {
    sqlite3 *db;
    sqlite3_stmt *stmt;
    bool done;
};

static const char *const queries[] = {
    [ERG_CURSOR_TOKENS] =
        ERG_TOKEN_COLUMNS " FROM passes CROSS JOIN tokens t ON t.pass_id = passes.id "
                          "WHERE " ERG_PASSES_OF_RUN ", t.id",
    [ERG_CURSOR_SAMPLES] =
        "SELECT t_ns, phase_code, cpu_power_mw, gpu_power_mw, ane_power_mw, dram_power_mw, "
        "soc_power_mw, other_power_mw, total_power_mw FROM power_samples WHERE run_id = ? "
        "ORDER BY t_ns, id",
    [ERG_CURSOR_HOST] =
        "SELECT t_ns, engine_cpu_ratio, machine_cpu_ratio, others_cpu_ratio, engine_rss_bytes, "
        "machine_used_bytes, machine_total_bytes FROM host_samples WHERE run_id = ? "
        "ORDER BY t_ns, id",
};

int erg_cursor_open(struct erg_cursor **out, struct erg_store *store, const char *id,
                    enum erg_cursor_table table, struct erg_err *err)
{
    struct erg_cursor *cursor = erg_calloc(1, sizeof *cursor);
    if (!cursor)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    cursor->db = store->db;
    int status = erg_sql_prepare(store->db, &cursor->stmt, queries[table], err);
    int rc = status ? SQLITE_OK : sqlite3_bind_text(cursor->stmt, 1, id, -1, SQLITE_TRANSIENT);
    if (rc != SQLITE_OK)
        status = erg_sql_fail(err, store->db, rc, "cannot query the store");
    if (status)
        erg_cursor_close(cursor);
    else
        *out = cursor;
    return status;
}

void erg_cursor_close(struct erg_cursor *cursor)
{
    if (!cursor)
        return;
    sqlite3_finalize(cursor->stmt);
    free(cursor);
}

/* 1 with a row to read, 0 behind the last one, or an error. */
static int step(struct erg_cursor *cursor, struct erg_row_cursor *out, struct erg_err *err)
{
    if (cursor->done)
        return 0;
    int rc = sqlite3_step(cursor->stmt);
    *out = (struct erg_row_cursor){.stmt = cursor->stmt};
    if (rc == SQLITE_ROW)
        return 1;
    cursor->done = true;
    return rc == SQLITE_DONE ? 0 : erg_sql_fail(err, cursor->db, rc, "cannot read the run");
}

int erg_cursor_token(struct erg_cursor *cursor, struct erg_token_row *out, struct erg_err *err)
{
    struct erg_row_cursor col;
    int rc = step(cursor, &col, err);
    if (rc != 1)
        return rc;
    rc = erg_token_read(cursor->stmt, out, err);
    return rc ? rc : 1;
}

int erg_cursor_sample(struct erg_cursor *cursor, struct erg_sample_row *out, struct erg_err *err)
{
    struct erg_row_cursor col;
    int rc = step(cursor, &col, err);
    if (rc != 1)
        return rc;
    out->t_ns = erg_col_int(&col);
    out->phase = (int32_t)erg_col_int(&col);
    for (int d = 0; d < ERG_DOMAINS; d++)
        out->mw[d] = erg_col_real(&col);
    out->total_mw = erg_col_real(&col);
    return 1;
}

int erg_cursor_host(struct erg_cursor *cursor, struct erg_host_row *out, struct erg_err *err)
{
    struct erg_row_cursor col;
    int rc = step(cursor, &col, err);
    if (rc != 1)
        return rc;
    out->t_ns = erg_col_int(&col);
    out->sample.t_ns = out->t_ns;
    out->sample.engine_cpu_ratio = erg_col_real(&col);
    out->sample.machine_cpu_ratio = erg_col_real(&col);
    out->sample.others_cpu_ratio = erg_col_real(&col);
    out->sample.engine_rss_bytes = (uint64_t)erg_col_int(&col);
    out->sample.machine_used_bytes = (uint64_t)erg_col_int(&col);
    out->sample.machine_total_bytes = (uint64_t)erg_col_int(&col);
    return 1;
}
