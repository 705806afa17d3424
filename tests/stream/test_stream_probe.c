/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "ergon/probe.h"
#include "stream/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Calls of the allocator since the counter was reset; the probe may make none after open. */
static int allocations;

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes)
{
    allocations++;
    return __real_malloc(bytes);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__real_realloc(void *block, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes)
{
    allocations++;
    return __real_realloc(block, bytes);
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
    allocations++;
    __real_free(block);
}

static int temporary_file(void)
{
    char path[] = "/tmp/ergon-probe-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

/* Everything that can be read from `fd` without waiting, dumped; NAME records left out. */
static int dump_fd(int fd, struct erg_buf *dump, uint64_t *out_dropped)
{
    struct erg_reader *reader;
    struct erg_event event;
    char bytes[4096];
    ssize_t n;
    int rc = erg_reader_new(&reader, NULL);
    while (rc >= 0 && (n = read(fd, bytes, sizeof bytes)) > 0) {
        rc = erg_reader_feed(reader, bytes, (size_t)n, NULL);
        while (rc >= 0 && (rc = erg_reader_next(reader, &event, NULL)) == 1) {
            if (event.type == ERG_REC_LOG)
                event.t_ns = 0;
            if (event.type == ERG_REC_DROPPED && out_dropped)
                *out_dropped += event.count;
            if (event.type != ERG_REC_NAME)
                sample_dump(reader, &event, dump);
        }
    }
    if (rc == 0 && erg_reader_pending(reader))
        rc = 1;
    erg_reader_free(reader);
    return rc;
}

struct random_run {
    ergon_probe *probe;
    uint64_t seed;
    struct erg_buf expected;
    uint32_t ids[20];
    char names[20][16];
    int64_t t_ns;
};

static uint32_t below(struct random_run *run, uint32_t n)
{
    return (uint32_t)(sample_random(&run->seed) % n);
}

static void expect_head(struct random_run *run, int type, int64_t t_ns, uint32_t phase,
                        const char *name, uint32_t level, const void *text, size_t len)
{
    erg_buf_printf(&run->expected, "%d t=%" PRId64 " phase=%u name=%s level=%u wall=0 count=0 \"",
                   type, t_ns, phase, name, level);
    for (size_t i = 0; i < len; i++)
        erg_buf_printf(&run->expected, "%02x", ((const unsigned char *)text)[i]);
    erg_buf_putc(&run->expected, '"');
}

static void random_span(struct random_run *run, bool with_values, uint64_t *left_ns)
{
    struct ergon_span_values v = {0, 0, NAN, NAN, NAN, NAN, NAN};
    int layer = (int)below(run, ERG_MAX_LAYERS + 1) - 1;
    uint32_t component = below(run, 20), operation = below(run, 21);
    uint64_t duration_ns = sample_random(&run->seed) % (*left_ns / 8 + 1);
    bool valued = with_values && below(run, 3);
    *left_ns -= duration_ns;
    if (valued) {
        v.flops = (float)below(run, 1000000);
        v.bytes = (float)below(run, 1000000);
        v.mean = (float)(1 + below(run, 1000)) / 7;
        v.std = (float)below(run, 1000) / 3;
        v.max = (float)below(run, 1000);
        v.sparsity = (float)below(run, 1000) / 1000;
        v.extra = below(run, 2) ? (float)below(run, 1000) / 100 : NAN;
    }
    ergon_probe_span(run->probe, layer, run->ids[component],
                     operation == 20 ? 0 : run->ids[operation], duration_ns, valued ? &v : NULL);
    erg_buf_printf(&run->expected, " (%d %s/%s %" PRIu64 " %.9g %.9g %.9g %.9g %.9g %.9g %.9g)",
                   layer, run->names[component], operation == 20 ? "" : run->names[operation],
                   duration_ns, (double)v.flops, (double)v.bytes, (double)v.mean, (double)v.std,
                   (double)v.max, (double)v.sparsity, (double)v.extra);
}

static float random_float(struct random_run *run)
{
    uint32_t pick = below(run, 1000);
    return pick < 50 ? NAN : (float)pick / 300;
}

static void random_attention(struct random_run *run, uint32_t span)
{
    float values[3][40];
    uint32_t heads = 1 + below(run, 40);
    expect_head(run, ERG_REC_ATTENTION, 0, 0, "", 0, "", 0);
    erg_buf_printf(&run->expected, " span=%u heads=%u", span, heads);
    for (uint32_t i = 0; i < heads; i++) {
        for (int k = 0; k < 3; k++)
            values[k][i] = random_float(run);
        erg_buf_printf(&run->expected, " (%.9g %.9g %.9g)", (double)values[0][i],
                       (double)values[1][i], (double)values[2][i]);
    }
    ergon_probe_attention(run->probe, span, heads, values[0], values[1], values[2]);
    erg_buf_putc(&run->expected, '\n');
}

static void random_routing(struct random_run *run, uint32_t span, uint32_t n_tokens)
{
    uint16_t expert[400];
    float weight[400], entropy = random_float(run);
    uint32_t tokens = 1 + below(run, n_tokens), used = 1 + below(run, 4),
             experts = used + below(run, 60);
    expect_head(run, ERG_REC_ROUTING, 0, 0, "", 0, "", 0);
    erg_buf_printf(&run->expected, " span=%u tokens=%u experts=%u entropy=%.9g", span, tokens,
                   experts, (double)entropy);
    for (uint32_t i = 0; i < tokens * used; i++) {
        expert[i] = (uint16_t)below(run, experts);
        weight[i] = random_float(run);
        erg_buf_printf(&run->expected, "%s%u:%.9g", i % used ? " " : " | ", expert[i],
                       (double)weight[i]);
    }
    ergon_probe_routing(run->probe, span, tokens, used, experts, entropy, expert, weight);
    erg_buf_putc(&run->expected, '\n');
}

static void random_pass(struct random_run *run)
{
    enum ergon_phase phase = below(run, 2) ? ERGON_PREFILL : ERGON_DECODE;
    uint32_t n_tokens = 1 + below(run, 100), position = below(run, 10000), spans = below(run, 60);
    uint64_t length_ns = sample_random(&run->seed) >> below(run, 64), left_ns = length_ns;
    int64_t t0_ns = INT64_MIN + (int64_t)below(run, 1000);
    int64_t t1_ns = (int64_t)((uint64_t)t0_ns + length_ns);
    uint32_t flags = below(run, 256);
    expect_head(run, ERG_REC_PASS, t0_ns, (uint32_t)phase, "", 0, "", 0);
    erg_buf_printf(&run->expected, " t1=%" PRId64 " n=%u pos=%u flags=%u spans=%u", t1_ns, n_tokens,
                   position, flags, spans);
    ergon_probe_pass_begin(run->probe, t0_ns, phase, n_tokens, position);
    bool with_values = below(run, 2);
    for (uint32_t i = 0; i < spans; i++)
        random_span(run, with_values, &left_ns);
    ergon_probe_pass_end(run->probe, t1_ns, flags);
    erg_buf_putc(&run->expected, '\n');
    for (uint32_t i = 0; i < spans; i++) {
        if (!below(run, 20))
            random_attention(run, i);
        if (!below(run, 20))
            random_routing(run, i, n_tokens);
    }
}

static void random_token(struct random_run *run)
{
    char bytes[40];
    size_t len = below(run, sizeof bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)below(run, 256);
    uint32_t position = below(run, ERG_MAX_TOKENS);
    int32_t id = (int32_t)sample_random(&run->seed);
    ergon_probe_token(run->probe, ERGON_DECODE, position, id, bytes, len);
    expect_head(run, ERG_REC_TOKEN, 0, ERG_PHASE_DECODE, "", 0, bytes, len);
    erg_buf_printf(&run->expected, " pos=%u id=%d\n", position, id);
}

static void random_call(struct random_run *run)
{
    int64_t t_ns = (int64_t)sample_random(&run->seed);
    uint32_t name = below(run, 20), u[5];
    for (int i = 0; i < 5; i++)
        u[i] = below(run, 1000);
    switch (below(run, 8)) {
    case 0:
        ergon_probe_section_begin(run->probe, t_ns, ERGON_POST_INFERENCE, run->ids[name]);
        expect_head(run, ERG_REC_SECTION_BEGIN, t_ns, 3, run->names[name], 0, "", 0);
        break;
    case 1:
        ergon_probe_section_end(run->probe, t_ns, ERGON_PRE_INFERENCE, run->ids[name]);
        expect_head(run, ERG_REC_SECTION_END, t_ns, 0, run->names[name], 0, "", 0);
        break;
    case 2:
        ergon_probe_memory(run->probe, t_ns, u[0], u[1], u[2], u[3]);
        expect_head(run, ERG_REC_MEMORY, t_ns, 0, "", 0, "", 0);
        erg_buf_printf(&run->expected, " %u %u %u %u", u[0], u[1], u[2], u[3]);
        break;
    case 3:
        ergon_probe_progress(run->probe, t_ns, ERGON_DECODE, (int)u[0] - 1, u[1], u[2], u[3], u[4]);
        expect_head(run, ERG_REC_PROGRESS, t_ns, 2, "", 0, "", 0);
        erg_buf_printf(&run->expected, " %d %u/%u %u/%u", (int)u[0] - 1, u[1], u[2], u[3], u[4]);
        break;
    case 4:
        ergon_probe_log(run->probe, ERGON_WARNING, run->names[name]);
        expect_head(run, ERG_REC_LOG, 0, 0, "", 2, run->names[name], strlen(run->names[name]));
        break;
    case 5:
        ergon_probe_run_begin(run->probe, t_ns, "{\"a\":1}");
        expect_head(run, ERG_REC_RUN_BEGIN, t_ns, 0, "", 0, "{\"a\":1}", 7);
        break;
    case 6:
        ergon_probe_run_end(run->probe, t_ns, ERGON_FAILED, "why");
        expect_head(run, ERG_REC_RUN_END, t_ns, 0, "", 2, "why", 3);
        break;
    default:
        random_token(run);
        return;
    }
    erg_buf_putc(&run->expected, '\n');
}

static void test_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        int fd = temporary_file();
        struct random_run run = {.probe = ergon_probe_open(fd, NULL), .seed = seed};
        assert_non_null(run.probe);
        for (int i = 0; i < 20; i++) {
            snprintf(run.names[i], sizeof run.names[i], "name%d", i);
            run.ids[i] = ergon_probe_name(run.probe, run.names[i]);
        }
        for (int i = 0; i < 100; i++) {
            if (below(&run, 3))
                random_pass(&run);
            else
                random_call(&run);
        }
        assert_int_equal(ergon_probe_dropped(run.probe), 0);
        ergon_probe_close(run.probe);
        struct erg_buf dump = {0};
        lseek(fd, 0, SEEK_SET);
        assert_int_equal(dump_fd(fd, &dump, NULL), 0);
        if (strcmp(dump.data, run.expected.data) != 0)
            fail_msg("seed %d:\n%s\nexpected:\n%s", (int)seed, dump.data, run.expected.data);
        erg_buf_deinit(&dump);
        erg_buf_deinit(&run.expected);
        close(fd);
    }
}

