/* SPDX-License-Identifier: MIT */
#include "engine/llama/instrument.h"

#include "base/mem.h"
#include "engine/llama/collect.h"
#include "engine/llama/delay.h"
#include "engine/llama/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_NS = 100 * 1000 * 1000, MAX_STAMPS = 1 << 17 };

/* End of an executed stretch of nodes: in trace one node (or fused pair), in observe one cut. */
struct stamp {
    int64_t t_ns;        /* where the next stretch begins */
    int64_t profiler_ns; /* spent on statistics before that */
    size_t nodes_done;   /* observe: executed nodes up to here */
};

struct erg_instrument {
    ergon_probe *probe;
    struct erg_instrument_options options;
    struct erg_graph graph;
    struct erg_collect collect;
    FILE *dump;

    struct stamp *stamps;
    size_t stamp_capacity;
    size_t stamp_count;
    bool stamps_lost;
    enum erg_depth depth; /* of this pass */
    int64_t t0_ns;
    int64_t asked_ns;   /* the last ask before the first node ran */
    size_t asks;        /* of this pass, no-ops included */
    size_t first_batch; /* asks before the first node ran, in the pass before */
    int64_t next_tick_ns;
    bool stopped;
    bool warned_mismatch;

    bool reads_cut;   /* statistics are taken where the graph is cut next */
    size_t known;     /* nodes of this pass, from the first on, that were there before */
    size_t executed;  /* trace: nodes of this pass computed so far */
    size_t pending;   /* trace: 1 + the node to be read at the next stamp, 0 = none */
    bool pairs_known; /* trace: it is known whether … */
    bool pairs;       /* … a norm and its MUL give one stamp together */

    uint32_t graph_prepare, output, sampling, profiler, unattributed, gate_up_proj;
};

static bool room_for_stamps(struct erg_instrument *in, size_t need)
{
    if (need <= in->stamp_capacity) {
        return true;
    }
    void *stamps = in->stamps;
    if (erg_grow(&stamps, &in->stamp_capacity, need, sizeof(*in->stamps), MAX_STAMPS) != 0) {
        in->stamps_lost = true;
        return false;
    }
    in->stamps = stamps;
    return true;
}

/* Once in a while: progress, and whether to stop. */
static bool tick(struct erg_instrument *in, int64_t now_ns, size_t done)
{
    if (now_ns < in->next_tick_ns || !in->options.on_tick) {
        return in->stopped;
    }
    in->next_tick_ns = now_ns + TICK_NS;
    if (in->options.kind == ERG_INSTRUMENT_TRACE) {
        erg_graph_classify(&in->graph, NULL); /* the pass is long: this is lost in it */
    }
    size_t i = done < in->graph.known ? done : in->graph.known;
    int layer = i > 0 ? in->graph.nodes[i - 1].layer : -1;
    in->stopped = in->options.on_tick(in->options.user, now_ns, layer, (uint32_t)done,
                                      (uint32_t)(in->graph.count - in->graph.fused_count));
    return in->stopped;
}

/*
 * The clock is read once per graph rather than once per node: at the ask that was the last before
 * computing began last time. A graph that differs from the last one has the clock read at each.
 */
static void note_ask(struct erg_instrument *in)
{
    in->asks++;
    if (in->stamp_count == 0 && (in->graph.changed || in->asks >= in->first_batch)) {
        in->asked_ns = ergon_probe_now_ns();
    }
}

/* A node ended at `now_ns`; from then until `resumed_ns` statistics were taken. */
static void take_stamp(struct erg_instrument *in, int64_t now_ns, int64_t resumed_ns,
                       size_t nodes_done)
{
    if (in->stamp_count == 0) {
        in->first_batch = in->asks;
    }
    if (room_for_stamps(in, in->stamp_count + 1)) {
        in->stamps[in->stamp_count++] = (struct stamp){resumed_ns, resumed_ns - now_ns, nodes_done};
    }
}

/* Note an asked node; its index, or SIZE_MAX when there is no room for it. */
static size_t note_node(struct erg_instrument *in, const struct ggml_tensor *node)
{
    size_t before = in->graph.count;
    erg_graph_add(&in->graph, node);
    if (in->graph.count == before) {
        return SIZE_MAX;
    }
    in->known += erg_graph_is_known(&in->graph, before);
    return before;
}

/* Take the statistics of a node; when that was done. */
static int64_t read_node(struct erg_instrument *in, size_t i)
{
    const struct erg_graph_key *keys = in->graph.keys;
    erg_collect_read(&in->collect, i, keys[i].tensor, keys[0].ne[1]);
    return ergon_probe_now_ns();
}

