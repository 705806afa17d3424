/* SPDX-License-Identifier: MIT */
#include "analysis/tree.h"

#include "base/mem.h"

#include <stdlib.h>

enum { MAX_NODES = 1 << 23 };

const char *erg_tree_kind_name(enum erg_tree_kind kind)
{
    static const char *const names[ERG_TREE_KINDS] = {
        "run",       "phase",     "section",      "layer",        "outside",
        "component", "operation", "not_profiled", "unattributed",
    };
    return names[kind];
}

void erg_tree_deinit(struct erg_tree *tree)
{
    free(tree->nodes);
    *tree = (struct erg_tree){0};
}

/* Append a node and hang it below `parent`; its index is in *out_index. */
static int add(struct erg_tree *tree, size_t parent, const struct erg_tree_node *node,
               size_t *out_index)
{
    void *nodes = tree->nodes;
    int rc = erg_grow(&nodes, &tree->capacity, tree->count + 1, sizeof *tree->nodes, MAX_NODES);
    tree->nodes = nodes;
    if (rc)
        return rc;
    size_t index = tree->count++;
    tree->nodes[index] = *node;
    if (index) {
        struct erg_tree_node *above = &tree->nodes[parent];
        if (above->last)
            tree->nodes[above->last].next = index;
        else
            above->first = index;
        above->last = index;
    }
    *out_index = index;
    return 0;
}

/* Inside of a pass everything is split by a model, unless there was nothing measured to split. */
static enum erg_grade part_grade(enum erg_grade whole)
{
    return whole > ERG_GRADE_ATTRIBUTED ? whole : ERG_GRADE_ATTRIBUTED;
}

/* What the children of a node leave of it, as one more child. */
static int add_rest(struct erg_tree *tree, size_t parent)
{
    const struct erg_tree_node *whole = &tree->nodes[parent];
    struct erg_energy sum = {.present = 0};
    int64_t ns = 0;
    for (size_t i = whole->first; i; i = tree->nodes[i].next) {
        erg_energy_add(&sum, &tree->nodes[i].energy);
        ns += tree->nodes[i].duration_ns;
    }
    struct erg_tree_node rest = {
        .kind = ERG_TREE_UNATTRIBUTED,
        .phase = whole->phase,
        .layer = -2,
        .duration_ns = whole->duration_ns - ns,
        .energy = erg_energy_sub(&whole->energy, &sum),
        .grade = whole->grade,
    };
    bool any = rest.duration_ns != 0;
    for (int d = 0; d < ERG_DOMAINS; d++)
        any = any || rest.energy.nj[d] != 0;
    size_t index;
    return any ? add(tree, parent, &rest, &index) : 0;
}

static int add_sections(const struct erg_tree_source *source, struct erg_tree *tree, size_t phase)
{
    int rc = 0;
    for (size_t i = 0; i < source->section_count && !rc; i++) {
        const struct erg_section_row *row = &source->sections[i];
        struct erg_tree_node node = {
            .kind = ERG_TREE_SECTION,
            .phase = row->phase,
            .layer = -2,
            .section = row->name,
            .duration_ns = row->duration_ns,
            .energy = row->energy,
            .grade = row->grade,
        };
        size_t index;
        if (row->phase == tree->nodes[phase].phase)
            rc = add(tree, phase, &node, &index);
    }
    return rc;
}

/* The node that a row of passes counts for at a level: below `parent`, made when it is new. */
static int find_part(struct erg_tree *tree, size_t parent, const struct erg_tree_node *key,
                     size_t *out_index)
{
    for (size_t i = tree->nodes[parent].first; i; i = tree->nodes[i].next) {
        const struct erg_tree_node *node = &tree->nodes[i];
        if (node->kind == key->kind && node->layer == key->layer &&
            node->component == key->component && node->operation == key->operation) {
            *out_index = i;
            return 0;
        }
    }
    return add(tree, parent, key, out_index);
}

