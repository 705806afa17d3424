/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "analysis/rollup.h"
#include "base/mem.h"
#include "export/export.h"
#include "export/make_recording.h"
#include "record/session.h"
#include "store/temp_store.h"

#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define RUN_ID "20261120-131843-0a1b2c"

/* --- allocations ------------------------------------------------------------------------------ */

void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);
void __real_free(void *block);
void __wrap_free(void *block);

static struct {
    bool watching;
    long live, peak; /* bytes */
    long count, fail_at;
} heap;

void *__wrap_erg_realloc(void *block, size_t bytes)
{
    if (heap.watching && ++heap.count == heap.fail_at)
        return NULL;
    long before = block ? (long)malloc_usable_size(block) : 0;
    void *moved = __real_erg_realloc(block, bytes);
    if (heap.watching && moved)
        heap.live += (long)malloc_usable_size(moved) - before;
    if (heap.live > heap.peak)
        heap.peak = heap.live;
    return moved;
}

void __wrap_free(void *block)
{
    if (heap.watching && block)
        heap.live -= (long)malloc_usable_size(block);
    __real_free(block);
}

/* --- a store with one run --------------------------------------------------------------------- */

struct fixture {
    struct temp_store temp;
    struct erg_store *store;
};

static struct fixture open_fixture(const struct recording_shape *shape)
{
    struct fixture fixture = {.temp = temp_store_new()};
    struct erg_run_result result;
    struct erg_buf recording;
    struct erg_err err = {0};
    char path[160];
    bool torn;
    erg_buf_init(&recording);
    make_recording(&recording, shape);
    snprintf(path, sizeof path, "%s/x.erg", fixture.temp.folder);
    write_file(path, recording.data, recording.len);
    if (erg_import(path, fixture.temp.path, &result, &torn, &err))
        fail_msg("%s", err.text);
    erg_run_result_deinit(&result);
    erg_buf_deinit(&recording);
    unlink(path);
    assert_int_equal(erg_store_open(&fixture.store, fixture.temp.path, ERG_STORE_READ, NULL, NULL),
                     0);
    return fixture;
}

static void close_fixture(struct fixture *fixture)
{
    erg_store_close(fixture->store);
    temp_store_remove(&fixture->temp);
}

static const struct recording_shape usual = {.seed = 3,
                                             .passes = 12,
                                             .domains = 2,
                                             .prompt = 5,
                                             .exact = true,
                                             .deep = true,
                                             .idle = true,
                                             .load = true,
                                             .status = "complete"};

static int to_buf(void *user, const void *bytes, size_t len)
{
    erg_buf_append(user, bytes, len);
    return erg_buf_status(user);
}

static struct erg_export_request request_to(const struct fixture *f, const char *table,
                                            erg_export_sink sink, void *user)
{
    return (struct erg_export_request){f->store, RUN_ID, table, sink, user, false, NULL, 0};
}

static void export_to(const struct fixture *fixture, const char *format, const char *table,
                      struct erg_buf *out)
{
    struct erg_export_request request = request_to(fixture, table, to_buf, out);
    struct erg_err err = {0};
    erg_buf_init(out);
    if (erg_exporter_find(format)->write(&request, &err))
        fail_msg("%s: %s", format, err.text);
}

/* --- an independent reader of CSV ------------------------------------------------------------- */

struct csv {
    char **cells;
    size_t columns, rows;
};

static struct csv read_csv(const char *text, size_t len)
{
    struct csv csv = {.cells = calloc(len + 1, sizeof(char *))};
    size_t count = 0, at = 0;
    while (at < len) {
        char *cell = malloc(len - at + 1);
        size_t n = 0;
        bool quoted = text[at] == '"';
        for (at += quoted; at < len; at++) {
            if (quoted && text[at] == '"' && at + 1 < len && text[at + 1] == '"')
                at++;
            else if (quoted && text[at] == '"')
                break;
            else if (!quoted && (text[at] == ',' || text[at] == '\n'))
                break;
            cell[n++] = text[at];
        }
        at += quoted;
        cell[n] = '\0';
        csv.cells[count++] = cell;
        assert_true(at < len && (text[at] == ',' || text[at] == '\n'));
        if (text[at] == '\n') {
            if (!csv.columns)
                csv.columns = count;
            assert_int_equal(count % csv.columns, 0);
            csv.rows++;
        }
        at++;
    }
    return csv;
}

