/* SPDX-License-Identifier: MIT */
/*
 * Runs on a device that is not the CPU: ggml's RPC back end, which computes the CPU's very bits, or
 * (with the argument "vulkan", for 'make test-vulkan') the Vulkan one. "unfused" says that it
 * computes each operation by itself, so that cutting its graph changes no bit. The environment is
 * that of CMakeLists.txt.
 */
#include "engine/engine_client.h"

#include "base/root.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TOKENS = 8, ALL_LAYERS = 99, SKIPPED = 77 };

/* More than 32 tokens: from there on devices compute layers that are not theirs, with copies. */
static const char prompt[] = "One day Tom went to the park. He saw a big red ball and a small dog. "
                             "The dog was sad. Tom gave the ball to the dog and they were happy.";

/* How far statistics may be from the CPU's, where a device multiplies in half precision, … */
static const double LOOSE = 0.03;
/* … or, exact as it is, has weights that some CPUs (with AMX) rearrange for kernels of their own:
 * all but F32 … */
static const double OTHER_KERNELS = 2e-3;
/* … of the others only sums are rounded otherwise where a tensor is read in another way … */
static const double OTHER_SUMS = 1e-6;
/* … and logits from the unprofiled run's, where fused kernels round otherwise than single ones. */
static const float LAST_BITS = 1e-4f;

static const struct model {
    const char *name;
    const char *synth; /* NULL: the bundled model, of F16 weights */
} models[] = {
    {"tales", NULL},
    {"qwen3moe", "\"kv_heads\":2,\"experts\":6,\"experts_used\":3,\"type\":\"f32\""},
    {"gemma2", "\"kv_heads\":2,\"type\":\"q8_0\""},
    {"phi2", "\"kv_heads\":4,\"type\":\"q8_0\""},
};

static struct device {
    struct engine engine;
    const char *name;
    bool exact, unfused;
    char logits_path[40], model_path[40];
} device;

/* What a run gave. */
struct outcome {
    struct seen seen;
    char *logits;
    size_t logit_bytes;
};

static void make_file(char *path, size_t room)
{
    snprintf(path, room, "/tmp/ergon-device-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static int setup(void **state)
{
    (void)state;
    make_file(device.logits_path, sizeof(device.logits_path));
    make_file(device.model_path, sizeof(device.model_path));
    engine_start(&device.engine);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(device.logits_path);
    unlink(device.model_path);
    return engine_stop(&device.engine);
}

static const char *make_model(const struct model *model)
{
    struct seen seen;
    if (!model->synth) {
        return "../models/tales-f16.gguf";
    }
    engine_send(&device.engine,
                "{\"cmd\":\"synth\",\"out\":\"%s\",\"arch\":\"%s\",\"layers\":4,\"vocab\":300,"
                "\"embedding\":64,\"heads\":4,\"feed_forward\":96,%s}",
                device.model_path, model->name, model->synth);
    engine_collect(&device.engine, &seen);
    assert_string_equal(seen.reason, "");
    seen_deinit(&seen);
    return device.model_path;
}

static void load(const char *path, const char *where, int gpu_layers, struct seen *seen)
{
    engine_send(&device.engine,
                "{\"cmd\":\"load\",\"model\":\"%s\",\"device\":\"%s\",\"gpu_layers\":%d}", path,
                where, gpu_layers);
    engine_collect(&device.engine, seen);
}

static void must_load(const char *path, const char *where, int gpu_layers)
{
    struct seen seen;
    load(path, where, gpu_layers, &seen);
    assert_string_equal(seen.reason, "");
    seen_deinit(&seen);
}

static void run(const char *mode, const char *instrument, const char *flash, struct outcome *out)
{
    char members[512];
    snprintf(members, sizeof(members),
             ",\"prompt\":\"%s\",\"tokens\":%d,\"ignore_eos\":true,\"mode\":\"%s\","
             "\"instrument\":\"%s\",\"flash_attn\":\"%s\",\"dump_logits\":\"%s\"",
             prompt, TOKENS, mode, instrument, flash, device.logits_path);
    engine_run(&device.engine, members, &out->seen);
    assert_string_equal(out->seen.reason, "");
    if (!strstr(out->seen.warnings, "no entropy")) { /* flash attention has none */
        assert_string_equal(out->seen.warnings, "");
    }
    assert_int_equal(out->seen.pass_count, 1 + TOKENS);
    assert_int_equal(
        erg_read_file(device.logits_path, 1 << 24, &out->logits, &out->logit_bytes, NULL), 0);
    assert_true(out->logit_bytes > TOKENS * sizeof(float));
}

static void outcome_deinit(struct outcome *outcome)
{
    seen_deinit(&outcome->seen);
    free(outcome->logits);
}

static const struct seen_span *find_span(const struct seen_pass *pass, int layer,
                                         const char *component, bool with_values)
{
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        const struct seen_span *span = &pass->spans[i];
        if (span->layer == layer && strcmp(span->component, component) == 0 &&
            (!with_values || isfinite(span->mean))) {
            return span;
        }
    }
    return NULL;
}

static int count_spans(const struct seen_pass *pass, const struct seen_span *like)
{
    int count = 0;
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        const struct seen_span *span = &pass->spans[i];
        count += span->layer == like->layer && strcmp(span->component, like->component) == 0;
    }
    return count;
}

