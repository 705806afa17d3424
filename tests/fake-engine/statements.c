/* SPDX-License-Identifier: MIT */
#include "base/num.h"
#include "fake.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORD_BYTES = 4096, DRAIN_MS = 10000 };

static void advance(struct fake_engine *engine, int64_t duration_ns)
{
    engine->now_ns += duration_ns;
    while (engine->realtime && !engine->quit && !engine->cancel) {
        int64_t left_ns = engine->now_ns - ergon_probe_now_ns();
        if (left_ns <= 0)
            break;
        int left_ms = (int)((left_ns + 999999) / 1000000);
        if (engine->has_recorder)
            fake_take_commands(engine, left_ms);
        else
            poll(NULL, 0, left_ms);
    }
}

static int parse_duration(const char *text, int64_t *out_ns, struct erg_err *err)
{
    char number[32];
    size_t len = strlen(text);
    int64_t scale = len > 2 && !strcmp(text + len - 2, "us")   ? 1000
                    : len > 2 && !strcmp(text + len - 2, "ns") ? 1
                                                               : 0;
    if (!scale)
        return erg_parse_duration_ns(text, out_ns, err);
    snprintf(number, sizeof number, "%.*s", (int)(len - 2), text);
    int rc = erg_parse_i64(number, 0, INT64_MAX / 1000, out_ns, err);
    *out_ns = rc ? 0 : *out_ns * scale;
    return rc;
}

/* Position of the next word in `names`. */
static int parse_choice(const char **p, const char *const *names, int count, int *out,
                        struct erg_err *err)
{
    char word[64] = "";
    fake_next_word(p, word, sizeof word);
    for (int i = 0; i < count; i++) {
        if (!strcmp(word, names[i])) {
            *out = i;
            return 0;
        }
    }
    return erg_fail(err, ERG_INVALID, "cannot use '%s'", word);
}

static int parse_phase(const char **p, int *out, struct erg_err *err)
{
    static const char *const names[] = {"pre_inference", "prefill", "decode", "post_inference"};
    return parse_choice(p, names, 4, out, err);
}

static int parse_number(const char **p, int64_t min, int64_t *out, struct erg_err *err)
{
    char word[64] = "";
    fake_next_word(p, word, sizeof word);
    return erg_parse_i64(word, min, INT64_MAX, out, err);
}

static void rest_of_line(const char *p, struct erg_buf *out)
{
    while (*p == ' ')
        p++;
    erg_buf_append(out, p, strcspn(p, "\n"));
}

static int do_run_begin(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    struct erg_buf json = {0};
    (void)err;
    rest_of_line(p, &json);
    ergon_probe_run_begin(engine->probe, engine->now_ns, json.len ? json.data : "{}");
    erg_buf_deinit(&json);
    return 0;
}

static int do_run_end(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    static const char *const names[] = {"complete", "cancelled", "failed"};
    struct erg_buf reason = {0};
    int status = ERGON_COMPLETE;
    if (strcspn(p, "\n") && parse_choice(&p, names, 3, &status, err))
        return ERG_INVALID;
    rest_of_line(p, &reason);
    ergon_probe_run_end(engine->probe, engine->now_ns, (enum ergon_status)status,
                        erg_buf_view(&reason));
    erg_buf_deinit(&reason);
    return 0;
}

static int do_section(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    char name[128] = "", duration[64] = "";
    int phase;
    int64_t duration_ns;
    if (parse_phase(&p, &phase, err))
        return ERG_INVALID;
    fake_next_word(&p, name, sizeof name);
    fake_next_word(&p, duration, sizeof duration);
    if (parse_duration(duration, &duration_ns, err))
        return ERG_INVALID;
    uint32_t id = ergon_probe_name(engine->probe, name);
    ergon_probe_section_begin(engine->probe, engine->now_ns, (enum ergon_phase)phase, id);
    advance(engine, duration_ns);
    ergon_probe_section_end(engine->probe, engine->now_ns, (enum ergon_phase)phase, id);
    return 0;
}

struct pass_options {
    int64_t tokens, position, layers, flags, duration_ns, gap_ns;
    bool stats, deep;
};

static int parse_pass_option(const char *word, struct pass_options *o, struct erg_err *err)
{
    const struct {
        const char *key;
        int64_t *value;
        bool is_duration;
    } options[] = {
        {"tokens=", &o->tokens, false},       {"position=", &o->position, false},
        {"layers=", &o->layers, false},       {"flags=", &o->flags, false},
        {"duration=", &o->duration_ns, true}, {"gap=", &o->gap_ns, true},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        size_t len = strlen(options[i].key);
        if (strncmp(word, options[i].key, len) != 0)
            continue;
        if (options[i].is_duration)
            return parse_duration(word + len, options[i].value, err);
        return erg_parse_i64(word + len, 0, 1 << 22, options[i].value, err);
    }
    bool stats = !strcmp(word, "stats"), deep = !strcmp(word, "deep");
    o->stats |= stats;
    o->deep |= deep;
    return stats || deep ? 0 : erg_fail(err, ERG_INVALID, "cannot use '%s'", word);
}

