/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* --repeat: one engine, several runs, one experiment. */

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static void test_a_warm_experiment(void **state)
{
    (void)state;
    json_t *series = ergon_json("run", "-m", TALES, "-p", "Once", "-n", "5", "--power",
                                "synthetic:cpu=20W", "--repeat", "3", "--warmup", "1");
    const json_t *runs = json_object_get(series, "runs"), *run;
    const char *experiment = text_at(series, "experiment_name");
    double sum = 0;
    size_t i;
    assert_int_equal(json_array_size(runs), 3);
    json_array_foreach(runs, i, run)
    {
        assert_string_equal(text_at(run, "experiment_name"), experiment);
        assert_null(json_object_get(run, "load_duration_ms")); /* the warm-up has loaded it */
        sum += number_at(run, "joules_per_token");
    }
    assert_memory_equal(experiment, "repeat-", 7);
    assert_string_equal(experiment + 7, text_at(json_array_get(runs, 0), "id"));
    const json_t *mean = json_object_get(series, "joules_per_token");
    assert_true(number_at(mean, "n") == 3);
    assert_true(number_at(mean, "ci_low") < number_at(mean, "mean"));
    assert_true(number_at(mean, "mean") < number_at(mean, "ci_high"));
    double difference = number_at(mean, "mean") - sum / 3;
    assert_true(difference < 1e-12 && difference > -1e-12);
    assert_true(json_is_null(json_object_get(series, "converged")));
    json_decref(series);
    sqlite3 *db = open_store("test.db"); /* the warm-up is not in it */
    assert_int_equal(query_int(db, "SELECT count(*) FROM profiling_runs"), 3);
    sqlite3_close(db);
}

static void test_a_name_of_its_own(void **state)
{
    (void)state;
    struct output output = ergon("run", "-m", TALES, "-p", "Once", "-n", "2", "--power", "none",
                                 "--repeat=2", "--experiment", "mine", "--no-save");
    assert_int_equal(output.status, 0);
    assert_non_null(strstr(output.out, "\nexperiment mine\n"));
    assert_non_null(strstr(output.out, "\n   2  20"));
    assert_null(strstr(output.out, "\n   3  20"));
    free_output(&output);
}

/* Runs that are all alike are known at once: three of them. */
static void test_auto_stops(void **state)
{
    (void)state;
    FILE *script = fopen(in_folder("script"), "w");
    assert_non_null(script);
    fputs("run_begin {\"engine\":{\"name\":\"fake\"},\"model\":{}}\n"
          "section pre_inference tokenization 1ms\n"
          "pass prefill tokens=4 duration=400ms\n"
          "repeat 4\npass decode duration=100ms\ntoken 1 \"x\"\nend\nrun_end\n",
          script);
    fclose(script);
    setenv("ERGON_FAKE_SCRIPT", in_folder("script"), 1);
    json_t *series =
        ergon_json("run", "-m", TALES, "-p", "Once", "-n", "4", "--power", "synthetic:cpu=20W",
                   "--repeat", "auto", "--no-save", "--engine", ERGON_FAKE_ENGINE);
    assert_int_equal(json_array_size(json_object_get(series, "runs")), 3);
    assert_true(json_is_true(json_object_get(series, "converged")));
    double joules = number_at(json_object_get(series, "joules_per_token"), "mean");
    assert_true(joules > 4 && joules < 4.1); /* 20 W for 801 ms and four tokens */
    json_decref(series);
    unsetenv("ERGON_FAKE_SCRIPT");
}

static void test_nothing_to_repeat(void **state)
{
    (void)state;
    struct output output = ergon("run", "-m", TALES, "-p", "Once", "-n", "2", "--repeat", "3",
                                 "--json", "--power", "replay:/no/such/file");
    assert_int_not_equal(output.status, 0);
    assert_string_equal(output.out, "");
    free_output(&output);
}

/* Read what comes until it holds `text`. */
static void read_until(int fd, char *all, size_t room, const char *text)
{
    size_t len = strlen(all);
    ssize_t n = 1;
    while ((!text || !strstr(all, text)) && n > 0 && len < room - 1) {
        n = read(fd, all + len, room - 1 - len);
        len += n > 0 ? (size_t)n : 0;
        all[len] = '\0';
    }
}

static void test_ctrl_c_ends_the_series(void **state)
{
    (void)state;
    char all[65536] = "";
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    const char *const args[] = {"run",     "-m",   TALES,      "-p",   "Once",      "-n", "100",
                                "--power", "none", "--repeat", "1000", "--no-save", NULL};
    pid_t pid = start_ergon(args, fds[1], -1);
    close(fds[1]);
    read_until(fds[0], all, sizeof all, "\n   2  ");
    assert_non_null(strstr(all, "\n   2  "));
    assert_int_equal(kill(pid, SIGINT), 0);
    read_until(fds[0], all, sizeof all, NULL);
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 5);
    assert_non_null(strstr(all, "mean of the runs"));
    assert_null(strstr(all, "\n1000  "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_warm_experiment),
        cmocka_unit_test(test_a_name_of_its_own),
        cmocka_unit_test(test_auto_stops),
        cmocka_unit_test(test_nothing_to_repeat),
        cmocka_unit_test(test_ctrl_c_ends_the_series),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
