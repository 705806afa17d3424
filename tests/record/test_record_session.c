/* SPDX-License-Identifier: MIT */
#include "record/fake_session.h"

#include "base/clock.h"
#include "store/store.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* Sessions with engines that misbehave: nothing is lost, nothing hangs, and the message is true. */

static const char good[] = "run_begin {}\n"
                           "section pre_inference tokenization 1ms\n"
                           "pass prefill duration=10ms\ntoken 5 \"x\"\n"
                           "repeat 3\npass decode duration=10ms\ntoken 6 \"y\"\nend\n"
                           "run_end\n";

static int count_run(void *user, const struct erg_run_row *row)
{
    (void)row;
    ++*(int *)user;
    return 0;
}

/* Number of runs in the store. */
static int stored_runs(const struct fake_session *fake)
{
    struct erg_store *store = NULL;
    struct erg_run_filter filter = {.limit = -1};
    int count = 0;
    assert_int_equal(erg_store_open(&store, fake->store, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_runs(store, &filter, count_run, &count, NULL), 0);
    erg_store_close(store);
    return count;
}

static void test_a_good_run(void **state)
{
    (void)state;
    struct fake_session fake;
    fake_session_init(&fake, good);
    assert_int_equal(fake_session_run(&fake), 0);
    assert_string_equal(fake.result.status, "complete");
    assert_null(fake.result.store_failure);
    assert_int_equal(stored_runs(&fake), 1);
    assert_int_equal(access(fake.recording, R_OK), 0);
    fake_session_deinit(&fake);
}

/* Such an engine may have ended before the recorder has sent it a single command. */
static void test_engine_that_takes_no_commands(void **state)
{
    (void)state;
    struct fake_session fake;
    char command[512];
    fake_session_init(&fake, good);
    snprintf(command, sizeof command,
             "#!/bin/sh\n" ERGON_FAKE_ENGINE
             " --script %s --out %s/stream\nexec cat %s/stream >&3\n",
             fake.script, fake.folder, fake.folder);
    fake_session_shell(&fake, command);
    assert_int_equal(fake_session_run(&fake), 0);
    assert_string_equal(fake.result.status, "complete");
    assert_int_equal(stored_runs(&fake), 1);
    fake_session_deinit(&fake);
}

/* An engine that ends before its run begins leaves nothing that could be shown. */
static void test_crash_before_the_run_begins(void **state)
{
    (void)state;
    struct fake_session fake;
    fake_session_init(&fake, "crash SIGSEGV\n");
    assert_int_equal(fake_session_run(&fake), ERG_GONE);
    assert_non_null(strstr(fake.err.text, "signal 11"));
    assert_null(fake.result.summary_json);
    assert_int_equal(stored_runs(&fake), 0);
    fake_session_deinit(&fake);
}

static void test_crash_in_the_run(void **state)
{
    (void)state;
    struct fake_session fake;
    fake_session_init(&fake, "run_begin {}\npass prefill\ntoken 5 \"x\"\ncrash SIGKILL\n");
    assert_int_equal(fake_session_run(&fake), 0);
    assert_string_equal(fake.result.status, "failed");
    assert_int_equal(fake.result.failure_code, ERG_GONE);
    assert_int_equal(stored_runs(&fake), 1);
    assert_int_equal(access(fake.recording, R_OK), 0);
    fake_session_deinit(&fake);
}

/* A run that never began cannot be stored, so it must not pass for complete. */
static void test_run_without_a_beginning(void **state)
{
    (void)state;
    struct fake_session fake;
    fake_session_init(&fake, "pass prefill\ntoken 5 \"x\"\nrun_end\n");
    assert_int_equal(fake_session_run(&fake), ERG_CORRUPT);
    assert_non_null(strstr(fake.err.text, "did not say what it ran"));
    assert_int_equal(stored_runs(&fake), 0);
    fake_session_deinit(&fake);
}

static bool always(void *user)
{
    (void)user;
    return true;
}

/* Cancel on the very first look, as Ctrl-C while the machine rests: the engine must not be run. */
static bool after_loading(void *user)
{
    return *(bool *)user;
}

static void note_rest(void *user, const char *what)
{
    if (strstr(what, "idle"))
        *(bool *)user = true;
}

static void test_cancel_while_the_machine_rests(void **state)
{
    (void)state;
    struct fake_session fake;
    bool resting = false;
    fake_session_init(&fake, "realtime on\nrun_begin {}\npass prefill duration=600s\nrun_end\n");
    fake.options.power_spec = "estimate";
    fake.options.idle_ns = INT64_C(600000000000);
    fake.observer =
        (struct erg_run_observer){.user = &resting, .stage = note_rest, .cancelled = after_loading};
    int64_t begun = erg_clock_now_ns(erg_clock_system());
    assert_int_equal(fake_session_run(&fake), ERG_CANCELLED);
    assert_true(resting);
    assert_true(erg_clock_now_ns(erg_clock_system()) - begun < INT64_C(9000000000));
    assert_int_equal(stored_runs(&fake), 0);
    fake_session_deinit(&fake);
}

/* An engine that writes to stderr faster than it can be read must not keep the recorder. */
static void test_flood_on_stderr(void **state)
{
    (void)state;
    struct fake_session fake;
    fake_session_init(&fake, good);
    fake_session_shell(&fake, "#!/bin/sh\nyes nothing but words >&2\n");
    fake.observer.cancelled = always;
    assert_int_equal(fake_session_run(&fake), ERG_CANCELLED);
    fake_session_deinit(&fake);
}

/* A recording cannot take the place of a folder, nor of a device. */
static void test_recording_to_what_is_no_file(void **state)
{
    (void)state;
    struct fake_session fake;
    struct stat st;
    char path[128];
    fake_session_init(&fake, good);
    fake.options.record_path = fake.folder;
    assert_int_not_equal(fake_session_run(&fake), 0);
    assert_non_null(strstr(fake.err.text, "directory"));
    assert_int_equal(stored_runs(&fake), 0);

    snprintf(path, sizeof path, "%s/stream", fake.folder);
    if (mknod(path, S_IFCHR | 0600, makedev(1, 3)) == 0) { /* as /dev/null; needs a privilege */
        fake.options.record_path = path;
        assert_int_equal(fake_session_run(&fake), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_true(S_ISCHR(st.st_mode));
        assert_null(fake.result.store_failure);
        erg_run_result_deinit(&fake.result);
    }
    fake.options.record_path = "/dev/full";
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(fake_session_run(&fake), 0);
        assert_string_equal(fake.result.status, "complete");
        assert_non_null(strstr(fake.result.store_failure, "/dev/full"));
        assert_int_equal(stat("/dev/full", &st), 0);
        assert_true(S_ISCHR(st.st_mode));
    }
    fake_session_deinit(&fake);
}

/* What is wrong with the store is not blamed on the recording. */
static void test_import_into_what_is_no_store(void **state)
{
    (void)state;
    struct fake_session fake;
    bool torn = false;
    fake_session_init(&fake, good);
    fake.options.store_path = NULL;
    assert_int_equal(fake_session_run(&fake), 0);
    erg_run_result_deinit(&fake.result);
    write_text(fake.store, "this is a letter, and its writer would like to keep it");
    int rc = erg_import(fake.recording, fake.store, &fake.result, &torn, &fake.err);
    assert_int_equal(rc, ERG_CORRUPT);
    assert_false(torn);
    assert_non_null(strstr(fake.err.text, fake.store));
    fake_session_deinit(&fake);
}

/* Set back by a day each time somebody looks. */
static int64_t falling_wall_ns(void *user)
{
    int64_t *wall_ns = user;
    return *wall_ns -= INT64_C(86400000000000);
}

/* The wall clock says when a run began, once; everything measured goes by the other one. */
static void test_wall_clock_that_jumps(void **state)
{
    (void)state;
    struct fake_session fake;
    struct erg_session *session = NULL;
    struct erg_root root;
    int64_t wall_ns = INT64_C(1700000000000000000);
    struct erg_clock clock = *erg_clock_system();
    clock.wall_ns = falling_wall_ns;
    clock.user = &wall_ns;
    fake_session_init(&fake, good);
    assert_int_equal(erg_root_init(&root, NULL, NULL), 0);
    struct erg_session_options options = {fake.engine_path, &root, &clock, NULL};
    assert_int_equal(erg_session_open(&session, &options, NULL), 0);
    assert_int_equal(erg_session_run(session, &fake.options, NULL, &fake.result, NULL), 0);
    erg_session_close(session);
    assert_string_equal(fake.result.status, "complete");
    assert_null(fake.result.store_failure);
    assert_non_null(strstr(fake.result.summary_json, "2023-11-1"));
    assert_non_null(strstr(fake.result.summary_json, "\"total_duration_ms\":41"));
    fake_session_deinit(&fake);
}

/* Rows of passes as text. */
static int put_pass(void *user, const struct erg_pass_row *row)
{
    struct erg_buf *out = user;
    for (uint32_t i = 0; i < row->n_spans && row->values[ERG_VALUE_EXTRA]; i++)
        erg_buf_printf(out, " %a", (double)row->values[ERG_VALUE_EXTRA][i]);
    for (uint32_t i = 0; i < row->n_attention; i++) {
        const struct erg_attention_row *attention = &row->attention[i];
        erg_buf_printf(out, "\nattention %u of %u", attention->span, attention->heads);
        for (uint32_t h = 0; h < attention->heads; h++)
            erg_buf_printf(out, " %a %a %a", (double)attention->entropy[h],
                           (double)attention->max_weight[h], (double)attention->sparsity[h]);
    }
    for (uint32_t i = 0; i < row->n_routing; i++) {
        const struct erg_routing_row *routing = &row->routing[i];
        erg_buf_printf(out, "\nrouting %u: %u × %u of %u, %a", routing->span, routing->tokens,
                       routing->used, routing->experts, (double)routing->entropy);
        for (uint32_t k = 0; k < routing->tokens * routing->used; k++)
            erg_buf_printf(out, " %u:%a", routing->expert[k], (double)routing->weight[k]);
    }
    erg_buf_putc(out, '\n');
    return 0;
}

static void dump_store(const struct fake_session *fake, struct erg_buf *out)
{
    struct erg_store *store = NULL;
    char *id = NULL;
    erg_buf_init(out);
    assert_int_equal(erg_store_open(&store, fake->store, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_resolve(store, "last", &id, NULL), 0);
    assert_int_equal(erg_store_passes(store, id, true, put_pass, out, NULL), 0);
    free(id);
    erg_store_close(store);
}

/* What deep passes know takes the way from the probe to the store, and again by the recording. */
static void test_a_deep_run_and_its_import(void **state)
{
    (void)state;
    struct fake_session fake;
    struct erg_buf live, imported;
    bool torn = true;
    fake_session_init(&fake,
                      "run_begin {}\n"
                      "section pre_inference tokenization 1ms\n"
                      "pass prefill tokens=3 duration=10ms layers=3 deep flags=65\n"
                      "attention 7\nrouting 3 2 8\ntoken 5 \"x\"\ntoken 5 \"x\"\ntoken 5 \"x\"\n"
                      "repeat 2\npass decode duration=10ms layers=3 deep flags=65\nattention 7\n"
                      "routing 1 2 8\ntoken 6 \"y\"\npass decode\ntoken 6 \"z\"\nend\n"
                      "run_end\n");
    assert_int_equal(fake_session_run(&fake), 0);
    assert_string_equal(fake.result.status, "complete");
    dump_store(&fake, &live);
    assert_non_null(strstr(live.data, "\nrouting 13: 3 × 2 of 8, "));
    assert_non_null(strstr(live.data, "\nattention 44 of 7 "));
    assert_non_null(strstr(live.data, "\nrouting 49: 1 × 2 of 8, "));
    erg_run_result_deinit(&fake.result);
    unlink(fake.store);
    assert_int_equal(erg_import(fake.recording, fake.store, &fake.result, &torn, &fake.err), 0);
    assert_false(torn);
    dump_store(&fake, &imported);
    assert_string_equal(imported.data, live.data);
    erg_buf_deinit(&live);
    erg_buf_deinit(&imported);
    fake_session_deinit(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_run),
        cmocka_unit_test(test_engine_that_takes_no_commands),
        cmocka_unit_test(test_crash_before_the_run_begins),
        cmocka_unit_test(test_crash_in_the_run),
        cmocka_unit_test(test_run_without_a_beginning),
        cmocka_unit_test(test_cancel_while_the_machine_rests),
        cmocka_unit_test(test_flood_on_stderr),
        cmocka_unit_test(test_recording_to_what_is_no_file),
        cmocka_unit_test(test_import_into_what_is_no_store),
        cmocka_unit_test(test_wall_clock_that_jumps),
        cmocka_unit_test(test_a_deep_run_and_its_import),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
