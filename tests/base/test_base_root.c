/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/mem.h"
#include "base/root.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/ergon-root-XXXXXX";

static void write_file(const char *name, const char *content)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static int make_tree(void **state)
{
    (void)state;
    char path[256];
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/sys", folder);
    if (mkdir(path, 0700))
        return -1;
    write_file("sys/energy", "262143328850 \n");
    write_file("sys/word", "package-0\n");
    write_file("sys/hwmon10", "");
    write_file("sys/hwmon9", "");
    return 0;
}

static int remove_tree(void **state)
{
    (void)state;
    static const char *const names[] = {"sys/energy", "sys/word", "sys/hwmon10",
                                        "sys/hwmon9", "sys",      ""};
    for (size_t i = 0; i < ERG_COUNT(names); i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    return 0;
}

static void test_reading(void **state)
{
    (void)state;
    struct erg_root root;
    struct erg_err err = {0};
    char text[32];
    int64_t value;
    assert_int_equal(erg_root_init(&root, folder, &err), 0);
    assert_int_equal(erg_root_read_i64(&root, "/sys/energy", &value, &err), 0);
    assert_true(value == INT64_C(262143328850));
    assert_int_equal(erg_root_read_text(&root, "/sys/word", text, sizeof text, &err), 0);
    assert_string_equal(text, "package-0");
    assert_int_equal(erg_root_read_i64(&root, "/sys/word", &value, &err), ERG_CORRUPT);
    assert_int_equal(erg_root_read_text(&root, "/sys/word", text, 4, &err), ERG_LIMIT);
    assert_int_equal(erg_root_read_i64(&root, "/sys/none", &value, &err), ERG_NOT_FOUND);
    assert_string_equal(err.text, "cannot read '/sys/none': no such file or directory");
}

static void test_nothing_outside_the_root(void **state)
{
    (void)state;
    struct erg_root root;
    char path[512];
    assert_int_equal(erg_root_init(&root, folder, NULL), 0);
    assert_int_equal(erg_root_path(&root, "/sys/../../etc", path, sizeof path, NULL), ERG_INVALID);
    assert_int_equal(erg_root_path(&root, "sys", path, sizeof path, NULL), ERG_INVALID);
    assert_int_equal(erg_root_path(&root, "/sys/a..b", path, sizeof path, NULL), 0);
    assert_int_equal(erg_root_init(&root, "/no/such/folder", NULL), ERG_NOT_FOUND);
    assert_int_equal(erg_root_init(&root, "/", NULL), 0);
    assert_string_equal(root.prefix, "");
}

static void test_listing_counts_like_people(void **state)
{
    (void)state;
    struct erg_root root;
    char **names;
    size_t count;
    assert_int_equal(erg_root_init(&root, folder, NULL), 0);
    assert_int_equal(erg_root_list(&root, "/sys", &names, &count, NULL), 0);
    assert_int_equal(count, 4);
    assert_string_equal(names[1], "hwmon9");
    assert_string_equal(names[2], "hwmon10");
    erg_root_free_names(names, count);
    assert_int_equal(erg_root_list(&root, "/none", &names, &count, NULL), ERG_NOT_FOUND);
}

static void test_whole_files_have_a_ceiling(void **state)
{
    (void)state;
    char path[256], *bytes;
    size_t len;
    snprintf(path, sizeof path, "%s/sys/energy", folder);
    assert_int_equal(erg_read_file(path, 14, &bytes, &len, NULL), 0);
    assert_int_equal(len, 14);
    assert_string_equal(bytes, "262143328850 \n");
    free(bytes);
    assert_int_equal(erg_read_file(path, 13, &bytes, &len, NULL), ERG_LIMIT);
    assert_int_equal(erg_read_file(folder, 13, &bytes, &len, NULL), ERG_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_nothing_outside_the_root),
        cmocka_unit_test(test_listing_counts_like_people),
        cmocka_unit_test(test_whole_files_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
