/* SPDX-License-Identifier: MIT */
#include "stream/decode.h"

#include "base/limits.h"
#include "base/utf8.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static uint32_t get_u32(const struct erg_payload *in, uint32_t at)
{
    uint32_t value;
    memcpy(&value, in->bytes + at, 4);
    return value;
}

static int64_t get_i64(const struct erg_payload *in, uint32_t at)
{
    int64_t value;
    memcpy(&value, in->bytes + at, 8);
    return value;
}

static uint64_t get_u64(const struct erg_payload *in, uint32_t at)
{
    return (uint64_t)get_i64(in, at);
}

static struct erg_text_view text_from(const struct erg_payload *in, uint32_t at)
{
    return (struct erg_text_view){(const char *)in->bytes + at, in->len - at};
}

static bool is_bound(const struct erg_payload *in, uint32_t id)
{
    return id > 0 && id < ERG_MAX_NAMES && in->names[id];
}

static bool is_pass_phase(uint32_t phase)
{
    return phase == ERG_PHASE_PREFILL || phase == ERG_PHASE_DECODE;
}

static const char *decode_name(const struct erg_payload *in, struct erg_event *out)
{
    out->name = get_u32(in, 0);
    out->text = text_from(in, 8);
    if (!out->name || out->name >= ERG_MAX_NAMES || in->names[out->name])
        return "id out of range or bound twice";
    if (get_u32(in, 4))
        return "reserved field is not zero";
    if (out->text.len > ERG_MAX_NAME_BYTES || memchr(out->text.bytes, 0, out->text.len) ||
        !erg_utf8_valid(out->text.bytes, out->text.len))
        return "not a name";
    return NULL;
}

static const char *decode_timed_json(const struct erg_payload *in, struct erg_event *out)
{
    out->t_ns = get_i64(in, 0);
    out->text = text_from(in, 8);
    return out->text.len > ERG_MAX_JSON_BYTES ? "text too long" : NULL;
}

static const char *decode_section(const struct erg_payload *in, struct erg_event *out)
{
    out->t_ns = get_i64(in, 0);
    out->phase = get_u32(in, 8);
    out->name = get_u32(in, 12);
    if (out->phase != ERG_PHASE_PRE_INFERENCE && out->phase != ERG_PHASE_POST_INFERENCE)
        return "no phase with sections";
    return is_bound(in, out->name) ? NULL : "name not bound";
}

static const char *check_pass_head(const struct erg_pass_head *head)
{
    const uint32_t mandatory = ERG_COL_LAYER | ERG_COL_COMPONENT | ERG_COL_DURATION;
    if (head->t1_ns < head->t0_ns)
        return "ends before it begins";
    if (!is_pass_phase(head->phase))
        return "no phase with passes";
    if (!head->n_tokens || head->n_tokens > ERG_MAX_TOKENS ||
        head->position > ERG_MAX_TOKENS - head->n_tokens)
        return "tokens out of range";
    if (head->n_spans > ERG_MAX_SPANS_PER_PASS)
        return "too many spans";
    if (head->n_spans && (head->columns & mandatory) != mandatory)
        return "a mandatory column is missing";
    return NULL;
}

/*
 * Point the view at the columns. All sizes stay far below 2^32: at most 65536 spans of 8 bytes in
 * each of eleven columns. Bytes behind the known columns belong to unknown ones.
 */
static const char *place_columns(const struct erg_payload *in, struct erg_pass_view *pass)
{
    const struct {
        const void **place;
        uint32_t item_bytes;
    } columns[] = {
        {(const void **)&pass->layer, 2},     {(const void **)&pass->component, 2},
        {(const void **)&pass->operation, 2}, {(const void **)&pass->duration_ns, 8},
        {(const void **)&pass->flops, 4},     {(const void **)&pass->bytes, 4},
        {(const void **)&pass->mean, 4},      {(const void **)&pass->std, 4},
        {(const void **)&pass->max, 4},       {(const void **)&pass->sparsity, 4},
        {(const void **)&pass->extra, 4},
    };
    uint32_t n = pass->head.n_spans, at = sizeof pass->head;
    for (uint32_t bit = 0; bit < COUNT(columns) && n; bit++) {
        if (!(pass->head.columns & 1u << bit))
            continue;
        uint32_t used = n * columns[bit].item_bytes, padded = erg_format_padded(used);
        if (padded > in->len - at)
            return "columns exceed the record";
        for (uint32_t i = used; i < padded; i++) {
            if (in->bytes[at + i])
                return "padding of a column is not zero";
        }
        *columns[bit].place = in->bytes + at;
        at += padded;
    }
    bool more_columns = pass->head.columns & ~(uint32_t)ERG_COL_KNOWN;
    return at == in->len || more_columns ? NULL : "bytes behind the columns";
}