static void put_spans(struct fake_engine *engine, const struct pass_options *o)
{
    static const char *const in_layer[] = {
        "input_layernorm", "q_proj",    "k_proj",     "v_proj",        "rope",
        "kv_append",       "attention", "o_proj",     "attn_residual", "post_attention_layernorm",
        "gate_proj",       "up_proj",   "activation", "down_proj",     "mlp_residual"};
    static const char *const outside[] = {"embedding", "final_norm", "lm_head", "sampling"};
    const struct ergon_span_values stats = {1000, 2000, 0.5f, 1, 4, 0.125f, NAN};
    enum { IN_LAYER = sizeof in_layer / sizeof in_layer[0] };
    int64_t busy_ns = o->duration_ns > o->gap_ns ? o->duration_ns - o->gap_ns : 0;
    int64_t in_layers = o->deep ? fake_deep_spans((uint32_t)o->layers) : o->layers * IN_LAYER;
    uint64_t each_ns = (uint64_t)(busy_ns / (in_layers + 4));
    for (int64_t i = -1; i < (o->deep ? 0 : in_layers); i++) {
        const char *name = i < 0 ? outside[0] : in_layer[i % IN_LAYER];
        ergon_probe_span(engine->probe, i < 0 ? -1 : (int)(i / IN_LAYER),
                         ergon_probe_name(engine->probe, name), 0, each_ns,
                         o->stats ? &stats : NULL);
    }
    engine->deep_layers = 0;
    if (o->deep)
        fake_put_deep_spans(engine, (uint32_t)o->layers, each_ns);
    for (int i = 1; i < 4; i++)
        ergon_probe_span(engine->probe, -1, ergon_probe_name(engine->probe, outside[i]), 0, each_ns,
                         NULL);
}

static int do_pass(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    struct pass_options o = {
        .tokens = 1, .position = engine->position, .layers = 2, .duration_ns = 1000000};
    char word[64];
    int phase;
    if (parse_phase(&p, &phase, err))
        return ERG_INVALID;
    while (fake_next_word(&p, word, sizeof word)) {
        if (parse_pass_option(word, &o, err))
            return ERG_INVALID;
    }
    engine->phase = (enum ergon_phase)phase;
    ergon_probe_pass_begin(engine->probe, engine->now_ns, engine->phase, (uint32_t)o.tokens,
                           (uint32_t)o.position);
    put_spans(engine, &o);
    advance(engine, o.duration_ns);
    ergon_probe_pass_end(engine->probe, engine->now_ns, (uint32_t)o.flags);
    ergon_probe_flush(engine->probe);
    engine->token_position = (uint32_t)o.position;
    engine->position = (uint32_t)(o.position + o.tokens);
    return 0;
}

static int do_token(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    char text[WORD_BYTES] = "";
    int64_t id;
    if (parse_number(&p, INT32_MIN, &id, err))
        return ERG_INVALID;
    fake_next_word(&p, text, sizeof text);
    ergon_probe_token(engine->probe, engine->phase, engine->token_position++, (int32_t)id, text,
                      strlen(text));
    ergon_probe_flush(engine->probe);
    return 0;
}

static int do_memory(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    int64_t v[4];
    for (int i = 0; i < 4; i++) {
        if (parse_number(&p, 0, &v[i], err))
            return ERG_INVALID;
    }
    ergon_probe_memory(engine->probe, engine->now_ns, (uint64_t)v[0], (uint64_t)v[1],
                       (uint64_t)v[2], (uint64_t)v[3]);
    return 0;
}

static int do_progress(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    int64_t v[5];
    int phase;
    if (parse_phase(&p, &phase, err))
        return ERG_INVALID;
    for (int i = 0; i < 5; i++) {
        if (parse_number(&p, -1, &v[i], err))
            return ERG_INVALID;
    }
    ergon_probe_progress(engine->probe, engine->now_ns, (enum ergon_phase)phase, (int)v[0],
                         (uint32_t)v[1], (uint32_t)v[2], (uint32_t)v[3], (uint32_t)v[4]);
    return 0;
}

static int do_log(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    struct erg_buf text = {0};
    int level;
    if (parse_choice(&p, names, 4, &level, err))
        return ERG_INVALID;
    rest_of_line(p, &text);
    ergon_probe_log(engine->probe, (enum ergon_log_level)level, erg_buf_view(&text));
    erg_buf_deinit(&text);
    return 0;
}

