/* SPDX-License-Identifier: MIT */
#include "model/discover.h"

#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[PATH_MAX];
static struct erg_model_dirs dirs;

static void make_file(const char *name)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", top, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("GGUF", file);
    fclose(file);
}

static void make_dir(const char *name)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", top, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_link(const char *target, const char *name)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", top, name);
    assert_int_equal(symlink(target, path), 0);
}

static int set_up(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    char pattern[PATH_MAX];
    snprintf(pattern, sizeof pattern, "%s/ergon-models-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(pattern) || !realpath(pattern, top))
        return -1;
    dirs.count = 1;
    snprintf(dirs.path[0], sizeof dirs.path[0], "%.4000s", top);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void expect_names(const char *expected)
{
    struct erg_model_list list;
    char names[1024] = "";
    assert_int_equal(erg_model_discover(&dirs, &list, NULL), 0);
    for (size_t i = 0; i < list.count; i++) {
        size_t len = strlen(names);
        snprintf(names + len, sizeof names - len, "%s%s", i ? " " : "", list.entries[i].name);
        assert_int_equal(list.entries[i].file_bytes, 4);
    }
    erg_model_list_deinit(&list);
    assert_string_equal(names, expected);
}

static void test_list_is_sorted_and_bounded(void **state)
{
    (void)state;
    expect_names("");
    make_file("b.gguf");
    make_file("a10.gguf");
    make_file("a9.GGUF");
    make_file("notes.txt");
    make_file(".hidden.gguf");
    make_file("big-00001-of-00002.gguf");
    make_file("big-00002-of-00002.gguf");
    make_dir("x");
    make_dir("x/y");
    make_dir("x/y/z");
    make_file("x/y/z/deep.gguf");
    make_dir("x/y/z/w");
    make_file("x/y/z/w/too-deep.gguf");
    make_link("..", "x/loop");
    make_link(".", "self");
    make_link("nowhere", "dangling.gguf");
    expect_names("a9 a10 b big-00001-of-00002 deep");
}

/* A model by name, for somebody who may not name files: `file` NULL = refused with `code`. */
static void expect_name(const char *name, const char *file, int code)
{
    char *path = NULL, *found = NULL;
    struct erg_err err = {0};
    int rc = erg_model_resolve_name(&dirs, name, &path, &found, &err);
    assert_int_equal(rc, file ? 0 : code);
    if (file) {
        assert_string_equal(strrchr(path, '/') + 1, file);
        assert_memory_equal(found, file, strlen(found));
        assert_string_equal(file + strlen(found), ".gguf");
    } else if (!strstr(name, top)) /* what one said oneself is no secret */
        assert_null(strstr(err.text, top));
    free(path);
    free(found);
}

static void test_names_only_and_inside_only(void **state)
{
    (void)state;
    char outside[PATH_MAX + 64];
    make_dir("models");
    make_dir("models-of-others");
    make_file("models/a-q8_0.gguf");
    make_file("models/b.gguf");
    make_file("models-of-others/secret.gguf");
    make_link("../models-of-others/secret.gguf", "models/linked.gguf");
    make_link("../models-of-others", "models/folder");
    make_link("b.gguf", "models/alias.gguf");
    snprintf(dirs.path[0], sizeof dirs.path[0], "%.4000s/models", top);
    expect_name("a", "a-q8_0.gguf", 0);
    expect_name("b.gguf", "b.gguf", 0);
    expect_name("alias", "alias.gguf", 0);
    expect_name("linked", NULL, ERG_NOT_FOUND);
    expect_name("secret", NULL, ERG_NOT_FOUND);
    expect_name("folder/secret", NULL, ERG_INVALID);
    expect_name("../models-of-others/secret.gguf", NULL, ERG_INVALID);
    expect_name("", NULL, ERG_INVALID);
    expect_name("..", NULL, ERG_NOT_FOUND);
    expect_name("synth:llama-3.2-1b", NULL, ERG_INVALID);
    snprintf(outside, sizeof outside, "%s/models/b.gguf", top);
    expect_name(outside, NULL, ERG_INVALID);
    /* Not even a file beside us of that name. */
    assert_int_equal(chdir(top), 0);
    make_file("here.gguf");
    expect_name("here.gguf", NULL, ERG_NOT_FOUND);
    assert_int_equal(chdir("/"), 0);
}

static void test_no_folder_is_no_model(void **state)
{
    (void)state;
    snprintf(dirs.path[0], sizeof dirs.path[0], "/no/such/folder");
    expect_names("");
}

static void expect_resolved(const char *model, const char *file, const char *note)
{
    char *path = NULL, *got_note = NULL;
    struct erg_err err = {0};
    if (erg_model_resolve(&dirs, model, &path, &got_note, &err))
        fail_msg("%s: %s", model, err.text);
    assert_string_equal(strrchr(path, '/') + 1, file);
    if (note)
        assert_string_equal(got_note, note);
    else
        assert_null(got_note);
    free(path);
    free(got_note);
}

static void expect_refused(const char *model, int code, const char *message)
{
    char *path = NULL, *note = NULL;
    struct erg_err err = {0};
    assert_int_equal(erg_model_resolve(&dirs, model, &path, &note, &err), code);
    if (!strstr(err.text, message))
        fail_msg("'%s' does not say '%s'", err.text, message);
    assert_null(path);
    assert_null(note);
}

static void test_names(void **state)
{
    (void)state;
    char full[PATH_MAX + 64];
    make_file("tales-f32.gguf");
    make_file("tales-f16.gguf");
    make_file("tales-q8_0.gguf");
    make_file("llama-3-8b.Q4_K_M.gguf");
    make_file("odd-q2_k.gguf");
    make_file("odd-q3_k.gguf");
    make_file("old-F16.gguf");
    make_file("old-F32.gguf");
    expect_resolved("tales-f32", "tales-f32.gguf", NULL);
    expect_resolved("tales-f32.gguf", "tales-f32.gguf", NULL);
    expect_resolved("tales", "tales-q8_0.gguf", "'tales' has 3 variants: taking tales-q8_0");
    expect_resolved("old", "old-F16.gguf", "'old' has 2 variants: taking old-F16");
    expect_resolved("llama-3-8b", "llama-3-8b.Q4_K_M.gguf", NULL);
    expect_resolved("llama-3", "llama-3-8b.Q4_K_M.gguf", NULL);
    snprintf(full, sizeof full, "%s/odd-q2_k.gguf", top);
    expect_resolved(full, "odd-q2_k.gguf", NULL);
    expect_refused("odd", ERG_INVALID, "'odd-q2_k' and 'odd-q3_k'");
    expect_refused("tale", ERG_NOT_FOUND, "none of the 8 models");
    expect_refused("", ERG_INVALID, "empty");
    expect_refused("/no/such.gguf", ERG_NOT_FOUND, "no such file");
    expect_refused("synth:llama-1b", ERG_INVALID, "unknown preset 'llama-1b'");
    expect_refused("synth:llama-3.2-1b:q9", ERG_INVALID, "'q9' is not one of");
    char *path = NULL, *note = NULL;
    assert_int_equal(erg_model_resolve(&dirs, "synth:phi-2:f16", &path, &note, NULL), 0);
    assert_string_equal(path, "synth:phi-2:f16");
    assert_null(note);
    free(path);
}

static void test_directories_are_refused(void **state)
{
    (void)state;
    char full[PATH_MAX + 64];
    make_dir("hf");
    make_file("hf/config.json");
    make_dir("plain");
    snprintf(full, sizeof full, "%s/hf", top);
    expect_refused(full, ERG_UNSUPPORTED, "Hugging Face directory");
    snprintf(full, sizeof full, "%s/plain", top);
    expect_refused(full, ERG_UNSUPPORTED, "is a directory");
}

static void test_default_folders(void **state)
{
    (void)state;
    struct erg_model_dirs out;
    unsetenv("ERGON_MODELS_DIR");
    setenv("XDG_DATA_HOME", "/data", 1);
    assert_int_equal(erg_model_dirs_default(NULL, "/opt/ergon/bin", &out, NULL), 0);
    assert_int_equal(out.count, 3);
    assert_string_equal(out.path[0], "/opt/ergon/bin/../share/ergon/models");
    assert_string_equal(out.path[1], "/opt/ergon/bin/../../models");
    assert_string_equal(out.path[2], "/data/ergon/models");
    setenv("ERGON_MODELS_DIR", "/env/", 1);
    assert_int_equal(erg_model_dirs_default(NULL, "/bin", &out, NULL), 0);
    assert_int_equal(out.count, 1);
    assert_string_equal(out.path[0], "/env");
    assert_int_equal(erg_model_dirs_default("/named", "/bin", &out, NULL), 0);
    assert_int_equal(out.count, 1);
    assert_string_equal(out.path[0], "/named");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_list_is_sorted_and_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_only_and_inside_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_folder_is_no_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_directories_are_refused, set_up, tear_down),
        cmocka_unit_test(test_default_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
