/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "record/join.h"
#include "store/spans.h"
#include "stream/taxonomy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Rows as the join gives them out, summed the way a reader of the store would. */
struct ledger {
    struct erg_energy phase_children[ERG_PHASES], passes, tokens[ERG_PHASES];
    int64_t phase_children_ns[ERG_PHASES], passes_ns;
    int64_t last_t1_ns;
    struct erg_pass_row last_pass;
    struct erg_sample_row last_sample;
    int64_t last_pass_tokens_ns;
    uint32_t last_pass_token_count;
    struct erg_energy last_pass_tokens;
    uint32_t pass_count, token_count, sample_count, detail_count;
    int warnings;
    char text[4096];
};

static void take_interval(struct ledger *ledger, int64_t t0_ns, int64_t t1_ns)
{
    assert_true(t0_ns >= ledger->last_t1_ns && t1_ns >= t0_ns);
    assert_int_equal(t0_ns % ERG_TICK_NS, 0);
    assert_int_equal(t1_ns % ERG_TICK_NS, 0);
    ledger->last_t1_ns = t1_ns;
}

static void on_section(void *user, const struct erg_section_row *row)
{
    struct ledger *ledger = user;
    if (row->phase == ERG_PHASE_PREFILL || row->phase == ERG_PHASE_DECODE)
        return;
    take_interval(ledger, row->t0_ns, row->t1_ns);
    erg_energy_add(&ledger->phase_children[row->phase], &row->energy);
    ledger->phase_children_ns[row->phase] += row->duration_ns;
}

/* All tokens of a pass that evaluated as many are the pass, exactly; fewer are less. */
static void close_pass(struct ledger *ledger)
{
    const struct erg_pass_row *pass = &ledger->last_pass;
    if (!ledger->pass_count)
        return;
    int64_t left_nj =
        erg_energy_total_nj(&pass->energy) - erg_energy_total_nj(&ledger->last_pass_tokens);
    int64_t left_ns = pass->t1_ns - pass->t0_ns - ledger->last_pass_tokens_ns;
    assert_true(left_nj >= 0 && left_ns >= 0);
    if (ledger->last_pass_token_count >= pass->n_tokens)
        assert_true(left_nj == 0 && left_ns == 0);
}

/* In the order of their spans, within the pass, in stored precision. */
static void check_details(struct ledger *ledger, const struct erg_pass_row *row)
{
    int64_t before = -1;
    for (uint32_t i = 0; i < row->n_attention; i++) {
        const struct erg_attention_row *attention = &row->attention[i];
        assert_true(attention->span > before && attention->span < row->n_spans);
        before = attention->span;
        for (uint32_t h = 0; h < attention->heads; h++) {
            float entropy = attention->entropy[h], again = erg_spans_round_value(entropy);
            assert_true(isnan(entropy) ? isnan(again) : entropy == again);
        }
    }
    before = -1;
    for (uint32_t i = 0; i < row->n_routing; i++) {
        const struct erg_routing_row *routing = &row->routing[i];
        assert_true(routing->span > before && routing->span < row->n_spans);
        before = routing->span;
        for (uint32_t k = 0; k < routing->tokens * routing->used; k++)
            assert_true(routing->expert[k] < routing->experts);
    }
    ledger->detail_count += row->n_attention + row->n_routing;
}

static void on_pass(void *user, const struct erg_pass_row *row)
{
    struct ledger *ledger = user;
    int64_t spans_ns = 0;
    close_pass(ledger);
    check_details(ledger, row);
    assert_int_equal(row->index, ledger->pass_count++);
    take_interval(ledger, row->t0_ns, row->t1_ns);
    for (uint32_t i = 0; i < row->n_spans; i++)
        spans_ns += (int64_t)row->spans[i].ticks * ERG_TICK_NS;
    assert_true(spans_ns <= row->t1_ns - row->t0_ns);
    erg_energy_add(&ledger->passes, &row->energy);
    ledger->passes_ns += row->t1_ns - row->t0_ns;
    erg_energy_add(&ledger->phase_children[row->phase], &row->energy);
    ledger->phase_children_ns[row->phase] += row->t1_ns - row->t0_ns;
    ledger->last_pass = *row;
    ledger->last_pass_tokens = (struct erg_energy){0};
    ledger->last_pass_tokens_ns = 0;
    ledger->last_pass_token_count = 0;
}