/* The kind of node that stands for a row at a level below the run. */
static enum erg_tree_kind kind_at(const struct erg_rollup_row *row, int level)
{
    if (row->component == ERG_ROLLUP_UNPROFILED)
        return ERG_TREE_NOT_PROFILED;
    if (level == 2)
        return row->layer < 0 ? ERG_TREE_OUTSIDE : ERG_TREE_LAYER;
    return level == 3 ? ERG_TREE_COMPONENT : ERG_TREE_OPERATION;
}

/* Let a row count for its layer, its component and its operation, as deep as is wanted. */
static int add_row(struct erg_tree *tree, size_t phase, const struct erg_rollup_row *row, int depth)
{
    size_t at = phase;
    bool unprofiled = row->component == ERG_ROLLUP_UNPROFILED;
    int deepest = unprofiled || depth < 2 ? 2 : depth;
    /* Where no operation was told apart the component says everything. */
    deepest = deepest == 4 && row->operation == 0 ? 3 : deepest;
    for (int level = 2; level <= deepest && level <= depth; level++) {
        struct erg_tree_node key = {
            .kind = kind_at(row, level),
            .phase = row->phase,
            .layer = unprofiled ? -2 : row->layer,
            .component = level >= 3 ? row->component : 0,
            .operation = level >= 4 ? row->operation : 0,
            .grade = unprofiled ? tree->nodes[phase].grade : part_grade(tree->nodes[phase].grade),
        };
        int rc = find_part(tree, at, &key, &at);
        if (rc)
            return rc;
        tree->nodes[at].duration_ns += row->duration_ns;
        tree->nodes[at].count += row->count;
        erg_energy_add(&tree->nodes[at].energy, &row->energy);
    }
    return 0;
}

/* Components of which some spans tell operations apart and others do not get a node for the rest.
 */
static int add_mixed(struct erg_tree *tree, size_t from)
{
    size_t count = tree->count;
    for (size_t i = from; i < count; i++) {
        int rc = tree->nodes[i].kind == ERG_TREE_COMPONENT && tree->nodes[i].first
                     ? add_rest(tree, i)
                     : 0;
        if (rc)
            return rc;
    }
    return 0;
}

static int add_phase(const struct erg_tree_source *source, uint32_t phase, int depth,
                     struct erg_tree *tree)
{
    const struct erg_tree_whole *whole = &source->phases[phase];
    struct erg_tree_node node = {
        .kind = ERG_TREE_PHASE,
        .phase = phase,
        .layer = -2,
        .duration_ns = whole->duration_ns,
        .energy = whole->energy,
        .grade = whole->grade,
    };
    size_t at = 0;
    int rc = add(tree, 0, &node, &at);
    if (rc || depth < 2)
        return rc;
    bool of_passes = phase == ERG_PHASE_PREFILL || phase == ERG_PHASE_DECODE;
    if (!of_passes)
        rc = add_sections(source, tree, at);
    for (size_t i = 0; i < source->row_count && !rc && of_passes; i++) {
        const struct erg_rollup_row *row = &source->rows[i];
        if (row->phase == phase && row->component != 0) /* 0 is what is unattributed */
            rc = add_row(tree, at, row, depth);
    }
    if (!rc)
        rc = add_mixed(tree, at);
    return rc ? rc : add_rest(tree, at);
}

int erg_tree_build(const struct erg_tree_source *source, int depth, struct erg_tree *out)
{
    struct erg_tree_node run = {
        .kind = ERG_TREE_RUN,
        .phase = ERG_PHASES,
        .layer = -2,
        .duration_ns = source->run.duration_ns,
        .energy = source->run.energy,
        .grade = source->run.grade,
    };
    size_t root;
    int rc = add(out, 0, &run, &root);
    if (rc || depth < 1)
        return rc;
    for (uint32_t phase = 0; phase < ERG_PHASES && !rc; phase++) {
        if (source->phases[phase].seen)
            rc = add_phase(source, phase, depth, out);
    }
    return rc ? rc : add_rest(out, root);
}
