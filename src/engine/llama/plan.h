/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_PLAN_H
#define ERG_ENGINE_PLAN_H

#include "engine/llama/graph.h"

/*
 * Which tensors of a graph are read, what of them, and when: fills `read`, `standard`, `deep` and
 * the links of nodes that are classified. `results`: the nodes that statistics of components are
 * of.
 */
void erg_plan_reading(struct erg_graph *graph, const struct erg_node_facts *facts,
                      const struct erg_node_class *classes, const bool *results);

/* Where the elements of a tensor lie, when it is one piece of few rows in the host's memory. */
void erg_plan_piece(const struct ggml_tensor *tensor, struct erg_graph_piece *out);

/* Whether statistics may be of a node whose graph is not known. Cheap, and says yes to more nodes
 * than needed. */
bool erg_plan_may_read(const struct ggml_tensor *tensor, bool operations);

#endif
