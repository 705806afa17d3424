/* SPDX-License-Identifier: MIT */
#include "record/join_internal.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "energy/attribution.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Later than any clock will say, early enough that differences never overflow. */
#define LATEST_POSSIBLE_NS (INT64_MAX / 4)

int erg_join_new(struct erg_join **out, const struct erg_join_sink *sink, struct erg_err *err)
{
    struct erg_join *join = erg_calloc(1, sizeof *join);
    if (!join || erg_rollup_new(&join->rollup,
                                ERG_BY_PHASE | ERG_BY_LAYER | ERG_BY_COMPONENT | ERG_BY_OPERATION |
                                    ERG_UNPROFILED_APART,
                                err)) {
        free(join);
        return erg_fail(err, ERG_NOMEM, "no memory for a run");
    }
    join->sink = *sink;
    join->last = &join->first;
    join->last_sample = &join->first_sample;
    join->end_status = -1;
    join->overhead_settings = (struct erg_overhead_settings){.tracing_pct = NAN, .budget_pct = NAN};
    join->first_token_ns = INT64_MIN;
    *out = join;
    return 0;
}

static void free_queue(struct erg_pending *item)
{
    while (item) {
        struct erg_pending *next = item->next;
        erg_pending_free(item);
        item = next;
    }
}

void erg_join_free(struct erg_join *join)
{
    if (!join)
        return;
    free_queue(join->first);
    free_queue(join->first_sample);
    for (size_t i = 0; i < join->name_count; i++)
        free(join->names[i].text);
    for (size_t i = 0; i < join->warning_count; i++)
        free(join->warnings[i]);
    erg_header_deinit(&join->header);
    erg_timeline_free(join->timeline);
    erg_rollup_free(join->rollup);
    erg_buf_deinit(&join->response);
    erg_overhead_deinit(&join->overhead);
    void *blocks[] = {join->sources_json,   join->source_details, join->names,
                      join->channels,       join->sample_states,  join->engine_json,
                      join->model_json,     join->end_reason,     join->status,
                      join->failure,        join->ggml_variant,   join->counters,
                      join->counters_reason};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        free(blocks[i]);
    free(join);
}

static int corrupt(struct erg_err *err, const char *what)
{
    return erg_fail(err, ERG_CORRUPT, "the recording contradicts itself: %s", what);
}

static int no_memory(struct erg_err *err)
{
    return erg_fail(err, ERG_NOMEM, "no memory for the events of a run");
}

/* `t_ns` moved back onto the 100 ns grid that starts at t = 0. */
static int64_t on_grid(const struct erg_join *join, int64_t t_ns)
{
    int64_t offset = (t_ns - join->zero_ns) % ERG_TICK_NS;
    return t_ns - (offset < 0 ? offset + ERG_TICK_NS : offset);
}

bool erg_join_zero_ns(const struct erg_join *join, int64_t *out_ns)
{
    if (join->has_zero)
        *out_ns = join->zero_ns;
    return join->has_zero;
}

/* The run begins with the first thing that is reported to have happened. */
static void ensure_zero(struct erg_join *join, int64_t t_ns)
{
    if (join->has_zero)
        return;
    join->has_zero = true;
    join->zero_ns = t_ns;
    join->cursor_ns = t_ns;
    join->end_ns = t_ns;
}

/* Put [t0, t1] onto the grid and behind everything that came before. */
static void clip(struct erg_join *join, int64_t *t0_ns, int64_t *t1_ns)
{
    int64_t t0 = on_grid(join, *t0_ns), t1 = on_grid(join, *t1_ns);
    int64_t from = t0 > join->cursor_ns ? t0 : join->cursor_ns;
    int64_t to = t1 > from ? t1 : from;
    if (from != t0 || to != t1)
        join->clipped++;
    join->cursor_ns = to;
    *t0_ns = from;
    *t1_ns = to;
}

/* An item of `phase` starts at `t_ns`; false when a later phase has begun already. */
static bool enter_phase(struct erg_join *join, uint32_t phase, int64_t t_ns)
{
    if (phase < join->phase)
        return false;
    join->phase = phase;
    if (!join->phase_begun[phase]) {
        join->phase_begun[phase] = true;
        join->phase_start_ns[phase] = t_ns;
    }
    return true;
}