static void free_csv(struct csv *csv)
{
    for (size_t i = 0; i < csv->columns * csv->rows; i++)
        free(csv->cells[i]);
    free(csv->cells);
}

static const char *cell(const struct csv *csv, size_t row, const char *column)
{
    for (size_t c = 0; c < csv->columns; c++) {
        if (strcmp(csv->cells[c], column) == 0)
            return csv->cells[(row + 1) * csv->columns + c];
    }
    fail_msg("no column '%s'", column);
    return NULL;
}

/* An exact decimal with at most six places, in millionths. */
static int64_t micro(const char *text)
{
    bool negative = *text == '-';
    int64_t value = 0;
    int places = -1;
    for (text += negative; *text; text++) {
        if (*text == '.') {
            places = 0;
            continue;
        }
        assert_true(*text >= '0' && *text <= '9');
        value = value * 10 + (*text - '0');
        places += places >= 0;
    }
    assert_true(places <= 6);
    for (places = places < 0 ? 0 : places; places < 6; places++)
        value *= 10;
    return negative ? -value : value;
}

static void same_energy(const struct csv *csv, size_t row, const struct erg_energy *energy)
{
    static const char *const columns[] = {"cpu_energy_mj",  "gpu_energy_mj", "ane_energy_mj",
                                          "dram_energy_mj", "soc_energy_mj", "other_energy_mj"};
    for (int d = 0; d < ERG_DOMAINS; d++) {
        const char *text = cell(csv, row, columns[d]);
        assert_int_equal(*text != 0, energy->present >> d & 1);
        if (*text)
            assert_int_equal(micro(text), energy->nj[d]);
    }
    if (erg_energy_known(energy))
        assert_int_equal(micro(cell(csv, row, "energy_mj")), erg_energy_total_nj(energy));
}

static void same_text(const char *found, const char *text, size_t len)
{
    bool formula = len && strchr("=+-@\t\r", text[0]);
    if (formula)
        assert_int_equal(*found++, '\'');
    assert_int_equal(strlen(found), len);
    assert_memory_equal(found, text, len);
}

/* The store's rows beside those of a CSV. */
struct check {
    const struct fixture *fixture;
    struct csv csv;
    size_t row;
};

static int check_section(void *user, const struct erg_section_row *row)
{
    struct check *check = user;
    size_t i = check->row++;
    assert_string_equal(cell(&check->csv, i, "section_name"), row->name);
    assert_int_equal(micro(cell(&check->csv, i, "start_ms")), row->t0_ns);
    assert_int_equal(micro(cell(&check->csv, i, "end_ms")), row->t1_ns);
    assert_int_equal(micro(cell(&check->csv, i, "duration_ms")), row->duration_ns);
    assert_string_equal(cell(&check->csv, i, "grade"), erg_grade_name(row->grade));
    same_energy(&check->csv, i, &row->energy);
    return 0;
}

static int check_pass(void *user, const struct erg_pass_row *row)
{
    struct check *check = user;
    size_t i = check->row++;
    assert_int_equal(micro(cell(&check->csv, i, "pass")), row->index * INT64_C(1000000));
    assert_int_equal(micro(cell(&check->csv, i, "start_ms")), row->t0_ns);
    assert_int_equal(micro(cell(&check->csv, i, "duration_ms")), row->t1_ns - row->t0_ns);
    same_energy(&check->csv, i, &row->energy);
    return 0;
}

