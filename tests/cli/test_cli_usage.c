/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include "store/make_store.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Wrong usage: one line on stderr that says what and where to read on, exit 2, empty stdout. */

#define M "-m", TALES

static const struct {
    const char *args[10];
    int status;
    const char *says;
} rows[] = {
    {{"rn"}, 2, "unknown command 'rn': did you mean 'run'? (try 'ergon --help')"},
    {{"frobnicate"}, 2, "unknown command 'frobnicate' (try 'ergon --help')"},
    {{"help", "shwo"}, 2, "did you mean 'show'?"},
    {{"--jsn", "runs"}, 2, "did you mean '--json'?"},
    {{"-m", "x", "run"}, 2, "unknown option '-m'; options of a command stand behind its name"},
    {{"--json"}, 2, "no command given"},
    {{"run"}, 2, "no model: give one with -m FILE"},
    {{"run", M}, 2, "no prompt: give one with -p TEXT"},
    {{"run", M, "-p", "x", "-f", "y"}, 2, "only one of --prompt, --file and --prompt-tokens"},
    {{"run", M, "-p", "x", "-n", "0"}, 2, "option '--tokens' takes a whole number from 1"},
    {{"run", M, "-p", "x", "-n", "many"}, 2, "not 'many'"},
    {{"run", M, "-p", "x", "-n"}, 2, "option '--tokens' needs a value: --tokens N"},
    {{"run", M, "-p", ""}, 2, "the prompt is empty"},
    {{"run", M, "-p", "a\xFFz"}, 2, "the prompt is not UTF-8: byte 0xff at offset 1"},
    {{"run", M, "-p", "x", "--mode", "deeep"}, 2, "takes minimal|standard|deep, not 'deeep'"},
    {{"run", M, "-p", "x", "--temp", "-1"}, 2, "option '--temp' takes a number from 0"},
    {{"run", M, "-p", "x", "--top-p", "2"}, 2, "option '--top-p' takes a number from 0 to 1"},
    {{"run", M, "-p", "x", "--lines"}, 2, "--lines needs a file of prompts"},
    {{"run", M, "-p", "x", "--grid", "moon"}, 2, "unknown region 'moon': 'ergon run --grid list'"},
    {{"run", M, "-p", "x", "--profile", "foo=1"}, 2, "unknown key 'foo'; known are capture_"},
    {{"run", M, "-p", "x", "--profile", "layers=0,x"}, 2, "unknown key 'x'"},
    {{"run", M, "-p", "x", "--profile", "layers=0,8,layer_stride=2"}, 2, "only one of layers"},
    {{"run", M, "-p", "x", "--profile", "bare_every=1"}, 2, "bare_every takes 0 or a whole number"},
    {{"run", M, "-p", "x", "--gpu-layers", "9"}, 2, "--gpu-layers needs a device"},
    {{"run", M, "-p", "x", "--overhead-budget", "0"}, 2, "takes a number from 0.01 to 1000"},
    {{"run", M, "-p", "x", "--overhead-budget=1", "--profile", "bare_every=0"},
     2,
     "--overhead-budget needs the tokens to compare with"},
    {{"run", M, "-p", "x", "--overhead-budget=1", "--profile", "sample_every=2"},
     2,
     "only one of --overhead-budget and --profile sample_every"},
    {{"run", M, "-p", "x", "--mode=minimal", "--profile", "deep_profiling=true"},
     2,
     "deep_profiling=true contradicts mode minimal"},
    {{"run", M, "-p", "x", "--flash-attn=on", "--profile", "flash_attention=off"},
     2,
     "--flash-attn on contradicts --profile flash_attention=off"},
    {{"run", M, "-p", "x", "--repeat", "0"}, 2, "takes auto or a whole number from 1 to 1000"},
    {{"run", M, "-p", "x", "--repeat", "often"}, 2, "not 'often'"},
    {{"run", M, "-p", "x", "--warmup", "1"}, 2, "--warmup goes with --repeat"},
    {{"run", M, "-f", "x", "--lines", "--repeat=2"}, 2, "--repeat takes one prompt"},
    {{"run", M, "-p", "x", "--record=x", "--repeat=2"}, 2, "--record takes one run"},
    {{"run", M, "-p", "x", "more"}, 2, "unexpected argument 'more'"},
    {{"run", M, "-p", "x", "--tokns", "5"}, 2, "did you mean '--tokens'?"},
    {{"run", M, "-p", "x", "--log", "everything"}, 2, "takes engine|all, not 'everything'"},
    {{"run", "-m", "no-such", "-p", "x"}, 4, "cannot find model 'no-such'"},
    {{"run", "-m", "synth:llama", "-p", "x"}, 2, "'layers' is not given"},
    {{"run", "-m", "synth:lama-3.2-1b", "-p", "x"}, 2, "did you mean 'llama-3.2-1b'?"},
    {{"run", "-m", "synth:phi-2:q2", "-p", "x"},
     2,
     "'q2' is not one of f32, f16, q8_0, q4_0, q4_k"},
    {{"run", "-m", "synth:phi-2:layers=0", "-p", "x"}, 2, "'layers' takes a whole number"},
    {{"run", M, "-f", "no-such-file"}, 4, "'no-such-file'"},
    {{"run", M, "-p", "x", "--engine", "/no/engine"}, 4, "/no/engine"},
    {{"run", M, "-p", "x", "--sysroot", "/no/root"}, 4, "/no/root"},
    {{"generate", "html"}, 2, "unknown page 'html': known are man, bash, zsh, fish"},
    {{"runs", "--sort", "energy"}, 2, "cannot sort by 'energy'"},
    {{"runs", "--sort", "creatd_at"}, 2, "did you mean 'created_at'?"},
    {{"runs", "--since", "yesterday"}, 2, "'yesterday' is no time"},
    {{"runs", "--limit", "-1"}, 2, "option '--limit' takes"},
    {{"show"}, 2, "too few arguments: ergon show RUN"},
    {{"show", "nothing-like-it"}, 4, "nothing-like-it"},
    {{"show", "0190a0b"}, 2, "0190a0b"},
    {{"show", "last", "--by", "tokens"}, 2, "option '--by' takes"},
    {{"show", "last", "--token", "9999"}, 4, "the run has no token 9999"},
    {{"show", "last", "--token", "1", "--by", "section"}, 2, "--token goes with --by layer"},
    {{"compare"}, 2, "too few arguments: ergon compare RUN RUN"},
    {{"compare", "last"}, 2, "too few arguments"},
    {{"compare", "a", "b", "c", "d", "e"}, 2, "unexpected argument 'e'"},
    {{"compare", "0190a0b1", "nothing-like-it"}, 4, "nothing-like-it"},
    {{"compare", "0190a0b1", "0190a0b2"}, 4, "is failed: only complete runs can be compared"},
    {{"compare", "0190a0b1", "0190a0b1"}, 2, "a run cannot be compared with itself"},
    {{"compare", "tag:baseline", "experiment:fixture"}, 2, "stands on both sides"},
    {{"compare", "0190a0b1", "tag:none"}, 4, "'tag:none' has no complete run"},
    {{"compare", "0190a0b1", "tag:"}, 4, "'tag:' has no complete run"},
    {{"compare", "tag:' OR 1=1 --", "0190a0b1"}, 4, "has no complete run"},
    {{"compare", "a", "b", "--metric", "joule_per_token"}, 2, "did you mean 'joules_per_token'?"},
    {{"compare", "a", "b", "--metric", "co2_g,"}, 2, "unknown metric ''"},
    {{"compare", "a", "b", "--fail-if", "joules_per_token"}, 2, "a limit is METRIC+PCT%"},
    {{"compare", "a", "b", "--fail-if", "speed+5%"}, 2, "unknown metric 'speed'"},
    {{"compare", "a", "b", "--fail-if", "tokens_per_second-101%"}, 2, "no percentage within"},
    {{"export"}, 2, "too few arguments"},
    {{"export", "last", "--format", "jsno"}, 2, "did you mean 'json'?"},
    {{"export", "last", "--format", "json", "--table", "runs"}, 2, "--table is for csv"},
    {{"export", "last", "-o", "/no/such/dir/x.json"}, 4, "'/no/such/dir/x.json'"},
    {{"import"}, 2, "too few arguments: ergon import FILE.erg"},
    {{"import", "no-such.erg"}, 4, "no-such.erg"},
    {{"import", "CMakeLists.txt"}, 4, "CMakeLists.txt"},
    {{"delete"}, 2, "nothing to delete"},
    {{"delete", "nothing-like-it"}, 4, "nothing-like-it"},
    {{"delete", "--older-than", "soon"}, 2, "option '--older-than' takes a duration"},
    {{"models", "show", "synth:phi-4"}, 2, "did you mean 'phi-2'?"},
    {{"synth"}, 2, "what kind of model? --preset NAME"},
    {{"synth", "--preset", "phi-2"}, 2, "where to write it? -o FILE"},
    {{"synth", "--preset", "phi-2", "-o", ""}, 2, "where to write it? -o FILE"},
    {{"synth", "--preset", "phi-9", "-o", "/tmp/ergon-x.gguf"}, 2, "unknown preset 'phi-9'"},
    {{"synth", "--preset", "phi2", "-o", "/tmp/ergon-x.gguf"}, 2, "'phi2' is an architecture"},
    {{"synth", "--arch", "phi-2", "-o", "/tmp/ergon-x.gguf"}, 2, "'phi-2' is a preset"},
    {{"synth", "--arch", "phi2", "--preset", "phi-2", "-o", "x"},
     2,
     "only one of --preset and --arch"},
    {{"synth", "--arch", "phi2", "-o", "/tmp/ergon-x.gguf"}, 2, "'layers' is not given"},
    {{"synth", "--arch", "qwen7", "-o", "/tmp/ergon-x.gguf"}, 2, "did you mean 'qwen2'?"},
    {{"synth", "--preset", "phi-2", "--layers", "0", "-o", "x"}, 2, "option '--layers' takes"},
    {{"synth", "--preset", "phi-2", "--type", "q9", "-o", "x"}, 2, "takes f32|f16|q8_0|q4_0|q4_k"},
    {{"synth", "--preset", "phi-2", "-o", "CMakeLists.txt"}, 2, "--force replaces it"},
    {{"synth", "--preset", "phi-2", "-o", "cli", "--force"}, 2, "'cli' is not a file"},
    {{"synth", "--preset", "phi-2", "-o", "/no/such/dir/x.gguf"}, 4, "'/no/such/dir/x.gguf'"},
    {{"synth", "--preset", "phi-2", "-o", "/tmp/ergon-x.gguf", "--engine", "/no/engine"},
     4,
     "/no/engine"},
    {{"models", "shwo"}, 2, "unknown word 'shwo'"},
    {{"models", "show"}, 2, "which model?"},
    {{"models", "show", "CMakeLists.txt"}, 4, "is not a GGUF file"},
    {{"sql"}, 2, "too few arguments"},
    {{"sql", ""}, 2, "the statement is empty"},
    {{"sql", "SELEC 1"}, 2, "cannot run the statement: near"},
    {{"sql", "SELECT 1; SELECT 2"}, 2, "more than one statement"},
    {{"sql", "DELETE FROM profiling_runs"}, 2, "would change the store"},
    {{"sql", "ATTACH '/tmp/ergon-attached.db' AS x"}, 2, "too many attached databases"},
    {{"sql", "SELECT * FROM no_such_table"}, 2, "no such table"},
};

