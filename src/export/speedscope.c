/* SPDX-License-Identifier: MIT */
#include "analysis/rollup.h"
#include "base/jsonw.h"
#include "export/facts.h"
#include "export/formats.h"
#include "export/intern.h"
#include "export/out.h"
#include "export/trace_plan.h"
#include "stream/taxonomy.h"

#include <stdio.h>

/*
 * Flame graphs of a run for speedscope.app: its file format, with profiles of type `sampled`. Each
 * different stack phase → layer → component → operation is one sample whose weight is all that it
 * cost in the run, so the file is as small as the model has operations, however many tokens there
 * were. The weights add up to the run.
 */
enum { MAX_STACK = 4 };

struct speedscope {
    const struct erg_export_request *request;
    struct erg_err *err;
    struct erg_facts facts;
    struct erg_trace_plan plan;
    struct erg_rollup *rollup;
    struct {
        int64_t ns;
        struct erg_energy energy;
    } unprofiled[ERG_PHASES];
    struct erg_intern frames;
    struct erg_buf scratch;
    struct erg_jsonw w;
    int rc;
};

struct stack {
    const char *names[MAX_STACK];
    size_t depth;
    int64_t ns;
    const struct erg_energy *energy;
};

/* What to do with each stack of the run. */
typedef void (*stack_visitor)(struct speedscope *s, const struct stack *stack);

static int put_bytes(void *user, const char *bytes, size_t len)
{
    const struct speedscope *s = user;
    return s->request->sink(s->request->user, bytes, len);
}

static int on_pass(void *user, const struct erg_pass_row *row)
{
    struct speedscope *s = user;
    if (row->n_spans)
        return erg_rollup_add(s->rollup, row, s->err);
    s->unprofiled[row->phase].ns += row->t1_ns - row->t0_ns;
    erg_energy_add(&s->unprofiled[row->phase].energy, &row->energy);
    return 0;
}

struct sections {
    struct speedscope *s;
    stack_visitor visit;
};

/* Those of prefill and decode are another partition of what the passes have. */
static int on_section(void *user, const struct erg_section_row *row)
{
    const struct sections *sections = user;
    if (row->phase != ERG_PHASE_PRE_INFERENCE && row->phase != ERG_PHASE_POST_INFERENCE)
        return 0;
    const struct stack stack = {
        {erg_phase_name(row->phase), row->name}, 2, row->duration_ns, &row->energy};
    sections->visit(sections->s, &stack);
    return sections->s->rc;
}

static void visit_row(struct speedscope *s, const struct erg_rollup_row *row, stack_visitor visit)
{
    struct erg_store *store = s->request->store;
    struct stack stack = {.ns = row->duration_ns, .energy = &row->energy};
    char layer[sizeof "layer -2147483648"];
    stack.names[stack.depth++] = erg_phase_name(row->phase);
    if (row->layer >= 0) {
        snprintf(layer, sizeof layer, "layer %d", row->layer);
        stack.names[stack.depth++] = layer;
    }
    const char *component = row->component ? erg_store_name(store, row->component) : "unattributed";
    const char *operation = row->operation ? erg_store_name(store, row->operation) : NULL;
    stack.names[stack.depth++] = component ? component : "?";
    if (operation)
        stack.names[stack.depth++] = operation;
    visit(s, &stack);
}

static int visit_stacks(struct speedscope *s, stack_visitor visit)
{
    struct sections sections = {s, visit};
    size_t count;
    int rc =
        erg_store_sections(s->request->store, s->request->run_id, on_section, &sections, s->err);
    if (rc)
        return rc;
    const struct erg_rollup_row *rows = erg_rollup_rows(s->rollup, &count);
    for (size_t i = 0; i < count; i++)
        visit_row(s, &rows[i], visit);
    for (uint32_t p = 0; p < ERG_PHASES; p++) {
        const char *phase = erg_phase_name(p);
        const struct erg_whole *whole = &s->plan.phases[p];
        const struct stack rest = {{phase, "unattributed"}, 2, whole->gap_ns, &whole->rest};
        const struct stack bare = {
            {phase, "not profiled"}, 2, s->unprofiled[p].ns, &s->unprofiled[p].energy};
        visit(s, &rest);
        visit(s, &bare);
    }
    const struct stack rest = {{"unattributed"}, 1, s->plan.run.gap_ns, &s->plan.run.rest};
    visit(s, &rest);
    return s->rc;
}

/* Number of a frame; it is written when it is new. */
static uint32_t frame_of(struct speedscope *s, const char *name)
{
    uint32_t number = 0;
    bool is_new = false;
    if (!s->rc)
        s->rc = erg_intern(&s->frames, name, &number, &is_new);
    if (!s->rc && is_new) {
        erg_jsonw_obj_begin(&s->w);
        erg_jsonw_kstr(&s->w, "name", name);
        erg_jsonw_obj_end(&s->w);
    }
    return number;
}

static void put_frames(struct speedscope *s, const struct stack *stack)
{
    for (size_t i = 0; i < stack->depth; i++)
        frame_of(s, stack->names[i]);
}

