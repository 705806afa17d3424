/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "base/limits.h"
#include "base/mem.h"
#include "export/erg_counters.h"
#include "export/erg_feed.h"
#include "export/erg_text.h"
#include "export/formats.h"
#include "export/out.h"
#include "store/cursor.h"
#include "stream/writer.h"

#include <stdlib.h>
#include <string.h>

/* A stored run as the event stream it could have come from. */
struct erg_export {
    struct erg_out out;
    struct erg_plan plan;
    struct erg_reading_feed feed;
    struct erg_cursor *tokens, *samples, *hosts;
    struct erg_token_row token; /* read ahead, as the two below */
    struct erg_sample_row sample;
    struct erg_host_row host;
    bool has_token, has_sample, has_host;

    uint16_t *ids; /* name id of the store → of the stream */
    char **names;  /* by id of the stream */
    uint16_t name_count;
    struct erg_buf record; /* payload of a pass or a text */

    bool any;
    uint32_t phase, wanted; /* of the last item; of the sections that are visited */
    int64_t end_ns;
    int64_t phase_t0_ns[ERG_PHASES], phase_t1_ns[ERG_PHASES]; /* t1 = 0: has no item */
};

static int64_t absolute(const struct erg_export *export, int64_t t_ns)
{
    return export->plan.base_ns + t_ns;
}

static struct erg_err *err_of(struct erg_export *export)
{
    return export->out.err;
}

/* --- names ------------------------------------------------------------------------------------ */

/* Id of a text in the stream, bound when it is new; 0 and a failed buffer when there are too many.
 */
static uint16_t id_of_text(struct erg_export *export, const char *text)
{
    for (uint16_t id = 1; id <= export->name_count; id++) {
        if (strcmp(export->names[id], text) == 0)
            return id;
    }
    char *copy = export->name_count + 1 < (int)ERG_MAX_NAMES ? erg_strdup(text) : NULL;
    if (!copy) {
        if (!export->out.buf.status)
            export->out.buf.status = ERG_NOMEM;
        return 0;
    }
    export->names[++export->name_count] = copy;
    erg_write_name(&export->out.buf, export->name_count, text);
    return export->name_count;
}

static uint16_t id_of(struct erg_export *export, uint16_t stored)
{
    if (stored == 0)
        return 0;
    if (!export->ids[stored]) {
        const char *text = erg_store_name(export->out.request->store, stored);
        if (!text && !export->out.buf.status)
            export->out.buf.status = ERG_CORRUPT;
        export->ids[stored] = text ? id_of_text(export, text) : 0;
    }
    return export->ids[stored];
}

/* --- samples between the items ---------------------------------------------------------------- */

static int next_sample(struct erg_export *export)
{
    int rc = erg_cursor_sample(export->samples, &export->sample, err_of(export));
    export->has_sample = rc == 1;
    return rc < 0 ? rc : 0;
}

static int next_host(struct erg_export *export)
{
    int rc = erg_cursor_host(export->hosts, &export->host, err_of(export));
    export->has_host = rc == 1;
    return rc < 0 ? rc : 0;
}

/* The phase has begun before its first item has ended: what a sample says. */
static void put_progress(struct erg_export *export, uint32_t phase)
{
    struct erg_progress progress = {
        .t_ns = absolute(export, export->end_ns), .phase = phase, .layer = -1};
    erg_write_record(&export->out.buf, ERG_REC_PROGRESS, &progress, sizeof progress);
    export->phase = phase;
}

/* Samples of power and machine up to `until_ns` (not that instant itself). */
static int put_samples(struct erg_export *export, int64_t until_ns, bool between)
{
    int rc = 0;
    while (rc == 0 && export->has_sample && export->sample.t_ns < until_ns) {
        int32_t phase = export->sample.phase;
        if (between && export->any && phase > (int32_t) export->phase)
            put_progress(export, (uint32_t)phase);
        erg_reading_feed_sample(&export->feed, &export->sample);
        rc = next_sample(export);
        if (rc == 0)
            rc = erg_out_spill(&export->out);
    }
    while (rc == 0 && export->has_host && export->host.t_ns < until_ns && export->any) {
        struct erg_host_sample sample = export->host.sample;
        sample.t_ns = absolute(export, export->host.t_ns);
        erg_write_host(&export->out.buf, &sample);
        rc = next_host(export);
        if (rc == 0)
            rc = erg_out_spill(&export->out);
    }
    return rc;
}

