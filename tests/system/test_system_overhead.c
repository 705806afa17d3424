/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What profiling costs, as runs say it themselves. Everything compared is a ratio within one run:
 * a busy machine makes intervals wide, not wrong.
 */

struct overhead {
    double pct, low, high;
    double bare, traced, standard, deep; /* tokens */
    char id[48];
};

static double or_nan(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static struct overhead overhead_of(const json_t *summary)
{
    const json_t *profiler = json_object_get(summary, "profiler");
    const json_t *interval = json_object_get(profiler, "overhead_ci_pct");
    const json_t *tokens = json_object_get(profiler, "tokens_by_depth");
    struct overhead overhead = {
        .pct = or_nan(profiler, "overhead_pct"),
        .low = NAN,
        .high = NAN,
        .bare = number_at(tokens, "bare"),
        .traced = number_at(tokens, "traced"),
        .standard = number_at(tokens, "standard"),
        .deep = number_at(tokens, "deep"),
    };
    if (json_is_array(interval)) {
        overhead.low = json_number_value(json_array_get(interval, 0));
        overhead.high = json_number_value(json_array_get(interval, 1));
    }
    snprintf(overhead.id, sizeof overhead.id, "%s",
             json_string_value(json_object_get(summary, "id")));
    return overhead;
}

#define RUN                                                                                        \
    "run", "-m", TALES, "-p", "Once upon a time", "-t", "1", "--ignore-eos", "--power", "none",    \
        "--idle-seconds", "0"

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Spans of a profiled token less those of a bare one, and the time of a bare one, in a run. */
static void look_into(const char *id, double *out_spans, double *out_bare_ns)
{
    enum { MOST = 1000 };
    static double bare_ns[MOST], profiled[MOST], bare[MOST];
    size_t n = 0, m = 0, b = 0;
    char sql[300];
    sqlite3 *db = open_store("test.db");
    sqlite3_stmt *rows;
    snprintf(sql, sizeof sql,
             "SELECT flags & 16, n_spans, lead(start_ns) OVER (ORDER BY pass_index) - start_ns "
             "FROM passes WHERE run_id = '%s' AND phase = 'decode' ORDER BY pass_index",
             id);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW && n + m < MOST) {
        if (sqlite3_column_int(rows, 0))
            bare[b++] = sqlite3_column_double(rows, 1);
        else
            profiled[m++] = sqlite3_column_double(rows, 1);
        if (sqlite3_column_int(rows, 0) && sqlite3_column_type(rows, 2) != SQLITE_NULL)
            bare_ns[n++] = sqlite3_column_double(rows, 2);
    }
    sqlite3_finalize(rows);
    sqlite3_close(db);
    assert_true(n > 10 && m > 10);
    *out_spans = median(profiled, m) - median(bare, b);
    *out_bare_ns = median(bare_ns, n);
}

/*
 * An engine that waits at each span it reports: the slowdown that the run reports is that of the
 * waiting, beside what minimal mode costs without, which a run of the usual engine tells.
 */
static void test_a_known_delay(void **state)
{
    double spans, bare_ns;
    (void)state;
    json_t *usual = ergon_json(RUN, "-n", "400", "--mode", "minimal", "--profile", "bare_every=6");
    struct overhead own = overhead_of(usual);
    json_t *delayed = ergon_json(RUN, "-n", "400", "--mode", "minimal", "--profile", "bare_every=6",
                                 "--engine", ERGON_DELAYED_ENGINE);
    struct overhead overhead = overhead_of(delayed);
    look_into(overhead.id, &spans, &bare_ns);
    double delay_pct = 100 * spans * ERG_SPAN_DELAY_NS / bare_ns;
    print_message("%.0f spans of %d ns are %.1f %% of %.0f us; reported %.1f [%.1f, %.1f], "
                  "without them %.1f [%.1f, %.1f]\n",
                  spans, ERG_SPAN_DELAY_NS, delay_pct, bare_ns / 1000, overhead.pct, overhead.low,
                  overhead.high, own.pct, own.low, own.high);
    assert_true(delay_pct > 5);
    assert_true(overhead.low <= delay_pct + own.high);
    assert_true(overhead.high >= delay_pct + own.low);
    assert_true(overhead.bare > 55 && overhead.traced > 300);
    /* The method is said, and that these tokens ran bare. */
    const json_t *profiler = json_object_get(delayed, "profiler");
    assert_non_null(strstr(json_string_value(json_object_get(profiler, "method")), "ran bare"));
    json_decref(usual);
    json_decref(delayed);
}

/* What several runs report, taken together, weighted by its precision. */
struct pool {
    double weighted, weights;
    int runs, measured;
};

