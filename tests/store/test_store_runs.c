/* SPDX-License-Identifier: MIT */
#include "store/make_store.h"
#include "store/store_priv.h"
#include "store/temp_store.h"

/* Finding, labelling and deleting runs. */
struct fixture {
    struct temp_store temp;
    struct erg_store *store;
};

static void add_run(const char *path, struct erg_run_row run)
{
    struct erg_writer *writer;
    assert_int_equal(erg_writer_open(&writer, path, &run, make_name, NULL, NULL), 0);
    assert_int_equal(erg_writer_finish(writer, NULL), 0);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->temp = temp_store_new();
    make_store(fixture->temp.path);
    struct erg_run_row other =
        make_run("abcdef-other", "complete", "{\"id\":\"abcdef-other\",\"tokens_per_second\":9.5}");
    other.created_at = "2026-02-01T12:00:00.000000";
    other.created_at_utc = "2026-02-01T11:00:00.000000+00:00";
    other.model_name = "50%_model";
    other.tags_json = "[\"baseline\", \"it's\"]";
    other.prompt = "A prompt of 100%";
    add_run(fixture->temp.path, other);
    assert_int_equal(
        erg_store_open(&fixture->store, fixture->temp.path, ERG_STORE_WRITE, NULL, NULL), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    erg_store_close(fixture->store);
    temp_store_remove(&fixture->temp);
    free(fixture);
    return 0;
}

/* First letters of the ids found, in order: D(eep) M(inimal) a(bcdef-other). */
static int collect(void *user, const struct erg_run_row *row)
{
    char *out = user;
    size_t len = strlen(out);
    out[len] = strcmp(row->id, MAKE_STORE_DEEP) == 0      ? 'D'
               : strcmp(row->id, MAKE_STORE_MINIMAL) == 0 ? 'M'
                                                          : 'a';
    out[len + 1] = '\0';
    return 0;
}

static void filters_and_orders_are_obeyed(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        struct erg_run_filter filter;
        const char *want;
    } cases[] = {
        {{.limit = -1}, "MDa"},
        {{.limit = 1}, "M"},
        {{.limit = 1, .offset = 1}, "D"},
        {{.limit = -1, .offset = 3}, ""},
        {{.limit = -1, .model = "tiny-llama"}, "MD"},
        {{.limit = -1, .model = "/models/tiny-llama.gguf"}, "MDa"},
        {{.limit = -1, .model = "tiny"}, ""},
        {{.limit = -1, .tag = "baseline"}, "Da"},
        {{.limit = -1, .tag = "it's"}, "a"},
        {{.limit = -1, .tag = "base"}, ""},
        {{.limit = -1, .experiment = "fixture"}, "D"},
        {{.limit = -1, .since = "2026-03-01"}, "MD"},
        {{.limit = -1, .since = "2026-03-02"}, "M"},
        {{.limit = -1, .until = "2026-03-01"}, "Da"},
        {{.limit = -1, .since = "2026-03", .until = "2026-03"}, "MD"},
        {{.limit = -1, .search = "100%"}, "a"},
        {{.limit = -1, .search = "%"}, "a"},
        {{.limit = -1, .search = "into THE"}, "D"},
        {{.limit = -1, .search = "JOULES"}, "MD"},
        {{.limit = -1, .search = "_"}, "a"},
        {{.limit = -1, .sort = "created_at"}, "aDM"},
        {{.limit = -1, .sort = "-created_at"}, "MDa"},
        {{.limit = -1, .sort = "joules_per_token"}, "DMa"},
        {{.limit = -1, .sort = "-joules_per_token"}, "DMa"},
        {{.limit = -1, .sort = "-output_tokens"}, "DMa"},
        {{.limit = -1, .sort = "tokens_per_second"}, "aMD"},
        {{.limit = -1, .sort = "-total_energy_mj"}, "DMa"},
    };
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        char got[8] = "";
        assert_int_equal(erg_store_runs(fixture->store, &cases[i].filter, collect, got, NULL), 0);
        assert_string_equal(got, cases[i].want);
    }
}

static void only_listed_sort_keys_are_accepted(void **state)
{
    struct fixture *fixture = *state;
    char got[8] = "";
    for (const char *const *key = erg_store_sort_keys(); *key; key++) {
        struct erg_run_filter filter = {.limit = -1, .sort = *key};
        got[0] = '\0';
        assert_int_equal(erg_store_runs(fixture->store, &filter, collect, got, NULL), 0);
        assert_int_equal(strlen(got), 3);
    }
    static const char *const bad[] = {"", "-", "prompt", "rowid", "created_at; DROP TABLE tokens"};
    for (size_t i = 0; i < ERG_COUNT(bad); i++) {
        struct erg_run_filter filter = {.limit = -1, .sort = bad[i]};
        assert_int_equal(erg_store_runs(fixture->store, &filter, collect, got, NULL), ERG_INVALID);
    }
}