/* Every call once, none of which makes sense beyond what the probe must survive. */
static void call_everything(ergon_probe *probe)
{
    struct ergon_span_values values = {1, 2, 3, 4, 5, 0.5f, NAN};
    uint32_t name = ergon_probe_name(probe, "tokenization");
    ergon_probe_run_begin(probe, 1, "{}");
    ergon_probe_section_begin(probe, 1, ERGON_PRE_INFERENCE, name);
    ergon_probe_section_end(probe, 2, ERGON_PRE_INFERENCE, name);
    ergon_probe_pass_begin(probe, 10, ERGON_DECODE, 1, 0);
    for (int i = 0; i < 100; i++)
        ergon_probe_span(probe, i, name, i & 1 ? name : 0, 3, i & 2 ? &values : NULL);
    ergon_probe_pass_end(probe, 1000, ERGON_PASS_TRACED);
    ergon_probe_attention(probe, 3, 2, (float[]){1, 2}, (float[]){0, 1}, (float[]){NAN, 0});
    ergon_probe_routing(probe, 4, 1, 2, 8, NAN, (uint16_t[]){7, 0}, (float[]){0.75f, 0.25f});
    ergon_probe_token(probe, ERGON_DECODE, 0, 7, "x", 1);
    ergon_probe_flush(probe);
    ergon_probe_memory(probe, 1, 2, 3, 4, 5);
    ergon_probe_progress(probe, 1, ERGON_DECODE, 0, 1, 2, 3, 4);
    ergon_probe_log(probe, ERGON_INFO, "text");
    ergon_probe_run_end(probe, 2000, ERGON_COMPLETE, NULL);
    ergon_probe_drain(probe, 0);
}

