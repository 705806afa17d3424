/* SPDX-License-Identifier: MIT */
#include "export/trace_spans.h"

#include "base/mem.h"
#include "export/trace_plan.h"
#include "store/pass.h"

#include <stdio.h>
#include <stdlib.h>

/* A pass on its way out: the spans [0, at) have been written, up to `t_ns`. */
struct cut {
    const struct erg_trace_spans *to;
    const struct erg_pass_row *pass;
    const struct erg_energy *energies;
    int64_t t_ns;
};

static void begin(const struct erg_trace_spans *to, struct erg_trace_slice slice)
{
    slice.t0_ns += to->origin_ns;
    slice.t1_ns += to->origin_ns;
    to->writer->begin(to->writer->user, &slice);
}

static void end(const struct erg_trace_spans *to, int64_t t_ns)
{
    to->writer->end(to->writer->user, ERG_TRACE_TREE, t_ns + to->origin_ns);
}

/* Begin a slice of the spans [from, to), the first of which is next. */
static void begin_group(const struct cut *cut, enum erg_trace_kind kind, const char *name,
                        uint32_t from, uint32_t to)
{
    struct erg_energy energy = {0};
    int64_t length_ns = 0;
    for (uint32_t i = from; i < to; i++) {
        erg_energy_add(&energy, &cut->energies[i]);
        length_ns += (int64_t)cut->pass->spans[i].ticks * ERG_TICK_NS;
    }
    begin(cut->to, (struct erg_trace_slice){.kind = kind,
                                            .name = name,
                                            .t0_ns = cut->t_ns,
                                            .t1_ns = cut->t_ns + length_ns,
                                            .energy = &energy});
}

static void put_leaf(struct cut *cut, enum erg_trace_kind kind, const char *name, uint32_t from,
                     uint32_t to)
{
    begin_group(cut, kind, name, from, to);
    for (uint32_t i = from; i < to; i++)
        cut->t_ns += (int64_t)cut->pass->spans[i].ticks * ERG_TICK_NS;
    end(cut->to, cut->t_ns);
}

static const char *name_of(const struct cut *cut, uint16_t id, const char *none)
{
    const char *name = id ? erg_store_name(cut->to->store, id) : NULL;
    return name ? name : none;
}

static void put_component(struct cut *cut, uint32_t from, uint32_t to)
{
    const struct erg_span *spans = cut->pass->spans;
    const char *name = name_of(cut, spans[from].component, "?");
    bool has_operations = false;
    for (uint32_t i = from; i < to; i++)
        has_operations = has_operations || spans[i].operation;
    if (!has_operations) {
        put_leaf(cut, ERG_TRACE_COMPONENT, name, from, to);
        return;
    }
    begin_group(cut, ERG_TRACE_COMPONENT, name, from, to);
    for (uint32_t i = from; i < to; i++)
        put_leaf(cut, ERG_TRACE_OPERATION, name_of(cut, spans[i].operation, name), i, i + 1);
    end(cut->to, cut->t_ns);
}

static void put_components(struct cut *cut, uint32_t from, uint32_t to)
{
    const struct erg_span *spans = cut->pass->spans;
    for (uint32_t next; from < to; from = next) {
        for (next = from + 1; next < to && spans[next].component == spans[from].component;)
            next++;
        put_component(cut, from, next);
    }
}

static void put_layers(struct cut *cut)
{
    const struct erg_span *spans = cut->pass->spans;
    uint32_t n = cut->pass->n_spans;
    for (uint32_t from = 0, next; from < n; from = next) {
        char name[16];
        for (next = from + 1; next < n && spans[next].layer == spans[from].layer;)
            next++;
        if (spans[from].layer < 0) {
            put_components(cut, from, next);
            continue;
        }
        snprintf(name, sizeof name, "layer %d", spans[from].layer);
        begin_group(cut, ERG_TRACE_LAYER, name, from, next);
        put_components(cut, from, next);
        end(cut->to, cut->t_ns);
    }
}

static void put_rest(const struct erg_trace_spans *to, const struct erg_pass_row *pass,
                     const char *name, int64_t t0_ns, const struct erg_energy *energy)
{
    begin(to, (struct erg_trace_slice){.kind = ERG_TRACE_REST,
                                       .name = name,
                                       .t0_ns = t0_ns,
                                       .t1_ns = pass->t1_ns,
                                       .energy = energy});
    end(to, pass->t1_ns);
}

int erg_trace_spans_put(const struct erg_trace_spans *spans, const struct erg_pass_row *pass,
                        struct erg_err *err)
{
    ERG_AUTO_FREE struct erg_energy *energies = NULL;
    struct erg_energy rest;
    if (pass->n_spans == 0) {
        put_rest(spans, pass, "not profiled", pass->t0_ns, &pass->energy);
        return 0;
    }
    if (erg_pass_attribute(pass, &energies, &rest))
        return erg_fail(err, ERG_NOMEM, "no memory for the operations of a pass");
    struct cut cut = {spans, pass, energies, pass->t0_ns};
    put_layers(&cut);
    if (cut.t_ns < pass->t1_ns || !erg_energy_is_zero(&rest))
        put_rest(spans, pass, "unattributed", cut.t_ns, &rest);
    return 0;
}
