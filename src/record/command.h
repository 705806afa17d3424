/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_COMMAND_H
#define ERG_RECORD_COMMAND_H

#include "base/buf.h"
#include "record/header.h"
#include "record/session.h"

/* Commands to the engine (docs/event-stream.md, "Engine protocol"), from the options of a run. */
void erg_command_load(const struct erg_run_options *options, struct erg_buf *out);
void erg_command_run(const struct erg_run_options *options, struct erg_buf *out);

/*
 * What the recording says of the run: identity, prompt, tags, and those settings that are the
 * recorder's own (the engine reports its own effective ones). NOMEM.
 */
int erg_command_header(const struct erg_run_options *options, const struct erg_root *root,
                       const struct erg_clock *clock, struct erg_header *out, struct erg_err *err);

#endif
