/* SPDX-License-Identifier: MIT */
#include "store/schema.h"

#include <stdbool.h>
#include <stdio.h>

/* Codes are those of enum erg_phase and enum erg_grade; samples have -1 and -2 besides. */
#define PHASE                                                                                      \
    "phase_code INTEGER NOT NULL, "                                                                \
    "phase TEXT GENERATED ALWAYS AS (CASE phase_code WHEN 0 THEN 'pre_inference' "                 \
    "WHEN 1 THEN 'prefill' WHEN 2 THEN 'decode' WHEN 3 THEN 'post_inference' "                     \
    "WHEN -1 THEN 'idle' WHEN -2 THEN 'loading' END) VIRTUAL, "

#define GRADE                                                                                      \
    "grade_code INTEGER NOT NULL, "                                                                \
    "grade TEXT GENERATED ALWAYS AS (CASE grade_code WHEN 0 THEN 'measured' "                      \
    "WHEN 1 THEN 'interpolated' WHEN 2 THEN 'attributed' WHEN 3 THEN 'estimated' "                 \
    "WHEN 4 THEN 'unavailable' END) VIRTUAL, "

#define ENERGY                                                                                     \
    "energy_nj INTEGER, cpu_nj INTEGER, gpu_nj INTEGER, ane_nj INTEGER, dram_nj INTEGER, "         \
    "soc_nj INTEGER, other_nj INTEGER, "

#define ENERGY_MJ "energy_mj REAL GENERATED ALWAYS AS (energy_nj / 1e6) VIRTUAL"

#define MS(ms, ns) #ms " REAL GENERATED ALWAYS AS (" #ns " / 1e6) VIRTUAL, "

#define OF_RUN "run_id TEXT NOT NULL REFERENCES profiling_runs(id) ON DELETE CASCADE, "

/*
 * The passes of a run are found by its layouts (of which even a pass without spans has one), the
 * tokens by their pass: an index on a run's long id would be a tenth of what a token takes.
 */
