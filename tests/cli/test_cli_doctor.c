/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* `ergon doctor`: what it says of machines with and without sensors, and the remedies it gives. */

static const json_t *source(const json_t *json, const char *name)
{
    const json_t *list = json_object_get(json, "power");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0)
            return item;
    }
    fail_msg("no source '%s'", name);
    return NULL;
}

static json_t *doctor(const char *const *args)
{
    struct output o = ergon_args(args);
    json_t *json = json_loads(o.out, 0, NULL);
    assert_non_null(json);
    free_output(&o);
    return json;
}

static void test_sources_are_measured(void **state)
{
    (void)state;
    static const char *const args[] = {"doctor", "--json", NULL};
    json_t *json = doctor(args);
    const json_t *measured = json_object_get(source(json, "estimate"), "measured");
    const json_t *channel = json_array_get(json_object_get(measured, "channels"), 0);
    assert_true(number_at(measured, "reads") > 10);
    assert_true(number_at(measured, "read_cost_median_us") > 0);
    assert_true(number_at(measured, "read_cost_p99_us") >=
                number_at(measured, "read_cost_median_us"));
    assert_true(number_at(measured, "coverage_ratio") == 1);
    assert_true(number_at(channel, "update_period_ms") > 0);
    assert_true(number_at(channel, "quantum_nj") > 0);
    assert_true(json_is_true(json_object_get(channel, "moves")));
    json_decref(json);
}

static void test_quick_measures_nothing(void **state)
{
    (void)state;
    static const char *const args[] = {"doctor", "--json", "--quick", NULL};
    json_t *json = doctor(args);
    assert_true(json_is_null(json_object_get(source(json, "estimate"), "measured")));
    json_decref(json);
}

static void test_without_sensors_it_explains(void **state)
{
    (void)state;
    static const char *const words[] = {"RAPL",    "NVIDIA", "AMD GPU",    "Jetson",
                                        "battery", "Mac",    "replay:FILE"};
    struct output o = ergon("--sysroot", "power/roots/epyc-vm", "doctor");
    assert_non_null(strstr(o.out, "energies are estimates"));
    for (size_t i = 0; i < ERG_COUNT(words); i++)
        assert_non_null(strstr(o.out, words[i]));
    free_output(&o);
    o = ergon("--sysroot", "power/roots/empty", "doctor");
    assert_int_equal(o.status, 1);
    assert_non_null(strstr(o.out, "energies are not"));
    free_output(&o);
}

/* Files that stand still are no sensor; only who insists is told so. */
static void test_a_counter_that_does_not_move(void **state)
{
    (void)state;
    static const char *const quiet[] = {"--sysroot", "power/roots/intel-laptop", "doctor", "--json",
                                        NULL};
    static const char *const measured[] = {
        "--sysroot", "power/roots/intel-laptop", "doctor", "--json", "--measure", NULL};
    json_t *json = doctor(quiet);
    assert_string_equal(json_string_value(json_object_get(source(json, "rapl"), "state")), "ready");
    assert_true(json_is_true(json_object_get(json, "has_sensor")));
    json_decref(json);
    json = doctor(measured);
    assert_string_equal(json_string_value(json_object_get(source(json, "rapl"), "state")),
                        "broken");
    assert_non_null(strstr(json_string_value(json_object_get(source(json, "rapl"), "reason")),
                           "does not move"));
    json_decref(json);
}

/* A Mac, as far as the remedy looks, and a visudo that says what VISUDO says. */
static const char *make_machine(const char *name, const char *visudo)
{
    static const char *const folders[] = {"", "/etc", "/etc/sudoers.d", "/usr", "/usr/bin", "/bin"};
    static char root[256];
    char path[512];
    snprintf(root, sizeof root, "%s", in_folder(name));
    for (size_t i = 0; i < ERG_COUNT(folders); i++) {
        snprintf(path, sizeof path, "%s%s", root, folders[i]);
        mkdir(path, 0755);
    }
    snprintf(path, sizeof path, "%s/usr/bin/powermetrics", root);
    fclose(fopen(path, "w"));
    snprintf(path, sizeof path, "%s/bin/visudo", root);
    FILE *file = fopen(path, "w");
    fprintf(file, "#!/bin/sh\n%s\n", visudo);
    fclose(file);
    chmod(path, 0755);
    snprintf(path, sizeof path, "%s/bin:/usr/bin:/bin", root);
    setenv("PATH", path, 1);
    return root;
}

