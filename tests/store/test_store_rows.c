/* SPDX-License-Identifier: MIT */
#include "store/make_store.h"
#include "store/spans.h"
#include "store/store_priv.h"
#include "store/temp_store.h"

#include <math.h>

/* What is written comes back: a generated run is compared row by row with itself. */
enum { PASSES = 5, PROMPT = 3 };

struct expected {
    struct make_pass passes[PASSES];
    struct erg_token_row tokens[PROMPT + PASSES - 1];
    uint32_t pass_count, token_count, seen_passes, seen_tokens, seen_sections, seen_samples,
        seen_hosts;
    bool with_spans;
    struct erg_store *store;
};

static void generate(struct expected *expected, struct make_shape shape)
{
    int64_t t_ns = 0;
    *expected = (struct expected){.pass_count = PASSES};
    for (uint32_t k = 0; k < PASSES; k++) {
        struct make_pass *pass = &expected->passes[k];
        uint32_t n = k == 0 ? PROMPT : 1;
        shape.layers = 3 + k % 2; /* two layouts in turn */
        make_pass(pass, &shape, k, k == 0 ? ERG_PHASE_PREFILL : ERG_PHASE_DECODE,
                  expected->token_count, n, t_ns);
        if (k == 3)
            pass->row.n_spans = 0; /* a bare pass */
        t_ns = pass->row.t1_ns;
        for (uint32_t i = 0; i < n; i++, expected->token_count++)
            expected->tokens[expected->token_count] =
                make_token(&pass->row, i, expected->token_count);
    }
}

static void assert_same_energy(const struct erg_energy *a, const struct erg_energy *b)
{
    assert_int_equal(a->present, b->present);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (a->present & 1u << d)
            assert_true(a->nj[d] == b->nj[d]);
    }
}

static void assert_same_spans(struct expected *expected, const struct erg_pass_row *want,
                              const struct erg_pass_row *got)
{
    for (uint32_t i = 0; i < want->n_spans; i++) {
        const struct erg_span *a = &want->spans[i], *b = &got->spans[i];
        assert_int_equal(a->layer, b->layer);
        assert_int_equal(a->ticks, b->ticks);
        assert_string_equal(make_name(NULL, a->component),
                            erg_store_name(expected->store, b->component));
        assert_int_equal(a->operation == 0, b->operation == 0);
        if (a->operation)
            assert_string_equal(make_name(NULL, a->operation),
                                erg_store_name(expected->store, b->operation));
        for (int c = 0; c < ERG_VALUE_COLUMNS; c++) {
            assert_int_equal(want->values[c] == NULL, got->values[c] == NULL);
            float value = want->values[c] ? erg_spans_round_value(want->values[c][i]) : 0;
            if (want->values[c] && !isnan(value))
                assert_true(got->values[c][i] == value);
            else if (want->values[c])
                assert_true(isnan(got->values[c][i]));
        }
    }
}

static int see_pass(void *user, const struct erg_pass_row *got)
{
    struct expected *expected = user;
    const struct erg_pass_row *want = &expected->passes[expected->seen_passes++].row;
    assert_int_equal(got->index, want->index);
    assert_int_equal(got->phase, want->phase);
    assert_int_equal(got->position, want->position);
    assert_int_equal(got->n_tokens, want->n_tokens);
    assert_int_equal(got->flags, want->flags);
    assert_true(got->t0_ns == want->t0_ns && got->t1_ns == want->t1_ns);
    assert_int_equal(got->grade, want->grade);
    assert_int_equal(got->n_spans, want->n_spans);
    assert_same_energy(&got->energy, &want->energy);
    if (expected->with_spans)
        assert_same_spans(expected, want, got);
    else
        assert_null(got->spans);
    return 0;
}

static int see_token(void *user, const struct erg_token_row *got)
{
    struct expected *expected = user;
    const struct erg_token_row *want = &expected->tokens[expected->seen_tokens++];
    assert_int_equal(got->index, want->index);
    assert_int_equal(got->pass, want->pass);
    assert_int_equal(got->phase, want->phase);
    assert_int_equal(got->position, want->position);
    assert_int_equal(got->id, want->id);
    assert_int_equal(got->text_len, want->text_len);
    assert_memory_equal(got->text, want->text, want->text_len);
    assert_true(got->t0_ns == want->t0_ns && got->duration_ns == want->duration_ns);
    assert_same_energy(&got->energy, &want->energy);
    assert_int_equal(got->grade, want->grade);
    return 0;
}

