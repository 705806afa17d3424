/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_AMPLIFY_H
#define ERG_ENGINE_AMPLIFY_H

#include "base/err.h"

#include <ggml-backend.h>
#include <stdbool.h>

/*
 * Amplification: nodes of a graph, repeated by themselves on a back end of their own. A node is
 * copied with what it reads: weights and the KV cache are shared, since they stay where they are;
 * everything else, which the graph's memory would not keep, is copied as it is when the node is
 * about to be computed. Results go to memory of their own, so that a node that works in place in
 * the graph (x += y) computes the same again and again. What is written to the KV cache is written
 * again in the same place.
 */
struct erg_amplifier;

int erg_amplifier_new(struct erg_amplifier **out, struct erg_err *err);
void erg_amplifier_free(struct erg_amplifier *amplifier);

/*
 * Add a node whose sources are computed and which itself is not. `fused`: the node before it, just
 * added, is computed together with it. UNSUPPORTED when a source lies nowhere, LIMIT when the
 * copies take too much memory, NOMEM.
 */
int erg_amplifier_add(struct erg_amplifier *amplifier, const struct ggml_tensor *node, bool fused,
                      struct erg_err *err);

/*
 * For tests: keep what the graph made of the node added last, which is computed now, and count the
 * nodes of which erg_amplifier_run() made something else.
 */
int erg_amplifier_expect(struct erg_amplifier *amplifier, struct erg_err *err);
size_t erg_amplifier_differing(const struct erg_amplifier *amplifier);

/* Nodes added so far. */
size_t erg_amplifier_nodes(const struct erg_amplifier *amplifier);

/* Arrange that erg_amplifier_run() computes every node, in turn, `rounds` times. */
int erg_amplifier_arrange(struct erg_amplifier *amplifier, size_t rounds, struct erg_err *err);

size_t erg_amplifier_rounds(const struct erg_amplifier *amplifier);

int erg_amplifier_run(struct erg_amplifier *amplifier, ggml_backend_t backend, struct erg_err *err);

#endif