static void on_token(void *user, const struct erg_token_row *row)
{
    struct ledger *ledger = user;
    assert_int_equal(row->index, ledger->token_count++);
    assert_int_equal(row->pass, ledger->last_pass.index);
    erg_energy_add(&ledger->last_pass_tokens, &row->energy);
    ledger->last_pass_tokens_ns += row->duration_ns;
    ledger->last_pass_token_count++;
    size_t len = strlen(ledger->text);
    if (len + row->text_len + 2 < sizeof ledger->text) {
        memcpy(ledger->text + len, row->text, row->text_len);
        memcpy(ledger->text + len + row->text_len, "|", 2);
    }
}

static void on_sample(void *user, const struct erg_sample_row *row)
{
    struct ledger *ledger = user;
    assert_true(row->total_mw >= 0);
    ledger->last_sample = *row;
    ledger->sample_count++;
}

static void on_warning(void *user, const char *text)
{
    struct ledger *ledger = user;
    (void)text;
    ledger->warnings++;
}

static struct erg_join_sink ledger_sink(struct ledger *ledger)
{
    return (struct erg_join_sink){ledger,    on_section, on_pass,   on_token,
                                  on_sample, NULL,       on_warning};
}

/* --- events --------------------------------------------------------------------------------------
 */

static struct erg_text_view view(const char *text)
{
    return (struct erg_text_view){text, strlen(text)};
}

static int put(struct erg_join *join, struct erg_event event)
{
    return erg_join_event(join, &event, NULL);
}

static void put_names(struct erg_join *join)
{
    static const char *const names[] = {"",     "tokenization", "cleanup",      "q_proj",
                                        "rope", "lm_head",      "something_new"};
    for (uint32_t id = 1; id < ERG_COUNT(names); id++)
        assert_int_equal(
            put(join,
                (struct erg_event){.type = ERG_REC_NAME, .name = id, .text = view(names[id])}),
            0);
}

static void put_preface(struct erg_join *join, const char *channels)
{
    char power[2048];
    snprintf(power, sizeof power, "{\"interval_ms\":10,\"channels\":[%s]}", channels);
    put_names(join);
    assert_int_equal(
        put(join,
            (struct erg_event){
                .type = ERG_REC_RECORDING,
                .t_ns = 10,
                .wall_ns = 1000,
                .text = view("{\"id\":\"r1\",\"created_at\":\"2026-01-01T00:00:00\","
                             "\"created_at_utc\":\"2026-01-01T00:00:00+00:00\","
                             "\"model_name\":\"m\",\"mode\":\"minimal\",\"tags\":[\"a\"]}")}),
        0);
    assert_int_equal(put(join, (struct erg_event){.type = ERG_REC_POWER, .text = view(power)}), 0);
}

#define CPU_COUNTER                                                                                \
    "{\"name\":\"package-0\",\"source\":\"rapl\",\"domain\":\"cpu\",\"device\":0,"                 \
    "\"quantity\":\"energy\",\"update_period_ns\":1000000,\"max_gap_ns\":0}"
#define GPU_POWER                                                                                  \
    "{\"name\":\"gpu0\",\"source\":\"nvml\",\"domain\":\"gpu\",\"device\":0,"                      \
    "\"quantity\":\"power\",\"update_period_ns\":100000000,\"max_gap_ns\":50000000}"

static int put_reading(struct erg_join *join, int64_t t_ns, uint32_t channel, int64_t value)
{
    struct erg_channel_value values[1] = {{channel, 0, value}};
    return put(join, (struct erg_event){.type = ERG_REC_READING,
                                        .t_ns = t_ns,
                                        .reading = {t_ns, t_ns, ERG_READING_GRID, 1, values}});
}

static int put_section(struct erg_join *join, uint32_t phase, uint32_t name, int64_t t0_ns,
                       int64_t t1_ns)
{
    struct erg_event event = {
        .type = ERG_REC_SECTION_BEGIN, .t_ns = t0_ns, .phase = phase, .name = name};
    int rc = put(join, event);
    event.type = ERG_REC_SECTION_END;
    event.t_ns = t1_ns;
    return rc ? rc : put(join, event);
}

static int put_token(struct erg_join *join, uint32_t phase, const char *text)
{
    return put(join, (struct erg_event){
                         .type = ERG_REC_TOKEN, .text = view(text), .token = {.phase = phase}});
}

static float some_value(uint64_t *seed)
{
    uint64_t pick = test_below(seed, 100);
    return pick < 5 ? NAN : (float)pick / 17 - 0.5f;
}

