/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Every system call of `ergon` fails once (shim.c), in each thing that it does: it ends in order,
 * with one line and a documented status, what was stored before is whole, nothing half-made stays
 * behind and no process. A call that is interrupted or moves one byte only changes nothing at all.
 */
static const char script[] = "run_begin {\"engine\":{\"name\":\"fake\"},\"settings\":{\"n\":1}}\n"
                             "section pre_inference tokenization 1ms\n"
                             "pass prefill tokens=2 layers=1 duration=10ms\n"
                             "token 5 \"x\"\ntoken 5 \"z\"\n"
                             "pass decode layers=1 duration=10ms stats\ntoken 6 \"y\"\n"
                             "run_end\n";

#define RUN                                                                                        \
    "run", "-q", "--engine", ERGON_FAKE_ENGINE, "-m", TALES, "-p", "hi", "--json", "--power",      \
        "estimate", "--idle-seconds", "0", "--sysroot", "power/roots/epyc-vm"

/* A file that a part makes, and the runs it leaves, of the one that was there, when all goes well.
 */
struct part {
    const char *const *args;
    const char *makes;
    int runs;
};

static char made[4][128]; /* in_folder() has few buffers */
static int usual_status;
static char usual_err[512];

static void put_file(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static struct store {
    char bytes[1 << 20];
    size_t len;
} before;

static int make_runs(void **state)
{
    assert_int_equal(make_folder(state), 0);
    put_file(in_folder("script"), script, sizeof script - 1);
    setenv("ERGON_FAKE_SCRIPT", in_folder("script"), 1);
    setenv("TMPDIR", in_folder("."), 1);
    static const char *const names[] = {"base.erg", "out.erg", "out.csv.zip", "out.sqlite"};
    for (size_t i = 0; i < ERG_COUNT(names); i++)
        snprintf(made[i], sizeof made[i], "%s", in_folder(names[i]));
    struct output output = ergon(RUN, "--record", made[0]);
    assert_int_equal(output.status, 0);
    free_output(&output);
    assert_int_equal(unlink(in_folder("test.db")), 0);
    output = ergon(RUN);
    assert_int_equal(output.status, 0);
    free_output(&output);
    FILE *file = fopen(in_folder("test.db"), "rb");
    before.len = fread(before.bytes, 1, sizeof before.bytes, file);
    assert_true(before.len && before.len < sizeof before.bytes);
    fclose(file);
    /* Whoever loses its parent becomes ours. */
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void reset(void)
{
    static const char *const made_files[] = {"test.db-wal", "test.db-shm", "out.erg",
                                             "out.csv.zip", "out.sqlite",  "failed"};
    for (size_t i = 0; i < ERG_COUNT(made_files); i++)
        unlink(in_folder(made_files[i]));
    put_file(in_folder("test.db"), before.bytes, before.len);
}

/* Which call failed; "" when the program made fewer. */
static void read_failed(char out[64])
{
    int fd = open(in_folder("failed"), O_RDONLY);
    ssize_t len = fd < 0 ? 0 : read(fd, out, 63);
    out[len > 0 ? len : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static struct output run_with(const char *kind, long k, const struct part *part)
{
    char fault[32];
    snprintf(fault, sizeof fault, "%s:%ld", kind, k);
    setenv("ERGON_FAULT", fault, 1);
    setenv("ERGON_FAULT_LOG", in_folder("failed"), 1);
    setenv("LD_PRELOAD", ERGON_FAULT_SHIM, 1);
    struct output output = ergon_args(part->args);
    unsetenv("LD_PRELOAD");
    return output;
}

/* --- what holds however it ends ----------------------------------------------------------------
 */

/* One line more than it always says. */
static bool one_line(const char *text)
{
    if (strncmp(text, usual_err, strlen(usual_err)) == 0)
        text += strlen(usual_err);
    const char *end = strchr(text, '\n');
    return strncmp(text, "ergon", 5) == 0 && end && end[1] == '\0' && end - text > 20 &&
           !strstr(text, ": success");
}

/* All that was stored is there; a run that was to be deleted may be gone. */
static bool store_is_whole(const struct part *part, int status, bool *out_all_done)
{
    sqlite3 *db = open_store("test.db");
    char *text = query_text(db, "PRAGMA integrity_check");
    int64_t complete =
        query_int(db, "SELECT count(*) FROM profiling_runs WHERE status = 'complete'");
    int64_t torn = query_int(db, "SELECT count(*) FROM profiling_runs r WHERE status='complete' "
                                 "AND 3 <> (SELECT count(*) FROM tokens t WHERE t.run_id = r.id)");
    bool whole = strcmp(text, "ok|\n") == 0 && torn == 0 && complete <= 2 &&
                 (complete >= 1 || part->runs == 0);
    *out_all_done = complete == part->runs;
    free(text);
    sqlite3_close(db);
    return whole && (status != 0 || usual_status != 0 || *out_all_done);
}

/* Nothing but what is known, and the product only when it is said to be there. */
static bool files_are_known(const struct part *part, int status, const char *failed)
{
    static const char *const known[] = {"test.db",  "test.db-wal", "test.db-shm", "script",
                                        "base.erg", "failed",      "stdout",      "stderr"};
    DIR *dir = opendir(in_folder("."));
    bool good = true, product = false;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        bool found = entry->d_name[0] == '.';
        for (size_t i = 0; i < ERG_COUNT(known); i++)
            found |= strcmp(known[i], entry->d_name) == 0;
        if (part->makes && strcmp(part->makes, entry->d_name) == 0)
            found = product = true;
        if (!found && strcmp(failed, "unlink") != 0)
            good = false;
        if (!found) {
            if (!good)
                print_error("'%s' was left behind\n", entry->d_name);
            unlink(in_folder(entry->d_name));
        }
    }
    closedir(dir);
    return good && (status != 0 || !part->makes || product);
}

/* An engine that was left alone ends by itself, and soon. */
static bool no_process_left(void)
{
    for (int waited = 0; waited < 300; waited++) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0 && errno == ECHILD)
            return true;
        if (pid == 0)
            poll(NULL, 0, 10);
    }
    return false;
}

static bool holds(const struct part *part, const char *kind, const char *failed,
                  const struct output *output)
{
    bool all_done, fails = strcmp(kind, "fail") == 0;
    int status = output->status;
    bool documented = status == 0 || (status >= 3 && status <= 5) || status == usual_status;
    if (!documented || (!fails && status != usual_status))
        return false;
    if (status != usual_status && status != 0 && !one_line(output->err))
        return false;
    return store_is_whole(part, status, &all_done) && files_are_known(part, status, failed) &&
           no_process_left();
}

static void sweep(const char *kind, const char *const *args, const char *makes, int runs)
{
    struct part part = {args, makes, runs};
    char failed[64];
    long k = 0;
    int bad = 0;
    reset();
    struct output output = run_with("none", 0, &part);
    usual_status = output.status;
    snprintf(usual_err, sizeof usual_err, "%s", output.err);
    assert_in_range(usual_status, 0, 1);
    free_output(&output);
    do {
        reset();
        output = run_with(kind, ++k, &part);
        read_failed(failed);
        if (!holds(&part, kind, failed, &output)) {
            print_error("%s %s, call %ld (%s): status %d: %s\n", kind, args[0], k, failed,
                        output.status, output.err);
            bad++;
        }
        free_output(&output);
    } while (*failed && bad < 20);
    print_message("%s %s %s: %ld calls\n", kind, args[0], makes ? makes : "", k - 1);
    assert_int_equal(bad, 0);
    assert_true(k > 2);
}

#define SWEEP(kind, makes, runs, ...)                                                              \
    sweep(kind, (const char *const[]){__VA_ARGS__, NULL}, makes, runs)

static void sweep_run(const char *kind)
{
    SWEEP(kind, "out.erg", 2, RUN, "--record", made[1]);
}

static void sweep_rest(const char *kind)
{
    SWEEP(kind, NULL, 2, "import", "-q", made[0]);
    SWEEP(kind, NULL, 0, "delete", "-q", "last");
    SWEEP(kind, NULL, 1, "show", "-q", "last");
    SWEEP(kind, NULL, 1, "runs", "--json");
    SWEEP(kind, NULL, 1, "sql", "SELECT count(*) FROM component_metrics");
    SWEEP(kind, NULL, 1, "export", "-q", "last");
    SWEEP(kind, "out.erg", 1, "export", "-q", "last", "-o", made[1]);
    SWEEP(kind, "out.csv.zip", 1, "export", "-q", "last", "-o", made[2]);
    SWEEP(kind, "out.sqlite", 1, "export", "-q", "last", "-o", made[3]);
    SWEEP(kind, NULL, 1, "models", "show", TALES);
    SWEEP(kind, NULL, 1, "doctor", "--engine", ERGON_FAKE_ENGINE);
}

/* Of the kinds of the shim; "run", "rest" or NULL for both. */
static const char *kind_chosen, *part_chosen;

static void every_call_in_turn(void **state)
{
    (void)state;
    if (!part_chosen || strcmp(part_chosen, "run") == 0)
        sweep_run(kind_chosen);
    if (!part_chosen || strcmp(part_chosen, "rest") == 0)
        sweep_rest(kind_chosen);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_call_in_turn)};
    kind_chosen = argc > 1 ? argv[1] : "fail";
    part_chosen = argc > 2 ? argv[2] : NULL;
    return cmocka_run_group_tests(tests, make_runs, remove_folder);
}