static void enqueue(struct erg_join *join, struct erg_pending *item)
{
    *join->last = item;
    join->last = &item->next;
    join->open_pass = item->kind == ERG_PENDING_PASS ? item : NULL;
}

static int on_name(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    void *names = join->names;
    size_t need = (size_t)event->name + 1;
    int rc = erg_grow(&names, &join->name_capacity, need, sizeof *join->names, ERG_MAX_NAMES);
    join->names = names;
    char *text = rc ? NULL : erg_strndup(event->text.bytes, event->text.len);
    if (!text)
        return no_memory(err);
    for (; join->name_count < need; join->name_count++)
        join->names[join->name_count] = (struct erg_join_name){0};
    free(join->names[event->name].text);
    join->names[event->name] = (struct erg_join_name){text, erg_component_find(text)};
    return 0;
}

static int on_recording(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    if (join->header.id)
        return corrupt(err, "it begins twice");
    int rc = erg_header_parse(event->text.bytes, event->text.len, &join->header, err);
    join->header.t_ns = event->t_ns;
    join->header.wall_ns = event->wall_ns;
    return rc;
}

static int on_power(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    if (join->timeline)
        return corrupt(err, "it describes its power sources twice");
    int rc = erg_header_parse_power(event->text.bytes, event->text.len, &join->channels,
                                    &join->channel_count, &join->header.interval_ns, err);
    if (rc == 0)
        rc = erg_timeline_new(&join->timeline, join->channels, join->channel_count, err);
    if (rc == 0)
        rc = erg_join_keep_sources(join, event->text.bytes, event->text.len, err);
    if (rc == 0 &&
        !(join->sample_states = erg_calloc(join->channel_count, sizeof *join->sample_states)))
        rc = no_memory(err);
    return rc;
}

static int on_reading(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    const struct erg_reading_view *reading = &event->reading;
    if (!join->timeline)
        return corrupt(err, "a power reading before the power sources");
    if (reading->t_after_ns > LATEST_POSSIBLE_NS)
        return corrupt(err, "a reading at an impossible time");
    /* The sensor was read somewhere between the two stamps. */
    int64_t t_ns = reading->t_before_ns + (reading->t_after_ns - reading->t_before_ns) / 2;
    for (uint32_t k = 0; k < reading->count; k++) {
        const struct erg_channel_value *value = &reading->values[k];
        if (value->channel >= join->channel_count)
            return corrupt(err, "a reading of a power channel that does not exist");
        if (value->status == (uint32_t)-ERG_OVERRUN)
            erg_timeline_break(join->timeline, value->channel);
        if (value->status)
            continue;
        int rc = erg_timeline_add(join->timeline, value->channel, t_ns, value->value, err);
        if (rc)
            return rc;
    }
    return reading->kind == ERG_READING_GRID ? erg_join_sample(join, reading, err) : 0;
}

static int on_run_begin(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    if (join->begun)
        return corrupt(err, "its run begins twice");
    struct erg_engine_header header;
    int rc = erg_header_parse_engine(event->text.bytes, event->text.len, &header, err);
    if (rc)
        return rc;
    join->begun = true;
    join->engine_json = header.engine_json;
    join->model_json = header.model_json;
    join->ggml_variant = header.ggml_variant;
    if (header.settings_json)
        rc = erg_header_merge(&join->header.settings_json, header.settings_json, err);
    if (rc == 0 && header.machine_json)
        rc = erg_header_merge(&join->header.machine_json, header.machine_json, err);
    free(header.settings_json);
    free(header.machine_json);
    join->overhead_settings.budget_pct = header.budget_pct;
    join->overhead_settings.sampled = header.sampled;
    join->model_parameters = header.parameters;
    join->has_load = header.has_load && header.load_t1_ns >= header.load_t0_ns &&
                     header.load_t0_ns >= 0 && header.load_t1_ns <= event->t_ns;
    join->load_t0_ns = header.load_t0_ns;
    join->load_t1_ns = header.load_t1_ns;
    return rc;
}

static int on_section_begin(struct erg_join *join, const struct erg_event *event,
                            struct erg_err *err)
{
    if (join->section_open)
        join->orphans++;
    ensure_zero(join, event->t_ns);
    if (!enter_phase(join, event->phase, event->t_ns))
        return corrupt(err, "its phases go backwards");
    join->section_open = true;
    join->open_name = event->name;
    join->open_phase = event->phase;
    join->open_t0_ns = event->t_ns;
    join->open_pass = NULL;
    return 0;
}

