/* SPDX-License-Identifier: MIT */
#include "engine/deep_check.h"

#include "engine/deep_places.h"
#include "engine/stats/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_ROWS = 128, MOST_QUERIES = 256, MAX_TOGETHER = 4 };

#define THRESHOLD 0.01
#define RELATIVE  1e-4
#define ABSOLUTE  1e-6

struct deep_model deep_model;

static struct {
    bool complete;
} checks; /* of the pass at hand */

/* --- which tensors ---------------------------------------------------------------------------- */

static bool is_for(const char *only)
{
    char spaced[64];
    snprintf(spaced, sizeof(spaced), " %s ", deep_model.name);
    bool all_others = only && only[0] == '!';
    return !only || (strstr(only, spaced) != NULL) != all_others;
}

/* How many tensors of this operation without a name and a weight came before. */
static int ordinal(const struct computed *pass, size_t at)
{
    int count = 0;
    for (size_t i = 0; i < at; i++) {
        const struct tensor *t = &pass->tensors[i];
        count += t->unnamed && t->head.weight[0] == '\0' &&
                 strcmp(t->head.op, pass->tensors[at].head.op) == 0;
    }
    return count;
}

static bool is_at(const struct computed *pass, size_t i, const struct place *place, int layer)
{
    const struct tensor *tensor = &pass->tensors[i];
    if (strcmp(place->op, tensor->head.op) != 0 || !is_for(place->only)) {
        return false;
    }
    if (place->next && (i + 1 == pass->count || strcmp(place->next, tensor[1].head.op) != 0)) {
        return false;
    }
    if (place->name && strcmp(place->name, "node_") == 0) {
        return tensor->unnamed && tensor->head.weight[0] == '\0' && ordinal(pass, i) == layer;
    }
    bool in_layer = (place->name && strstr(place->name, "%d")) ||
                    (place->weight && strstr(place->weight, "%d"));
    return in_layer == (layer >= 0) && tensor_text_is(place->name, layer, tensor->head.name) &&
           tensor_text_is(place->weight, layer, tensor->head.weight);
}

/* A tensor and what it is. */
struct found {
    size_t index;
    const struct place *place;
};

static size_t find(const struct computed *pass, const struct seen_span *span,
                   struct found out[MAX_TOGETHER])
{
    size_t count = 0;
    for (size_t i = 0; i < pass->count; i++) {
        bool empty = tensor_elements(&pass->tensors[i]) == 0;
        for (const struct place *p = deep_places; p->component && !empty; p++) {
            if (strcmp(p->component, span->component) == 0 &&
                strcmp(p->operation, span->operation) == 0 && is_at(pass, i, p, span->layer)) {
                assert_true(count < MAX_TOGETHER);
                out[count++] = (struct found){i, p};
                break;
            }
        }
    }
    return count;
}

static const struct tensor *find_weight(const struct computed *pass, int layer, const char *weight)
{
    for (size_t i = 0; i < pass->count; i++) {
        if (tensor_text_is(weight, layer, pass->tensors[i].head.weight)) {
            return &pass->tensors[i];
        }
    }
    return NULL;
}

/* --- plain statistics ------------------------------------------------------------------------- */

struct sums {
    double abs, plain, squares, max, below, count;
};

static void add_value(double x, double mean, struct sums *sums)
{
    sums->abs += fabs(x);
    sums->plain += x;
    sums->squares += (x - mean) * (x - mean);
    sums->max = fmax(sums->max, fabs(x));
    sums->below += fabs(x) < THRESHOLD;
    sums->count++;
}

/* Which token positions of a tensor count, and how many elements each has side by side. */
struct tokens {
    int64_t index[MOST_ROWS], count, width;
    bool sampled;
};

static void choose_tokens(const struct tensor *tensor, uint32_t n_tokens, struct tokens *out)
{
    const int64_t *ne = tensor->head.ne;
    int64_t rows = ne[2] > 1 ? ne[2] : ne[1];
    rows = n_tokens == 1 ? 1 : rows;
    out->width = tensor_elements(tensor) / rows;
    out->count = erg_rows_sample(rows, MOST_ROWS, out->index);
    out->sampled = out->count < rows;
}