/* --- items ------------------------------------------------------------------------------------ */

static int item_begin(struct erg_export *export, uint32_t phase, int64_t t0_ns,
                      const struct erg_energy *energy)
{
    uint32_t gap = ERG_GAPS;
    if (export->any && t0_ns > export->end_ns)
        gap = phase == export->phase ? phase : ERG_GAP_OF_RUN;
    erg_reading_feed_gap(&export->feed, energy->present, gap, t0_ns - export->end_ns);
    int rc = put_samples(export, t0_ns, true);
    erg_reading_feed_item_begin(&export->feed, t0_ns, energy);
    export->phase = phase;
    return rc;
}

static int item_end(struct erg_export *export, int64_t t0_ns, int64_t t1_ns)
{
    int rc = put_samples(export, t1_ns, false);
    erg_reading_feed_item_end(&export->feed, t0_ns, t1_ns);
    export->any = true;
    export->end_ns = t1_ns;
    if (!export->phase_t1_ns[export->phase])
        export->phase_t0_ns[export->phase] = t0_ns;
    export->phase_t1_ns[export->phase] = t1_ns;
    return rc;
}

static void put_section(struct erg_export *export, enum erg_record_type type, int64_t t_ns,
                        uint32_t phase, const char *name)
{
    struct {
        int64_t t_ns;
        uint32_t phase, name;
    } record = {absolute(export, t_ns), phase, id_of_text(export, name)};
    erg_write_record(&export->out.buf, type, &record, sizeof record);
}

static int on_section(void *user, const struct erg_section_row *row)
{
    struct erg_export *export = user;
    if (row->phase != export->wanted)
        return 0;
    int rc = item_begin(export, row->phase, row->t0_ns, &row->energy);
    put_section(export, ERG_REC_SECTION_BEGIN, row->t0_ns, row->phase, row->name);
    if (rc == 0)
        rc = item_end(export, row->t0_ns, row->t1_ns);
    put_section(export, ERG_REC_SECTION_END, row->t1_ns, row->phase, row->name);
    return rc ? rc : erg_out_spill(&export->out);
}

static void put_column(struct erg_buf *out, const void *items, uint32_t bytes)
{
    static const char zeros[8];
    erg_buf_append(out, items, bytes);
    erg_buf_append(out, zeros, erg_format_padded(bytes) - bytes);
}

static int record_state(struct erg_export *export)
{
    int rc = erg_buf_status(&export->record);
    return rc ? erg_fail(err_of(export), rc, "no memory for a pass") : 0;
}

/* Payload of a PASS record. */
static int fill_pass(struct erg_export *export, const struct erg_pass_row *row)
{
    uint32_t n = row->n_spans;
    struct erg_buf *out = &export->record;
    struct erg_pass_head head = {absolute(export, row->t0_ns),
                                 absolute(export, row->t1_ns),
                                 row->phase,
                                 row->n_tokens,
                                 row->position,
                                 row->flags,
                                 n,
                                 0};
    ERG_AUTO_FREE uint16_t *small = erg_calloc((size_t)n * 3, sizeof *small);
    ERG_AUTO_FREE uint64_t *durations = erg_calloc(n, sizeof *durations);
    if (!small || !durations)
        return erg_fail(err_of(export), ERG_NOMEM, "no memory for a pass");
    for (uint32_t i = 0; i < n; i++) {
        small[i] = (uint16_t)row->spans[i].layer;
        small[n + i] = id_of(export, row->spans[i].component);
        small[2 * n + i] = id_of(export, row->spans[i].operation);
        durations[i] = (uint64_t)row->spans[i].ticks * ERG_TICK_NS;
    }
    if (n)
        head.columns = ERG_COL_LAYER | ERG_COL_COMPONENT | ERG_COL_OPERATION | ERG_COL_DURATION;
    for (int c = 0; c < ERG_VALUE_COLUMNS && n; c++)
        head.columns |= row->values[c] ? (uint32_t)ERG_COL_FLOPS << c : 0;
    erg_buf_clear(out);
    erg_buf_append(out, &head, sizeof head);
    for (uint32_t k = 0; k < 3; k++)
        put_column(out, small + (size_t)k * n, n * (uint32_t)sizeof *small);
    put_column(out, durations, n * (uint32_t)sizeof *durations);
    for (int c = 0; c < ERG_VALUE_COLUMNS && n; c++) {
        if (row->values[c])
            put_column(out, row->values[c], n * (uint32_t)sizeof(float));
    }
    return record_state(export);
}