static const char *check_spans(const struct erg_payload *in, const struct erg_pass_view *pass)
{
    uint64_t left = (uint64_t)pass->head.t1_ns - (uint64_t)pass->head.t0_ns;
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        if (pass->layer[i] < -1 || pass->layer[i] >= ERG_MAX_LAYERS)
            return "layer out of range";
        if (!is_bound(in, pass->component[i]))
            return "component not bound";
        if (pass->operation && pass->operation[i] && !is_bound(in, pass->operation[i]))
            return "operation not bound";
        if (pass->duration_ns[i] > left)
            return "spans exceed the pass";
        left -= pass->duration_ns[i];
    }
    return NULL;
}

static const char *decode_pass(const struct erg_payload *in, struct erg_event *out)
{
    struct erg_pass_view *pass = &out->pass;
    memcpy(&pass->head, in->bytes, sizeof pass->head);
    out->t_ns = pass->head.t0_ns;
    out->phase = pass->head.phase;
    const char *broken = check_pass_head(&pass->head);
    if (!broken)
        broken = place_columns(in, pass);
    return broken ? broken : check_spans(in, pass);
}

/* The rule that a record about a span breaks; `done` has a bit for each span. */
static const char *check_described(const struct erg_payload *in, uint32_t span,
                                   const uint64_t *done)
{
    if (span >= in->described->n_spans)
        return "not a span of the pass before";
    return done[span / 64] >> span % 64 & 1 ? "the span has one already" : NULL;
}

/* Take `n` items from `*at` on, padding included; *out is left alone when they are not there. */
static const char *take_array(const struct erg_payload *in, uint32_t *at, uint64_t n,
                              uint32_t item_bytes, const void **out)
{
    if (n > (in->len - *at) / item_bytes)
        return "arrays exceed the record";
    uint32_t used = (uint32_t)n * item_bytes, padded = erg_format_padded(used);
    if (padded > in->len - *at)
        return "arrays exceed the record";
    for (uint32_t i = used; i < padded; i++) {
        if (in->bytes[*at + i])
            return "padding of an array is not zero";
    }
    *out = in->bytes + *at;
    *at += padded;
    return NULL;
}

static const char *take_floats(const struct erg_payload *in, uint32_t *at, uint64_t n,
                               const float **out)
{
    const void *floats;
    const char *broken = take_array(in, at, n, sizeof **out, &floats);
    if (broken)
        return broken;
    *out = floats;
    for (uint64_t i = 0; i < n; i++) {
        if (isinf((*out)[i]))
            return "number is infinite";
    }
    return NULL;
}

static const char *decode_attention(const struct erg_payload *in, struct erg_event *out)
{
    struct erg_attention_view *view = &out->attention;
    const float **const arrays[] = {&view->entropy, &view->max_weight, &view->sparsity};
    uint32_t at = sizeof view->head;
    memcpy(&view->head, in->bytes, sizeof view->head);
    if (!view->head.heads || view->head.heads > ERG_MAX_HEADS)
        return "heads out of range";
    const char *broken = check_described(in, view->head.span, in->described->attention);
    for (size_t i = 0; i < COUNT(arrays) && !broken; i++)
        broken = take_floats(in, &at, view->head.heads, arrays[i]);
    if (broken)
        return broken;
    return at == in->len ? NULL : "bytes behind the arrays";
}

static const char *check_routing_head(const struct erg_payload *in,
                                      const struct erg_routing_head *head)
{
    if (!head->used || head->used > head->experts || head->experts > ERG_MAX_EXPERTS)
        return "experts out of range";
    if (!head->tokens || head->tokens > in->described->n_tokens)
        return "tokens out of range";
    if (head->zero)
        return "reserved field is not zero";
    return isinf(head->entropy) ? "number is infinite" : NULL;
}