static void add_tensor(const struct tensor *tensor, uint32_t n_tokens, double mean,
                       struct sums *sums)
{
    struct tokens tokens;
    choose_tokens(tensor, n_tokens, &tokens);
    for (int64_t t = 0; t < tokens.count; t++) {
        for (int64_t i = 0; i < tokens.width; i++) {
            int64_t at = tokens.index[t] * tokens.width + i;
            add_value((double)tensor_value(tensor, at), mean, sums);
        }
    }
}

/* Of [width, tokens, heads]: the same, whose tokens are not outermost. */
static void add_values(const struct tensor *tensor, double mean, struct sums *sums)
{
    int64_t index[MOST_ROWS], width = tensor->head.ne[0], rows = tensor->head.ne[1];
    int64_t count = erg_rows_sample(rows, MOST_ROWS, index);
    for (int64_t h = 0; h < tensor->head.ne[2]; h++) {
        for (int64_t t = 0; t < count * width; t++) {
            int64_t at = (h * rows + index[t / width]) * width + t % width;
            add_value((double)tensor_value(tensor, at), mean, sums);
        }
    }
}

/*
 * The cells that a query sees: up to itself, within the window of its layer. The cache is written
 * from its beginning on, cell by position, and is as long as the context for layers with a window
 * too.
 */
struct view {
    const struct tensor *weights; /* after the softmax */
    int64_t position;             /* of the first query */
    int window;
};

static bool is_visible(const struct view *view, int64_t query, int64_t key)
{
    int64_t at = view->position + query;
    return key <= at && (view->window == 0 || key > at - view->window);
}

static void add_cells(const struct tensor *tensor, const struct view *view, double mean,
                      struct sums *sums)
{
    const int64_t *ne = tensor->head.ne;
    int64_t index[MOST_QUERIES], queries = erg_rows_sample(ne[1], MOST_QUERIES, index);
    for (int64_t h = 0; h < ne[2]; h++) {
        for (int64_t q = 0; q < queries; q++) {
            for (int64_t key = 0; key < ne[0]; key++) {
                if (is_visible(view, index[q], key)) {
                    int64_t at = (h * ne[1] + index[q]) * ne[0] + key;
                    add_value((double)tensor_value(tensor, at), mean, sums);
                }
            }
        }
    }
}

/* Of one head: mean entropy, mean of the rows' largest weights, share below the threshold. */
static void read_head(const struct view *view, int64_t head, double out[3])
{
    const int64_t *ne = view->weights->head.ne;
    int64_t index[MOST_QUERIES], queries = erg_rows_sample(ne[1], MOST_QUERIES, index);
    double below = 0, cells = 0;
    out[0] = out[1] = 0;
    for (int64_t q = 0; q < queries; q++) {
        double largest = 0;
        for (int64_t key = 0; key < ne[0]; key++) {
            double p = (double)tensor_value(view->weights, (head * ne[1] + index[q]) * ne[0] + key);
            if (!is_visible(view, index[q], key)) {
                assert_true(p == 0);
                continue;
            }
            out[0] -= p > 0 ? p * log(p) / (double)queries : 0;
            largest = fmax(largest, p);
            below += p < THRESHOLD;
            cells++;
        }
        out[1] += largest / (double)queries;
    }
    out[2] = below / cells;
}

static double variance(const struct tensor *tensor, int64_t from, int64_t width)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < width; i++) {
        sum += (double)tensor_value(tensor, from + i);
    }
    for (int64_t i = 0; i < width; i++) {
        double off = (double)tensor_value(tensor, from + i) - sum / (double)width;
        squares += off * off;
    }
    return squares / (double)width;
}

/*
 * var(input) / var(output) of each row that is normalised (of a head, where heads are), mean over
 * the rows of the tokens that count. That the input is the norm's is seen by the output, whose
 * weights are ones.
 */
static double variance_ratio(const struct tensor *in, const struct tensor *out, uint32_t n_tokens)
{
    struct tokens tokens;
    choose_tokens(out, n_tokens, &tokens);
    int64_t width = out->head.ne[0], rows = tokens.width / width;
    double sum = 0;
    assert_int_equal(tensor_elements(in), tensor_elements(out));
    for (int64_t t = 0; t < tokens.count * rows; t++) {
        int64_t at = tokens.index[t / rows] * tokens.width + t % rows * width;
        double ratio = variance(in, at, width) / variance(out, at, width);
        double d_in = (double)(tensor_value(in, at) - tensor_value(in, at + 1));
        double d_out = (double)(tensor_value(out, at) - tensor_value(out, at + 1));
        assert_true(fabs(d_in * d_in - ratio * d_out * d_out) <= 1e-4 * d_in * d_in + 1e-9);
        sum += ratio;
    }
    return sum / (double)(tokens.count * rows);
}