/* clang-format off */
static const char *const version_1[] = {
    "CREATE TABLE profiling_runs("
    "id TEXT PRIMARY KEY NOT NULL, prompt TEXT, response TEXT, model_name TEXT, model_path TEXT, "
    "created_at TEXT NOT NULL, created_at_utc TEXT NOT NULL, status TEXT NOT NULL, failure TEXT, "
    "mode TEXT, tags TEXT NOT NULL DEFAULT '[]' CHECK(json_valid(tags)), experiment_name TEXT, "
    "recorder TEXT, duration_ns INTEGER NOT NULL, " MS(total_duration_ms, duration_ns) ENERGY
    "total_energy_mj REAL GENERATED ALWAYS AS (energy_nj / 1e6) VIRTUAL, "
    "input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, "
    "tokens_per_second REAL, joules_per_token REAL, "
    "summary_json TEXT NOT NULL CHECK(json_valid(summary_json)), " ENERGY_MJ ")",

    "CREATE TABLE power_samples(id INTEGER PRIMARY KEY, " OF_RUN
    "t_ns INTEGER NOT NULL, " MS(timestamp_ms, t_ns) PHASE
    "cpu_power_mw REAL, gpu_power_mw REAL, ane_power_mw REAL, dram_power_mw REAL, "
    "soc_power_mw REAL, other_power_mw REAL, total_power_mw REAL);"
    "CREATE INDEX power_samples_of_run ON power_samples(run_id)",

    "CREATE TABLE host_samples(id INTEGER PRIMARY KEY, " OF_RUN
    "t_ns INTEGER NOT NULL, " MS(timestamp_ms, t_ns)
    "engine_cpu_ratio REAL, machine_cpu_ratio REAL, others_cpu_ratio REAL, "
    "engine_rss_bytes INTEGER, machine_used_bytes INTEGER, machine_total_bytes INTEGER);"
    "CREATE INDEX host_samples_of_run ON host_samples(run_id)",

    "CREATE TABLE pipeline_sections(id INTEGER PRIMARY KEY, " OF_RUN PHASE
    "section_name TEXT NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, "
    "duration_ns INTEGER NOT NULL, " MS(start_ms, start_ns) MS(end_ms, end_ns)
    MS(duration_ms, duration_ns) ENERGY GRADE ENERGY_MJ ");"
    "CREATE INDEX pipeline_sections_of_run ON pipeline_sections(run_id, phase_code, section_name)",

    "CREATE TABLE layouts(id INTEGER PRIMARY KEY, " OF_RUN "layout BLOB NOT NULL);"
    "CREATE INDEX layouts_of_run ON layouts(run_id)",

    "CREATE TABLE names(id INTEGER PRIMARY KEY CHECK(id BETWEEN 1 AND 65535), "
    "name TEXT NOT NULL UNIQUE)",

    "CREATE TABLE passes(id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, "
    "pass_index INTEGER NOT NULL, " PHASE
    "position INTEGER NOT NULL, n_tokens INTEGER NOT NULL, flags INTEGER NOT NULL, "
    "start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, " MS(start_ms, start_ns)
    MS(end_ms, end_ns) ENERGY GRADE ENERGY_MJ ", "
    "n_spans INTEGER NOT NULL, "
    "layout_id INTEGER NOT NULL REFERENCES layouts(id) ON DELETE CASCADE, spans BLOB NOT NULL);"
    "CREATE INDEX passes_of_layout ON passes(layout_id)",

    "CREATE TABLE tokens(id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, "
    "pass_id INTEGER NOT NULL REFERENCES passes(id) ON DELETE CASCADE, "
    "token_index INTEGER NOT NULL, position INTEGER NOT NULL, token INTEGER NOT NULL, "
    "text TEXT NOT NULL, " PHASE "start_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL, "
    MS(start_ms, start_ns) MS(duration_ms, duration_ns) ENERGY GRADE ENERGY_MJ ", "
    "power_snapshot_mw REAL GENERATED ALWAYS AS "
    "(CASE WHEN duration_ns > 0 THEN energy_nj * 1e3 / duration_ns END) VIRTUAL);"
    "CREATE INDEX tokens_of_pass ON tokens(pass_id)",
    NULL,
};
/* clang-format on */

/* Passes of more than a few kB (packed.h). A trigger, since a foreign key would need an index. */
static const char *const version_2[] = {
    "CREATE TABLE pass_parts(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)",

    "CREATE TRIGGER parts_of_pass AFTER DELETE ON passes BEGIN "
    "DELETE FROM pass_parts WHERE id BETWEEN old.id << 16 AND old.id << 16 | 65535; END",
    NULL,
};

/* What a machine was seen to spend on single operations (calibrations.c). */
/* clang-format off */
static const char *const version_3[] = {
    "CREATE TABLE calibrations(id INTEGER PRIMARY KEY, created_at TEXT NOT NULL, "
    "created_at_utc TEXT NOT NULL, machine TEXT NOT NULL, sources TEXT NOT NULL, "
    "model_name TEXT NOT NULL, threads INTEGER NOT NULL, status TEXT NOT NULL, "
    "nj_per_flop REAL, nj_per_byte REAL, static_w REAL, error_ratio REAL, time_error_ratio REAL, "
    "report_json TEXT NOT NULL CHECK(json_valid(report_json)));"
    "CREATE INDEX calibrations_of_machine ON calibrations(machine, sources)",

    "CREATE TABLE calibration_blocks(id INTEGER PRIMARY KEY, calibration_id INTEGER NOT NULL "
    "REFERENCES calibrations(id) ON DELETE CASCADE, " PHASE
    "component_name TEXT NOT NULL, operation_name TEXT NOT NULL, duration_ns INTEGER NOT NULL, "
    "repetitions INTEGER NOT NULL, flops REAL NOT NULL, bytes REAL NOT NULL, "
    "energy_nj INTEGER NOT NULL, idle_nj INTEGER NOT NULL);"
    "CREATE INDEX blocks_of_calibration ON calibration_blocks(calibration_id)",
    NULL,
};
/* clang-format on */

/*
 * What lists of runs filter and sort by, in one index; the pass of a token without its row; and a
 * finished run summed up (sums.c).
 */
