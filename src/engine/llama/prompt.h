/* SPDX-License-Identifier: MIT */
#ifndef ERG_ENGINE_PROMPT_H
#define ERG_ENGINE_PROMPT_H

#include "engine/llama/command.h"

#include <llama.h>

/*
 * The token ids of a run's prompt: its text (inside the model's chat template when asked for), or
 * `prompt_tokens` ordinary tokens that depend on nothing but the vocabulary. free() the result.
 * INVALID when there is no token.
 */
int erg_prompt_tokens(const struct llama_model *model, const struct erg_run_command *command,
                      llama_token **out_tokens, int *out_count, struct erg_err *err);

/* The bytes of a token as text into `out`; their number, 0 for control tokens. */
int erg_token_text(const struct llama_vocab *vocab, llama_token token, char *out, int out_bytes);

#endif
