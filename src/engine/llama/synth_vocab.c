/* SPDX-License-Identifier: MIT */
#include "engine/llama/synth.h"

#include "base/mem.h"

#include <llama.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKEN_BYTES = 24, BYTES = 256 };

/* ChatML, which libllama knows by its marks. */
static const char chat_template[] =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}";

static const char *const merges[] = {"h e", "i n", "o n"};
static const char *const merged[] = {"he", "in", "on"};
enum { MERGES = sizeof(merges) / sizeof(*merges) };

/* GPT-2's character for a byte: itself where it is printable, else the next of U+0100 on. */
static void byte_character(int byte, int *next_spare, char out[TOKEN_BYTES])
{
    bool itself =
        (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
    int code = itself ? byte : 256 + (*next_spare)++;
    if (code < 128) {
        snprintf(out, TOKEN_BYTES, "%c", code);
    } else {
        snprintf(out, TOKEN_BYTES, "%c%c", 0xC0 | code >> 6, 0x80 | (code & 0x3F));
    }
}

static void fill(char (*texts)[TOKEN_BYTES], int32_t *types, int count)
{
    int spare = 0;
    for (int i = 0; i < count; i++) {
        types[i] = LLAMA_TOKEN_TYPE_NORMAL;
        if (i < BYTES) {
            byte_character(i, &spare, texts[i]);
        } else if (i < BYTES + MERGES) {
            snprintf(texts[i], TOKEN_BYTES, "%s", merged[i - BYTES]);
        } else if (i < count - 2) {
            snprintf(texts[i], TOKEN_BYTES, "[PAD%d]", i);
            types[i] = LLAMA_TOKEN_TYPE_UNUSED;
        } else {
            snprintf(texts[i], TOKEN_BYTES, "%s", i == count - 2 ? "<|begin|>" : "<|end|>");
            types[i] = LLAMA_TOKEN_TYPE_CONTROL;
        }
    }
}

int erg_synth_vocab(struct gguf_context *gguf, int count, struct erg_err *err)
{
    ERG_AUTO_FREE char(*texts)[TOKEN_BYTES] = erg_calloc((size_t)count, sizeof(*texts));
    ERG_AUTO_FREE int32_t *types = erg_calloc((size_t)count, sizeof(*types));
    ERG_AUTO_FREE const char **pointers = erg_calloc((size_t)count, sizeof(*pointers));
    if (!texts || !types || !pointers) {
        return erg_fail(err, ERG_NOMEM, "cannot make a vocabulary: out of memory");
    }
    fill(texts, types, count);
    for (int i = 0; i < count; i++) {
        pointers[i] = texts[i];
    }
    gguf_set_val_str(gguf, "tokenizer.ggml.model", "gpt2");
    gguf_set_val_str(gguf, "tokenizer.ggml.pre", "qwen2");
    gguf_set_val_str(gguf, "tokenizer.chat_template", chat_template);
    gguf_set_arr_str(gguf, "tokenizer.ggml.tokens", pointers, (size_t)count);
    gguf_set_arr_data(gguf, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types, (size_t)count);
    gguf_set_arr_str(gguf, "tokenizer.ggml.merges", (const char **)merges, MERGES);
    gguf_set_val_u32(gguf, "tokenizer.ggml.bos_token_id", (uint32_t)count - 2);
    gguf_set_val_u32(gguf, "tokenizer.ggml.eos_token_id", (uint32_t)count - 1);
    gguf_set_val_bool(gguf, "tokenizer.ggml.add_bos_token", true);
    return 0;
}
