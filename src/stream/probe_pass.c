/* SPDX-License-Identifier: MIT */
#include "stream/probe_state.h"

#include <math.h>

/* Bytes of one item of each column, in bit order. */
static const uint8_t item_bytes[] = {2, 2, 2, 8, 4, 4, 4, 4, 4, 4, 4};

enum { FIRST_VALUE_BIT = 4, FIRST_STATISTIC = 2 };

_Static_assert(1 << FIRST_VALUE_BIT == ERG_COL_FLOPS, "the values begin with FLOPS");
_Static_assert(1 << sizeof item_bytes == ERG_COL_KNOWN + 1, "one size for each column");

static size_t column_bytes(uint32_t n_spans, int bit)
{
    return erg_format_padded(n_spans * item_bytes[bit]);
}

size_t erg_probe_pass_bytes(uint32_t n_spans, uint32_t columns)
{
    size_t bytes = ERG_RECORD_HEADER_BYTES + sizeof(struct erg_pass_head);
    for (int bit = 0; bit < (int)sizeof item_bytes; bit++) {
        if (columns & 1u << bit)
            bytes += column_bytes(n_spans, bit);
    }
    return bytes;
}

void ergon_probe_pass_begin(ergon_probe *probe, int64_t t0_ns, enum ergon_phase phase,
                            uint32_t n_tokens, uint32_t position)
{
    if (!probe || probe->out.gone)
        return;
    probe->pass = (struct erg_pass_head){
        .t0_ns = t0_ns, .phase = (uint32_t)phase, .n_tokens = n_tokens, .position = position};
    probe->any_operation = 0;
    probe->valued_from = UINT32_MAX;
    probe->overfull = false;
    probe->described_spans = 0;
    probe->in_pass = (phase == ERGON_PREFILL || phase == ERGON_DECODE) && n_tokens &&
                     n_tokens <= ERG_MAX_TOKENS && position <= ERG_MAX_TOKENS - n_tokens;
    if (!probe->in_pass)
        erg_probe_out_drop(&probe->out);
}

static void store_values(float *to, const struct ergon_span_values *values)
{
    to[0] = values->flops;
    to[1] = values->bytes;
    to[2] = values->mean;
    to[3] = values->std;
    to[4] = values->max;
    to[5] = values->sparsity;
    to[6] = values->extra;
}

static void store_no_values(float *to)
{
    to[0] = to[1] = 0;
    to[2] = to[3] = to[4] = to[5] = to[6] = NAN;
}

uint32_t ergon_probe_span(ergon_probe *probe, int layer, uint32_t component, uint32_t operation,
                          uint64_t duration_ns, const struct ergon_span_values *values)
{
    if (!probe || !probe->in_pass)
        return UINT32_MAX;
    uint32_t i = probe->pass.n_spans;
    if (i == probe->max_spans) {
        probe->overfull = true;
        return UINT32_MAX;
    }
    bool bound = component && component <= probe->names;
    if (operation > probe->names)
        operation = 0;
    probe->layer[i] = (int16_t)(layer >= -1 && layer < ERG_MAX_LAYERS ? layer : -1);
    probe->component[i] = (uint16_t)(bound ? component : erg_probe_unattributed(probe));
    probe->operation[i] = (uint16_t)operation;
    probe->any_operation |= operation;
    probe->duration_ns[i] = duration_ns;
    if (values) {
        store_values(probe->values[i], values);
        if (i < probe->valued_from)
            probe->valued_from = i;
    } else if (probe->valued_from != UINT32_MAX) {
        store_no_values(probe->values[i]);
    }
    probe->pass.n_spans = i + 1;
    return i;
}

static bool is_known(float value)
{
    return value == value && value != 0; /* neither NaN nor 0 */
}

/*
 * Complete the values of the pass (spans before the first with values; spans whose statistics are
 * all 0 have none) and return the columns that hold something.
 */