/*
 * Whether to cut behind the node, and only there can it be read. Which nodes are is known from the
 * pass before; of a graph that is new every node is read that may be asked for in the end.
 */
static bool reads_here(const struct erg_instrument *in, size_t i)
{
    if (in->depth < ERG_DEPTH_STANDARD || i == SIZE_MAX) {
        return false;
    }
    const struct erg_graph *graph = &in->graph;
    if (i < in->known && (in->pairs_known || graph->fused_count == 0)) {
        return graph->nodes[i].read == ERG_READ_CUT;
    }
    return erg_collect_may_want(graph->keys[i].tensor);
}

/* The graph was computed up to the node asked for last, by all threads. */
static void trace_cut(struct erg_instrument *in)
{
    int64_t now = ergon_probe_now_ns();
    int64_t resumed = in->reads_cut ? read_node(in, in->graph.count - 1) : now;
    if (in->stamp_count > 0) {
        struct stamp *stamp = &in->stamps[in->stamp_count - 1]; /* waiting for the others is its */
        stamp->profiler_ns += resumed - now;
        stamp->t_ns = resumed;
    }
    in->executed = in->graph.count;
    in->pending = 0;
}

static bool trace_eval(struct ggml_tensor *node, bool ask, void *user)
{
    struct erg_instrument *in = user;
    if (in->depth == ERG_DEPTH_BARE) {
        return false;
    }
    if (!ask) {
        trace_cut(in);
        return true;
    }
    in->reads_cut = false;
    if (erg_node_is_executed(node)) {
        in->reads_cut = reads_here(in, note_node(in, node));
        room_for_stamps(in, in->graph.count);
    }
    note_ask(in);
    return in->reads_cut;
}

/*
 * A node was computed, as far as thread 0 is concerned; the one before it was by all threads. Read
 * that one, if it is to be and still there. When that was done, or `now_ns`.
 */
static int64_t read_pending(struct erg_instrument *in, int64_t now_ns)
{
    const struct erg_graph *graph = &in->graph;
    size_t first = in->executed, before = in->pending;
    bool pair = in->pairs && first < in->known && graph->nodes[first].norm_fused;
    size_t last = pair ? first + 1 : first;
    in->executed = last + 1;
    bool reads_last = last < in->known && graph->nodes[last].read == ERG_READ_NEXT;
    in->pending = reads_last ? last + 1 : 0;
    if (before == 0 || before != first || first >= graph->count) {
        return now_ns;
    }
    if (erg_graph_is_overwritten(graph, before - 1)) {
        in->graph.changed = true; /* the memory was given out anew: plan again */
        return now_ns;
    }
    return read_node(in, before - 1);
}

/* Thread 0, after each executed node. */
static bool trace_stamp(void *user)
{
    struct erg_instrument *in = user;
    if (in->depth == ERG_DEPTH_BARE) {
        return false;
    }
    int64_t now = ergon_probe_now_ns();
    int64_t resumed = in->depth >= ERG_DEPTH_STANDARD ? read_pending(in, now) : now;
    take_stamp(in, now, resumed, 0);
    return tick(in, resumed, in->stamp_count);
}

/*
 * Where to cut a graph that has not been seen: where a component may end, but never between a norm
 * and its MUL, nor (to keep fusion) inside what GPUs compute as one.
 */
static bool cuts_unknown(const struct erg_instrument *in, const struct ggml_tensor *node)
{
    if (!in->options.keep_fusion) {
        return node->op != GGML_OP_RMS_NORM;
    }
    switch (node->op) {
    case GGML_OP_GET_ROWS:
    case GGML_OP_MUL:
    case GGML_OP_GLU:
    case GGML_OP_SET_ROWS:
    case GGML_OP_FLASH_ATTN_EXT:
    case GGML_OP_CONT:
        return true;
    default:
        return node->flags & GGML_TENSOR_FLAG_OUTPUT;
    }
}

static bool is_gate_or_up(enum erg_component c)
{
    return c == ERG_COMPONENT_gate_proj || c == ERG_COMPONENT_up_proj;
}

static bool cuts_known(const struct erg_instrument *in, size_t i)
{
    const struct erg_graph_node *node = &in->graph.nodes[i];
    bool wanted = node->ends_component || node->read != ERG_READ_NEVER;
    if (in->options.keep_fusion) {
        /* gate, up and GLU, and rope with the cache write, are one kernel on GPUs */
        return wanted && !is_gate_or_up(node->component) && node->component != ERG_COMPONENT_rope;
    }
    return in->options.depth == ERG_DEPTH_DEEP || in->collect.dump ? !node->norm_fused : wanted;
}

