/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "store/packed.h"
#include "store/spans.h"
#include "store/writer_priv.h"

#include <stdlib.h>
#include <string.h>

#define ENERGY_COLUMNS "energy_nj, cpu_nj, gpu_nj, ane_nj, dram_nj, soc_nj, other_nj"

/* A figure of the summary; a summary that is no JSON is refused by the table itself. */
#define FIGURE(summary, key)                                                                       \
    "CASE WHEN json_valid(" summary ") THEN json_extract(" summary ", '$." key "') END"
#define FIGURES(summary)                                                                           \
    FIGURE(summary, "tokens_per_second") ", " FIGURE(summary, "joules_per_token")

static const char insert_run[] =
    "INSERT INTO profiling_runs(tags, experiment_name, created_at, created_at_utc, recorder, "
    "status, failure, model_name, model_path, mode, prompt, response, duration_ns, " ENERGY_COLUMNS
    ", input_tokens, output_tokens, summary_json, tokens_per_second, joules_per_token, id) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?23, " FIGURES(
        "?23") ", ?24)";

/* Labels and creation stay: a label may have been given while the run goes on. */
static const char update_run[] =
    "UPDATE profiling_runs SET recorder = ?, status = ?, failure = ?, model_name = ?, "
    "model_path = ?, mode = ?, prompt = ?, response = ?, duration_ns = ?, energy_nj = ?, "
    "cpu_nj = ?, gpu_nj = ?, ane_nj = ?, dram_nj = ?, soc_nj = ?, other_nj = ?, "
    "input_tokens = ?, output_tokens = ?, summary_json = ?19, "
    "(tokens_per_second, joules_per_token) = (" FIGURES("?19") ") WHERE id = ?20";

static const char update_section[] =
    "UPDATE pipeline_sections SET start_ns = ?, end_ns = ?, duration_ns = ?, energy_nj = ?, "
    "cpu_nj = ?, gpu_nj = ?, ane_nj = ?, dram_nj = ?, soc_nj = ?, other_nj = ?, grade_code = ? "
    "WHERE run_id = ? AND phase_code = ? AND section_name = ?";

static const char insert_section[] =
    "INSERT INTO pipeline_sections(start_ns, end_ns, duration_ns, " ENERGY_COLUMNS
    ", grade_code, run_id, phase_code, section_name) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

static const char insert_pass[] =
    "INSERT INTO passes(run_id, pass_index, phase_code, position, n_tokens, flags, start_ns, "
    "end_ns, " ENERGY_COLUMNS ", grade_code, n_spans, layout_id, spans) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

static const char insert_token[] =
    "INSERT INTO tokens(run_id, pass_id, token_index, position, token, text, phase_code, "
    "start_ns, duration_ns, " ENERGY_COLUMNS ", grade_code) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

static const char insert_sample[] =
    "INSERT INTO power_samples(run_id, t_ns, phase_code, cpu_power_mw, gpu_power_mw, "
    "ane_power_mw, dram_power_mw, soc_power_mw, other_power_mw, total_power_mw) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

static const char insert_host[] =
    "INSERT INTO host_samples(run_id, t_ns, engine_cpu_ratio, machine_cpu_ratio, "
    "others_cpu_ratio, engine_rss_bytes, machine_used_bytes, machine_total_bytes) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?)";

