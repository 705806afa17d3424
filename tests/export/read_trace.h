/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_READ_TRACE_H
#define ERG_TESTS_READ_TRACE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Readers of the trace formats that share nothing with their writers. They fail the test where the
 * format is broken: slices of a track that do not nest, times that go back, names that were never
 * given, text that is not UTF-8.
 */
enum { TRACE_DOMAINS = 6, TRACE_ARGS = 32 };

struct trace_slice {
    char *name, *category, *track;
    int64_t t0_ns, t1_ns;
    long parent; /* index; -1 = none */
    bool is_leaf, has_energy;
    int64_t energy_nj, domain_nj[TRACE_DOMAINS];
    uint32_t domains;
    char *text; /* of the arg "text" */
    size_t text_len;
    int64_t origin_ns; /* of the arg of that name */
    char *run_id;
};

struct trace_value {
    char *counter;
    int64_t t_ns;
    double value;
};

struct trace {
    struct trace_slice *slices;
    struct trace_value *values;
    size_t n_slices, n_values, slice_capacity, value_capacity;
    size_t most_bytes; /* longest packet or event */
};

struct trace read_perfetto(const struct erg_buf *bytes);
struct trace read_chrome(const struct erg_buf *bytes);
void free_trace(struct trace *trace);

#endif
