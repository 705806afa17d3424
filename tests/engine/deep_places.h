/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_DEEP_PLACES_H
#define ERG_TESTS_DEEP_PLACES_H

#include "engine/tensor_dump.h"

/*
 * Which tensor of libllama's graphs is the result of which operation, written down by hand from
 * graphs that were looked at: what the classification is compared with.
 */
enum what {
    WHAT_OUTPUT,     /* statistics of all of it */
    WHAT_SCORES,     /* of its visible cells */
    WHAT_SOFTMAX,    /* likewise, and by heads */
    WHAT_NORM,       /* and the ratio of variances; the norm's input is computed right before it */
    WHAT_ACTIVATION, /* and the share of its gate that it kills */
    WHAT_VALUES,     /* all of it, tokens being its second dimension although a third follows */
};

/*
 * NULL = any; "%d" stands for the layer; what names none is outside of them. The name "node_" is
 * that of tensors which libllama gives none: those come in the order of the layers.
 */
struct place {
    const char *component, *operation, *op, *name, *weight;
    enum what what;
    const char *only; /* architectures between spaces; with '!' in front all others; NULL = all */
    const char *gate; /* ACTIVATION: the weight whose product (plus bias) is the gate */
    const char *next; /* only where an operation of this kind comes right behind it */
};

extern const struct place deep_places[]; /* up to component NULL */

#endif
