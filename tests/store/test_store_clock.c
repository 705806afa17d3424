/* SPDX-License-Identifier: MIT */
#include "store/make_store.h"
#include "store/temp_store.h"
#include "store/writer_priv.h"

#include <poll.h>
#include <time.h>

/*
 * A wall clock that jumps must not put off a commit: to the program it is an hour ahead of what the
 * system's waiting functions go by, as if it had been set back between reading and waiting.
 */
int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    int rc = __real_clock_gettime(clock, out);
    if (rc == 0 && clock == CLOCK_REALTIME)
        out->tv_sec += 3600;
    return rc;
}

static int64_t stored_runs_of_status(const char *path, const char *status)
{
    struct erg_store *store;
    char sql[100];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM profiling_runs WHERE status = '%s'", status);
    assert_int_equal(erg_store_open(&store, path, ERG_STORE_READ, NULL, NULL), 0);
    int64_t count = erg_sql_int(store->db, sql, -1);
    erg_store_close(store);
    return count;
}

static void a_commit_does_not_wait_for_the_wall_clock(void **state)
{
    (void)state;
    static const struct erg_writer_options options = {.commit_interval_ns = 50000000,
                                                      .busy_ms = 10000};
    struct temp_store temp = temp_store_new();
    struct erg_run_row run = make_run("one-run", "running", NULL);
    struct erg_writer *writer;
    assert_int_equal(
        erg_writer_open_with(&writer, temp.path, &run, make_name, NULL, &options, NULL), 0);
    run.status = "complete";
    erg_writer_run(writer, &run);
    int64_t stored = 0;
    for (int i = 0; i < 2000 && !stored; i++) {
        poll(NULL, 0, 5);
        stored = stored_runs_of_status(temp.path, "complete");
    }
    assert_int_equal(stored, 1);
    assert_int_equal(erg_writer_finish(writer, NULL), 0);
    temp_store_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_does_not_wait_for_the_wall_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
