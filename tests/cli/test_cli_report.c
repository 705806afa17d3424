/* SPDX-License-Identifier: MIT */
#include "cli/report.h"

#include "test.h"

#include "cli/listing.h"

#include <stdio.h>
#include <stdlib.h>

/* A report must be written of whatever a summary lacks, and never wider than the page. */

static const char whole[] =
    "{\"id\":\"r\",\"created_at\":\"2026-11-20T13:00:00.0\",\"status\":\"complete\","
    "\"model_name\":\"m\",\"model\":{\"parameters\":2540000,\"layers\":2,\"embedding_length\":64},"
    "\"total_duration_ms\":10,\"total_energy_mj\":100,\"average_power_mw\":10000,"
    "\"input_tokens\":3,\"output_tokens\":4,\"joules_per_token\":0.025,"
    "\"phases\":[{\"phase\":\"decode\",\"duration_ms\":9,\"energy_mj\":90,\"average_power_mw\":"
    "10000,\"tokens\":4,"
    "\"unattributed_ms\":1,\"unattributed_energy_mj\":10}],"
    "\"power\":{\"sources\":[\"rapl\"],\"grade\":\"measured\",\"warnings\":[\"a warning with so "
    "many words that it does not fit into a line of a hundred columns, which is where a page ends "
    "for people and for us\"]},\"conditions\":{\"warnings\":[\"a noisy "
    "neighbour\"]},\"cost_usd\":1e-9,\"co2_g\":2e-9,\"grid\":{\"region\":\"us\"}}";

static const char *name_of(void *user, uint16_t id)
{
    static const char *const names[] = {"", "attention", "lm_head"};
    (void)user;
    return id < ERG_COUNT(names) ? names[id] : NULL;
}

static struct erg_rollup *make_rollup(void)
{
    static const struct erg_span spans[] = {
        {0, 1, 0, 0, 40000}, {1, 1, 0, 0, 30000}, {-1, 2, 0, 0, 9000}};
    struct erg_pass_row pass = {
        .phase = ERG_PHASE_DECODE,
        .n_tokens = 4,
        .t1_ns = 8000000,
        .energy = {.nj = {80000000}, .present = 1},
        .n_spans = 3,
        .spans = spans,
    };
    struct erg_rollup *rollup;
    assert_int_equal(erg_rollup_new(&rollup, ERG_BY_PHASE | ERG_BY_LAYER | ERG_BY_COMPONENT, NULL),
                     0);
    assert_int_equal(erg_rollup_add(rollup, &pass, NULL), 0);
    return rollup;
}

static void write_report(const char *json, struct erg_rollup *rollup, struct erg_buf *out)
{
    struct erg_term term = {.columns = 100};
    ERG_AUTO_JSON json_t *summary = NULL;
    assert_int_equal(erg_json_load(json, "it", &summary, NULL), 0);
    struct erg_report report = {
        .summary = summary, .rollup = rollup, .names = name_of, .top = 1, .term = &term};
    assert_int_equal(erg_report_write(&report, out, NULL), 0);
}

static void assert_fits(const char *text)
{
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        assert_true(erg_text_width(line, len) <= 100);
        line += len + (line[len] == '\n');
    }
}