int erg_inserter_init(struct erg_inserter *inserter, struct erg_store *store, const char *run_id,
                      struct erg_err *err)
{
    inserter->store = store;
    inserter->run_id = run_id;
    const struct {
        sqlite3_stmt **stmt;
        const char *sql;
    } statements[] = {
        {&inserter->update_run, update_run},
        {&inserter->update_section, update_section},
        {&inserter->insert_section, insert_section},
        {&inserter->insert_pass, insert_pass},
        {&inserter->insert_part, "INSERT INTO pass_parts(id, bytes) VALUES(?, ?)"},
        {&inserter->insert_layout, "INSERT INTO layouts(run_id, layout) VALUES(?, ?)"},
        {&inserter->insert_name, "INSERT OR IGNORE INTO names(name) VALUES(?)"},
        {&inserter->find_name, "SELECT id FROM names WHERE name = ?"},
        {&inserter->insert_token, insert_token},
        {&inserter->find_pass,
         "SELECT passes.id FROM layouts JOIN passes ON layout_id = layouts.id "
         "WHERE layouts.run_id = ? AND pass_index = ?"},
        {&inserter->insert_sample, insert_sample},
        {&inserter->insert_host, insert_host},
        {&inserter->insert_sums, "INSERT OR REPLACE INTO run_sums(run_id, sums) VALUES(?, ?)"},
    };
    int status = 0;
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]) && status == 0; i++)
        status = erg_sql_prepare(store->db, statements[i].stmt, statements[i].sql, err);
    return status;
}

void erg_inserter_deinit(struct erg_inserter *inserter)
{
    sqlite3_stmt *const statements[] = {
        inserter->update_run,    inserter->update_section, inserter->insert_section,
        inserter->insert_pass,   inserter->insert_layout,  inserter->insert_name,
        inserter->find_name,     inserter->insert_token,   inserter->find_pass,
        inserter->insert_sample, inserter->insert_host,    inserter->insert_part,
        inserter->insert_sums,
    };
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        sqlite3_finalize(statements[i]);
}

/* The columns from `recorder` to `id`, in which insert and update agree. */
static int bind_run(struct erg_binder *bind, const struct erg_run_row *run, const char *id,
                    char **out_summary, struct erg_err *err)
{
    char *summary = NULL;
    int status = erg_summary_strip(run->summary_json ? run->summary_json : "{}", &summary);
    if (status)
        return erg_fail(err, status,
                        status == ERG_NOMEM ? "no memory for the summary of run '%s'"
                                            : "the summary of run '%s' is no JSON object",
                        id);
    erg_bind_text(bind, run->recorder);
    erg_bind_text(bind, run->status);
    erg_bind_text(bind, run->failure);
    erg_bind_text(bind, run->model_name);
    erg_bind_text(bind, run->model_path);
    erg_bind_text(bind, run->mode);
    erg_bind_text(bind, run->prompt);
    erg_bind_text(bind, run->response);
    erg_bind_int(bind, run->duration_ns);
    erg_bind_energy(bind, &run->energy);
    erg_bind_int(bind, run->input_tokens);
    erg_bind_int(bind, run->output_tokens);
    erg_bind_text(bind, summary);
    erg_bind_text(bind, id);
    *out_summary = summary;
    return 0;
}

int erg_inserter_begin_run(struct erg_inserter *inserter, const struct erg_run_row *run,
                           struct erg_err *err)
{
    ERG_AUTO_FREE char *summary = NULL;
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    sqlite3 *db = inserter->store->db;
    int status = erg_sql_prepare(db, &stmt, insert_run, err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_text(&bind, run->tags_json ? run->tags_json : "[]");
    erg_bind_text(&bind, run->experiment_name);
    erg_bind_text(&bind, run->created_at);
    erg_bind_text(&bind, run->created_at_utc);
    status = bind_run(&bind, run, run->id, &summary, err);
    if (status)
        return status;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_CONSTRAINT_PRIMARYKEY)
        return erg_fail(err, ERG_BUSY, "run '%s' is in the store already", run->id);
    return rc == SQLITE_DONE ? 0 : erg_sql_fail(err, db, rc, "cannot insert the run");
}

static int write_run(struct erg_inserter *inserter, const struct erg_message *message,
                     struct erg_err *err)
{
    ERG_AUTO_FREE char *summary = NULL;
    struct erg_binder bind = erg_bind(inserter->update_run);
    int status = bind_run(&bind, &message->row.run, inserter->run_id, &summary, err);
    if (status)
        return status;
    status = erg_sql_run(inserter->update_run, "cannot update the run", err);
    sqlite3_clear_bindings(inserter->update_run);
    if (status == 0 && sqlite3_changes(inserter->store->db) == 0)
        return erg_fail(err, ERG_GONE, "run '%s' was deleted while it was written",
                        inserter->run_id);
    return status;
}