static int put_attention(struct erg_join *join, uint64_t *seed, uint32_t span)
{
    enum { HEADS = 40 };
    float numbers[3][HEADS];
    for (int i = 0; i < 3 * HEADS; i++)
        numbers[i / HEADS][i % HEADS] = some_value(seed);
    struct erg_event event = {.type = ERG_REC_ATTENTION};
    event.attention = (struct erg_attention_view){
        {span, 1 + (uint32_t)test_below(seed, HEADS)}, numbers[0], numbers[1], numbers[2]};
    return put(join, event);
}

static int put_routing(struct erg_join *join, uint64_t *seed, uint32_t span)
{
    enum { MOST = 64 };
    uint16_t expert[MOST];
    float weight[MOST];
    uint32_t used = 1 + (uint32_t)test_below(seed, 8);
    for (int i = 0; i < MOST; i++) {
        expert[i] = (uint16_t)test_below(seed, used);
        weight[i] = some_value(seed);
    }
    struct erg_event event = {.type = ERG_REC_ROUTING};
    event.routing =
        (struct erg_routing_view){{span, 1 + (uint32_t)test_below(seed, 8), used,
                                   used + (uint32_t)test_below(seed, 100), some_value(seed), 0},
                                  expert,
                                  weight};
    return put(join, event);
}

/* A pass of up to 8 random spans that need not fill it. */
static int put_pass(struct erg_join *join, uint64_t *seed, uint32_t phase, uint32_t n_tokens,
                    int64_t t0_ns, int64_t t1_ns)
{
    int16_t layers[8];
    uint16_t components[8];
    uint64_t durations[8];
    uint32_t n = (uint32_t)test_below(seed, 9);
    uint64_t left = (uint64_t)(t1_ns - t0_ns);
    for (uint32_t i = 0; i < n; i++) {
        layers[i] = (int16_t)((int)test_below(seed, 4) - 1);
        components[i] = (uint16_t)(3 + test_below(seed, 4));
        durations[i] = i + 1 == n && test_below(seed, 2) ? left : test_below(seed, left + 1);
        left -= durations[i];
    }
    struct erg_event event = {.type = ERG_REC_PASS, .t_ns = t0_ns};
    event.pass.head = (struct erg_pass_head){.t0_ns = t0_ns,
                                             .t1_ns = t1_ns,
                                             .phase = phase,
                                             .n_tokens = n_tokens,
                                             .n_spans = n,
                                             .flags = ERG_PASS_TRACED};
    event.pass.layer = layers;
    event.pass.component = components;
    event.pass.duration_ns = durations;
    return put(join, event);
}

/* --- conservation --------------------------------------------------------------------------------
 */

static void assert_energy_equal(const struct erg_energy *a, const struct erg_energy *b)
{
    for (int d = 0; d < ERG_DOMAINS; d++)
        assert_true(a->nj[d] == b->nj[d]);
}

/* children + unattributed = parent at each level, in integers. */
static void check_tree(struct erg_join *join, struct ledger *ledger)
{
    struct erg_run_facts facts;
    struct erg_energy phases = {0}, rows = {0};
    int64_t rows_ns = 0;
    close_pass(ledger);
    erg_join_facts(join, &facts);
    for (int p = 0; p < ERG_PHASES; p++) {
        struct erg_energy sum = ledger->phase_children[p];
        erg_energy_add(&sum, &facts.phases[p].unattributed);
        assert_energy_equal(&sum, &facts.phases[p].energy);
        for (int d = 0; d < ERG_DOMAINS; d++)
            assert_true(facts.phases[p].unattributed.nj[d] >= 0);
        assert_true(ledger->phase_children_ns[p] + facts.phases[p].unattributed_ns ==
                    facts.phases[p].t1_ns - facts.phases[p].t0_ns);
        erg_energy_add(&phases, &facts.phases[p].energy);
    }
    for (int d = 0; d < ERG_DOMAINS; d++)
        assert_true(facts.energy.nj[d] >= phases.nj[d]);
    assert_true(facts.unattributed_nj >= 0);
    assert_true(facts.unattributed_nj <= erg_energy_total_nj(&facts.energy));

    size_t count;
    struct erg_rollup *rollup = erg_join_take_rollup(join);
    const struct erg_rollup_row *table = erg_rollup_rows(rollup, &count);
    for (size_t i = 0; i < count; i++) {
        erg_energy_add(&rows, &table[i].energy);
        rows_ns += table[i].duration_ns;
    }
    assert_energy_equal(&rows, &ledger->passes);
    assert_true(rows_ns == ledger->passes_ns);
    erg_rollup_free(rollup);
}

