/* SPDX-License-Identifier: MIT */
#include "store/details.h"

#include "base/limits.h"
#include "base/mem.h"
#include "store/spans_code.h"

#include <stdlib.h>

/*
 * BLOB   u8 1, varint rows of attention, varint rows of routing, then one string of bits, the
 *        lowest first, padded with zeros:
 *
 *   head of each row of attention   span − span of the row before (−1 before the first), heads
 *   head of each row of routing     the same difference, tokens, used, experts
 *   entropy of all heads of all rows, then largest weight, then sparsity
 *   entropy of each row of routing
 *   the experts of each row of routing, each in as few bits as `experts` − 1 needs
 *   the weights of each row of routing
 *
 * Numbers are 16-bit codes of values (spans_code.h) or counts. Each is coded as one more of its
 * kind: heads of a model have no more in common with their place in the layer before than with one
 * another, so all of a column are one kind. Weights are a kind for each rank.
 */
enum { VERSION = 1, NARROW = 5, MEMORY = 64, RANKS = 16 };

/* A kind of numbers: the first of them opens it. */
struct kind {
    struct erg_place place;
};

static void learn(struct kind *kind, uint32_t number)
{
    if (!kind->place.seen)
        kind->place = (struct erg_place){number, number >> NARROW, 1};
    else
        erg_place_learn(&kind->place, number, MEMORY);
}

static void put(struct erg_bits_out *bits, struct kind *kind, uint32_t number)
{
    if (kind->place.seen)
        erg_put_next(bits, number, &kind->place);
    else
        erg_put_first(bits, number);
    learn(kind, number);
}

/* The next number of a kind; 0 and a bad input when it is above `most`. */
static uint32_t take(struct erg_bits_in *bits, struct kind *kind, uint32_t most)
{
    uint32_t number = kind->place.seen ? erg_take_next(bits, &kind->place) : erg_take_first(bits);
    if (number > most)
        bits->in->bad = true;
    if (bits->in->bad)
        return 0;
    learn(kind, number);
    return number;
}

/* Bits that a number below `count` needs. */
static unsigned bits_below(uint32_t count)
{
    return count > 1 ? 32u - (unsigned)__builtin_clz(count - 1) : 0;
}

uint64_t erg_attention_numbers(const struct erg_attention_row *row)
{
    return (uint64_t)3 * row->heads;
}

uint64_t erg_routing_numbers(const struct erg_routing_row *row)
{
    return (uint64_t)row->tokens * row->used;
}

static bool is_routing(const struct erg_routing_row *row)
{
    if (!row->tokens || row->tokens > ERG_MAX_TOKENS || !row->used || row->used > row->experts ||
        row->experts > ERG_MAX_EXPERTS || erg_routing_numbers(row) > ERG_MAX_DETAIL_NUMBERS)
        return false;
    for (uint64_t i = 0; i < erg_routing_numbers(row); i++) {
        if (row->expert[i] >= row->experts)
            return false;
    }
    return true;
}

static int check(const struct erg_pass_row *row)
{
    uint64_t numbers = 0;
    int64_t before = -1;
    for (uint32_t i = 0; i < row->n_attention; i++) {
        const struct erg_attention_row *attention = &row->attention[i];
        if (attention->span <= before || attention->span >= row->n_spans || !attention->heads ||
            attention->heads > ERG_MAX_HEADS)
            return ERG_INVALID;
        before = attention->span;
        numbers += erg_attention_numbers(attention);
    }
    before = -1;
    for (uint32_t i = 0; i < row->n_routing; i++) {
        const struct erg_routing_row *routing = &row->routing[i];
        if (routing->span <= before || routing->span >= row->n_spans || !is_routing(routing))
            return ERG_INVALID;
        before = routing->span;
        numbers += erg_routing_numbers(routing);
    }
    return numbers > ERG_MAX_DETAIL_NUMBERS ? ERG_LIMIT : 0;
}

static void put_heads(struct erg_bits_out *bits, const struct erg_pass_row *row)
{
    struct kind kinds[6] = {{{0}}};
    int64_t before = -1;
    for (uint32_t i = 0; i < row->n_attention; i++) {
        put(bits, &kinds[0], (uint32_t)(row->attention[i].span - before));
        put(bits, &kinds[1], row->attention[i].heads);
        before = row->attention[i].span;
    }
    before = -1;
    for (uint32_t i = 0; i < row->n_routing; i++) {
        put(bits, &kinds[2], (uint32_t)(row->routing[i].span - before));
        put(bits, &kinds[3], row->routing[i].tokens);
        put(bits, &kinds[4], row->routing[i].used);
        put(bits, &kinds[5], row->routing[i].experts);
        before = row->routing[i].span;
    }
}

