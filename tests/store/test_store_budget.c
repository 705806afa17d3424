/* SPDX-License-Identifier: MIT */
#include "store/make_store.h"
#include "store/temp_store.h"

#include <sys/stat.h>

/* Budgets of the contract, per decode token of a model with 32 layers of 32 heads, everything
 * counted that lies in the database file. */
struct budget {
    const char *name;
    enum make_detail detail;
    double time_scale, noise, spread;
    int64_t bytes;
    uint32_t experts;
};

static const struct budget budgets[] = {
    {"minimal, 1 B parameters", MAKE_MINIMAL, 1, 0.15, 0.3, 1000, 0},
    {"minimal, 8 B parameters", MAKE_MINIMAL, 8, 0.15, 0.3, 1000, 0},
    {"minimal, a restless machine", MAKE_MINIMAL, 1, 0.35, 0.5, 1000, 0},
    {"standard", MAKE_STANDARD, 1, 0.15, 0.3, 4000, 0},
    {"standard, a restless machine", MAKE_STANDARD, 8, 0.35, 0.5, 4000, 0},
    {"deep", MAKE_DEEP, 1, 0.15, 0.3, 15000, 0},
    {"deep, a restless machine", MAKE_DEEP, 8, 0.35, 0.5, 15000, 0},
    {"deep, 64 experts", MAKE_DEEP, 8, 0.35, 0.5, 15000, 64},
};

/* Write a run of `tokens` decode passes; what the writer says it took. */
static int64_t write_tokens(const char *path, const struct budget *budget, uint32_t tokens)
{
    struct make_shape shape = {.layers = 32,
                               .detail = budget->detail,
                               .noise = budget->noise,
                               .spread = budget->spread,
                               .time_scale = budget->time_scale,
                               .energy = true,
                               .crowded = true,
                               .heads = 32,
                               .experts = budget->experts,
                               .seed = 77};
    struct erg_run_row run = make_run("0190a0b1-7d3c-4000-8000-00000000abcd", "running", NULL);
    struct erg_writer *writer;
    assert_int_equal(erg_writer_open(&writer, path, &run, make_name, NULL, NULL), 0);
    int64_t t_ns = 0;
    for (uint32_t i = 0; i < tokens; i++) {
        struct make_pass pass;
        make_pass(&pass, &shape, i, ERG_PHASE_DECODE, i, 1, t_ns);
        erg_writer_pass(writer, &pass.row);
        struct erg_token_row token = make_token(&pass.row, 0, i);
        erg_writer_token(writer, &token);
        t_ns = pass.row.t1_ns;
        make_pass_free(&pass);
    }
    int64_t bytes = erg_writer_bytes(writer);
    assert_int_equal(erg_writer_finish(writer, NULL), 0);
    return bytes;
}

static int64_t file_bytes(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void a_token_takes_no_more_than_its_budget(void **state)
{
    (void)state;
    enum { FEW = 220, MANY = 1220 };
    for (size_t i = 0; i < ERG_COUNT(budgets); i++) {
        struct temp_store few = temp_store_new(), many = temp_store_new();
        int64_t said_few = write_tokens(few.path, &budgets[i], FEW);
        int64_t said = write_tokens(many.path, &budgets[i], MANY);
        int64_t bytes = (file_bytes(many.path) - file_bytes(few.path)) / (MANY - FEW);
        int64_t said_each = (said - said_few) / (MANY - FEW);
        print_message("%-30s %6lld bytes per token in the file (writer: %lld), budget %lld\n",
                      budgets[i].name, (long long)bytes, (long long)said_each,
                      (long long)budgets[i].bytes);
        assert_true(bytes <= budgets[i].bytes);
        assert_true(said_each < bytes * 12 / 10 && said_each > bytes * 8 / 10);
        temp_store_remove(&few);
        temp_store_remove(&many);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_token_takes_no_more_than_its_budget)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