static int do_advance(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    char duration[64] = "";
    int64_t duration_ns;
    fake_next_word(&p, duration, sizeof duration);
    if (parse_duration(duration, &duration_ns, err))
        return ERG_INVALID;
    advance(engine, duration_ns);
    return 0;
}

static int do_realtime(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    static const char *const names[] = {"off", "on"};
    int on;
    if (parse_choice(&p, names, 2, &on, err))
        return ERG_INVALID;
    engine->realtime = on;
    engine->now_ns = on ? ergon_probe_now_ns() : engine->now_ns;
    return 0;
}

static int do_crash(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    static const char *const names[] = {"SIGSEGV", "SIGABRT", "SIGKILL", "SIGBUS"};
    static const int numbers[] = {SIGSEGV, SIGABRT, SIGKILL, SIGBUS};
    int which = 0;
    if (parse_choice(&p, names, 4, &which, err))
        return ERG_INVALID;
    ergon_probe_drain(engine->probe, DRAIN_MS);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    sigaction(numbers[which], &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    raise(numbers[which]);
    return 0;
}

static int do_exit(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    int64_t status;
    if (parse_number(&p, 0, &status, err))
        return ERG_INVALID;
    ergon_probe_drain(engine->probe, DRAIN_MS);
    engine->exit_status = (int)status;
    engine->quit = true;
    return 0;
}

/* Neither writes nor listens any more; ends when the recorder closes its side. */
static int do_stall(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    (void)p;
    (void)err;
    ergon_probe_drain(engine->probe, DRAIN_MS);
    struct pollfd closed = {.fd = engine->has_recorder ? engine->fd : -1};
    while (poll(&closed, 1, -1) < 0 && errno == EINTR)
        continue;
    engine->quit = true;
    return 0;
}

static int do_flood(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    int64_t count;
    if (parse_number(&p, 0, &count, err))
        return ERG_INVALID;
    for (int64_t i = 0; i < count; i++)
        ergon_probe_log(engine->probe, ERGON_DEBUG, "flood of records that nobody waits for");
    return 0;
}

static void write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

static int do_garbage(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    int64_t count;
    uint32_t state = 1;
    if (parse_number(&p, 0, &count, err))
        return ERG_INVALID;
    ergon_probe_drain(engine->probe, DRAIN_MS);
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        char c = (char)(state >> 24);
        write_all(engine->fd, &c, 1);
    }
    return 0;
}

/*
 * `truncate N STATEMENT`: only the first N bytes of what the statement writes arrive. The probe's
 * descriptor is made to lead into a socket pair of our own meanwhile.
 */
static int do_truncate(struct fake_engine *engine, const char *p, struct erg_err *err)
{
    char statement[64] = "", bytes[WORD_BYTES];
    int64_t count;
    int pair[2], real_fd = dup(engine->fd);
    if (parse_number(&p, 0, &count, err))
        return ERG_INVALID;
    ergon_probe_drain(engine->probe, DRAIN_MS);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || dup2(pair[0], engine->fd) < 0)
        return erg_fail_errno(err, errno, "cannot truncate");
    fake_next_word(&p, statement, sizeof statement);
    if (fake_do_statement(engine, statement, p, err))
        return ERG_INVALID;
    ergon_probe_flush(engine->probe);
    ssize_t n = recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT);
    write_all(real_fd, bytes, n < count ? (size_t)(n > 0 ? n : 0) : (size_t)count);
    close(real_fd);
    close(pair[0]);
    engine->quit = true;
    return 0;
}

int fake_do_statement(struct fake_engine *engine, const char *name, const char *arguments,
                      struct erg_err *err)
{
    static const struct {
        const char *name;
        int (*run)(struct fake_engine *engine, const char *arguments, struct erg_err *err);
    } statements[] = {
        {"run_begin", do_run_begin},
        {"run_end", do_run_end},
        {"section", do_section},
        {"pass", do_pass},
        {"token", do_token},
        {"memory", do_memory},
        {"progress", do_progress},
        {"log", do_log},
        {"advance", do_advance},
        {"realtime", do_realtime},
        {"crash", do_crash},
        {"exit", do_exit},
        {"stall", do_stall},
        {"flood", do_flood},
        {"garbage", do_garbage},
        {"truncate", do_truncate},
        {"attention", fake_do_attention},
        {"routing", fake_do_routing},
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (!strcmp(name, statements[i].name))
            return statements[i].run(engine, arguments, err);
    }
    return erg_fail(err, ERG_INVALID, "not a statement");
}
