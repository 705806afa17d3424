/* SPDX-License-Identifier: MIT */
#include "stream/probe_state.h"

#include <math.h>

/* Whether the span of the last pass may be described; then it counts as described. */
static bool claim(ergon_probe *probe, int kind, uint32_t span)
{
    if (span >= probe->described_spans || probe->detailed[kind][span] == probe->pass_serial)
        return false;
    probe->detailed[kind][span] = probe->pass_serial;
    return true;
}

static float finite_or_nan(float value)
{
    return isfinite(value) ? value : NAN;
}

/* Copy `n` numbers and pad them; returns the place behind. */
static unsigned char *put_floats(unsigned char *to, const float *from, size_t n)
{
    size_t padded = erg_format_padded((uint32_t)(n * sizeof *from));
    for (size_t i = 0; i < n; i++) {
        float value = finite_or_nan(from[i]);
        memcpy(to + i * sizeof value, &value, sizeof value);
    }
    memset(to + n * sizeof *from, 0, padded - n * sizeof *from);
    return to + padded;
}

void ergon_probe_attention(ergon_probe *probe, uint32_t span, uint32_t heads, const float *entropy,
                           const float *max_weight, const float *sparsity)
{
    if (!probe || probe->out.gone)
        return;
    if (!heads || heads > ERG_MAX_HEADS || !claim(probe, ERG_PROBE_ATTENTION, span)) {
        erg_probe_out_drop(&probe->out);
        return;
    }
    struct erg_attention_head head = {span, heads};
    size_t bytes = sizeof head + (size_t)3 * erg_format_padded(heads * (uint32_t)sizeof *entropy);
    unsigned char *to = erg_probe_out_begin(&probe->out, ERG_REC_ATTENTION, bytes, false);
    if (!to)
        return;
    memcpy(to, &head, sizeof head);
    to = put_floats(to + sizeof head, entropy, heads);
    to = put_floats(to, max_weight, heads);
    put_floats(to, sparsity, heads);
    erg_probe_out_end(&probe->out);
}

static bool are_experts(const uint16_t *expert, size_t n, uint32_t experts)
{
    for (size_t i = 0; i < n; i++) {
        if (expert[i] >= experts)
            return false;
    }
    return true;
}

void ergon_probe_routing(ergon_probe *probe, uint32_t span, uint32_t tokens, uint32_t used,
                         uint32_t experts, float entropy, const uint16_t *expert,
                         const float *weight)
{
    if (!probe || probe->out.gone)
        return;
    size_t n = (size_t)tokens * used; /* ≤ 2^34 where it is used */
    if (!tokens || tokens > probe->described_tokens || !used || used > experts ||
        experts > ERG_MAX_EXPERTS || n > ERG_MAX_RECORD_BYTES / 8 ||
        !are_experts(expert, n, experts) || !claim(probe, ERG_PROBE_ROUTING, span)) {
        erg_probe_out_drop(&probe->out);
        return;
    }
    struct erg_routing_head head = {span, tokens, used, experts, finite_or_nan(entropy), 0};
    size_t expert_bytes = n * sizeof *expert, padded = erg_format_padded((uint32_t)expert_bytes);
    size_t bytes = sizeof head + padded + erg_format_padded((uint32_t)(n * sizeof *weight));
    unsigned char *to = erg_probe_out_begin(&probe->out, ERG_REC_ROUTING, bytes, false);
    if (!to)
        return;
    memcpy(to, &head, sizeof head);
    to += sizeof head;
    memcpy(to, expert, expert_bytes);
    memset(to + expert_bytes, 0, padded - expert_bytes);
    put_floats(to + padded, weight, n);
    erg_probe_out_end(&probe->out);
}
