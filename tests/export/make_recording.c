/* SPDX-License-Identifier: MIT */
#include "export/make_recording.h"

#include "base/mem.h"
#include "stream/writer.h"
#include "test.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MS         INT64_C(1000000)
#define ZERO_NS    INT64_C(90000000037)
#define GRID_NS    (10 * MS)
#define LOAD_NS    (300 * MS)
#define SILENCE_NS (ZERO_NS + 40 * MS)

struct maker {
    const struct recording_shape *shape;
    struct erg_buf *out;
    uint64_t seed;
    int64_t t_ns, grid_ns;
};

/* Cumulative energy of a counter: a square wave between two powers, in whole nanojoules. */
static int64_t counter_nj(const struct maker *maker, int domain, int64_t t_ns)
{
    int64_t low = 3 + 5 * domain, high = maker->shape->constant ? low : 4 * low;
    int64_t half = 7 * MS + domain * 331, since = t_ns - (ZERO_NS - 500 * MS);
    int64_t rest = since % (2 * half);
    return low * since + (high - low) * (since / (2 * half) * half + (rest < half ? rest : half));
}

static void read_counters(struct maker *maker, int64_t t_ns, enum erg_reading_kind kind)
{
    struct erg_channel_value values[ERG_DOMAINS];
    uint32_t count = 0;
    int64_t lag = maker->shape->exact ? 0 : (int64_t)test_below(&maker->seed, 9000);
    for (int d = 0; d < maker->shape->domains; d++) {
        bool dead = maker->shape->dies && d + 1 == maker->shape->domains && t_ns > SILENCE_NS;
        if (!dead)
            values[count++] =
                (struct erg_channel_value){(uint32_t)d, 0, counter_nj(maker, d, t_ns - lag / 2)};
    }
    if (count)
        erg_write_reading(maker->out, t_ns - lag, t_ns, kind, values, count);
}

/* Grid readings up to `t_ns`, and one at it when the source is exact. */
static void read_until(struct maker *maker, int64_t t_ns)
{
    while (maker->shape->domains && maker->grid_ns <= t_ns) {
        read_counters(maker, maker->grid_ns, ERG_READING_GRID);
        maker->grid_ns += GRID_NS;
        if (!maker->shape->exact)
            maker->grid_ns += (int64_t)test_below(&maker->seed, 100000);
    }
    if (maker->shape->exact && maker->shape->domains)
        read_counters(maker, t_ns - (t_ns - ZERO_NS) % ERG_TICK_NS, ERG_READING_EDGE);
}

static void put_power(struct maker *maker)
{
    static const char *const domains[] = {"cpu", "gpu", "ane", "dram", "soc", "other"};
    struct erg_buf json;
    erg_buf_init(&json);
    erg_buf_puts(&json, "{\"interval_ms\":10,\"sources\":[],\"channels\":[");
    for (int d = 0; d < maker->shape->domains; d++)
        erg_buf_printf(&json,
                       "%s{\"name\":\"%s\",\"source\":\"%s\",\"domain\":\"%s\",\"device\":0,"
                       "\"quantity\":\"energy\",\"update_period_ns\":%d,\"max_gap_ns\":0,"
                       "\"estimated\":false,\"synthetic\":%s}",
                       d ? "," : "", domains[d], d < 2 ? "rapl" : "other", domains[d],
                       maker->shape->exact ? 0 : 1000000, maker->shape->exact ? "true" : "false");
    erg_buf_puts(&json, "]}");
    erg_write_power(maker->out, erg_buf_view(&json));
    erg_buf_deinit(&json);
}

static void put_timed(struct maker *maker, enum erg_record_type type, int64_t t_ns,
                      const char *text)
{
    struct erg_buf payload;
    erg_buf_init(&payload);
    erg_buf_append(&payload, &t_ns, 8);
    erg_buf_puts(&payload, text);
    erg_write_record(maker->out, type, payload.data, payload.len);
    erg_buf_deinit(&payload);
}