/* Time near `now`, mostly ahead of it, sometimes behind: clocks of a hostile producer. */
static int64_t wander(uint64_t *seed, int64_t now, int64_t step)
{
    int64_t t = now + (int64_t)test_below(seed, (uint64_t)step);
    if (test_below(seed, 8) == 0)
        t -= (int64_t)test_below(seed, 3 * (uint64_t)step);
    return t < 0 ? 0 : t;
}

static void random_event(struct erg_join *join, uint64_t *seed, int64_t *now, uint32_t *phase,
                         int64_t *counter)
{
    int64_t step = 1 + (int64_t)test_below(seed, 20000000);
    int64_t t0 = wander(seed, *now, step);
    int64_t t1 = t0 + (int64_t)test_below(seed, (uint64_t)step);
    if (test_below(seed, 12) == 0 && *phase < ERG_PHASE_POST_INFERENCE)
        ++*phase;
    switch (test_below(seed, 10)) {
    case 8:
        assert_int_equal(put_attention(join, seed, (uint32_t)test_below(seed, 10)), 0);
        break;
    case 9:
        assert_int_equal(put_routing(join, seed, (uint32_t)test_below(seed, 10)), 0);
        break;
    case 0:
    case 1:
    case 2:
        *counter += (int64_t)test_below(seed, 1000000000) - 50000000;
        put_reading(join, t0, 0, *counter);
        break;
    case 3:
        put_reading(join, t0, 1, (int64_t)test_below(seed, 500000000));
        break;
    case 4:
        put_token(join, *phase, "x");
        break;
    case 5:
        if (*phase == ERG_PHASE_PRE_INFERENCE || *phase == ERG_PHASE_POST_INFERENCE) {
            put_section(join, *phase, 1 + (uint32_t)test_below(seed, 2), t0, t1);
            *now = t1;
            break;
        }
        /* fall through */
    default:
        if (*phase == ERG_PHASE_PREFILL || *phase == ERG_PHASE_DECODE) {
            put_pass(join, seed, *phase, 1 + (uint32_t)test_below(seed, 4), t0, t1);
            *now = t1;
        }
    }
}

static void test_conservation_for_any_stream(void **state)
{
    (void)state;
    uint32_t details = 0;
    for (uint64_t round = 1; round <= 400; round++) {
        uint64_t seed = round;
        struct ledger ledger = {0};
        struct erg_join *join;
        struct erg_join_sink sink = ledger_sink(&ledger);
        int64_t now = 1000000000, counter = 0;
        uint32_t phase = 0;
        assert_int_equal(erg_join_new(&join, &sink, NULL), 0);
        put_preface(join, CPU_COUNTER "," GPU_POWER);
        for (int i = 0; i < 300; i++)
            random_event(join, &seed, &now, &phase, &counter);
        assert_int_equal(erg_join_finish(join, NULL), 0);
        check_tree(join, &ledger);
        erg_join_free(join);
        details += ledger.detail_count;
    }
    assert_true(details > 500); /* else the streams are not what they are meant to be */
}

/* --- what a well-behaved run looks like ----------------------------------------------------------
 */

#define MS INT64_C(1000000)

/* 10 W on the CPU from 0 to 400 ms: 10 mJ per ms. */
static void put_constant_power(struct erg_join *join, int64_t until_ns)
{
    for (int64_t t = 0; t <= until_ns; t += 10 * MS)
        assert_int_equal(put_reading(join, t, 0, t * 10), 0);
}