static const char *decode_routing(const struct erg_payload *in, struct erg_event *out)
{
    struct erg_routing_view *view = &out->routing;
    uint32_t at = sizeof view->head;
    const void *experts = NULL;
    memcpy(&view->head, in->bytes, sizeof view->head);
    uint64_t n = (uint64_t)view->head.tokens * view->head.used;
    const char *broken = check_described(in, view->head.span, in->described->routing);
    if (!broken)
        broken = check_routing_head(in, &view->head);
    if (!broken)
        broken = take_array(in, &at, n, sizeof *view->expert, &experts);
    if (!broken)
        broken = take_floats(in, &at, n, &view->weight);
    if (broken)
        return broken;
    view->expert = experts;
    for (uint64_t i = 0; i < n; i++) {
        if (view->expert[i] >= view->head.experts)
            return "expert out of range";
    }
    return at == in->len ? NULL : "bytes behind the arrays";
}

static const char *decode_token(const struct erg_payload *in, struct erg_event *out)
{
    memcpy(&out->token, in->bytes, sizeof out->token);
    out->phase = out->token.phase;
    out->text = text_from(in, sizeof out->token);
    if (!is_pass_phase(out->phase))
        return "no phase with tokens";
    if (out->token.position >= ERG_MAX_TOKENS)
        return "position out of range";
    if (out->token.zero)
        return "reserved field is not zero";
    return out->text.len > ERG_MAX_TOKEN_BYTES ? "text too long" : NULL;
}

static const char *decode_memory(const struct erg_payload *in, struct erg_event *out)
{
    out->t_ns = get_i64(in, 0);
    memcpy(&out->memory, in->bytes + 8, sizeof out->memory);
    return NULL;
}

static const char *decode_progress(const struct erg_payload *in, struct erg_event *out)
{
    memcpy(&out->progress, in->bytes, sizeof out->progress);
    out->t_ns = out->progress.t_ns;
    out->phase = out->progress.phase;
    if (out->phase >= ERG_PHASES)
        return "phase out of range";
    if (out->progress.layer < -1 || out->progress.layer >= ERG_MAX_LAYERS)
        return "layer out of range";
    if (out->progress.tokens_done > ERG_MAX_TOKENS || out->progress.tokens_total > ERG_MAX_TOKENS)
        return "tokens out of range";
    return NULL;
}

static const char *decode_leveled(const struct erg_payload *in, struct erg_event *out,
                                  uint32_t max_level)
{
    out->t_ns = get_i64(in, 0);
    out->level_or_status = get_u32(in, 8);
    out->text = text_from(in, 16);
    if (out->level_or_status > max_level)
        return "level or status out of range";
    if (get_u32(in, 12))
        return "reserved field is not zero";
    return out->text.len > ERG_MAX_LOG_BYTES ? "text too long" : NULL;
}

static const char *decode_log(const struct erg_payload *in, struct erg_event *out)
{
    return decode_leveled(in, out, ERG_LOG_ERROR);
}

static const char *decode_run_end(const struct erg_payload *in, struct erg_event *out)
{
    return decode_leveled(in, out, ERG_END_FAILED);
}

static const char *decode_dropped(const struct erg_payload *in, struct erg_event *out)
{
    out->count = get_u64(in, 0);
    return NULL;
}

static const char *decode_recording(const struct erg_payload *in, struct erg_event *out)
{
    out->t_ns = get_i64(in, 0);
    out->wall_ns = get_i64(in, 8);
    out->text = text_from(in, 16);
    return out->text.len > ERG_MAX_JSON_BYTES ? "text too long" : NULL;
}

static const char *decode_power(const struct erg_payload *in, struct erg_event *out)
{
    out->text = text_from(in, 0);
    return out->text.len > ERG_MAX_JSON_BYTES ? "text too long" : NULL;
}

