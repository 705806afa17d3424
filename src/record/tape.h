/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_TAPE_H
#define ERG_RECORD_TAPE_H

#include "record/join.h"
#include "stream/reader.h"

/*
 * The tape: the one sequence of records that is a run. What is put on it goes to the recording
 * file, if there is one, and through a reader into the join, in the same order; importing a file is
 * putting its bytes on a tape. That is why an import gives the same rows.
 */
struct erg_tape;

/*
 * `record_path` NULL: no file. The file is made at once (IO, DENIED …) and replaces an old one only
 * when erg_tape_keep() is called; a device or pipe is written to directly.
 */
int erg_tape_open(struct erg_tape **out, const char *record_path, struct erg_join *join,
                  struct erg_err *err);

/* Put bytes of whole or partial records on the tape. CORRUPT when reader or join refuse them. */
int erg_tape_put(struct erg_tape *tape, const void *bytes, size_t len, struct erg_err *err);

/* Flush the file; a failure to write it is reported here once (the run goes on without it). */
int erg_tape_flush(struct erg_tape *tape, struct erg_err *err);

/* Close the file and give it its name; without it, erg_tape_free() removes the file. */
int erg_tape_keep(struct erg_tape *tape, struct erg_err *err);

void erg_tape_free(struct erg_tape *tape);

/* Bytes put on the tape that are not yet a whole record. */
size_t erg_tape_pending(const struct erg_tape *tape);

#endif
