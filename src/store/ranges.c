/* SPDX-License-Identifier: MIT */
#include "store/ranges.h"

#include "store/packed.h"
#include "store/store_priv.h"

/*
 * Passes of run ?1 that evaluated a token from ?2 to ?3. Only indices are read to find them: the
 * rows of passes are long.
 */
#define PASSES_OF_RANGE                                                                            \
    "passes.id IN (SELECT p.id FROM layouts l JOIN passes p ON p.layout_id = l.id "                \
    "WHERE l.run_id = ?1 AND EXISTS(SELECT 1 FROM tokens x WHERE x.pass_id = p.id "                \
    "AND x.token_index BETWEEN ?2 AND ?3)) AND (?4 IS NULL OR passes.phase_code = ?4) "

#define FIRST_TOKEN                                                                                \
    "coalesce((SELECT min(x.token_index) FROM tokens x WHERE x.pass_id = passes.id), -1)"

static void bind_range(sqlite3_stmt *stmt, const char *id, const struct erg_token_range *range)
{
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, id);
    erg_bind_int(&bind, range->from);
    erg_bind_int(&bind, range->to);
    if (range->phase < ERG_PHASES)
        erg_bind_int(&bind, range->phase);
}

static int show_pass(sqlite3_stmt *stmt, struct erg_packed_reader *packed,
                     enum erg_passes_depth depth, erg_range_visitor visit, void *user,
                     struct erg_err *err)
{
    struct erg_row_cursor col = {.stmt = stmt};
    struct erg_pass_row row = {.spans = NULL};
    struct erg_unpacked unpacked = {.spans = NULL};
    erg_pass_read(&col, &row);
    int64_t first_token = erg_col_int(&col);
    int status = 0;
    if (depth != ERG_PASSES_ROWS)
        status = erg_packed_read(packed, stmt, col.next, &row, &unpacked, err);
    if (status == 0)
        status = visit(user, &row, first_token);
    erg_unpacked_deinit(&unpacked);
    return status;
}

int erg_store_passes_of(struct erg_store *store, const char *id,
                        const struct erg_token_range *range, enum erg_passes_depth depth,
                        erg_range_visitor visit, void *user, struct erg_err *err)
{
    static const char bare[] = ERG_PASS_COLUMNS
        ", " FIRST_TOKEN " FROM passes WHERE " PASSES_OF_RANGE "ORDER BY passes.id";
    static const char full[] =
        ERG_PASS_COLUMNS ", " FIRST_TOKEN ", layout, spans, passes.id FROM passes JOIN layouts "
                         "ON layouts.id = layout_id WHERE " PASSES_OF_RANGE "ORDER BY passes.id";
    struct erg_packed_reader packed = {.db = store->db, .times_only = depth == ERG_PASSES_TIMES};
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(store->db, &stmt, depth == ERG_PASSES_ROWS ? bare : full, err);
    if (status)
        return status;
    bind_range(stmt, id, range);
    while (status == 0) {
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_DONE)
            break;
        status = rc == SQLITE_ROW ? show_pass(stmt, &packed, depth, visit, user, err)
                                  : erg_sql_fail(err, store->db, rc, "cannot read the run");
    }
    erg_packed_reader_deinit(&packed);
    return status > 0 ? 0 : status;
}

int erg_store_tokens_of(struct erg_store *store, const char *id,
                        const struct erg_token_range *range, erg_token_visitor visit, void *user,
                        struct erg_err *err)
{
    static const char sql[] = ERG_TOKEN_COLUMNS
        " FROM passes CROSS JOIN tokens t ON t.pass_id = passes.id WHERE " PASSES_OF_RANGE
        "AND t.token_index BETWEEN ?2 AND ?3 ORDER BY passes.id, t.id";
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(store->db, &stmt, sql, err);
    if (status)
        return status;
    bind_range(stmt, id, range);
    while (status == 0) {
        struct erg_token_row row;
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_DONE)
            break;
        status = rc == SQLITE_ROW ? erg_token_read(stmt, &row, err)
                                  : erg_sql_fail(err, store->db, rc, "cannot read the run");
        if (status == 0)
            status = visit(user, &row);
    }
    return status > 0 ? 0 : status;
}

int erg_store_count_tokens(struct erg_store *store, const char *id, int64_t *out,
                           struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(store->db, &stmt,
                                 "SELECT count(*) FROM layouts l JOIN passes p "
                                 "ON p.layout_id = l.id JOIN tokens x ON x.pass_id = p.id "
                                 "WHERE l.run_id = ?",
                                 err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, id);
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW)
        return erg_sql_fail(err, store->db, rc, "cannot read the run");
    *out = sqlite3_column_int64(stmt, 0);
    return 0;
}

int erg_store_sums(struct erg_store *store, const char *id, struct erg_run_sums *out,
                   struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status =
        erg_sql_prepare(store->db, &stmt, "SELECT sums FROM run_sums WHERE run_id = ?", err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, id);
    int rc = sqlite3_step(stmt);
    *out = (struct erg_run_sums){0};
    if (rc == SQLITE_DONE)
        return 0;
    if (rc != SQLITE_ROW)
        return erg_sql_fail(err, store->db, rc, "cannot read the run");
    const void *packed = sqlite3_column_blob(stmt, 0);
    return erg_sums_unpack(packed ? packed : "", (size_t)sqlite3_column_bytes(stmt, 0), out, err);
}
