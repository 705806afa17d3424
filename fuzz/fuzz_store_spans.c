/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "store/packed.h"
#include "store/spans.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_bounds(const struct erg_pass_row *pass)
{
    require(pass->n_spans <= ERG_MAX_SPANS_PER_PASS);
    for (uint32_t i = 0; i < pass->n_spans; i++) {
        require(pass->spans[i].layer >= -1 && pass->spans[i].layer < ERG_MAX_LAYERS);
        require(pass->spans[i].component > 0);
        for (int c = 0; c < ERG_VALUE_COLUMNS; c++) {
            if (!pass->values[c])
                continue;
            float value = pass->values[c][i], rounded = erg_spans_round_value(value);
            require(memcmp(&value, &rounded, sizeof value) == 0 || value != value);
        }
    }
}

static void check_values(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        require(!(values[i] < 0));
}

static void check_details(const struct erg_pass_row *pass)
{
    for (uint32_t i = 0; i < pass->n_attention; i++) {
        const struct erg_attention_row *row = &pass->attention[i];
        require(row->span < pass->n_spans && row->heads && row->heads <= ERG_MAX_HEADS);
        check_values(row->entropy, row->heads);
        check_values(row->max_weight, row->heads);
        check_values(row->sparsity, row->heads);
    }
    for (uint32_t i = 0; i < pass->n_routing; i++) {
        const struct erg_routing_row *row = &pass->routing[i];
        size_t n = (size_t)row->tokens * row->used;
        require(row->span < pass->n_spans && n && n <= ERG_MAX_DETAIL_NUMBERS);
        check_values(row->weight, n);
        for (size_t k = 0; k < n; k++)
            require(row->expert[k] < row->experts);
    }
}

/* The times alone are those of the whole. */
static void check_times(const struct erg_buf *layout, const struct erg_pass_row *pass)
{
    struct erg_span *spans;
    struct erg_buf blob;
    uint32_t count;
    erg_buf_init(&blob);
    require(erg_spans_pack(pass, &blob) == 0);
    require(erg_spans_unpack(layout->data, layout->len, blob.data, blob.len, &spans, &count, NULL,
                             NULL) == 0);
    require(count == pass->n_spans && memcmp(spans, pass->spans, count * sizeof *spans) == 0);
    free(spans);
    erg_buf_deinit(&blob);
}

/* What was read packs to something that reads the same. */
static void check_again(const struct erg_pass_row *pass)
{
    struct erg_buf layout, blob;
    struct erg_pass_row again = {.n_spans = 0};
    struct erg_unpacked unpacked;
    erg_buf_init(&layout);
    erg_buf_init(&blob);
    require(erg_spans_pack_layout(pass->spans, pass->n_spans, &layout) == 0);
    require(erg_pass_pack(pass, &blob) == 0);
    require(erg_pass_unpack(layout.data, layout.len, blob.data, blob.len, &again, &unpacked,
                            NULL) == 0);
    require(again.n_spans == pass->n_spans && again.n_attention == pass->n_attention &&
            again.n_routing == pass->n_routing);
    require(memcmp(again.spans, pass->spans, again.n_spans * sizeof *again.spans) == 0);
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        require(!again.values[c] == !pass->values[c]);
    check_times(&layout, pass);
    erg_unpacked_deinit(&unpacked);
    erg_buf_deinit(&layout);
    erg_buf_deinit(&blob);
}

/* An input is the length of a layout (16 bits, low byte first), the layout, and a packed pass. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t layout_len = (size_t)data[0] | (size_t)data[1] << 8;
    if (layout_len > size - 2)
        return 0;
    struct erg_pass_row pass = {.n_spans = 0};
    struct erg_unpacked unpacked;
    if (erg_pass_unpack(data + 2, layout_len, data + 2 + layout_len, size - 2 - layout_len, &pass,
                        &unpacked, NULL))
        return 0;
    check_bounds(&pass);
    check_details(&pass);
    check_again(&pass);
    erg_unpacked_deinit(&unpacked);
    return 0;
}
