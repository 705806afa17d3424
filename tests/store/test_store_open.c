/* SPDX-License-Identifier: MIT */
#include "store/make_store.h"
#include "store/process.h"
#include "store/schema.h"
#include "store/store_priv.h"
#include "store/temp_store.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void the_default_path_follows_the_environment(void **state)
{
    (void)state;
    const struct {
        const char *db, *data, *home, *want;
    } cases[] = {
        {"/a/b.db", "/data", "/home/x", "/a/b.db"},
        {NULL, "/data", "/home/x", "/data/ergon/ergon.db"},
        {"", "", "/home/x", "/home/x/.local/share/ergon/ergon.db"},
        {NULL, "relative", "/home/x", "/home/x/.local/share/ergon/ergon.db"},
        {NULL, NULL, NULL, NULL},
    };
    static const char *const names[] = {"ERGON_DB", "XDG_DATA_HOME", "HOME"};
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        const char *values[] = {cases[i].db, cases[i].data, cases[i].home};
        for (size_t k = 0; k < ERG_COUNT(names); k++) {
            if (values[k])
                setenv(names[k], values[k], 1);
            else
                unsetenv(names[k]);
        }
        char path[64];
        int status = erg_store_default_path(path, sizeof(path), NULL);
        assert_int_equal(status, cases[i].want ? 0 : ERG_NOT_FOUND);
        if (cases[i].want)
            assert_string_equal(path, cases[i].want);
    }
    char small[4];
    setenv("ERGON_DB", "/a/b.db", 1);
    assert_int_equal(erg_store_default_path(small, sizeof(small), NULL), ERG_LIMIT);
}

static void put_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void what_is_no_store_is_refused_and_left_alone(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct erg_store *store = NULL;
    struct erg_err err;
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, &err), ERG_NOT_FOUND);
    assert_non_null(strstr(err.text, temp.path));
    put_file(temp.path, "", 0);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), ERG_CORRUPT);
    static const char text[] = "This is a letter, not a database, and it is longer than the header "
                               "of one, which has a hundred bytes.";
    put_file(temp.path, text, sizeof(text));
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), ERG_CORRUPT);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_WRITE, NULL, NULL), ERG_CORRUPT);
    unlink(temp.path);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(temp.path, &db), SQLITE_OK);
    assert_int_equal(erg_sql_exec(db, "CREATE TABLE theirs(x)", NULL), 0);
    sqlite3_close(db);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_WRITE, NULL, &err), ERG_CORRUPT);
    assert_int_equal(sqlite3_open(temp.path, &db), SQLITE_OK);
    assert_int_equal(erg_sql_int(db, "SELECT count(*) FROM sqlite_schema", -1), 1);
    ERG_AUTO_STMT sqlite3_stmt *mode = NULL;
    assert_int_equal(erg_sql_prepare(db, &mode, "PRAGMA journal_mode", NULL), 0);
    assert_int_equal(sqlite3_step(mode), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(mode, 0), "delete");
    sqlite3_finalize(mode);
    mode = NULL;
    sqlite3_close(db);
    assert_null(store);
    temp_store_remove(&temp);
}

static void writing_creates_folders_and_the_settings_of_a_store(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    char path[128], folder[100];
    struct erg_store *store;
    snprintf(folder, sizeof(folder), "%s/a", temp.folder);
    snprintf(path, sizeof(path), "%s/b %%?#/x.db", folder);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(erg_store_open(&store, path, ERG_STORE_WRITE, NULL, NULL), 0);
        assert_int_equal(erg_sql_int(store->db, "PRAGMA user_version", -1), 4);
        assert_int_equal(erg_sql_int(store->db, "PRAGMA auto_vacuum", -1), 2);
        assert_int_equal(erg_sql_int(store->db, "PRAGMA page_size", -1), ERG_STORE_PAGE_BYTES);
        assert_int_equal(erg_sql_int(store->db, "PRAGMA foreign_keys", -1), 1);
        assert_int_equal(erg_sql_int(store->db, "PRAGMA synchronous", -1), 1);
        erg_store_close(store);
    }
    assert_int_equal(erg_store_open(&store, path, ERG_STORE_READ, NULL, NULL), 0);
    erg_store_close(store);
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    rmdir(folder);
    temp_store_remove(&temp);
}