static void test_energy_of_a_plain_run(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct erg_join *join;
    struct erg_join_sink sink = ledger_sink(&ledger);
    struct erg_run_facts facts;
    uint64_t seed = 5;
    assert_int_equal(erg_join_new(&join, &sink, NULL), 0);
    put_preface(join, CPU_COUNTER);
    assert_int_equal(put_section(join, ERG_PHASE_PRE_INFERENCE, 1, 100 * MS, 105 * MS), 0);
    assert_int_equal(put_pass(join, &seed, ERG_PHASE_PREFILL, 2, 105 * MS, 145 * MS), 0);
    put_token(join, ERG_PHASE_PREFILL, "Once");
    put_token(join, ERG_PHASE_PREFILL, " upon");
    assert_int_equal(put_pass(join, &seed, ERG_PHASE_DECODE, 1, 146 * MS, 166 * MS), 0);
    put_token(join, ERG_PHASE_DECODE, " a");
    assert_int_equal(put_section(join, ERG_PHASE_POST_INFERENCE, 2, 166 * MS, 170 * MS), 0);
    assert_int_equal(ledger.pass_count, 0); /* nothing is final before the sensor was read */
    put_constant_power(join, 400 * MS);
    assert_int_equal(erg_join_finish(join, NULL), 0);
    erg_join_facts(join, &facts);
    assert_true(facts.energy.nj[ERG_DOMAIN_CPU] == 70 * MS * 10);
    assert_true(facts.phases[ERG_PHASE_PREFILL].energy.nj[ERG_DOMAIN_CPU] == 40 * MS * 10);
    assert_true(facts.phases[ERG_PHASE_DECODE].energy.nj[ERG_DOMAIN_CPU] == 20 * MS * 10);
    assert_true(facts.first_token_ns == 45 * MS);
    assert_true(facts.duration_ns == 70 * MS);
    assert_true(fabs(facts.peak_mw - 10000) < 1e-6);
    assert_int_equal(facts.input_tokens, 2);
    assert_int_equal(facts.output_tokens, 1);
    assert_string_equal(facts.response, " a");
    assert_string_equal(ledger.text, "Once| upon| a|");
    assert_int_equal(facts.grade, ERG_GRADE_MEASURED);
    assert_int_equal(facts.phases[ERG_PHASE_PRE_INFERENCE].grade, ERG_GRADE_INTERPOLATED);
    check_tree(join, &ledger);
    erg_join_free(join);
}

/* Two readings, far outside the run: no peak between them, but none is below the average. */
static void test_peak_of_a_short_run(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct erg_join *join;
    struct erg_join_sink sink = ledger_sink(&ledger);
    struct erg_run_facts facts;
    uint64_t seed = 11;
    assert_int_equal(erg_join_new(&join, &sink, NULL), 0);
    put_preface(join, CPU_COUNTER);
    put_reading(join, 0, 0, 0);
    assert_int_equal(put_pass(join, &seed, ERG_PHASE_PREFILL, 1, 10 * MS, 10 * MS + 1000), 0);
    assert_int_equal(put_pass(join, &seed, ERG_PHASE_DECODE, 1, 11 * MS, 90 * MS), 0);
    put_reading(join, 100 * MS, 0, 500 * MS);
    assert_int_equal(erg_join_finish(join, NULL), 0);
    erg_join_facts(join, &facts);
    assert_true(fabs(facts.peak_mw - 5000) < 1e-6);
    assert_true(fabs(facts.phases[ERG_PHASE_DECODE].peak_mw - 5000) < 1e-6);
    /* A phase that the sensor cannot resolve has none, nor has one that did not happen. */
    assert_true(facts.phases[ERG_PHASE_PREFILL].peak_mw < 0);
    assert_true(facts.phases[ERG_PHASE_POST_INFERENCE].peak_mw < 0);
    erg_join_free(join);
}

/* Without a sensor energy is not known, which is not the same as nothing. */
static void test_no_power_is_unknown(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct erg_join *join;
    struct erg_join_sink sink = ledger_sink(&ledger);
    struct erg_run_facts facts;
    uint64_t seed = 6;
    assert_int_equal(erg_join_new(&join, &sink, NULL), 0);
    put_preface(join, "");
    assert_int_equal(put_pass(join, &seed, ERG_PHASE_DECODE, 1, 0, 20 * MS), 0);
    put_token(join, ERG_PHASE_DECODE, "a");
    assert_int_equal(ledger.token_count, 1); /* at once: there is nothing to wait for */
    assert_int_equal(erg_join_finish(join, NULL), 0);
    erg_join_facts(join, &facts);
    assert_false(erg_energy_known(&facts.energy));
    assert_false(erg_energy_known(&ledger.last_pass.energy));
    assert_int_equal(facts.grade, ERG_GRADE_UNAVAILABLE);
    assert_true(isnan(facts.coverage_ratio));
    struct erg_buf json;
    erg_buf_init(&json);
    erg_summary_write(&facts, &json);
    assert_non_null(strstr(erg_buf_view(&json), "\"total_energy_mj\":null"));
    assert_non_null(strstr(erg_buf_view(&json), "\"joules_per_token\":null"));
    erg_buf_deinit(&json);
    erg_join_free(join);
}