static void put_head(struct maker *maker)
{
    static const char *const names[] = {"tokenization", "kv_cache_init", "detokenization",
                                        "q_proj",       "rope",          "lm_head",
                                        "matmul",       "bias",          "profiler"};
    const struct recording_shape *shape = maker->shape;
    char begin[256];
    erg_write_preamble(maker->out);
    erg_write_recording(
        maker->out, ZERO_NS - 400 * MS, INT64_C(1800000000000000000),
        "{\"id\":\"20261120-131843-0a1b2c\",\"created_at\":\"2026-11-20T13:18:43.123456\","
        "\"created_at_utc\":\"2026-11-20T13:18:43.123456+00:00\",\"model_name\":\"=evil, "
        "\\\"model\\\"\",\"model_path\":\"/m/x.gguf\",\"mode\":\"deep\",\"prompt\":\"@SUM(1)\\nwhy"
        "?\",\"tags\":[\"a\",\"b\\u00e9\"],\"experiment_name\":null,\"settings\":{\"power\":\"auto"
        "\",\"idle_seconds\":0.25,\"x\":0.1},\"machine\":{\"hostname\":\"h\"},\"grid\":{\"region\":"
        "\"us\",\"g_per_kwh\":400,\"usd_per_kwh\":0.12}}");
    if (shape->domains)
        put_power(maker);
    for (uint32_t i = 0; i < ERG_COUNT(names); i++)
        erg_write_name(maker->out, i + 1, names[i]);
    if (!shape->exact && shape->domains)
        for (maker->grid_ns = ZERO_NS - 450 * MS; maker->grid_ns < ZERO_NS;)
            read_until(maker, maker->grid_ns);
    snprintf(begin, sizeof begin,
             "{\"engine\":{\"name\":\"e\",\"v\":1.5},\"model\":{\"parameters\":1000000,\"layers\":"
             "2},\"settings\":{\"threads\":2}%s%" PRId64 ",\"t1_ns\":%" PRId64 "%s}",
             shape->load ? ",\"load\":{\"t0_ns\":" : ",\"none\":{\"t0_ns\":", ZERO_NS - 400 * MS,
             ZERO_NS - 400 * MS + LOAD_NS - 77, "}");
    put_timed(maker, ERG_REC_RUN_BEGIN, ZERO_NS - MS, begin);
    if (shape->exact && shape->domains) {
        maker->grid_ns = ZERO_NS;
        if (shape->idle) /* as long as the settings say */
            read_counters(maker, ZERO_NS - 250 * MS, ERG_READING_EDGE);
        read_counters(maker, ZERO_NS, ERG_READING_EDGE);
    }
    if (shape->idle)
        erg_write_idle(maker->out, ZERO_NS - (shape->exact ? 250 * MS : 99 * MS),
                       ZERO_NS - (shape->exact ? 0 : 12345));
}

static void put_section(struct maker *maker, uint32_t phase, uint32_t name, int64_t length_ns)
{
    struct {
        int64_t t_ns;
        uint32_t phase, name;
    } record = {maker->t_ns, phase, name};
    read_until(maker, maker->t_ns);
    erg_write_record(maker->out, ERG_REC_SECTION_BEGIN, &record, sizeof record);
    record.t_ns = maker->t_ns += length_ns;
    read_until(maker, maker->t_ns);
    erg_write_record(maker->out, ERG_REC_SECTION_END, &record, sizeof record);
}

enum { SPANS = 12 };

static void put_spans(struct maker *maker, struct erg_pass_head head)
{
    struct {
        struct erg_pass_head head;
        int16_t layer[SPANS];
        uint16_t component[SPANS], operation[SPANS];
        uint64_t duration_ns[SPANS];
        float flops[SPANS], mean[SPANS], extra[SPANS];
    } pass = {.head = head};
    _Static_assert(SPANS % 4 == 0, "columns need no padding");
    int64_t left = head.t1_ns - head.t0_ns;
    pass.head.n_spans = SPANS;
    pass.head.columns = ERG_COL_LAYER | ERG_COL_COMPONENT | ERG_COL_OPERATION | ERG_COL_DURATION |
                        ERG_COL_FLOPS | ERG_COL_MEAN | (maker->shape->deep ? ERG_COL_EXTRA : 0u);
    for (int i = 0; i < SPANS; i++) {
        pass.layer[i] = (int16_t)(i < 10 ? i / 5 : -1);
        pass.component[i] = (uint16_t)(i < 10 ? 4 + i % 2 : 6 + 3 * (i - 10));
        pass.operation[i] = (uint16_t)(i % 3 ? 6 + i % 3 : 0);
        pass.duration_ns[i] = test_below(&maker->seed, (uint64_t)left / (SPANS - 2) + 1);
        left -= (int64_t)pass.duration_ns[i];
        if (left < 0)
            pass.duration_ns[i] = 0, left = 0;
        pass.flops[i] = (float)test_below(&maker->seed, 1000000000);
        pass.extra[i] = i == 8 || i == 2 ? (float)test_below(&maker->seed, 1000) / 999 : NAN;
        pass.mean[i] = i % 4 ? (float)test_below(&maker->seed, 1000) / 7 : NAN;
    }
    uint64_t sum = 0;
    for (int i = 0; i < SPANS; i++) {
        if (sum + pass.duration_ns[i] > (uint64_t)(head.t1_ns - head.t0_ns))
            pass.duration_ns[i] = 0;
        sum += pass.duration_ns[i];
    }
    erg_write_record(maker->out, ERG_REC_PASS, &pass,
                     sizeof pass - (maker->shape->deep ? 0 : sizeof pass.extra));
}

