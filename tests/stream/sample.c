/* SPDX-License-Identifier: MIT */
#include "stream/sample.h"

#include "stream/writer.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define T0 INT64_C(1000000000000)

static void put_section(struct erg_buf *out, enum erg_record_type type, int64_t t_ns)
{
    struct {
        int64_t t_ns;
        uint32_t phase, name;
    } section = {t_ns, ERG_PHASE_PRE_INFERENCE, 1};
    erg_write_record(out, type, &section, sizeof section);
}

static void put_pass(struct erg_buf *out)
{
    struct {
        struct erg_pass_head head;
        int16_t layer[4];
        uint16_t component[4], operation[4];
        uint64_t duration_ns[3];
        float flops[4], bytes[4], mean[4], std[4], max[4], sparsity[4], extra[4];
    } pass = {
        {T0 + 100, T0 + 1100, ERG_PHASE_PREFILL, 2, 5, ERG_PASS_TRACED, 3, ERG_COL_KNOWN},
        {-1, 0, 1, 0},
        {2, 3, 3, 0},
        {0, 2, 0, 0},
        {300, 400, 299},
        {1e9f, 0, 2, 0},
        {4096, 8, 0, 0},
        {NAN, 0.5f, 0.25f, 0},
        {NAN, 1, 2, 0},
        {NAN, 9, INFINITY, 0},
        {NAN, 0.125f, 1, 0},
        {NAN, NAN, 0.625f, 0},
    };
    erg_write_record(out, ERG_REC_PASS, &pass, sizeof pass);
}

static void put_details(struct erg_buf *out)
{
    struct {
        struct erg_attention_head head;
        float entropy[4], max_weight[4], sparsity[4];
    } attention = {{1, 3}, {0.5f, NAN, 2, 0}, {0.25f, 1, 0.75f, 0}, {0, 0.125f, NAN, 0}};
    struct {
        struct erg_routing_head head;
        uint16_t expert[8];
        float weight[6];
    } routing = {{2, 2, 3, 8, 1.5f, 0}, {7, 0, 3, 1, 2, 4}, {0.5f, 0.25f, -1, 3, NAN, 0.125f}};
    erg_write_record(out, ERG_REC_ATTENTION, &attention, sizeof attention);
    erg_write_record(out, ERG_REC_ROUTING, &routing, sizeof routing);
}

static void put_texts(struct erg_buf *out)
{
    struct {
        struct erg_token_head head;
        char text[3];
    } token = {{5, 1234, ERG_PHASE_PREFILL, 0}, {'h', 'i', '\xC3'}};
    struct {
        int64_t t_ns;
        uint32_t level, zero;
        char text[8];
    } log = {T0 + 1200, ERG_LOG_WARNING, 0, "careful"}, end = {T0 + 1300, ERG_END_CANCELLED, 0, ""};
    erg_write_record(out, ERG_REC_TOKEN, &token, sizeof token.head + 3);
    erg_write_record(out, ERG_REC_LOG, &log, 16 + 7);
    erg_write_record(out, ERG_REC_RUN_END, &end, 16);
}

void sample_stream(struct erg_buf *out)
{
    int64_t t_ns = T0;
    char begin[64];
    int64_t memory[5] = {T0 + 10, 1 << 20, 2 << 20, 3 << 20, 4 << 20};
    struct erg_progress progress = {T0 + 20, ERG_PHASE_PREFILL, 7, 12, 300, 1, 2};
    uint64_t dropped = 42;
    struct erg_channel_value values[] = {{0, 0, 123456789}, {1, 4, 0}};
    struct erg_host_sample host = {T0 + 30, 0.5, 0.75, NAN, 1 << 30, 2u << 30, 3u << 30};
    struct erg_counters_head counters = {T0 + 40, {1000, 500, 0}, 3, 0};

    erg_write_preamble(out);
    erg_write_recording(out, T0 - 5, INT64_C(1800000000000000000), "{\"id\":\"abc\"}");
    erg_write_power(out, "{\"sources\":[],\"channels\":[]}");
    erg_write_name(out, 1, "tokenization");
    erg_write_name(out, 2, "embedding");
    erg_write_name(out, 3, "q_proj\xC3\xA9");
    memcpy(begin, &t_ns, 8);
    memcpy(begin + 8, "{\"model\":{}}", 12);
    erg_write_record(out, ERG_REC_RUN_BEGIN, begin, 20);
    put_section(out, ERG_REC_SECTION_BEGIN, T0 + 1);
    put_section(out, ERG_REC_SECTION_END, T0 + 9);
    erg_write_record(out, ERG_REC_MEMORY, memory, sizeof memory);
    erg_write_record(out, ERG_REC_PROGRESS, &progress, sizeof progress);
    erg_write_reading(out, T0 + 25, T0 + 26, ERG_READING_EDGE, values, 2);
    put_pass(out);
    put_details(out);
    erg_write_host(out, &host);
    erg_write_idle(out, T0 - 4, T0 - 1);
    erg_write_counters(out, &counters, "no cache misses");
    erg_write_record(out, ERG_REC_DROPPED, &dropped, sizeof dropped);
    put_texts(out);
    erg_write_recording_end(out, T0 + 2000, "{\"status\":\"complete\"}");
}

static void dump_text(struct erg_text_view text, struct erg_buf *out)
{
    erg_buf_puts(out, " \"");
    for (size_t i = 0; i < text.len; i++)
        erg_buf_printf(out, "%02x", (unsigned char)text.bytes[i]);
    erg_buf_puts(out, "\"");
}

