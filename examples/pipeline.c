/* SPDX-License-Identifier: MIT */
/*
 * A program that reports a pipeline of its own to Ergon. It computes nothing of use: each step just
 * keeps a processor busy for a while. What it shows is where the calls go.
 *
 *   cc pipeline.c -I PREFIX/include -L PREFIX/lib -lergon_probe -o pipeline
 *   ergon run --engine ./pipeline -m any.gguf -p "any prompt"
 *
 * Started by itself it runs just the same and reports nothing: all calls accept a NULL probe.
 */
#include <ergon/probe.h>

#include <stdio.h>

enum { LAYERS = 4, PROMPT_TOKENS = 6, OUTPUT_TOKENS = 24 };

/* The steps of a layer and how long each takes; names are the field's, any others would do too. */
static const struct {
    const char *component;
    int64_t us;
} steps[] = {
    {"input_layernorm", 20}, {"qkv_proj", 150},  {"rope", 15},          {"kv_append", 10},
    {"attention", 120},      {"o_proj", 60},     {"attn_residual", 10}, {"up_proj", 200},
    {"activation", 20},      {"down_proj", 200}, {"mlp_residual", 10},
};

/* Keep a processor busy; returns how long it took. */
static uint64_t work(int64_t us)
{
    int64_t begin = ergon_probe_now_ns(), now = begin;
    while (now < begin + us * 1000)
        now = ergon_probe_now_ns();
    return (uint64_t)(now - begin);
}

static void section(ergon_probe *probe, enum ergon_phase phase, const char *name, int64_t us)
{
    uint32_t id = ergon_probe_name(probe, name);
    ergon_probe_section_begin(probe, ergon_probe_now_ns(), phase, id);
    work(us);
    ergon_probe_section_end(probe, ergon_probe_now_ns(), phase, id);
}

static void span(ergon_probe *probe, int layer, const char *component, int64_t us)
{
    uint64_t duration_ns = work(us);
    ergon_probe_span(probe, layer, ergon_probe_name(probe, component), 0, duration_ns, NULL);
}

/* One forward evaluation of `tokens` tokens. */
static void pass(ergon_probe *probe, enum ergon_phase phase, uint32_t tokens, uint32_t position)
{
    ergon_probe_pass_begin(probe, ergon_probe_now_ns(), phase, tokens, position);
    span(probe, -1, "embedding", 30);
    for (int layer = 0; layer < LAYERS; layer++) {
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
            span(probe, layer, steps[i].component, steps[i].us * (tokens > 1 ? 2 : 1));
    }
    span(probe, -1, "final_norm", 10);
    span(probe, -1, "lm_head", 300);
    span(probe, -1, "sampling", 20);
    ergon_probe_pass_end(probe, ergon_probe_now_ns(), 0);
    for (uint32_t i = 0; i < tokens; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, " word%u", position + i);
        ergon_probe_token(probe, phase, position + i, (int32_t)(position + i), text, (size_t)len);
    }
    ergon_probe_flush(probe);
}

int main(void)
{
    ergon_probe *probe = ergon_probe_open_env();
    ergon_probe_run_begin(probe, ergon_probe_now_ns(),
                          "{\"engine\":{\"name\":\"pipeline\",\"version\":\"1\"},"
                          "\"model\":{\"architecture\":\"example\",\"layers\":4}}");

    section(probe, ERGON_PRE_INFERENCE, "tokenization", 500);
    section(probe, ERGON_PRE_INFERENCE, "kv_cache_init", 300);
    section(probe, ERGON_PRE_INFERENCE, "tensor_transfer", 100);
    /* Sections of prefill and decode (embedding_lookup, position_embedding, layers, kv_cache_store,
     * final_layernorm, lm_head, sampling …) come from the components of the spans. */
    pass(probe, ERGON_PREFILL, PROMPT_TOKENS, 0);
    for (uint32_t i = 0; i < OUTPUT_TOKENS; i++)
        pass(probe, ERGON_DECODE, 1, PROMPT_TOKENS + i);
    section(probe, ERGON_POST_INFERENCE, "detokenization", 200);
    section(probe, ERGON_POST_INFERENCE, "tensor_transfer", 50);
    section(probe, ERGON_POST_INFERENCE, "cleanup", 100);

    ergon_probe_run_end(probe, ergon_probe_now_ns(), ERGON_COMPLETE, "");
    ergon_probe_drain(probe, 1000);
    ergon_probe_close(probe);
    return 0;
}