static void a_newer_store_is_refused_and_an_older_one_migrated(void **state)
{
    (void)state;
    static const char *const second[] = {"CREATE TABLE added(x)", "INSERT INTO added VALUES(1)",
                                         NULL};
    static const char *const broken[] = {"CREATE TABLE more(x)", "CREATE TABLE more(x)", NULL};
    struct erg_migration steps[16];
    size_t known = erg_migration_count;
    int last = erg_migrations[known - 1].to;
    assert_true(known + 2 <= 16);
    memcpy(steps, erg_migrations, known * sizeof steps[0]);
    steps[known] = (struct erg_migration){last + 1, second};
    steps[known + 1] = (struct erg_migration){last + 2, broken};
    struct temp_store temp = temp_store_new();
    struct erg_store *store;
    struct erg_err err;
    make_store(temp.path);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_WRITE, NULL, NULL), 0);
    assert_int_equal(erg_schema_migrate(store->db, steps, known + 1, NULL), 0);
    assert_int_equal(erg_schema_migrate(store->db, steps, known + 1, NULL), 0);
    assert_int_equal(erg_sql_int(store->db, "SELECT count(*) FROM added", -1), 1);
    assert_int_equal(erg_sql_int(store->db, "SELECT count(*) FROM profiling_runs", -1), 2);
    assert_true(erg_schema_migrate(store->db, steps, known + 2, NULL) <
                0); /* all of a step or nothing */
    assert_int_equal(erg_sql_int(store->db, "PRAGMA user_version", -1), last + 1);
    assert_int_equal(erg_sql_int(store->db, "SELECT count(*) FROM more", -1), -1);
    erg_store_close(store);
    for (int mode = ERG_STORE_READ; mode <= ERG_STORE_WRITE; mode++) {
        assert_int_equal(erg_store_open(&store, temp.path, (enum erg_store_mode)mode, NULL, &err),
                         ERG_UNSUPPORTED);
        assert_non_null(strstr(err.text, "newer"));
    }
    temp_store_remove(&temp);
}

static void runs_of_dead_recorders_are_marked(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    char *alive = erg_store_recorder_id();
    char other_start[200], other_boot[200], dead[200];
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    const char *rest = strchr(alive, ' ');
    snprintf(dead, sizeof(dead), "%ld%s", (long)child, rest);
    snprintf(other_start, sizeof(other_start), "%ld 1%s", (long)getpid(), strrchr(alive, ' '));
    snprintf(other_boot, sizeof(other_boot), "%.*s another-boot",
             (int)(strrchr(alive, ' ') - alive), alive);
    const char *const recorders[] = {alive, dead, other_start, other_boot, "nonsense", NULL};
    struct erg_store *store;
    int recovered = -1;
    for (size_t i = 0; i < ERG_COUNT(recorders); i++) {
        char id[8];
        snprintf(id, sizeof(id), "run-%zu", i);
        struct erg_run_row run = make_run(id, "running", NULL);
        run.recorder = alive;
        struct erg_writer *writer;
        assert_int_equal(erg_writer_open(&writer, temp.path, &run, make_name, NULL, NULL), 0);
        run.recorder = recorders[i];
        erg_writer_run(writer, &run);
        assert_int_equal(erg_writer_finish(writer, NULL), 0);
        /* the next open marks the one before, or not */
    }
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_WRITE, &recovered, NULL), 0);
    assert_int_equal(recovered, 1);
    assert_int_equal(erg_sql_int(store->db,
                                 "SELECT count(*) FROM profiling_runs WHERE status = 'interrupted' "
                                 "AND failure IS NOT NULL",
                                 -1),
                     ERG_COUNT(recorders) - 1);
    assert_int_equal(erg_sql_int(store->db,
                                 "SELECT count(*) FROM profiling_runs WHERE status = 'running' "
                                 "AND id = 'run-0'",
                                 -1),
                     1);
    erg_store_close(store);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_WRITE, &recovered, NULL), 0);
    assert_int_equal(recovered, 0);
    erg_store_close(store);
    free(alive);
    temp_store_remove(&temp);
}

static void only_media_nobody_can_write_are_taken_as_immutable(void **state)
{
    (void)state;
    assert_true(erg_store_immutable(false, false));
    assert_false(erg_store_immutable(false, true));
    assert_false(erg_store_immutable(true, false));
    assert_false(erg_store_immutable(true, true));
}

