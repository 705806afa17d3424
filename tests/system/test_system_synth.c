/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* `ergon synth` and `-m synth:` as a user has them. */

#define SMALL "synth:qwen3-0.6b:q4_0:layers=2,vocab=400"

static int64_t integer_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return (int64_t)json_integer_value(value);
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static void assert_warned(const json_t *summary, const char *what)
{
    const json_t *warnings = json_object_get(json_object_get(summary, "power"), "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        if (strstr(json_string_value(json_array_get(warnings, i)), what))
            return;
    }
    fail_msg("no warning says '%s'", what);
}

static void test_a_file_is_written_and_runs(void **state)
{
    struct stat st;
    (void)state;
    const char *path = in_folder("small.gguf");
    json_t *made = ergon_json("synth", "-o", path, "--preset", "qwen3-0.6b", "--layers", "2",
                              "--vocab", "400", "--type", "q8_0");
    assert_string_equal(text_at(made, "path"), path);
    assert_string_equal(text_at(made, "spec"), "synth:qwen3-0.6b:q8_0:layers=2,vocab=400");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0111, 0);
    assert_int_equal(integer_at(made, "bytes"), st.st_size);
    json_t *shown = ergon_json("models", "show", text_at(made, "spec"));
    assert_int_equal(integer_at(made, "parameters"), integer_at(shown, "parameters"));
    assert_int_equal(integer_at(json_object_get(made, "model"), "tensor_bytes"),
                     integer_at(shown, "tensor_bytes"));
    assert_true(json_is_true(json_object_get(shown, "synthetic")));
    json_decref(shown);
    json_decref(made);
    json_t *summary = ergon_json("run", "-m", path, "-p", "once", "-n", "3", "--ignore-eos",
                                 "--power", "none", "--idle-seconds", "0");
    const json_t *model = json_object_get(summary, "model");
    assert_string_equal(text_at(summary, "model_name"), "small");
    assert_true(json_is_true(json_object_get(model, "synthetic")));
    assert_warned(summary, "random");
    json_decref(summary);
}

/* The model is what was asked for, stored under that name; it is made once for all repeats. */
static void test_a_specification_runs(void **state)
{
    (void)state;
    json_t *all = ergon_json("run", "-m", SMALL, "-p", "once", "-n", "3", "--ignore-eos",
                             "--repeat", "2", "--power", "none", "--idle-seconds", "0");
    const json_t *runs = json_object_get(all, "runs");
    assert_int_equal(json_array_size(runs), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *run = json_array_get(runs, i);
        const json_t *model = json_object_get(run, "model");
        assert_string_equal(text_at(run, "status"), "complete");
        assert_string_equal(text_at(run, "model_name"), SMALL);
        assert_string_equal(text_at(model, "architecture"), "qwen3");
        assert_string_equal(text_at(model, "quantization"), "Q4_0");
        assert_int_equal(integer_at(model, "layers"), 2);
        assert_int_equal(integer_at(model, "vocab_size"), 400);
        assert_true(integer_at(model, "file_bytes") > 1 << 20);
        assert_true(json_is_true(json_object_get(model, "synthetic")));
        assert_warned(run, "random");
        const json_t *load = json_object_get(run, "load_duration_ms");
        assert_true(i == 0 ? json_number_value(load) > 1 : json_number_value(load) < 1);
    }
    json_decref(all);
    sqlite3 *db = open_store("test.db");
    assert_int_equal(
        query_int(db, "SELECT count(*) FROM profiling_runs WHERE model_name='" SMALL "'"), 2);
    sqlite3_close(db);
}

/* What is larger than the machine is refused before anything is made. */
static void test_too_large_for_memory(void **state)
{
    (void)state;
    struct output output = ergon("run", "-m", "synth:mixtral-8x7b:f32:layers=512,experts=256", "-p",
                                 "x", "--power", "none");
    assert_one_line_error(&output, 4, "GiB of memory");
    free_output(&output);
}

