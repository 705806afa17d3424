/* SPDX-License-Identifier: MIT */
#include "record/outcome.h"

#include "base/limits.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void on_section(void *user, const struct erg_section_row *row)
{
    struct erg_outcome *outcome = user;
    if (outcome->writer)
        erg_writer_section(outcome->writer, row);
    if (outcome->observer && outcome->observer->section)
        outcome->observer->section(outcome->observer->user, row);
}

static const char *name_of(void *user, uint16_t id)
{
    struct erg_outcome *outcome = user;
    return erg_join_name(outcome->join, id);
}

static void on_pass(void *user, const struct erg_pass_row *row)
{
    struct erg_outcome *outcome = user;
    if (outcome->writer)
        erg_writer_pass(outcome->writer, row);
    if (outcome->observer && outcome->observer->pass) {
        const struct erg_extra_source pass = {row, name_of, outcome};
        outcome->observer->pass(outcome->observer->user, &pass);
    }
}

static void on_token(void *user, const struct erg_token_row *row)
{
    struct erg_outcome *outcome = user;
    if (outcome->writer)
        erg_writer_token(outcome->writer, row);
    if (outcome->observer && outcome->observer->token)
        outcome->observer->token(outcome->observer->user, row);
}

static void on_sample(void *user, const struct erg_sample_row *row)
{
    struct erg_outcome *outcome = user;
    if (outcome->writer)
        erg_writer_sample(outcome->writer, row);
    if (outcome->observer && outcome->observer->sample)
        outcome->observer->sample(outcome->observer->user, row);
}

static void on_host(void *user, const struct erg_host_row *row)
{
    struct erg_outcome *outcome = user;
    if (outcome->writer)
        erg_writer_host(outcome->writer, row);
}

static void on_warning(void *user, const char *text)
{
    struct erg_outcome *outcome = user;
    if (outcome->observer && outcome->observer->warning)
        outcome->observer->warning(outcome->observer->user, text);
}

struct erg_join_sink erg_outcome_sink(struct erg_outcome *outcome)
{
    return (struct erg_join_sink){outcome,   on_section, on_pass,   on_token,
                                  on_sample, on_host,    on_warning};
}

/* The run's row as of now; `summary` takes the text the row borrows. */
static int make_row(struct erg_outcome *outcome, struct erg_buf *summary, struct erg_run_row *out)
{
    struct erg_run_facts facts;
    erg_join_facts(outcome->join, &facts);
    if (outcome->writer)
        outcome->stored_bytes = erg_writer_bytes(outcome->writer);
    if (outcome->stored_bytes > 0)
        facts.store_bytes = outcome->stored_bytes;
    erg_buf_clear(summary);
    erg_summary_write(&facts, summary);
    *out = (struct erg_run_row){
        .id = facts.id,
        .created_at = facts.created_at,
        .created_at_utc = facts.created_at_utc,
        .status = facts.status,
        .failure = facts.failure,
        .model_name = facts.model_name,
        .model_path = erg_join_model_path(outcome->join),
        .mode = facts.mode,
        .prompt = facts.prompt,
        .response = facts.response,
        .tags_json = facts.tags_json,
        .experiment_name = facts.experiment_name,
        .recorder = outcome->recorder,
        .duration_ns = facts.duration_ns,
        .energy = facts.energy,
        .input_tokens = facts.input_tokens,
        .output_tokens = facts.output_tokens,
        .summary_json = erg_buf_view(summary),
    };
    return erg_buf_status(summary);
}

int erg_outcome_store(struct erg_outcome *outcome, const char *store_path, struct erg_err *err)
{
    struct erg_buf summary;
    struct erg_run_row row;
    erg_buf_init(&summary);
    outcome->recorder = erg_store_recorder_id();
    int rc = outcome->recorder ? make_row(outcome, &summary, &row) : ERG_NOMEM;
    if (rc)
        erg_fail(err, rc, "no memory for a run");
    else
        rc = erg_writer_open(&outcome->writer, store_path, &row, name_of, outcome, err);
    erg_buf_deinit(&summary);
    return rc;
}

/* Once, at the end: what the passes of the run add up to. */
static void write_sums(struct erg_outcome *outcome)
{
    struct erg_run_sums sums;
    erg_join_sums(outcome->join, &sums);
    erg_writer_sums(outcome->writer, &sums);
}

int erg_outcome_update(struct erg_outcome *outcome, struct erg_err *err)
{
    struct erg_buf summary;
    struct erg_run_row row;
    if (!outcome->writer)
        return 0;
    erg_buf_init(&summary);
    erg_join_flush_sections(outcome->join);
    int rc = make_row(outcome, &summary, &row);
    if (rc == 0 && strcmp(row.status, "running") != 0)
        write_sums(outcome);
    if (rc == 0)
        erg_writer_run(outcome->writer, &row);
    else
        erg_fail(err, rc, "no memory for the summary of a run");
    erg_buf_deinit(&summary);
    return rc;
}

static int copy_names(const struct erg_join *join, struct erg_run_result *out)
{
    out->names = erg_calloc(ERG_MAX_NAMES, sizeof *out->names);
    if (!out->names)
        return ERG_NOMEM;
    out->name_count = ERG_MAX_NAMES;
    for (uint32_t id = 0; id < ERG_MAX_NAMES; id++) {
        const char *name = erg_join_name(join, id);
        if (name && !(out->names[id] = erg_strdup(name)))
            return ERG_NOMEM;
    }
    return 0;
}

int erg_outcome_result(struct erg_outcome *outcome, struct erg_run_result *out, struct erg_err *err)
{
    struct erg_buf summary;
    struct erg_run_row row;
    erg_buf_init(&summary);
    int rc = make_row(outcome, &summary, &row);
    if (rc == 0)
        rc = copy_names(outcome->join, out);
    if (rc == 0)
        out->rollup = erg_join_take_rollup(outcome->join);
    if (rc == 0 && row.failure && !(out->failure = erg_strdup(row.failure)))
        rc = ERG_NOMEM;
    if (rc == 0) {
        strncpy(out->id, row.id, sizeof out->id - 1);
        strncpy(out->status, row.status, sizeof out->status - 1);
        out->summary_json = erg_buf_take(&summary);
        rc = out->summary_json ? 0 : ERG_NOMEM;
    }
    erg_buf_deinit(&summary);
    return rc ? erg_fail(err, rc, "no memory for the result of a run") : 0;
}

void erg_run_result_deinit(struct erg_run_result *result)
{
    for (size_t i = 0; i < result->name_count; i++)
        free(result->names[i]);
    free(result->names);
    erg_rollup_free(result->rollup);
    free(result->failure);
    free(result->store_failure);
    free(result->summary_json);
    *result = (struct erg_run_result){0};
}
