/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_PROVENANCE_H
#define ERG_RECORD_PROVENANCE_H

#include "base/buf.h"

/*
 * Append what a result can be traced to, as a JSON object: the version of ergon, and of the model's
 * file its size, time and a hash (64-bit FNV-1a) of its metadata, which takes milliseconds where
 * the whole file would take minutes. null where the file is no GGUF file.
 */
void erg_provenance_describe(const char *model_path, struct erg_buf *out_json);

#endif
