/* SPDX-License-Identifier: MIT */
#include "base/root.h"
#include "energy/attribution.h"
#include "store/make_store.h"
#include "store/spans.h"
#include "store/store_priv.h"
#include "store/temp_store.h"
#include "stream/taxonomy.h"

#include <math.h>

/* The detail tables: in the store's own connections, and as an extension in a foreign one. */
struct fixture {
    struct temp_store temp;
    struct erg_store *store;
    sqlite3 *foreign;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->temp = temp_store_new();
    make_store(fixture->temp.path);
    assert_int_equal(
        erg_store_open(&fixture->store, fixture->temp.path, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(sqlite3_open(fixture->temp.path, &fixture->foreign), SQLITE_OK);
    sqlite3_enable_load_extension(fixture->foreign, 1);
    char *message = NULL;
    if (sqlite3_load_extension(fixture->foreign, ERGON_SQLITE_EXTENSION, NULL, &message))
        fail_msg("%s", message);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    erg_store_close(fixture->store);
    sqlite3_close(fixture->foreign);
    temp_store_remove(&fixture->temp);
    free(fixture);
    return 0;
}

static void assert_columns(sqlite3 *db, const char *table, const char *want)
{
    char sql[96], got[512] = "";
    snprintf(sql, sizeof(sql), "SELECT * FROM %s", table);
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        size_t len = strlen(got);
        snprintf(got + len, sizeof(got) - len, "%s ", sqlite3_column_name(stmt, i));
    }
    assert_string_equal(got, want);
    sqlite3_finalize(stmt);
}

static void tables_have_the_columns_of_the_contract(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *const dbs[] = {fixture->store->db, fixture->foreign};
    for (size_t i = 0; i < ERG_COUNT(dbs); i++) {
        assert_columns(dbs[i], "layer_metrics",
                       "run_id token_id layer_index total_time_ms attention_time_ms mlp_time_ms "
                       "energy_mj activation_mean activation_std activation_max "
                       "activation_sparsity pass_id energy_nj ");
        assert_columns(dbs[i], "component_metrics",
                       "run_id token_id layer_index component_name time_ms energy_mj "
                       "activation_mean activation_std activation_max activation_sparsity "
                       "pass_id energy_nj ");
        assert_columns(dbs[i], "deep_operation_metrics",
                       "run_id token_id layer_index component_name operation_name time_ms "
                       "energy_mj flops_estimate bytes_estimate tensor_mean tensor_std tensor_max "
                       "extra_metrics pass_id energy_nj ");
    }
}

/* Each of these counts what contradicts a rule. */
static const char *const rules[] = {
    /* a component's row is the sum of its operations', to the nanojoule */
    "SELECT count(*) FROM (SELECT pass_id, layer_index, component_name, time_ms, energy_nj FROM "
    "component_metrics WHERE run_id = '" MAKE_STORE_DEEP "' AND layer_index >= 0) c JOIN "
    "(SELECT pass_id, layer_index, component_name, sum(time_ms) AS t, sum(energy_nj) AS e FROM "
    "deep_operation_metrics GROUP BY 1, 2, 3) o USING (pass_id, layer_index, component_name) "
    "WHERE c.energy_nj <> o.e OR abs(c.time_ms - o.t) > 1e-9",
    /* so is a layer's, and its parts are attention and mlp */
    "SELECT count(*) FROM layer_metrics l JOIN (SELECT pass_id, layer_index, sum(energy_nj) AS e, "
    "sum(time_ms) AS t FROM component_metrics GROUP BY 1, 2) c USING (pass_id, layer_index) "
    "WHERE l.energy_nj IS NOT c.e OR abs(l.total_time_ms - c.t) > 1e-9 "
    "OR abs(total_time_ms - attention_time_ms - mlp_time_ms) > 1e-9 "
    "OR attention_time_ms <= 0 OR mlp_time_ms <= 0",
    /* a pass has more than its components by what is unattributed: 700 ns of 24 nJ, 6 nJ, rounding
     */
    "SELECT count(*) FROM passes p JOIN (SELECT pass_id, sum(energy_nj) AS e FROM "
    "component_metrics GROUP BY 1) c ON c.pass_id = p.id "
    "WHERE p.energy_nj - c.e NOT BETWEEN 16800 AND 16810",
    /* energy_mj is energy_nj, known or not */
    "SELECT count(*) FROM component_metrics WHERE energy_mj IS NOT energy_nj / 1e6",
    "SELECT count(*) FROM component_metrics WHERE (energy_nj IS NULL) <> (run_id = "
    "'" MAKE_STORE_MINIMAL "')",
    /* the row's token is the first of its pass */
    "SELECT count(*) FROM component_metrics m LEFT JOIN tokens t ON t.id = m.token_id "
    "WHERE t.pass_id IS NOT m.pass_id OR t.run_id <> m.run_id OR "
    "t.position <> (SELECT position FROM passes WHERE id = m.pass_id)",
    /* layers are layers; -1 is for components only; one row per layer and component */
    "SELECT count(*) FROM layer_metrics WHERE layer_index NOT IN (0, 1)",
    "SELECT count(*) FROM (SELECT 1 FROM component_metrics GROUP BY pass_id, layer_index, "
    "component_name HAVING count(*) > 1)",
    /* operations only where there are; a minimal run has none, and no statistics */
    "SELECT count(*) FROM deep_operation_metrics WHERE run_id <> '" MAKE_STORE_DEEP "' OR "
    "operation_name IS NULL OR layer_index < 0 OR flops_estimate <= 0 OR bytes_estimate <= 0",
    "SELECT count(*) FROM component_metrics WHERE run_id = '" MAKE_STORE_MINIMAL "' AND "
    "(activation_mean IS NOT NULL OR activation_max IS NOT NULL)",
    "SELECT count(*) FROM component_metrics WHERE component_name = 'kv_append' AND "
    "activation_mean IS NOT NULL",
    "SELECT count(*) FROM component_metrics WHERE run_id = '" MAKE_STORE_DEEP
    "' AND component_name "
    "IN ('q_proj', 'rope', 'lm_head') AND (activation_mean IS NULL OR activation_std <= 0 OR "
    "activation_max < activation_mean OR activation_sparsity <= 0)",
    /* how many rows there are: 5 and 2 passes of 2 layers, each with 15 components, 22 operations
     */
    "SELECT count(*) - 7 * 2 FROM layer_metrics",
    "SELECT count(*) - 7 * (2 * 15 + 6) FROM component_metrics",
    "SELECT count(*) - 5 * 2 * 22 FROM deep_operation_metrics",
};

static void rows_add_up_to_their_pass(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *const dbs[] = {fixture->store->db, fixture->foreign};
    for (size_t d = 0; d < ERG_COUNT(dbs); d++) {
        for (size_t i = 0; i < ERG_COUNT(rules); i++) {
            int64_t contradictions = erg_sql_int(dbs[d], rules[i], -1);
            if (contradictions)
                fail_msg("%lld: %s: %s", (long long)contradictions, rules[i],
                         sqlite3_errmsg(dbs[d]));
        }
    }
}

static int compare_pass(void *user, const struct erg_pass_row *pass)
{
    struct fixture *fixture = user;
    struct erg_span_features features[64] = {{0}};
    struct erg_energy parts[64];
    int64_t component_nj = 0, component_ticks = 0;
    float most = 0, means = 0, variances = 0;
    for (uint32_t i = 0; i < pass->n_spans; i++)
        features[i].duration_ns = (int64_t)pass->spans[i].ticks * ERG_TICK_NS;
    struct erg_energy rest;
    erg_attribute(NULL, &pass->energy, pass->t1_ns - pass->t0_ns, features, pass->n_spans, parts,
                  &rest);
    for (uint32_t i = 0; i < pass->n_spans; i++) {
        const char *name = erg_store_name(fixture->store, pass->spans[i].component);
        if (pass->spans[i].layer != 1 || strcmp(name, "rope"))
            continue;
        component_nj += erg_energy_total_nj(&parts[i]);
        component_ticks += pass->spans[i].ticks;
        most = fmaxf(most, pass->values[ERG_VALUE_MAX][i]);
        means += pass->values[ERG_VALUE_MEAN][i] / 2;
        variances += powf(pass->values[ERG_VALUE_STD][i], 2) / 2;
    }
    char sql[1024];
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM component_metrics m JOIN passes p ON p.id = m.pass_id WHERE "
             "m.run_id = '%s' AND pass_index = %u AND layer_index = 1 AND component_name = 'rope' "
             "AND m.energy_nj = %lld AND abs(time_ms - %.9f) < 1e-9 "
             "AND abs(activation_max - %.9g) < 1e-6 AND abs(activation_mean - %.9g) < 1e-6 "
             "AND abs(activation_std - %.9g) < 1e-5",
             MAKE_STORE_DEEP, pass->index, (long long)component_nj, (double)component_ticks / 1e4,
             (double)most, (double)means, sqrt((double)variances));
    assert_int_equal(erg_sql_int(fixture->store->db, sql, -1), 1);
    return 0;
}

