/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
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

/* What was read packs to something that reads the same. */
static void check_again(const struct erg_pass_row *pass)
{
    struct erg_buf layout, blob;
    struct erg_span *spans;
    float *values[ERG_VALUE_COLUMNS];
    uint32_t count;
    erg_buf_init(&layout);
    erg_buf_init(&blob);
    require(erg_spans_pack_layout(pass->spans, pass->n_spans, &layout) == 0);
    require(erg_spans_pack(pass, &blob) == 0);
    require(erg_spans_unpack(layout.data, layout.len, blob.data, blob.len, &spans, &count, values,
                             NULL) == 0);
    require(count == pass->n_spans);
    require(memcmp(spans, pass->spans, count * sizeof *spans) == 0);
    free(spans);
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++) {
        require(!values[c] == !pass->values[c]);
        free(values[c]);
    }
    erg_buf_deinit(&layout);
    erg_buf_deinit(&blob);
}

/* An input is the length of a layout (16 bits, low byte first), the layout, and a blob. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t layout_len = (size_t)data[0] | (size_t)data[1] << 8;
    if (layout_len > size - 2)
        return 0;
    struct erg_pass_row pass = {.n_spans = 0};
    struct erg_span *spans;
    float *values[ERG_VALUE_COLUMNS];
    if (erg_spans_unpack(data + 2, layout_len, data + 2 + layout_len, size - 2 - layout_len, &spans,
                         &pass.n_spans, values, NULL))
        return 0;
    pass.spans = spans;
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        pass.values[c] = values[c];
    check_bounds(&pass);
    check_again(&pass);
    free(spans);
    for (int c = 0; c < ERG_VALUE_COLUMNS; c++)
        free(values[c]);
    return 0;
}
