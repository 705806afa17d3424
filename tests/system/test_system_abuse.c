/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Surroundings that fail: disks that are full or read-only, a store that others hold, too little
 * memory, no GPU. The run ends in good order where it can, with one line and the documented status,
 * and the store stays whole.
 */

/* A run with nothing to say on stderr of its own accord. */
#define RUN      "run", "-m", TALES, "-p", "Once upon a time", "-t", "1", "--power", "none"
#define LONG_RUN RUN, "-n", "480", "--ignore-eos", "--json"

/* stdout holds a whole run, stderr the one line; exit status 4. */
static void assert_ran_but_not_stored(struct output *output, int64_t tokens, const char *must_say)
{
    const char *newline = strchr(output->err, '\n');
    if (output->status != 4 || !strstr(output->err, must_say) || !newline || newline[1])
        print_error("status %d, stderr: %s\n", output->status, output->err);
    assert_int_equal(output->status, 4);
    assert_non_null(strstr(output->err, must_say));
    assert_true(newline && !newline[1]);
    json_t *run = json_loads(output->out, 0, NULL);
    assert_non_null(run);
    assert_string_equal(json_string_value(json_object_get(run, "status")), "complete");
    assert_true(number_at(run, "output_tokens") == (double)tokens);
    json_decref(run);
    free_output(output);
}

static void check_integrity(const char *name)
{
    sqlite3 *db = open_store(name);
    char *text = query_text(db, "PRAGMA integrity_check");
    assert_string_equal(text, "ok|\n");
    assert_int_equal(query_int(db, "SELECT count(*) FROM profiling_runs r WHERE output_tokens <> "
                                   "(SELECT count(*) FROM tokens t WHERE t.run_id=r.id AND "
                                   "t.phase='decode')"),
                     0);
    free(text);
    sqlite3_close(db);
}

/* Mount on FOLDER/mnt, or say why not. */
static bool mount_or_skip(const char *source, const char *type, unsigned long flags,
                          const char *data)
{
    const char *path = in_folder("mnt");
    mkdir(path, 0755);
    if (mount(source, path, type, flags, data) == 0)
        return true;
    print_message("SKIPPED in part: cannot mount %s: %s\n", type ? type : source, strerror(errno));
    rmdir(path);
    return false;
}

static void unmount(void)
{
    assert_int_equal(umount(in_folder("mnt")), 0);
    rmdir(in_folder("mnt"));
}

/* The disk fills up during a run, and is full before the next. */
static void test_full_disk(void **state)
{
    (void)state;
    if (!mount_or_skip("tmpfs", "tmpfs", 0, "size=1536k"))
        return;
    const char *db = in_folder("mnt/full.db");
    struct output output = ergon(RUN, "-n", "2", "--json", "--db", db);
    assert_int_equal(output.status, 0);
    free_output(&output);
    output = ergon(LONG_RUN, "--mode", "deep", "--db", db);
    assert_ran_but_not_stored(&output, 480, "not all of the run is stored");
    check_integrity("mnt/full.db");
    sqlite3 *store = open_store("mnt/full.db");
    assert_int_equal(
        query_int(store, "SELECT count(*) FROM profiling_runs WHERE status='complete'"), 1);
    assert_int_equal(query_int(store, "SELECT count(*) FROM profiling_runs WHERE status NOT IN "
                                      "('complete','interrupted')"),
                     0);
    sqlite3_close(store);
    unmount();
}