static void put_attention(struct erg_bits_out *bits, const struct erg_pass_row *row)
{
    for (int column = 0; column < 3; column++) {
        struct kind kind = {{0}};
        for (uint32_t i = 0; i < row->n_attention; i++) {
            const struct erg_attention_row *attention = &row->attention[i];
            const float *const columns[] = {attention->entropy, attention->max_weight,
                                            attention->sparsity};
            for (uint32_t h = 0; h < attention->heads; h++)
                put(bits, &kind, erg_value_code(columns[column][h]));
        }
    }
}

static void put_routing(struct erg_bits_out *bits, const struct erg_pass_row *row)
{
    struct kind entropy = {{0}}, ranks[RANKS] = {{{0}}};
    for (uint32_t i = 0; i < row->n_routing; i++)
        put(bits, &entropy, erg_value_code(row->routing[i].entropy));
    for (uint32_t i = 0; i < row->n_routing; i++) {
        const struct erg_routing_row *routing = &row->routing[i];
        for (uint64_t k = 0; k < erg_routing_numbers(routing); k++)
            erg_put_bits(bits, routing->expert[k], bits_below(routing->experts));
    }
    for (uint32_t i = 0; i < row->n_routing; i++) {
        const struct erg_routing_row *routing = &row->routing[i];
        for (uint64_t k = 0; k < erg_routing_numbers(routing); k++) {
            uint64_t rank = k % routing->used;
            put(bits, &ranks[rank < RANKS ? rank : RANKS - 1], erg_value_code(routing->weight[k]));
        }
    }
}

int erg_details_pack(const struct erg_pass_row *row, struct erg_buf *out)
{
    if (!row->n_attention && !row->n_routing)
        return erg_buf_status(out);
    int status = check(row);
    if (status)
        return status;
    struct erg_bits_out bits = {.out = out};
    erg_buf_putc(out, VERSION);
    erg_put_varint(out, row->n_attention);
    erg_put_varint(out, row->n_routing);
    put_heads(&bits, row);
    put_attention(&bits, row);
    put_routing(&bits, row);
    erg_end_bits(&bits);
    return erg_buf_status(out);
}

/* --- unpacking -------------------------------------------------------------------------------- */

/* Span `difference` behind `before`; the input is bad when the pass has none there. */
static uint32_t next_span(struct erg_bits_in *bits, struct kind *kind, int64_t *before,
                          uint32_t n_spans)
{
    uint32_t difference = take(bits, kind, n_spans);
    int64_t span = *before + difference;
    if (!difference || span >= n_spans)
        bits->in->bad = true;
    *before = span;
    return bits->in->bad ? 0 : (uint32_t)span;
}

/* Heads of the rows; how many numbers and experts they announce. */
static void take_heads(struct erg_bits_in *bits, struct erg_details *details, uint32_t n_spans,
                       uint64_t *out_numbers, uint64_t *out_experts)
{
    struct kind kinds[6] = {{{0}}};
    int64_t before = -1;
    for (uint32_t i = 0; i < details->n_attention && !bits->in->bad; i++) {
        struct erg_attention_row *row = &details->attention[i];
        row->span = next_span(bits, &kinds[0], &before, n_spans);
        row->heads = take(bits, &kinds[1], ERG_MAX_HEADS);
        bits->in->bad |= !row->heads;
        *out_numbers += erg_attention_numbers(row);
    }
    before = -1;
    for (uint32_t i = 0; i < details->n_routing && !bits->in->bad; i++) {
        struct erg_routing_row *row = &details->routing[i];
        row->span = next_span(bits, &kinds[2], &before, n_spans);
        row->tokens = take(bits, &kinds[3], ERG_MAX_TOKENS);
        row->used = take(bits, &kinds[4], ERG_MAX_EXPERTS);
        row->experts = take(bits, &kinds[5], ERG_MAX_EXPERTS);
        bits->in->bad |= !row->tokens || !row->used || row->used > row->experts;
        *out_experts += erg_routing_numbers(row);
    }
}