static void test_every_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct output output = ergon_args(rows[i].args);
        if (output.status != rows[i].status || !strstr(output.err, rows[i].says))
            print_error("%s %s: %d %s", rows[i].args[0], rows[i].args[1], output.status,
                        output.err);
        assert_one_line_error(&output, rows[i].status, rows[i].says);
        free_output(&output);
    }
}

static void test_usage_errors_point_to_help(void **state)
{
    static const char *const commands[] = {"run",    "runs",   "show",   "compare",
                                           "export", "import", "delete", "sql",
                                           "models", "synth",  "doctor"};
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(commands); i++) {
        char hint[64];
        snprintf(hint, sizeof hint, "(try 'ergon %s --help')", commands[i]);
        struct output output = ergon(commands[i], "--no-such-option");
        assert_one_line_error(&output, 2, hint);
        free_output(&output);
    }
}

/* What is not there is not made by looking for it. */
static void test_reading_makes_no_store(void **state)
{
    (void)state;
    const char *db = in_folder("absent.db");
    struct output output = ergon("runs", "--db", db);
    assert_one_line_error(&output, 4, "absent.db");
    free_output(&output);
    output = ergon("delete", "last", "--db", db);
    assert_one_line_error(&output, 4, "absent.db");
    free_output(&output);
    output = ergon("doctor", "--db", db);
    assert_non_null(strstr(output.out, "none yet: the first run makes it"));
    free_output(&output);
    assert_int_equal(access(db, F_OK), -1);
}