/* Negative elements of the gate, which may be the first half of each row. */
static double kill_ratio(const struct tensor *gate, const struct tensor *activation,
                         uint32_t n_tokens)
{
    struct tokens tokens;
    choose_tokens(gate, n_tokens, &tokens);
    int64_t width = gate->head.ne[0], kept = activation->head.ne[0];
    double negative = 0, count = 0;
    assert_true(width == kept || width == 2 * kept);
    for (int64_t t = 0; t < tokens.count; t++) {
        for (int64_t i = 0; i < tokens.width; i++) {
            bool in_gate = i % width < kept;
            float x = tensor_value(gate, tokens.index[t] * tokens.width + i);
            negative += in_gate && x < 0;
            count += in_gate;
        }
    }
    return negative / count;
}

/* --- comparing -------------------------------------------------------------------------------- */

static void check_near(double got, double expected, const char *what, const struct seen_span *span)
{
    if (!(fabs(got - expected) <= RELATIVE * fabs(expected) + ABSOLUTE)) {
        fail_msg("layer %d %s %s: %s is %.9g, not %.9g", span->layer, span->component,
                 span->operation, what, got, expected);
    }
}

static void check_sums(const struct seen_span *span, const struct sums *sums,
                       const struct sums *centred)
{
    check_near((double)span->mean, sums->abs / sums->count, "mean", span);
    check_near((double)span->std, sqrt(centred->squares / sums->count), "deviation", span);
    check_near((double)span->max, sums->max, "maximum", span);
    check_near((double)span->sparsity, sums->below / sums->count, "sparsity", span);
}

static struct view view_of(const struct seen_pass *seen, const struct computed *pass, int layer)
{
    struct view view = {NULL, seen->head.position, 0};
    for (size_t i = 0; i < pass->count && !view.weights; i++) {
        bool here = tensor_text_is("kq_soft_max-%d", layer, pass->tensors[i].head.name);
        view.weights = here ? &pass->tensors[i] : NULL;
    }
    if (deep_model.window > 0 && deep_model.slides(layer)) {
        view.window = deep_model.window;
    }
    assert_non_null(view.weights);
    return view;
}

static void add_found(const struct seen_pass *seen, const struct computed *pass,
                      const struct seen_span *span, const struct found *found, double mean,
                      struct sums *sums)
{
    const struct tensor *tensor = &pass->tensors[found->index];
    if (found->place->what == WHAT_SCORES || found->place->what == WHAT_SOFTMAX) {
        struct view view = view_of(seen, pass, span->layer);
        add_cells(tensor, &view, mean, sums);
    } else if (found->place->what == WHAT_VALUES) {
        add_values(tensor, mean, sums);
    } else {
        add_tensor(tensor, seen->head.n_tokens, mean, sums);
    }
}

static void check_heads(const struct seen_pass *seen, const struct computed *pass,
                        const struct seen_span *span)
{
    struct view view = view_of(seen, pass, span->layer);
    const struct seen_attention *got = NULL;
    for (size_t i = 0; i < seen->attention_count; i++) {
        got = &seen->spans[seen->attention[i].span] == span ? &seen->attention[i] : got;
    }
    if (!got) {
        return; /* they are counted */
    }
    assert_int_equal(got->heads, view.weights->head.ne[2]);
    for (uint32_t h = 0; h < got->heads; h++) {
        double expected[3];
        read_head(&view, h, expected);
        check_near((double)got->entropy[h], expected[0], "entropy", span);
        check_near((double)got->max_weight[h], expected[1], "largest weight", span);
        check_near((double)got->sparsity[h], expected[2], "sparsity of a head", span);
    }
}