static float take_value(struct erg_bits_in *bits, struct kind *kind)
{
    return erg_value_of_code((uint16_t)take(bits, kind, UINT16_MAX));
}

/* The values of all rows; `numbers` has room for them. */
static void take_attention(struct erg_bits_in *bits, struct erg_details *details, float *numbers)
{
    for (int column = 0; column < 3; column++) {
        struct kind kind = {{0}};
        for (uint32_t i = 0; i < details->n_attention; i++) {
            struct erg_attention_row *row = &details->attention[i];
            const float **const columns[] = {&row->entropy, &row->max_weight, &row->sparsity};
            *columns[column] = numbers;
            for (uint32_t h = 0; h < row->heads && !bits->in->bad; h++)
                numbers[h] = take_value(bits, &kind);
            numbers += row->heads;
        }
    }
}

static void take_routing(struct erg_bits_in *bits, struct erg_details *details, float *numbers,
                         uint16_t *experts)
{
    struct kind entropy = {{0}}, ranks[RANKS] = {{{0}}};
    for (uint32_t i = 0; i < details->n_routing; i++)
        details->routing[i].entropy = take_value(bits, &entropy);
    for (uint32_t i = 0; i < details->n_routing; i++) {
        struct erg_routing_row *row = &details->routing[i];
        row->expert = experts;
        for (uint64_t k = 0; k < erg_routing_numbers(row) && !bits->in->bad; k++) {
            experts[k] = (uint16_t)erg_take_bits(bits, bits_below(row->experts));
            bits->in->bad |= experts[k] >= row->experts;
        }
        experts += erg_routing_numbers(row);
    }
    for (uint32_t i = 0; i < details->n_routing; i++) {
        struct erg_routing_row *row = &details->routing[i];
        row->weight = numbers;
        for (uint64_t k = 0; k < erg_routing_numbers(row) && !bits->in->bad; k++) {
            uint64_t rank = k % row->used;
            numbers[k] = take_value(bits, &ranks[rank < RANKS ? rank : RANKS - 1]);
        }
        numbers += erg_routing_numbers(row);
    }
}

static int unpack(struct erg_bytes_in *in, uint32_t n_spans, struct erg_details *details)
{
    uint64_t numbers = 0, experts = 0, all_bits = (uint64_t)(in->end - in->at) * 8;
    in->bad |= in->at == in->end || *in->at++ != VERSION;
    details->n_attention = erg_take_varint(in);
    details->n_routing = erg_take_varint(in);
    if (in->bad || details->n_attention > n_spans || details->n_routing > n_spans ||
        (!details->n_attention && !details->n_routing))
        return ERG_CORRUPT;
    details->attention = erg_calloc(details->n_attention, sizeof *details->attention);
    details->routing = erg_calloc(details->n_routing, sizeof *details->routing);
    if (!details->attention || !details->routing)
        return ERG_NOMEM;
    struct erg_bits_in bits = {.in = in};
    take_heads(&bits, details, n_spans, &numbers, &experts);
    /* every number takes a bit at least: what a blob allocates is bounded by its own length */
    if (in->bad || numbers + experts > ERG_MAX_DETAIL_NUMBERS || numbers + experts > all_bits)
        return ERG_CORRUPT;
    details->numbers = erg_calloc((size_t)(numbers + experts), sizeof *details->numbers);
    details->experts = erg_calloc((size_t)experts, sizeof *details->experts);
    if (!details->numbers || !details->experts)
        return ERG_NOMEM;
    take_attention(&bits, details, details->numbers);
    take_routing(&bits, details, details->numbers + numbers, details->experts);
    return in->bad || in->at != in->end || bits.held != 0 ? ERG_CORRUPT : 0;
}

int erg_details_unpack(const void *blob, size_t len, uint32_t n_spans, struct erg_details *out,
                       struct erg_err *err)
{
    struct erg_details details = {.attention = NULL};
    if (len) {
        struct erg_bytes_in in = {.at = blob, .end = (const unsigned char *)blob + len};
        int status = unpack(&in, n_spans, &details);
        if (status) {
            erg_details_deinit(&details);
            return erg_fail(err, status, "cannot unpack attention and routing of a pass: %s",
                            erg_code_text(status));
        }
    }
    *out = details;
    return 0;
}

void erg_details_deinit(struct erg_details *details)
{
    free(details->attention);
    free(details->routing);
    free(details->numbers);
    free(details->experts);
    *details = (struct erg_details){.attention = NULL};
}