static void put_stack(struct speedscope *s, const struct stack *stack)
{
    erg_jsonw_arr_begin(&s->w);
    for (size_t i = 0; i < stack->depth; i++)
        erg_jsonw_int(&s->w, (int64_t)frame_of(s, stack->names[i]) - 1);
    erg_jsonw_arr_end(&s->w);
}

/* speedscope refuses weights below 0 and drops those that are 0. */
static int64_t energy_of(const struct stack *stack)
{
    return erg_energy_known(stack->energy) ? erg_energy_total_nj(stack->energy) : 0;
}

static void put_energy_stack(struct speedscope *s, const struct stack *stack)
{
    if (energy_of(stack) > 0)
        put_stack(s, stack);
}

static void put_energy_weight(struct speedscope *s, const struct stack *stack)
{
    if (energy_of(stack) > 0)
        erg_jsonw_micro(&s->w, energy_of(stack));
}

static void put_time_stack(struct speedscope *s, const struct stack *stack)
{
    if (stack->ns > 0)
        put_stack(s, stack);
}

static void put_time_weight(struct speedscope *s, const struct stack *stack)
{
    if (stack->ns > 0)
        erg_jsonw_int(&s->w, stack->ns);
}

static int put_list(struct speedscope *s, const char *key, stack_visitor visit)
{
    erg_jsonw_key(&s->w, key);
    erg_jsonw_arr_begin(&s->w);
    int rc = visit_stacks(s, visit);
    erg_jsonw_arr_end(&s->w);
    return rc;
}

static void begin_profile(struct speedscope *s, const char *name, const char *unit)
{
    erg_jsonw_obj_begin(&s->w);
    erg_jsonw_kstr(&s->w, "type", "sampled");
    erg_jsonw_kstr(&s->w, "name", name);
    erg_jsonw_kstr(&s->w, "unit", unit);
    erg_jsonw_kint(&s->w, "startValue", 0);
}

static int put_profiles(struct speedscope *s)
{
    int rc = 0;
    erg_jsonw_key(&s->w, "profiles");
    erg_jsonw_arr_begin(&s->w);
    if (erg_energy_known(&s->plan.run.energy)) {
        begin_profile(s, "energy (mJ)", "none");
        erg_jsonw_kmicro(&s->w, "endValue", erg_energy_total_nj(&s->plan.run.energy));
        rc = put_list(s, "samples", put_energy_stack);
        if (rc == 0)
            rc = put_list(s, "weights", put_energy_weight);
        erg_jsonw_obj_end(&s->w);
    }
    if (rc == 0) {
        begin_profile(s, "time", "nanoseconds");
        erg_jsonw_kint(&s->w, "endValue", s->plan.run.t1_ns);
        rc = put_list(s, "samples", put_time_stack);
        if (rc == 0)
            rc = put_list(s, "weights", put_time_weight);
        erg_jsonw_obj_end(&s->w);
    }
    erg_jsonw_arr_end(&s->w);
    return rc;
}

static int put_document(struct speedscope *s)
{
    struct erg_jsonw *w = &s->w;
    char name[96];
    snprintf(name, sizeof name, "ergon run %s", s->request->run_id);
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "$schema", "https://www.speedscope.app/file-format-schema.json");
    erg_jsonw_kstr(w, "name", name);
    erg_jsonw_kstr(w, "exporter", "ergon");
    erg_jsonw_kint(w, "activeProfileIndex", 0);
    erg_jsonw_key(w, "shared");
    erg_jsonw_obj_begin(w);
    int rc = put_list(s, "frames", put_frames);
    erg_jsonw_obj_end(w);
    if (rc == 0)
        rc = put_profiles(s);
    erg_jsonw_obj_end(w);
    return rc;
}

static int gather(struct speedscope *s)
{
    const struct erg_export_request *request = s->request;
    int rc = erg_trace_plan_make(&s->plan, request, &s->facts, s->err);
    if (rc == 0)
        rc = erg_rollup_new(
            &s->rollup, ERG_BY_PHASE | ERG_BY_LAYER | ERG_BY_COMPONENT | ERG_BY_OPERATION, s->err);
    if (rc == 0)
        rc = erg_store_passes(request->store, request->run_id, true, on_pass, s, s->err);
    return rc;
}

static int write_speedscope(const struct erg_export_request *request, struct erg_err *err)
{
    struct speedscope s = {.request = request, .err = err};
    int rc = erg_facts_load(&s.facts, request, err);
    if (rc)
        return rc;
    erg_buf_init(&s.scratch);
    erg_jsonw_init_sink(&s.w, &s.scratch, put_bytes, &s);
    rc = gather(&s);
    if (rc == 0) {
        rc = put_document(&s);
        if (rc == 0)
            rc = erg_jsonw_finish(&s.w);
        if (rc)
            erg_out_fail(err, rc);
    }
    erg_rollup_free(s.rollup);
    erg_intern_deinit(&s.frames);
    erg_buf_deinit(&s.scratch);
    erg_facts_deinit(&s.facts);
    return rc;
}

const struct erg_exporter erg_export_speedscope = {
    .name = "speedscope",
    .summary = "flame graphs of energy and time for speedscope.app",
    .media_type = "application/json",
    .extension = "speedscope.json",
    .write = write_speedscope,
};
