/* SPDX-License-Identifier: MIT */
/* From the stamps and readings of a pass to its spans. */
#include "engine/llama/delay.h"
#include "engine/llama/instrument_state.h"

#include <math.h>
#include <stdio.h>

/* A span being put together from consecutive stretches of the same place. */
struct run {
    struct erg_instrument *in;
    const struct erg_pass_times *times;
    bool open;
    int layer;
    uint32_t component, operation;
    int64_t t_ns; /* where the next stretch starts */
    uint64_t duration_ns;
    double flops, bytes;
    struct erg_moments values;             /* of the tensors read, together; count 0 = of none */
    struct erg_attention_reading *softmax; /* in the span */
    struct erg_routing_reading *choice;
    float extra;
    size_t reading, attention, routing; /* of the pass, that come next */
    uint64_t profiler_ns;               /* of the pass, so far */
};

static bool is_operations(const struct run *run)
{
    return run->in->options.depth == ERG_DEPTH_DEEP;
}

static void fill_values(const struct run *run, struct ergon_span_values *out)
{
    *out = (struct ergon_span_values){.flops = (float)run->flops,
                                      .bytes = (float)run->bytes,
                                      .mean = NAN,
                                      .std = NAN,
                                      .max = NAN,
                                      .sparsity = NAN,
                                      .extra = run->extra};
    if (run->softmax) {
        struct erg_attention_stats stats;
        erg_attention_finish(&run->softmax->all, &stats);
        out->mean = (float)stats.mean;
        out->std = (float)stats.std;
        out->max = (float)stats.max_weight;
        out->sparsity = (float)stats.sparsity_ratio;
    } else if (run->values.count > 0) {
        struct erg_stats stats;
        erg_stats_finish(&run->values, &stats);
        out->mean = (float)stats.mean_abs;
        out->std = (float)stats.std;
        out->max = (float)stats.max_abs;
        out->sparsity = (float)stats.sparsity_ratio;
    }
}

static void emit(struct run *run)
{
    if (!run->open) {
        return;
    }
    ERG_DELAY_SPAN();
    struct ergon_span_values values;
    bool known = is_operations(run) || run->values.count > 0;
    if (known) {
        fill_values(run, &values);
    }
    uint32_t span = ergon_probe_span(run->in->probe, run->layer, run->component, run->operation,
                                     run->duration_ns, known ? &values : NULL);
    if (run->softmax) {
        run->softmax->span = span;
    }
    if (run->choice) {
        run->choice->span = span;
    }
    run->open = false;
}

/* The time up to `until_ns`, less the `profiler_ns` of it, goes to this place. */
static void stretch_less(struct run *run, int layer, uint32_t component, uint32_t operation,
                         int64_t until_ns, int64_t profiler_ns)
{
    if (!run->open || run->layer != layer || run->component != component ||
        run->operation != operation) {
        emit(run);
        run->open = true;
        run->layer = layer;
        run->component = component;
        run->operation = operation;
        run->duration_ns = 0;
        run->flops = run->bytes = 0;
        run->values.count = 0;
        run->softmax = NULL;
        run->choice = NULL;
        run->extra = NAN;
    }
    /* the clock of the stamps is some microseconds off */
    until_ns = until_ns < run->times->t1_ns ? until_ns : run->times->t1_ns;
    int64_t passed = until_ns > run->t_ns ? until_ns - run->t_ns : 0;
    int64_t taken = profiler_ns < passed ? profiler_ns : passed;
    run->duration_ns += (uint64_t)(passed - taken);
    run->profiler_ns += (uint64_t)taken;
    run->t_ns += passed;
}

static void stretch(struct run *run, int layer, uint32_t component, uint32_t operation,
                    int64_t until_ns)
{
    stretch_less(run, layer, component, operation, until_ns, 0);
}

static void add_cost(struct run *run, const struct erg_node_cost *cost, bool in_registers)
{
    double n = run->times->n_tokens, first = run->times->position;
    double cells = n * first + n * (n + 1) / 2;
    run->flops += cost->flops + cost->flops_per_cell * cells;
    run->bytes += in_registers ? 0 : cost->bytes + cost->cache_bytes_per_key * (first + n);
}

static unsigned moments_of(const struct run *run, size_t i)
{
    const struct erg_graph_node *node = &run->in->graph.nodes[i];
    unsigned what = run->in->depth == ERG_DEPTH_DEEP ? node->deep : node->standard;
    return what & (ERG_WHAT_MOMENTS | ERG_WHAT_SCORES);
}

