/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_KEEP_H
#define ERG_ENGINE_KEEP_H

#include <ggml-backend.h>
#include <stdbool.h>

/*
 * Memory in which results outlive the node that ggml would compute in their place, so that they can
 * be read behind it without cutting the graph. A few slots take turns, for all layers: they stay in
 * the cache, where memory for each result would not.
 */
struct erg_keep {
    ggml_backend_buffer_t buffer; /* NULL until something is kept */
};

/* Once no graph that was placed is computed any more. */
void erg_keep_deinit(struct erg_keep *keep);

/*
 * Place the results of a graph that has no memory yet: those that statistics may be of and that
 * only one of the next nodes reads, maybe in place. Large ones are left alone: for them a cut costs
 * little. `operations`: of all operations, not only components.
 */
void erg_keep_place(struct erg_keep *keep, struct ggml_cgraph *nodes, bool operations);

#endif