static void spans_of_one_component_are_one_row(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        erg_store_passes(fixture->store, MAKE_STORE_DEEP, true, compare_pass, fixture, NULL), 0);
}

static void conditions_select_what_a_full_scan_would(void **state)
{
    struct fixture *fixture = *state;
    /* unary plus keeps a condition from being pushed down */
    static const char *const conditions[][2] = {
        {"run_id = '" MAKE_STORE_DEEP "'", "+run_id = '" MAKE_STORE_DEEP "'"},
        {"token_id = 4", "+token_id = 4"},
        {"token_id = 2", "+token_id = 2"}, /* not the first of its pass */
        {"token_id = '4'", "CAST(+token_id AS TEXT) = '4'"},
        {"pass_id = 3", "+pass_id = 3"},
        {"run_id = 'x'", "+run_id = 'x'"},
        {"token_id = 4 AND run_id = '" MAKE_STORE_MINIMAL "'", "0"},
        {"pass_id IN (1, 3, 99)", "+pass_id IN (1, 3, 99)"},
        {"run_id = '0190A0B1-DEEP-4000-8000-000000000001' COLLATE NOCASE",
         "lower(+run_id) = '" MAKE_STORE_DEEP "'"},
        {"token_id IS NULL", "0"},
        {"run_id = NULL", "0"},
    };
    static const char *const tables[] = {"layer_metrics", "component_metrics",
                                         "deep_operation_metrics"};
    for (size_t t = 0; t < ERG_COUNT(tables); t++) {
        for (size_t i = 0; i < ERG_COUNT(conditions); i++) {
            char sql[2][256];
            for (int k = 0; k < 2; k++)
                snprintf(sql[k], sizeof(sql[k]),
                         "SELECT count(*) * 1000000 + coalesce(sum(layer_index + pass_id * 7), 0) "
                         "FROM %s WHERE %s",
                         tables[t], conditions[i][k]);
            int64_t got = erg_sql_int(fixture->store->db, sql[0], -1);
            assert_true(got >= 0);
            assert_int_equal(got, erg_sql_int(fixture->store->db, sql[1], -2));
        }
    }
}