static int next_token(struct erg_export *export)
{
    int rc = erg_cursor_token(export->tokens, &export->token, err_of(export));
    export->has_token = rc == 1;
    return rc < 0 ? rc : 0;
}

static int put_tokens(struct erg_export *export, uint32_t pass)
{
    int rc = 0;
    while (rc == 0 && export->has_token && export->token.pass <= pass) {
        const struct erg_token_row *row = &export->token;
        struct erg_token_head head = {row->position, row->id, row->phase, 0};
        erg_buf_clear(&export->record);
        erg_buf_append(&export->record, &head, sizeof head);
        erg_buf_append(&export->record, row->text, row->text_len);
        erg_write_record(&export->out.buf, ERG_REC_TOKEN, export->record.data, export->record.len);
        rc = record_state(export);
        if (rc == 0)
            rc = next_token(export);
        if (rc == 0)
            rc = erg_out_spill(&export->out);
    }
    return rc;
}

static int put_attention(struct erg_export *export, const struct erg_attention_row *row)
{
    const struct erg_attention_head head = {row->span, row->heads};
    const float *const columns[] = {row->entropy, row->max_weight, row->sparsity};
    erg_buf_clear(&export->record);
    erg_buf_append(&export->record, &head, sizeof head);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        put_column(&export->record, columns[i], row->heads * (uint32_t)sizeof(float));
    int rc = record_state(export);
    erg_write_record(&export->out.buf, ERG_REC_ATTENTION, export->record.data, export->record.len);
    return rc ? rc : erg_out_spill(&export->out);
}

static int put_routing(struct erg_export *export, const struct erg_routing_row *row)
{
    const struct erg_routing_head head = {row->span,    row->tokens,  row->used,
                                          row->experts, row->entropy, 0};
    uint32_t n = row->tokens * row->used;
    erg_buf_clear(&export->record);
    erg_buf_append(&export->record, &head, sizeof head);
    put_column(&export->record, row->expert, n * (uint32_t)sizeof *row->expert);
    put_column(&export->record, row->weight, n * (uint32_t)sizeof *row->weight);
    int rc = record_state(export);
    erg_write_record(&export->out.buf, ERG_REC_ROUTING, export->record.data, export->record.len);
    return rc ? rc : erg_out_spill(&export->out);
}

static int put_details(struct erg_export *export, const struct erg_pass_row *row)
{
    int rc = 0;
    for (uint32_t i = 0; i < row->n_attention && rc == 0; i++)
        rc = put_attention(export, &row->attention[i]);
    for (uint32_t i = 0; i < row->n_routing && rc == 0; i++)
        rc = put_routing(export, &row->routing[i]);
    return rc;
}

