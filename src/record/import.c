/* SPDX-License-Identifier: MIT */
#include "record/session.h"

#include "base/limits.h"
#include "base/mem.h"
#include "record/outcome.h"
#include "record/tape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 65536 };

struct import {
    struct erg_join *join;
    struct erg_tape *tape;
    struct erg_outcome outcome;
    bool store_failed; /* what went wrong is not the recording's fault */
};

/* BUSY when the store has the run already. */
static int refuse_duplicate(const char *store_path, const char *id, struct erg_err *err)
{
    struct erg_store *store = NULL;
    int rc = erg_store_open(&store, store_path, ERG_STORE_WRITE, NULL, err);
    if (rc)
        return rc;
    char *known = NULL;
    if (erg_store_resolve(store, id, &known, NULL) == 0 && strcmp(known, id) == 0)
        rc = erg_fail(err, ERG_BUSY, "run '%s' is in the store already", id);
    free(known);
    erg_store_close(store);
    return rc;
}

/* As soon as the recording has said which run it is, there is a row for it. */
static int begin_storing(struct import *import, const char *store_path, struct erg_err *err)
{
    struct erg_run_facts facts;
    if (!store_path || import->outcome.writer)
        return 0;
    erg_join_facts(import->join, &facts);
    if (!facts.id)
        return 0;
    int rc = refuse_duplicate(store_path, facts.id, err);
    if (rc == 0)
        rc = erg_outcome_store(&import->outcome, store_path, err);
    import->store_failed = rc != 0;
    return rc;
}

/*
 * Put the file on the tape. The first bytes go record by record (a recording begins with a few
 * small ones), so that the row exists before anything that belongs to it.
 */
static int read_file(struct import *import, FILE *file, const char *store_path, struct erg_err *err)
{
    char chunk[CHUNK_BYTES];
    size_t n, step = 8;
    int rc = 0;
    while (rc == 0 && (n = fread(chunk, 1, step, file)) > 0) {
        rc = erg_tape_put(import->tape, chunk, n, err);
        if (rc == 0)
            rc = begin_storing(import, store_path, err);
        if (rc == 0 && import->outcome.writer)
            erg_writer_throttle(import->outcome.writer);
        if (import->outcome.writer || !store_path)
            step = sizeof chunk;
    }
    return rc;
}

/* The recording stops before its end: what is there is a run that was interrupted. */
static int close_torn(struct import *import, const char *why, struct erg_err *err)
{
    struct erg_run_facts facts;
    erg_join_facts(import->join, &facts);
    if (!facts.id)
        return erg_fail(err, ERG_CORRUPT, "%s", why);
    return erg_join_interrupt(import->join, why, err);
}

static int import_file(struct import *import, FILE *file, const char *store_path, bool *out_torn,
                       struct erg_run_result *out, struct erg_err *err)
{
    struct erg_err damage = {0};
    int rc = read_file(import, file, store_path, &damage);
    if (rc && (rc != ERG_CORRUPT || import->store_failed)) {
        if (err)
            *err = damage;
        return rc;
    }
    bool torn = rc || !erg_join_is_closed(import->join);
    if (ferror(file))
        return erg_fail_errno(err, errno, "cannot read the recording");
    if (torn) {
        const char *why = damage.text[0] ? damage.text : "the recording ends in the middle";
        rc = close_torn(import, why, err);
    }
    if (rc == 0)
        rc = erg_join_finish(import->join, err);
    if (rc == 0)
        rc = erg_outcome_update(&import->outcome, err);
    if (rc == 0 && import->outcome.writer) {
        rc = erg_writer_finish(import->outcome.writer, err);
        import->outcome.writer = NULL;
    }
    if (rc == 0)
        rc = erg_outcome_result(&import->outcome, out, err);
    *out_torn = torn;
    return rc;
}

int erg_import(const char *erg_path, const char *store_path, struct erg_run_result *out,
               bool *out_torn, struct erg_err *err)
{
    struct import import = {0};
    *out = (struct erg_run_result){0};
    ERG_AUTO_FILE FILE *file = fopen(erg_path, "rbe");
    if (!file)
        return erg_fail_errno(err, errno, "cannot read '%.128s'", erg_path);
    struct erg_join_sink sink = erg_outcome_sink(&import.outcome);
    int rc = erg_join_new(&import.join, &sink, err);
    import.outcome.join = import.join;
    if (rc == 0)
        rc = erg_tape_open(&import.tape, NULL, import.join, err);
    if (rc == 0)
        rc = import_file(&import, file, store_path, out_torn, out, err);
    if (rc) {
        erg_err_prefix(err, "'%.100s'", erg_path);
        erg_run_result_deinit(out);
    }
    if (import.outcome.writer)
        erg_writer_abandon(import.outcome.writer);
    erg_tape_free(import.tape);
    erg_join_free(import.join);
    free(import.outcome.recorder);
    return rc;
}
