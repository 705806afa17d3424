/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_SYNTH_H
#define ERG_ENGINE_SYNTH_H

#include "engine/llama/command.h"

#include <gguf.h>

/*
 * Write a model of given dimensions with random weights: zero-mean matrices (never zeros, whose
 * multiplication draws less power), norms of one, and a tokenizer that knows every byte. Large
 * matrices are tiled from a pool of quantised rows larger than the last-level cache. The file
 * appears under its name when it is complete. The same command gives the same bytes. Of models with
 * experts the feed-forward length is that of each expert, of the shared one too.
 */
int erg_synthesize(const struct erg_synth_command *command, struct erg_channel *channel,
                   struct erg_err *err);

/* The metadata of that tokenizer, for `count` ≥ ERG_SYNTH_LEAST_VOCAB tokens. */
int erg_synth_vocab(struct gguf_context *gguf, int count, struct erg_err *err);

#endif
