/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "power/capture.h"
#include "power/power.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A machine that is captured is found as the machine itself: by every source, in every tree. */

static char folder[64];

static void run_rm(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/rm", "/bin/rm", "-rf", folder, (char *)NULL);
        _exit(1);
    }
    waitpid(pid, &status, 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ergon-capture-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    run_rm();
    return 0;
}

static void assert_alike(const char *tree, const char *copy)
{
    struct erg_root a, b;
    struct erg_power_probe x, y;
    assert_int_equal(erg_root_init(&a, tree, NULL), 0);
    assert_int_equal(erg_root_init(&b, copy, NULL), 0);
    for (size_t i = 0; erg_power_probe(i, &a, &x); i++) {
        assert_true(erg_power_probe(i, &b, &y));
        if (x.state != y.state || (x.state == ERG_POWER_READY && strcmp(x.reason, y.reason) != 0))
            fail_msg("%s: %s is %s (%s), captured %s (%s)", tree, x.name,
                     erg_power_state_name(x.state), x.reason, erg_power_state_name(y.state),
                     y.reason);
    }
}

static void test_every_tree_comes_back(void **state)
{
    (void)state;
    DIR *dir = opendir("power/roots");
    int trees = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char tree[300], copy[400];
        struct erg_root root;
        size_t count = 0;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(tree, sizeof tree, "power/roots/%s", entry->d_name);
        snprintf(copy, sizeof copy, "%s/%s", folder, entry->d_name);
        assert_int_equal(erg_root_init(&root, tree, NULL), 0);
        assert_int_equal(erg_capture(&root, copy, &count, NULL), 0);
        assert_alike(tree, copy);
        trees++;
    }
    closedir(dir);
    assert_true(trees > 5);
}

static void put(const char *path, const char *text)
{
    char full[256];
    snprintf(full, sizeof full, "%s/machine%s", folder, path);
    for (char *slash = full + 1; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        mkdir(full, 0755);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static char *get(const char *path)
{
    static char text[512];
    char full[256];
    snprintf(full, sizeof full, "%s/copy%s", folder, path);
    FILE *file = fopen(full, "r");
    if (!file)
        return NULL;
    size_t n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    fclose(file);
    return text;
}

static void test_what_tells_a_machine_stays_there(void **state)
{
    char machine[128], copy[128];
    struct erg_root root;
    size_t count = 0;
    struct stat st;
    (void)state;
    put("/sys/class/power_supply/BAT0/serial_number", "SECRET-1\n");
    put("/sys/class/power_supply/BAT0/uevent",
        "POWER_SUPPLY_NAME=BAT0\nPOWER_SUPPLY_SERIAL_NUMBER=SECRET-2\n");
    put("/sys/class/power_supply/BAT0/power_now", "12500000\n");
    put("/sys/class/hwmon/hwmon0/device/unique_id", "SECRET-3\n");
    put("/sys/class/hwmon/hwmon0/device/vendor", "0x1002\n");
    put("/sys/class/hwmon/hwmon0/device/resource", "SECRET-4\n");
    put("/proc/cpuinfo", "processor\t: 0\nSerial\t\t: SECRET-5\nmodel name\t: X\n");
    put("/home/alice/secret", "SECRET-6\n");
    snprintf(machine, sizeof machine, "%s/machine", folder);
    snprintf(copy, sizeof copy, "%s/copy", folder);
    assert_int_equal(erg_root_init(&root, machine, NULL), 0);
    assert_int_equal(erg_capture(&root, copy, &count, NULL), 0);
    assert_int_equal(count, 4);
    assert_string_equal(get("/sys/class/power_supply/BAT0/uevent"), "POWER_SUPPLY_NAME=BAT0\n");
    assert_string_equal(get("/sys/class/power_supply/BAT0/power_now"), "12500000\n");
    assert_string_equal(get("/sys/class/hwmon/hwmon0/device/vendor"), "0x1002\n");
    assert_string_equal(get("/proc/cpuinfo"), "processor\t: 0\nmodel name\t: X\n");
    /* Never into something that is there already. */
    assert_int_equal(erg_capture(&root, copy, &count, NULL) < 0, 1);
    assert_int_equal(stat(copy, &st), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_tree_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_tells_a_machine_stays_there, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
