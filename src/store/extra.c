/* SPDX-License-Identifier: MIT */
#include "store/extra.h"

#include "base/err.h"
#include "base/mem.h"
#include "store/deep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const struct erg_extra_source *source, uint16_t id)
{
    const char *text = id ? source->name(source->user, id) : NULL;
    return text ? text : "";
}

/* Six digits are more than is stored. */
static void put_number(struct erg_jsonw *w, double value)
{
    char text[32];
    if (!isfinite(value)) {
        erg_jsonw_null(w);
        return;
    }
    snprintf(text, sizeof text, "%.6g", value);
    erg_jsonw_raw(w, text);
}

static void put_key_number(struct erg_jsonw *w, const char *key, double value)
{
    erg_jsonw_key(w, key);
    put_number(w, value);
}

static void put_numbers(struct erg_jsonw *w, const float *values, size_t n)
{
    erg_jsonw_arr_begin(w);
    for (size_t i = 0; i < n; i++)
        put_number(w, (double)values[i]);
    erg_jsonw_arr_end(w);
}

static void put_includes(struct erg_jsonw *w, const char *first, const char *second)
{
    erg_jsonw_key(w, "includes");
    erg_jsonw_arr_begin(w);
    erg_jsonw_str(w, first);
    erg_jsonw_str(w, second);
    erg_jsonw_arr_end(w);
}

static void put_attention(struct erg_jsonw *w, const struct erg_attention_row *row)
{
    static const char *const names[] = {"attention_entropy", "max_attention_weight",
                                        "attention_sparsity"};
    const float *const columns[] = {row->entropy, row->max_weight, row->sparsity};
    char key[40];
    for (size_t i = 0; i < 3; i++) {
        erg_jsonw_key(w, names[i]);
        put_numbers(w, columns[i], row->heads);
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(key, sizeof key, "avg_%s", names[i]);
        put_key_number(w, key, erg_known_mean(columns[i], row->heads));
    }
}

/* How often each expert was chosen, and how even that is. */
static void put_load(struct erg_jsonw *w, const struct erg_routing_row *row)
{
    ERG_AUTO_FREE uint64_t *counts = erg_calloc(row->experts, sizeof *counts);
    if (!counts) {
        w->buf->status = ERG_NOMEM;
        return;
    }
    for (size_t i = 0; i < (size_t)row->tokens * row->used; i++)
        counts[row->expert[i]]++;
    erg_jsonw_key(w, "expert_load");
    erg_jsonw_arr_begin(w);
    for (uint32_t e = 0; e < row->experts; e++)
        erg_jsonw_uint(w, counts[e]);
    erg_jsonw_arr_end(w);
    put_key_number(w, "load_balance", erg_load_balance(counts, row->experts));
}

static void put_routing(struct erg_jsonw *w, const struct erg_routing_row *row)
{
    erg_jsonw_key(w, "experts");
    erg_jsonw_arr_begin(w);
    for (size_t t = 0; t < row->tokens; t++) {
        erg_jsonw_arr_begin(w);
        for (size_t k = 0; k < row->used; k++)
            erg_jsonw_uint(w, row->expert[t * row->used + k]);
        erg_jsonw_arr_end(w);
    }
    erg_jsonw_arr_end(w);
    erg_jsonw_key(w, "weights");
    erg_jsonw_arr_begin(w);
    for (size_t t = 0; t < row->tokens; t++)
        put_numbers(w, row->weight + t * row->used, row->used);
    erg_jsonw_arr_end(w);
    put_key_number(w, "routing_entropy", (double)row->entropy);
    put_load(w, row);
}

/*
 * Whether the only span of the layer's activation also multiplies: a gate is projected in the
 * layer, and nothing else could apply it.
 */
static bool is_gated(const struct erg_extra_source *source, uint32_t span)
{
    const struct erg_pass_row *pass = source->pass;
    const struct erg_span *spans = pass->spans;
    uint32_t from = span, to = span;
    bool gate = false;
    while (from > 0 && spans[from - 1].layer == spans[span].layer)
        from--;
    while (to < pass->n_spans && spans[to].layer == spans[span].layer)
        to++;
    for (uint32_t i = from; i < to; i++) {
        if (i != span && spans[i].component == spans[span].component)
            return false;
        const char *component = text_of(source, spans[i].component);
        gate =
            gate || strcmp(component, "gate_proj") == 0 || strcmp(component, "gate_up_proj") == 0;
    }
    return gate;
}

/* What the graph has fused into the operation; false when nothing is known to be. */
static bool put_fused(const struct erg_extra_source *source, uint32_t span, const char *component,
                      const char *operation, struct erg_jsonw *w)
{
    if (strcmp(operation, "softmax") == 0 && strcmp(component, "attention") == 0)
        put_includes(w, "scale", "mask");
    else if (strcmp(operation, "normalize_scale") == 0)
        put_includes(w, "normalize", "scale");
    else if (strcmp(operation, "activation") == 0 && strcmp(component, "activation") == 0 &&
             is_gated(source, span))
        put_includes(w, "activation", "product");
    else
        return false;
    return true;
}

/* The members of the object; whether there are any. */
static bool put_members(const struct erg_extra_source *source, uint32_t span, struct erg_jsonw *w)
{
    const struct erg_pass_row *pass = source->pass;
    const char *component = text_of(source, pass->spans[span].component);
    const char *operation = text_of(source, pass->spans[span].operation);
    const struct erg_attention_row *attention = erg_attention_of(pass, span);
    const struct erg_routing_row *routing = erg_routing_of(pass, span);
    enum erg_extra_kind kind = erg_extra_kind(component, operation);
    const float *extra = pass->values[ERG_VALUE_EXTRA];
    bool has_extra = kind != ERG_EXTRA_NONE && extra && !isnan(extra[span]);
    if (attention)
        put_attention(w, attention);
    if (routing)
        put_routing(w, routing);
    if (has_extra)
        put_key_number(w, kind == ERG_EXTRA_KILL_RATIO ? "activation_kill_ratio" : "variance_ratio",
                       (double)extra[span]);
    bool sampled = pass->flags & ERG_PASS_ROWS_SAMPLED && (attention || routing || has_extra);
    if (sampled)
        erg_jsonw_kbool(w, "rows_sampled", true);
    if (strcmp(operation, "flash_attention") == 0 && !attention) {
        erg_jsonw_knull(w, "attention_statistics");
        erg_jsonw_kstr(w, "reason",
                       "flash attention never forms the attention matrix (--flash-attn off shows "
                       "it)");
        return true;
    }
    return put_fused(source, span, component, operation, w) || attention || routing || has_extra;
}

bool erg_extra_write(const struct erg_extra_source *source, uint32_t span, struct erg_jsonw *w)
{
    struct erg_buf members;
    struct erg_jsonw inner;
    erg_buf_init(&members);
    erg_jsonw_init(&inner, &members);
    erg_jsonw_obj_begin(&inner);
    bool any = put_members(source, span, &inner);
    erg_jsonw_obj_end(&inner);
    int status = erg_buf_status(&members);
    if (any)
        erg_jsonw_raw(w, status == 0 ? members.data : "null");
    if (status && !w->buf->status)
        w->buf->status = status;
    erg_buf_deinit(&members);
    return any;
}