/* The graph was computed up to the node asked for last, and the back end has finished. */
static void observe_cut(struct erg_instrument *in, const struct ggml_tensor *node)
{
    int64_t now = ergon_probe_now_ns();
    int64_t resumed = in->reads_cut ? read_node(in, in->graph.count - 1) : now;
    take_stamp(in, now, resumed, in->graph.count);
    tick(in, resumed, in->graph.count);
    erg_collect_dump(&in->collect, in->graph.count - 1, node);
}

static bool observe_eval(struct ggml_tensor *node, bool ask, void *user)
{
    struct erg_instrument *in = user;
    if (in->depth == ERG_DEPTH_BARE) {
        return false;
    }
    if (!ask) {
        observe_cut(in, node);
        return true; /* false would leave stale logits behind, not stop the pass */
    }
    bool cut = false;
    size_t i = erg_node_is_executed(node) ? note_node(in, node) : SIZE_MAX;
    if (i != SIZE_MAX) {
        bool known = i < in->known;
        cut = known ? cuts_known(in, i) : cuts_unknown(in, node);
        in->reads_cut =
            cut && in->depth >= ERG_DEPTH_STANDARD &&
            (known ? in->graph.nodes[i].read != ERG_READ_NEVER : erg_collect_may_want(node));
    }
    note_ask(in);
    return cut;
}

static bool observe_abort(void *user)
{
    const struct erg_instrument *in = user;
    return in->stopped;
}

int erg_instrument_new(ergon_probe *probe, const struct erg_instrument_options *options,
                       struct erg_instrument **out, struct erg_err *err)
{
    struct erg_instrument *in = erg_calloc(1, sizeof(*in));
    if (!in) {
        return erg_fail(err, ERG_NOMEM, "cannot make the instrument: out of memory");
    }
    in->probe = probe;
    in->options = *options;
    int status =
        erg_collect_init(&in->collect, options->sparsity_threshold, options->dump_tensors, err);
    if (status != 0) {
        free(in);
        return status;
    }
    if (options->dump_path) {
        in->dump = fopen(options->dump_path, "we");
    }
    erg_graph_init(&in->graph, probe, options->depth >= ERG_DEPTH_STANDARD);
    in->graph_prepare = ergon_probe_name(probe, "graph_prepare");
    in->output = ergon_probe_name(probe, "output");
    in->sampling = ergon_probe_name(probe, "sampling");
    in->profiler = ergon_probe_name(probe, "profiler");
    in->unattributed = ergon_probe_name(probe, "unattributed");
    in->gate_up_proj = ergon_probe_name(probe, "gate_up_proj");
    *out = in;
    return 0;
}

void erg_instrument_free(struct erg_instrument *in)
{
    if (!in) {
        return;
    }
    if (in->dump) {
        fclose(in->dump);
    }
    erg_graph_deinit(&in->graph);
    erg_collect_deinit(&in->collect);
    free(in->stamps);
    free(in);
}

erg_eval_callback erg_instrument_eval(const struct erg_instrument *in)
{
    switch (in->options.kind) {
    case ERG_INSTRUMENT_TRACE:
        return trace_eval;
    case ERG_INSTRUMENT_OBSERVE:
        return observe_eval;
    default:
        return NULL;
    }
}

ggml_abort_callback erg_instrument_abort(const struct erg_instrument *in)
{
    switch (in->options.kind) {
    case ERG_INSTRUMENT_TRACE:
        return trace_stamp;
    case ERG_INSTRUMENT_OBSERVE:
        return observe_abort;
    default:
        return NULL;
    }
}

size_t erg_instrument_stamps(const struct erg_instrument *in)
{
    return in->stamp_count;
}

void erg_instrument_begin(struct erg_instrument *in, int64_t t0_ns, enum erg_depth depth)
{
    in->depth = in->options.kind == ERG_INSTRUMENT_NONE ? ERG_DEPTH_BARE : depth;
    if (in->depth > ERG_DEPTH_BARE) {
        erg_graph_begin(&in->graph);
    }
    erg_collect_begin(&in->collect);
    in->known = in->executed = in->pending = 0;
    in->reads_cut = false;
    in->t0_ns = t0_ns;
    in->asked_ns = t0_ns;
    in->asks = 0;
    in->stamp_count = 0;
    in->stamps_lost = false;
    in->stopped = false;
    in->next_tick_ns = t0_ns + TICK_NS;
}

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
    bool has_moments;
    struct erg_moments moments;
    size_t reading;       /* of the pass, that comes next */
    uint64_t profiler_ns; /* of the pass, so far */
};

static bool has_values(const struct run *run)
{
    return run->has_moments ||
           (run->in->options.depth == ERG_DEPTH_DEEP && (run->flops > 0 || run->bytes > 0));
}

