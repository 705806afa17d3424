/* SPDX-License-Identifier: MIT */
/* What is read of a node's tensor, and when: enum erg_read in graph.h says why then. */
#include "engine/llama/instrument_state.h"
#include "engine/llama/plan.h"

/* A stamp's node and those before it: LATER, and one more where a norm has come with its MUL. */
enum { MOST_BEHIND = ERG_READ_LATER - ERG_READ_OWN + 1 };

/*
 * What to read of a node at the depth of the pass. Of a graph that is new (where graphs cannot be
 * watched) every node is read that may be asked for in the end.
 */
unsigned erg_instrument_what(const struct erg_instrument *in, size_t i)
{
    if (in->depth < ERG_DEPTH_STANDARD || i == SIZE_MAX) {
        return 0;
    }
    if (i < in->known) {
        const struct erg_graph_node *node = &in->graph.nodes[i];
        return in->depth == ERG_DEPTH_DEEP ? node->deep : node->standard;
    }
    return erg_plan_may_read(in->graph.keys[i].tensor, false) ? ERG_WHAT_MOMENTS : 0;
}

ERG_HOT static void read_node(struct erg_instrument *in, size_t i, unsigned what)
{
    erg_collect_read(&in->collect, i, what, in->graph.learned, in->graph.n_tokens);
}

/* Whether it is known which stamp is whose, so that a node can be read at the next one's. */
static bool knows_stamps(const struct erg_instrument *in)
{
    return in->pairs_known || in->graph.fused_count == 0;
}

/* Whether to cut behind the node because only there it can be read. */
bool erg_instrument_reads_here(const struct erg_instrument *in, size_t i)
{
    bool at_stamp = i < in->known && knows_stamps(in) && in->graph.nodes[i].read != ERG_READ_CUT;
    return erg_instrument_what(in, i) != 0 && !at_stamp;
}

static uint32_t sum_of(const struct erg_check *check)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < check->count; i++) {
        sum = sum * 31 + check->words[i];
    }
    return sum;
}

/*
 * The first passes show whether ggml does leave single rows to one thread: what lies there before
 * the reading must lie there when all threads are done. If not, this pass goes without statistics,
 * and those that follow wait for all threads.
 */
static void begin_check(struct erg_instrument *in, size_t i)
{
    const struct ggml_tensor *tensor = in->graph.keys[i].tensor;
    if (in->checks_left == 0 || i + 1 >= in->graph.count ||
        erg_graph_is_overwritten(&in->graph, i, i + 1)) {
        return;
    }
    in->check = (struct erg_check){tensor->data, ggml_nbytes(tensor) / sizeof(uint32_t), 0};
    in->check.sum = sum_of(&in->check);
    in->has_checked = true;
}

static void end_check(struct erg_instrument *in)
{
    if (sum_of(&in->check) != in->check.sum) {
        in->graph.options.rows_alone = false;
        in->graph.changed = true; /* plan again */
        in->depth = ERG_DEPTH_TRACED;
        erg_collect_begin(&in->collect);
    }
    in->check.words = NULL;
}

/* Read the node behind which the graph was cut at `now_ns`, if it is to be; when that was done. */
int64_t erg_instrument_read_at_cut(struct erg_instrument *in, int64_t now_ns)
{
    size_t last = in->graph.count - 1;
    if (in->check.words) {
        end_check(in);
    }
    if (!in->reads_cut) {
        return now_ns;
    }
    read_node(in, last, erg_instrument_what(in, last));
    return erg_stamp_clock_now_ns(&in->clock);
}

/* Read the node `i` at a stamp, if it is to be and still there; false when not. */
ERG_HOT static bool read_due(struct erg_instrument *in, size_t i, size_t last)
{
    unsigned what = erg_instrument_what(in, i);
    if (what == 0) {
        return false;
    }
    if (!in->watched && i < last && erg_graph_is_overwritten(&in->graph, i, last)) {
        in->graph.changed = true; /* the memory was given out anew: plan again */
        return false;
    }
    if (in->graph.nodes[i].read == ERG_READ_OWN) {
        begin_check(in, i);
    }
    read_node(in, i, what);
    return true;
}

/*
 * A node was computed, as far as thread 0 is concerned; the one before it was by all threads. Read
 * what is due now. When that was done, or `now_ns`.
 */
ERG_HOT int64_t erg_instrument_read_at_stamp(struct erg_instrument *in, int64_t now_ns)
{
    const struct erg_graph_node *nodes = in->graph.nodes;
    size_t first = in->executed;
    bool pair = in->pairs && first < in->known && nodes[first].norm_fused;
    size_t last = pair ? first + 1 : first;
    in->executed = last + 1;
    if (in->check.words) {
        end_check(in);
    }
    if (last >= in->known || !knows_stamps(in)) {
        return now_ns;
    }
    unsigned due = nodes[last].due | (pair ? (unsigned)nodes[first].due << 1 : 0);
    bool any = false;
    for (size_t behind = MOST_BEHIND + 1; behind-- > 0;) {
        any = ((due >> behind & 1) && read_due(in, last - behind, last)) || any;
    }
    return any ? erg_stamp_clock_now_ns(&in->clock) : now_ns;
}