static void test_whole_report(void **state)
{
    static const char *const lines[] = {
        "warning   a noisy neighbour",
        "  decode           90.0 %  90.0 mJ  9.00 ms  10.0 W       4",
        "  between phases   10.0 %  10.0 mJ  1.00 ms  10.0 W",
        "  total           100.0 %   100 mJ  10.0 ms  10.0 W",
        "  attention       ████████████████   77.8 %  70.0 mJ  7.00 ms      70.0 %",
        "  1 others        ██                 10.0 %  9.00 mJ   900 µs       9.0 %",
        "  unattributed    ▎                   1.1 %  1.00 mJ   100 µs       1.0 %",
        "  between passes  ██▎                11.1 %  10.0 mJ  1.00 ms      10.0 %",
        "  all of decode                     100.0 %  90.0 mJ  9.00 ms      90.0 %",
        "  hottest layers: 0 (57.1 %), 1 (42.9 %); evenly each of the 2 would take 50.0 %",
    };
    struct erg_buf text = {0};
    struct erg_rollup *rollup = make_rollup();
    (void)state;
    write_report(whole, rollup, &text);
    for (size_t i = 0; i < ERG_COUNT(lines); i++) {
        if (!strstr(erg_buf_view(&text), lines[i]))
            fail_msg("no line '%s' in\n%s", lines[i], erg_buf_view(&text));
    }
    assert_fits(erg_buf_view(&text));
    erg_rollup_free(rollup);
    erg_buf_deinit(&text);
}

/* Each member of the summary left out, or of a wrong type, in turn. */
static void test_anything_may_be_missing(void **state)
{
    (void)state;
    ERG_AUTO_JSON json_t *all = json_loads(whole, 0, NULL);
    const char *key;
    json_t *value;
    json_object_foreach(all, key, value)
    {
        for (int wrong = 0; wrong < 3; wrong++) {
            ERG_AUTO_JSON json_t *copy = json_copy(all);
            struct erg_rollup *rollup = make_rollup();
            struct erg_buf text = {0};
            if (wrong)
                json_object_set_new(copy, key, wrong == 1 ? json_null() : json_true());
            else
                json_object_del(copy, key);
            char *json = json_dumps(copy, 0);
            write_report(json, rollup, &text);
            assert_fits(erg_buf_view(&text));
            free(json);
            erg_rollup_free(rollup);
            erg_buf_deinit(&text);
        }
    }
}

/* The slowdown with its interval, why there is none, and what a budget has chosen. */
static void test_the_profilers_line(void **state)
{
    static const struct {
        const char *profiler, *line;
    } rows[] = {
        {"{\"overhead_pct\":0.91,\"overhead_ci_pct\":[0.7,1.1],\"bare_tokens\":12}",
         "profiler  +0.91 % ± 0.20 % slower (12 of 190 tokens ran bare)\n"},
        {"{\"overhead_pct\":-12.25,\"overhead_ci_pct\":[-20,-4.5],\"bare_tokens\":6}",
         "profiler  -12.2 % ± 7.75 % slower (6 of 190 tokens ran bare)\n"},
        {"{\"overhead_pct\":null,\"overhead_ci_pct\":null,\"method\":\"no token ran bare\"}",
         "profiler  slowdown not measured (no token ran bare)\n"},
        {"{\"overhead_pct\":1}", "profiler  slowdown not measured\n"},
        {"{\"method\":\"trace\",\"overhead_ci_pct\":[1]}", "profiler  slowdown not measured\n"},
        {"{\"budget_pct\":1,\"tokens_by_depth\":{\"bare\":180,\"traced\":0,\"standard\":0,"
         "\"deep\":10}}",
         "budget    10 in depth (5.3 %), 180 ran bare (94.7 %): what fits 1 %\n"},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        char json[400];
        struct erg_buf text = {0};
        snprintf(json, sizeof json, "{\"output_tokens\":190,\"profiler\":%s}", rows[i].profiler);
        write_report(json, NULL, &text);
        if (!strstr(erg_buf_view(&text), rows[i].line))
            fail_msg("no line '%s' in\n%s", rows[i].line, erg_buf_view(&text));
        erg_buf_deinit(&text);
    }
}

static void test_an_empty_summary(void **state)
{
    struct erg_buf text = {0};
    (void)state;
    write_report("{}", NULL, &text);
    assert_non_null(strstr(erg_buf_view(&text), "energy    not measured"));
    assert_null(strstr(erg_buf_view(&text), "nan"));
    erg_buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_report),
        cmocka_unit_test(test_anything_may_be_missing),
        cmocka_unit_test(test_the_profilers_line),
        cmocka_unit_test(test_an_empty_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