static int on_section_end(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    if (!join->section_open || join->open_name != event->name || join->open_phase != event->phase) {
        join->orphans++;
        return 0;
    }
    join->section_open = false;
    struct erg_pending *item = erg_calloc(1, sizeof *item);
    if (!item)
        return no_memory(err);
    item->kind = ERG_PENDING_SECTION;
    item->phase = event->phase;
    item->name = erg_join_name(join, event->name);
    item->t0_ns = join->open_t0_ns;
    item->t1_ns = event->t_ns;
    clip(join, &item->t0_ns, &item->t1_ns);
    enqueue(join, item);
    return 0;
}

/* Durations of the stream (ns) to ticks that tile the clipped pass; 0 or NOMEM. */
static int fill_ticks(struct erg_pending *item, const struct erg_pass_view *pass)
{
    uint32_t n = pass->head.n_spans;
    int64_t ticks = (item->t1_ns - item->t0_ns) / ERG_TICK_NS;
    uint64_t rest_ns = (uint64_t)(pass->head.t1_ns - pass->head.t0_ns);
    ERG_AUTO_FREE uint64_t *weights = erg_calloc((size_t)n + 1, sizeof *weights);
    ERG_AUTO_FREE int64_t *parts = erg_calloc((size_t)n + 1, sizeof *parts);
    if (!weights || !parts)
        return ERG_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        weights[i] = pass->duration_ns[i];
        rest_ns -= pass->duration_ns[i];
    }
    weights[n] = rest_ns;
    erg_split_nj(ticks, weights, (size_t)n + 1, parts);
    for (uint32_t i = 0; i < n; i++)
        item->spans[i].ticks = parts[i] < UINT32_MAX ? (uint32_t)parts[i] : UINT32_MAX;
    return 0;
}

static int copy_spans(struct erg_pending *item, const struct erg_pass_view *pass)
{
    uint32_t n = pass->head.n_spans;
    const float *columns[ERG_VALUE_COLUMNS] = {pass->flops, pass->bytes,    pass->mean, pass->std,
                                               pass->max,   pass->sparsity, pass->extra};
    item->spans = erg_calloc(n, sizeof *item->spans);
    if (!item->spans)
        return ERG_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        item->spans[i].layer = pass->layer[i];
        item->spans[i].component = pass->component[i];
        item->spans[i].operation = pass->operation ? pass->operation[i] : 0;
    }
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++) {
        if (!columns[c])
            continue;
        item->values[c] = erg_calloc(n, sizeof *item->values[c]);
        if (!item->values[c])
            return ERG_NOMEM;
        memcpy(item->values[c], columns[c], n * sizeof *item->values[c]);
    }
    return fill_ticks(item, pass);
}

static int on_pass(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    const struct erg_pass_head *head = &event->pass.head;
    if (join->section_open)
        join->orphans++;
    join->section_open = false;
    if (head->t1_ns > LATEST_POSSIBLE_NS || head->t0_ns < 0)
        return corrupt(err, "a pass at an impossible time");
    ensure_zero(join, head->t0_ns);
    if (!enter_phase(join, head->phase, head->t0_ns))
        return corrupt(err, "its phases go backwards");
    struct erg_pending *item = erg_calloc(1, sizeof *item);
    if (!item)
        return no_memory(err);
    item->kind = ERG_PENDING_PASS;
    item->phase = head->phase;
    item->t0_ns = head->t0_ns;
    item->t1_ns = head->t1_ns;
    clip(join, &item->t0_ns, &item->t1_ns);
    if (head->n_spans && copy_spans(item, &event->pass)) {
        erg_pending_free(item);
        return no_memory(err);
    }
    item->pass = (struct erg_pass_row){
        .index = join->pass_count++,
        .phase = head->phase,
        .position = head->position,
        .n_tokens = head->n_tokens,
        .flags = head->flags,
        .n_spans = head->n_spans,
        .spans = item->spans,
    };
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        item->pass.values[c] = item->values[c];
    join->pass_flags |= head->flags;
    enqueue(join, item);
    return 0;
}

/*
 * The token's text: what was held back, plus its bytes, minus half a character at the end, which
 * the next token of its kind completes. What is no UTF-8 becomes U+FFFD.
 */
