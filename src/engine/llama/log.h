/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_LOG_H
#define ERG_ENGINE_LOG_H

#include "ergon/probe.h"

#include <ggml.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What libllama and ggml write goes to the event stream, never to the terminal. Some facts are to
 * be had from their lines only: why a load failed, how large the buffers are.
 */
struct erg_log {
    ergon_probe *probe;
    pthread_t thread; /* whose lines are taken: the one that the probe belongs to */
    char line[1024];  /* being put together */
    size_t len;
    enum ggml_log_level level; /* of the line */
    char error[256];           /* the line that says most about a failure, "" = none yet */
    uint64_t kv_cache_bytes;   /* sums over back ends since erg_log_forget() */
    uint64_t compute_bytes;
    bool flash_attention; /* the automatic choice was on */
};

/*
 * Make libllama and ggml write to `log`, which must outlive both. Lines of other threads than the
 * calling one are dropped.
 */
void erg_log_install(struct erg_log *log, ergon_probe *probe);

/* Forget the error and the sizes seen so far. */
void erg_log_forget(struct erg_log *log);

/* For tests: a piece of output as libllama hands it over. */
void erg_log_take(enum ggml_log_level level, const char *text, void *log);

#endif