static void test_null_probe_is_a_no_op(void **state)
{
    (void)state;
    call_everything(NULL);
    assert_int_equal(ergon_probe_drain(NULL, 10), 0);
    assert_int_equal(ergon_probe_dropped(NULL), 0);
    ergon_probe_close(NULL);
}

static void test_no_allocation_after_open(void **state)
{
    (void)state;
    int fd = temporary_file();
    ergon_probe *probe = ergon_probe_open(fd, NULL);
    assert_true(allocations > 0);
    allocations = 0;
    for (int i = 0; i < 50; i++)
        call_everything(probe);
    int made = allocations;
    ergon_probe_close(probe);
    close(fd);
    assert_int_equal(made, 0);
}

/* Passes and tokens wait for a flush until there is much of them. */
static void test_much_is_written_unasked(void **state)
{
    (void)state;
    enum { TEXT_BYTES = 4096 };
    static const char text[TEXT_BYTES] = "x";
    int fd = temporary_file();
    ergon_probe *probe = ergon_probe_open(fd, NULL);
    off_t before = lseek(fd, 0, SEEK_END), waiting = 0;
    for (uint32_t i = 0; i < 40; i++) {
        ergon_probe_pass_begin(probe, 1, ERGON_DECODE, 1, i);
        ergon_probe_pass_end(probe, 2, 0);
        ergon_probe_token(probe, ERGON_DECODE, i, 5, text, TEXT_BYTES);
        waiting += TEXT_BYTES;
        off_t written = lseek(fd, 0, SEEK_END) - before;
        assert_true(waiting > 60 << 10 || written == 0);
        assert_true(written >= waiting - (64 << 10));
    }
    ergon_probe_close(probe);
    close(fd);
}

