/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_SYNTH_H
#define ERG_ENGINE_SYNTH_H

#include "engine/llama/command.h"
#include "ergon/probe.h"
#include "model/blueprint.h"

#include <gguf.h>

/*
 * Write a model of given dimensions with random weights: zero-mean matrices (never zeros, whose
 * multiplication draws less power), norms of one, biases of zero, and a tokenizer that knows every
 * byte. Matrices are cut out of one pool of blocks per type, larger than the last-level cache, so
 * that memory does not grow with the model. The same command gives the same bytes.
 */
struct erg_synthesis {
    const struct erg_blueprint *blueprint;
    const char *spec; /* kept in the file; NULL = none */
    struct erg_channel *channel;
    ergon_probe *probe; /* is told of progress; NULL = nobody is */
};

/*
 * Into the file `out`, which appears under its name when it is complete and is replaced if it is
 * there. IO when there is no room for it, before anything is written; CANCELLED by a `cancel`.
 */
int erg_synthesize(const struct erg_synthesis *synthesis, const char *out, struct erg_err *err);

/* The same into an open file, from its beginning; the caller closes. */
int erg_synthesize_into(const struct erg_synthesis *synthesis, int fd, const char *name,
                        struct erg_err *err);

/* The metadata of a blueprint, without its tensors and vocabulary. */
void erg_synth_metadata(const struct erg_blueprint *blueprint, const char *spec,
                        struct gguf_context *gguf);

/* The metadata of that tokenizer, for `count` ≥ ERG_BLUEPRINT_LEAST_VOCAB tokens. */
int erg_synth_vocab(struct gguf_context *gguf, int count, struct erg_err *err);

#endif