static const char *const version_4[] = {
    "CREATE INDEX runs_listed ON profiling_runs(created_at_utc, created_at, status, model_name, "
    "model_path, mode, tags, experiment_name, duration_ns, energy_nj, input_tokens, output_tokens, "
    "tokens_per_second, joules_per_token)",

    "DROP INDEX tokens_of_pass; CREATE INDEX tokens_of_pass ON tokens(pass_id, token_index)",

    "CREATE TABLE run_sums(run_id TEXT PRIMARY KEY NOT NULL "
    "REFERENCES profiling_runs(id) ON DELETE CASCADE, sums BLOB NOT NULL)",
    NULL,
};

const struct erg_migration erg_migrations[] = {
    {1, version_1},
    {2, version_2},
    {3, version_3},
    {4, version_4},
};
const size_t erg_migration_count = sizeof(erg_migrations) / sizeof(erg_migrations[0]);

/* The version of a store; 0 when it is empty; negative with `err` filled when it is not a store. */
static int version_of(sqlite3 *db, struct erg_err *err)
{
    ERG_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int status =
        erg_sql_prepare(db, &stmt,
                        "SELECT user_version, (SELECT application_id FROM pragma_application_id), "
                        "(SELECT count(*) FROM sqlite_schema) FROM pragma_user_version",
                        err);
    if (status)
        return status;
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW)
        return erg_sql_fail(err, db, rc, "cannot read the store");
    int version = sqlite3_column_int(stmt, 0);
    bool ours = sqlite3_column_int(stmt, 1) == ERG_STORE_APPLICATION_ID;
    bool empty = sqlite3_column_int(stmt, 2) == 0;
    if (version < 0 || (version > 0) != ours || (version == 0 && !empty))
        return erg_fail(err, ERG_CORRUPT, "this is a database of another program");
    return version;
}

static int too_new(int version, int known, struct erg_err *err)
{
    return erg_fail(err, ERG_UNSUPPORTED,
                    "its version is %d, this program knows versions up to %d (use a newer ergon)",
                    version, known);
}

/* One step, unless another process has taken it meanwhile. */
static int take_step(sqlite3 *db, const struct erg_migration *step, struct erg_err *err)
{
    int status = erg_sql_exec(db, "BEGIN IMMEDIATE", err);
    if (status)
        return status;
    int version = version_of(db, err);
    if (version < 0)
        status = version;
    if (version >= 0 && version < step->to) {
        char stamp[96];
        snprintf(stamp, sizeof(stamp), "PRAGMA user_version=%d; PRAGMA application_id=%d", step->to,
                 ERG_STORE_APPLICATION_ID);
        for (const char *const *sql = step->sql; *sql && status == 0; sql++)
            status = erg_sql_exec(db, *sql, err);
        if (status == 0)
            status = erg_sql_exec(db, stamp, err);
    }
    if (status == 0)
        status = erg_sql_exec(db, "COMMIT", err);
    if (status)
        erg_sql_exec(db, "ROLLBACK", NULL);
    return status;
}

int erg_schema_migrate(sqlite3 *db, const struct erg_migration *steps, size_t count,
                       struct erg_err *err)
{
    int known = steps[count - 1].to;
    int version = version_of(db, err);
    if (version < 0)
        return version;
    if (version > known)
        return too_new(version, known, err);
    for (size_t i = 0; i < count; i++) {
        int status = steps[i].to > version ? take_step(db, &steps[i], err) : 0;
        if (status)
            return status;
    }
    return 0;
}

int erg_schema_check(sqlite3 *db, struct erg_err *err)
{
    int known = erg_migrations[erg_migration_count - 1].to;
    int version = version_of(db, err);
    if (version < 0)
        return version;
    if (version == 0)
        return erg_fail(err, ERG_CORRUPT, "it is empty");
    if (version > known)
        return too_new(version, known, err);
    if (version < known)
        return erg_fail(err, ERG_UNSUPPORTED,
                        "its version is %d, older than %d (any command that writes updates it)",
                        version, known);
    return 0;
}
