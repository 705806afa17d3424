/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "store/make_store.h"
#include "store/spans.h"
#include "store/store_priv.h"
#include "store/temp_store.h"

/* Every allocation of the room fails once: an error, no crash, nothing leaked, nothing half done.
 */
void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);

static int64_t allowed = INT64_MAX; /* allocations until one fails */
static bool failed;

void *__wrap_erg_realloc(void *block, size_t bytes)
{
    if (allowed-- == 0) {
        failed = true;
        return NULL;
    }
    return __real_erg_realloc(block, bytes);
}

/* Run `work` with each allocation failing in turn, until one goes through without. */
static void sweep(int (*work)(void *user), void *user)
{
    for (int64_t k = 0;; k++) {
        failed = false;
        allowed = k;
        int status = work(user);
        allowed = INT64_MAX;
        if (!failed) {
            assert_int_equal(status, 0);
            assert_true(k > 0);
            return;
        }
    }
}

static int ignore_pass(void *user, const struct erg_pass_row *row)
{
    (void)user;
    (void)row;
    return 0;
}

static int ignore_run(void *user, const struct erg_run_row *row)
{
    (void)user;
    (void)row;
    return 0;
}

static int read_everything(void *user)
{
    struct erg_store *store = NULL;
    struct erg_run_filter filter = {.limit = -1, .search = "joules", .sort = "-joules_per_token"};
    char *id = NULL, *json = NULL;
    int status = erg_store_open(&store, user, ERG_STORE_READ, NULL, NULL);
    if (status == 0)
        status = erg_store_runs(store, &filter, ignore_run, NULL, NULL);
    if (status == 0)
        status = erg_store_resolve(store, "last", &id, NULL);
    if (status == 0)
        status = erg_store_passes(store, id, true, ignore_pass, NULL, NULL);
    if (status == 0)
        status = erg_store_summary(store, id, &json, NULL);
    if (status == 0 && erg_sql_int(store->db, "SELECT count(*) FROM layer_metrics", -1) != 14)
        status = ERG_NOMEM;
    free(id);
    free(json);
    erg_store_close(store);
    return status;
}

static void reading_survives_every_failing_allocation(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    make_store(temp.path);
    sweep(read_everything, temp.path);
    temp_store_remove(&temp);
}

static int write_a_run(void *user)
{
    static int round;
    char id[32];
    snprintf(id, sizeof(id), "run-%d", round++);
    struct erg_run_row run = make_run(id, "complete", "{\"a\":1}");
    struct make_shape shape = {.layers = 2, .detail = MAKE_DEEP, .time_scale = 1, .seed = 3};
    struct erg_writer *writer;
    int status = erg_writer_open(&writer, user, &run, make_name, NULL, NULL);
    if (status)
        return status;
    struct make_pass pass;
    make_pass(&pass, &shape, 0, ERG_PHASE_DECODE, 0, 1, 0);
    struct erg_token_row token = make_token(&pass.row, 0, 0);
    erg_writer_pass(writer, &pass.row);
    erg_writer_token(writer, &token);
    make_pass_free(&pass);
    run.recorder = "done";
    erg_writer_run(writer, &run);
    return erg_writer_finish(writer, NULL);
}

static void writing_survives_every_failing_allocation(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct erg_store *store;
    sweep(write_a_run, temp.path);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
    /* all of a run, which some failures do not hinder, or nothing but its first row */
    assert_int_equal(erg_sql_int(store->db,
                                 "SELECT count(*) FROM profiling_runs r WHERE (status = 'complete' "
                                 "AND recorder IS NOT NULL) <> (SELECT count(*) FROM passes p JOIN "
                                 "tokens t ON t.pass_id = p.id WHERE p.run_id = r.id)",
                                 -1),
                     0);
    assert_true(erg_sql_int(store->db, "SELECT count(*) FROM tokens", -1) >= 1);
    erg_store_close(store);
    temp_store_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_survives_every_failing_allocation),
        cmocka_unit_test(writing_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
