/* SPDX-License-Identifier: MIT */
#include "engine/llama/instrument_state.h"

#include "base/mem.h"
#include "engine/llama/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_NS = 100 * 1000 * 1000, MAX_STAMPS = 1 << 17, CHECKED_PASSES = 4, LINE_BYTES = 64 };

static bool room_for_stamps(struct erg_instrument *in, size_t need)
{
    if (need <= in->stamp_capacity) {
        return true;
    }
    void *stamps = in->stamps;
    size_t capacity = in->stamp_capacity;
    if (erg_grow(&stamps, &capacity, need, sizeof(*in->stamps), MAX_STAMPS) != 0) {
        in->stamps_lost = true;
        return false;
    }
    in->stamps = stamps;
    in->stamp_capacity = (uint32_t)capacity;
    return true;
}

/* Once in a while: progress, and whether to stop. */
static bool tick(struct erg_instrument *in, int64_t now_ns, size_t done)
{
    if (now_ns < in->next_tick_ns || !in->options.on_tick) {
        return in->stopped;
    }
    in->next_tick_ns = now_ns + TICK_NS;
    erg_stamp_clock_set(&in->clock);
    if (in->graph.changed) {
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
        in->asked_ns = erg_stamp_clock_now_ns(&in->clock);
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
        in->stamps[in->stamp_count++] =
            (struct erg_stamp){resumed_ns, (uint32_t)(resumed_ns - now_ns), (uint32_t)nodes_done};
    }
}

/* The executed node that is asked for, or SIZE_MAX. */
static size_t note_node(struct erg_instrument *in, const struct ggml_tensor *node)
{
    size_t i = erg_graph_note(&in->graph, in->asks, node);
    if (i != SIZE_MAX && erg_graph_is_known(&in->graph, i)) {
        in->known = i + 1;
    }
    return i;
}

/* The graph was computed up to the node asked for last, by all threads. */
static void trace_cut(struct erg_instrument *in)
{
    int64_t now = erg_stamp_clock_now_ns(&in->clock);
    int64_t resumed = erg_instrument_read_at_cut(in, now);
    if (in->stamp_count > 0) {
        struct erg_stamp *stamp = &in->stamps[in->stamp_count - 1]; /* waiting for others is its */
        stamp->profiler_ns += (uint32_t)(resumed - now);
        stamp->t_ns = resumed;
    }
    in->executed = in->graph.count;
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
    in->reads_cut = erg_instrument_reads_here(in, note_node(in, node));
    room_for_stamps(in, in->graph.count);
    note_ask(in);
    return in->reads_cut;
}