static void add_to_pool(struct pool *pool, const struct overhead *overhead)
{
    pool->runs++;
    if (isfinite(overhead->pct)) {
        double precision = 1 / pow(fmax(overhead->high - overhead->low, 1e-3), 2);
        pool->weighted += precision * overhead->pct;
        pool->weights += precision;
        pool->measured++;
    }
}

static double pooled_pct(const struct pool *pool)
{
    return pool->weighted / pool->weights;
}

/* Half of its interval of 95 %. */
static double pooled_ci(const struct pool *pool)
{
    return 0.5 / sqrt(pool->weights);
}

#define LONG_RUN RUN, "-n", "1200", "--ctx", "1300", "--mode", "deep"

/* Deep runs, until it is clear that they cost more than `pct`. */
static bool deep_costs_more(double pct)
{
    enum { MOST = 12 };
    struct pool pool = {0};
    while (pool.runs < MOST && !(pool.measured && pooled_pct(&pool) - pooled_ci(&pool) > pct)) {
        json_t *summary = ergon_json(LONG_RUN, "--profile", "bare_every=4");
        struct overhead overhead = overhead_of(summary);
        json_decref(summary);
        assert_true(overhead.deep > 800);
        add_to_pool(&pool, &overhead);
    }
    print_message("without a budget: %.2f ± %.2f in %d runs\n", pooled_pct(&pool), pooled_ci(&pool),
                  pool.runs);
    return pooled_pct(&pool) - pooled_ci(&pool) > pct;
}

/*
 * In deep mode every token of the demo model takes some 4 % longer. Some tokens in depth among very
 * many say little of their cost on a busy machine: there are more runs until it is clear what they
 * say together. How many tokens a budget buys follows from what they cost in that very run
 * (test_engine_depth.c holds the choice to it), which another run need not agree with: here most
 * tokens have to be bare.
 */
static void test_a_budget(void **state)
{
    enum { LEAST = 5, MOST = 15 };
    struct pool pool = {0};
    int above = 0;
    bool sure = false;
    (void)state;
    assert_true(deep_costs_more(1));
    while (pool.runs < LEAST || (pool.runs < MOST && !sure)) {
        char seed[16];
        snprintf(seed, sizeof seed, "%d", pool.runs);
        json_t *summary = ergon_json(LONG_RUN, "--overhead-budget", "1", "--seed", seed);
        struct overhead overhead = overhead_of(summary);
        print_message("with 1 %%: %.2f [%.2f, %.2f], %.0f tokens bare, %.0f traced, %.0f deep\n",
                      overhead.pct, overhead.low, overhead.high, overhead.bare, overhead.traced,
                      overhead.deep);
        assert_true(overhead.bare > 600);
        assert_true(overhead.deep >= 1);
        above += overhead.low > 1; /* one of twenty intervals may miss on that side or the other */
        assert_true(number_at(json_object_get(summary, "profiler"), "budget_pct") == 1);
        assert_true(number_at(json_object_get(summary, "settings"), "overhead_budget_pct") == 1);
        add_to_pool(&pool, &overhead);
        sure = pool.measured >= 3 && pooled_pct(&pool) + pooled_ci(&pool) < 1;
        json_decref(summary);
    }
    assert_true(pool.measured >= 3);
    assert_true(above <= 1);
    print_message("together: %.2f ± %.2f\n", pooled_pct(&pool), pooled_ci(&pool));
    assert_true(pooled_pct(&pool) < 1);
}

/* Every key is in the settings of the run, and does what it says. */
static void test_keys(void **state)
{
    (void)state;
    json_t *summary = ergon_json(RUN, "-n", "60", "--profile",
                                 "deep_profiling=true,sample_every=4,layers=0,3;5,bare_every=10,"
                                 "attention_sparsity_threshold=0.2,instrument=trace,"
                                 "power_sample_interval_ms=50,sparsity_threshold=0.02");
    const json_t *settings = json_object_get(summary, "settings");
    struct overhead overhead = overhead_of(summary);
    char sql[300];
    assert_true(number_at(settings, "sample_every") == 4);
    assert_true(number_at(settings, "bare_every") == 10);
    assert_true(number_at(settings, "attention_sparsity_threshold") == 0.2);
    assert_true(number_at(settings, "sparsity_threshold") == 0.02);
    assert_true(number_at(settings, "power_interval_ms") == 50);
    assert_true(json_is_true(json_object_get(settings, "deep_profiling")));
    assert_true(json_is_true(json_object_get(settings, "capture_activations")));
    assert_true(json_is_false(json_object_get(settings, "flash_attn")));
    char *layers = json_dumps(json_object_get(settings, "layers"), JSON_COMPACT);
    assert_string_equal(layers, "[0,3,5]");
    free(layers);
    assert_in_range((int)overhead.deep, 12, 15);
    assert_int_equal((int)(overhead.bare + overhead.traced + overhead.deep), 60);
    /* Statistics of these layers only; times of all. */
    sqlite3 *db = open_store("test.db");
    snprintf(sql, sizeof sql,
             "SELECT group_concat(layer_index) FROM (SELECT DISTINCT layer_index FROM "
             "component_metrics WHERE run_id = '%s' AND activation_mean IS NOT NULL AND "
             "layer_index >= 0 ORDER BY 1)",
             overhead.id);
    char *with_statistics = query_text(db, sql);
    assert_memory_equal(with_statistics, "0,3,5|", 6);
    free(with_statistics);
    snprintf(sql, sizeof sql,
             "SELECT count(DISTINCT layer_index) FROM component_metrics WHERE run_id = '%s' AND "
             "layer_index >= 0",
             overhead.id);
    assert_int_equal(query_int(db, sql), 6);
    sqlite3_close(db);
    json_decref(summary);

    struct output output = ergon(RUN, "-n", "2", "--profile", "layers=0,6");
    assert_one_line_error(&output, 2, "there is no layer 6: the model has 6, 0 to 5");
    free_output(&output);
}

