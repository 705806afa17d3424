/* SPDX-License-Identifier: MIT */
#ifndef ERG_STREAM_DETAILS_H
#define ERG_STREAM_DETAILS_H

#include <stdint.h>

/* What follows a pass taken in depth; part of format.h, which is where to look first. */

/* Of a softmax span, per head: entropy (nats) and largest weight, means over its rows, and the
 * share of weights below the threshold; masked and padded cells excluded. NaN where not known. */
struct erg_attention_head {
    uint32_t span;  /* index in the pass before */
    uint32_t heads; /* 1 … ERG_MAX_HEADS */
};

/* Of a router's top-k span: the experts chosen for each position looked at, and their weights. */
struct erg_routing_head {
    uint32_t span;    /* index in the pass before */
    uint32_t tokens;  /* positions, 1 … n_tokens of the pass: all, or some evenly spaced */
    uint32_t used;    /* experts per position, 1 … experts */
    uint32_t experts; /* to choose from, at most ERG_MAX_EXPERTS */
    float entropy;    /* of the router's distribution, nats, mean over positions; finite or NaN */
    uint32_t zero;
};

#endif