static void check_extra(const struct seen_pass *seen, const struct computed *pass,
                        const struct seen_span *span, const struct found *found)
{
    const struct tensor *tensor = &pass->tensors[found->index];
    uint32_t n_tokens = seen->head.n_tokens;
    double expected = NAN;
    if (found->place->what == WHAT_NORM) {
        /* behind the norm (which has a tensor unless it is fused) come its scale and shift */
        bool shifted = strcmp(span->operation, "scale_shift") == 0;
        size_t behind = !shifted ? 1 : strcmp(tensor[-2].head.op, "NORM") == 0 ? 3 : 2;
        expected = variance_ratio(&pass->tensors[found->index - behind], tensor, n_tokens);
    } else if (found->place->what == WHAT_ACTIVATION) {
        const struct tensor *gate = find_weight(pass, span->layer, found->place->gate);
        assert_non_null(gate);
        expected = kill_ratio(gate, tensor, n_tokens);
    }
    if (isnan(expected)) {
        assert_true(isnan(span->extra));
    } else if (checks.complete || !isnan(span->extra)) {
        check_near((double)span->extra, expected, "ratio", span);
    }
}

static void check_span(const struct seen_pass *seen, const struct computed *pass,
                       const struct seen_span *span, const struct found *found, size_t count)
{
    struct sums sums = {0}, centred = {0};
    for (size_t i = 0; i < count; i++) {
        add_found(seen, pass, span, &found[i], 0, &sums);
    }
    for (size_t i = 0; i < count; i++) {
        add_found(seen, pass, span, &found[i], sums.plain / sums.count, &centred);
    }
    check_sums(span, &sums, &centred);
    if (found[0].place->what == WHAT_SOFTMAX) {
        check_heads(seen, pass, span);
    }
    check_extra(seen, pass, span, &found[0]);
}

/* --- routing ---------------------------------------------------------------------------------- */

static const struct tensor *find_name(const struct computed *pass, int layer, const char *name)
{
    const struct tensor *latest = NULL;
    for (size_t i = 0; i < pass->count; i++) {
        bool here = tensor_text_is(name, layer, pass->tensors[i].head.name);
        latest = here ? &pass->tensors[i] : latest;
    }
    return latest;
}

/* The k-th most likely expert of a token. */
static int kth_expert(const struct tensor *probs, int64_t token, uint32_t k)
{
    int64_t experts = probs->head.ne[0];
    for (int64_t e = 0; e < experts; e++) {
        float p = tensor_value(probs, token * experts + e);
        uint32_t above = 0;
        for (int64_t other = 0; other < experts; other++) {
            above += tensor_value(probs, token * experts + other) > p;
        }
        if (above == k) {
            return (int)e;
        }
    }
    return -1;
}

static void check_choice(const struct seen_pass *seen, const struct computed *pass,
                         const struct seen_routing *got)
{
    const struct seen_span *span = &seen->spans[got->head.span];
    const struct tensor *probs = find_name(pass, span->layer, "ffn_moe_probs-%d");
    const struct tensor *weights = find_name(pass, span->layer, "ffn_moe_weights_norm-%d");
    weights = weights ? weights : find_name(pass, span->layer, "ffn_moe_weights-%d");
    assert_string_equal(span->component, "router");
    assert_string_equal(span->operation, "topk");
    assert_int_equal(got->head.tokens, probs->head.ne[1]);
    assert_int_equal(got->head.experts, probs->head.ne[0]);
    double entropy = 0;
    for (uint32_t t = 0; t < got->head.tokens; t++) {
        for (uint32_t k = 0; k < got->head.used; k++) {
            uint32_t at = t * got->head.used + k;
            assert_int_equal(got->expert[at], kth_expert(probs, t, k));
            check_near((double)got->weight[at], (double)tensor_value(weights, at), "weight", span);
        }
        for (int64_t e = 0; e < probs->head.ne[0]; e++) {
            double p = (double)tensor_value(probs, t * probs->head.ne[0] + e);
            entropy -= p > 0 ? p * log(p) / got->head.tokens : 0;
        }
    }
    check_near((double)got->head.entropy, entropy, "entropy of the router", span);
}

/* --- runs ------------------------------------------------------------------------------------- */

bool deep_has_statistics(const struct seen_span *span)
{
    return isfinite(span->mean) && isfinite(span->std) && isfinite(span->max) &&
           isfinite(span->sparsity);
}