/* Thread 0, after each executed node. */
ERG_HOT static bool trace_stamp(void *user)
{
    struct erg_instrument *in = user;
    if (in->depth == ERG_DEPTH_BARE) {
        return false;
    }
    int64_t now = erg_stamp_clock_now_ns(&in->clock);
    int64_t resumed = in->depth >= ERG_DEPTH_STANDARD ? erg_instrument_read_at_stamp(in, now) : now;
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

bool erg_instrument_is_gate_or_up(uint8_t c)
{
    return c == ERG_COMPONENT_gate_proj || c == ERG_COMPONENT_up_proj;
}

static bool cuts_known(const struct erg_instrument *in, size_t i)
{
    const struct erg_graph_node *node = &in->graph.nodes[i];
    bool wanted = node->ends_component || erg_instrument_what(in, i) != 0;
    if (in->options.keep_fusion) {
        /* gate, up and GLU, and rope with the cache write, are one kernel on GPUs */
        return wanted && !erg_instrument_is_gate_or_up(node->component) &&
               node->component != ERG_COMPONENT_rope;
    }
    return in->options.depth == ERG_DEPTH_DEEP || in->collect.dump ? !node->norm_fused : wanted;
}

/* The graph was computed up to the node asked for last, and the back end has finished. */
static void observe_cut(struct erg_instrument *in, const struct ggml_tensor *node)
{
    int64_t now = erg_stamp_clock_now_ns(&in->clock);
    int64_t resumed = erg_instrument_read_at_cut(in, now);
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
    size_t i = note_node(in, node);
    if (i != SIZE_MAX) {
        cut = i < in->known ? cuts_known(in, i) : cuts_unknown(in, node);
        in->reads_cut = cut && erg_instrument_what(in, i) != 0;
    }
    note_ask(in);
    return cut;
}

static bool observe_abort(void *user)
{
    const struct erg_instrument *in = user;
    return in->stopped;
}

/* Results are kept where that makes cuts unnecessary: not where every reading takes one anyway. */
static void before_alloc(void *user, struct ggml_cgraph *nodes)
{
    struct erg_instrument *in = user;
    if (in->options.kind == ERG_INSTRUMENT_TRACE && !in->options.keep_fusion &&
        in->options.depth >= ERG_DEPTH_STANDARD) {
        erg_keep_place(&in->keep, nodes, in->options.depth == ERG_DEPTH_DEEP);
    }
}

static void after_alloc(void *user, struct ggml_cgraph *nodes)
{
    struct erg_instrument *in = user;
    int64_t t0_ns = ergon_probe_now_ns();
    erg_graph_learn(&in->graph, nodes, in->dump);
    in->watched = true;
    in->first_batch = 0;
    in->learned_ns += ergon_probe_now_ns() - t0_ns;
}

int erg_instrument_new(ergon_probe *probe, const struct erg_instrument_options *options,
                       struct erg_instrument **out, struct erg_err *err)
{
    void *block = erg_calloc(1, sizeof(struct erg_instrument) + LINE_BYTES);
    if (!block) {
        return erg_fail(err, ERG_NOMEM, "cannot make the instrument: out of memory");
    }
    struct erg_instrument *in =
        (void *)((char *)block + LINE_BYTES - (uintptr_t)block % LINE_BYTES);
    in->block = block;
    in->probe = probe;
    in->options = *options;
    erg_stamp_clock_init(&in->clock);
    in->checks_left = options->threads > 1 ? CHECKED_PASSES : 0;
    in->watch = (struct erg_schedule_watch){in, before_alloc, after_alloc};
    const struct erg_graph_options reading = {
        .statistics = options->depth >= ERG_DEPTH_STANDARD,
        .operations = options->depth == ERG_DEPTH_DEEP,
        .layers = options->layers,
        .layer_count = options->layer_count,
        .single_thread = options->threads == 1,
        .rows_alone = true,
    };
    erg_graph_init(&in->graph, probe, &reading);
    int status =
        erg_collect_init(&in->collect, &in->graph, options->sparsity_threshold,
                         options->attention_sparsity_threshold, options->dump_tensors, err);
    if (status != 0) {
        free(block);
        return status;
    }
    if (options->dump_path) {
        in->dump = fopen(options->dump_path, "we");
    }
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
    erg_schedule_watch(NULL);
    erg_keep_deinit(&in->keep);
    erg_graph_deinit(&in->graph);
    erg_collect_deinit(&in->collect);
    free(in->stamps);
    free(in->block);
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

double erg_instrument_stamp_ns(const struct erg_instrument *in)
{
    return in->stamp_price_ns;
}

void erg_instrument_begin(struct erg_instrument *in, int64_t t0_ns, enum erg_depth depth)
{
    in->depth = in->options.kind == ERG_INSTRUMENT_NONE ? ERG_DEPTH_BARE : depth;
    if (in->depth > ERG_DEPTH_BARE) {
        erg_graph_begin(&in->graph);
    }
    erg_collect_begin(&in->collect);
    if (in->options.kind != ERG_INSTRUMENT_NONE) {
        erg_schedule_watch(&in->watch);
    }
    erg_stamp_clock_set(&in->clock);
    in->learned_ns = 0;
    in->known = in->executed = 0;
    in->check.words = NULL;
    in->checks_left -= in->has_checked;
    in->has_checked = false;
    in->reads_cut = false;
    in->t0_ns = t0_ns;
    in->asked_ns = t0_ns;
    in->asks = 0;
    in->stamp_count = 0;
    in->stamps_lost = false;
    in->stopped = false;
    in->next_tick_ns = t0_ns + TICK_NS;
}

/*
 * What a stamp costs, by one more of them: behind the output and the choice of a token its code and
 * data are as far away as behind any node. In a loop it costs a tenth.
 */
static double price_of_stamp(struct erg_instrument *in)
{
    if (in->options.kind != ERG_INSTRUMENT_TRACE || in->depth == ERG_DEPTH_BARE ||
        in->clock.ns_per_tick == 0 || in->stamp_count == 0 ||
        in->stamp_count == in->stamp_capacity) {
        return NAN;
    }
    enum erg_depth depth = in->depth;
    uint32_t count = in->stamp_count;
    in->depth = ERG_DEPTH_TRACED;
    uint64_t before = erg_stamp_clock_ticks_behind();
    trace_stamp(in);
    uint64_t ticks = erg_stamp_clock_ticks_behind() - before;
    in->depth = depth;
    in->stamp_count = count;
    return (double)ticks * (double)in->clock.ns_per_tick / 4294967296.0;
}

void erg_instrument_end(struct erg_instrument *in, const struct erg_pass_times *times)
{
    erg_schedule_watch(NULL);
    in->stamp_price_ns = price_of_stamp(in);
    if (in->depth > ERG_DEPTH_BARE) {
        erg_graph_classify(&in->graph, in->dump);
    }
    erg_instrument_report(in, times);
}