/* What the format does not allow is dropped and counted, or put right; never written. */
static void test_misuse_gives_a_valid_stream(void **state)
{
    (void)state;
    int fd = temporary_file();
    struct ergon_probe_options options = {.max_spans = 4};
    ergon_probe *probe = ergon_probe_open(fd, &options);
    uint32_t name = ergon_probe_name(probe, "layers");
    struct ergon_span_values zeros = {.extra = NAN};
    ergon_probe_section_begin(probe, 1, ERGON_PREFILL, name);
    ergon_probe_section_begin(probe, 1, ERGON_PRE_INFERENCE, 0);
    ergon_probe_section_begin(probe, 1, ERGON_PRE_INFERENCE, name + 1);
    ergon_probe_pass_begin(probe, 1, ERGON_PRE_INFERENCE, 1, 0);
    ergon_probe_span(probe, 0, name, 0, 1, NULL);
    ergon_probe_pass_end(probe, 5, 0);
    ergon_probe_pass_begin(probe, 1, ERGON_DECODE, 0, 0);
    ergon_probe_pass_end(probe, 5, 0);
    ergon_probe_pass_begin(probe, 1, ERGON_DECODE, UINT32_MAX, UINT32_MAX);
    ergon_probe_pass_end(probe, 5, 0);
    ergon_probe_token(probe, (enum ergon_phase)9, 0, 0, "", 0);
    ergon_probe_token(probe, ERGON_DECODE, UINT32_MAX, 0, "", 0);
    ergon_probe_progress(probe, 1, (enum ergon_phase)4, 0, 0, 0, 0, 0);
    assert_int_equal(ergon_probe_dropped(probe), 9);
    ergon_probe_pass_begin(probe, 100, ERGON_DECODE, 1, 0);
    ergon_probe_span(probe, 99999, 0, 999, 10, &zeros);
    ergon_probe_span(probe, 3, name, 0, UINT64_MAX, NULL);
    for (int i = 0; i < 9; i++)
        ergon_probe_span(probe, 3, name, name, 1, NULL);
    ergon_probe_pass_end(probe, 150, 0);
    ergon_probe_pass_begin(probe, 100, ERGON_DECODE, 1, 0);
    ergon_probe_pass_end(probe, 50, 0);
    ergon_probe_pass_end(probe, 60, 0);
    ergon_probe_close(probe);
    struct erg_buf dump = {0};
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(dump_fd(fd, &dump, NULL), 0);
    assert_non_null(strstr(dump.data, "count=9 "));
    assert_non_null(strstr(dump.data, "spans=4 (-1 unattributed/ 10 0 0 nan nan nan nan nan) "
                                      "(3 layers/ 40 0 0 nan nan nan nan nan) "
                                      "(3 layers/layers 0 0 0 nan nan nan nan nan)"));
    assert_non_null(strstr(dump.data, "t1=100 n=1 pos=0 flags=0 spans=0\n"));
    assert_non_null(strstr(dump.data, "9 t=0 phase=0 name= level=2"));
    erg_buf_deinit(&dump);
    close(fd);
}

