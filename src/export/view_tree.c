/* SPDX-License-Identifier: MIT */
#include "analysis/flow.h"
#include "base/mem.h"
#include "export/facts.h"
#include "export/put.h"
#include "export/view.h"
#include "stream/taxonomy.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- from the store to a tree ------------------------------------------------------------------*/

struct sections {
    struct erg_section_row *rows;
    size_t count, capacity;
};

static int keep_section(void *user, const struct erg_section_row *row)
{
    struct sections *sections = user;
    void *rows = sections->rows;
    int rc =
        erg_grow(&rows, &sections->capacity, sections->count + 1, sizeof *sections->rows, 1 << 20);
    sections->rows = rows;
    char *name = rc ? NULL : erg_strdup(row->name);
    if (!name)
        return rc ? rc : ERG_NOMEM;
    sections->rows[sections->count] = *row;
    sections->rows[sections->count++].name = name;
    return 0;
}

static void free_sections(struct sections *sections)
{
    for (size_t i = 0; i < sections->count; i++)
        free((char *)sections->rows[i].name);
    free(sections->rows);
}

static enum erg_grade grade_of(const struct erg_facts *facts)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(facts->summary, "power"), "grade"));
    int grade = name ? erg_grade_find(name) : -1;
    return grade < 0 ? ERG_GRADE_UNAVAILABLE : (enum erg_grade)grade;
}

static int build_tree(const struct erg_view *view, const struct erg_run_sums *sums, int depth,
                      struct sections *sections, struct erg_tree *out, struct erg_err *err)
{
    struct erg_facts facts;
    const struct erg_export_request request = {.store = view->store, .run_id = view->run_id};
    int rc = erg_store_sections(view->store, view->run_id, keep_section, sections, err);
    if (rc == 0)
        rc = erg_facts_load(&facts, &request, err);
    if (rc)
        return rc;
    struct erg_tree_source source = {
        .run = {true, facts.duration_ns, facts.energy, grade_of(&facts)},
        .sections = sections->rows,
        .section_count = sections->count,
        .rows = sums->rows,
        .row_count = sums->count,
    };
    for (int p = 0; p < ERG_PHASES; p++) {
        const struct erg_phase_total *phase = &facts.phases[p];
        source.phases[p] =
            (struct erg_tree_whole){phase->seen, phase->duration_ns, phase->energy, phase->grade};
    }
    if (erg_tree_build(&source, depth, out))
        rc = erg_fail(err, ERG_NOMEM, "no memory for the tree of a run");
    erg_facts_deinit(&facts);
    return rc;
}

/* --- the tree ----------------------------------------------------------------------------------*/

static void put_name(const struct erg_view *view, const struct erg_tree_node *node)
{
    struct erg_jsonw *w = view->w;
    char layer[24];
    const char *name = NULL;
    switch (node->kind) {
    case ERG_TREE_RUN:
        name = "run";
        break;
    case ERG_TREE_PHASE:
        name = erg_phase_name(node->phase);
        break;
    case ERG_TREE_SECTION:
        name = node->section;
        break;
    case ERG_TREE_LAYER:
        snprintf(layer, sizeof layer, "layer %d", node->layer);
        name = layer;
        break;
    case ERG_TREE_OUTSIDE:
        name = "outside the layers";
        break;
    case ERG_TREE_COMPONENT:
        name = erg_store_name(view->store, node->component);
        break;
    case ERG_TREE_OPERATION:
        name = erg_store_name(view->store, node->operation);
        break;
    case ERG_TREE_NOT_PROFILED:
        name = "not profiled";
        break;
    case ERG_TREE_UNATTRIBUTED:
    case ERG_TREE_KINDS:
        name = "unattributed";
        break;
    }
    erg_jsonw_kstr(w, "name", name ? name : "?");
    if (node->kind == ERG_TREE_LAYER)
        erg_jsonw_kint(w, "layer", node->layer);
}

/* Only the domains that are known: there are many nodes. */
static void put_known_domains(struct erg_jsonw *w, const struct erg_energy *energy)
{
    erg_jsonw_key(w, "energy_by_domain_mj");
    erg_jsonw_obj_begin(w);
    for (int d = 0; d < ERG_DOMAINS; d++) {
        if (energy->present >> d & 1)
            erg_jsonw_kmicro(w, erg_domain_name((enum erg_domain)d), energy->nj[d]);
    }
    erg_jsonw_obj_end(w);
}

/* At most ERG_TREE_DEPTH levels deep. */
static void put_node(const struct erg_view *view, const struct erg_tree *tree, size_t at)
{
    const struct erg_tree_node *node = &tree->nodes[at];
    struct erg_jsonw *w = view->w;
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "kind", erg_tree_kind_name(node->kind));
    put_name(view, node);
    erg_jsonw_kmicro(w, "duration_ms", node->duration_ns);
    erg_put_energy(w, "energy_mj", &node->energy);
    put_known_domains(w, &node->energy);
    erg_jsonw_kstr(w, "grade", erg_grade_name(node->grade));
    if (node->count)
        erg_jsonw_kint(w, "count", node->count);
    if (node->first) {
        erg_jsonw_key(w, "children");
        erg_jsonw_arr_begin(w);
        for (size_t i = node->first; i; i = tree->nodes[i].next)
            put_node(view, tree, i);
        erg_jsonw_arr_end(w);
    }
    erg_jsonw_obj_end(w);
}