static int64_t runs_in(const char *path)
{
    struct erg_store *store;
    if (erg_store_open(&store, path, ERG_STORE_READ, NULL, NULL))
        return -1;
    int64_t runs = erg_sql_int(store->db, "SELECT count(*) FROM profiling_runs", -1);
    int64_t layers = erg_sql_int(store->db, "SELECT count(*) FROM layer_metrics", -1);
    erg_store_close(store);
    return layers > 0 ? runs : -2;
}

/* A folder mounted read-only; skipped where mounting is not allowed. */
static void a_store_on_read_only_media_can_be_read(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    make_store(temp.path);
    if (mount(temp.folder, temp.folder, NULL, MS_BIND, NULL) ||
        mount(NULL, temp.folder, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL)) {
        umount2(temp.folder, MNT_DETACH);
        temp_store_remove(&temp);
        print_message("mounting is not allowed here\n");
        skip();
    }
    int64_t clean = runs_in(temp.path);
    struct erg_store *store;
    int write_status = erg_store_open(&store, temp.path, ERG_STORE_WRITE, NULL, NULL);
    umount2(temp.folder, MNT_DETACH);
    assert_int_equal(clean, 2);
    assert_int_equal(write_status, ERG_DENIED);
    temp_store_remove(&temp);
}

/* The same with the WAL that a killed recorder left behind: readable, up to the last checkpoint. */
static void a_store_with_a_wal_on_read_only_media_can_be_read(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    make_store(temp.path);
    pid_t child = fork();
    if (child == 0) {
        struct erg_store *store;
        if (erg_store_open(&store, temp.path, ERG_STORE_WRITE, NULL, NULL) ||
            erg_store_label(store, MAKE_STORE_DEEP, "[]", NULL, NULL))
            _exit(1);
        _exit(0); /* without closing: the WAL stays */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    char shm[160];
    snprintf(shm, sizeof(shm), "%s-shm", temp.path);
    unlink(shm);
    if (mount(temp.folder, temp.folder, NULL, MS_BIND, NULL) ||
        mount(NULL, temp.folder, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL)) {
        umount2(temp.folder, MNT_DETACH);
        temp_store_remove(&temp);
        print_message("mounting is not allowed here\n");
        skip();
    }
    int64_t runs = runs_in(temp.path);
    umount2(temp.folder, MNT_DETACH);
    assert_int_equal(runs, 2);
    temp_store_remove(&temp);
}

static void reading_changes_nothing(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct erg_store *store;
    make_store(temp.path);
    struct stat before, after;
    assert_int_equal(stat(temp.path, &before), 0);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_delete(store, MAKE_STORE_DEEP, NULL), ERG_DENIED);
    assert_int_equal(erg_store_label(store, MAKE_STORE_DEEP, "[]", NULL, NULL), ERG_DENIED);
    erg_store_close(store);
    assert_int_equal(stat(temp.path, &after), 0);
    assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    temp_store_remove(&temp);
}

static void health_reports_damage(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct erg_store *store;
    struct erg_store_health health;
    make_store(temp.path);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_health(store, &health, NULL), 0);
    assert_true(health.integrity_ok && health.runs == 2 && health.schema_version == 4);
    assert_true(health.free_bytes > 0 && health.file_bytes > 10000);
    assert_string_equal(health.integrity, "ok");
    int64_t root = erg_sql_int(
        store->db, "SELECT rootpage FROM sqlite_schema WHERE name = 'tokens_of_pass'", -1);
    erg_store_close(store);
    int fd = open(temp.path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    static const char rubbish[64] = {5, 4, 3, 2, 1};
    assert_int_equal(pwrite(fd, rubbish, sizeof(rubbish), (root - 1) * ERG_STORE_PAGE_BYTES), 64);
    close(fd);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_health(store, &health, NULL), 0);
    assert_false(health.integrity_ok);
    assert_true(strlen(health.integrity) > 5);
    erg_store_close(store);
    temp_store_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_path_follows_the_environment),
        cmocka_unit_test(what_is_no_store_is_refused_and_left_alone),
        cmocka_unit_test(writing_creates_folders_and_the_settings_of_a_store),
        cmocka_unit_test(a_newer_store_is_refused_and_an_older_one_migrated),
        cmocka_unit_test(runs_of_dead_recorders_are_marked),
        cmocka_unit_test(only_media_nobody_can_write_are_taken_as_immutable),
        cmocka_unit_test(a_store_on_read_only_media_can_be_read),
        cmocka_unit_test(a_store_with_a_wal_on_read_only_media_can_be_read),
        cmocka_unit_test(reading_changes_nothing),
        cmocka_unit_test(health_reports_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