static struct erg_binder bind_section(sqlite3_stmt *stmt, const struct erg_section_row *row,
                                      const char *run_id)
{
    struct erg_binder bind = erg_bind(stmt);
    erg_bind_int(&bind, row->t0_ns);
    erg_bind_int(&bind, row->t1_ns);
    erg_bind_int(&bind, row->duration_ns);
    erg_bind_energy(&bind, &row->energy);
    erg_bind_int(&bind, row->grade);
    erg_bind_text(&bind, run_id);
    erg_bind_int(&bind, row->phase);
    erg_bind_text(&bind, row->name);
    return bind;
}

static int write_section(struct erg_inserter *inserter, const struct erg_message *message,
                         struct erg_err *err)
{
    const struct erg_section_row *row = &message->row.section;
    if (row->phase == ERG_PHASE_PREFILL || row->phase == ERG_PHASE_DECODE) {
        bind_section(inserter->update_section, row, inserter->run_id);
        int status = erg_sql_run(inserter->update_section, "cannot update a section", err);
        if (status || sqlite3_changes(inserter->store->db) > 0)
            return status;
    }
    bind_section(inserter->insert_section, row, inserter->run_id);
    return erg_sql_run(inserter->insert_section, "cannot insert a section", err);
}

static int write_layout(struct erg_inserter *inserter, const struct erg_message *message,
                        struct erg_err *err)
{
    size_t count = message->blob_len / sizeof(struct erg_span);
    ERG_AUTO_FREE struct erg_span *spans = erg_calloc(count, sizeof(*spans));
    if (!spans)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    memcpy(spans, message->blob, message->blob_len);
    for (size_t i = 0; i < count; i++) {
        spans[i].component = inserter->names[spans[i].component];
        spans[i].operation = spans[i].operation ? inserter->names[spans[i].operation] : 0;
    }
    struct erg_buf packed;
    erg_buf_init(&packed);
    int status = erg_spans_pack_layout(spans, (uint32_t)count, &packed);
    if (status) {
        erg_fail(err, status, "cannot pack a layout: %s", erg_code_text(status));
    } else {
        struct erg_binder bind = erg_bind(inserter->insert_layout);
        erg_bind_text(&bind, inserter->run_id);
        erg_bind_blob(&bind, packed.data, packed.len);
        status = erg_sql_run(inserter->insert_layout, "cannot insert a layout", err);
        inserter->layouts[message->slot] = sqlite3_last_insert_rowid(inserter->store->db);
    }
    erg_buf_deinit(&packed);
    return status;
}

static int write_name(struct erg_inserter *inserter, const struct erg_message *message,
                      struct erg_err *err)
{
    struct erg_binder bind = erg_bind(inserter->insert_name);
    erg_bind_text(&bind, message->text);
    int status = erg_sql_run(inserter->insert_name, "cannot insert a name", err);
    if (status)
        return status;
    bind = erg_bind(inserter->find_name);
    erg_bind_text(&bind, message->text);
    int rc = sqlite3_step(inserter->find_name);
    if (rc == SQLITE_ROW)
        inserter->names[message->slot] = (uint16_t)sqlite3_column_int(inserter->find_name, 0);
    sqlite3_reset(inserter->find_name);
    if (rc == SQLITE_DONE)
        return erg_fail(err, ERG_LIMIT, "the store has no room for another name, such as '%s'",
                        message->text);
    return rc == SQLITE_ROW ? 0 : erg_sql_fail(err, inserter->store->db, rc, "cannot find a name");
}

