/* SPDX-License-Identifier: MIT */
#include "store/packed.h"
#include "store/store_priv.h"

/*
 * The visitors of a run's rows. One walk serves all tables: a statement whose first parameter is
 * the run, and a function that makes a row of the current line and shows it.
 */
struct walk {
    struct erg_store *store;
    struct erg_row_cursor col;
    struct erg_packed_reader packed;
    void *visit; /* address of the visitor: a function pointer is no object pointer */
    void *user;
    struct erg_err *err;
};

typedef int (*show_fn)(struct walk *walk);

static int walk_rows(struct walk *walk, const char *id, const char *sql, show_fn show)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status = erg_sql_prepare(walk->store->db, &stmt, sql, walk->err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, id);
    while (status == 0) {
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_DONE)
            break;
        if (rc != SQLITE_ROW)
            return erg_sql_fail(walk->err, walk->store->db, rc, "cannot read the run");
        walk->col = (struct erg_row_cursor){.stmt = stmt};
        status = show(walk);
    }
    return status > 0 ? 0 : status;
}

static int show_section(struct walk *walk)
{
    struct erg_row_cursor *col = &walk->col;
    struct erg_section_row row = {.phase = (uint32_t)erg_col_int(col)};
    row.name = erg_col_text(col);
    row.t0_ns = erg_col_int(col);
    row.t1_ns = erg_col_int(col);
    row.duration_ns = erg_col_int(col);
    row.energy = erg_col_energy(col);
    row.grade = (enum erg_grade)erg_col_int(col);
    if (!row.name)
        return erg_fail(walk->err, ERG_NOMEM, "out of memory");
    return (*(erg_section_visitor *)walk->visit)(walk->user, &row);
}

int erg_store_sections(struct erg_store *store, const char *id, erg_section_visitor visit,
                       void *user, struct erg_err *err)
{
    struct walk walk = {.store = store, .visit = &visit, .user = user, .err = err};
    return walk_rows(&walk, id,
                     "SELECT phase_code, section_name, start_ns, end_ns, duration_ns, cpu_nj, "
                     "gpu_nj, ane_nj, dram_nj, soc_nj, other_nj, grade_code "
                     "FROM pipeline_sections WHERE run_id = ? ORDER BY phase_code, start_ns, id",
                     show_section);
}

void erg_pass_read(struct erg_row_cursor *col, struct erg_pass_row *row)
{
    row->index = (uint32_t)erg_col_int(col);
    row->phase = (uint32_t)erg_col_int(col);
    row->position = (uint32_t)erg_col_int(col);
    row->n_tokens = (uint32_t)erg_col_int(col);
    row->flags = (uint32_t)erg_col_int(col);
    row->t0_ns = erg_col_int(col);
    row->t1_ns = erg_col_int(col);
    row->energy = erg_col_energy(col);
    row->grade = (enum erg_grade)erg_col_int(col);
    row->n_spans = (uint32_t)erg_col_int(col);
}

static int show_pass(struct walk *walk)
{
    struct erg_pass_row row = {.spans = NULL};
    erg_pass_read(&walk->col, &row);
    return (*(erg_pass_visitor *)walk->visit)(walk->user, &row);
}

static int show_pass_with_spans(struct walk *walk)
{
    struct erg_pass_row row = {.spans = NULL};
    erg_pass_read(&walk->col, &row);
    struct erg_unpacked unpacked;
    int status =
        erg_packed_read(&walk->packed, walk->col.stmt, walk->col.next, &row, &unpacked, walk->err);
    if (status)
        return status;
    status = (*(erg_pass_visitor *)walk->visit)(walk->user, &row);
    erg_unpacked_deinit(&unpacked);
    return status;
}

int erg_store_passes(struct erg_store *store, const char *id, bool with_spans,
                     erg_pass_visitor visit, void *user, struct erg_err *err)
{
    struct walk walk = {.store = store, .visit = &visit, .user = user, .err = err};
    if (!with_spans)
        return walk_rows(&walk, id, ERG_PASS_COLUMNS " FROM passes WHERE " ERG_PASSES_OF_RUN,
                         show_pass);
    walk.packed.db = store->db;
    int status = walk_rows(&walk, id,
                           ERG_PASS_COLUMNS ", layout, spans, passes.id FROM passes JOIN layouts "
                                            "ON layouts.id = layout_id WHERE " ERG_PASSES_OF_RUN,
                           show_pass_with_spans);
    erg_packed_reader_deinit(&walk.packed);
    return status;
}

