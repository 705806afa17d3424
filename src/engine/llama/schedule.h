/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_SCHEDULE_H
#define ERG_ENGINE_SCHEDULE_H

#include <ggml.h>
#include <stdbool.h>

/*
 * A look at each graph before any of it is computed. libllama has memory allocated for a graph
 * whenever it cannot go on with the one before; where the system lets a program stand in for a
 * function of a library, that moment is ours.
 */
struct erg_schedule_watch {
    void *user;
    void (*before)(void *user, struct ggml_cgraph *graph); /* its nodes have no memory yet */
    void (*after)(void *user, struct ggml_cgraph *graph);  /* they have */
};

/* Watch what this thread allocates from now on; borrowed, NULL ends it. */
void erg_schedule_watch(const struct erg_schedule_watch *watch);

#endif
