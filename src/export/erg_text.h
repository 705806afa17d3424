/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_ERG_TEXT_H
#define ERG_EXPORT_ERG_TEXT_H

#include "base/buf.h"
#include "export/erg_plan.h"

/* The records of a recording that describe the run; failures stick to the buffer. */
void erg_text_recording(const struct erg_plan *plan, struct erg_buf *out);
void erg_text_run_begin(const struct erg_plan *plan, struct erg_buf *out);
void erg_text_memory(const struct erg_plan *plan, struct erg_buf *out);

/* Warnings, dropped events and the end. A run that still runs has none: its recording is torn. */
void erg_text_end(const struct erg_plan *plan, struct erg_buf *out);

#endif