static const char *decode_reading(const struct erg_payload *in, struct erg_event *out)
{
    struct erg_reading_view *reading = &out->reading;
    uint32_t kind = get_u32(in, 16);
    reading->t_before_ns = get_i64(in, 0);
    reading->t_after_ns = get_i64(in, 8);
    reading->kind = kind == ERG_READING_EDGE ? ERG_READING_EDGE : ERG_READING_GRID;
    reading->count = get_u32(in, 20);
    reading->values = (const struct erg_channel_value *)(const void *)(in->bytes + 24);
    out->t_ns = reading->t_before_ns;
    if (reading->t_after_ns < reading->t_before_ns)
        return "ends before it begins";
    if (kind > ERG_READING_EDGE)
        return "kind out of range";
    if (reading->count > ERG_MAX_CHANNELS ||
        in->len - 24 != reading->count * sizeof *reading->values)
        return "count and length disagree";
    for (uint32_t i = 0; i < reading->count; i++) {
        const struct erg_channel_value *value = &reading->values[i];
        if (value->channel >= ERG_MAX_CHANNELS)
            return "channel out of range";
        if (value->status && value->value)
            return "a failed read has a value";
    }
    return NULL;
}

static const char *decode_idle(const struct erg_payload *in, struct erg_event *out)
{
    out->t_ns = get_i64(in, 0);
    out->t1_ns = get_i64(in, 8);
    return out->t1_ns < out->t_ns ? "ends before it begins" : NULL;
}

static const char *decode_host(const struct erg_payload *in, struct erg_event *out)
{
    memcpy(&out->host, in->bytes, sizeof out->host);
    out->t_ns = out->host.t_ns;
    return NULL;
}

static const char *decode_counters(const struct erg_payload *in, struct erg_event *out)
{
    const struct erg_counters_head *head = &out->counters;
    memcpy(&out->counters, in->bytes, sizeof out->counters);
    out->t_ns = head->t_ns;
    out->text = text_from(in, sizeof *head);
    if (head->zero || head->known >> ERG_COUNTS)
        return "reserved bits are not zero";
    for (int i = 0; i < ERG_COUNTS; i++) {
        if (head->count[i] && !(head->known >> i & 1))
            return "a count that is not known has a value";
    }
    return out->text.len > ERG_MAX_LOG_BYTES ? "text too long" : NULL;
}

static const struct erg_record_rule rules[] = {
    {ERG_REC_NAME, "NAME", 9, decode_name},
    {ERG_REC_RUN_BEGIN, "RUN_BEGIN", 8, decode_timed_json},
    {ERG_REC_SECTION_BEGIN, "SECTION_BEGIN", 16, decode_section},
    {ERG_REC_SECTION_END, "SECTION_END", 16, decode_section},
    {ERG_REC_PASS, "PASS", sizeof(struct erg_pass_head), decode_pass},
    {ERG_REC_ATTENTION, "ATTENTION", sizeof(struct erg_attention_head), decode_attention},
    {ERG_REC_ROUTING, "ROUTING", sizeof(struct erg_routing_head), decode_routing},
    {ERG_REC_TOKEN, "TOKEN", sizeof(struct erg_token_head), decode_token},
    {ERG_REC_MEMORY, "MEMORY", 40, decode_memory},
    {ERG_REC_PROGRESS, "PROGRESS", sizeof(struct erg_progress), decode_progress},
    {ERG_REC_LOG, "LOG", 16, decode_log},
    {ERG_REC_RUN_END, "RUN_END", 16, decode_run_end},
    {ERG_REC_DROPPED, "DROPPED", 8, decode_dropped},
    {ERG_REC_RECORDING, "RECORDING", 16, decode_recording},
    {ERG_REC_POWER, "POWER", 0, decode_power},
    {ERG_REC_READING, "READING", 24, decode_reading},
    {ERG_REC_HOST, "HOST", sizeof(struct erg_host_sample), decode_host},
    {ERG_REC_IDLE, "IDLE", 16, decode_idle},
    {ERG_REC_COUNTERS, "COUNTERS", sizeof(struct erg_counters_head), decode_counters},
    {ERG_REC_RECORDING_END, "RECORDING_END", 8, decode_timed_json},
};

const struct erg_record_rule *erg_record_rule_find(uint16_t type)
{
    for (size_t i = 0; i < COUNT(rules); i++) {
        if (rules[i].type == type)
            return &rules[i];
    }
    return NULL;
}
