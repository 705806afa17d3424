/* SPDX-License-Identifier: MIT */
/*
 * ggml_backend_sched_alloc_graph() of this program takes the place of ggml's: symbols of the
 * program come first where libllama's calls are bound (ELF). Public interface on both sides.
 */
#include "engine/llama/schedule.h"

#include <dlfcn.h>
#include <ggml-backend.h>
#include <string.h>

typedef bool sched_function(ggml_backend_sched_t sched, struct ggml_cgraph *graph);

static _Thread_local const struct erg_schedule_watch *watching;

void erg_schedule_watch(const struct erg_schedule_watch *watch)
{
    watching = watch;
}

/* The next definition of the name: ggml's. */
static sched_function *ggml_own(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    sched_function *function;
    memcpy(&function, &symbol, sizeof function); /* ISO C knows no cast between the two */
    return function;
}

__attribute__((visibility("default"))) bool
ggml_backend_sched_alloc_graph(ggml_backend_sched_t sched, struct ggml_cgraph *graph)
{
    const struct erg_schedule_watch *watch = watching;
    sched_function *alloc = ggml_own("ggml_backend_sched_alloc_graph");
    if (!watch) {
        return alloc(sched, graph);
    }
    watch->before(watch->user, graph);
    bool done = alloc(sched, graph);
    if (done) {
        watch->after(watch->user, graph);
    }
    return done;
}