static float some_value(struct maker *maker, double most)
{
    uint64_t pick = test_below(&maker->seed, 1000);
    return pick < 20 ? NAN : (float)(most * (double)pick / 1000);
}

/* Of one or two spans each, out of order. */
static void put_details(struct maker *maker, uint32_t n_tokens)
{
    enum { HEADS = 6, USED = 2, EXPERTS = 9, MOST = 64 };
    for (uint32_t span = 7; span > 0; span -= span > 1 ? 6 : 1) {
        struct {
            struct erg_attention_head head;
            float numbers[3][HEADS];
        } attention = {.head = {span, HEADS}};
        for (int i = 0; i < 3 * HEADS; i++)
            attention.numbers[i / HEADS][i % HEADS] = some_value(maker, i < HEADS ? 5 : 1);
        erg_write_record(maker->out, ERG_REC_ATTENTION, &attention, sizeof attention);
    }
    struct erg_routing_head head = {4, n_tokens, USED, EXPERTS, some_value(maker, 2), 0};
    uint16_t expert[MOST] = {0};
    float weight[MOST] = {0};
    uint32_t n = n_tokens * USED;
    struct erg_buf payload;
    assert_true(n <= MOST);
    for (uint32_t i = 0; i < n; i++) {
        expert[i] = (uint16_t)test_below(&maker->seed, EXPERTS);
        weight[i] = some_value(maker, 1);
    }
    erg_buf_init(&payload);
    erg_buf_append(&payload, &head, sizeof head);
    erg_buf_append(&payload, expert, (n + 3) / 4 * 8); /* the rest is zero: padding */
    erg_buf_append(&payload, weight, (n + 1) / 2 * 8);
    erg_write_record(maker->out, ERG_REC_ROUTING, payload.data, payload.len);
    erg_buf_deinit(&payload);
}

static void put_pass(struct maker *maker, uint32_t phase, uint32_t position, uint32_t tokens)
{
    static const char *const texts[] = {" a", "\xC3", "\xA9\"x\"", "=1+1", "", "\n,b"};
    int64_t length = 50000 + (int64_t)test_below(&maker->seed, (uint64_t)(6 * MS));
    struct erg_pass_head head = {.t0_ns = maker->t_ns,
                                 .t1_ns = maker->t_ns + length,
                                 .phase = phase,
                                 .n_tokens = tokens,
                                 .position = position,
                                 .flags = ERG_PASS_TRACED};
    read_until(maker, head.t0_ns);
    read_until(maker, head.t1_ns);
    maker->t_ns = head.t1_ns;
    if (position % 5 == 4) {
        head.flags = maker->shape->untraced ? ERG_PASS_BARE : head.flags | ERG_PASS_BARE;
        erg_write_record(maker->out, ERG_REC_PASS, &head, sizeof head);
    } else {
        head.flags |= maker->shape->deep ? ERG_PASS_DEEP : 0u;
        put_spans(maker, head);
        if (maker->shape->deep)
            put_details(maker, tokens);
    }
    for (uint32_t i = 0; i < tokens; i++) {
        struct erg_token_head token = {position + i, (int32_t)i * 7 - 1, phase, 0};
        struct erg_buf payload;
        const char *text =
            maker->shape->text ? maker->shape->text : texts[(position + i) % ERG_COUNT(texts)];
        erg_buf_init(&payload);
        erg_buf_append(&payload, &token, sizeof token);
        erg_buf_puts(&payload, text);
        erg_write_record(maker->out, ERG_REC_TOKEN, payload.data, payload.len);
        erg_buf_deinit(&payload);
    }
    struct erg_host_sample host = {
        maker->t_ns, 0.5 + position / 3.0, 0.75, position % 2 ? NAN : 0.1, 1000 + position, 2000,
        3000};
    if (position % 3 == 0)
        erg_write_host(maker->out, &host);
    maker->t_ns += (int64_t)test_below(&maker->seed, 40000);
}

