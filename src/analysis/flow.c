/* SPDX-License-Identifier: MIT */
#include "analysis/flow.h"

#include "base/mem.h"
#include "stream/taxonomy.h"

#include <stdlib.h>

enum { MAX_ITEMS = 1 << 20 };

enum { INPUT, OUTPUT }; /* nodes */

void erg_flow_deinit(struct erg_flow *flow)
{
    free(flow->nodes);
    free(flow->links);
    *flow = (struct erg_flow){0};
}

struct building {
    const struct erg_tree *tree;
    erg_names names;
    void *user;
    struct erg_flow *out;
};

static int find_node(struct erg_flow *flow, enum erg_flow_kind kind, int stage, int index,
                     size_t *out_node)
{
    for (size_t i = 0; i < flow->node_count; i++) {
        if (flow->nodes[i].kind == kind && flow->nodes[i].index == index) {
            *out_node = i;
            return 0;
        }
    }
    void *nodes = flow->nodes;
    int rc = erg_grow(&nodes, &flow->node_capacity, flow->node_count + 1, sizeof *flow->nodes,
                      MAX_ITEMS);
    flow->nodes = nodes;
    if (rc)
        return rc;
    *out_node = flow->node_count;
    flow->nodes[flow->node_count++] =
        (struct erg_flow_node){.kind = kind, .stage = stage, .index = index};
    return 0;
}

static int add_link(struct erg_flow *flow, size_t source, size_t target,
                    const struct erg_tree_node *part)
{
    struct erg_flow_link *link = NULL;
    for (size_t i = 0; i < flow->link_count && !link; i++) {
        if (flow->links[i].source == source && flow->links[i].target == target)
            link = &flow->links[i];
    }
    if (!link) {
        void *links = flow->links;
        int rc = erg_grow(&links, &flow->link_capacity, flow->link_count + 1, sizeof *flow->links,
                          MAX_ITEMS);
        flow->links = links;
        if (rc)
            return rc;
        link = &flow->links[flow->link_count++];
        *link = (struct erg_flow_link){.source = source, .target = target};
    }
    link->duration_ns += part->duration_ns;
    erg_energy_add(&link->energy, &part->energy);
    return 0;
}

/* One part on its way: input → `middle` → `last` (or straight to the output) → output. */
static int add_path(struct erg_flow *flow, size_t middle, size_t last,
                    const struct erg_tree_node *part)
{
    int rc = add_link(flow, INPUT, middle, part);
    if (!rc && last != OUTPUT)
        rc = add_link(flow, middle, last, part);
    if (!rc)
        rc = add_link(flow, last == OUTPUT ? middle : last, OUTPUT, part);
    size_t through[] = {INPUT, OUTPUT, middle, last};
    for (size_t i = 0; i < (last == OUTPUT ? 3u : 4u) && !rc; i++) {
        flow->nodes[through[i]].duration_ns += part->duration_ns;
        erg_energy_add(&flow->nodes[through[i]].energy, &part->energy);
    }
    return rc;
}

/* A part that goes through one node only. */
static int add_plain(struct building *b, enum erg_flow_kind kind, const struct erg_tree_node *part)
{
    size_t middle;
    int rc = find_node(b->out, kind, 1, 0, &middle);
    return rc ? rc : add_path(b->out, middle, OUTPUT, part);
}

/* The components of a layer, or those outside of the layers. */
static int add_layer(struct building *b, const struct erg_tree_node *layer)
{
    const struct erg_tree *tree = b->tree;
    bool outside = layer->kind == ERG_TREE_OUTSIDE;
    size_t middle, last;
    int rc = find_node(b->out, outside ? ERG_FLOW_OUTSIDE : ERG_FLOW_LAYER, 1,
                       outside ? 0 : layer->layer, &middle);
    for (size_t i = layer->first; i && !rc; i = tree->nodes[i].next) {
        const struct erg_tree_node *part = &tree->nodes[i];
        const char *name = b->names(b->user, part->component);
        int group = (int)erg_component_group(erg_component_find(name ? name : ""));
        rc = outside ? find_node(b->out, ERG_FLOW_COMPONENT, 2, part->component, &last)
                     : find_node(b->out, ERG_FLOW_GROUP, 2, group, &last);
        if (!rc)
            rc = add_path(b->out, middle, last, part);
    }
    return rc;
}

static int add_phase(struct building *b, const struct erg_tree_node *phase)
{
    int rc = 0;
    for (size_t i = phase->first; i && !rc; i = b->tree->nodes[i].next) {
        const struct erg_tree_node *part = &b->tree->nodes[i];
        if (part->kind == ERG_TREE_LAYER || part->kind == ERG_TREE_OUTSIDE)
            rc = add_layer(b, part);
        else if (part->kind == ERG_TREE_SECTION)
            rc = add_plain(b, ERG_FLOW_HOST, part);
        else
            rc = add_plain(b,
                           part->kind == ERG_TREE_NOT_PROFILED ? ERG_FLOW_NOT_PROFILED
                                                               : ERG_FLOW_UNATTRIBUTED,
                           part);
    }
    return rc;
}

int erg_flow_build(const struct erg_tree *tree, uint32_t phase, erg_names names, void *user,
                   struct erg_flow *out)
{
    struct building b = {tree, names, user, out};
    size_t at;
    int rc = find_node(out, ERG_FLOW_INPUT, 0, 0, &at);
    if (!rc)
        rc = find_node(out, ERG_FLOW_OUTPUT, 3, 0, &at);
    for (size_t i = tree->nodes[0].first; i && !rc; i = tree->nodes[i].next) {
        const struct erg_tree_node *node = &tree->nodes[i];
        if (phase != ERG_PHASES && node->phase != phase)
            continue;
        rc = node->kind == ERG_TREE_PHASE ? add_phase(&b, node)
                                          : add_plain(&b, ERG_FLOW_UNATTRIBUTED, node);
    }
    return rc;
}