static int check_token(void *user, const struct erg_token_row *row)
{
    struct check *check = user;
    size_t i = check->row++;
    same_text(cell(&check->csv, i, "text"), row->text, row->text_len);
    assert_int_equal(micro(cell(&check->csv, i, "token")), row->id * INT64_C(1000000));
    assert_int_equal(micro(cell(&check->csv, i, "duration_ms")), row->duration_ns);
    same_energy(&check->csv, i, &row->energy);
    return 0;
}

static int check_sample(void *user, const struct erg_sample_row *row)
{
    struct check *check = user;
    size_t i = check->row++;
    assert_int_equal(micro(cell(&check->csv, i, "timestamp_ms")), row->t_ns);
    assert_true(strtod(cell(&check->csv, i, "total_power_mw"), NULL) == row->total_mw);
    assert_true(strtod(cell(&check->csv, i, "cpu_power_mw"), NULL) == row->mw[ERG_DOMAIN_CPU]);
    assert_int_equal(*cell(&check->csv, i, "ane_power_mw") == 0, isnan(row->mw[ERG_DOMAIN_ANE]));
    return 0;
}

static int check_host(void *user, const struct erg_host_row *row)
{
    struct check *check = user;
    size_t i = check->row++;
    assert_int_equal(micro(cell(&check->csv, i, "timestamp_ms")), row->t_ns);
    assert_true(strtod(cell(&check->csv, i, "engine_cpu_ratio"), NULL) ==
                row->sample.engine_cpu_ratio);
    assert_int_equal(micro(cell(&check->csv, i, "engine_rss_bytes")) / 1000000,
                     (int64_t)row->sample.engine_rss_bytes);
    return 0;
}

static int check_run(void *user, const struct erg_run_row *row)
{
    struct check *check = user;
    size_t i = check->row++;
    assert_string_equal(cell(&check->csv, i, "run_id"), row->id);
    same_text(cell(&check->csv, i, "prompt"), row->prompt, strlen(row->prompt));
    same_text(cell(&check->csv, i, "model_name"), row->model_name, strlen(row->model_name));
    same_text(cell(&check->csv, i, "response"), row->response, strlen(row->response));
    assert_int_equal(micro(cell(&check->csv, i, "total_energy_mj")),
                     erg_energy_total_nj(&row->energy));
    assert_int_equal(micro(cell(&check->csv, i, "total_duration_ms")), row->duration_ns);
    return 0;
}

static struct check begin_check(const struct fixture *fixture, const char *table)
{
    struct erg_buf text;
    export_to(fixture, "csv", table, &text);
    struct check check = {.fixture = fixture, .csv = read_csv(text.data, text.len)};
    erg_buf_deinit(&text);
    return check;
}

static void end_check(struct check *check, int rc)
{
    assert_int_equal(rc, 0);
    assert_int_equal(check->row + 1, check->csv.rows);
    assert_true(check->row > 0);
    free_csv(&check->csv);
}

static void test_csv_tables_are_the_store(void **state)
{
    (void)state;
    struct fixture f = open_fixture(&usual);
    struct check check = begin_check(&f, "sections");
    end_check(&check, erg_store_sections(f.store, RUN_ID, check_section, &check, NULL));
    check = begin_check(&f, "passes");
    end_check(&check, erg_store_passes(f.store, RUN_ID, false, check_pass, &check, NULL));
    check = begin_check(&f, "tokens");
    end_check(&check, erg_store_tokens(f.store, RUN_ID, check_token, &check, NULL));
    check = begin_check(&f, "power_samples");
    end_check(&check, erg_store_samples(f.store, RUN_ID, check_sample, &check, NULL));
    check = begin_check(&f, "host_samples");
    end_check(&check, erg_store_host(f.store, RUN_ID, check_host, &check, NULL));
    check = begin_check(&f, "runs");
    end_check(&check, erg_store_run(f.store, RUN_ID, check_run, &check, NULL));
    close_fixture(&f);
}