static void emit(struct run *run)
{
    if (!run->open) {
        return;
    }
    ERG_DELAY_SPAN();
    struct ergon_span_values values = {.flops = (float)run->flops,
                                       .bytes = (float)run->bytes,
                                       .mean = NAN,
                                       .std = NAN,
                                       .max = NAN,
                                       .sparsity = NAN,
                                       .extra = NAN};
    if (run->has_moments) {
        struct erg_stats stats;
        erg_stats_finish(&run->moments, &stats);
        values.mean = (float)stats.mean_abs;
        values.std = (float)stats.std;
        values.max = (float)stats.max_abs;
        values.sparsity = (float)stats.sparsity_ratio;
    }
    ergon_probe_span(run->in->probe, run->layer, run->component, run->operation, run->duration_ns,
                     has_values(run) ? &values : NULL);
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
        run->has_moments = false;
    }
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

static void add_cost(struct run *run, const struct erg_graph_node *node, bool in_registers)
{
    double n = run->times->n_tokens, first = run->times->position;
    double cells = n * first + n * (n + 1) / 2;
    run->flops += node->cost.flops + node->cost.flops_per_cell * cells;
    run->bytes +=
        in_registers ? 0 : node->cost.bytes + node->cost.cache_bytes_per_key * (first + n);
}

/* What was read of the nodes [from, to) of this component; several tensors are taken together. */
static void add_statistics(struct run *run, size_t from, size_t to, uint32_t component)
{
    const struct erg_collect *collect = &run->in->collect;
    const struct erg_graph_node *nodes = run->in->graph.nodes;
    for (; run->reading < collect->count; run->reading++) {
        const struct erg_reading *reading = &collect->readings[run->reading];
        size_t i = reading->node;
        if (i >= to) {
            return;
        }
        if (i < from || nodes[i].read == ERG_READ_NEVER || nodes[i].component_id != component) {
            continue;
        }
        if (run->has_moments) {
            erg_moments_merge(&run->moments, &reading->moments);
        } else {
            run->moments = reading->moments;
        }
        run->has_moments = true;
    }
}

/*
 * The executed nodes [from, to) took until `stamp` together. Their time goes to the last one;
 * a norm fused with its MUL gets the name of both, gate and up measured together that of the pair.
 */
static void stretch_nodes(struct run *run, size_t from, size_t to, const struct stamp *stamp)
{
    struct erg_instrument *in = run->in;
    const struct erg_graph_node *last = &in->graph.nodes[to - 1];
    uint32_t component = last->component_id;
    uint32_t operation = in->options.depth == ERG_DEPTH_DEEP ? last->operation_id : 0;
    if (to - from > 1 && in->graph.nodes[to - 2].norm_fused && operation != 0) {
        operation = in->graph.fused_norm_id;
    }
    if (to - from > 1 && last->component == ERG_COMPONENT_activation &&
        is_gate_or_up(in->graph.nodes[from].component)) {
        component = in->gate_up_proj;
    }
    stretch_less(run, last->layer, component, operation, stamp->t_ns, stamp->profiler_ns);
    add_statistics(run, from, to, component);
    for (size_t i = from; in->options.depth == ERG_DEPTH_DEEP && i < to; i++) {
        /* fused, the norm's result never exists in memory */
        add_cost(run, &in->graph.nodes[i], i + 1 < to && in->graph.nodes[i].norm_fused);
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
             "%zu time stamps do not match %zu nodes: no layers or components in such passes",
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

void erg_instrument_end(struct erg_instrument *in, const struct erg_pass_times *times)
{
    uint32_t flags = (times->reused ? ERGON_PASS_REUSED : 0) | (times->bare ? ERGON_PASS_BARE : 0);
    struct run run = {.in = in, .times = times, .t_ns = times->t0_ns};
    if (in->depth > ERG_DEPTH_BARE) {
        erg_graph_classify(&in->graph, in->dump);
    }
    ergon_probe_pass_begin(in->probe, times->t0_ns, times->phase, times->n_tokens, times->position);
    if (in->depth == ERG_DEPTH_BARE) {
        flags |= ERGON_PASS_BARE;
        stretch(&run, -1, in->unattributed, 0, times->returned_ns);
    } else {
        stretch(&run, -1, in->graph_prepare, 0, in->asked_ns);
        flags |= emit_nodes(&run);
        stretch(&run, -1, in->output, 0, times->returned_ns);
    }
    if (times->t1_ns > times->returned_ns) {
        stretch(&run, -1, in->sampling, 0, times->t1_ns);
    }
    emit(&run);
    ergon_probe_pass_end(in->probe, times->t1_ns, flags);
}