static void test_characters_across_tokens(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct erg_join *join;
    struct erg_join_sink sink = ledger_sink(&ledger);
    uint64_t seed = 7;
    static const char *const pieces[] = {"\xE2\x82", "\xAC!", "\xFF",
                                         "\xF0\x9F", "\x98",  "\x80 ok"};
    assert_int_equal(erg_join_new(&join, &sink, NULL), 0);
    put_preface(join, "");
    for (size_t i = 0; i < ERG_COUNT(pieces); i++) {
        assert_int_equal(
            put_pass(join, &seed, ERG_PHASE_DECODE, 1, (int64_t)i * MS, (int64_t)i * MS + MS), 0);
        assert_int_equal(put_token(join, ERG_PHASE_DECODE, pieces[i]), 0);
    }
    assert_int_equal(erg_join_finish(join, NULL), 0);
    assert_string_equal(ledger.text, "|\xE2\x82\xAC!|\xEF\xBF\xBD|||\xF0\x9F\x98\x80 ok|");
    erg_join_free(join);
}

static void test_contradictions_are_refused(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct erg_join_sink sink = ledger_sink(&ledger);
    uint64_t seed = 8;
    struct erg_join *join;
    assert_int_equal(erg_join_new(&join, &sink, NULL), 0);
    assert_int_equal(put(join, (struct erg_event){.type = ERG_REC_RUN_BEGIN, .text = view("{}")}),
                     ERG_CORRUPT);
    put_preface(join, "");
    assert_int_equal(put_reading(join, 1, 0, 1), ERG_CORRUPT);
    assert_int_equal(put_pass(join, &seed, ERG_PHASE_DECODE, 1, 0, MS), 0);
    assert_int_equal(put_pass(join, &seed, ERG_PHASE_PREFILL, 1, MS, 2 * MS), ERG_CORRUPT);
    assert_int_equal(put(join, (struct erg_event){.type = ERG_REC_LOG, .t_ns = -1}), ERG_CORRUPT);
    assert_int_equal(put(join, (struct erg_event){.type = ERG_REC_LOG, .t_ns = INT64_MAX}),
                     ERG_CORRUPT);
    erg_join_free(join);
}

/* The producer may drop any record when its reader is slow: what is left must still make a run. */
static void test_missing_partners_are_survived(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct erg_join_sink sink = ledger_sink(&ledger);
    struct erg_run_facts facts;
    uint64_t seed = 10;
    struct erg_join *join;
    assert_int_equal(erg_join_new(&join, &sink, NULL), 0);
    put_preface(join, "");
    assert_int_equal(put_token(join, ERG_PHASE_DECODE, "lost"), 0);
    struct erg_event section = {.type = ERG_REC_SECTION_END, .t_ns = MS, .name = 1};
    assert_int_equal(put(join, section), 0);
    section.type = ERG_REC_SECTION_BEGIN;
    assert_int_equal(put(join, section), 0);
    assert_int_equal(put(join, section), 0);
    assert_int_equal(put_pass(join, &seed, ERG_PHASE_DECODE, 1, 2 * MS, 3 * MS), 0);
    assert_int_equal(put_token(join, ERG_PHASE_DECODE, "kept"), 0);
    assert_int_equal(put(join, (struct erg_event){.type = ERG_REC_DROPPED, .count = 4}), 0);
    assert_int_equal(erg_join_interrupt(join, "test", NULL), 0);
    assert_int_equal(erg_join_finish(join, NULL), 0);
    erg_join_facts(join, &facts);
    assert_string_equal(facts.response, "kept");
    assert_true(facts.dropped_events == 4);
    assert_int_equal(facts.warning_count, 2);
    assert_false(facts.phases[ERG_PHASE_PRE_INFERENCE].seen);
    erg_join_free(join);
}

/* A pass of four spans of 1 µs. */
static int put_even_pass(struct erg_join *join, uint32_t n_tokens, int64_t t0_ns)
{
    static const int16_t layers[4] = {0, 0, 1, 1};
    static const uint16_t components[4] = {3, 4, 3, 4};
    static const uint64_t durations[4] = {1000, 1000, 1000, 1000};
    struct erg_event event = {.type = ERG_REC_PASS, .t_ns = t0_ns};
    event.pass = (struct erg_pass_view){.head = {.t0_ns = t0_ns,
                                                 .t1_ns = t0_ns + 4000,
                                                 .phase = ERG_PHASE_DECODE,
                                                 .n_tokens = n_tokens,
                                                 .n_spans = 4},
                                        .layer = layers,
                                        .component = components,
                                        .duration_ns = durations};
    return put(join, event);
}

