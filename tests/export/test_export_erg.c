/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "export/export.h"
#include "export/make_recording.h"
#include "record/session.h"
#include "store/temp_store.h"

#include <stdio.h>

#define RUN_ID "20261120-131843-0a1b2c"

static int to_buf(void *user, const void *bytes, size_t len)
{
    erg_buf_append(user, bytes, len);
    return erg_buf_status(user);
}

/* Import bytes into a fresh store and show what it holds then. */
static void import_and_dump(const struct erg_buf *recording, struct erg_buf *out_erg,
                            struct erg_buf *out_dump)
{
    struct temp_store temp = temp_store_new();
    struct erg_run_result result;
    struct erg_store *store = NULL;
    struct erg_err err = {0};
    char path[160];
    bool torn = true;
    snprintf(path, sizeof path, "%s/x.erg", temp.folder);
    write_file(path, recording->data, recording->len);
    if (erg_import(path, temp.path, &result, &torn, &err))
        fail_msg("%s", err.text);
    assert_false(torn);
    erg_run_result_deinit(&result);
    unlink(path);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
    dump_run(store, RUN_ID, out_dump);
    struct erg_export_request request = {
        .store = store, .run_id = RUN_ID, .sink = to_buf, .user = out_erg};
    if (erg_exporter_find("erg")->write(&request, &err))
        fail_msg("%s", err.text);
    erg_store_close(store);
    temp_store_remove(&temp);
}

static bool contains(const char *line, size_t len, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= len; i++) {
        if (memcmp(line + i, word, n) == 0)
            return true;
    }
    return false;
}

/* Line by line; `except` names a figure that may differ. */
static int compare(const char *a, const char *b, const char *except)
{
    int differences = 0;
    while (*a && *b) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        bool same = n == m && memcmp(a, b, n) == 0;
        if (!same && !(except && contains(a, n, except) && contains(b, m, except))) {
            if (differences++ < 6)
                print_message("- %.*s\n+ %.*s\n", (int)n, a, (int)m, b);
        }
        a += n + (a[n] != 0);
        b += m + (b[m] != 0);
    }
    return differences + (*a != *b);
}

static void check_round_trip(struct recording_shape shape, const char *except)
{
    struct erg_buf first, again, third, dump, dump_again;
    struct erg_buf *all[] = {&first, &again, &third, &dump, &dump_again};
    for (size_t i = 0; i < ERG_COUNT(all); i++)
        erg_buf_init(all[i]);
    make_recording(&first, &shape);
    import_and_dump(&first, &again, &dump);
    import_and_dump(&again, &third, &dump_again);
    assert_int_equal(shape.deep, strstr(erg_buf_view(&dump), "  routing ") != NULL);
    int differences = compare(erg_buf_view(&dump), erg_buf_view(&dump_again), except);
    for (size_t i = 0; i < ERG_COUNT(all); i++)
        erg_buf_deinit(all[i]);
    if (differences)
        fail_msg("seed %u: %d lines differ", (unsigned)shape.seed, differences);
}

static void test_exact_sources_come_back_identical(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        check_round_trip((struct recording_shape){.seed = seed,
                                                  .passes = 3 + (int)seed * 2,
                                                  .domains = 1 + (int)seed % 6,
                                                  .prompt = 1 + (int)seed % 7,
                                                  .exact = true,
                                                  .constant = true,
                                                  .deep = seed % 2,
                                                  .load = seed % 2,
                                                  .idle = seed % 3,
                                                  .status = seed % 4 ? "complete" : "failed"},
                         NULL);
}

static void test_changing_power(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        check_round_trip((struct recording_shape){.seed = seed,
                                                  .passes = 30,
                                                  .domains = 1 + (int)seed % 4,
                                                  .prompt = 4,
                                                  .exact = true,
                                                  .idle = true,
                                                  .status = "complete"},
                         "peak_power_mw");
}

static void test_polled_sources(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        check_round_trip((struct recording_shape){.seed = seed,
                                                  .passes = 30,
                                                  .domains = 1 + (int)seed % 3,
                                                  .prompt = 4,
                                                  .deep = seed % 2,
                                                  .load = seed % 2,
                                                  .idle = seed % 3,
                                                  .status = seed % 2 ? "cancelled" : "complete"},
                         "peak_power_mw");
}

static void test_without_power(void **state)
{
    (void)state;
    check_round_trip(
        (struct recording_shape){
            .seed = 5, .passes = 5, .prompt = 2, .load = true, .status = "complete"},
        NULL);
}

static void test_a_counter_that_dies(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        check_round_trip((struct recording_shape){.seed = seed,
                                                  .passes = 30,
                                                  .domains = 2,
                                                  .prompt = 4,
                                                  .exact = true,
                                                  .dies = true,
                                                  .status = "complete"},
                         "peak_power_mw");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_sources_come_back_identical),
        cmocka_unit_test(test_changing_power),
        cmocka_unit_test(test_polled_sources),
        cmocka_unit_test(test_without_power),
        cmocka_unit_test(test_a_counter_that_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