static int token_text(struct erg_join *join, const struct erg_event *event, struct erg_buf *out)
{
    uint32_t kind = event->token.phase;
    ERG_AUTO_FREE char *raw = erg_calloc(1, event->text.len + ERG_TEXT_CARRY);
    if (!raw)
        return ERG_NOMEM;
    size_t len = join->carry_len[kind];
    memcpy(raw, join->carry[kind], len);
    if (event->text.len)
        memcpy(raw + len, event->text.bytes, event->text.len);
    len += event->text.len;
    size_t tail = erg_utf8_incomplete_tail(raw, len);
    memcpy(join->carry[kind], raw + len - tail, tail);
    join->carry_len[kind] = tail;
    erg_utf8_sanitize(raw, len - tail, out);
    return erg_buf_status(out);
}

static int on_token(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    struct erg_pending *item = join->open_pass;
    if (!item) {
        join->orphans++;
        return 0;
    }
    void *tokens = item->tokens;
    size_t capacity = item->token_capacity;
    int rc = erg_grow(&tokens, &capacity, (size_t)item->token_count + 1, sizeof *item->tokens,
                      ERG_MAX_TOKENS);
    item->tokens = tokens;
    item->token_capacity = (uint32_t)capacity;
    struct erg_buf text;
    erg_buf_init(&text);
    if (rc == 0)
        rc = token_text(join, event, &text);
    size_t len = text.len;
    char *bytes = rc ? NULL : erg_buf_take(&text);
    erg_buf_deinit(&text);
    if (!bytes)
        return no_memory(err);
    item->tokens[item->token_count++] = (struct erg_token_row){
        .index = join->token_count++,
        .pass = item->pass.index,
        .phase = event->token.phase,
        .position = event->token.position,
        .id = event->token.id,
        .text = bytes,
        .text_len = len,
    };
    return 0;
}

static int on_host(struct erg_join *join, const struct erg_event *event)
{
    struct erg_host_row row = {.t_ns = event->host.t_ns, .sample = event->host};
    if (!join->has_zero)
        return 0;
    row.t_ns -= join->zero_ns;
    if (isfinite(row.sample.engine_cpu_ratio)) {
        join->engine_cpu_sum += row.sample.engine_cpu_ratio;
        join->engine_cpu_count++;
    }
    if (isfinite(row.sample.others_cpu_ratio)) {
        join->others_cpu_sum += row.sample.others_cpu_ratio;
        join->others_cpu_count++;
    }
    if (row.sample.engine_rss_bytes > join->memory.peak_rss_bytes)
        join->memory.peak_rss_bytes = row.sample.engine_rss_bytes;
    if (join->sink.host)
        join->sink.host(join->sink.user, &row);
    return 0;
}

static int on_memory(struct erg_join *join, const struct erg_event *event)
{
    uint64_t peak = join->memory.peak_rss_bytes;
    join->memory = event->memory;
    if (peak > join->memory.peak_rss_bytes)
        join->memory.peak_rss_bytes = peak;
    return 0;
}

static int on_run_end(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    if (join->end_status >= 0)
        return corrupt(err, "its run ends twice");
    join->end_status = (int)event->level_or_status;
    join->end_reason = erg_strndup(event->text.bytes, event->text.len);
    join->open_pass = NULL;
    return join->end_reason ? 0 : no_memory(err);
}

static int on_recording_end(struct erg_join *join, const struct erg_event *event,
                            struct erg_err *err)
{
    if (join->closed)
        return corrupt(err, "it ends twice");
    struct erg_conditions conditions;
    int rc = erg_header_parse_end(event->text.bytes, event->text.len, &join->status, &join->failure,
                                  &conditions, err);
    if (rc)
        return rc;
    join->closed = true;
    erg_conditions_update(&join->header.conditions, &conditions);
    return erg_join_renew_sources(join, event->text.bytes, event->text.len, err);
}

static int on_progress(struct erg_join *join, const struct erg_event *event)
{
    /* A phase that reports progress has begun, though none of its passes has ended yet. */
    uint32_t phase = event->progress.phase;
    if (join->has_zero && phase < ERG_PHASES && phase >= join->phase && !join->section_open)
        enter_phase(join, phase, join->cursor_ns);
    return 0;
}