static const char *flash_warning(const json_t *summary)
{
    size_t i;
    const json_t *warning;
    json_array_foreach(json_object_get(json_object_get(summary, "power"), "warnings"), i, warning)
    {
        if (strstr(json_string_value(warning), "flash attention"))
            return json_string_value(warning);
    }
    return NULL;
}

/* Deep mode goes without flash attention, unless it is asked for or needed; then it says so. */
static void test_flash_attention(void **state)
{
    static const struct {
        const char *mode, *option, *value;
        bool on;
        const char *why; /* NULL = no warning */
    } rows[] = {
        {"deep", "--temp", "0", false, NULL},
        {"standard", "--temp", "0", true, NULL},
        {"deep", "--flash-attn", "on", true, "was asked for"},
        {"deep", "--profile", "flash_attention=true", true, "was asked for"},
        {"deep", "--flash-attn", "off", false, NULL},
        {"standard", "--profile", "flash_attention=false", false, NULL},
        {"deep", "--cache-type-v", "q8_0", true, "quantised value cache"},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        json_t *summary = ergon_json(RUN, "-n", "3", "--no-save", "--mode", rows[i].mode,
                                     rows[i].option, rows[i].value);
        const json_t *settings = json_object_get(summary, "settings");
        const char *warning = flash_warning(summary);
        assert_int_equal(json_is_true(json_object_get(settings, "flash_attn")), rows[i].on);
        if (rows[i].why)
            assert_true(warning && strstr(warning, rows[i].why));
        else
            assert_null(warning);
        json_decref(summary);
    }
}

/* Where tokens ran bare the tables say so; what was measured still adds up to the whole. */
static void test_bare_tokens_in_tables(void **state)
{
    (void)state;
    json_t *summary =
        ergon_json("run", "-m", TALES, "-p", "Once", "-t", "1", "-n", "80", "--ignore-eos",
                   "--power", "synthetic:cpu=ramp(5W,2W/s)", "--idle-seconds", "0", "--mode",
                   "minimal", "--profile", "bare_every=8");
    assert_true(overhead_of(summary).bare > 8);
    json_t *rows = ergon_json("show", "last", "--by", "component", "--phase", "decode"), *row;
    const json_t *phase = json_array_get(json_object_get(summary, "phases"), 2);
    double measured = 0, extrapolated = 0, bare_mj = 0;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        measured += number_at(row, "energy_mj");
        if (json_is_false(json_object_get(row, "profiled"))) {
            assert_string_equal(json_string_value(json_object_get(row, "component")),
                                "not profiled");
            bare_mj += number_at(row, "energy_mj");
            continue;
        }
        assert_true(json_is_true(json_object_get(row, "extrapolated")));
        assert_true(number_at(row, "extrapolated_energy_mj") >= number_at(row, "energy_mj"));
        extrapolated += number_at(row, "extrapolated_energy_mj");
    }
    double whole = number_at(phase, "energy_mj") - number_at(phase, "unattributed_energy_mj");
    assert_string_equal(json_string_value(json_object_get(phase, "phase")), "decode");
    assert_true(bare_mj > 0);
    assert_true(fabs(measured - whole) < 1e-5 && fabs(extrapolated - whole) < 1e-5);
    json_decref(rows);
    json_decref(summary);
    struct output table = ergon("show", "last", "--by", "component", "--phase", "decode");
    assert_non_null(strstr(table.out, "  ~"));
    assert_non_null(strstr(table.out, "\n~ extrapolated from the passes that were profiled: "));
    free_output(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_known_delay),
        cmocka_unit_test(test_a_budget),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_flash_attention),
        cmocka_unit_test(test_bare_tokens_in_tables),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
