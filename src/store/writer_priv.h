/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_WRITER_PRIV_H
#define ERG_STORE_WRITER_PRIV_H

#include "store/store_priv.h"
#include "store/writer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Inside of the writer: what tests may set, and what queue (writer.c) and SQL (writer_rows.c)
 * share. */
struct erg_writer_options {
    int64_t commit_interval_ns;
    int busy_ms;   /* how long to wait for other writers */
    int max_pages; /* of the store, 0 = no limit: a full disk */
};

int erg_writer_open_with(struct erg_writer **out, const char *path, const struct erg_run_row *run,
                         erg_writer_names names, void *user,
                         const struct erg_writer_options *options, struct erg_err *err);

/* Wait until everything handed over so far is committed; 0 or the writer's first error. */
int erg_writer_flush(struct erg_writer *writer, struct erg_err *err);

enum {
    ERG_WRITER_LAYOUTS = 32,               /* known at a time; older ones are stored again */
    ERG_WRITER_BATCH_BYTES = 64 << 20,     /* commit without waiting for the run's row */
    ERG_WRITER_MAX_QUEUE_BYTES = 256 << 20 /* a store this far behind has failed */
};

enum erg_message_kind {
    ERG_MESSAGE_RUN,
    ERG_MESSAGE_SECTION,
    ERG_MESSAGE_PASS,   /* blob: packed pass */
    ERG_MESSAGE_LAYOUT, /* blob: struct erg_span × count */
    ERG_MESSAGE_NAME,
    ERG_MESSAGE_TOKEN,
    ERG_MESSAGE_SAMPLE,
    ERG_MESSAGE_HOST,
    ERG_MESSAGE_SUMS, /* blob: struct erg_rollup_row × count */
};

/* A row on its way to the writer's thread; what it points to lies behind it in the same block. */
struct erg_message {
    struct erg_message *next;
    enum erg_message_kind kind;
    size_t bytes;     /* of the block */
    uint32_t slot;    /* PASS, LAYOUT: which of the known layouts; NAME: the stream's id */
    const void *blob; /* PASS, LAYOUT, SUMS */
    size_t blob_len;
    const char *text; /* NAME */
    union {
        struct erg_run_row run;
        struct erg_section_row section;
        struct erg_pass_row pass;
        struct erg_token_row token;
        struct erg_sample_row sample;
        struct erg_host_row host;
        int64_t passes[ERG_PHASES]; /* SUMS */
    } row;
};

/* Statements and what was learnt of the rows; used by one thread at a time. */
struct erg_inserter {
    struct erg_store *store;
    const char *run_id;
    sqlite3_stmt *update_run, *update_section, *insert_section, *insert_pass, *insert_layout,
        *insert_name, *find_name, *insert_token, *find_pass, *insert_sample, *insert_host,
        *insert_part, *insert_sums;
    uint16_t names[UINT16_MAX + 1]; /* the stream's id → the store's */
    int64_t layouts[ERG_WRITER_LAYOUTS];
    int64_t last_pass_id;
    uint32_t last_pass; /* index */
    bool has_last_pass;
};

int erg_inserter_init(struct erg_inserter *inserter, struct erg_store *store, const char *run_id,
                      struct erg_err *err);
void erg_inserter_deinit(struct erg_inserter *inserter);

/* Insert the run with its first columns; BUSY when there is one of that id. */
int erg_inserter_begin_run(struct erg_inserter *inserter, const struct erg_run_row *run,
                           struct erg_err *err);

/* Write a list of messages in one transaction: all of them or, on failure, none. */
int erg_inserter_batch(struct erg_inserter *inserter, const struct erg_message *first,
                       struct erg_err *err);

/* Bytes of the rows that a message becomes, index entries included. */
int64_t erg_message_stored_bytes(const struct erg_message *message, size_t run_id_len);

#endif