/* Details of spans that are not there, twice of one, or out of range are dropped and counted. */
static void test_details_belong_to_the_last_pass(void **state)
{
    (void)state;
    int fd = temporary_file();
    ergon_probe *probe = ergon_probe_open(fd, NULL);
    uint32_t name = ergon_probe_name(probe, "softmax");
    const float one[1] = {0.5f}, infinite[1] = {-INFINITY};
    const uint16_t expert[1] = {3};
    uint64_t dropped = 0;
    ergon_probe_attention(probe, 0, 1, one, one, one);
    ergon_probe_routing(probe, 0, 1, 1, 4, 0, expert, one);
    assert_int_equal(ergon_probe_dropped(probe), dropped += 2);
    ergon_probe_pass_begin(probe, 100, ERGON_DECODE, 1, 0);
    assert_int_equal(ergon_probe_span(probe, 0, name, name, 1, NULL), 0);
    assert_int_equal(ergon_probe_span(probe, 0, name, name, 1, NULL), 1);
    ergon_probe_attention(probe, 0, 1, one, one, one); /* the pass has not ended */
    assert_int_equal(ergon_probe_dropped(probe), dropped += 1);
    ergon_probe_pass_end(probe, 150, 0);
    ergon_probe_attention(probe, 2, 1, one, one, one);
    ergon_probe_attention(probe, UINT32_MAX, 1, one, one, one);
    ergon_probe_attention(probe, 1, 0, one, one, one);
    ergon_probe_attention(probe, 1, ERG_MAX_HEADS + 1, one, one, one);
    ergon_probe_routing(probe, 1, 2, 1, 4, 0, expert, one); /* more positions than the pass */
    ergon_probe_routing(probe, 1, 0, 1, 4, 0, expert, one);
    ergon_probe_routing(probe, 1, 1, 0, 4, 0, expert, one);
    ergon_probe_routing(probe, 1, 1, 5, 4, 0, expert, one);
    ergon_probe_routing(probe, 1, 1, 1, ERG_MAX_EXPERTS + 1, 0, expert, one);
    ergon_probe_routing(probe, 1, 1, 1, 3, 0, expert, one);
    assert_int_equal(ergon_probe_dropped(probe), dropped += 10);
    ergon_probe_attention(probe, 1, 1, infinite, one, one);
    ergon_probe_routing(probe, 1, 1, 1, 4, INFINITY, expert, infinite);
    assert_int_equal(ergon_probe_dropped(probe), dropped);
    ergon_probe_attention(probe, 1, 1, one, one, one);
    ergon_probe_routing(probe, 1, 1, 1, 4, 0, expert, one);
    ergon_probe_run_begin(probe, 200, NULL);
    ergon_probe_attention(probe, 0, 1, one, one, one); /* of another run */
    assert_int_equal(ergon_probe_dropped(probe), dropped += 3);
    ergon_probe_close(probe);
    struct erg_buf dump = {0};
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(dump_fd(fd, &dump, NULL), 0);
    assert_non_null(strstr(dump.data, " span=1 heads=1 (nan 0.5 0.5)\n"));
    assert_non_null(strstr(dump.data, " span=1 tokens=1 experts=4 entropy=nan | 3:nan\n"));
    erg_buf_deinit(&dump);
    close(fd);
}