/* The engine says what it is; one that does not is broken. */
static void test_doctor_asks_the_engine(void **state)
{
    static const struct {
        const char *script, *state, *version;
    } engines[] = {{"echo 'ergon-fake 1, CPU'", "ready", "ergon-fake 1, CPU"},
                   {"echo oh >&2; exit 1", "broken", NULL}};
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(engines); i++) {
        const char *path = in_folder("engine");
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "#!/bin/sh\n%s\n", engines[i].script);
        fclose(file);
        assert_int_equal(chmod(path, 0700), 0);
        struct output output = ergon("doctor", "--json", "--engine", path);
        json_t *findings = json_loads(output.out, 0, NULL);
        const json_t *engine = json_object_get(findings, "engine");
        const char *version = json_string_value(json_object_get(engine, "version"));
        assert_string_equal(json_string_value(json_object_get(engine, "state")), engines[i].state);
        assert_int_equal(version != NULL, engines[i].version != NULL);
        if (version)
            assert_string_equal(version, engines[i].version);
        json_decref(findings);
        free_output(&output);
    }
}

static void test_delete(void **state)
{
    (void)state;
    make_store(in_folder("delete.db"));
    const char *db = in_folder("delete.db");
    struct output output = ergon("delete", "last", "0190a0b2", "last", "--db", db);
    assert_string_equal(output.out, "1 run deleted\n");
    assert_int_equal(output.status, 0);
    free_output(&output);
    output = ergon("delete", "--older-than", "0s", "--db", db, "--json");
    assert_string_equal(output.out, "{\"deleted\":[\"" MAKE_STORE_DEEP "\"]}\n");
    free_output(&output);
    json_t *runs = ergon_json("runs", "--db", db);
    assert_int_equal(json_array_size(runs), 0);
    json_decref(runs);
}

/* The export appears whole or not at all, and leaves nothing else behind. */
static void test_export_to_a_file(void **state)
{
    (void)state;
    const char *path = in_folder("out.json");
    struct output output = ergon("export", MAKE_STORE_DEEP, "-o", path, "--quiet");
    assert_int_equal(output.status, 0);
    assert_string_equal(output.out, "");
    assert_string_equal(output.err, "");
    free_output(&output);
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    assert_non_null(json);
    json_decref(json);
}

static int set_up(void **state)
{
    if (make_folder(state))
        return -1;
    make_store(in_folder("test.db"));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_error),
        cmocka_unit_test(test_usage_errors_point_to_help),
        cmocka_unit_test(test_reading_makes_no_store),
        cmocka_unit_test(test_doctor_asks_the_engine),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_export_to_a_file),
    };
    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