/* The instrument a run tells of. */
static void check_instrument(const struct seen *seen, const char *expected)
{
    json_t *begin = json_loads(seen->begin, 0, NULL);
    const json_t *settings = json_object_get(begin, "settings");
    assert_string_equal(json_string_value(json_object_get(settings, "instrument")), expected);
    json_decref(begin);
}

static void check_tiling(const struct seen *seen, bool observed)
{
    for (size_t i = 0; i < seen->pass_count; i++) {
        const struct seen_pass *pass = &seen->passes[i];
        uint32_t wrong = ERG_PASS_GUESSED | ERG_PASS_MISMATCH | ERG_PASS_TRACED;
        assert_int_equal(pass->head.flags & wrong, 0);
        assert_int_equal(seen_span_sum(pass), pass->head.t1_ns - pass->head.t0_ns);
        if (observed) {
            assert_true(pass->head.flags & ERG_PASS_OBSERVED);
            assert_non_null(find_span(pass, 0, "attention", false));
            assert_non_null(find_span(pass, 0, "kv_append", false));
            assert_non_null(find_span(pass, -1, "lm_head", false));
        }
    }
}

static void check_same_result(const struct outcome *outcome, const struct outcome *expected)
{
    assert_string_equal(outcome->seen.text, expected->seen.text);
    assert_int_equal(outcome->logit_bytes, expected->logit_bytes);
    if (device.exact || device.unfused) {
        assert_memory_equal(outcome->logits, expected->logits, expected->logit_bytes);
    }
    for (size_t at = 0; at < expected->logit_bytes; at += sizeof(float)) {
        float logit, wanted;
        memcpy(&logit, outcome->logits + at, sizeof(logit));
        memcpy(&wanted, expected->logits + at, sizeof(wanted));
        if (!(fabsf(logit - wanted) <= LAST_BITS)) {
            fail_msg("logit %zu is %g, not %g", at / sizeof(float), logit, wanted);
        }
    }
}

/*
 * The run without profiling to compare with; false when it is not repeatable: on lavapipe ggml's
 * experts are computed from memory that nobody has written. A device's very first run may differ.
 */
static bool run_unprofiled(const char *flash, struct outcome *expected)
{
    struct outcome again;
    run("minimal", "none", flash, &again);
    outcome_deinit(&again);
    run("minimal", "none", flash, &again);
    run("minimal", "none", flash, expected);
    bool repeatable = again.logit_bytes == expected->logit_bytes &&
                      memcmp(again.logits, expected->logits, again.logit_bytes) == 0;
    for (size_t at = 0; at < expected->logit_bytes && repeatable; at += sizeof(float)) {
        float logit;
        memcpy(&logit, expected->logits + at, sizeof(logit));
        repeatable = isfinite(logit);
    }
    outcome_deinit(&again);
    return repeatable;
}