static int sum_pass(void *user, const struct erg_pass_row *row)
{
    int64_t *sums = user;
    sums[0] += erg_energy_total_nj(&row->energy);
    sums[1] += row->t1_ns - row->t0_ns;
    return 0;
}

/* Whatever the passes are grouped by, they add up to the passes, and no cell is a formula. */
static void test_csv_of_spans_adds_up(void **state)
{
    (void)state;
    static const char *const tables[] = {"layers", "components", "operations", NULL};
    struct fixture f = open_fixture(&usual);
    int64_t sums[2] = {0};
    assert_int_equal(erg_store_passes(f.store, RUN_ID, false, sum_pass, sums, NULL), 0);
    for (size_t t = 0; t < ERG_COUNT(tables); t++) {
        struct check check = begin_check(&f, tables[t]);
        int64_t energy = 0, time = 0;
        bool layers = t == 0;
        for (size_t i = 0; i + 1 < check.csv.rows; i++) {
            energy += micro(cell(&check.csv, i, "energy_mj"));
            time += micro(cell(&check.csv, i, layers ? "total_time_ms" : "time_ms"));
        }
        assert_int_equal(energy, sums[0]);
        assert_int_equal(time, sums[1]);
        free_csv(&check.csv);
    }
    close_fixture(&f);
}

static void test_csv_refuses_other_tables(void **state)
{
    (void)state;
    struct fixture f = open_fixture(&usual);
    struct erg_buf text;
    erg_buf_init(&text);
    struct erg_export_request request = request_to(&f, "secrets", to_buf, &text);
    assert_int_equal(erg_exporter_find("csv")->write(&request, NULL), ERG_INVALID);
    close_fixture(&f);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static int64_t nj(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return llround(json_number_value(value) * 1e6);
}

static int64_t sum_of(const json_t *list, const char *key)
{
    int64_t sum = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        sum += nj(json_array_get(list, i), key);
    return sum;
}

static void closes(const json_t *parent, const char *children, const char *key)
{
    assert_int_equal(sum_of(json_object_get(parent, children), key) +
                         (strcmp(key, "energy_mj") == 0 && json_object_get(parent, "grade")
                              ? nj(parent, "unattributed_energy_mj")
                              : 0),
                     nj(parent, key));
}

static void check_json_pass(const json_t *pass)
{
    const json_t *layers = json_object_get(pass, "layers"), *layer, *component;
    size_t i, k;
    closes(pass, "layers", "energy_mj");
    assert_int_equal(sum_of(json_object_get(pass, "tokens"), "energy_mj") +
                         nj(pass, "tokens_unattributed_energy_mj"),
                     nj(pass, "energy_mj"));
    assert_int_equal(sum_of(layers, "duration_ms") + nj(pass, "unattributed_ms"),
                     nj(pass, "duration_ms"));
    json_array_foreach(layers, i, layer)
    {
        closes(layer, "components", "energy_mj");
        closes(layer, "components", "duration_ms");
        json_array_foreach(json_object_get(layer, "components"), k, component)
        {
            closes(component, "operations", "energy_mj");
            closes(component, "operations", "duration_ms");
        }
    }
}

static void test_json_sums_close(void **state)
{
    (void)state;
    struct fixture f = open_fixture(&usual);
    struct erg_buf text;
    export_to(&f, "json", NULL, &text);
    json_t *root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    const json_t *totals = json_object_get(root, "totals"), *pass;
    const json_t *summary = json_object_get(root, "summary");
    const json_t *passes = json_object_get(root, "passes");
    size_t i, tokens = 0;
    assert_int_equal(sum_of(json_object_get(summary, "phases"), "energy_mj") +
                         nj(totals, "unattributed_energy_mj"),
                     nj(totals, "energy_mj"));
    assert_int_equal(nj(totals, "energy_mj"), nj(summary, "total_energy_mj"));
    assert_int_equal(json_array_size(passes), 13);
    json_array_foreach(passes, i, pass)
    {
        check_json_pass(pass);
        tokens += json_array_size(json_object_get(pass, "tokens"));
    }
    assert_int_equal(tokens, 17);
    assert_true(json_array_size(json_object_get(root, "power_samples")) > 1);
    assert_true(json_array_size(json_object_get(root, "host_samples")) > 1);
    assert_true(json_array_size(json_object_get(root, "sections")) > 3);
    json_decref(root);
    erg_buf_deinit(&text);
    close_fixture(&f);
}

/* --- archive and database --------------------------------------------------------------------- */

static void test_zip_holds_every_table(void **state)
{
    (void)state;
    struct fixture f = open_fixture(&usual);
    struct erg_buf zip;
    export_to(&f, "csv.zip", NULL, &zip);
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    int files = 0;
    archive_read_support_format_zip_streamable(archive);
    assert_int_equal(archive_read_open_memory(archive, zip.data, zip.len), ARCHIVE_OK);
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        char table[64] = "", got[4096];
        struct erg_buf csv, inside;
        sscanf(archive_entry_pathname(entry), "%63[a-z_]", table);
        export_to(&f, "csv", table, &csv);
        erg_buf_init(&inside);
        la_ssize_t n;
        while ((n = archive_read_data(archive, got, sizeof got)) > 0)
            erg_buf_append(&inside, got, (size_t)n);
        assert_int_equal(n, 0);
        assert_string_equal(erg_buf_view(&inside), erg_buf_view(&csv));
        erg_buf_deinit(&csv);
        erg_buf_deinit(&inside);
        files++;
    }
    assert_int_equal(files, 9);
    archive_read_free(archive);
    erg_buf_deinit(&zip);
    close_fixture(&f);
}

