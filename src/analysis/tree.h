/* SPDX-License-Identifier: MIT */
#ifndef ERG_ANALYSIS_TREE_H
#define ERG_ANALYSIS_TREE_H

#include "analysis/fold.h"

/*
 * The tree of a run: run > phase > layer > component > operation; phases that are not made of
 * passes consist of sections. At every node the times and energies of the children add up to its
 * own, domain by domain: what no child accounts for is a child `unattributed`. Pure.
 */
enum erg_tree_kind {
    ERG_TREE_RUN,
    ERG_TREE_PHASE,
    ERG_TREE_SECTION,
    ERG_TREE_LAYER,
    ERG_TREE_OUTSIDE, /* of the layers */
    ERG_TREE_COMPONENT,
    ERG_TREE_OPERATION,
    ERG_TREE_NOT_PROFILED, /* passes of which only the duration is known */
    ERG_TREE_UNATTRIBUTED,
    ERG_TREE_KINDS,
};

const char *erg_tree_kind_name(enum erg_tree_kind kind); /* "run" … */

struct erg_tree_node {
    enum erg_tree_kind kind;
    uint32_t phase;      /* ERG_PHASES: of the run */
    int layer;           /* of layers and what is in them; -1 = outside, -2 = neither */
    uint16_t component;  /* 0 = none */
    uint16_t operation;  /* 0, of an operation: all of its component together */
    const char *section; /* borrowed */
    int64_t duration_ns;
    struct erg_energy energy;
    enum erg_grade grade;
    int64_t count;            /* spans, or passes that were not profiled; 0 = does not apply */
    size_t first, last, next; /* children, and the next of the same parent; 0 = none */
};

struct erg_tree {
    struct erg_tree_node *nodes; /* the run first */
    size_t count, capacity;
};

/* What a run, or a phase of it, took as a whole. */
struct erg_tree_whole {
    bool seen;
    int64_t duration_ns;
    struct erg_energy energy;
    enum erg_grade grade;
};

struct erg_tree_source {
    struct erg_tree_whole run, phases[ERG_PHASES];
    const struct erg_section_row *sections; /* of all phases */
    size_t section_count;
    const struct erg_rollup_row *rows; /* by phase, layer, component, operation */
    size_t row_count;
};

/* Levels below the run: 1 phases, 2 layers and sections, 3 components, 4 operations. */
enum { ERG_TREE_DEPTH = 4 };

/* Build the tree down to `depth`; `out` is to be released in any case. NOMEM. */
int erg_tree_build(const struct erg_tree_source *source, int depth, struct erg_tree *out);
void erg_tree_deinit(struct erg_tree *tree);

#endif