/* A pass that found no room takes its details with it: they are not those of the one before. */
static void test_details_of_a_dropped_pass(void **state)
{
    (void)state;
    int fds[2];
    const float one[1] = {0.5f};
    struct ergon_probe_options options = {.buffer_bytes = 128 << 10, .max_spans = 1024};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ergon_probe *probe = ergon_probe_open(fds[0], &options);
    uint32_t name = ergon_probe_name(probe, "softmax");
    for (int i = 0; i < 1000; i++) {
        uint64_t before = ergon_probe_dropped(probe);
        ergon_probe_pass_begin(probe, 100, ERGON_DECODE, 1, 0);
        for (int k = 0; k < 1000; k++)
            ergon_probe_span(probe, 0, name, name, 1, NULL);
        ergon_probe_pass_end(probe, 2000, 0);
        bool lost = ergon_probe_dropped(probe) != before;
        ergon_probe_attention(probe, 7, 1, one, one, one);
        assert_true(!lost || ergon_probe_dropped(probe) == before + 2);
        assert_true(lost || i < 999); /* nobody reads: it must have happened */
    }
    ergon_probe_close(probe);
    close(fds[0]);
    close(fds[1]);
}

static void test_names(void **state)
{
    (void)state;
    char text[130];
    int fd = temporary_file();
    ergon_probe *probe = ergon_probe_open(fd, NULL);
    static const char *const bad[] = {"",
                                      "\xFF",
                                      "a\x80",
                                      "\xC0\xAF",
                                      "\xC3",
                                      "\xE2\x82",
                                      "\xED\xA0\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xE0\x80\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(ergon_probe_name(probe, bad[i]), 0);
    memset(text, 'a', sizeof text);
    text[128] = 0;
    assert_int_equal(ergon_probe_name(probe, text), 0);
    text[127] = 0;
    assert_int_equal(ergon_probe_name(probe, text), 1);
    assert_int_equal(ergon_probe_name(probe, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x94\x8B"), 2);
    assert_int_equal(ergon_probe_name(probe, text), 1);
    for (uint32_t i = 3; i <= ERG_MAX_NAMES - 2; i++) {
        snprintf(text, sizeof text, "n%u", i);
        assert_int_equal(ergon_probe_name(probe, text), i);
    }
    assert_int_equal(ergon_probe_name(probe, "one more"), 0);
    assert_int_equal(ergon_probe_name(probe, "n77"), 77);
    ergon_probe_pass_begin(probe, 1, ERGON_DECODE, 1, 0);
    ergon_probe_span(probe, 0, 0, 0, 1, NULL);
    ergon_probe_pass_end(probe, 10, 0);
    ergon_probe_close(probe);
    struct erg_buf dump = {0};
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(dump_fd(fd, &dump, NULL), 0);
    assert_non_null(strstr(dump.data, "(0 unattributed/ 1 "));
    erg_buf_deinit(&dump);
    close(fd);
}

static void test_options_are_checked(void **state)
{
    (void)state;
    static const struct ergon_probe_options senseless[] = {
        {.max_spans = ERG_MAX_SPANS_PER_PASS + 1},
        {.buffer_bytes = 64 << 10},
        {.buffer_bytes = SIZE_MAX},
    };
    for (size_t i = 0; i < 3; i++) {
        errno = 0;
        assert_null(ergon_probe_open(1, &senseless[i]));
        assert_int_equal(errno, EINVAL);
    }
    assert_null(ergon_probe_open(-1, NULL));
    assert_int_equal(errno, EBADF);
    unsetenv("ERGON_PROBE_FD");
    assert_null(ergon_probe_open_env());
    assert_int_equal(errno, ENOENT);
    static const char *const wrong[] = {"", "x", "3x", "-1", "99999999999999999999"};
    for (size_t i = 0; i < 5; i++) {
        setenv("ERGON_PROBE_FD", wrong[i], 1);
        assert_null(ergon_probe_open_env());
        assert_int_equal(errno, EINVAL);
    }
    int fd = temporary_file();
    char text[16];
    snprintf(text, sizeof text, "%d", fd);
    setenv("ERGON_PROBE_FD", text, 1);
    assert_null(ergon_probe_open_env());
    assert_int_equal(errno, EBADF);
    close(fd);
}

/* The reader reads little or nothing: records are dropped whole and counted, the end is kept. */
static void slow_reader(int write_fd, int read_fd)
{
    struct ergon_probe_options options = {.buffer_bytes = 256 << 10, .max_spans = 256};
    ergon_probe *probe = ergon_probe_open(write_fd, &options);
    struct erg_buf bytes = {0}, dump = {0};
    char chunk[4096];
    uint64_t told = 0, sent = 0, lines = 0;
    assert_non_null(probe);
    fcntl(read_fd, F_SETFL, O_NONBLOCK);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20000; i++, sent++) {
            char text[64];
            int len = snprintf(text, sizeof text, "token %d %d", round, i);
            ergon_probe_token(probe, ERGON_DECODE, (uint32_t)i, i, text, (size_t)len);
            if (i % 10 == 0)
                ergon_probe_flush(probe);
            ssize_t n = round && i % 250 == 0 ? read(read_fd, chunk, sizeof chunk) : 0;
            if (n > 0) /* a little at a time, so that the buffer moves */
                erg_buf_append(&bytes, chunk, (size_t)n);
        }
        ergon_probe_run_end(probe, round, ERGON_COMPLETE, "end of round");
        sent++;
    }
    uint64_t dropped = ergon_probe_dropped(probe);
    assert_true(dropped > 1000 && dropped < sent);
    int delivered = -1;
    ssize_t n = 1;
    while (delivered || n > 0) { /* alternately: neither side ever waits */
        n = read(read_fd, chunk, sizeof chunk);
        if (n > 0)
            erg_buf_append(&bytes, chunk, (size_t)n);
        delivered = ergon_probe_drain(probe, 0);
    }
    int fd = temporary_file();
    assert_int_equal(write(fd, bytes.data, bytes.len), (ssize_t)bytes.len);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(dump_fd(fd, &dump, &told), 0);
    for (const char *p = dump.data; *p; p++)
        lines += *p == '\n' && (p[1] != '1' || p[2] != '1');
    assert_int_equal(told, dropped);
    int ends = 0;
    for (const char *p = dump.data; (p = strstr(p, "\n10 t=")); p++)
        ends++;
    assert_int_equal(ends, 3);
    assert_true(lines >= sent - dropped - 1 && lines <= sent - dropped + 1);
    assert_int_equal(ergon_probe_dropped(probe), dropped);
    erg_buf_deinit(&bytes);
    erg_buf_deinit(&dump);
    close(fd);
    ergon_probe_close(probe);
}

static void test_slow_reader_of_a_socket(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    slow_reader(fds[0], fds[1]);
    close(fds[0]);
    close(fds[1]);
}

static void test_slow_reader_of_a_pipe(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    slow_reader(fds[1], fds[0]);
    close(fds[0]);
    close(fds[1]);
}

/* A SIGPIPE would end this process: its default action is in force. Returns whether one waits. */
static int reader_gone(int write_fd, int read_fd)
{
    ergon_probe *probe = ergon_probe_open(write_fd, NULL);
    close(read_fd);
    for (int i = 0; i < 3; i++)
        call_everything(probe);
    assert_int_equal(ergon_probe_drain(probe, 1000), -1);
    assert_int_equal(ergon_probe_dropped(probe), 0);
    sigset_t pending;
    sigpending(&pending);
    ergon_probe_close(probe);
    close(write_fd);
    return sigismember(&pending, SIGPIPE);
}

static void test_reader_gone(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(reader_gone(fds[0], fds[1]), 0);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(reader_gone(fds[1], fds[0]), 0);
}

/* A SIGPIPE that was pending before is somebody else's. */
static void test_foreign_sigpipe_is_kept(void **state)
{
    (void)state;
    int fds[2];
    sigset_t sigpipe;
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe, NULL);
    raise(SIGPIPE);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(reader_gone(fds[1], fds[0]), 1);
    int taken;
    sigwait(&sigpipe, &taken);
    pthread_sigmask(SIG_UNBLOCK, &sigpipe, NULL);
}