static int64_t query(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static void test_sqlite_needs_nothing_else(void **state)
{
    (void)state;
    struct fixture f = open_fixture(&usual);
    struct erg_buf bytes;
    sqlite3 *db;
    char path[160];
    int64_t sums[2] = {0};
    export_to(&f, "sqlite", NULL, &bytes);
    snprintf(path, sizeof path, "%s/copy.sqlite", f.temp.folder);
    write_file(path, bytes.data, bytes.len);
    erg_buf_deinit(&bytes);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(query(db, "SELECT count(*) FROM profiling_runs"), 1);
    assert_int_equal(query(db, "SELECT count(*) FROM passes"), 13);
    assert_int_equal(query(db, "SELECT count(*) FROM tokens"), 17);
    assert_int_equal(
        query(db, "SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%VIRTUAL TABLE%'"), 0);
    assert_int_equal(query(db,
                           "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN "
                           "('layer_metrics', 'component_metrics', 'deep_operation_metrics')"),
                     3);
    assert_true(query(db, "SELECT count(*) FROM layer_metrics") > 10);
    assert_true(query(db, "SELECT count(*) FROM component_metrics") > 20);
    assert_int_equal(erg_store_passes(f.store, RUN_ID, false, sum_pass, sums, NULL), 0);
    assert_int_equal(query(db, "SELECT sum(energy_nj) FROM passes"), sums[0]);
    sqlite3_close(db);
    unlink(path);
    close_fixture(&f);
}

/* --- what only deep passes know --------------------------------------------------------------- */

struct texts {
    char *items[256];
    size_t count;
};

static void keep(struct texts *texts, const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, 0, &error); /* whatever the order of its members */
    if (!json)
        fail_msg("%s: %s", error.text, text);
    assert_true(texts->count < ERG_COUNT(texts->items));
    texts->items[texts->count++] = json_dumps(json, JSON_SORT_KEYS);
    json_decref(json);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void end_of_texts(struct texts *texts)
{
    qsort(texts->items, texts->count, sizeof texts->items[0], by_text);
}

static void same_texts(struct texts *a, const struct texts *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->items[i], b->items[i]);
        free(a->items[i]);
    }
}

