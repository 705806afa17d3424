/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_THREADS_H
#define ERG_ENGINE_THREADS_H

#include <ggml-backend.h>

/* A CPU back end of one's own with so many threads; NULL when that is not possible. */
ggml_backend_t erg_cpu_backend(int threads);

/*
 * Have ggml's CPU back end start its `count` threads now, by a computation of no consequence, so
 * that their birth is not counted as time of a model's first node. They are kept for the calling
 * thread's later computations. Does nothing when that is not possible.
 */
void erg_start_threads(int count);

#endif
