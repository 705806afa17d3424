/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "server/keeper.h"
#include "store/make_store.h"
#include "store/store.h"
#include "store/temp_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DAY_NS INT64_C(86400000000000)

/* 2026-04-01T12:00 UTC; the runs of make_store() were made at noon of March 1st and 2nd. */
static int64_t wall_ns(void *user)
{
    (void)user;
    return INT64_C(1775044800) * 1000000000;
}

static void on_note(void *user, const char *line)
{
    snprintf(user, 400, "%s", line); /* read when the keeper's thread has ended */
}

static int count_run(void *user, const struct erg_run_row *row)
{
    (void)row;
    ++*(int *)user;
    return 0;
}

static int runs_in(const char *path)
{
    struct erg_store *store;
    int count = 0;
    assert_int_equal(erg_store_open(&store, path, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_runs(store, NULL, count_run, &count, NULL), 0);
    erg_store_close(store);
    return count;
}

/* Look once at a store with the two runs: how many are left, and what is said about it. */
static int keep(int64_t keep_ns, char note[400])
{
    const struct erg_clock clock = {.wall_ns = wall_ns};
    struct temp_store temp = temp_store_new();
    struct erg_keeper *keeper;
    note[0] = '\0';
    make_store(temp.path);
    assert_int_equal(erg_keeper_open(&keeper, temp.path, keep_ns, &clock, on_note, note, NULL), 0);
    erg_keeper_close(keeper);
    int left = runs_in(temp.path);
    temp_store_remove(&temp);
    return left;
}

static void test_keep(void **state)
{
    (void)state;
    char note[400];
    assert_int_equal(keep(32 * DAY_NS, note), 2);
    assert_string_equal(note, "");
    assert_int_equal(keep(30 * DAY_NS + DAY_NS / 2, note), 1);
    assert_string_equal(note, "1 old run removed");
    assert_int_equal(keep(DAY_NS, note), 0);
    assert_string_equal(note, "2 old runs removed");
}

/* A store that cannot be opened is told of, and nothing worse. */
static void test_failure(void **state)
{
    (void)state;
    const struct erg_clock clock = {.wall_ns = wall_ns};
    struct erg_keeper *keeper;
    char note[400] = "";
    assert_int_equal(
        erg_keeper_open(&keeper, "/dev/null/ergon.db", DAY_NS, &clock, on_note, note, NULL), 0);
    erg_keeper_close(keeper);
    assert_non_null(strstr(note, "cannot remove old runs: "));
    erg_keeper_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keep), cmocka_unit_test(test_failure)};
    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