static void a_condition_on_the_run_leaves_other_runs_packed(void **state)
{
    struct fixture *fixture = *state;
    struct erg_store *store;
    assert_int_equal(erg_store_open(&store, fixture->temp.path, ERG_STORE_WRITE, NULL, NULL), 0);
    assert_int_equal(erg_sql_exec(store->db,
                                  "UPDATE passes SET spans = x'00' WHERE run_id = "
                                  "'" MAKE_STORE_MINIMAL "'",
                                  NULL),
                     0);
    static const char all[] = "SELECT count(*) FROM layer_metrics";
    static const char deep[] =
        "SELECT count(*) FROM layer_metrics WHERE run_id = '" MAKE_STORE_DEEP "'";
    static const char token[] = "SELECT count(*) FROM tokens t JOIN component_metrics m ON "
                                "m.token_id = t.id WHERE t.run_id = '" MAKE_STORE_DEEP "'";
    assert_int_equal(erg_sql_int(store->db, all, -1), -1);
    assert_non_null(strstr(sqlite3_errmsg(store->db), "damaged"));
    assert_int_equal(erg_sql_int(store->db, deep, -1), 10);
    assert_int_equal(erg_sql_int(store->db, token, -1), 5 * 36);
    erg_store_close(store);
}

static void the_extension_says_so_in_a_database_that_is_no_store(void **state)
{
    (void)state;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    sqlite3_enable_load_extension(db, 1);
    assert_int_equal(sqlite3_load_extension(db, ERGON_SQLITE_EXTENSION, NULL, NULL), SQLITE_OK);
    assert_int_equal(erg_sql_int(db, "SELECT 1 FROM layer_metrics", -1), -1);
    assert_non_null(strstr(sqlite3_errmsg(db), "no such table"));
    sqlite3_close(db);
}

/* The questions that docs/store.md asks. */
static void the_examples_of_the_documentation_run(void **state)
{
    struct fixture *fixture = *state;
    char *text;
    size_t len;
    int examples = 0;
    assert_int_equal(erg_read_file("../docs/store.md", 1 << 20, &text, &len, NULL), 0);
    char *at = strstr(text, "```sql\n");
    assert_non_null(at);
    *strstr(at + 7, "```") = '\0';
    const char *tail = at + 7;
    while (*tail) {
        sqlite3_stmt *stmt;
        assert_int_equal(sqlite3_prepare_v2(fixture->foreign, tail, -1, &stmt, &tail), SQLITE_OK);
        if (!stmt)
            break;
        examples++;
        assert_true(sqlite3_step(stmt) != SQLITE_ERROR);
        assert_true(sqlite3_column_count(stmt) > 1);
        sqlite3_finalize(stmt);
    }
    assert_int_equal(examples, 3);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables_have_the_columns_of_the_contract, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_add_up_to_their_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(spans_of_one_component_are_one_row, setup, teardown),
        cmocka_unit_test_setup_teardown(conditions_select_what_a_full_scan_would, setup, teardown),
        cmocka_unit_test_setup_teardown(a_condition_on_the_run_leaves_other_runs_packed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_examples_of_the_documentation_run, setup, teardown),
        cmocka_unit_test(the_extension_says_so_in_a_database_that_is_no_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
