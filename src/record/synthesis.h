/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_SYNTHESIS_H
#define ERG_RECORD_SYNTHESIS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* A model of random weights for an engine to write; the callbacks may be NULL. */
struct erg_synthesis_order {
    const char *engine_path;
    const char *spec; /* model/blueprint.h */
    const char *out;  /* the file, replaced if it is there */
    void *user;
    void (*progress)(void *user, uint32_t tensors_done, uint32_t tensors);
    bool (*cancelled)(void *user); /* polled at least ten times a second */
};

/*
 * Start an engine for it and wait until the file is whole. CANCELLED, or the reason why it is not:
 * there is no file then, and one that was there before is as it was.
 */
int erg_synthesis_run(const struct erg_synthesis_order *order, struct erg_err *err);

#endif