static int dispatch(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    switch (event->type) {
    case ERG_REC_NAME:
        return on_name(join, event, err);
    case ERG_REC_RUN_BEGIN:
        return on_run_begin(join, event, err);
    case ERG_REC_SECTION_BEGIN:
        return on_section_begin(join, event, err);
    case ERG_REC_SECTION_END:
        return on_section_end(join, event, err);
    case ERG_REC_PASS:
        return on_pass(join, event, err);
    case ERG_REC_TOKEN:
        return on_token(join, event, err);
    case ERG_REC_MEMORY:
        return on_memory(join, event);
    case ERG_REC_PROGRESS:
        return on_progress(join, event);
    case ERG_REC_LOG:
        if (event->level_or_status == ERG_LOG_WARNING)
            erg_join_warn(join, event->text.bytes, event->text.len);
        if (event->level_or_status == ERG_LOG_INFO)
            erg_header_parse_profiler(event->text.bytes, event->text.len,
                                      &join->overhead_settings.tracing_pct);
        return 0;
    case ERG_REC_RUN_END:
        return on_run_end(join, event, err);
    case ERG_REC_DROPPED:
        join->dropped += event->count;
        return 0;
    case ERG_REC_RECORDING:
        return on_recording(join, event, err);
    case ERG_REC_POWER:
        return on_power(join, event, err);
    case ERG_REC_READING:
        return on_reading(join, event, err);
    case ERG_REC_HOST:
        return on_host(join, event);
    case ERG_REC_IDLE:
        if (event->t1_ns > LATEST_POSSIBLE_NS)
            return corrupt(err, "an idle baseline at an impossible time");
        join->has_idle = true;
        join->idle_t0_ns = event->t_ns;
        join->idle_t1_ns = event->t1_ns;
        return 0;
    case ERG_REC_COUNTERS:
        return erg_join_counters(join, event, err);
    case ERG_REC_RECORDING_END:
        return on_recording_end(join, event, err);
    case ERG_REC_ATTENTION:
        return erg_join_attention(join, &event->attention, err);
    case ERG_REC_ROUTING:
        return erg_join_routing(join, &event->routing, err);
    }
    return 0;
}

int erg_join_event(struct erg_join *join, const struct erg_event *event, struct erg_err *err)
{
    if (event->type != ERG_REC_RECORDING && event->type != ERG_REC_NAME && !join->header.id)
        return corrupt(err, "it does not begin with a RECORDING record");
    if (join->closed)
        return corrupt(err, "records after its end");
    if (event->t_ns < 0 || event->t_ns > LATEST_POSSIBLE_NS)
        return corrupt(err, "a record at an impossible time");
    int64_t t_ns = event->type == ERG_REC_PASS ? event->pass.head.t1_ns : event->t_ns;
    if (t_ns > join->latest_ns)
        join->latest_ns = t_ns;
    int rc = dispatch(join, event, err);
    return rc ? rc : erg_join_settle(join, false, err);
}

int erg_join_finish(struct erg_join *join, struct erg_err *err)
{
    join->open_pass = NULL;
    int rc = erg_join_last_sample(join, err);
    if (rc == 0)
        rc = erg_join_settle(join, true, err);
    erg_join_flush_sections(join);
    return rc;
}

int erg_join_end_status(const struct erg_join *join)
{
    return join->end_status;
}

const char *erg_join_end_reason(const struct erg_join *join)
{
    return join->end_reason;
}

bool erg_join_is_closed(const struct erg_join *join)
{
    return join->closed;
}

int erg_join_interrupt(struct erg_join *join, const char *why, struct erg_err *err)
{
    free(join->status);
    free(join->failure);
    join->status = erg_strdup("interrupted");
    join->failure = erg_strdup(why);
    join->closed = join->status && join->failure;
    return join->closed ? 0 : no_memory(err);
}

bool erg_join_is_waiting(const struct erg_join *join)
{
    return join->first != NULL;
}

uint32_t erg_join_passes(const struct erg_join *join)
{
    return join->pass_count;
}

const char *erg_join_model_path(const struct erg_join *join)
{
    return join->header.model_path;
}

struct erg_rollup *erg_join_take_rollup(struct erg_join *join)
{
    struct erg_rollup *rollup = join->rollup;
    join->rollup = NULL;
    return rollup;
}

void erg_join_sums(const struct erg_join *join, struct erg_run_sums *out)
{
    erg_rollup_sums(join->rollup, out);
}

const char *erg_join_name(const struct erg_join *join, uint32_t id)
{
    return id < join->name_count ? join->names[id].text : NULL;
}