static int on_pass(void *user, const struct erg_pass_row *row)
{
    struct erg_export *export = user;
    int rc = item_begin(export, row->phase, row->t0_ns, &row->energy);
    if (rc == 0)
        rc = item_end(export, row->t0_ns, row->t1_ns);
    if (rc == 0)
        rc = fill_pass(export, row);
    if (rc)
        return rc;
    erg_write_record(&export->out.buf, ERG_REC_PASS, export->record.data, export->record.len);
    rc = put_details(export, row);
    if (rc == 0)
        rc = put_tokens(export, row->index);
    return rc ? rc : erg_out_spill(&export->out);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void put_head(struct erg_export *export)
{
    const struct erg_plan *plan = &export->plan;
    struct erg_buf *out = &export->out.buf;
    erg_write_preamble(out);
    erg_text_recording(plan, out);
    if (plan->has_power) {
        erg_reading_feed_power(&export->feed);
        erg_reading_feed_begin(&export->feed);
    }
    erg_text_run_begin(plan, out);
    erg_text_memory(plan, out);
}

/* A run that failed in its first section has no item, but it has begun. */
static void put_beginning(struct erg_export *export)
{
    if (export->any || (!export->has_sample && !export->has_host))
        return;
    put_section(export, ERG_REC_SECTION_BEGIN, 0, ERG_PHASE_PRE_INFERENCE, "tokenization");
    export->any = true;
}

static int put_items(struct erg_export *export)
{
    const struct erg_export_request *request = export->out.request;
    int rc = 0;
    if (export->plan.upfront) {
        while (rc == 0 && export->has_sample) {
            erg_reading_feed_sample(&export->feed, &export->sample);
            rc = next_sample(export);
            if (rc == 0)
                rc = erg_out_spill(&export->out);
        }
    }
    export->wanted = ERG_PHASE_PRE_INFERENCE;
    if (rc == 0)
        rc =
            erg_store_sections(request->store, request->run_id, on_section, export, err_of(export));
    if (rc == 0)
        rc = erg_store_passes(request->store, request->run_id, true, on_pass, export,
                              err_of(export));
    export->wanted = ERG_PHASE_POST_INFERENCE;
    if (rc == 0)
        rc =
            erg_store_sections(request->store, request->run_id, on_section, export, err_of(export));
    if (rc)
        return rc;
    put_beginning(export);
    erg_reading_feed_last(&export->feed);
    return put_samples(export, INT64_MAX, true);
}

static int write_records(struct erg_export *export)
{
    put_head(export);
    int rc = next_token(export);
    if (rc == 0)
        rc = next_sample(export);
    if (rc == 0)
        rc = next_host(export);
    if (rc == 0)
        rc = put_items(export);
    if (rc)
        return rc;
    erg_counters_put(&export->plan, export->phase_t0_ns, export->phase_t1_ns, &export->out.buf);
    erg_text_end(&export->plan, &export->out.buf);
    return erg_out_flush(&export->out);
}

static int open_all(struct erg_export *export)
{
    const struct erg_export_request *request = export->out.request;
    struct erg_store *store = request->store;
    struct erg_err *err = err_of(export);
    export->ids = erg_calloc(UINT16_MAX + 1, sizeof *export->ids);
    export->names = erg_calloc(ERG_MAX_NAMES, sizeof *export->names);
    if (!export->ids || !export->names)
        return erg_fail(err, ERG_NOMEM, "no memory for an export");
    int rc = erg_cursor_open(&export->tokens, store, request->run_id, ERG_CURSOR_TOKENS, err);
    if (rc == 0)
        rc = erg_cursor_open(&export->samples, store, request->run_id, ERG_CURSOR_SAMPLES, err);
    if (rc == 0)
        rc = erg_cursor_open(&export->hosts, store, request->run_id, ERG_CURSOR_HOST, err);
    return rc;
}

static void close_all(struct erg_export *export)
{
    erg_cursor_close(export->tokens);
    erg_cursor_close(export->samples);
    erg_cursor_close(export->hosts);
    for (uint16_t id = 1; export->names && id <= export->name_count; id++)
        free(export->names[id]);
    free(export->names);
    free(export->ids);
    erg_buf_deinit(&export->record);
    erg_out_deinit(&export->out);
}

static int write_erg(const struct erg_export_request *request, struct erg_err *err)
{
    struct erg_export export = {0};
    struct erg_facts facts;
    int rc = erg_facts_load(&facts, request, err);
    if (rc)
        return rc;
    erg_out_init(&export.out, request, err);
    erg_buf_init(&export.record);
    export.feed = (struct erg_reading_feed){.plan = &export.plan, .buf = &export.out.buf};
    rc = erg_plan_make(&export.plan, request, &facts, err);
    if (rc == 0)
        rc = open_all(&export);
    if (rc == 0)
        rc = write_records(&export);
    close_all(&export);
    erg_facts_deinit(&facts);
    return rc;
}

const struct erg_exporter erg_export_erg = {
    .name = "erg",
    .summary = "recording, for 'ergon import' elsewhere",
    .media_type = "application/vnd.ergon.recording",
    .extension = "erg",
    .write = write_erg,
};
