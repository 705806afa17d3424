/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "power/fix.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Remedies below a folder of the test's own: exact, reversible, and only where they belong. */

static char folder[64];
static struct erg_root root;
static int runs, refuse;
static char approved[512];

static const char *at(const char *path)
{
    static char full[4][256];
    static int turn;
    char *out = full[turn++ % 4];
    snprintf(out, 256, "%.60s%.150s", folder, path);
    return out;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(at(path), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static char *get(const char *path)
{
    static char text[4096];
    FILE *file = fopen(at(path), "r");
    if (!file)
        return NULL;
    size_t n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    fclose(file);
    return text;
}

static void make(const char *path)
{
    char part[256];
    for (size_t i = 1; path[i - 1]; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        mkdir(at(part), 0755);
        if (!path[i])
            break;
    }
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ergon-fix-XXXXXX");
    assert_non_null(mkdtemp(folder));
    make("/etc/sudoers.d");
    make("/etc/udev/rules.d");
    make("/etc/sysctl.d");
    make("/usr/bin");
    make("/sys/class/powercap/intel-rapl:0");
    make("/proc/sys/kernel");
    put("/usr/bin/powermetrics", "");
    put("/sys/class/powercap/intel-rapl:0/name", "package-0\n");
    put("/proc/sys/kernel/perf_event_paranoid", "3\n");
    assert_int_equal(erg_root_init(&root, folder, NULL), 0);
    runs = refuse = 0;
    return 0;
}

static int tear_down(void **state)
{
    static const char command[] = "/bin/rm";
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        execl(command, command, "-r", folder, (char *)NULL);
        _exit(1);
    }
    int status = -1;
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

/* In visudo's place: remembers what it was shown. */
static int run(void *user, const char *const *argv, struct erg_err *err)
{
    (void)user;
    runs++;
    assert_string_equal(argv[0], "visudo");
    assert_string_equal(argv[1], "-c");
    assert_string_equal(argv[2], "-f");
    assert_null(argv[4]);
    FILE *file = fopen(argv[3], "r");
    assert_non_null(file);
    size_t n = fread(approved, 1, sizeof approved - 1, file);
    approved[n] = '\0';
    fclose(file);
    return refuse ? erg_fail(err, ERG_INVALID, "visudo does not like it") : 0;
}

static const struct erg_fix *fix_named(const char *name)
{
    for (size_t i = 0; erg_fix_at(i); i++) {
        if (strcmp(erg_fix_at(i)->name, name) == 0)
            return erg_fix_at(i);
    }
    fail_msg("no remedy '%s'", name);
    return NULL;
}

static enum erg_fix_state look(const struct erg_fix *fix)
{
    enum erg_fix_state state;
    assert_int_equal(erg_fix_look(fix, &root, "alice", &state, NULL), 0);
    return state;
}

static void test_there_and_back(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct erg_fix *fix; (fix = erg_fix_at(count)); count++) {
        struct stat st;
        assert_true(erg_fix_applies(fix, &root));
        assert_int_equal(look(fix), ERG_FIX_ABSENT);
        assert_int_equal(erg_fix_apply(fix, &root, "alice", run, NULL, NULL), 0);
        assert_int_equal(look(fix), ERG_FIX_PRESENT);
        assert_int_equal(stat(at(fix->path), &st), 0);
        assert_int_equal(st.st_mode & 07777, fix->mode);
        /* Twice is as once, and back is gone, twice too. */
        assert_int_equal(erg_fix_apply(fix, &root, "alice", run, NULL, NULL), 0);
        assert_int_equal(erg_fix_undo(fix, &root, "alice", run, NULL, NULL), 0);
        assert_int_equal(erg_fix_undo(fix, &root, "alice", run, NULL, NULL), 0);
        assert_int_equal(look(fix), ERG_FIX_ABSENT);
        assert_int_not_equal(stat(at(fix->path), &st), 0);
    }
    assert_int_equal(count, 3);
    assert_int_equal(runs, 2); /* visudo alone: no command of the system below a sysroot */
}

static void test_the_permission_is_narrow(void **state)
{
    const struct erg_fix *fix = fix_named("powermetrics");
    (void)state;
    assert_int_equal(erg_fix_apply(fix, &root, "alice", run, NULL, NULL), 0);
    const char *rule = strchr(get(fix->path), '\n') + 1;
    assert_string_equal(rule, "alice ALL=(root) NOPASSWD: /usr/bin/powermetrics\n");
    assert_string_equal(approved, get(fix->path));
    static const char *const names[] = {"",
                                        "ALL",
                                        "all",
                                        "%admin",
                                        "a b",
                                        "#0",
                                        "x\nroot",
                                        "-x",
                                        "a,b",
                                        "a=b",
                                        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"};
    for (size_t i = 0; i < ERG_COUNT(names); i++)
        assert_int_equal(erg_fix_apply(fix, &root, names[i], run, NULL, NULL), ERG_INVALID);
}

static void test_nothing_is_installed_that_visudo_refuses(void **state)
{
    const struct erg_fix *fix = fix_named("powermetrics");
    struct erg_err err = {0};
    (void)state;
    refuse = 1;
    assert_int_equal(erg_fix_apply(fix, &root, "alice", run, NULL, &err), ERG_INVALID);
    assert_non_null(strstr(err.text, "is not installed"));
    assert_int_equal(look(fix), ERG_FIX_ABSENT);
    assert_int_equal(rmdir(at("/etc/sudoers.d")), 0); /* nothing half made was left */
}

static void test_files_of_others_are_left_alone(void **state)
{
    (void)state;
    for (size_t i = 0; erg_fix_at(i); i++) {
        const struct erg_fix *fix = erg_fix_at(i);
        struct erg_buf text = {0};
        put(fix->path, "# somebody's own\n");
        assert_int_equal(erg_fix_apply(fix, &root, "alice", run, NULL, NULL), ERG_BUSY);
        assert_int_equal(erg_fix_undo(fix, &root, "alice", run, NULL, NULL), ERG_BUSY);
        assert_int_equal(erg_fix_show(fix, &root, "alice", false, &text, NULL), ERG_BUSY);
        assert_string_equal(get(fix->path), "# somebody's own\n");
        erg_buf_deinit(&text);
    }
}

static void test_links_are_not_followed(void **state)
{
    const struct erg_fix *fix = fix_named("rapl");
    (void)state;
    put("/target", "precious\n");
    assert_int_equal(symlink(at("/target"), at(fix->path)), 0);
    assert_int_equal(erg_fix_apply(fix, &root, "alice", run, NULL, NULL), ERG_INVALID);
    assert_int_equal(erg_fix_undo(fix, &root, "alice", run, NULL, NULL), ERG_INVALID);
    assert_string_equal(get("/target"), "precious\n");
    unlink(at(fix->path));
    /* A folder on the way, too. */
    assert_int_equal(rename(at("/etc/udev"), at("/etc/elsewhere")), 0);
    assert_int_equal(symlink("elsewhere", at("/etc/udev")), 0);
    assert_int_equal(erg_fix_apply(fix, &root, "alice", run, NULL, NULL), ERG_INVALID);
    assert_null(get("/etc/elsewhere/rules.d/60-ergon-rapl.rules"));
}

static void test_ours_of_before_is_renewed(void **state)
{
    const struct erg_fix *fix = fix_named("perf");
    struct erg_buf text = {0};
    char old[256];
    (void)state;
    snprintf(old, sizeof old, "%skernel.perf_event_paranoid = 1\n", erg_fix_mark);
    put(fix->path, old);
    assert_int_equal(look(fix), ERG_FIX_OUTDATED);
    assert_int_equal(erg_fix_show(fix, &root, "alice", false, &text, NULL), 0);
    assert_non_null(strstr(text.data, "@@ -1,2 +1,2 @@\n"));
    assert_non_null(strstr(text.data, "\n-kernel.perf_event_paranoid = 1\n"));
    assert_non_null(strstr(text.data, "\n+kernel.perf_event_paranoid = 2\n"));
    assert_int_equal(erg_fix_apply(fix, &root, "alice", run, NULL, NULL), 0);
    assert_int_equal(look(fix), ERG_FIX_PRESENT);
    erg_buf_deinit(&text);
}

static void test_the_change_is_shown(void **state)
{
    const struct erg_fix *fix = fix_named("rapl");
    struct erg_buf text = {0};
    (void)state;
    assert_int_equal(erg_fix_show(fix, &root, "alice", false, &text, NULL), 0);
    static const char *const parts[] = {
        "--- /dev/null\n+++ /etc/udev/rules.d/60-ergon-rapl.rules\n", "@@ -0,0 +1,2 @@\n",
        "RUN+=\"/bin/chmod g+r /sys%p/energy_uj\"\n",
        "then: usermod --append --groups ergon alice\n"};
    for (size_t i = 0; i < ERG_COUNT(parts); i++)
        assert_non_null(strstr(text.data, parts[i]));
    assert_null(get(fix->path));
    erg_buf_deinit(&text);
}

static void test_a_missing_folder_is_not_made(void **state)
{
    const struct erg_fix *fix = fix_named("powermetrics");
    (void)state;
    assert_int_equal(rmdir(at("/etc/sudoers.d")), 0);
    assert_int_equal(erg_fix_apply(fix, &root, "alice", run, NULL, NULL), ERG_NOT_FOUND);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_there_and_back),
        T(test_the_permission_is_narrow),
        T(test_nothing_is_installed_that_visudo_refuses),
        T(test_files_of_others_are_left_alone),
        T(test_links_are_not_followed),
        T(test_ours_of_before_is_renewed),
        T(test_the_change_is_shown),
        T(test_a_missing_folder_is_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
