/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_EXPORT_H
#define ERG_EXPORT_EXPORT_H

#include "store/store.h"

#include <stdbool.h>

/*
 * Exporters: one const struct each, in one file each, listed in export.c. They read the store and
 * write a stream of bytes through the sink, never holding a run in memory.
 */
typedef int (*erg_export_sink)(void *user, const void *bytes, size_t len); /* 0 or an error code */

struct erg_export_request {
    struct erg_store *store;
    const char *run_id; /* full id; NULL with groups */
    const char *table;  /* csv: which table; NULL = components */
    erg_export_sink sink;
    void *user;
    bool without_text; /* html: leave out prompt, answer and the texts of tokens */
    /* html: compare these instead, each a run or a group (export/compare_runs.h). */
    const char *const *groups;
    size_t group_count;
};

struct erg_exporter {
    const char *name; /* "json" */
    const char *summary;
    const char *media_type;
    const char *extension; /* "json", "csv.zip" */
    int (*write)(const struct erg_export_request *request, struct erg_err *err);
};

/* NULL when there is no such format; erg_exporter_at: NULL behind the last. */
const struct erg_exporter *erg_exporter_find(const char *name);
const struct erg_exporter *erg_exporter_at(size_t i);

#endif