/* What is too long for a cell of the pass that was just inserted. */
static int write_parts(struct erg_inserter *inserter, const struct erg_message *message,
                       struct erg_err *err)
{
    int64_t id = inserter->last_pass_id << ERG_PART_BITS;
    int status = 0;
    for (size_t at = 0; at < message->blob_len && status == 0; at += ERG_PART_BYTES) {
        size_t left = message->blob_len - at;
        struct erg_binder bind = erg_bind(inserter->insert_part);
        erg_bind_int(&bind, id++);
        erg_bind_blob(&bind, (const char *)message->blob + at,
                      left < ERG_PART_BYTES ? left : ERG_PART_BYTES);
        status = erg_sql_run(inserter->insert_part, "cannot insert a part of a pass", err);
    }
    return status;
}

static int write_pass(struct erg_inserter *inserter, const struct erg_message *message,
                      struct erg_err *err)
{
    const struct erg_pass_row *row = &message->row.pass;
    struct erg_binder bind = erg_bind(inserter->insert_pass);
    erg_bind_text(&bind, inserter->run_id);
    erg_bind_int(&bind, row->index);
    erg_bind_int(&bind, row->phase);
    erg_bind_int(&bind, row->position);
    erg_bind_int(&bind, row->n_tokens);
    erg_bind_int(&bind, row->flags);
    erg_bind_int(&bind, row->t0_ns);
    erg_bind_int(&bind, row->t1_ns);
    erg_bind_energy(&bind, &row->energy);
    erg_bind_int(&bind, row->grade);
    erg_bind_int(&bind, row->n_spans);
    erg_bind_int(&bind, inserter->layouts[message->slot]);
    bool whole = message->blob_len <= ERG_INLINE_BYTES;
    erg_bind_blob(&bind, message->blob, whole ? message->blob_len : 0);
    int status = erg_sql_run(inserter->insert_pass, "cannot insert a pass", err);
    inserter->last_pass = row->index;
    inserter->last_pass_id = sqlite3_last_insert_rowid(inserter->store->db);
    inserter->has_last_pass = status == 0;
    return status || whole ? status : write_parts(inserter, message, err);
}

static int find_pass(struct erg_inserter *inserter, uint32_t index, int64_t *out_id,
                     struct erg_err *err)
{
    if (inserter->has_last_pass && inserter->last_pass == index) {
        *out_id = inserter->last_pass_id;
        return 0;
    }
    struct erg_binder bind = erg_bind(inserter->find_pass);
    erg_bind_text(&bind, inserter->run_id);
    erg_bind_int(&bind, index);
    int rc = sqlite3_step(inserter->find_pass);
    *out_id = sqlite3_column_int64(inserter->find_pass, 0);
    sqlite3_reset(inserter->find_pass);
    if (rc == SQLITE_DONE)
        return erg_fail(err, ERG_INVALID, "a token belongs to pass %u, which is not there", index);
    return rc == SQLITE_ROW ? 0 : erg_sql_fail(err, inserter->store->db, rc, "cannot find a pass");
}

static int write_token(struct erg_inserter *inserter, const struct erg_message *message,
                       struct erg_err *err)
{
    const struct erg_token_row *row = &message->row.token;
    int64_t pass_id = 0;
    int status = find_pass(inserter, row->pass, &pass_id, err);
    if (status)
        return status;
    struct erg_binder bind = erg_bind(inserter->insert_token);
    erg_bind_text(&bind, inserter->run_id);
    erg_bind_int(&bind, pass_id);
    erg_bind_int(&bind, row->index);
    erg_bind_int(&bind, row->position);
    erg_bind_int(&bind, row->id);
    erg_bind_text_n(&bind, row->text, row->text_len);
    erg_bind_int(&bind, row->phase);
    erg_bind_int(&bind, row->t0_ns);
    erg_bind_int(&bind, row->duration_ns);
    erg_bind_energy(&bind, &row->energy);
    erg_bind_int(&bind, row->grade);
    return erg_sql_run(inserter->insert_token, "cannot insert a token", err);
}