static void put_end(struct maker *maker)
{
    struct {
        int64_t t_ns;
        uint32_t status, zero;
    } end = {maker->t_ns, 0, 0};
    char json[96];
    uint64_t dropped = 3;
    bool failed = strcmp(maker->shape->status, "failed") == 0;
    erg_write_log(maker->out, maker->t_ns, ERG_LOG_WARNING, "the machine was busy");
    if (failed)
        erg_write_record(maker->out, ERG_REC_DROPPED, &dropped, sizeof dropped);
    read_until(maker, maker->t_ns + 1);
    if (!maker->shape->exact)
        maker->grid_ns = maker->t_ns + 5, read_until(maker, maker->t_ns + 5);
    erg_write_record(maker->out, ERG_REC_RUN_END, &end, sizeof end);
    snprintf(json, sizeof json, "{\"status\":\"%s\",\"failure\":%s}", maker->shape->status,
             failed ? "\"it broke\"" : "null");
    erg_write_recording_end(maker->out, maker->t_ns, json);
}

void make_recording(struct erg_buf *out, const struct recording_shape *shape)
{
    struct maker maker = {shape, out, shape->seed, ZERO_NS, ZERO_NS};
    int64_t memory[5] = {ZERO_NS, 1 << 20, 2 << 20, 0, 5 << 20};
    put_head(&maker);
    erg_write_record(out, ERG_REC_MEMORY, memory, sizeof memory);
    put_section(&maker, ERG_PHASE_PRE_INFERENCE, 1, 123456);
    maker.t_ns += 1000;
    put_section(&maker, ERG_PHASE_PRE_INFERENCE, 2, 0);
    maker.t_ns += 33333;
    put_pass(&maker, ERG_PHASE_PREFILL, 0, (uint32_t)shape->prompt);
    for (int i = 0; i < shape->passes; i++)
        put_pass(&maker, ERG_PHASE_DECODE, (uint32_t)(shape->prompt + i), 1);
    if (strcmp(shape->status, "failed") != 0)
        put_section(&maker, ERG_PHASE_POST_INFERENCE, 3, 2 * MS);
    put_end(&maker);
}

/* --- rows as text ----------------------------------------------------------------------------- */

struct dump {
    struct erg_store *store;
    struct erg_buf *out;
};

static void put_energy(struct erg_buf *out, const struct erg_energy *energy, enum erg_grade grade)
{
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (energy->present >> d & 1)
            erg_buf_printf(out, " %d:%" PRId64, d, energy->nj[d]);
    }
    erg_buf_printf(out, " %s\n", erg_grade_name(grade));
}

static int on_section(void *user, const struct erg_section_row *row)
{
    struct dump *dump = user;
    erg_buf_printf(dump->out, "section %u %s %" PRId64 " %" PRId64 " %" PRId64, row->phase,
                   row->name, row->t0_ns, row->t1_ns, row->duration_ns);
    put_energy(dump->out, &row->energy, row->grade);
    return 0;
}

