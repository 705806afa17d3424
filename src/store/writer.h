/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_WRITER_H
#define ERG_STORE_WRITER_H

#include "store/store.h"
#include "store/sums.h"

/*
 * Writes one run from a thread of its own: the functions below copy the row into a queue and return
 * at once (a pass is packed first: some 0.1 ms, a deep one of 32 layers 0.6 ms); the thread inserts
 * and commits about once a second (and at finish), each time up to the newest erg_writer_run(), so
 * that the rows in the store are those its summary counts. A killed recorder so loses at most the
 * last second, and what it leaves is consistent.
 *
 * When the store fails (full, locked for more than 10 s, removed) the writer keeps the first error,
 * rolls back to the last commit and swallows what follows; the run goes on.
 */
struct erg_writer;

/*
 * Open the store at `path` for writing and insert the run with status `running`. The names of
 * components and operations in spans are those of `names`: id → text, called during
 * erg_writer_pass() only, once per id. BUSY when the store has a run of that id, INVALID when its
 * summary or tags are not JSON.
 */
typedef const char *(*erg_writer_names)(void *user, uint16_t id);

int erg_writer_open(struct erg_writer **out, const char *path, const struct erg_run_row *run,
                    erg_writer_names names, void *user, struct erg_err *err);

void erg_writer_section(struct erg_writer *writer, const struct erg_section_row *row);
void erg_writer_pass(struct erg_writer *writer, const struct erg_pass_row *row);
void erg_writer_token(struct erg_writer *writer, const struct erg_token_row *row);
void erg_writer_sample(struct erg_writer *writer, const struct erg_sample_row *row);
void erg_writer_host(struct erg_writer *writer, const struct erg_host_row *row);

/* The run summed up, at its end; the names are those of the spans. Replaces what was there. */
void erg_writer_sums(struct erg_writer *writer, const struct erg_run_sums *sums);

/*
 * The run as it is now. Written with the next commit, replacing what an earlier call left; call it
 * about once a second and at the end (then with the final status). Tags, experiment and creation
 * stay as erg_writer_open() or, since then, erg_store_label() wrote them. The section rows of
 * prefill and decode are running sums: erg_writer_section() for a (phase, name) that exists
 * replaces it when its phase is PREFILL or DECODE.
 */
void erg_writer_run(struct erg_writer *writer, const struct erg_run_row *row);

/*
 * Wait while more is queued than one commit takes (64 MB): for a source that can wait, as a file;
 * a live run must not. Of one that neither waits nor is slow, the writer gives up at 256 MB.
 */
void erg_writer_throttle(struct erg_writer *writer);

/*
 * Write everything, commit, end the thread; 0 or the first error, in which case the run is marked
 * `interrupted` if the store can still be written. Frees the writer.
 */
int erg_writer_finish(struct erg_writer *writer, struct erg_err *err);

/* Drop an unfinished run as if it had never been stored (import of a damaged file); frees. */
void erg_writer_abandon(struct erg_writer *writer);

/*
 * Bytes that the rows handed over so far take in the store, blobs and index entries included (for
 * `store_bytes_per_token`). It follows from the rows alone, so a live run and its import agree;
 * what a run has once (its own row, layouts, running sections) is left out.
 */
int64_t erg_writer_bytes(const struct erg_writer *writer);

#endif
