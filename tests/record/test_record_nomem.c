/* SPDX-License-Identifier: MIT */
#include "record/fake_session.h"

#include "record/join.h"
#include "record/tape.h"
#include "store/store.h"

#include <stdatomic.h>

/*
 * Every allocation fails once, while a recording is joined and while it is imported: an error or
 * the right result, no crash, nothing leaked.
 */
void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);

static atomic_llong allowed = INT64_MAX; /* allocations until one fails */
static atomic_bool failed;

void *__wrap_erg_realloc(void *block, size_t bytes)
{
    if (atomic_fetch_sub(&allowed, 1) == 0) {
        failed = true;
        return NULL;
    }
    return __real_erg_realloc(block, bytes);
}

static const char script[] = "run_begin {\"engine\":{\"name\":\"fake\"},\"settings\":{\"n\":1}}\n"
                             "section pre_inference tokenization 1ms\n"
                             "memory 1 2 3 4\n"
                             "log warning a warning\n"
                             "pass prefill tokens=2 layers=1 duration=10ms\n"
                             "token 5 \"x\"\ntoken 5 \"z\"\n"
                             "pass decode layers=1 duration=10ms stats\ntoken 6 \"y\"\n"
                             "run_end\n";

struct fixture {
    struct fake_session fake;
    char *bytes; /* of the recording */
    size_t len;
    char *summary; /* of a join with enough memory */
};

static int join_recording(struct fixture *fixture, char **out_summary)
{
    struct erg_join_sink sink = {0};
    struct erg_join *join = NULL;
    struct erg_tape *tape = NULL;
    struct erg_buf summary;
    erg_buf_init(&summary);
    int rc = erg_join_new(&join, &sink, NULL);
    if (rc == 0)
        rc = erg_tape_open(&tape, NULL, join, NULL);
    if (rc == 0)
        rc = erg_tape_put(tape, fixture->bytes, fixture->len, NULL);
    if (rc == 0)
        rc = erg_join_finish(join, NULL);
    struct erg_run_facts facts = {.status = "none"};
    if (join)
        erg_join_facts(join, &facts);
    assert_non_null(facts.status); /* wherever it went wrong */
    if (rc == 0) {
        erg_summary_write(&facts, &summary);
        *out_summary = erg_buf_take(&summary);
        rc = *out_summary ? 0 : ERG_NOMEM;
    }
    erg_buf_deinit(&summary);
    erg_tape_free(tape);
    erg_join_free(join);
    return rc;
}

/* The same summary; for want of memory a warning may stay unsaid. */
static void assert_same_run(const char *summary, const char *wanted)
{
    const char *a = strstr(summary, "\"warnings\":["), *b = strstr(wanted, "\"warnings\":[");
    assert_true(a && b && a - summary == b - wanted);
    assert_memory_equal(summary, wanted, (size_t)(b - wanted));
    assert_string_equal(strchr(a, ']'), strchr(b, ']'));
}

static int make_recording(void **state)
{
    static struct fixture fixture;
    struct fake_session *fake = &fixture.fake;
    fake_session_init(fake, script);
    fake->options.store_path = NULL;
    fake->options.tags = (const char *const[]){"a tag"};
    fake->options.tag_count = 1;
    assert_int_equal(fake_session_run(fake), 0);
    FILE *file = fopen(fake->recording, "rb");
    assert_non_null(file);
    fixture.bytes = malloc(1 << 20);
    fixture.len = fread(fixture.bytes, 1, 1 << 20, file);
    fclose(file);
    assert_int_equal(join_recording(&fixture, &fixture.summary), 0);
    *state = &fixture;
    return 0;
}

static int remove_recording(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->bytes);
    free(fixture->summary);
    fake_session_deinit(&fixture->fake);
    return 0;
}

static void joining_survives_every_failing_allocation(void **state)
{
    struct fixture *fixture = *state;
    int64_t k = 0;
    for (failed = true; failed; k++) {
        char *summary = NULL;
        failed = false;
        allowed = k;
        int rc = join_recording(fixture, &summary);
        allowed = INT64_MAX;
        if (rc)
            assert_true(failed && rc == ERG_NOMEM);
        else
            assert_same_run(summary, fixture->summary);
        free(summary);
    }
    assert_true(k > 50);
}

/*
 * What an import that failed has left: nothing, a run that says of itself that it broke off, or all
 * of it, when only the result could not be told.
 */
static int check_row(void *user, const struct erg_run_row *row)
{
    (void)user;
    if (strcmp(row->status, "interrupted") != 0) {
        assert_string_equal(row->status, "complete");
        assert_int_equal(row->output_tokens, 1);
        assert_string_equal(row->response, "y");
    }
    return 0;
}

static void check_leftovers(const char *path)
{
    struct erg_store *store = NULL;
    struct erg_run_filter filter = {.limit = -1};
    if (access(path, F_OK) == 0 && erg_store_open(&store, path, ERG_STORE_READ, NULL, NULL) == 0)
        assert_int_equal(erg_store_runs(store, &filter, check_row, NULL, NULL), 0);
    erg_store_close(store);
}

static void remove_store(const struct fake_session *fake)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ERG_COUNT(suffixes); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", fake->store, suffixes[i]);
        unlink(path);
    }
}

static void importing_survives_every_failing_allocation(void **state)
{
    struct fixture *fixture = *state;
    const struct fake_session *fake = &fixture->fake;
    struct erg_run_result whole;
    bool torn_whole;
    int64_t k = 0;
    assert_int_equal(erg_import(fake->recording, fake->store, &whole, &torn_whole, NULL), 0);
    remove_store(fake);
    for (failed = true; failed; k++) {
        struct erg_run_result result;
        struct erg_err err = {0};
        bool torn = false;
        failed = false;
        allowed = k;
        int rc = erg_import(fake->recording, fake->store, &result, &torn, &err);
        allowed = INT64_MAX;
        if (rc) {
            if (rc != ERG_NOMEM)
                print_message("k %d rc %d %s\n", (int)k, rc, err.text);
            assert_true(failed && err.text[0]);
            assert_true(rc == ERG_NOMEM);
            check_leftovers(fake->store);
        } else {
            assert_false(torn);
            assert_same_run(result.summary_json, whole.summary_json);
        }
        erg_run_result_deinit(&result);
        remove_store(fake);
    }
    erg_run_result_deinit(&whole);
    assert_true(k > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joining_survives_every_failing_allocation),
        cmocka_unit_test(importing_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, make_recording, remove_recording);
}
