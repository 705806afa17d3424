/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_FIT_H
#define ERG_RECORD_FIT_H

#include "record/session.h"

/*
 * LIMIT, with the figures, when the weights and the KV cache of a run cannot fit into the memory of
 * this machine (MemTotal of the root) or its container (erg_machine_usable_bytes()). It counts what
 * is certain, so that nothing that could run is refused: the file, with those it is split into (of
 * a `synth:` model what it takes while it is loaded), and of architectures whose every layer keeps
 * the whole context layers × KV heads × head size × (bytes of a key + bytes of a value) × tokens.
 * Without a --ctx the context is what the prompt and the tokens to generate need at least. A model
 * that is not there, is damaged, or goes to another device is somebody else's to judge.
 */
int erg_fit_check(const struct erg_run_options *options, const struct erg_root *root,
                  struct erg_err *err);

#endif
