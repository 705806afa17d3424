/* SPDX-License-Identifier: MIT */
/* What cannot work is refused in one clear line, and the engine goes on. */
#include "engine/engine_client.h"

#include "base/mem.h"
#include "base/root.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL "../models/tales-q8_0.gguf"

static char broken_path[] = "/tmp/ergon-broken-XXXXXX";

static int setup(void **state)
{
    static struct engine engine;
    int fd = mkstemp(broken_path);
    assert_true(fd >= 0);
    close(fd);
    engine_start(&engine);
    *state = &engine;
    return 0;
}

static int teardown(void **state)
{
    unlink(broken_path);
    return engine_stop(*state);
}

static void assert_refused(struct seen *seen, const char *why)
{
    assert_false(seen->answered);
    assert_int_equal(seen->status, ERG_END_FAILED);
    if (!strstr(seen->reason, why)) {
        fail_msg("'%s' does not say '%s'", seen->reason, why);
    }
    assert_null(strchr(seen->reason, '\n'));
    seen_deinit(seen);
}

static void refuse_load(struct engine *engine, const char *path, const char *why)
{
    struct seen seen;
    engine_send(engine, "{\"cmd\":\"load\",\"model\":\"%s\"}", path);
    engine_collect(engine, &seen);
    assert_refused(&seen, why);
}

