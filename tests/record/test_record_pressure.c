/* SPDX-License-Identifier: MIT */
#include "record/fake_session.h"

#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/statvfs.h>

/*
 * A recording is read much faster than a store writes, more so while somebody else writes there: an
 * import waits instead of giving up. 300 tokens of 960 kB are more than the writer would queue.
 */
enum { TOKENS = 300, TEXT_BYTES = 960000, HOLD_MS = 2000 };

static char *make_script(void)
{
    static const char head[] = "run_begin {}\nsection pre_inference tokenization 1ms\nrepeat 300\n"
                               "pass prefill\ntoken 5 \"",
                      tail[] = "\"\nend\nrun_end\n";
    char *script = malloc(sizeof head + TEXT_BYTES + sizeof tail);
    assert_non_null(script);
    memcpy(script, head, sizeof head - 1);
    memset(script + sizeof head - 1, 'x', TEXT_BYTES);
    memcpy(script + sizeof head - 1 + TEXT_BYTES, tail, sizeof tail);
    return script;
}

static bool has_run(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    bool found =
        sqlite3_prepare_v2(db, "SELECT 1 FROM profiling_runs", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW;
    sqlite3_finalize(stmt);
    return found;
}

/* Somebody else who writes to the store for two seconds, from the moment it has the run. */
static void *hold_store(void *path)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK)
        return NULL;
    sqlite3_busy_timeout(db, 10000);
    for (int i = 0; i < 5000 && !has_run(db); i++)
        poll(NULL, 0, 2);
    bool held = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    poll(NULL, 0, HOLD_MS);
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(db);
    return held ? path : NULL;
}

static bool has_room(const char *folder)
{
    struct statvfs fs;
    return statvfs(folder, &fs) == 0 && (double)fs.f_bavail * (double)fs.f_frsize > 1.5e9;
}

static void import_into(struct fake_session *fake)
{
    pthread_t holder;
    void *held = NULL;
    bool torn = true;
    char *script = make_script();
    write_text(fake->script, script);
    free(script);
    fake->options.store_path = NULL;
    fake->options.power_spec = "none";
    assert_int_equal(fake_session_run(fake), 0);
    erg_run_result_deinit(&fake->result);
    assert_int_equal(pthread_create(&holder, NULL, hold_store, fake->store), 0);
    int rc = erg_import(fake->recording, fake->store, &fake->result, &torn, &fake->err);
    assert_int_equal(pthread_join(holder, &held), 0);
    if (rc)
        print_error("%s\n", fake->err.text);
    assert_int_equal(rc, 0);
    assert_non_null(held);
    assert_false(torn);
    assert_non_null(strstr(fake->result.summary_json, "\"input_tokens\":300"));
}

static void importing_waits_for_the_store(void **state)
{
    (void)state;
    struct fake_session fake;
    fake_session_init(&fake, "");
    if (has_room(fake.folder))
        import_into(&fake);
    else
        print_message("SKIPPED: less than 1.5 GB free in %s\n", fake.folder);
    fake_session_deinit(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(importing_waits_for_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