/* Every mode against the run without profiling, on the same device and attention. */
static void check_modes(const char *flash, bool must_be_repeatable)
{
    static const struct {
        const char *mode, *instrument, *chosen;
    } ways[] = {{"minimal", "auto", "none"},        {"minimal", "observe", "observe"},
                {"standard", "auto", "observe"},    {"deep", "auto", "observe"},
                {"standard", "observe", "observe"}, {"deep", "none", "none"}};
    struct outcome expected, outcome;
    if (!run_unprofiled(flash, &expected)) {
        assert_false(must_be_repeatable);
        print_message("SKIPPED in part: this device does not compute the same twice\n");
        outcome_deinit(&expected);
        return;
    }
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        run(ways[i].mode, ways[i].instrument, flash, &outcome);
        check_instrument(&outcome.seen, ways[i].chosen);
        check_tiling(&outcome.seen, strcmp(ways[i].chosen, "observe") == 0);
        check_same_result(&outcome, &expected);
        outcome_deinit(&outcome);
    }
    outcome_deinit(&expected);
}

static void every_mode_tiles_and_changes_no_bit(void **state)
{
    (void)state;
    size_t count = device.exact ? sizeof(models) / sizeof(*models) : 1; /* compiling takes long */
    for (size_t i = 0; i < count; i++) {
        const char *path = make_model(&models[i]);
        static const int layers[] = {ALL_LAYERS, 2}; /* 2: the others stay on the CPU */
        for (size_t k = 0; k < 2; k++) {
            print_message("%s, %d layers on the device\n", models[i].name, layers[k]);
            must_load(path, device.name, layers[k]);
            check_modes("auto", device.exact || i == 0);
            check_modes("off", device.exact || i == 0);
        }
    }
}

static bool is_near(double value, double cpu, double tolerance)
{
    return fabs(value - cpu) <= tolerance * (fabs(cpu) + 0.01);
}

/* A share of few elements jumps when one of them passes the threshold. */
static bool is_near_share(double value, double cpu, double tolerance)
{
    return fabs(value - cpu) <= (tolerance > OTHER_SUMS ? LOOSE : 0);
}

/*
 * The values of the device's spans are those of the CPU's; how many were compared. Q and K of one
 * component, a span each, are one where the graph is cut less often: those are left out.
 */
static int compare_pass(const struct seen_pass *pass, const struct seen_pass *on_cpu,
                        double tolerance)
{
    int compared = 0;
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        const struct seen_span *span = &pass->spans[i];
        if (!isfinite(span->mean)) {
            continue;
        }
        const struct seen_span *cpu = find_span(on_cpu, span->layer, span->component, true);
        if (count_spans(on_cpu, span) > 1) {
            continue;
        }
        if (!cpu) {
            fail_msg("%s in layer %d has statistics only on the device", span->component,
                     span->layer);
        } else if (!is_near(span->mean, cpu->mean, tolerance) ||
                   !is_near(span->std, cpu->std, tolerance) ||
                   !is_near(span->max, cpu->max, tolerance) ||
                   !is_near_share(span->sparsity, cpu->sparsity, tolerance)) {
            fail_msg("%s in layer %d: mean %g std %g max %g sparsity %g, on the CPU %g %g %g %g",
                     span->component, span->layer, span->mean, span->std, span->max, span->sparsity,
                     cpu->mean, cpu->std, cpu->max, cpu->sparsity);
        }
        compared++;
    }
    return compared;
}