static void a_run_is_named_by_id_prefix_or_last(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *name, *id;
        int status;
    } cases[] = {
        {MAKE_STORE_DEEP, MAKE_STORE_DEEP, 0},
        {"0190a0b1", MAKE_STORE_DEEP, 0},
        {"abc", "abcdef-other", 0},
        {"last", MAKE_STORE_MINIMAL, 0},
        {"ab", NULL, ERG_NOT_FOUND},
        {"0190", NULL, ERG_INVALID},
        {"abcdef-other2", NULL, ERG_NOT_FOUND},
        {"", NULL, ERG_NOT_FOUND},
        {"%%%", NULL, ERG_NOT_FOUND},
    };
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        char *id = NULL;
        struct erg_err err = {0};
        assert_int_equal(erg_store_resolve(fixture->store, cases[i].name, &id, &err),
                         cases[i].status);
        if (cases[i].id)
            assert_string_equal(id, cases[i].id);
        if (cases[i].status == ERG_INVALID) {
            assert_non_null(strstr(err.text, MAKE_STORE_DEEP));
            assert_non_null(strstr(err.text, MAKE_STORE_MINIMAL));
        }
        free(id);
    }
    /* an id that begins another one still names itself */
    add_run(fixture->temp.path, make_run("abcdef-other-two", "complete", NULL));
    char *id;
    assert_int_equal(erg_store_resolve(fixture->store, "abcdef-other", &id, NULL), 0);
    assert_string_equal(id, "abcdef-other");
    free(id);
}

static void a_summary_shows_the_labels_of_now(void **state)
{
    struct fixture *fixture = *state;
    char *json;
    assert_int_equal(erg_store_label(fixture->store, MAKE_STORE_DEEP, "[\"a\",\"b\"]", "new", NULL),
                     0);
    assert_int_equal(erg_store_summary(fixture->store, MAKE_STORE_DEEP, &json, NULL), 0);
    const char *front = "{\"status\":\"complete\",\"failure\":null,\"tags\":[\"a\",\"b\"],"
                        "\"experiment_name\":\"new\",\"id\":\"" MAKE_STORE_DEEP "\"";
    assert_memory_equal(json, front, strlen(front));
    assert_null(strstr(json + strlen(front), "\"status\""));
    assert_null(strstr(json + strlen(front), "\"tags\""));
    free(json);
    assert_int_equal(erg_store_label(fixture->store, MAKE_STORE_DEEP, NULL, "", NULL), 0);
    assert_int_equal(erg_store_summary(fixture->store, MAKE_STORE_DEEP, &json, NULL), 0);
    assert_non_null(strstr(json, "\"tags\":[\"a\",\"b\"],\"experiment_name\":null"));
    free(json);
    static const char *const bad[] = {"", "nonsense", "{}", "\"a\"", "[1", "[] []"};
    for (size_t i = 0; i < ERG_COUNT(bad); i++)
        assert_int_equal(erg_store_label(fixture->store, MAKE_STORE_DEEP, bad[i], NULL, NULL),
                         ERG_INVALID);
    assert_int_equal(erg_store_label(fixture->store, "nobody", "[]", NULL, NULL), ERG_NOT_FOUND);
    assert_int_equal(erg_store_summary(fixture->store, "nobody", &json, NULL), ERG_NOT_FOUND);
}

static void summaries_are_taken_apart_as_text(void **state)
{
    (void)state;
    const struct {
        const char *json, *stripped;
    } cases[] = {
        {"{}", "{}"},
        {" { } ", "{} "},
        {"{\"status\":\"x\"}", "{}"},
        {"{\"a\":1,\"status\":\"x\",\"b\":2}", "{\"a\":1,\"b\":2}"},
        {"{\"tags\":[\"}\",{\"status\":1}],\"a\":{\"status\":[1,2]}}",
         "{\"a\":{\"status\":[1,2]}}"},
        {"{\"e\":9007199254740993.000001, \"failure\" : null}", "{\"e\":9007199254740993.000001}"},
        {"{\"q\":\"\\\"status\\\":1,\",\"experiment_name\":\"\\\\\"}",
         "{\"q\":\"\\\"status\\\":1,\"}"},
        {"[]", NULL},
        {"", NULL},
        {"{\"a", NULL},
        {"{\"a\":[1", NULL},
    };
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        char *stripped = NULL;
        assert_int_equal(erg_summary_strip(cases[i].json, &stripped),
                         cases[i].stripped ? 0 : ERG_INVALID);
        if (cases[i].stripped)
            assert_string_equal(stripped, cases[i].stripped);
        else
            assert_null(stripped);
        free(stripped);
    }
    char *json = erg_summary_patch("{}", "failed", "a \"quote\"", "[]", NULL);
    assert_string_equal(json, "{\"status\":\"failed\",\"failure\":\"a \\\"quote\\\"\",\"tags\":[],"
                              "\"experiment_name\":null}");
    free(json);
}