int erg_view_tree(const struct erg_view *view, const struct erg_view_split *split,
                  const struct erg_run_sums *sums, int depth, struct erg_err *err)
{
    struct erg_jsonw *w = view->w;
    struct sections sections = {0};
    struct erg_tree tree = {0};
    int rc = build_tree(view, sums, depth, &sections, &tree, err);
    if (rc == 0) {
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "run_id", view->run_id);
        erg_jsonw_kint(w, "depth", depth);
        erg_view_put_split(w, split);
        erg_jsonw_key(w, "root");
        put_node(view, &tree, 0);
        erg_jsonw_obj_end(w);
    }
    erg_tree_deinit(&tree);
    free_sections(&sections);
    return rc;
}

/* --- the flow ----------------------------------------------------------------------------------*/

static const char *name_of(void *user, uint16_t id)
{
    return erg_store_name(user, id);
}

/* The id of a node, and what it is called. */
static void describe(struct erg_store *store, const struct erg_flow_node *node, char id[160],
                     char name[160])
{
    static const char *const groups[] = {"other", "attention", "mlp"};
    static const char *const plain[][2] = {
        [ERG_FLOW_INPUT] = {"input", "input"},
        [ERG_FLOW_OUTSIDE] = {"outside", "outside the layers"},
        [ERG_FLOW_HOST] = {"host", "host work"},
        [ERG_FLOW_NOT_PROFILED] = {"not_profiled", "not profiled"},
        [ERG_FLOW_UNATTRIBUTED] = {"unattributed", "unattributed"},
        [ERG_FLOW_OUTPUT] = {"output", "output"},
    };
    const char *component;
    switch (node->kind) {
    case ERG_FLOW_LAYER:
        snprintf(id, 160, "layer:%d", node->index);
        snprintf(name, 160, "layer %d", node->index);
        return;
    case ERG_FLOW_GROUP:
        snprintf(id, 160, "%s", groups[node->index]);
        snprintf(name, 160, "%s", node->index == ERG_GROUP_MLP ? "MLP" : groups[node->index]);
        return;
    case ERG_FLOW_COMPONENT:
        component = erg_store_name(store, (uint16_t)node->index);
        snprintf(id, 160, "component:%s", component ? component : "?");
        snprintf(name, 160, "%s", component ? component : "?");
        return;
    default:
        snprintf(id, 160, "%s", plain[node->kind][0]);
        snprintf(name, 160, "%s", plain[node->kind][1]);
    }
}

static void put_flow(const struct erg_view *view, const struct erg_flow *flow)
{
    struct erg_jsonw *w = view->w;
    char id[160], name[160];
    erg_jsonw_key(w, "nodes");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < flow->node_count; i++) {
        const struct erg_flow_node *node = &flow->nodes[i];
        describe(view->store, node, id, name);
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "id", id);
        erg_jsonw_kstr(w, "name", name);
        erg_jsonw_kint(w, "stage", node->stage);
        erg_jsonw_kmicro(w, "duration_ms", node->duration_ns);
        erg_put_energy(w, "energy_mj", &node->energy);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "links");
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < flow->link_count; i++) {
        const struct erg_flow_link *link = &flow->links[i];
        erg_jsonw_obj_begin(w);
        describe(view->store, &flow->nodes[link->source], id, name);
        erg_jsonw_kstr(w, "source", id);
        describe(view->store, &flow->nodes[link->target], id, name);
        erg_jsonw_kstr(w, "target", id);
        erg_jsonw_kmicro(w, "duration_ms", link->duration_ns);
        erg_put_energy(w, "energy_mj", &link->energy);
        erg_jsonw_obj_end(w);
    }
    erg_jsonw_arr_end(w);
}

int erg_view_flow(const struct erg_view *view, const struct erg_view_split *split,
                  const struct erg_run_sums *sums, uint32_t phase, struct erg_err *err)
{
    struct erg_jsonw *w = view->w;
    struct sections sections = {0};
    struct erg_tree tree = {0};
    struct erg_flow flow = {0};
    int rc = build_tree(view, sums, 3, &sections, &tree, err);
    if (rc == 0 && erg_flow_build(&tree, phase, name_of, view->store, &flow))
        rc = erg_fail(err, ERG_NOMEM, "no memory for the flow of a run");
    if (rc == 0) {
        erg_jsonw_obj_begin(w);
        erg_jsonw_kstr(w, "run_id", view->run_id);
        erg_jsonw_kstr(w, "phase", phase < ERG_PHASES ? erg_phase_name(phase) : NULL);
        erg_view_put_split(w, split);
        put_flow(view, &flow);
        erg_jsonw_obj_end(w);
    }
    erg_flow_deinit(&flow);
    erg_tree_deinit(&tree);
    free_sections(&sections);
    return rc;
}