static void extra_of_json(const json_t *value, struct texts *out)
{
    const char *key;
    const json_t *item;
    size_t i;
    json_object_foreach((json_t *)value, key, item)
    {
        if (strcmp(key, "extra_metrics") != 0) {
            extra_of_json(item, out);
        } else if (!json_is_null(item)) {
            char *text = json_dumps(item, 0);
            keep(out, text);
            free(text);
        }
    }
    json_array_foreach(value, i, item)
    {
        extra_of_json(item, out);
    }
}

static void extra_of_copy(const struct fixture *f, struct texts *out)
{
    struct erg_buf bytes;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    char path[160];
    export_to(f, "sqlite", NULL, &bytes);
    snprintf(path, sizeof path, "%s/copy.sqlite", f->temp.folder);
    write_file(path, bytes.data, bytes.len);
    erg_buf_deinit(&bytes);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT extra_metrics FROM deep_operation_metrics "
                                        "WHERE extra_metrics IS NOT NULL",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        keep(out, (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    unlink(path);
}

/* The detail table, the JSON document and the CSV say the same of every operation. */
static void test_extra_metrics_are_the_same_everywhere(void **state)
{
    (void)state;
    struct fixture f = open_fixture(&usual);
    struct texts table = {0}, document = {0}, csv = {0};
    struct erg_buf text;
    extra_of_copy(&f, &table);
    export_to(&f, "json", NULL, &text);
    json_t *root = json_loadb(text.data, text.len, 0, NULL);
    extra_of_json(root, &document);
    json_decref(root);
    erg_buf_deinit(&text);
    struct check check = begin_check(&f, "operations");
    for (size_t i = 0; i + 1 < check.csv.rows; i++) {
        const char *extra = cell(&check.csv, i, "extra_metrics");
        if (*extra)
            keep(&csv, extra);
    }
    free_csv(&check.csv);
    struct texts *all[] = {&table, &document, &csv};
    for (size_t i = 0; i < ERG_COUNT(all); i++)
        end_of_texts(all[i]);
    assert_int_equal(table.count, 3 * 11); /* three spans of each pass that is not bare */
    same_texts(&document, &table);
    same_texts(&csv, &table);
    for (size_t i = 0; i < table.count; i++)
        free(table.items[i]);
    close_fixture(&f);
}

/* --- failures and memory ---------------------------------------------------------------------- */

struct failing {
    long calls, fail_at;
    size_t bytes;
};

static int failing_sink(void *user, const void *bytes, size_t len)
{
    struct failing *failing = user;
    (void)bytes;
    failing->bytes += len;
    return ++failing->calls == failing->fail_at ? ERG_GONE : 0;
}

/* A report is no stream of rows: it holds a matrix, and its page is the same for every run; a build
 * without the dashboard has none. test_export_html tries it. */
static bool is_stream(const struct erg_exporter *exporter)
{
    return strcmp(exporter->name, "html") != 0;
}

static void test_a_failing_sink_ends_every_export(void **state)
{
    (void)state;
    struct recording_shape shape = usual;
    shape.passes = 150;
    struct fixture f = open_fixture(&shape);
    const struct erg_exporter *exporter;
    for (size_t i = 0; (exporter = erg_exporter_at(i)) != NULL; i++) {
        long calls = 0;
        if (!is_stream(exporter))
            continue;
        for (long k = 1; k == 1 || k <= calls; k++) {
            struct failing failing = {.fail_at = k == 1 && !calls ? -1 : k};
            struct erg_export_request request = request_to(&f, NULL, failing_sink, &failing);
            struct erg_err err = {0};
            int rc = exporter->write(&request, &err);
            if (failing.fail_at < 0) {
                assert_int_equal(rc, 0);
                calls = failing.calls;
                k = 0;
                continue;
            }
            assert_int_equal(rc, ERG_GONE);
            assert_int_equal(err.code, ERG_GONE);
            assert_int_equal(failing.calls, k);
        }
    }
    close_fixture(&f);
}

static void test_a_run_that_is_not_there(void **state)
{
    (void)state;
    struct fixture f = open_fixture(&usual);
    const struct erg_exporter *exporter;
    for (size_t i = 0; (exporter = erg_exporter_at(i)) != NULL; i++) {
        struct failing failing = {0};
        struct erg_export_request request = request_to(&f, "runs", failing_sink, &failing);
        request.run_id = "nothing";
        assert_int_equal(exporter->write(&request, NULL), ERG_NOT_FOUND);
    }
    close_fixture(&f);
}

/* Fail allocation after allocation: each ends in an error, or in the whole export without it. */
static void test_running_out_of_memory(void **state)
{
    (void)state;
    struct recording_shape shape = usual;
    shape.passes = 2;
    struct fixture f = open_fixture(&shape);
    const struct erg_exporter *exporter;
    for (size_t i = 0; (exporter = erg_exporter_at(i)) != NULL; i++) {
        if (!is_stream(exporter))
            continue;
        struct failing whole = {0};
        struct erg_export_request request = request_to(&f, NULL, failing_sink, &whole);
        assert_int_equal(exporter->write(&request, NULL), 0);
        bool missed = true;
        for (long k = 1; missed; k++) {
            struct failing failing = {0};
            request.user = &failing;
            heap.count = 0;
            heap.fail_at = k;
            heap.watching = true;
            int rc = exporter->write(&request, NULL);
            heap.watching = false;
            missed = heap.count >= k;
            if (rc == 0 && failing.bytes != whole.bytes)
                fail_msg("%s: allocation %ld failed unnoticed", exporter->name, k);
            assert_true(rc == 0 || missed);
        }
        assert_true(heap.count > 5);
    }
    heap.fail_at = 0;
    close_fixture(&f);
}

/* Ten times the passes, the same memory. */
static void test_memory_does_not_grow_with_the_run(void **state)
{
    (void)state;
    enum { MOST = 16 };
    long peaks[2][MOST] = {{0}};
    size_t bytes[2][MOST] = {{0}};
    for (int big = 0; big < 2; big++) {
        struct recording_shape shape = usual;
        shape.passes = big ? 3000 : 300;
        struct fixture f = open_fixture(&shape);
        const struct erg_exporter *exporter;
        for (size_t i = 0; (exporter = erg_exporter_at(i)) != NULL; i++) {
            struct failing failing = {0};
            if (!is_stream(exporter))
                continue;
            struct erg_export_request request = request_to(&f, NULL, failing_sink, &failing);
            heap.live = heap.peak = 0;
            heap.watching = true;
            assert_int_equal(exporter->write(&request, NULL), 0);
            heap.watching = false;
            peaks[big][i] = heap.peak;
            bytes[big][i] = failing.bytes;
        }
        close_fixture(&f);
    }
    for (size_t i = 0; erg_exporter_at(i); i++) {
        if (!is_stream(erg_exporter_at(i)))
            continue;
        if (strcmp(erg_exporter_at(i)->name, "speedscope") != 0) /* sums over all tokens */
            assert_true(bytes[1][i] > 4 * bytes[0][i]);
        assert_true(peaks[1][i] < 1 << 20);
        if (peaks[1][i] > peaks[0][i] + 65536 * 2) /* the response grows with the tokens */
            fail_msg("%s: %ld bytes, %ld for a longer run", erg_exporter_at(i)->name, peaks[0][i],
                     peaks[1][i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_tables_are_the_store),
        cmocka_unit_test(test_csv_of_spans_adds_up),
        cmocka_unit_test(test_csv_refuses_other_tables),
        cmocka_unit_test(test_json_sums_close),
        cmocka_unit_test(test_zip_holds_every_table),
        cmocka_unit_test(test_sqlite_needs_nothing_else),
        cmocka_unit_test(test_extra_metrics_are_the_same_everywhere),
        cmocka_unit_test(test_a_failing_sink_ends_every_export),
        cmocka_unit_test(test_a_run_that_is_not_there),
        cmocka_unit_test(test_running_out_of_memory),
        cmocka_unit_test(test_memory_does_not_grow_with_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