static int write_sample(struct erg_inserter *inserter, const struct erg_message *message,
                        struct erg_err *err)
{
    const struct erg_sample_row *row = &message->row.sample;
    struct erg_binder bind = erg_bind(inserter->insert_sample);
    erg_bind_text(&bind, inserter->run_id);
    erg_bind_int(&bind, row->t_ns);
    erg_bind_int(&bind, row->phase);
    for (int d = 0; d < ERG_DOMAINS; d++)
        erg_bind_real(&bind, row->mw[d]);
    erg_bind_real(&bind, row->total_mw);
    return erg_sql_run(inserter->insert_sample, "cannot insert a power sample", err);
}

static int write_host(struct erg_inserter *inserter, const struct erg_message *message,
                      struct erg_err *err)
{
    const struct erg_host_row *row = &message->row.host;
    struct erg_binder bind = erg_bind(inserter->insert_host);
    erg_bind_text(&bind, inserter->run_id);
    erg_bind_int(&bind, row->t_ns);
    erg_bind_real(&bind, row->sample.engine_cpu_ratio);
    erg_bind_real(&bind, row->sample.machine_cpu_ratio);
    erg_bind_real(&bind, row->sample.others_cpu_ratio);
    erg_bind_int(&bind, (int64_t)row->sample.engine_rss_bytes);
    erg_bind_int(&bind, (int64_t)row->sample.machine_used_bytes);
    erg_bind_int(&bind, (int64_t)row->sample.machine_total_bytes);
    return erg_sql_run(inserter->insert_host, "cannot insert a host sample", err);
}

static int pack_sums(const struct erg_inserter *inserter, const struct erg_message *message,
                     struct erg_buf *out)
{
    size_t count = message->blob_len / sizeof(struct erg_rollup_row);
    struct erg_run_sums sums = {.rows = erg_calloc(count, sizeof *sums.rows), .count = count};
    if (!sums.rows)
        return ERG_NOMEM;
    memcpy(sums.rows, message->blob, message->blob_len);
    memcpy(sums.passes, message->row.passes, sizeof sums.passes);
    for (size_t i = 0; i < count; i++) {
        struct erg_rollup_row *row = &sums.rows[i];
        bool named = row->component && row->component != ERG_ROLLUP_UNPROFILED;
        row->component = named ? inserter->names[row->component] : row->component;
        row->operation = row->operation ? inserter->names[row->operation] : 0;
    }
    int status = erg_sums_pack(&sums, out);
    erg_run_sums_deinit(&sums);
    return status;
}

static int write_sums(struct erg_inserter *inserter, const struct erg_message *message,
                      struct erg_err *err)
{
    struct erg_buf packed;
    erg_buf_init(&packed);
    int status = pack_sums(inserter, message, &packed);
    if (status) {
        erg_fail(err, status, "cannot pack the sums of a run: %s", erg_code_text(status));
    } else {
        struct erg_binder bind = erg_bind(inserter->insert_sums);
        erg_bind_text(&bind, inserter->run_id);
        erg_bind_blob(&bind, packed.data, packed.len);
        status = erg_sql_run(inserter->insert_sums, "cannot insert the sums of a run", err);
    }
    erg_buf_deinit(&packed);
    return status;
}

static int (*const writers[])(struct erg_inserter *, const struct erg_message *,
                              struct erg_err *) = {
    [ERG_MESSAGE_RUN] = write_run,     [ERG_MESSAGE_SECTION] = write_section,
    [ERG_MESSAGE_PASS] = write_pass,   [ERG_MESSAGE_LAYOUT] = write_layout,
    [ERG_MESSAGE_NAME] = write_name,   [ERG_MESSAGE_SUMS] = write_sums,
    [ERG_MESSAGE_TOKEN] = write_token, [ERG_MESSAGE_SAMPLE] = write_sample,
    [ERG_MESSAGE_HOST] = write_host,
};

