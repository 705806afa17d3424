/* SPDX-License-Identifier: MIT */
#include "record/fake_session.h"

#include "ergon/probe.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/*
 * A recording is read much faster than a store writes, more so while somebody else writes there: an
 * import waits instead of giving up. 450 tokens of 960 kB are more than the writer takes at once
 * (64 MiB) and queues (256 MiB).
 */
enum { TOKENS = 450, TEXT_BYTES = 960000, HOLD_MS = 6000 };

/* What an engine sends that evaluates one token after the other. */
static void write_stream(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    struct ergon_probe_options options = {.buffer_bytes = 4 << 20};
    ergon_probe *probe = ergon_probe_open(fd, &options);
    assert_non_null(probe);
    char *text = malloc(TEXT_BYTES);
    memset(text, 'x', TEXT_BYTES);
    ergon_probe_run_begin(probe, 1000, "{}");
    for (uint32_t i = 0; i < TOKENS; i++) {
        ergon_probe_pass_begin(probe, 2000 + i * 1000, ERGON_PREFILL, 1, i);
        ergon_probe_pass_end(probe, 3000 + i * 1000, 0);
        ergon_probe_token(probe, ERGON_PREFILL, i, 5, text, TEXT_BYTES);
        ergon_probe_flush(probe);
    }
    ergon_probe_run_end(probe, 3000 + TOKENS * 1000, ERGON_COMPLETE, NULL);
    assert_int_equal(ergon_probe_dropped(probe), 0);
    ergon_probe_close(probe);
    close(fd);
    free(text);
}

static void make_recording(struct fake_session *fake)
{
    char path[128], command[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/stream", fake->folder);
    write_stream(path);
    snprintf(command, sizeof command, "#!/bin/sh\nexec cat %s >&3\n", path);
    fake_session_shell(fake, command);
    fake->options.store_path = NULL;
    fake->options.power_spec = "none";
    assert_int_equal(fake_session_run(fake), 0);
    assert_string_equal(fake->result.status, "complete");
    erg_run_result_deinit(&fake->result);
    assert_int_equal(stat(fake->recording, &st), 0);
    assert_true(st.st_size > (off_t)TOKENS * TEXT_BYTES);
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

/* Somebody else who writes to the store for six seconds, from the moment it has the run. */
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
    return statvfs(folder, &fs) == 0 && (double)fs.f_bavail * (double)fs.f_frsize > 2e9;
}

static void import_into(struct fake_session *fake)
{
    pthread_t holder;
    void *held = NULL;
    bool torn = true;
    make_recording(fake);
    assert_int_equal(pthread_create(&holder, NULL, hold_store, fake->store), 0);
    int rc = erg_import(fake->recording, fake->store, &fake->result, &torn, &fake->err);
    assert_int_equal(pthread_join(holder, &held), 0);
    if (rc)
        print_error("%s\n", fake->err.text);
    assert_int_equal(rc, 0);
    assert_non_null(held);
    assert_false(torn);
    assert_non_null(strstr(fake->result.summary_json, "\"input_tokens\":450"));
}

static void importing_waits_for_the_store(void **state)
{
    (void)state;
    struct fake_session fake;
    fake_session_init(&fake, "");
    if (has_room(fake.folder))
        import_into(&fake);
    else
        print_message("SKIPPED: less than 2 GB free in %s\n", fake.folder);
    fake_session_deinit(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(importing_waits_for_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