static uint32_t settle_values(ergon_probe *probe)
{
    uint32_t n = probe->pass.n_spans, columns = 0;
    if (probe->valued_from == UINT32_MAX)
        return 0;
    for (uint32_t i = 0; i < probe->valued_from; i++)
        store_no_values(probe->values[i]);
    for (uint32_t i = probe->valued_from; i < n; i++) {
        float *v = probe->values[i];
        if (!is_known(v[2]) && !is_known(v[3]) && !is_known(v[4]) && !is_known(v[5]))
            v[2] = v[3] = v[4] = v[5] = NAN;
        for (int k = 0; k < ERG_PROBE_VALUES; k++) {
            bool known = k < FIRST_STATISTIC ? is_known(v[k]) : v[k] == v[k];
            columns |= (uint32_t)known << (FIRST_VALUE_BIT + k);
        }
    }
    return columns;
}

/* Cut the durations so that their sum stays within the pass. */
static void cut_spans(ergon_probe *probe)
{
    uint64_t left = (uint64_t)probe->pass.t1_ns - (uint64_t)probe->pass.t0_ns;
    for (uint32_t i = 0; i < probe->pass.n_spans; i++) {
        if (probe->duration_ns[i] > left)
            probe->duration_ns[i] = left;
        left -= probe->duration_ns[i];
    }
}

/* Copy a column of the pass to its place, padding included. */
static void put_column(const ergon_probe *probe, int bit, unsigned char *to)
{
    uint32_t n = probe->pass.n_spans;
    size_t used = (size_t)n * item_bytes[bit];
    const void *columns[FIRST_VALUE_BIT] = {probe->layer, probe->component, probe->operation,
                                            probe->duration_ns};
    if (bit < FIRST_VALUE_BIT) {
        memcpy(to, columns[bit], used);
    } else {
        for (uint32_t i = 0; i < n; i++)
            memcpy(to + 4 * (size_t)i, &probe->values[i][bit - FIRST_VALUE_BIT], 4);
    }
    memset(to + used, 0, column_bytes(n, bit) - used);
}

static void write_pass(ergon_probe *probe)
{
    struct erg_pass_head *pass = &probe->pass;
    size_t bytes = erg_probe_pass_bytes(pass->n_spans, pass->columns);
    if (!erg_probe_announce_names(probe, bytes))
        return;
    unsigned char *payload =
        erg_probe_out_begin(&probe->out, ERG_REC_PASS, bytes - ERG_RECORD_HEADER_BYTES, false);
    if (!payload)
        return;
    memcpy(payload, pass, sizeof *pass);
    unsigned char *to = payload + sizeof *pass;
    for (int bit = 0; bit < (int)sizeof item_bytes; bit++) {
        if (!(pass->columns & 1u << bit))
            continue;
        put_column(probe, bit, to);
        to += column_bytes(pass->n_spans, bit);
    }
    erg_probe_out_end(&probe->out);
    probe->described_spans = pass->n_spans;
    probe->described_tokens = pass->n_tokens;
    probe->pass_serial++;
}

void ergon_probe_pass_end(ergon_probe *probe, int64_t t1_ns, uint32_t flags)
{
    if (!probe || !probe->in_pass)
        return;
    struct erg_pass_head *pass = &probe->pass;
    probe->in_pass = false;
    pass->t1_ns = t1_ns > pass->t0_ns ? t1_ns : pass->t0_ns;
    pass->flags = flags;
    cut_spans(probe);
    if (pass->n_spans) {
        pass->columns = ERG_COL_LAYER | ERG_COL_COMPONENT | ERG_COL_DURATION | settle_values(probe);
        pass->columns |= probe->any_operation ? ERG_COL_OPERATION : 0u;
    }
    write_pass(probe);
    if (probe->overfull && !probe->overfull_logged) {
        probe->overfull_logged = true;
        ergon_probe_log(probe, ERGON_WARNING,
                        "a pass has more spans than the probe has room for: the rest is "
                        "unattributed (struct ergon_probe_options, max_spans)");
    }
}