/* How many spans of this operation in this layer come before. */
static size_t rank(const struct seen_pass *seen, const struct seen_span *span, size_t *out_all)
{
    size_t before = 0;
    *out_all = 0;
    for (const struct seen_span *s = seen->spans; s < seen->spans + seen->head.n_spans; s++) {
        bool same = s->layer == span->layer && strcmp(s->component, span->component) == 0 &&
                    strcmp(s->operation, span->operation) == 0;
        before += same && s < span;
        *out_all += same;
    }
    return before;
}

static bool is_chosen(int layer)
{
    return layer < 0 || !deep_model.chosen || deep_model.chosen(layer);
}

/* Each span has the statistics of its tensors, and has none where there is no such tensor. */
static size_t check_spans(const struct seen_pass *seen, const struct computed *pass)
{
    size_t checked = 0;
    for (uint32_t i = 0; i < seen->head.n_spans; i++) {
        const struct seen_span *span = &seen->spans[i];
        struct found found[MAX_TOGETHER];
        size_t spans, k = rank(seen, span, &spans);
        size_t count = is_chosen(span->layer) ? find(pass, span, found) : 0;
        bool has = deep_has_statistics(span), unclear = count > 0 && spans > 1 && spans != count;
        if ((has && count == 0) || (!has && count > 0 && checks.complete) || unclear) {
            fail_msg("layer %d %s %s: %zu spans (with statistics: %d), %zu tensors", span->layer,
                     span->component, span->operation, spans, has, count);
        }
        if (has) {
            bool together = spans == 1;
            check_span(seen, pass, span, &found[together ? 0 : k], together ? count : 1);
        } else {
            assert_true(isnan(span->extra));
        }
        checked += has;
    }
    return checked;
}

/* Whether a tensor is among the places, so that no statistics can be missing unnoticed. */
static void check_places(const struct seen_pass *seen, const struct computed *pass)
{
    for (const struct place *p = deep_places; p->component; p++) {
        for (size_t i = 0; i < pass->count; i++) {
            for (int layer = -1; layer < deep_model.layers; layer++) {
                struct seen_span like = {.layer = layer};
                snprintf(like.component, sizeof(like.component), "%s", p->component);
                snprintf(like.operation, sizeof(like.operation), "%s", p->operation);
                bool empty = tensor_elements(&pass->tensors[i]) == 0;
                size_t spans = 1;
                if (!empty && is_at(pass, i, p, layer)) {
                    rank(seen, &like, &spans);
                }
                if (spans == 0) {
                    fail_msg("layer %d has no %s %s", layer, p->component, p->operation);
                }
            }
        }
    }
}

static size_t count_layers(void)
{
    size_t count = 0;
    for (int layer = 0; layer < deep_model.layers; layer++) {
        count += is_chosen(layer);
    }
    return count;
}

static size_t count_routers(const struct computed *pass)
{
    size_t count = 0;
    for (int layer = 0; layer < deep_model.layers; layer++) {
        const struct tensor *probs = find_name(pass, layer, "ffn_moe_probs-%d");
        count += is_chosen(layer) && probs && tensor_elements(probs) > 0;
    }
    return count;
}

void deep_check_pass(const struct seen_pass *seen, const struct computed *pass, bool complete)
{
    uint32_t wrong = ERG_PASS_MISMATCH | ERG_PASS_GUESSED | ERG_PASS_BARE;
    checks.complete = complete;
    assert_int_equal(seen->head.flags & wrong, 0);
    assert_true(seen->head.flags & ERG_PASS_DEEP);
    assert_int_equal(seen_span_sum(seen), seen->head.t1_ns - seen->head.t0_ns);
    assert_true(check_spans(seen, pass) > 0);
    check_places(seen, pass);
    for (size_t i = 0; i < seen->routing_count; i++) {
        check_choice(seen, pass, &seen->routing[i]);
    }
    if (complete) {
        bool sampled = seen->head.n_tokens > MOST_ROWS;
        assert_int_equal(seen->routing_count, count_routers(pass));
        assert_int_equal(seen->attention_count, deep_model.flash ? 0 : count_layers());
        assert_int_equal((seen->head.flags & ERG_PASS_ROWS_SAMPLED) != 0, sampled);
    }
}