static int64_t rows_left(struct erg_store *store)
{
    static const char *const tables[] = {"profiling_runs", "power_samples",     "host_samples",
                                         "layouts",        "pipeline_sections", "passes",
                                         "tokens"};
    int64_t rows = 0;
    for (size_t i = 0; i < ERG_COUNT(tables); i++) {
        char sql[64];
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", tables[i]);
        rows += erg_sql_int(store->db, sql, 1000000);
    }
    return rows;
}

static void a_deleted_run_leaves_nothing_and_gives_its_space_back(void **state)
{
    struct fixture *fixture = *state;
    struct erg_store_health before, after;
    assert_int_equal(erg_store_health(fixture->store, &before, NULL), 0);
    assert_true(before.integrity_ok);
    assert_int_equal(before.runs, 3);
    int64_t rows = rows_left(fixture->store);
    struct make_shape shape = {.layers = 32,
                               .detail = MAKE_DEEP,
                               .time_scale = 1,
                               .noise = 0.2,
                               .spread = 0.3,
                               .energy = true,
                               .seed = 4};
    struct erg_run_row run = make_run("zzz-large", "complete", NULL);
    struct erg_writer *writer;
    assert_int_equal(erg_writer_open(&writer, fixture->temp.path, &run, make_name, NULL, NULL), 0);
    for (uint32_t i = 0; i < 400; i++) {
        struct make_pass pass;
        make_pass(&pass, &shape, i, ERG_PHASE_DECODE, i, 1, i);
        struct erg_token_row token = make_token(&pass.row, 0, i);
        erg_writer_pass(writer, &pass.row);
        erg_writer_token(writer, &token);
        make_pass_free(&pass);
    }
    assert_int_equal(erg_writer_finish(writer, NULL), 0);
    assert_int_equal(erg_store_health(fixture->store, &after, NULL), 0);
    assert_true(after.file_bytes > before.file_bytes + 400 * 4000);
    assert_int_equal(erg_store_delete(fixture->store, "zzz-large", NULL), 0);
    assert_int_equal(rows_left(fixture->store), rows);
    assert_int_equal(erg_store_health(fixture->store, &after, NULL), 0);
    assert_true(after.integrity_ok);
    assert_true(after.file_bytes <= before.file_bytes + 8 * 32768);
    assert_int_equal(erg_store_delete(fixture->store, "zzz-large", NULL), ERG_NOT_FOUND);
}

static void old_runs_are_deleted_but_not_one_that_runs(void **state)
{
    struct fixture *fixture = *state;
    struct erg_run_row running = make_run("still-running", "running", NULL);
    running.created_at = "2020-01-01T00:00:00.000000";
    add_run(fixture->temp.path, running);
    int count = -1;
    assert_int_equal(erg_store_delete_before(fixture->store, "2026-03-01T12:00:00", &count, NULL),
                     0);
    assert_int_equal(count, 1);
    char got[8] = "";
    assert_int_equal(erg_store_runs(fixture->store, NULL, collect, got, NULL), 0);
    assert_int_equal(strlen(got), 3);
    assert_int_equal(erg_store_delete_before(fixture->store, "2027", &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(erg_store_delete(fixture->store, "still-running", NULL), 0);
    assert_int_equal(rows_left(fixture->store), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(filters_and_orders_are_obeyed, setup, teardown),
        cmocka_unit_test_setup_teardown(only_listed_sort_keys_are_accepted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_is_named_by_id_prefix_or_last, setup, teardown),
        cmocka_unit_test_setup_teardown(a_summary_shows_the_labels_of_now, setup, teardown),
        cmocka_unit_test(summaries_are_taken_apart_as_text),
        cmocka_unit_test_setup_teardown(a_deleted_run_leaves_nothing_and_gives_its_space_back,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(old_runs_are_deleted_but_not_one_that_runs, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