/* The same without a privilege: a file may not grow beyond a limit. */
static void test_file_size_limit(void **state)
{
    (void)state;
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 400000;
    struct output output = ergon(RUN, "-n", "2", "--json", "--db", in_folder("limit.db"));
    assert_int_equal(output.status, 0);
    free_output(&output);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    output = ergon(LONG_RUN, "--mode", "deep", "--db", in_folder("limit.db"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_ran_but_not_stored(&output, 480, "no file may exceed 400000 bytes here");
    check_integrity("limit.db");
}

/* Reading commands work on `db`, `run` refuses it with one line. */
static void check_read_only(const char *db)
{
    struct output output = ergon("runs", "--db", db);
    assert_int_equal(output.status, 0);
    assert_non_null(strstr(output.out, "complete"));
    free_output(&output);
    output = ergon("show", "last", "--db", db);
    assert_int_equal(output.status, 0);
    free_output(&output);
    output = ergon("sql", "SELECT count(*) FROM tokens WHERE phase='decode'", "--db", db);
    assert_int_equal(output.status, 0);
    assert_non_null(strstr(output.out, "2"));
    free_output(&output);
    output = ergon("export", "last", "--db", db, "--format", "json", "-o", in_folder("x.json"));
    if (output.status)
        print_error("%s", output.err);
    assert_int_equal(output.status, 0);
    free_output(&output);
    output = ergon(RUN, "-n", "2", "--json", "--db", db);
    assert_one_line_error(&output, 4, "cannot open the store");
    free_output(&output);
}

static void make_small_store(const char *db)
{
    struct output output = ergon(RUN, "-n", "2", "--json", "--ignore-eos", "--db", db);
    assert_int_equal(output.status, 0);
    free_output(&output);
}

static void test_read_only_media(void **state)
{
    (void)state;
    mkdir(in_folder("media"), 0755);
    make_small_store(in_folder("media/ro.db"));
    if (mount_or_skip(in_folder("media"), NULL, MS_BIND, NULL)) {
        assert_int_equal(
            mount(NULL, in_folder("mnt"), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
        check_read_only(in_folder("mnt/ro.db"));
        unmount();
    }
    unlink(in_folder("media/ro.db"));
    unlink(in_folder("media/ro.db-wal"));
    unlink(in_folder("media/ro.db-shm"));
    rmdir(in_folder("media"));
}

/* Permissions bind nobody who is root: then `ergon` is run as somebody else. */
static bool become_somebody_else(void)
{
    if (geteuid())
        return true;
    assert_int_equal(chmod(in_folder("."), 0777), 0);
    unlink(in_folder("stdout"));
    unlink(in_folder("stderr"));
    assert_int_equal(setresuid(65534, 65534, 0), 0);
    if (access(ERGON, X_OK) == 0)
        return true;
    assert_int_equal(setresuid(0, 0, 0), 0);
    print_message("SKIPPED: only root may run %s\n", ERGON);
    return false;
}

static void test_read_only_file_and_folder(void **state)
{
    (void)state;
    uid_t me = geteuid();
    mkdir(in_folder("closed"), 0755);
    make_small_store(in_folder("closed/ro.db"));
    assert_int_equal(chmod(in_folder("closed/ro.db"), 0444), 0);
    assert_int_equal(chmod(in_folder("closed"), 0555), 0);
    if (become_somebody_else()) {
        check_read_only(in_folder("closed/ro.db"));
        if (me == 0)
            assert_int_equal(setresuid(0, 0, 0), 0);
    }
    chmod(in_folder("closed"), 0755);
    unlink(in_folder("closed/ro.db"));
    rmdir(in_folder("closed"));
}

/* Hold the store against all other writers. */
static sqlite3 *lock_store(const char *name)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(in_folder(name), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void test_store_is_locked_for_good(void **state)
{
    (void)state;
    make_small_store(in_folder("locked.db"));
    sqlite3 *holder = lock_store("locked.db");
    struct output output =
        ergon(RUN, "-n", "20", "--ignore-eos", "--json", "--db", in_folder("locked.db"));
    assert_ran_but_not_stored(&output, 20, "the run is not stored");
    output = ergon("runs", "--db", in_folder("locked.db"));
    assert_int_equal(output.status, 0); /* readers are not kept out */
    free_output(&output);
    sqlite3_close(holder);
    check_integrity("locked.db");
}

/* Locked when the run starts, free again a while later: waited for, and stored. */
static void test_store_is_locked_for_a_while(void **state)
{
    (void)state;
    static const char *const args[] = {RUN, "-n", "20", "--ignore-eos", "--tag", "waited", NULL};
    make_small_store(in_folder("test.db"));
    sqlite3 *holder = lock_store("test.db");
    int status;
    pid_t pid = start_ergon(args, -1, -1);
    poll(NULL, 0, 700); /* there is no sign by which to know that it waits */
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    assert_int_equal(sqlite3_exec(holder, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(query_int(holder, "SELECT output_tokens FROM profiling_runs WHERE tags LIKE "
                                       "'%waited%' AND status='complete'"),
                     20);
    sqlite3_close(holder);
}

static void test_two_runs_at_once(void **state)
{
    (void)state;
    static const char *const args[] = {RUN, "-n", "200", "--ignore-eos", "--tag", "twin", NULL};
    pid_t pids[2];
    int status;
    for (int i = 0; i < 2; i++)
        pids[i] = start_ergon(args, -1, -1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    sqlite3 *db = open_store("test.db");
    assert_int_equal(query_int(db, "SELECT count(*) FROM profiling_runs WHERE tags LIKE '%twin%' "
                                   "AND status='complete' AND output_tokens=200"),
                     2);
    sqlite3_close(db);
    check_integrity("test.db");
}

/* A machine that has `kilobytes` of memory and nothing else. */
static const char *make_machine(long kilobytes)
{
    mkdir(in_folder("root"), 0755);
    mkdir(in_folder("root/proc"), 0755);
    FILE *file = fopen(in_folder("root/proc/meminfo"), "w");
    assert_non_null(file);
    fprintf(file, "MemTotal:  %ld kB\n", kilobytes);
    fclose(file);
    return in_folder("root");
}

static void check_refused(const char *must_say, const char *const *args)
{
    struct output output = ergon_args(args);
    assert_one_line_error(&output, 4, must_say);
    free_output(&output);
}

static void test_too_little_memory(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(stat(TALES, &st), 0);
    const char *few = make_machine((long)st.st_size / 1024 - 1);
    check_refused("weights",
                  (const char *const[]){RUN, "-n", "2", "--json", "--sysroot", few, NULL});
    /* The cache of two tokens has a place beside the weights, that of 500 has not. */
    const char *some = make_machine((long)st.st_size / 1024 + 64);
    struct output output = ergon(RUN, "-n", "2", "--json", "--sysroot", some, "--no-save");
    assert_int_equal(output.status, 0);
    free_output(&output);
    check_refused(
        "KV cache of 500 tokens",
        (const char *const[]){RUN, "-n", "2", "--ctx", "500", "--json", "--sysroot", some, NULL});
    unlink(in_folder("root/proc/meminfo"));
    rmdir(in_folder("root/proc"));
    rmdir(in_folder("root"));
}

static void test_no_such_device(void **state)
{
    (void)state;
    check_refused("no device 'Abacus0'",
                  (const char *const[]){RUN, "-n", "2", "--json", "--device", "Abacus0", NULL});
    struct output output = ergon(RUN, "-n", "2", "--json", "--device", "gpu", "--no-save");
    if (output.status == 0)
        print_message("SKIPPED in part: this machine has a GPU\n");
    else
        assert_one_line_error(&output, 4, "no GPU");
    free_output(&output);
}

/* Whoever looks at the runs of a dead recorder before anybody writes: it is not running. */
static void test_dead_recorder_is_not_running(void **state)
{
    (void)state;
    FILE *script = fopen(in_folder("endless.script"), "w");
    assert_non_null(script);
    fputs("run_begin {}\npass prefill\ntoken 5 \"x\"\nstall\n", script);
    fclose(script);
    setenv("ERGON_FAKE_SCRIPT", in_folder("endless.script"), 1);
    static const char *const args[] = {RUN,     "--engine", ERGON_FAKE_ENGINE,
                                       "--tag", "endless",  NULL};
    pid_t pid = start_ergon(args, -1, -1);
    int64_t begun = 0;
    for (int i = 0; i < 4000 && !begun; i++) {
        poll(NULL, 0, 5);
        sqlite3 *db = open_store("test.db");
        begun = query_int(db, "SELECT count(*) FROM profiling_runs WHERE tags LIKE '%endless%'");
        sqlite3_close(db);
    }
    assert_int_equal(begun, 1);
    static const char *const wanted[] = {"running", "interrupted"};
    for (size_t i = 0; i < ERG_COUNT(wanted); i++) {
        json_t *runs = ergon_json("runs", "--tag", "endless");
        const json_t *run = json_array_get(runs, 0);
        assert_string_equal(json_string_value(json_object_get(run, "status")), wanted[i]);
        json_decref(runs);
        struct output output = ergon("runs", "--tag", "endless");
        assert_non_null(strstr(output.out, wanted[i]));
        free_output(&output);
        if (i == 0) {
            kill(pid, SIGKILL);
            assert_int_equal(waitpid(pid, NULL, 0), pid);
        }
    }
    sqlite3 *db = open_store("test.db"); /* nobody has written it there yet */
    assert_int_equal(query_int(db, "SELECT count(*) FROM profiling_runs WHERE status='running'"),
                     1);
    sqlite3_close(db);
}

/* A test that failed has left its mount. */
static int clean_up(void **state)
{
    umount2(in_folder("mnt"), MNT_DETACH);
    rmdir(in_folder("mnt"));
    return remove_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_file_size_limit),
        cmocka_unit_test(test_read_only_media),
        cmocka_unit_test(test_read_only_file_and_folder),
        cmocka_unit_test(test_store_is_locked_for_good),
        cmocka_unit_test(test_store_is_locked_for_a_while),
        cmocka_unit_test(test_two_runs_at_once),
        cmocka_unit_test(test_too_little_memory),
        cmocka_unit_test(test_no_such_device),
        cmocka_unit_test(test_dead_recorder_is_not_running),
    };
    return cmocka_run_group_tests(tests, make_folder, clean_up);
}
