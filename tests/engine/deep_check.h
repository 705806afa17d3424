/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_DEEP_CHECK_H
#define ERG_TESTS_DEEP_CHECK_H

#include "engine/engine_client.h"
#include "engine/tensor_dump.h"

/* The model whose passes are checked. */
struct deep_model {
    const char *name; /* of its architecture */
    int layers;
    bool flash;                /* runs with flash attention, hence has no attention matrix */
    int window;                /* of the layers that have one; 0 = none has */
    bool (*slides)(int layer); /* which those are */
    bool (*chosen)(int layer); /* of which layers statistics are taken; NULL = of all */
};
extern struct deep_model deep_model;

/*
 * Every number of a deep pass against the tensors that it computed; with `complete`, that none is
 * missing.
 */
void deep_check_pass(const struct seen_pass *seen, const struct computed *pass, bool complete);

bool deep_has_statistics(const struct seen_span *span);

#endif