static void write_expected(const char *path, const struct expected *expected, const char *id)
{
    struct erg_run_row run = make_run(id, "running", "{}");
    struct erg_writer *writer;
    assert_int_equal(erg_writer_open(&writer, path, &run, make_name, NULL, NULL), 0);
    uint32_t token = 0;
    for (uint32_t k = 0; k < expected->pass_count; k++) {
        erg_writer_pass(writer, &expected->passes[k].row);
        for (uint32_t i = 0; i < expected->passes[k].row.n_tokens; i++)
            erg_writer_token(writer, &expected->tokens[token++]);
    }
    run.status = "complete";
    erg_writer_run(writer, &run);
    assert_int_equal(erg_writer_finish(writer, NULL), 0);
}

static void passes_and_tokens_come_back_as_they_were(void **state)
{
    (void)state;
    for (int detail = MAKE_MINIMAL; detail <= MAKE_DEEP; detail++) {
        struct temp_store temp = temp_store_new();
        struct expected expected;
        generate(&expected, (struct make_shape){.detail = (enum make_detail)detail,
                                                .time_scale = 1,
                                                .noise = 0.2,
                                                .spread = 0.3,
                                                .energy = detail != MAKE_STANDARD,
                                                .seed = 9});
        write_expected(temp.path, &expected, "first-run");
        write_expected(temp.path, &expected, "second-run");
        assert_int_equal(erg_store_open(&expected.store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
        for (int spans = 0; spans < 2; spans++) {
            expected.with_spans = spans;
            expected.seen_passes = 0;
            assert_int_equal(
                erg_store_passes(expected.store, "second-run", spans, see_pass, &expected, NULL),
                0);
            assert_int_equal(expected.seen_passes, PASSES);
        }
        assert_int_equal(erg_store_tokens(expected.store, "first-run", see_token, &expected, NULL),
                         0);
        assert_int_equal(expected.seen_tokens, expected.token_count);
        erg_store_close(expected.store);
        for (int k = 0; k < PASSES; k++)
            make_pass_free(&expected.passes[k]);
        temp_store_remove(&temp);
    }
}

static int see_section(void *user, const struct erg_section_row *got)
{
    struct expected *expected = user;
    static const char *const names[] = {"tensor_transfer", "tensor_transfer", "layers", "layers"};
    static const int64_t durations[] = {10, 20, 300, 400};
    uint32_t i = expected->seen_sections++;
    assert_true(i < ERG_COUNT(names));
    assert_string_equal(got->name, names[i]);
    assert_int_equal(got->duration_ns, durations[i]);
    assert_int_equal(got->grade, ERG_GRADE_MEASURED);
    assert_int_equal(got->energy.present, 1);
    assert_true(got->energy.nj[0] == durations[i] * 7);
    return 0;
}

static int see_sample(void *user, const struct erg_sample_row *got)
{
    struct expected *expected = user;
    int i = (int)expected->seen_samples++;
    assert_int_equal(got->t_ns, (i - 1) * 500);
    assert_int_equal(got->phase, i == 0 ? ERG_SAMPLE_LOADING : ERG_PHASE_DECODE);
    assert_true(got->mw[ERG_DOMAIN_CPU] == 0.1 * i);
    assert_true(isnan(got->mw[ERG_DOMAIN_GPU]));
    assert_true(got->total_mw == 5);
    return 0;
}

static int see_host(void *user, const struct erg_host_row *got)
{
    struct expected *expected = user;
    expected->seen_hosts++;
    assert_int_equal(got->t_ns, 42);
    assert_true(got->sample.engine_cpu_ratio == 0.25);
    assert_true(isnan(got->sample.others_cpu_ratio));
    assert_true(got->sample.machine_total_bytes == UINT64_C(1) << 40);
    return 0;
}

static void sections_are_replaced_while_they_run_and_samples_kept(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct erg_run_row run = make_run("some-run", "running", NULL);
    struct erg_writer *writer;
    struct expected expected = {.pass_count = 0};
    assert_int_equal(erg_writer_open(&writer, temp.path, &run, make_name, NULL, NULL), 0);
    const struct {
        uint32_t phase;
        const char *name;
        int64_t duration;
    } sections[] = {{0, "tensor_transfer", 10}, {1, "layers", 100}, {0, "tensor_transfer", 20},
                    {2, "layers", 200},         {1, "layers", 300}, {2, "layers", 400}};
    for (size_t i = 0; i < ERG_COUNT(sections); i++) {
        struct erg_section_row row = {.phase = sections[i].phase,
                                      .name = sections[i].name,
                                      .t0_ns = (int64_t)i * 1000,
                                      .t1_ns = (int64_t)i * 1000 + sections[i].duration,
                                      .duration_ns = sections[i].duration,
                                      .energy = {{sections[i].duration * 7}, 1}};
        erg_writer_section(writer, &row);
    }
    for (int i = 0; i < 3; i++) {
        struct erg_sample_row row = {.t_ns = (i - 1) * 500,
                                     .phase = i ? ERG_PHASE_DECODE : ERG_SAMPLE_LOADING,
                                     .mw = {0.1 * i, NAN, NAN, NAN, NAN, NAN},
                                     .total_mw = 5};
        erg_writer_sample(writer, &row);
    }
    struct erg_host_row host = {42,
                                {.t_ns = 42,
                                 .engine_cpu_ratio = 0.25,
                                 .others_cpu_ratio = NAN,
                                 .machine_total_bytes = UINT64_C(1) << 40}};
    erg_writer_host(writer, &host);
    assert_int_equal(erg_writer_finish(writer, NULL), 0);
    assert_int_equal(erg_store_open(&expected.store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_sections(expected.store, "some-run", see_section, &expected, NULL),
                     0);
    assert_int_equal(erg_store_samples(expected.store, "some-run", see_sample, &expected, NULL), 0);
    assert_int_equal(erg_store_host(expected.store, "some-run", see_host, &expected, NULL), 0);
    assert_int_equal(expected.seen_sections, 4);
    assert_int_equal(expected.seen_samples, 3);
    assert_int_equal(expected.seen_hosts, 1);
    erg_store_close(expected.store);
    temp_store_remove(&temp);
}

static int stop_at_second(void *user, const struct erg_token_row *row)
{
    int *seen = user;
    (void)row;
    return ++*seen == 2;
}

static int refuse(void *user, const struct erg_token_row *row)
{
    (void)user;
    (void)row;
    return ERG_CANCELLED;
}

static void a_visitor_can_stop_or_fail(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct erg_store *store;
    int seen = 0;
    make_store(temp.path);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_tokens(store, MAKE_STORE_DEEP, stop_at_second, &seen, NULL), 0);
    assert_int_equal(seen, 2);
    assert_int_equal(erg_store_tokens(store, MAKE_STORE_DEEP, refuse, NULL, NULL), ERG_CANCELLED);
    assert_null(erg_store_name(store, 65535));
    erg_store_close(store);
    temp_store_remove(&temp);
}

static void generated_columns_have_the_units_of_their_names(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "SELECT count(*) FROM profiling_runs WHERE total_duration_ms <> duration_ns / 1e6 "
        "OR total_energy_mj IS NOT energy_nj / 1e6 OR energy_nj IS NOT NULL AND energy_nj <> "
        "cpu_nj + dram_nj",
        "SELECT count(*) FROM tokens WHERE energy_mj IS NOT energy_nj / 1e6 "
        "OR duration_ms <> duration_ns / 1e6 "
        "OR abs(power_snapshot_mw - energy_mj / duration_ms * 1000) > 1e-6 * power_snapshot_mw",
        "SELECT count(*) FROM passes WHERE start_ms <> start_ns / 1e6 OR end_ms <= start_ms",
        "SELECT count(*) FROM tokens WHERE phase NOT IN ('prefill', 'decode') OR phase IS NULL "
        "OR grade NOT IN ('attributed', 'unavailable') OR (grade = 'unavailable') <> (energy_mj IS "
        "NULL)",
        "SELECT 5 - count(*) FROM power_samples WHERE phase IN ('idle', 'decode') "
        "AND total_power_mw = cpu_power_mw + dram_power_mw AND gpu_power_mw IS NULL",
        "SELECT count(*) FROM passes p WHERE energy_nj <> (SELECT sum(energy_nj) FROM tokens "
        "WHERE pass_id = p.id)",
        "SELECT count(*) FROM profiling_runs WHERE status = 'complete' AND "
        "abs(joules_per_token - total_energy_mj / 1000 / output_tokens) > 1e-6",
    };
    struct temp_store temp = temp_store_new();
    struct erg_store *store;
    make_store(temp.path);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
    for (size_t i = 0; i < ERG_COUNT(rules); i++)
        assert_int_equal(erg_sql_int(store->db, rules[i], -1), 0);
    assert_int_equal(erg_sql_int(store->db, "SELECT count(*) FROM tokens", -1), 10);
    erg_store_close(store);
    temp_store_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_and_tokens_come_back_as_they_were),
        cmocka_unit_test(sections_are_replaced_while_they_run_and_samples_kept),
        cmocka_unit_test(a_visitor_can_stop_or_fail),
        cmocka_unit_test(generated_columns_have_the_units_of_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
