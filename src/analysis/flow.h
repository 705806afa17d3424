/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_FLOW_H
#define ERG_ANALYSIS_FLOW_H

#include "analysis/tree.h"

/*
 * The flow of a run's energy from the input to the output: through the layers, in them through
 * attention, MLP and the rest. What flows into a node is what flows out of it, and the links out of
 * the input, like those into the output, are the whole: to the nanosecond and the nanojoule. Pure.
 */
enum erg_flow_kind {
    ERG_FLOW_INPUT,
    ERG_FLOW_LAYER,
    ERG_FLOW_OUTSIDE, /* of the layers */
    ERG_FLOW_HOST,    /* phases without passes */
    ERG_FLOW_NOT_PROFILED,
    ERG_FLOW_UNATTRIBUTED,
    ERG_FLOW_GROUP,     /* of components in layers: enum erg_component_group */
    ERG_FLOW_COMPONENT, /* outside of the layers */
    ERG_FLOW_OUTPUT,
};

struct erg_flow_node {
    enum erg_flow_kind kind;
    int stage; /* column from the left, 0 to 3 */
    int index; /* layer, group or name id of a component */
    int64_t duration_ns;
    struct erg_energy energy;
};

struct erg_flow_link {
    size_t source, target; /* nodes */
    int64_t duration_ns;
    struct erg_energy energy;
};

struct erg_flow {
    struct erg_flow_node *nodes; /* input and output first */
    struct erg_flow_link *links;
    size_t node_count, node_capacity, link_count, link_capacity;
};

/*
 * From a tree of depth 3 or more, all of it or (not ERG_PHASES) one phase; `out` is to be released
 * in any case. NOMEM.
 */
int erg_flow_build(const struct erg_tree *tree, uint32_t phase, erg_names names, void *user,
                   struct erg_flow *out);
void erg_flow_deinit(struct erg_flow *flow);

#endif