static void assert_nothing_left(const char *name)
{
    const char *folder = in_folder("");
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, name, strlen(name)) == 0)
            fail_msg("'%s' is left", entry->d_name);
    }
    closedir(dir);
}

/* As larger than a file may be: one line, nothing left. */
static void test_too_large_for_a_file(void **state)
{
    struct rlimit before, small;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 16 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct output output =
        ergon("synth", "--preset", "phi-2", "-o", in_folder("limit.gguf"), "--quiet");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_one_line_error(&output, 4, "limit.gguf': file too large");
    free_output(&output);
    assert_nothing_left("limit");
    output = ergon("synth", "--arch", "mistral", "--layers", "512", "--embedding", "65536",
                   "--heads", "512", "--feed-forward", "1048576", "--experts", "512", "--type",
                   "f32", "-o", in_folder("limit.gguf"));
    assert_one_line_error(&output, 4, "are free on its disk");
    free_output(&output);
    assert_nothing_left("limit");
}

static void test_only_with_force_is_a_file_replaced(void **state)
{
    (void)state;
    const char *path = in_folder("mine.gguf");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("mine", file);
    fclose(file);
    const char *const small[] = {"synth",       "--arch",  "llama",   "--layers", "1",
                                 "--embedding", "64",      "--heads", "2",        "--feed-forward",
                                 "64",          "--vocab", "300",     "-o",       path,
                                 NULL,          NULL};
    struct output output = ergon_args(small);
    assert_one_line_error(&output, 2, "--force replaces it");
    free_output(&output);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 4);
    const char *forced[sizeof small / sizeof small[0]];
    memcpy(forced, small, sizeof small);
    forced[15] = "--force";
    output = ergon_args(forced);
    assert_int_equal(output.status, 0);
    assert_non_null(strstr(output.out, "synthetic, "));
    assert_string_equal(output.err, "");
    free_output(&output);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 10000);
}

/* The child process of `parent` (its engine); 0 when there is none yet. */
static pid_t child_of(pid_t parent)
{
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%d", &child) != 1)
        child = 0;
    if (file)
        fclose(file);
    return child;
}

/* Has the process a file in our folder open that is not yet called as it will be? */
static bool writes(pid_t pid, bool *out_unnamed)
{
    bool found = false;
    char fds[64];
    const char *folder = in_folder("");
    snprintf(fds, sizeof fds, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(fds);
    for (const struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        char target[512] = "";
        if (readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1) > 0) {
            found = strncmp(target, folder, strlen(folder)) == 0;
            *out_unnamed = strstr(target, " (deleted)") != NULL;
        }
    }
    if (dir)
        closedir(dir);
    return found;
}

/* Stop `ergon synth` in the middle of 6 GB with a signal; its exit status, or 128 + the signal. */
static int stop_writing(int number, bool *out_unnamed)
{
    const char *path = in_folder("stopped.gguf");
    const char *const args[] = {"synth", "--preset", "llama-3.2-3b", "--type",
                                "f16",   "-o",       path,           NULL};
    int status = 0;
    pid_t pid = start_ergon(args, -1, -1);
    for (int i = 0; i < 2000 && !writes(child_of(pid), out_unnamed); i++)
        poll(NULL, 0, 5);
    assert_int_equal(kill(pid, number), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void test_what_is_stopped_leaves_nothing(void **state)
{
    bool unnamed = false;
    (void)state;
    assert_int_equal(stop_writing(SIGINT, &unnamed), 5);
    assert_nothing_left("stopped");
    assert_int_equal(stop_writing(SIGKILL, &unnamed), 128 + SIGKILL);
    if (unnamed) /* else the file system has no files without a name */
        assert_nothing_left("stopped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_written_and_runs),
        cmocka_unit_test(test_a_specification_runs),
        cmocka_unit_test(test_too_large_for_memory),
        cmocka_unit_test(test_too_large_for_a_file),
        cmocka_unit_test(test_only_with_force_is_a_file_replaced),
        cmocka_unit_test(test_what_is_stopped_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