/* Before the last token of their pass details are taken, in any order; what is late is counted. */
static void test_details_belong_to_the_open_pass(void **state)
{
    (void)state;
    for (int powered = 0; powered < 2; powered++) { /* then passes wait for readings */
        struct ledger ledger = {0};
        struct erg_join_sink sink = ledger_sink(&ledger);
        struct erg_run_facts facts;
        uint64_t seed = 12;
        struct erg_join *join;
        assert_int_equal(erg_join_new(&join, &sink, NULL), 0);
        put_preface(join, powered ? CPU_COUNTER : "");
        assert_int_equal(put_attention(join, &seed, 0), 0); /* no pass: lost */
        assert_int_equal(put_even_pass(join, 2, 1000), 0);
        assert_int_equal(put_routing(join, &seed, 3), 0);
        assert_int_equal(put_routing(join, &seed, 1), 0);
        assert_int_equal(put_attention(join, &seed, 2), 0);
        assert_int_equal(put_token(join, ERG_PHASE_DECODE, "a"), 0);
        assert_int_equal(put_attention(join, &seed, 0), 0);
        assert_int_equal(put_attention(join, &seed, 2), 0); /* again: lost */
        assert_int_equal(put_attention(join, &seed, 4), 0); /* no such span: lost */
        assert_int_equal(put_token(join, ERG_PHASE_DECODE, "b"), 0);
        assert_int_equal(put_attention(join, &seed, 1), 0); /* late: lost */
        assert_int_equal(put_routing(join, &seed, 2), 0);   /* late: lost */
        assert_int_equal(erg_join_interrupt(join, "test", NULL), 0);
        assert_int_equal(erg_join_finish(join, NULL), 0);
        assert_int_equal(ledger.detail_count, 4);
        erg_join_facts(join, &facts);
        bool counted = false;
        for (size_t i = 0; i < facts.warning_count; i++)
            counted = counted || strstr(facts.warnings[i], "5 events lack the event");
        assert_true(counted);
        erg_join_free(join);
    }
}

/* Energy that has been given out never changes, whatever a late reading says. */
static void test_late_readings_change_nothing(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct erg_join *join;
    struct erg_join_sink sink = ledger_sink(&ledger);
    struct erg_run_facts before, after;
    uint64_t seed = 9;
    assert_int_equal(erg_join_new(&join, &sink, NULL), 0);
    put_preface(join, CPU_COUNTER);
    put_reading(join, 0, 0, 0);
    assert_int_equal(put_pass(join, &seed, ERG_PHASE_DECODE, 1, 10 * MS, 20 * MS), 0);
    put_token(join, ERG_PHASE_DECODE, "a");
    put_reading(join, 100 * MS, 0, 1000000000);
    assert_int_equal(ledger.pass_count, 1);
    erg_join_facts(join, &before);
    put_reading(join, 15 * MS, 0, 999999999);
    erg_join_facts(join, &after);
    assert_energy_equal(&before.energy, &after.energy);
    assert_int_equal(erg_join_finish(join, NULL), 0);
    check_tree(join, &ledger);
    erg_join_free(join);
}

#define MACHINE(name, raw, measures)                                                               \
    "{\"name\":\"" name "\",\"source\":\"rapl\",\"domain\":\"soc\",\"device\":0,"                  \
    "\"quantity\":\"energy\",\"update_period_ns\":1000000,\"max_gap_ns\":0,\"raw\":" raw           \
    ",\"measures\":\"" measures "\"}"