static int on_pass(void *user, const struct erg_pass_row *row)
{
    struct dump *dump = user;
    erg_buf_printf(dump->out, "pass %u %u %u %u %u %" PRId64 " %" PRId64, row->index, row->phase,
                   row->position, row->n_tokens, row->flags, row->t0_ns, row->t1_ns);
    put_energy(dump->out, &row->energy, row->grade);
    for (uint32_t i = 0; i < row->n_spans; i++) {
        const struct erg_span *span = &row->spans[i];
        const char *operation = erg_store_name(dump->store, span->operation);
        erg_buf_printf(dump->out, "  %d %s %s %u", span->layer,
                       erg_store_name(dump->store, span->component), operation ? operation : "-",
                       span->ticks);
        for (int c = 0; c < ERG_VALUE_COLUMNS; c++) {
            if (row->values[c])
                erg_buf_printf(dump->out, " %a", (double)row->values[c][i]);
        }
        erg_buf_putc(dump->out, '\n');
    }
    for (uint32_t i = 0; i < row->n_attention; i++) {
        const struct erg_attention_row *attention = &row->attention[i];
        erg_buf_printf(dump->out, "  attention %u", attention->span);
        for (uint32_t h = 0; h < attention->heads; h++)
            erg_buf_printf(dump->out, " %a %a %a", (double)attention->entropy[h],
                           (double)attention->max_weight[h], (double)attention->sparsity[h]);
        erg_buf_putc(dump->out, '\n');
    }
    for (uint32_t i = 0; i < row->n_routing; i++) {
        const struct erg_routing_row *routing = &row->routing[i];
        erg_buf_printf(dump->out, "  routing %u %u %u %u %a", routing->span, routing->tokens,
                       routing->used, routing->experts, (double)routing->entropy);
        for (uint32_t k = 0; k < routing->tokens * routing->used; k++)
            erg_buf_printf(dump->out, " %u:%a", routing->expert[k], (double)routing->weight[k]);
        erg_buf_putc(dump->out, '\n');
    }
    return 0;
}

static int on_token(void *user, const struct erg_token_row *row)
{
    struct dump *dump = user;
    erg_buf_printf(dump->out, "token %u %u %u %u %d '%.*s' %" PRId64 " %" PRId64, row->index,
                   row->pass, row->phase, row->position, row->id, (int)row->text_len, row->text,
                   row->t0_ns, row->duration_ns);
    put_energy(dump->out, &row->energy, row->grade);
    return 0;
}

static int on_sample(void *user, const struct erg_sample_row *row)
{
    struct dump *dump = user;
    erg_buf_printf(dump->out, "sample %" PRId64 " %d", row->t_ns, row->phase);
    for (int d = 0; d < ERG_DOMAINS; d++)
        erg_buf_printf(dump->out, " %.17g", row->mw[d]);
    erg_buf_printf(dump->out, " %.17g\n", row->total_mw);
    return 0;
}

static int on_host(void *user, const struct erg_host_row *row)
{
    struct dump *dump = user;
    erg_buf_printf(dump->out, "host %" PRId64 " %.17g %.17g %.17g %" PRIu64 " %" PRIu64 "\n",
                   row->t_ns, row->sample.engine_cpu_ratio, row->sample.machine_cpu_ratio,
                   row->sample.others_cpu_ratio, row->sample.engine_rss_bytes,
                   row->sample.machine_total_bytes);
    return 0;
}

static int on_run(void *user, const struct erg_run_row *row)
{
    struct dump *dump = user;
    erg_buf_printf(dump->out, "run %s %s %s %s %s %s %s %s %s %s %" PRId64, row->id,
                   row->created_at, row->created_at_utc, row->status, row->model_name,
                   row->model_path, row->mode, row->prompt, row->response, row->tags_json,
                   row->duration_ns);
    put_energy(dump->out, &row->energy, 0);
    /* one member a line, so that a difference is easy to see */
    for (const char *c = row->summary_json; *c; c++) {
        erg_buf_putc(dump->out, *c);
        if (*c == ',')
            erg_buf_putc(dump->out, '\n');
    }
    erg_buf_putc(dump->out, '\n');
    return 0;
}

void dump_run(struct erg_store *store, const char *id, struct erg_buf *out)
{
    struct dump dump = {store, out};
    assert_int_equal(erg_store_sections(store, id, on_section, &dump, NULL), 0);
    assert_int_equal(erg_store_passes(store, id, true, on_pass, &dump, NULL), 0);
    assert_int_equal(erg_store_tokens(store, id, on_token, &dump, NULL), 0);
    assert_int_equal(erg_store_samples(store, id, on_sample, &dump, NULL), 0);
    assert_int_equal(erg_store_host(store, id, on_host, &dump, NULL), 0);
    assert_int_equal(erg_store_run(store, id, on_run, &dump, NULL), 0);
}

void write_file(const char *path, const void *bytes, size_t len)
{
    ERG_AUTO_FILE FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
}
