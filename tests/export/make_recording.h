/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_MAKE_RECORDING_H
#define ERG_TESTS_MAKE_RECORDING_H

#include "base/buf.h"
#include "store/store.h"

/* Recordings as an engine and a recorder would have made them, for tests of the round trip. */
struct recording_shape {
    uint64_t seed;   /* not 0 */
    int passes;      /* of decode */
    int domains;     /* 0: no power source; counters of cpu, gpu, dram … */
    int prompt;      /* tokens of the prefill pass */
    bool exact;      /* a simulated source, read at every edge; else polled now and then */
    bool constant;   /* a constant power */
    bool load, idle; /* the model was loaded, an idle baseline was measured */
    bool deep;       /* attention, routing and extra values */
    bool dies;       /* the last counter falls silent half-way */
    bool untraced;   /* of bare passes nothing but the duration was taken */
    const char *status;
    const char *text; /* of every token; NULL: some that are awkward in files */
};

void make_recording(struct erg_buf *out, const struct recording_shape *shape);

/* Every row of a run as text, a line each, names instead of ids, and its summary. */
void dump_run(struct erg_store *store, const char *id, struct erg_buf *out);

/* Write bytes into a file; aborts when that fails. */
void write_file(const char *path, const void *bytes, size_t len);

#endif