int erg_token_read(sqlite3_stmt *stmt, struct erg_token_row *out, struct erg_err *err)
{
    struct erg_row_cursor col = {.stmt = stmt};
    struct erg_token_row row = {.index = (uint32_t)erg_col_int(&col)};
    row.pass = (uint32_t)erg_col_int(&col);
    row.phase = (uint32_t)erg_col_int(&col);
    row.position = (uint32_t)erg_col_int(&col);
    row.id = (int32_t)erg_col_int(&col);
    int text = col.next;
    row.text = erg_col_text(&col);
    row.text_len = (size_t)sqlite3_column_bytes(stmt, text);
    row.t0_ns = erg_col_int(&col);
    row.duration_ns = erg_col_int(&col);
    row.energy = erg_col_energy(&col);
    row.grade = (enum erg_grade)erg_col_int(&col);
    if (!row.text)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    *out = row;
    return 0;
}

static int show_token(struct walk *walk)
{
    struct erg_token_row row;
    int status = erg_token_read(walk->col.stmt, &row, walk->err);
    return status ? status : (*(erg_token_visitor *)walk->visit)(walk->user, &row);
}

int erg_store_tokens(struct erg_store *store, const char *id, erg_token_visitor visit, void *user,
                     struct erg_err *err)
{
    struct walk walk = {.store = store, .visit = &visit, .user = user, .err = err};
    return walk_rows(&walk, id,
                     ERG_TOKEN_COLUMNS " FROM passes CROSS JOIN tokens t ON t.pass_id = passes.id "
                                       "WHERE " ERG_PASSES_OF_RUN ", t.id",
                     show_token);
}

static int show_sample(struct walk *walk)
{
    struct erg_row_cursor *col = &walk->col;
    struct erg_sample_row row = {.t_ns = erg_col_int(col)};
    row.phase = (int32_t)erg_col_int(col);
    for (int d = 0; d < ERG_DOMAINS; d++)
        row.mw[d] = erg_col_real(col);
    row.total_mw = erg_col_real(col);
    return (*(erg_sample_visitor *)walk->visit)(walk->user, &row);
}

int erg_store_samples(struct erg_store *store, const char *id, erg_sample_visitor visit, void *user,
                      struct erg_err *err)
{
    struct walk walk = {.store = store, .visit = &visit, .user = user, .err = err};
    return walk_rows(&walk, id,
                     "SELECT t_ns, phase_code, cpu_power_mw, gpu_power_mw, ane_power_mw, "
                     "dram_power_mw, soc_power_mw, other_power_mw, total_power_mw "
                     "FROM power_samples WHERE run_id = ? ORDER BY t_ns, id",
                     show_sample);
}

static int show_host(struct walk *walk)
{
    struct erg_row_cursor *col = &walk->col;
    struct erg_host_row row = {.t_ns = erg_col_int(col)};
    row.sample.t_ns = row.t_ns;
    row.sample.engine_cpu_ratio = erg_col_real(col);
    row.sample.machine_cpu_ratio = erg_col_real(col);
    row.sample.others_cpu_ratio = erg_col_real(col);
    row.sample.engine_rss_bytes = (uint64_t)erg_col_int(col);
    row.sample.machine_used_bytes = (uint64_t)erg_col_int(col);
    row.sample.machine_total_bytes = (uint64_t)erg_col_int(col);
    return (*(erg_host_visitor *)walk->visit)(walk->user, &row);
}

int erg_store_host(struct erg_store *store, const char *id, erg_host_visitor visit, void *user,
                   struct erg_err *err)
{
    struct walk walk = {.store = store, .visit = &visit, .user = user, .err = err};
    return walk_rows(&walk, id,
                     "SELECT t_ns, engine_cpu_ratio, machine_cpu_ratio, others_cpu_ratio, "
                     "engine_rss_bytes, machine_used_bytes, machine_total_bytes "
                     "FROM host_samples WHERE run_id = ? ORDER BY t_ns, id",
                     show_host);
}
