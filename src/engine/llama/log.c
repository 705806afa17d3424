/* SPDX-License-Identifier: MIT */
#include "engine/llama/log.h"

#include <llama.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "…: error loading model: WHY" → WHY; of several lines the first such one says most. */
static void keep_error(struct erg_log *log)
{
    static const char *const marks[] = {"error loading model: ", "error loading vocab: "};
    const char *why = NULL;
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        const char *mark = strstr(log->line, marks[i]);
        why = mark && !why ? mark + strlen(marks[i]) : why;
    }
    if (!why && log->error[0] != '\0') {
        return;
    }
    if (!why) { /* "function_name: WHY" */
        const char *colon = strstr(log->line, ": ");
        why = colon && !memchr(log->line, ' ', (size_t)(colon - log->line)) ? colon + 2 : log->line;
    }
    snprintf(log->error, sizeof(log->error), "%.255s", why);
}

/* "… KV buffer size =    12.00 MiB" */
static uint64_t size_after(const char *line, const char *mark)
{
    const char *at = strstr(line, mark);
    if (!at) {
        return 0;
    }
    double mib = strtod(at + strlen(mark), NULL);
    return mib > 0 ? (uint64_t)(mib * 1024 * 1024) : 0;
}

static void take_line(struct erg_log *log)
{
    if (log->level == GGML_LOG_LEVEL_ERROR) {
        keep_error(log);
    }
    log->kv_cache_bytes += size_after(log->line, "KV buffer size =");
    log->kv_cache_bytes += size_after(log->line, "RS buffer size =");
    log->compute_bytes += size_after(log->line, "compute buffer size =");
    log->flash_attention |= strstr(log->line, "Flash Attention enabled") != NULL;
    /* What libllama calls debugging is one line per tensor of the graph. */
    if (log->level != GGML_LOG_LEVEL_DEBUG && log->len > 0) {
        ergon_probe_log(log->probe, ERGON_DEBUG, log->line);
    }
}

void erg_log_take(enum ggml_log_level level, const char *text, void *user)
{
    struct erg_log *log = user;
    if (!pthread_equal(pthread_self(), log->thread)) {
        return; /* a back end's own thread; the probe and the line belong to another one */
    }
    if (level != GGML_LOG_LEVEL_CONT) {
        log->level = level;
    }
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            log->line[log->len] = '\0';
            take_line(log);
            log->len = 0;
        } else if (log->len + 1 < sizeof(log->line)) {
            log->line[log->len++] = *text;
        }
    }
}

void erg_log_install(struct erg_log *log, ergon_probe *probe)
{
    memset(log, 0, sizeof(*log));
    log->probe = probe;
    log->thread = pthread_self();
    ggml_log_set(erg_log_take, log);
    llama_log_set(erg_log_take, log);
}

void erg_log_forget(struct erg_log *log)
{
    log->error[0] = '\0';
    log->kv_cache_bytes = log->compute_bytes = 0;
    log->flash_attention = false;
}