static void dump_pass(const struct erg_reader *reader, const struct erg_pass_view *pass,
                      struct erg_buf *out)
{
    const float *columns[] = {pass->flops, pass->bytes,    pass->mean, pass->std,
                              pass->max,   pass->sparsity, pass->extra};
    erg_buf_printf(out, " t1=%" PRId64 " n=%u pos=%u flags=%u spans=%u", pass->head.t1_ns,
                   pass->head.n_tokens, pass->head.position, pass->head.flags, pass->head.n_spans);
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        uint32_t operation = pass->operation ? pass->operation[i] : 0;
        erg_buf_printf(out, " (%d %s/%s %" PRIu64, pass->layer[i],
                       erg_reader_name(reader, pass->component[i]),
                       erg_reader_name(reader, operation), pass->duration_ns[i]);
        for (int k = 0; k < 7; k++) {
            float missing = k < 2 ? 0 : NAN;
            erg_buf_printf(out, " %.9g", (double)(columns[k] ? columns[k][i] : missing));
        }
        erg_buf_putc(out, ')');
    }
}

static void dump_attention(const struct erg_attention_view *view, struct erg_buf *out)
{
    erg_buf_printf(out, " span=%u heads=%u", view->head.span, view->head.heads);
    for (uint32_t i = 0; i < view->head.heads; i++)
        erg_buf_printf(out, " (%.9g %.9g %.9g)", (double)view->entropy[i],
                       (double)view->max_weight[i], (double)view->sparsity[i]);
}

static void dump_routing(const struct erg_routing_view *view, struct erg_buf *out)
{
    erg_buf_printf(out, " span=%u tokens=%u experts=%u entropy=%.9g", view->head.span,
                   view->head.tokens, view->head.experts, (double)view->head.entropy);
    for (uint32_t i = 0; i < view->head.tokens * view->head.used; i++)
        erg_buf_printf(out, "%s%u:%.9g", i % view->head.used ? " " : " | ", view->expert[i],
                       (double)view->weight[i]);
}

static void dump_reading(const struct erg_reading_view *reading, struct erg_buf *out)
{
    erg_buf_printf(out, " after=%" PRId64 " kind=%d", reading->t_after_ns, (int)reading->kind);
    for (uint32_t i = 0; i < reading->count; i++)
        erg_buf_printf(out, " (%u %u %" PRId64 ")", reading->values[i].channel,
                       reading->values[i].status, reading->values[i].value);
}

void sample_dump(const struct erg_reader *reader, const struct erg_event *e, struct erg_buf *out)
{
    erg_buf_printf(out,
                   "%d t=%" PRId64 " phase=%u name=%s level=%u wall=%" PRId64 " count=%" PRIu64,
                   (int)e->type, e->t_ns, e->phase, e->name ? erg_reader_name(reader, e->name) : "",
                   e->level_or_status, e->wall_ns, e->count);
    dump_text(e->text, out);
    if (e->type == ERG_REC_IDLE)
        erg_buf_printf(out, " t1=%" PRId64, e->t1_ns);
    if (e->type == ERG_REC_COUNTERS)
        erg_buf_printf(out, " known=%u %" PRIu64 " %" PRIu64 " %" PRIu64, e->counters.known,
                       e->counters.count[0], e->counters.count[1], e->counters.count[2]);
    if (e->type == ERG_REC_PASS)
        dump_pass(reader, &e->pass, out);
    if (e->type == ERG_REC_ATTENTION)
        dump_attention(&e->attention, out);
    if (e->type == ERG_REC_ROUTING)
        dump_routing(&e->routing, out);
    if (e->type == ERG_REC_TOKEN)
        erg_buf_printf(out, " pos=%u id=%d", e->token.position, e->token.id);
    if (e->type == ERG_REC_MEMORY)
        erg_buf_printf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, e->memory.model_bytes,
                       e->memory.kv_cache_bytes, e->memory.compute_bytes, e->memory.peak_rss_bytes);
    if (e->type == ERG_REC_PROGRESS)
        erg_buf_printf(out, " %d %u/%u %u/%u", e->progress.layer, e->progress.operation,
                       e->progress.operations, e->progress.tokens_done, e->progress.tokens_total);
    if (e->type == ERG_REC_READING)
        dump_reading(&e->reading, out);
    if (e->type == ERG_REC_HOST)
        erg_buf_printf(out, " %g %g %g %" PRIu64 " %" PRIu64 " %" PRIu64, e->host.engine_cpu_ratio,
                       e->host.machine_cpu_ratio, e->host.others_cpu_ratio,
                       e->host.engine_rss_bytes, e->host.machine_used_bytes,
                       e->host.machine_total_bytes);
    erg_buf_putc(out, '\n');
}

int sample_read(const void *bytes, size_t len, size_t chunk, struct erg_buf *out,
                size_t *out_pending)
{
    struct erg_reader *reader;
    struct erg_event event;
    int rc = erg_reader_new(&reader, NULL);
    assert(!rc);
    for (size_t at = 0; at < len && rc >= 0; at += chunk) {
        rc = erg_reader_feed(reader, (const char *)bytes + at, chunk < len - at ? chunk : len - at,
                             NULL);
        assert(!rc);
        while ((rc = erg_reader_next(reader, &event, NULL)) == 1)
            sample_dump(reader, &event, out);
    }
    if (out_pending)
        *out_pending = erg_reader_pending(reader);
    erg_reader_free(reader);
    return rc;
}

uint64_t sample_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}