static void write_broken(const void *bytes, size_t len)
{
    FILE *file = fopen(broken_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void files_that_are_no_models(void **state)
{
    refuse_load(*state, "no/such/file.gguf", "no/such/file.gguf");
    refuse_load(*state, "../models", "is a directory");
    refuse_load(*state, "/dev/null", "not a regular file");
    write_broken("PK\x03\x04, a zip file and not a model", 33);
    refuse_load(*state, broken_path, "is not a GGUF file");
    write_broken("GGUF", 4);
    refuse_load(*state, broken_path, "is not a GGUF file");
    write_broken("GGUF\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    refuse_load(*state, broken_path, "version 7");
    write_broken("GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\xff\xff\xff\xff\0\0\0\0", 24);
    refuse_load(*state, broken_path, "more than it can hold");
}

/* Load the model with `from`, `len` bytes, replaced by `to` at its first occurrence. */
static void refuse_patched(struct engine *engine, const char *from, const void *to, size_t len,
                           size_t skip, const char *why)
{
    char *bytes;
    size_t size;
    assert_int_equal(erg_read_file(MODEL, 16 << 20, &bytes, &size, NULL), 0);
    char *at = memmem(bytes, size, from, strlen(from));
    assert_non_null(at);
    memcpy(at + strlen(from) + skip, to, len);
    write_broken(bytes, size);
    free(bytes);
    refuse_load(engine, broken_path, why);
}

static void truncated_at_every_part(void **state)
{
    static const size_t lengths[] = {23, 100, 5000, 20000, 300000, 2000000};
    char *bytes;
    size_t size;
    assert_int_equal(erg_read_file(MODEL, 16 << 20, &bytes, &size, NULL), 0);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        write_broken(bytes, lengths[i]);
        refuse_load(*state, broken_path, "");
    }
    free(bytes);
}

static void metadata_that_libllama_would_abort_on(void **state)
{
    const uint32_t many = 600, four = 4, none = 0;
    const size_t type = 4; /* a value follows its key's type */
    refuse_patched(*state, "general.architecture", "magma", 5, type + 8, "magma");
    refuse_patched(*state, "llama.block_count", &many, 4, type, "block_count");
    refuse_patched(*state, "llama.block_count", &none, 4, type, "block_count");
    refuse_patched(*state, "llama.attention.head_count_kv", &four, 4, type, "head_count_kv");
    refuse_patched(*state, "llama.rope.dimension_count", &many, 4, type, "dimension_count");
}

static void refuse_run(struct engine *engine, const char *members, const char *why)
{
    struct seen seen;
    engine_run(engine, members, &seen);
    assert_refused(&seen, why);
}

static void runs_that_cannot_be(void **state)
{
    static const struct {
        const char *members, *why;
    } cases[] = {
        {",\"prompt\":\"\",\"bos\":false", "prompt is empty"},
        {",\"tokens\":3", "'prompt'"},
        {",\"prompt\":\"Once upon a time\",\"ctx\":3", "longer than the context of 3"},
        {",\"prompt_tokens\":600", "longer than the context of 512"},
        {",\"prompt\":\"a\",\"chat\":true", "no chat template"},
        {",\"prompt\":\"a\",\"tokens\":-1", "'tokens'"},
        {",\"prompt\":\"a\",\"temperature\":\"hot\"", "'temperature'"},
        {",\"prompt\":\"a\",\"top_p\":1.5", "'top_p'"},
        {",\"prompt\":\"a\",\"cache_type_k\":\"q3\"", "'q3'"},
        {",\"prompt\":\"a\",\"flash_attn\":\"maybe\"", "'maybe'"},
        {",\"prompt\":\"a\",\"mode\":\"full\"", "'full'"},
        {",\"prompt\":\"a\",\"instrument\":\"guess\"", "'guess'"},
        {",\"prompt\":\"a\",\"cache_type_v\":\"q8_0\",\"flash_attn\":\"off\"", "V cache"},
    };
    engine_load(*state, MODEL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        refuse_run(*state, cases[i].members, cases[i].why);
    }
    struct seen seen;
    engine_run(*state, ",\"prompt\":\"a\",\"tokens\":1", &seen);
    assert_int_equal(seen.status, ERG_END_COMPLETE);
    seen_deinit(&seen);
}

static void commands_that_are_none(void **state)
{
    struct seen seen;
    struct engine fresh;
    engine_send(*state, "{\"cmd\":\"dance\"}");
    engine_collect(*state, &seen);
    assert_refused(&seen, "'dance'");
    engine_send(*state, "[1,2]");
    engine_collect(*state, &seen);
    assert_refused(&seen, "not a JSON object");
    engine_start(&fresh);
    engine_send(&fresh, "{\"cmd\":\"run\",\"prompt\":\"a\"}");
    engine_collect(&fresh, &seen);
    assert_refused(&seen, "no model");
    engine_send(&fresh, "{\"cmd\":\"load\",\"model\":\"" MODEL "\",\"device\":\"Abacus\"}");
    engine_collect(&fresh, &seen);
    assert_refused(&seen, "'Abacus'");
    engine_send(&fresh, "{\"cmd\":\"quit\"}");
    assert_int_equal(engine_stop(&fresh), 0);
}

static void models_that_cannot_be_made(void **state)
{
    static const struct {
        const char *members, *why;
    } cases[] = {
        {"\"heads\":3", "heads of even size"},
        {"\"heads\":4,\"kv_heads\":3", "multiple of 3 KV heads"},
        {"\"type\":\"q9\"", "'q9'"},
        {"\"type\":\"q4_k\",\"feed_forward\":100", "multiples of 32"},
        {"\"arch\":\"magma\"", "'magma'"},
        {"\"model\":\"synth:magma\"", "'magma'"},
        {"\"model\":\"/etc/passwd\"", "does not begin with synth:"},
        {"\"layers\":0", "'layers'"},
        {"\"vocab\":100", "'vocab'"},
        {"\"out\":\"no/such/folder/x.gguf\"", "no/such/folder/x.gguf"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct seen seen;
        bool has_out = strstr(cases[i].members, "\"out\"") != NULL;
        engine_send(*state, "{\"cmd\":\"synth\",%s%s%s%s}", has_out ? "" : "\"out\":\"",
                    has_out ? "" : broken_path, has_out ? "" : "\",", cases[i].members);
        engine_collect(*state, &seen);
        assert_refused(&seen, cases[i].why);
    }
}

static void a_length_beyond_reason_ends_it(void **state)
{
    struct seen seen;
    struct engine fresh;
    (void)state;
    engine_start(&fresh);
    assert_int_equal(write(fresh.fd, "\xff\xff\xff\xff", 4), 4);
    engine_collect(&fresh, &seen);
    assert_refused(&seen, "too long");
    assert_int_equal(engine_stop(&fresh), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_are_no_models),
        cmocka_unit_test(truncated_at_every_part),
        cmocka_unit_test(metadata_that_libllama_would_abort_on),
        cmocka_unit_test(runs_that_cannot_be),
        cmocka_unit_test(commands_that_are_none),
        cmocka_unit_test(models_that_cannot_be_made),
        cmocka_unit_test(a_length_beyond_reason_ends_it),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
