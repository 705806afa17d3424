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
    /* The graph has no memory yet. True: the plan of its memory is made anew for it alone, since
     * tensors were marked as outputs (on a single back end). */
    bool (*before)(void *user, struct ggml_cgraph *graph);
    void (*after)(void *user, struct ggml_cgraph *graph); /* it has */
};

/* Watch what this thread allocates from now on; borrowed, NULL ends it. */
void erg_schedule_watch(const struct erg_schedule_watch *watch);

#endif
