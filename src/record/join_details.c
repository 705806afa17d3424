/* SPDX-License-Identifier: MIT */
#include "record/join_internal.h"

#include "base/mem.h"
#include "store/details.h"
#include "store/spans.h"

#include <stdlib.h>
#include <string.h>

static int no_memory(struct erg_err *err)
{
    return erg_fail(err, ERG_NOMEM, "no memory for the attention and routing of a pass");
}

/*
 * The pass that a detail of `span` with so many numbers belongs to; NULL when it is not taken. What
 * comes behind the last token has lost its pass, whether that waits for its energy or not; so does
 * what a dropped pass left behind.
 */
static struct erg_pending *pass_of(struct erg_join *join, uint32_t span, uint64_t numbers)
{
    struct erg_pending *item = join->open_pass;
    if (!item || item->token_count >= item->pass.n_tokens || span >= item->pass.n_spans) {
        join->orphans++;
        return NULL;
    }
    if (numbers > ERG_MAX_DETAIL_NUMBERS - item->detail_numbers) {
        join->dropped++;
        return NULL;
    }
    return item;
}

/* A copy of `n` values in stored precision, so that live values equal those read later. */
static void copy_rounded(float *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = erg_spans_round_value(from[i]);
}

/*
 * Make room for a row of `row_bytes` whose first member is its span, in the order of spans: its
 * place among the `count` rows, or -1 when it has one already or memory is short.
 */
static int64_t open_place(void **rows, size_t *capacity, uint32_t count, size_t row_bytes,
                          uint32_t span, int *out_status)
{
    *out_status = erg_grow(rows, capacity, (size_t)count + 1, row_bytes, ERG_MAX_SPANS_PER_PASS);
    if (*out_status)
        return -1;
    uint32_t at = count, before;
    unsigned char *bytes = *rows;
    for (; at > 0; at--) {
        memcpy(&before, bytes + (at - 1) * row_bytes, sizeof before);
        if (before <= span)
            break;
    }
    if (at > 0 && before == span)
        return -1;
    memmove(bytes + (at + 1) * row_bytes, bytes + at * row_bytes, (count - at) * row_bytes);
    return at;
}

int erg_join_attention(struct erg_join *join, const struct erg_attention_view *view,
                       struct erg_err *err)
{
    uint32_t heads = view->head.heads;
    struct erg_attention_row row = {.span = view->head.span, .heads = heads};
    struct erg_pending *item = pass_of(join, row.span, erg_attention_numbers(&row));
    if (!item)
        return 0;
    float *values = erg_calloc((size_t)heads * 3, sizeof *values);
    void *rows = item->attention;
    int status = values ? 0 : ERG_NOMEM;
    int64_t at = status ? -1
                        : open_place(&rows, &item->attention_capacity, item->pass.n_attention,
                                     sizeof row, row.span, &status);
    item->attention = rows;
    item->pass.attention = rows;
    if (at < 0) {
        free(values);
        join->orphans += status == 0;
        return status ? no_memory(err) : 0;
    }
    copy_rounded(values, view->entropy, heads);
    copy_rounded(values + heads, view->max_weight, heads);
    copy_rounded(values + (size_t)2 * heads, view->sparsity, heads);
    row.entropy = values;
    row.max_weight = values + heads;
    row.sparsity = values + (size_t)2 * heads;
    item->attention[at] = row;
    item->pass.n_attention++;
    item->detail_numbers += erg_attention_numbers(&row);
    return 0;
}

int erg_join_routing(struct erg_join *join, const struct erg_routing_view *view,
                     struct erg_err *err)
{
    struct erg_routing_row row = {.span = view->head.span,
                                  .tokens = view->head.tokens,
                                  .used = view->head.used,
                                  .experts = view->head.experts,
                                  .entropy = erg_spans_round_value(view->head.entropy)};
    struct erg_pending *item = pass_of(join, row.span, erg_routing_numbers(&row));
    if (!item)
        return 0;
    size_t n = (size_t)erg_routing_numbers(&row);
    float *weight = erg_calloc(n, sizeof *weight + sizeof *view->expert);
    void *rows = item->routing;
    int status = weight ? 0 : ERG_NOMEM;
    int64_t at = status ? -1
                        : open_place(&rows, &item->routing_capacity, item->pass.n_routing,
                                     sizeof row, row.span, &status);
    item->routing = rows;
    item->pass.routing = rows;
    if (at < 0) {
        free(weight);
        join->orphans += status == 0;
        return status ? no_memory(err) : 0;
    }
    uint16_t *expert = (uint16_t *)(void *)(weight + n);
    copy_rounded(weight, view->weight, n);
    memcpy(expert, view->expert, n * sizeof *expert);
    row.weight = weight;
    row.expert = expert;
    item->routing[at] = row;
    item->pass.n_routing++;
    item->detail_numbers += n;
    return 0;
}

/* Each row's numbers are one block. */
void erg_pending_free_details(struct erg_pending *item)
{
    for (uint32_t i = 0; i < item->pass.n_attention; i++)
        free((float *)item->attention[i].entropy);
    for (uint32_t i = 0; i < item->pass.n_routing; i++)
        free((float *)item->routing[i].weight);
    free(item->attention);
    free(item->routing);
}