static void test_fix_and_unfix(void **state)
{
    (void)state;
    char path[512];
    struct stat st;
    const char *root = make_machine("mac", "exit 0");
    snprintf(path, sizeof path, "%s/etc/sudoers.d/ergon", root);
    /* Shown, and not done: nobody says yes. */
    struct output o = ergon("--sysroot", root, "doctor", "--fix");
    assert_int_equal(o.status, 1);
    assert_non_null(strstr(o.out, "+++ /etc/sudoers.d/ergon\n"));
    assert_non_null(strstr(o.out, "ALL=(root) NOPASSWD: /usr/bin/powermetrics\n"));
    assert_int_not_equal(stat(path, &st), 0);
    free_output(&o);
    o = ergon("--sysroot", root, "doctor", "--fix", "--yes");
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.out, "installed /etc/sudoers.d/ergon\n"));
    assert_non_null(strstr(o.out, "powermetrics is now "));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0440);
    free_output(&o);
    o = ergon("--sysroot", root, "doctor", "--unfix", "--yes");
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.out, "--- /etc/sudoers.d/ergon\n+++ /dev/null\n"));
    assert_int_not_equal(stat(path, &st), 0);
    free_output(&o);
    o = ergon("--sysroot", root, "doctor", "--unfix", "--yes");
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.err, "nothing of ours"));
    free_output(&o);
}

static void test_visudo_has_the_last_word(void **state)
{
    (void)state;
    char path[512];
    struct stat st;
    const char *root = make_machine("strict", "exit 1");
    snprintf(path, sizeof path, "%s/etc/sudoers.d/ergon", root);
    struct output o = ergon("--sysroot", root, "doctor", "--fix", "--yes");
    assert_int_not_equal(o.status, 0);
    assert_non_null(strstr(o.err, "'visudo' failed"));
    assert_int_not_equal(stat(path, &st), 0);
    free_output(&o);
    o = ergon("doctor", "--fix", "--unfix");
    assert_int_equal(o.status, 2);
    free_output(&o);
}

static void test_capture_makes_a_tree(void **state)
{
    (void)state;
    const char *copy = in_folder("captured");
    struct output o = ergon("--sysroot", "power/roots/intel-laptop", "doctor", "--capture", copy);
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.err, "left out"));
    free_output(&o);
    const char *const args[] = {"--sysroot", copy, "doctor", "--json", NULL};
    json_t *json = doctor(args);
    assert_string_equal(json_string_value(json_object_get(source(json, "rapl"), "state")), "ready");
    json_decref(json);
    o = ergon("doctor", "--capture", copy);
    assert_int_equal(o.status, 4);
    free_output(&o);
}

/* Folders in the folder first. */
static int tear_down(void **state)
{
    static const char *const names[] = {"mac", "strict", "captured"};
    for (size_t i = 0; i < ERG_COUNT(names); i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            execl("/bin/rm", "/bin/rm", "-rf", in_folder(names[i]), (char *)NULL);
            _exit(1);
        }
        waitpid(pid, &status, 0);
    }
    return remove_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources_are_measured),
        cmocka_unit_test(test_quick_measures_nothing),
        cmocka_unit_test(test_without_sensors_it_explains),
        cmocka_unit_test(test_a_counter_that_does_not_move),
        cmocka_unit_test(test_fix_and_unfix),
        cmocka_unit_test(test_visudo_has_the_last_word),
        cmocka_unit_test(test_capture_makes_a_tree),
    };
    return cmocka_run_group_tests(tests, make_folder, tear_down);
}
