/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include "store/make_store.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * What the program prints, byte for byte: cli/golden/NAME.txt holds the arguments, stdout, stderr
 * and exit status. ERGON_UPDATE_GOLDEN=1 writes the files anew; look at the difference.
 */
static const struct {
    const char *name;
    const char *args[10];
} rows[] = {
    {"overview", {"--help"}},
    {"help-run", {"run", "--help"}},
    {"grid-list", {"run", "--grid", "list"}},
    {"help-serve", {"serve", "--help"}},
    {"help-runs", {"help", "runs"}},
    {"help-show", {"show", "-h"}},
    {"help-compare", {"compare", "--help"}},
    {"help-export", {"export", "--help"}},
    {"help-import", {"--help", "import"}},
    {"help-delete", {"delete", "--help"}},
    {"help-models", {"models", "--help"}},
    {"help-synth", {"synth", "--help"}},
    {"help-calibrate", {"calibrate", "--help"}},
    {"help-sql", {"sql", "--help"}},
    {"help-power", {"power", "--help"}},
    {"help-doctor", {"doctor", "--help"}},
    {"runs", {"runs"}},
    {"runs-filter", {"runs", "--tag", "baseline", "--sort", "created_at", "-n1"}},
    {"runs-none", {"runs", "--search", "no such text"}},
    {"runs-json", {"runs", "--json"}},
    {"show", {"show", MAKE_STORE_DEEP}},
    {"show-minimal", {"show", "last"}},
    {"show-phase", {"show", "0190a0b1", "--by", "phase"}},
    {"show-section", {"show", "0190a0b1", "--by", "section"}},
    {"show-token", {"show", "0190a0b1", "--by", "token"}},
    {"show-layer", {"show", "0190a0b1", "--by", "layer"}},
    {"show-component", {"show", "0190a0b1", "--by", "component", "--top", "5"}},
    {"show-operation", {"show", "0190a0b1", "--by", "operation", "--metric", "flops", "--top=5"}},
    {"show-one-token", {"show", "0190a0b1", "--token", "4"}},
    {"show-domain", {"show", "0190a0b1", "--by", "domain"}},
    {"show-activations", {"show", "0190a0b1", "--by", "layer", "--metric", "activation_sparsity"}},
    {"show-json", {"--json", "show", "0190a0b1", "--by", "component", "--phase", "decode"}},
    {"sql",
     {"sql", "SELECT id, status, total_energy_mj, NULL AS n FROM profiling_runs ORDER BY 1"}},
    {"sql-json", {"sql", "--json", "SELECT 1 AS i, 0.5 AS x, 'é' AS t, x'00ff' AS b, NULL AS n"}},
    {"sql-empty", {"sql", "SELECT 1 AS one WHERE 0"}},
    {"models", {"models", "show", "tales-f16", "--quiet"}},
    {"models-synth", {"models", "show", "synth:qwen3-30b-a3b:q8_0:layers=12"}},
    {"synth-list", {"synth", "--list"}},
};

/* The same on every machine: paths of this one are replaced. */
static char *normalised(const char *text)
{
    static const char root[] = "../models/";
    size_t len = strlen(text);
    char *copy = malloc(len + 1), *to = copy;
    char *models = realpath("../models", NULL);
    size_t models_len = models ? strlen(models) : 0;
    while (*text) {
        if (models && strncmp(text, models, models_len) == 0) {
            memcpy(to, root, sizeof root - 2);
            to += sizeof root - 2;
            text += models_len;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
    free(models);
    return copy;
}

static char *render(const char *const *args, const struct output *output)
{
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    fputs("$ ergon", file);
    for (size_t i = 0; args[i]; i++)
        fprintf(file, strpbrk(args[i], " *") ? " \"%s\"" : " %s", args[i]);
    fprintf(file, "\n%s", output->out);
    if (*output->err)
        fprintf(file, "--- stderr\n%s", output->err);
    fprintf(file, "--- status %d\n", output->status);
    fclose(file);
    char *copy = normalised(text);
    free(text);
    return copy;
}

static char *read_golden(const char *path)
{
    char *text = calloc(1, 1 << 20);
    FILE *file = fopen(path, "rb");
    if (file) {
        (void)!fread(text, 1, (1 << 20) - 1, file);
        fclose(file);
    }
    return text;
}

static void write_golden(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_output(void **state)
{
    int wrong = 0;
    const char *update = getenv("ERGON_UPDATE_GOLDEN");
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        char path[128];
        snprintf(path, sizeof path, "cli/golden/%s.txt", rows[i].name);
        struct output output = ergon_args(rows[i].args);
        char *got = render(rows[i].args, &output);
        if (update)
            write_golden(path, got);
        char *expected = read_golden(path);
        if (strcmp(got, expected) != 0) {
            print_error("%s differs; it is now\n%s", path, got);
            wrong++;
        }
        free(got);
        free(expected);
        free_output(&output);
    }
    assert_int_equal(wrong, 0);
}

static int set_up(void **state)
{
    setenv("TZ", "UTC", 1);
    if (make_folder(state))
        return -1;
    make_store(in_folder("test.db"));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_output)};
    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
