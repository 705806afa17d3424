/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_COLLECT_H
#define ERG_ENGINE_COLLECT_H

#include "base/err.h"
#include "engine/stats/stats.h"

#include <ggml.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * The statistics of the tensors read in one pass, in the order of the nodes. Allocates only while
 * graphs are new.
 */
enum { ERG_COLLECT_ROWS = 128 }; /* token positions looked at in one tensor, at most */

/* What was read of one node. */
struct erg_reading {
    size_t node; /* index in the graph's list */
    struct erg_moments moments;
};

struct erg_collect {
    const struct erg_stats_kernels *kernels;
    double threshold; /* sparsity counts |x| below it */
    struct erg_reading *readings;
    size_t count, capacity;
    void *fetched; /* a tensor copied from a device */
    size_t fetched_bytes;
    FILE *dump;
};

/* `dump_path`: write every tensor given to erg_collect_dump() there, for tests; NULL = don't. */
int erg_collect_init(struct erg_collect *collect, double threshold, const char *dump_path,
                     struct erg_err *err);
void erg_collect_deinit(struct erg_collect *collect);

/* Forget the pass before. */
void erg_collect_begin(struct erg_collect *collect);

/*
 * Whether statistics may be of a node whose graph is not known yet. Cheap, and says yes to more
 * nodes than needed.
 */
bool erg_collect_may_want(const struct ggml_tensor *tensor);

/*
 * Read a tensor that is completely computed: all rows, or ERG_COLLECT_ROWS of them evenly spaced
 * when a pass over `n_tokens` has more. Nodes come in ascending order. What cannot be read (another
 * type, no memory) is left out.
 */
void erg_collect_read(struct erg_collect *collect, size_t node, const struct ggml_tensor *tensor,
                      int64_t n_tokens);

/*
 * Append a tensor to the dump: its index in the graph, its four sizes (five int64), operation, name
 * and weight (64 bytes each, zero-padded; "" = reads none), then the elements as float32 without
 * gaps.
 */
void erg_collect_dump(struct erg_collect *collect, size_t node, const struct ggml_tensor *tensor);

#endif