/* Several tensors are taken together, whether or not signs were counted. */
static void add_reading(struct erg_moments *into, const struct erg_reading *reading)
{
    if (into->count == 0) { /* without the copy: most often there is one tensor */
        *into = reading->moments;
        into->part = ERG_STATS_UNSIGNED;
        return;
    }
    struct erg_moments moments = reading->moments;
    moments.part = ERG_STATS_UNSIGNED;
    erg_moments_merge(into, &moments);
}

/* What was read of the nodes [from, to) of this component; several tensors are taken together. */
static void add_statistics(struct run *run, size_t from, size_t to, uint32_t component)
{
    const struct erg_list *readings = &run->in->collect.readings;
    const struct erg_graph_node *nodes = run->in->graph.nodes;
    for (; run->reading < readings->count; run->reading++) {
        const struct erg_reading *reading =
            (const struct erg_reading *)readings->items + run->reading;
        size_t i = reading->node;
        if (i >= to) {
            return;
        }
        /* a graph that was not known may have been read where no statistics are of */
        if (i < from || moments_of(run, i) != (reading->what & moments_of(run, i)) ||
            moments_of(run, i) == 0 || nodes[i].component_id != component) {
            continue;
        }
        add_reading(&run->values, reading);
        run->extra = isnan(reading->extra) ? run->extra : reading->extra;
    }
}

/* Which attention matrix and which choice of experts the span being put together has. */
static void add_details(struct run *run, size_t to)
{
    struct erg_collect *collect = &run->in->collect;
    struct erg_attention_reading *attention = collect->attention.items;
    struct erg_routing_reading *routing = collect->routing.items;
    while (run->attention < collect->attention.count && attention[run->attention].node < to) {
        run->softmax = &attention[run->attention++];
    }
    while (run->routing < collect->routing.count && routing[run->routing].node < to) {
        run->choice = &routing[run->routing++];
    }
}

/*
 * The executed nodes [from, to) took until `stamp` together. Their time goes to the last one;
 * a norm fused with its MUL gets the name of both, gate and up measured together that of the pair.
 */
static void stretch_nodes(struct run *run, size_t from, size_t to, const struct erg_stamp *stamp)
{
    struct erg_instrument *in = run->in;
    const struct erg_graph_node *last = &in->graph.nodes[to - 1];
    uint32_t component = last->component_id;
    uint32_t operation = is_operations(run) ? last->operation_id : 0;
    if (to - from > 1 && in->graph.nodes[to - 2].norm_fused && operation != 0) {
        operation = in->graph.fused_norm_id;
    }
    if (to - from > 1 && last->component == ERG_COMPONENT_activation &&
        erg_instrument_is_gate_or_up(in->graph.nodes[from].component)) {
        component = in->gate_up_proj;
    }
    stretch_less(run, last->layer, component, operation, stamp->t_ns, stamp->profiler_ns);
    for (size_t i = from; is_operations(run) && i < to; i++) {
        /* fused, the norm's result never exists in memory */
        add_cost(run, &in->graph.costs[i], i + 1 < to && in->graph.nodes[i].norm_fused);
    }
    if (component != last->component_id) { /* the numbers are the activation's: without time */
        stretch_less(run, last->layer, last->component_id, operation, stamp->t_ns, 0);
    }
    add_statistics(run, from, to, last->component_id);
    if (is_operations(run)) {
        add_details(run, to);
    }
}

/* Does the list of nodes explain the stamps? `out_fused`: taking norms and their MULs together. */
static bool stamps_match(const struct erg_instrument *in, bool *out_fused)
{
    const struct erg_graph *graph = &in->graph;
    size_t count = in->stamp_count;
    if (in->stamps_lost || graph->out_of_memory || graph->count == 0 || count == 0) {
        return false;
    }
    *out_fused = graph->fused_count > 0 && count == graph->count - graph->fused_count;
    return *out_fused || count == graph->count;
}

static void emit_traced(struct run *run, bool fused)
{
    const struct erg_instrument *in = run->in;
    size_t node = 0;
    for (size_t k = 0; k < in->stamp_count; k++) {
        size_t width = fused && in->graph.nodes[node].norm_fused ? 2 : 1;
        stretch_nodes(run, node, node + width, &in->stamps[k]);
        node += width;
    }
}