/* The example in the documentation is what the probe writes. */
static void test_documented_example(void **state)
{
    (void)state;
    int fd = temporary_file();
    ergon_probe *probe = ergon_probe_open(fd, NULL);
    uint32_t q = ergon_probe_name(probe, "q_proj");
    ergon_probe_pass_begin(probe, 1000, ERGON_DECODE, 1, 7);
    ergon_probe_span(probe, 0, q, 0, 400, NULL);
    ergon_probe_span(probe, 1, q, 0, 500, NULL);
    ergon_probe_pass_end(probe, 2000, ERGON_PASS_TRACED);
    ergon_probe_token(probe, ERGON_DECODE, 7, 42, "hi", 2);
    ergon_probe_close(probe);
    unsigned char bytes[1024];
    ssize_t len = pread(fd, bytes, sizeof bytes, 0);
    struct erg_buf hex = {0};
    for (ssize_t i = 0; i < len; i++)
        erg_buf_printf(&hex, "%02x%s", bytes[i], i % 8 == 7 ? "\n" : " ");
    close(fd);

    char doc[65536] = {0}, documented[4096] = {0};
    FILE *file = fopen("../docs/event-stream.md", "re");
    assert_non_null(file);
    assert_true(fread(doc, 1, sizeof doc - 1, file) > 0);
    fclose(file);
    const char *line = strstr(doc, "```hex\n");
    assert_non_null(line);
    for (line += 7; *line && strncmp(line, "```", 3) != 0; line = strchr(line, '\n') + 1) {
        strncat(documented, line, 23); /* what follows on the line explains it */
        strncat(documented, "\n", 2);
    }
    assert_string_equal(documented, hex.data);
    erg_buf_deinit(&hex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_null_probe_is_a_no_op),
        cmocka_unit_test(test_no_allocation_after_open),
        cmocka_unit_test(test_much_is_written_unasked),
        cmocka_unit_test(test_misuse_gives_a_valid_stream),
        cmocka_unit_test(test_details_belong_to_the_last_pass),
        cmocka_unit_test(test_details_of_a_dropped_pass),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_options_are_checked),
        cmocka_unit_test(test_slow_reader_of_a_socket),
        cmocka_unit_test(test_slow_reader_of_a_pipe),
        cmocka_unit_test(test_reader_gone),
        cmocka_unit_test(test_foreign_sigpipe_is_kept),
        cmocka_unit_test(test_documented_example),
    };
    return cmocka_run_group_tests_name("stream_probe", tests, NULL, NULL);
}