/* 10 W of CPU, 5 W of GPU told every 100 ms, 3 W of the rest in a machine of 18 W. */
static void test_sources_make_one_sample_and_reconcile(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct erg_join *join;
    struct erg_join_sink sink = ledger_sink(&ledger);
    struct erg_run_facts facts;
    uint64_t seed = 5;
    assert_int_equal(erg_join_new(&join, &sink, NULL), 0);
    put_preface(join, CPU_COUNTER "," GPU_POWER "," MACHINE("psys", "true", "machine") "," MACHINE(
                          "rest of psys", "false", "rest") "],\"sources\":[{\"name\":\"rapl\","
                                                           "\"detail\":\"d\",\"x\":1},"
                                                           "{\"name\":\"nvml\"}],\"more\":[");
    for (int64_t t = 0; t <= 400 * MS; t += 10 * MS) {
        struct erg_channel_value values[2] = {{0, 0, t * 10}, {2, 0, t * 18}};
        struct erg_event event = {
            .type = ERG_REC_READING, .t_ns = t, .reading = {t, t, ERG_READING_GRID, 2, values}};
        assert_int_equal(put(join, event), 0);
        assert_int_equal(put_reading(join, t, 3, t * 3), 0);
        if (t % (50 * MS) == 0) /* the slow source comes late and not at every step */
            assert_int_equal(put_reading(join, t + MS, 1, 5000000), 0);
    }
    assert_int_equal(put_section(join, ERG_PHASE_PRE_INFERENCE, 1, 100 * MS, 105 * MS), 0);
    assert_int_equal(put_pass(join, &seed, ERG_PHASE_DECODE, 1, 105 * MS, 205 * MS), 0);
    assert_int_equal(erg_join_finish(join, NULL), 0);
    erg_join_facts(join, &facts);
    assert_int_equal(ledger.sample_count, 41);
    assert_true(fabs(ledger.last_sample.mw[ERG_DOMAIN_CPU] - 10000) < 1e-6);
    assert_true(fabs(ledger.last_sample.mw[ERG_DOMAIN_GPU] - 5000) < 1e-6);
    assert_true(fabs(ledger.last_sample.mw[ERG_DOMAIN_SOC] - 3000) < 1e-6);
    assert_true(fabs(ledger.last_sample.total_mw - 18000) < 1e-6);
    assert_true(facts.energy.nj[ERG_DOMAIN_SOC] == 105 * MS * 3);
    assert_true(erg_energy_total_nj(&facts.energy) == 105 * MS * 18);
    assert_non_null(facts.source_details_json);
    assert_non_null(strstr(facts.source_details_json,
                           "\"reconciliation\":{\"machine\":\"psys\",\"machine_energy_mj\":1890,"
                           "\"parts_energy_mj\":1575,\"parts_ratio\":0.833"));
    assert_non_null(strstr(facts.source_details_json, "\"about\":{\"x\":1}"));
    assert_non_null(strstr(facts.source_details_json,
                           "\"measures\":\"machine\",\"raw\":true,\"energy_mj\":1890"));
    erg_join_free(join);
}

/* What sources say at the end replaces what they said at the beginning, in any of their ways. */
static void test_sources_speak_at_the_end(void **state)
{
    static const char end[] =
        "{\"status\":\"complete\",\"power\":{\"sources\":[{\"name\":\"rapl\",\"residual_ratio\":0."
        "01},"
        "{\"name\":\"nvml\",\"gpus\":[{\"residual_ratio\":0.02},{\"residual_ratio\":-0.04}]}]}}";
    struct ledger ledger = {0};
    struct erg_join *join;
    struct erg_join_sink sink = ledger_sink(&ledger);
    struct erg_run_facts facts;
    uint64_t seed = 5;
    (void)state;
    assert_int_equal(erg_join_new(&join, &sink, NULL), 0);
    put_preface(join, CPU_COUNTER "],\"sources\":[{\"name\":\"rapl\"},{\"name\":\"nvml\"}],"
                                  "\"more\":[");
    assert_int_equal(put_pass(join, &seed, ERG_PHASE_DECODE, 1, 0, 10 * MS), 0);
    erg_join_facts(join, &facts);
    assert_true(isnan(facts.residual_ratio));
    struct erg_event event = {
        .type = ERG_REC_RECORDING_END, .t_ns = 20 * MS, .text = {end, sizeof end - 1}};
    assert_int_equal(put(join, event), 0);
    assert_int_equal(erg_join_finish(join, NULL), 0);
    erg_join_facts(join, &facts);
    assert_true(facts.residual_ratio == -0.04);
    assert_non_null(
        strstr(facts.source_details_json, "\"about\":{\"gpus\":[{\"residual_ratio\":0.02}"));
    erg_join_free(join);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conservation_for_any_stream),
        cmocka_unit_test(test_energy_of_a_plain_run),
        cmocka_unit_test(test_sources_make_one_sample_and_reconcile),
        cmocka_unit_test(test_sources_speak_at_the_end),
        cmocka_unit_test(test_peak_of_a_short_run),
        cmocka_unit_test(test_no_power_is_unknown),
        cmocka_unit_test(test_characters_across_tokens),
        cmocka_unit_test(test_contradictions_are_refused),
        cmocka_unit_test(test_missing_partners_are_survived),
        cmocka_unit_test(test_late_readings_change_nothing),
        cmocka_unit_test(test_details_belong_to_the_open_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