static void emit_observed(struct run *run)
{
    const struct erg_instrument *in = run->in;
    size_t node = 0;
    for (size_t k = 0; k < in->stamp_count; k++) {
        if (in->stamps[k].nodes_done > node) {
            stretch_nodes(run, node, in->stamps[k].nodes_done, &in->stamps[k]);
            node = in->stamps[k].nodes_done;
        }
    }
}

static void warn_mismatch(struct erg_instrument *in)
{
    if (in->warned_mismatch) {
        return;
    }
    char text[160];
    snprintf(text, sizeof(text),
             "%u time stamps do not match %zu nodes: no layers or components in such passes",
             in->stamp_count, in->graph.count - in->graph.fused_count);
    ergon_probe_log(in->probe, ERGON_WARNING, text);
    in->warned_mismatch = true;
}

static uint32_t emit_nodes(struct run *run)
{
    struct erg_instrument *in = run->in;
    bool traced = in->options.kind == ERG_INSTRUMENT_TRACE;
    uint32_t flags = traced ? ERGON_PASS_TRACED : ERGON_PASS_OBSERVED;
    bool fused = false;
    bool match = traced ? stamps_match(in, &fused) : in->stamp_count > 0 && !in->stamps_lost;
    in->pairs_known = traced && match && (in->pairs_known || in->graph.fused_count > 0);
    in->pairs = in->graph.fused_count > 0 ? fused : in->pairs;
    if (!match) {
        warn_mismatch(in);
        flags |= ERGON_PASS_MISMATCH;
        if (in->stamp_count > 0) {
            stretch(run, -1, in->unattributed, 0, in->stamps[in->stamp_count - 1].t_ns);
        }
        return flags;
    }
    if (traced) {
        emit_traced(run, fused);
    } else {
        emit_observed(run);
    }
    if (run->profiler_ns > 0) {
        emit(run);
        ergon_probe_span(in->probe, -1, in->profiler, 0, run->profiler_ns, NULL);
    }
    return in->graph.any_guessed ? flags | ERGON_PASS_GUESSED : flags;
}

/* Of spans that the probe has taken. */
static void report_details(const struct erg_instrument *in)
{
    const struct erg_collect *collect = &in->collect;
    const struct erg_attention_reading *attention = collect->attention.items;
    const struct erg_routing_reading *routing = collect->routing.items;
    const float *floats = collect->floats.items;
    const uint16_t *ids = collect->ids.items;
    for (size_t i = 0; i < collect->attention.count; i++) {
        const float *values = floats + attention[i].first;
        uint32_t heads = attention[i].heads;
        ergon_probe_attention(in->probe, attention[i].span, heads, values, values + heads,
                              values + 2 * (size_t)heads);
    }
    for (size_t i = 0; i < collect->routing.count; i++) {
        const struct erg_routing_reading *choice = &routing[i];
        if (choice->first_weight != SIZE_MAX) {
            ergon_probe_routing(in->probe, choice->span, choice->tokens, choice->used,
                                choice->experts, choice->entropy, ids + choice->first_expert,
                                floats + choice->first_weight);
        }
    }
}

static uint32_t own_flags(const struct erg_instrument *in, const struct erg_pass_times *times)
{
    return (times->reused ? ERGON_PASS_REUSED : 0) |
           (times->bare || in->depth == ERG_DEPTH_BARE ? ERGON_PASS_BARE : 0) |
           (in->depth == ERG_DEPTH_DEEP ? ERGON_PASS_DEEP : 0) |
           (in->collect.rows_sampled ? ERGON_PASS_ROWS_SAMPLED : 0);
}

void erg_instrument_report(struct erg_instrument *in, const struct erg_pass_times *times)
{
    uint32_t flags = own_flags(in, times);
    struct run run = {.in = in, .times = times, .t_ns = times->t0_ns};
    ergon_probe_pass_begin(in->probe, times->t0_ns, times->phase, times->n_tokens, times->position);
    if (in->depth == ERG_DEPTH_BARE) {
        stretch(&run, -1, in->unattributed, 0, times->returned_ns);
    } else {
        stretch_less(&run, -1, in->graph_prepare, 0, in->asked_ns, in->learned_ns);
        flags |= emit_nodes(&run);
        stretch(&run, -1, in->output, 0, times->returned_ns);
    }
    if (times->t1_ns > times->returned_ns) {
        stretch(&run, -1, in->sampling, 0, times->t1_ns);
    }
    emit(&run);
    ergon_probe_pass_end(in->probe, times->t1_ns, flags);
    report_details(in);
}