int erg_inserter_batch(struct erg_inserter *inserter, const struct erg_message *first,
                       struct erg_err *err)
{
    sqlite3 *db = inserter->store->db;
    int moved = 0;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved)
        return erg_fail(err, ERG_GONE, "the store was removed while a run was written");
    int status = erg_sql_exec(db, "BEGIN IMMEDIATE", err);
    for (const struct erg_message *m = first; m && status == 0; m = m->next)
        status = writers[m->kind](inserter, m, err);
    if (status == 0)
        status = erg_sql_exec(db, "COMMIT", err);
    if (status)
        erg_sql_exec(db, "ROLLBACK", NULL);
    return status;
}

/* Bytes of an integer in SQLite's record format, its header byte included. */
static int64_t int_bytes(int64_t value)
{
    static const struct {
        int64_t limit;
        int64_t bytes;
    } sizes[] = {{INT64_C(1) << 7, 2},
                 {INT64_C(1) << 15, 3},
                 {INT64_C(1) << 23, 4},
                 {INT64_C(1) << 31, 5},
                 {INT64_C(1) << 47, 7}};
    if (value == 0 || value == 1)
        return 1;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (value >= -sizes[i].limit && value < sizes[i].limit)
            return sizes[i].bytes;
    }
    return 9;
}

static int64_t energy_bytes(const struct erg_energy *energy)
{
    if (!erg_energy_known(energy))
        return 1 + ERG_DOMAINS;
    int64_t bytes = int_bytes(erg_energy_total_nj(energy));
    for (int d = 0; d < ERG_DOMAINS; d++)
        bytes += energy->present & 1u << d ? int_bytes(energy->nj[d]) : 1;
    return bytes;
}

int64_t erg_message_stored_bytes(const struct erg_message *message, size_t run_id_len)
{
    enum { CELL = 8, ID = 3 }; /* place in the page, lengths, row id; a row id as a value */
    int64_t run = (int64_t)run_id_len + 1, entry = run + ID + CELL;
    const struct erg_pass_row *pass = &message->row.pass;
    const struct erg_token_row *token = &message->row.token;
    const struct erg_section_row *section = &message->row.section;
    int64_t parts = message->blob_len > ERG_INLINE_BYTES
                        ? (int64_t)((message->blob_len - 1) / ERG_PART_BYTES) + 1
                        : 0;
    switch (message->kind) {
    case ERG_MESSAGE_PASS:
        return CELL + run + int_bytes(pass->index) + 1 + int_bytes(pass->position) +
               int_bytes(pass->n_tokens) + int_bytes(pass->flags) + int_bytes(pass->t0_ns) +
               int_bytes(pass->t1_ns) + energy_bytes(&pass->energy) + 2 + int_bytes(pass->n_spans) +
               ID + (int64_t)message->blob_len + 2 + parts * (CELL + ID + 2) + 2 * ID + CELL;
    case ERG_MESSAGE_TOKEN:
        return CELL + run + ID + 2 * int_bytes(token->index) + int_bytes(token->position) +
               int_bytes(token->id) + (int64_t)token->text_len + 1 + 1 + int_bytes(token->t0_ns) +
               int_bytes(token->duration_ns) + energy_bytes(&token->energy) + 2 + ID + CELL;
    case ERG_MESSAGE_SECTION:
        if (section->phase == ERG_PHASE_PREFILL || section->phase == ERG_PHASE_DECODE)
            return 0; /* replaced again and again; a dozen rows per run */
        return CELL + run + 3 * 7 + energy_bytes(&section->energy) + 32 + entry + 16;
    case ERG_MESSAGE_SAMPLE:
        return CELL + run + int_bytes(message->row.sample.t_ns) + 2 + 9 * (ERG_DOMAINS + 1) + entry;
    case ERG_MESSAGE_HOST:
        return CELL + run + int_bytes(message->row.host.t_ns) + 3 * 9 + 3 * 7 + entry;
    default:
        return 0;
    }
}