/* Whether the device need not tell of the component: computed together with others there. */
static bool may_be_silent(const char *component)
{
    static const char *const silent[] = {"gate_proj", "up_proj", "rope"};
    for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++) {
        if (strcmp(component, silent[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void check_complete(const struct seen_pass *pass, const struct seen_pass *on_cpu)
{
    for (uint32_t i = 0; i < on_cpu->head.n_spans; i++) {
        const struct seen_span *cpu = &on_cpu->spans[i];
        if (isfinite(cpu->mean) && !may_be_silent(cpu->component) &&
            !find_span(pass, cpu->layer, cpu->component, true)) {
            fail_msg("%s in layer %d lacks statistics", cpu->component, cpu->layer);
        }
    }
}

static void statistics_are_those_of_the_cpu(void **state)
{
    (void)state;
    size_t count = device.exact ? 2 : 1; /* weights that were trained, and experts */
    for (size_t i = 0; i < count; i++) {
        struct outcome on_cpu, outcome;
        const char *path = make_model(&models[i]);
        double tolerance = !device.exact ? LOOSE : models[i].synth ? OTHER_SUMS : OTHER_KERNELS;
        must_load(path, "cpu", 0);
        run("standard", "trace", "off", &on_cpu);
        static const int layers[] = {ALL_LAYERS, 2};
        for (size_t k = 0; k < 2; k++) {
            must_load(path, device.name, layers[k]);
            run("standard", "auto", "off", &outcome);
            if (device.exact) {
                assert_string_equal(outcome.seen.text, on_cpu.seen.text);
            }
            for (size_t p = 0; p < outcome.seen.pass_count; p++) {
                const struct seen_pass *pass = &outcome.seen.passes[p];
                assert_true(compare_pass(pass, &on_cpu.seen.passes[p], tolerance) > 0);
                if (pass->head.flags & ERG_PASS_REUSED) {
                    check_complete(pass, &on_cpu.seen.passes[p]);
                }
            }
            outcome_deinit(&outcome);
        }
        outcome_deinit(&on_cpu);
    }
}

/* What the description of a run tells of the device; NULL = nothing. */
static const json_t *find_gpu(const json_t *begin)
{
    const json_t *gpus = json_object_get(json_object_get(begin, "machine"), "gpus");
    for (size_t i = 0; i < json_array_size(gpus); i++) {
        const json_t *gpu = json_array_get(gpus, i);
        if (strcmp(json_string_value(json_object_get(gpu, "device")), device.name) == 0) {
            return gpu;
        }
    }
    return NULL;
}

static void a_gpu_is_taken_without_its_name_and_told_of(void **state)
{
    struct outcome outcome;
    struct seen seen;
    const char *path = make_model(&models[0]);
    (void)state;
    must_load(path, "gpu", ALL_LAYERS);
    run("standard", "auto", "auto", &outcome);
    check_tiling(&outcome.seen, true);
    json_t *begin = json_loads(outcome.seen.begin, 0, NULL);
    const json_t *gpu = find_gpu(begin);
    assert_non_null(gpu);
    print_message("%s: %s\n", device.name, json_string_value(json_object_get(gpu, "name")));
    assert_true(json_integer_value(json_object_get(gpu, "memory_bytes")) > 0);
    load(path, "no-such-device", ALL_LAYERS, &seen);
    assert_non_null(strstr(seen.reason, "no device 'no-such-device'"));
    seen_deinit(&seen);
    json_decref(begin);
    outcome_deinit(&outcome);
}

static void a_run_on_the_cpu_is_traced_and_uses_no_gpu(void **state)
{
    struct outcome outcome;
    const char *path = make_model(&models[0]);
    (void)state;
    must_load(path, "cpu", 0);
    run("standard", "auto", "auto", &outcome);
    check_instrument(&outcome.seen, "trace");
    json_t *begin = json_loads(outcome.seen.begin, 0, NULL);
    const json_t *engine = json_object_get(begin, "engine");
    assert_int_equal(json_array_size(json_object_get(engine, "devices")), 1);
    assert_string_equal(json_string_value(json_object_get(engine, "backend")), "CPU");
    json_decref(begin);
    outcome_deinit(&outcome);
}

/* Is there a device to test with? */
static bool has_device(void)
{
    struct seen seen;
    engine_start(&device.engine);
    load("../models/tales-f16.gguf", device.name, ALL_LAYERS, &seen);
    bool found = seen.answered;
    print_message("%s%s\n", found ? "" : "SKIPPED: ", found ? "a device is there" : seen.reason);
    seen_deinit(&seen);
    return engine_stop(&device.engine) == 0 && found;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_tiles_and_changes_no_bit),
        cmocka_unit_test(statistics_are_those_of_the_cpu),
        cmocka_unit_test(a_gpu_is_taken_without_its_name_and_told_of),
        cmocka_unit_test(a_run_on_the_cpu_is_traced_and_uses_no_gpu),
    };
    device.exact = true;
    for (int i = 1; i < argc; i++) {
        device.exact &= strcmp(argv[i], "vulkan") != 0;
        device.unfused |= strcmp(argv[i], "unfused") == 0;
    }
    device.name = device.exact ? "RPC0" : "Vulkan0";
    if (!device.exact && !getenv("ERGON_TEST_VULKAN")) {
        print_message("SKIPPED: takes minutes, 'make test-vulkan' runs it\n");
        return SKIPPED;
    }
    if (!has_device()) {
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
