/* SPDX-License-Identifier: MIT */
#include "engine/engine_client.h"

#include "base/mem.h"
#include "base/system.h"

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 120 * 1000 };

void engine_start(struct engine *engine)
{
    engine_start_as(engine, ERGON_ENGINE_PATH);
}

void engine_start_as(struct engine *engine, const char *program)
{
    int pair[2];
    struct erg_err err;
    memset(engine, 0, sizeof(*engine));
    assert_int_equal(erg_system_socketpair(pair), 0);
    engine->pid = fork();
    assert_true(engine->pid >= 0);
    if (engine->pid == 0) {
        char text[16];
        int fd = dup(pair[1]); /* without close-on-exec */
        snprintf(text, sizeof(text), "%d", fd);
        setenv("ERGON_PROBE_FD", text, 1);
        execl(program, program, (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    engine->fd = pair[0];
    assert_int_equal(erg_reader_new(&engine->reader, &err), 0);
}

void engine_send(struct engine *engine, const char *fmt, ...)
{
    char text[8192];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text + 4, sizeof(text) - 4, fmt, args);
    va_end(args);
    assert_in_range(len, 1, sizeof(text) - 5);
    uint32_t frame = (uint32_t)len;
    memcpy(text, &frame, 4);
    assert_int_equal(send(engine->fd, text, (size_t)len + 4, MSG_NOSIGNAL), len + 4);
}

static void copy_text(struct erg_text_view from, char *to, size_t room)
{
    size_t len = from.len < room - 1 ? from.len : room - 1;
    memcpy(to, from.bytes, len);
    to[len] = '\0';
}

static void append(char *to, size_t room, struct erg_text_view from)
{
    size_t used = strlen(to);
    copy_text(from, to + used, room - used);
}

static void see_pass(const struct engine *engine, const struct erg_pass_view *view,
                     struct seen *seen)
{
    seen->passes = erg_realloc(seen->passes, (seen->pass_count + 1) * sizeof(*seen->passes));
    assert_non_null(seen->passes);
    struct seen_pass *pass = &seen->passes[seen->pass_count++];
    *pass = (struct seen_pass){.head = view->head};
    pass->spans = erg_calloc(view->head.n_spans, sizeof(*pass->spans));
    assert_non_null(pass->spans);
    for (uint32_t i = 0; i < view->head.n_spans; i++) {
        struct seen_span *span = &pass->spans[i];
        uint32_t operation = view->operation ? view->operation[i] : 0;
        span->layer = view->layer[i];
        span->duration_ns = view->duration_ns[i];
        span->flops = view->flops ? view->flops[i] : 0;
        span->bytes = view->bytes ? view->bytes[i] : 0;
        span->mean = view->mean ? view->mean[i] : NAN;
        span->std = view->std ? view->std[i] : NAN;
        span->max = view->max ? view->max[i] : NAN;
        span->sparsity = view->sparsity ? view->sparsity[i] : NAN;
        span->extra = view->extra ? view->extra[i] : NAN;
        snprintf(span->component, sizeof(span->component), "%s",
                 erg_reader_name(engine->reader, view->component[i]));
        snprintf(span->operation, sizeof(span->operation), "%s",
                 erg_reader_name(engine->reader, operation));
    }
}

static void *copy_of(const void *from, size_t bytes)
{
    void *to = erg_calloc(1, bytes);
    assert_non_null(to);
    memcpy(to, from, bytes);
    return to;
}

static void see_attention(const struct erg_attention_view *view, struct seen *seen)
{
    assert_true(seen->pass_count > 0);
    struct seen_pass *pass = &seen->passes[seen->pass_count - 1];
    size_t count = pass->attention_count++, bytes = view->head.heads * sizeof(*view->entropy);
    pass->attention = erg_realloc(pass->attention, (count + 1) * sizeof(*pass->attention));
    assert_non_null(pass->attention);
    assert_true(view->head.span < pass->head.n_spans);
    pass->attention[count] =
        (struct seen_attention){view->head.span, view->head.heads, copy_of(view->entropy, bytes),
                                copy_of(view->max_weight, bytes), copy_of(view->sparsity, bytes)};
}

static void see_routing(const struct erg_routing_view *view, struct seen *seen)
{
    assert_true(seen->pass_count > 0);
    struct seen_pass *pass = &seen->passes[seen->pass_count - 1];
    size_t count = pass->routing_count++, choices = (size_t)view->head.tokens * view->head.used;
    pass->routing = erg_realloc(pass->routing, (count + 1) * sizeof(*pass->routing));
    assert_non_null(pass->routing);
    assert_true(view->head.span < pass->head.n_spans);
    pass->routing[count] =
        (struct seen_routing){view->head, copy_of(view->expert, choices * sizeof(*view->expert)),
                              copy_of(view->weight, choices * sizeof(*view->weight))};
}

static void see_token(const struct erg_event *event, struct seen *seen)
{
    seen->tokens = erg_realloc(seen->tokens, (seen->token_count + 1) * sizeof(*seen->tokens));
    assert_non_null(seen->tokens);
    struct seen_token *token = &seen->tokens[seen->token_count++];
    token->head = event->token;
    copy_text(event->text, token->text, sizeof(token->text));
    if (event->token.phase == ERG_PHASE_DECODE) {
        append(seen->text, sizeof(seen->text), event->text);
    }
}

static void see_section(const struct engine *engine, const struct erg_event *event,
                        struct seen *seen)
{
    if (event->type == ERG_REC_SECTION_END) {
        assert_true(seen->section_count > 0);
        seen->sections[seen->section_count - 1].t1_ns = event->t_ns;
        return;
    }
    assert_in_range(seen->section_count, 0, 15);
    struct seen_section *section = &seen->sections[seen->section_count++];
    section->phase = event->phase;
    section->t0_ns = event->t_ns;
    snprintf(section->name, sizeof(section->name), "%s",
             erg_reader_name(engine->reader, event->name));
}

static void see_log(const struct erg_event *event, struct seen *seen)
{
    if (event->level_or_status >= ERG_LOG_WARNING) {
        append(seen->warnings, sizeof(seen->warnings), event->text);
    }
    char text[32];
    copy_text(event->text, text, sizeof(text));
    seen->answered |= event->level_or_status == ERG_LOG_INFO &&
                      (strcmp(text, "loaded") == 0 || strcmp(text, "synthesised") == 0);
}

static void see(const struct engine *engine, const struct erg_event *event, struct seen *seen)
{
    switch (event->type) {
    case ERG_REC_RUN_BEGIN:
        assert_null(seen->begin);
        seen->begin = erg_strndup(event->text.bytes, event->text.len);
        seen->begin_ns = event->t_ns;
        break;
    case ERG_REC_PASS:
        see_pass(engine, &event->pass, seen);
        break;
    case ERG_REC_ATTENTION:
        see_attention(&event->attention, seen);
        break;
    case ERG_REC_ROUTING:
        see_routing(&event->routing, seen);
        break;
    case ERG_REC_TOKEN:
        see_token(event, seen);
        break;
    case ERG_REC_SECTION_BEGIN:
    case ERG_REC_SECTION_END:
        see_section(engine, event, seen);
        break;
    case ERG_REC_LOG:
        see_log(event, seen);
        break;
    case ERG_REC_MEMORY:
        seen->memory = event->memory;
        seen->memory_count++;
        break;
    case ERG_REC_PROGRESS:
        seen->progress = event->progress;
        seen->progress_count++;
        break;
    case ERG_REC_RUN_END:
        seen->ended = true;
        seen->status = event->level_or_status;
        copy_text(event->text, seen->reason, sizeof(seen->reason));
        break;
    case ERG_REC_DROPPED:
        fail_msg("the engine dropped %d records", (int)event->count);
        break;
    default:
        break;
    }
}

/* The next event of the stream; waits for it. */
static void next_event(struct engine *engine, struct erg_event *event)
{
    struct erg_err err;
    char bytes[65536];
    for (;;) {
        int status = erg_reader_next(engine->reader, event, &err);
        if (status < 0) {
            fail_msg("stream: %s", err.text);
        }
        if (status == 1) {
            return;
        }
        struct pollfd ready = {.fd = engine->fd, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
        ssize_t got = recv(engine->fd, bytes, sizeof(bytes), 0);
        if (got <= 0) {
            fail_msg("the engine is gone");
        }
        assert_int_equal(erg_reader_feed(engine->reader, bytes, (size_t)got, &err), 0);
    }
}

void engine_collect(struct engine *engine, struct seen *out)
{
    memset(out, 0, sizeof(*out));
    while (!out->ended && !out->answered) {
        struct erg_event event;
        next_event(engine, &event);
        see(engine, &event, out);
    }
}

void engine_collect_tokens(struct engine *engine, struct seen *seen, size_t count)
{
    while (!seen->ended && seen->token_count < count) {
        struct erg_event event;
        next_event(engine, &event);
        see(engine, &event, seen);
    }
}

void engine_collect_progress(struct engine *engine, struct seen *seen)
{
    while (!seen->ended && seen->progress_count == 0) {
        struct erg_event event;
        next_event(engine, &event);
        see(engine, &event, seen);
    }
}

int engine_stop(struct engine *engine)
{
    int status;
    close(engine->fd);
    assert_int_equal(waitpid(engine->pid, &status, 0), engine->pid);
    erg_reader_free(engine->reader);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void free_pass(struct seen_pass *pass)
{
    for (size_t i = 0; i < pass->attention_count; i++) {
        free(pass->attention[i].entropy);
        free(pass->attention[i].max_weight);
        free(pass->attention[i].sparsity);
    }
    for (size_t i = 0; i < pass->routing_count; i++) {
        free(pass->routing[i].expert);
        free(pass->routing[i].weight);
    }
    free(pass->attention);
    free(pass->routing);
    free(pass->spans);
}

void seen_deinit(struct seen *seen)
{
    for (size_t i = 0; i < seen->pass_count; i++) {
        free_pass(&seen->passes[i]);
    }
    free(seen->passes);
    free(seen->tokens);
    free(seen->begin);
    memset(seen, 0, sizeof(*seen));
}

void engine_load(struct engine *engine, const char *model)
{
    struct seen seen;
    engine_send(engine, "{\"cmd\":\"load\",\"model\":\"%s\"}", model);
    engine_collect(engine, &seen);
    if (!seen.answered) {
        fail_msg("load: %s", seen.reason);
    }
    seen_deinit(&seen);
}

void engine_run(struct engine *engine, const char *members, struct seen *out)
{
    const char *threads = strstr(members, "\"threads\"") ? "" : ",\"threads\":1";
    const char *bare = strstr(members, "\"bare_every\"") ? "" : ",\"bare_every\":0";
    engine_send(engine, "{\"cmd\":\"run\"%s%s%s}", threads, bare, members);
    engine_collect(engine, out);
    assert_true(out->ended);
}

uint64_t seen_span_sum(const struct seen_pass *pass)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < pass->head.n_spans; i++) {
        sum += pass->spans[i].duration_ns;
    }
    return sum;
}
