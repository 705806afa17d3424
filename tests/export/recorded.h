/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_RECORDED_H
#define ERG_TESTS_RECORDED_H

#include "export/make_recording.h"
#include "store/temp_store.h"

/* A store with one run: a recording of some shape, imported. */
#define RECORDED_ID "20261120-131843-0a1b2c"

struct recorded {
    struct temp_store temp;
    struct erg_store *store; /* for reading */
};

struct recorded recorded_open(const struct recording_shape *shape);
void recorded_close(struct recorded *recorded);

#endif
