/* SPDX-License-Identifier: MIT */
#include "engine/llama/prompt.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static int no_memory(struct erg_err *err)
{
    return erg_fail(err, ERG_NOMEM, "cannot read the prompt: out of memory");
}

static int tokenize(const struct llama_vocab *vocab, const char *text, size_t len, bool special,
                    llama_token **out_tokens, int *out_count, struct erg_err *err)
{
    if (llama_vocab_type(vocab) == LLAMA_VOCAB_TYPE_NONE) {
        return erg_fail(err, ERG_UNSUPPORTED,
                        "the model has no tokenizer (use --prompt-tokens instead of a text)");
    }
    /* asked to put a BOS in front without having one, libllama aborts */
    special =
        special && (!llama_vocab_get_add_bos(vocab) || llama_vocab_bos(vocab) != LLAMA_TOKEN_NULL);
    int room = (int)len + 16;
    for (int attempt = 0; attempt < 2; attempt++) {
        llama_token *tokens = erg_calloc((size_t)room, sizeof(*tokens));
        if (!tokens) {
            return no_memory(err);
        }
        int count = llama_tokenize(vocab, text, (int32_t)len, tokens, room, special, true);
        if (count > 0) {
            *out_tokens = tokens;
            *out_count = count;
            return 0;
        }
        free(tokens);
        if (count == 0) {
            return erg_fail(err, ERG_INVALID, "the prompt is empty");
        }
        if (count == INT32_MIN) {
            break;
        }
        room = -count;
    }
    return erg_fail(err, ERG_LIMIT, "the prompt is too long");
}

static int apply_template(const struct llama_model *model, const struct erg_run_command *command,
                          char **out_text, size_t *out_len, struct erg_err *err)
{
    const char *template = llama_model_chat_template(model, NULL);
    if (!template) {
        return erg_fail(err, ERG_UNSUPPORTED, "the model has no chat template (leave out --chat)");
    }
    struct llama_chat_message message = {.role = "user", .content = command->prompt};
    int room = (int)command->prompt_bytes * 2 + 1024;
    for (int attempt = 0; attempt < 2; attempt++) {
        char *text = erg_calloc((size_t)room, 1);
        if (!text) {
            return no_memory(err);
        }
        int len = llama_chat_apply_template(template, &message, 1, true, text, room);
        if (len >= 0 && len <= room) {
            *out_text = text;
            *out_len = (size_t)len;
            return 0;
        }
        free(text);
        if (len < 0) {
            break;
        }
        room = len;
    }
    return erg_fail(err, ERG_UNSUPPORTED, "the model's chat template is not one libllama knows");
}

static bool is_ordinary(const struct llama_vocab *vocab, llama_token token)
{
    const int not_text = LLAMA_TOKEN_ATTR_UNKNOWN | LLAMA_TOKEN_ATTR_UNUSED |
                         LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_BYTE;
    return llama_vocab_type(vocab) == LLAMA_VOCAB_TYPE_NONE ||
           ((llama_vocab_get_attr(vocab, token) & not_text) == 0 &&
            !llama_vocab_is_eog(vocab, token));
}

/* A linear congruential walk over the vocabulary: the same for every run. */
static int synthesize(const struct llama_vocab *vocab, const struct erg_run_command *command,
                      llama_token **out_tokens, int *out_count, struct erg_err *err)
{
    int count = command->prompt_tokens, done = 0;
    llama_token *tokens = erg_calloc((size_t)count, sizeof(*tokens));
    if (!tokens) {
        return no_memory(err);
    }
    bool has_bos = llama_vocab_type(vocab) != LLAMA_VOCAB_TYPE_NONE && command->bos &&
                   llama_vocab_get_add_bos(vocab) && llama_vocab_bos(vocab) != LLAMA_TOKEN_NULL;
    if (has_bos) {
        tokens[done++] = llama_vocab_bos(vocab);
    }
    uint32_t size = (uint32_t)llama_vocab_n_tokens(vocab), state = 1;
    for (uint64_t tries = 0; done < count && tries < (uint64_t)count * 64 + 65536; tries++) {
        state = state * 1664525u + 1013904223u;
        llama_token token = (llama_token)((state >> 8) % size);
        if (is_ordinary(vocab, token)) {
            tokens[done++] = token;
        }
    }
    if (done < count) {
        free(tokens);
        return erg_fail(err, ERG_UNSUPPORTED, "the vocabulary has too few ordinary tokens");
    }
    *out_tokens = tokens;
    *out_count = count;
    return 0;
}

int erg_prompt_tokens(const struct llama_model *model, const struct erg_run_command *command,
                      llama_token **out_tokens, int *out_count, struct erg_err *err)
{
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    if (!command->prompt) {
        return synthesize(vocab, command, out_tokens, out_count, err);
    }
    if (!command->chat) {
        return tokenize(vocab, command->prompt, command->prompt_bytes, command->bos, out_tokens,
                        out_count, err);
    }
    char *text;
    size_t len;
    int status = apply_template(model, command, &text, &len, err);
    if (status == 0) {
        status = tokenize(vocab, text, len, command->bos, out_tokens, out_count, err);
        free(text);
    }
    return status;
}

int erg_token_text(const struct llama_vocab *vocab, llama_token token, char *out, int out_bytes)
{
    if (llama_vocab_type(vocab) == LLAMA_VOCAB_TYPE_NONE) {
        return 0;
    }
    int len = llama_token_to_piece(vocab, token, out, out_bytes, 0, false);
    return len > 0 ? len : 0;
}
