/* SPDX-License-Identifier: MIT */
/* Compiled by ErgonLlama.cmake: the parts of libllama and ggml that are likeliest to change. */
#include <ggml-backend.h>
#include <ggml.h>
#include <gguf.h>
#include <llama.h>

static bool on_node(struct ggml_tensor *node, bool ask, void *user)
{
    return node != NULL && ask && user != NULL && (node->flags & GGML_TENSOR_FLAG_COMPUTE) != 0;
}

static bool on_executed(void *user)
{
    return user != NULL;
}

int main(void)
{
    struct llama_context_params params = llama_context_default_params();
    params.cb_eval = on_node;
    params.cb_eval_user_data = NULL;
    params.abort_callback = on_executed;
    params.abort_callback_data = NULL;
    ggml_backend_load_all_from_path("");
    struct llama_model *model = llama_model_load_from_file("", llama_model_default_params());
    struct llama_context *context = llama_init_from_model(model, params);
    llama_memory_clear(llama_get_memory(context), true);
    llama_token token = llama_vocab_bos(llama_model_get_vocab(model));
    return llama_decode(context, llama_batch_get_one(&token, 1)) +
           (int)gguf_get_n_tensors(gguf_init_empty());
}
